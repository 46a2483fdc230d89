/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command on a kernel that lacks something, as security modules and
 * containers make it: one system call fails with one error.
 *
 *	refuse system-call EPERM|ENOSYS|EOPNOTSUPP command [argument ...]
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
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
	scmp_filter_ctx ctx;
	int call, error;

	if (argc < 4 || (error = error_of(argv[2])) == 0 ||
	    (call = seccomp_syscall_resolve_name(argv[1])) < 0) {
		fprintf(stderr, "usage: refuse system-call error command\n");
		return 2;
	}
	ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (ctx == NULL ||
	    seccomp_rule_add(ctx, SCMP_ACT_ERRNO((uint16_t)error), call, 0) !=
		0 ||
	    seccomp_load(ctx) != 0) {
		fprintf(stderr, "refuse: no filter\n");
		return 2;
	}
	seccomp_release(ctx);
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 127;
}
