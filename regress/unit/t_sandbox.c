/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a confined helper can do to other processes: nothing, on any kernel; and
 * to itself what abort(3) does.
 */
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "log.h"
#include "landlock.h"
#include "sandbox.h"
#include "t.h"

static void
signal_self(void)
{
	_exit(syscall(SYS_tgkill, getpid(), gettid(), 0) == 0 ? 0 : 1);
}

static void
signal_parent(void)
{
	pid_t parent = getppid();

	sandbox_enter(ROLE_NETD, NULL, 0);
	(void)syscall(SYS_tgkill, parent, parent, 0);
	_exit(0);
}

static void
signal_parent_wide(void)
{
	pid_t parent = getppid();

	sandbox_enter(ROLE_NETD, NULL, 0);
	/* the kernel looks at 32 bits */
	(void)syscall(SYS_tgkill, (long)parent | 1L << 32, parent, 0);
	_exit(0);
}

static void
confined_self(void)
{
	sandbox_enter(ROLE_NETD, NULL, 0);
	signal_self();
}

static void
confined_abort(void)
{
	sandbox_enter(ROLE_NETD, NULL, 0);
	abort();
}

#ifdef AGENTSH_SANITIZED
/* What the runtime finds it must be able to say. */
static void
confined_report(void)
{
	volatile int n = INT_MAX;

	sandbox_enter(ROLE_NETD, NULL, 0);
	n++;
	_exit(0);
}
#endif

/* How a child that does this ends: its exit status, or 1000 + signal. */
static int
end_of(void (*fn)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		fn();
		_exit(2);
	}
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

static void
signals(void)
{
	CHECK_INT(end_of(signal_self), 0);
	CHECK_INT(end_of(confined_self), 0);
	CHECK_INT(end_of(confined_abort), 1000 + SIGABRT);
#ifdef AGENTSH_SANITIZED
	CHECK_INT(end_of(confined_report), 1);
#endif
	CHECK_INT(end_of(signal_parent), 1000 + SIGSYS);
	CHECK_INT(end_of(signal_parent_wide), 1000 + SIGSYS);
}

int
main(void)
{
	log_init("t_sandbox");
	if (landlock_abi() < 1)
		T_SKIP_ALL("the kernel has no Landlock");
	T_RUN(signals);
	return done_testing();
}
