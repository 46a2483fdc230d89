/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command on a kernel that lacks something, as security modules and
 * containers make it: one system call fails with one error.
 *
 *	refuse system-call[:N=VALUE] EPERM|ENOSYS|EOPNOTSUPP command [argument ...]
 *
 * N=VALUE: only where the call's argument N, from 0, has this value.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
error_of(const char *name)
{
	if (strcmp(name, "EPERM") == 0)
		return EPERM;
	if (strcmp(name, "EOPNOTSUPP") == 0)
		return EOPNOTSUPP;
	return strcmp(name, "ENOSYS") == 0 ? ENOSYS : 0;
}

int
main(int argc, char **argv)
{
	struct scmp_arg_cmp cmp = { .op = SCMP_CMP_EQ };
	scmp_filter_ctx ctx;
	int call, error;
	char *cond;

	cond = argc < 4 ? NULL : strchr(argv[1], ':');
	if (cond != NULL) {
		*cond++ = '\0';
		cmp.arg = (unsigned)strtoul(cond, &cond, 10);
		cmp.datum_a = strtoul(cond + 1, NULL, 10);
	}
	if (argc < 4 || (error = error_of(argv[2])) == 0 ||
	    (call = seccomp_syscall_resolve_name(argv[1])) < 0) {
		fprintf(stderr, "usage: refuse system-call error command\n");
		return 2;
	}
	ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (ctx == NULL ||
	    seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO((uint16_t)error), call,
		cond != NULL ? 1 : 0, &cmp) != 0 ||
	    seccomp_load(ctx) != 0) {
		fprintf(stderr, "refuse: no filter\n");
		return 2;
	}
	seccomp_release(ctx);
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 127;
}
