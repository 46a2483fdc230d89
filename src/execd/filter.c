/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp filter of every process in a session: in front what only we can
 * say (front.c), behind it the DENY rows of sandbox.def, of which libseccomp
 * makes a program.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <seccomp.h>

#include "filter.h"
#include "log.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* clang-format off */
/* mask 0: whatever the arguments; unless: any other value than this one */
static const struct {
	const char *name;
	uint16_t error;
	unsigned arg;
	uint64_t mask;
	uint64_t value;
	bool unless;
} denials[] = {
#define DENY(call, error, reason) { #call, error, 0, 0, 0, false },
#define DENY_IF(call, arg, mask, value, error, reason) \
	{ #call, error, arg, (uint32_t)(mask), (uint32_t)(value), false },
#define DENY_NOT(call, arg, value, error, reason) \
	{ #call, error, arg, UINT64_MAX, value, true },
#include "sandbox.def"
};
/* clang-format on */

/* of the program that was made: where their jumps are */
static size_t gates[FILTER_GATES];

int
filter_error(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(denials); i++) {
		if (strcmp(denials[i].name, name) == 0 && denials[i].mask == 0)
			return denials[i].error;
	}
	return 0;
}

/* libseccomp's part: everything but the denials. NULL on failure. */
static scmp_filter_ctx
filter_denials(void)
{
	scmp_filter_ctx ctx;
	size_t i;
	int nr, rc;

	ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (ctx == NULL)
		return NULL;
	for (i = 0; i < COUNT(denials); i++) {
		nr = seccomp_syscall_resolve_name(denials[i].name);
		/* without a name it is ENOSYS already; negative: not here */
		if (nr == __NR_SCMP_ERROR || nr < 0)
			continue;
		if (denials[i].unless)
			rc = seccomp_rule_add(ctx,
			    SCMP_ACT_ERRNO(denials[i].error), nr, 1,
			    SCMP_CMP(denials[i].arg, SCMP_CMP_NE,
				denials[i].value, 0));
		else if (denials[i].mask == 0)
			rc = seccomp_rule_add(ctx,
			    SCMP_ACT_ERRNO(denials[i].error), nr, 0);
		else
			rc = seccomp_rule_add(ctx,
			    SCMP_ACT_ERRNO(denials[i].error), nr, 1,
			    SCMP_CMP(denials[i].arg, SCMP_CMP_MASKED_EQ,
				denials[i].mask, denials[i].value));
		if (rc != 0) {
			log_warnx("seccomp rule for %s: %s", denials[i].name,
			    strerror(-rc));
			goto fail;
		}
	}
	if (seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
		SCMP_ACT_KILL_PROCESS) != 0)
		goto fail;
	/* a binary tree: the cost does not grow with the denials */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return ctx;
fail:
	seccomp_release(ctx);
	return NULL;
}

/* The front, and libseccomp's part behind it. */
static int
filter_write(const struct front *f, scmp_filter_ctx ctx, size_t *len)
{
	size_t bytes = f->n * sizeof(f->insn[0]);
	off_t end;
	int fd;

	fd = memfd_create("agentsh-filter", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return -1;
	if (f->full || write(fd, f->insn, bytes) != (ssize_t)bytes ||
	    seccomp_export_bpf(ctx, fd) != 0)
		goto fail;
	end = lseek(fd, 0, SEEK_CUR);
	if (end <= (off_t)bytes ||
	    end > (off_t)(BPF_MAXINSNS * sizeof(f->insn[0])))
		goto fail;
	*len = (size_t)end / sizeof(f->insn[0]);
	return fd;
fail:
	close(fd);
	return -1;
}

int
filter_make(const struct conf *c, const uint64_t secret[2], size_t *len)
{
	struct front f = { .n = 0 };
	scmp_filter_ctx ctx;
	int fd = -1;

	ctx = filter_denials();
	if (ctx == NULL)
		return -1;
	if (front_make(&f, c, secret) == 0)
		fd = filter_write(&f, ctx, len);
	memcpy(gates, f.gate, sizeof(gates));
	seccomp_release(ctx);
	return fd;
}

int
filter_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS,
	    F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
}

int
filter_open_gate(int fd, enum filter_gate gate)
{
	static const struct sock_filter go_on = { .code = BPF_JMP | BPF_JA };
	off_t at = (off_t)(gates[gate] * sizeof(go_on));

	if (lseek(fd, at, SEEK_SET) != at ||
	    write(fd, &go_on, sizeof(go_on)) != (ssize_t)sizeof(go_on) ||
	    lseek(fd, 0, SEEK_END) == -1)
		return -1;
	return 0;
}
