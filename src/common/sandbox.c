/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Confinement of our own processes. The tables are in sandbox.def; the kernel's
 * interfaces are landlock(7), seccomp(2), capabilities(7).
 */
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <seccomp.h>
#include <unistd.h>

#include "fusereg.h"
#include "landlock.h"
#include "log.h"
#include "nspid.h"
#include "pidfdinfo.h"
#include "sandbox.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS _IOW('!', 4, uint64_t)
#endif

#define LL_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define LL_WRITE                                                               \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |       \
	    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |     \
	    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |       \
	    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM |       \
	    LANDLOCK_ACCESS_FS_REFER | LL_TRUNCATE)

enum {
	ACCESS_NONE,
	ACCESS_DIAL,
	ACCESS_RO,
	ACCESS_RW,
	ACCESS_WRITE,
	ACCESS_OPEN,
	ACCESS_ABSENT
};

/* clang-format off */
static const struct {
	uint32_t roles;
	__rlimit_resource_t resource;
	rlim_t value;
} limits[] = {
#define LIMIT(r, res, v, reason) { (uint32_t)(r), RLIMIT_##res, v },
#include "sandbox.def"
};

static const struct {
	uint32_t roles;
	int access;
} landlock_rows[] = {
#define LANDLOCK(r, access, reason) { (uint32_t)(r), ACCESS_##access },
#include "sandbox.def"
};

static const struct {
	uint32_t roles;
	cap_value_t cap;
} keeps[] = {
#define KEEP(r, capability, reason) { (uint32_t)(r), CAP_##capability },
#include "sandbox.def"
};

/* mask 0: no condition; value OWN_PID: what getpid(2) says; error != 0: refused
 * with it */
#define PID_BITS 0xffffffff
#define OWN_PID UINT64_MAX
static const struct {
	uint32_t roles;
	const char *name;
	unsigned arg;
	uint64_t mask;
	uint64_t value;
	uint16_t error;
} calls[] = {
#define CALL(r, call, reason) { (uint32_t)(r), #call, 0, 0, 0, 0 },
#define CALL_IF(r, call, arg, mask, value, reason) \
	{ (uint32_t)(r), #call, arg, mask, value, 0 },
#define CALL_SELF(r, call, reason) \
	{ (uint32_t)(r), #call, 0, PID_BITS, OWN_PID, 0 },
#define CALL_ERRNO(r, call, error, reason) { (uint32_t)(r), #call, 0, 0, 0, error },
#include "sandbox.def"
};
/* clang-format on */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
set_limits(enum role role)
{
	struct rlimit rl;
	size_t i;

	for (i = 0; i < COUNT(limits); i++) {
		if ((limits[i].roles & (1U << role)) == 0)
			continue;
		/* never more than was inherited */
		if (getrlimit(limits[i].resource, &rl) == -1)
			fatal("getrlimit");
		if (rl.rlim_max > limits[i].value)
			rl.rlim_max = limits[i].value;
		rl.rlim_cur = rl.rlim_max;
		if (setrlimit(limits[i].resource, &rl) == -1)
			fatal("setrlimit");
	}
}

/* All five sets empty, but for what a row keeps. privd has emptied the bounding
 * set before the exec; who may not do it here does not need to, having no way
 * to gain a capability. */
static void
drop_capabilities(enum role role)
{
	cap_t none;
	cap_value_t c;
	size_t i;

	for (c = 0; c < cap_max_bits(); c++) {
		if (cap_get_bound(c) == 1)
			(void)cap_drop_bound(c);
	}
	if (cap_reset_ambient() == -1)
		fatal("cannot drop capabilities");
	none = cap_init();
	for (i = 0; none != NULL && i < COUNT(keeps); i++) {
		if ((keeps[i].roles & (1U << role)) != 0 &&
		    (cap_set_flag(none, CAP_PERMITTED, 1, &keeps[i].cap,
			 CAP_SET) == -1 ||
			cap_set_flag(none, CAP_EFFECTIVE, 1, &keeps[i].cap,
			    CAP_SET) == -1))
			fatal("cannot keep a capability");
	}
	if (none == NULL || cap_set_proc(none) == -1)
		fatal("cannot drop capabilities");
	cap_free(none);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fatal("no_new_privs");
#ifndef AGENTSH_SANITIZED
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal("PR_SET_DUMPABLE");
#endif
}

static bool sandbox_binds;

void
sandbox_let_bind(void)
{
	sandbox_binds = true;
}

static int
landlock_access(enum role role)
{
	size_t i;

	for (i = 0; i < COUNT(landlock_rows); i++) {
		if ((landlock_rows[i].roles & (1U << role)) != 0)
			return landlock_rows[i].access;
	}
	fatalx("no LANDLOCK row for this process");
}

static void
enter_landlock(enum role role, const struct sandbox_dir *dirs, size_t ndirs)
{
	uint64_t handled, allowed;
	size_t i;
	int abi = landlock_abi(), most = landlock_access(role);
	int fd;

	if (abi == 0)
		fatalx("the kernel has no Landlock: Linux 5.13 or later with"
		       " landlock in the lsm= list is needed");
	handled = landlock_fs_all(abi);
	if (most == ACCESS_WRITE || most == ACCESS_OPEN)
		handled &= ~(uint64_t)LL_READ;
	fd = landlock_ruleset(abi, handled,
	    most != ACCESS_DIAL ? LL_NET_ALL :
		sandbox_binds	? 0 :
				  LL_NET_BIND,
	    LL_SCOPE_ALL);
	if (fd == -1)
		fatal("landlock_create_ruleset");
	for (i = 0; i < ndirs; i++) {
		if (dirs[i].fd == -1)
			continue;
		if (most == ACCESS_NONE || most == ACCESS_DIAL ||
		    (dirs[i].access == SANDBOX_RW && most == ACCESS_RO))
			fatalx("more access than the LANDLOCK row allows");
		allowed = LL_READ;
		if (dirs[i].access == SANDBOX_RW)
			allowed |= LL_WRITE;
		if (most == ACCESS_OPEN)
			allowed |= LANDLOCK_ACCESS_FS_EXECUTE;
		allowed &= handled;
		if (allowed == 0)
			continue; /* it is not restricted at all */
		if (landlock_allow(fd, dirs[i].fd, allowed) == -1)
			fatal("landlock_add_rule");
	}
	if (landlock_enter(fd) == -1)
		fatal("landlock_restrict_self");
	close(fd);
}

#ifdef AGENTSH_SANITIZED
/* The search for leaks traces the process from a clone of it, at its end: no
 * sandbox of ours allows that. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}

#ifdef __SANITIZE_THREAD__
/* A race ends the process, and with it the session: nothing goes on as if there
 * was none. Of locks and descriptors nothing more is kept than that. */
const char *__tsan_default_options(void);

const char *
__tsan_default_options(void)
{
	return "halt_on_error=1:exitcode=1:report_signal_unsafe=0";
}
#endif

/* What the runtimes of ASan, UBSan and TSan need, the latter also to work. */
static void
add_sanitizer_calls(scmp_filter_ctx ctx)
{
	static const char *const names[] = { "open", "openat", "readlink",
		"readlinkat", "mmap", "mprotect", "prctl", "sched_yield",
		"getrlimit", "prlimit64", "stat", "pread64",
		"sched_getaffinity", "uname", "access", "getppid", "dup2",
		"ioctl", "madvise", "munmap", "mremap", "rt_sigaction",
		"rt_sigprocmask", "gettid", "clone", "clone3", "futex",
		"set_robust_list", "rseq", "nanosleep", "clock_nanosleep" };
	size_t i;

	for (i = 0; i < COUNT(names); i++)
		seccomp_rule_add(ctx, SCMP_ACT_ALLOW,
		    seccomp_syscall_resolve_name(names[i]), 0);
}
#endif

static void
add_call(scmp_filter_ctx ctx, size_t i)
{
	uint32_t action = SCMP_ACT_ALLOW;
	uint64_t value = calls[i].value;
	int nr, rc;

	nr = seccomp_syscall_resolve_name(calls[i].name);
	if (nr == __NR_SCMP_ERROR || nr < 0)
		return; /* unknown to this libseccomp or not on this machine */
	if (calls[i].error != 0)
		action = SCMP_ACT_ERRNO(calls[i].error);
	if (value == OWN_PID)
		value = (uint64_t)getpid();
	if (calls[i].mask == 0)
		rc = seccomp_rule_add(ctx, action, nr, 0);
	else
		rc = seccomp_rule_add(ctx, action, nr, 1,
		    SCMP_CMP(calls[i].arg, SCMP_CMP_MASKED_EQ, calls[i].mask,
			value));
	if (rc != 0 && rc != -EEXIST) {
		errno = -rc;
		fatal("seccomp rule for %s", calls[i].name);
	}
}

static void
enter_seccomp(enum role role)
{
	scmp_filter_ctx ctx;
	size_t i;
	int rc;

	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (ctx == NULL)
		fatalx("seccomp_init");
	for (i = 0; i < COUNT(calls); i++) {
		if ((calls[i].roles & (1U << role)) != 0)
			add_call(ctx, i);
	}
#ifdef AGENTSH_SANITIZED
	add_sanitizer_calls(ctx);
#endif
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	rc = seccomp_load(ctx);
	if (rc != 0) {
		errno = -rc;
		fatal("the seccomp filter was refused");
	}
	seccomp_release(ctx);
}

void
sandbox_enter(enum role role, const struct sandbox_dir *dirs, size_t ndirs)
{
	set_limits(role);
	drop_capabilities(role);
	if (landlock_access(role) != ACCESS_ABSENT)
		enter_landlock(role, dirs, ndirs);
	enter_seccomp(role);
}
