/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a confined helper can do to other processes: nothing, on any kernel; and
 * to itself what abort(3) does.
 */
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
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

/* execd, taken over, with a process of its user in its hand. The signals are
 * none that anybody minds. */
static void
execd_held(long signo, const siginfo_t *info)
{
	int fd = (int)syscall(SYS_pidfd_open, getppid(), 0);

	sandbox_enter(ROLE_EXECD, NULL, 0);
	_exit(syscall(SYS_pidfd_send_signal, fd, signo, info, 0) == 0 ? 0 : 1);
}

static void
execd_pidfd(void)
{
	execd_held(SIGURG, NULL);
}

static void
execd_pidfd_info(void)
{
	static const siginfo_t info = { .si_signo = SIGURG,
		.si_code = SI_QUEUE };

	execd_held(SIGURG, &info);
}

/* Is it a descriptor by which signals are sent? */
static void
execd_pidfd_ask(void)
{
	execd_held(0, NULL);
}

/* The kernel looks at 32 bits. */
static void
execd_pidfd_wide(void)
{
	execd_held(1L << 32 | SIGURG, NULL);
}

static void
execd_call(long nr, long a, long b, long c)
{
	sandbox_enter(ROLE_EXECD, NULL, 0);
	_exit(syscall(nr, a, b, c, NULL) == 0 ? 0 : 1);
}

static void
execd_kill(void)
{
	execd_call(SYS_kill, getppid(), SIGURG, 0);
}

static void
execd_tkill(void)
{
	execd_call(SYS_tkill, getppid(), SIGURG, 0);
}

static void
execd_tgkill(void)
{
	execd_call(SYS_tgkill, getppid(), getppid(), SIGURG);
}

static void
execd_queue(void)
{
	execd_call(SYS_rt_sigqueueinfo, getppid(), SIGURG, 0);
}

static void
execd_tgqueue(void)
{
	execd_call(SYS_rt_tgsigqueueinfo, getppid(), getppid(), SIGURG);
}

/* By the kernel, whichever signal, when something comes. */
static void
owner(enum role role, int command, long value)
{
	int fds[2];

	if (pipe(fds) == -1)
		_exit(3);
	sandbox_enter(role, NULL, 0);
	_exit(syscall(SYS_fcntl, fds[0], command, value) == -1 ? 1 : 0);
}

static void
execd_owner(void)
{
	owner(ROLE_EXECD, F_SETOWN, getppid());
}

static void
execd_sig(void)
{
	owner(ROLE_EXECD, 10 /* F_SETSIG */, SIGKILL);
}

static void
netd_owner(void)
{
	owner(ROLE_NETD, F_SETOWN, getppid());
}

static void
netd_owner_ex(void)
{
	static const int ex[2] = { 1 /* F_OWNER_PID */, 1 };

	owner(ROLE_NETD, 15 /* F_SETOWN_EX */, (long)(uintptr_t)ex);
}

static void
netd_flags(void)
{
	owner(ROLE_NETD, F_SETFL, O_NONBLOCK);
}

static void
netd_dup(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	sandbox_enter(ROLE_NETD, NULL, 0);
	_exit(fcntl(fd, F_DUPFD_CLOEXEC, 10) >= 10 ? 0 : 1);
}

/* 0: netd may bind a port of the loopback; 1: EACCES. */
static void
netd_binds(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	int fd;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sandbox_enter(ROLE_NETD, NULL, 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		_exit(listen(fd, 1) == 0 ? 0 : 3);
	_exit(errno == EACCES ? 1 : 3);
}

static void
netd_let_bind(void)
{
	sandbox_let_bind();
	netd_binds();
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

static void
execd_signals_nobody(void)
{
	static void (*const calls[])(void) = { execd_pidfd, execd_pidfd_info,
		execd_pidfd_wide, execd_kill, execd_tkill, execd_tgkill,
		execd_queue, execd_tgqueue };
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		CHECK_INT(end_of(calls[i]), 1000 + SIGSYS);
	CHECK_INT(end_of(execd_pidfd_ask), 0);
}

static void
owners(void)
{
	CHECK_INT(end_of(execd_owner), 1000 + SIGSYS);
	CHECK_INT(end_of(execd_sig), 1000 + SIGSYS);
	CHECK_INT(end_of(netd_owner), 1000 + SIGSYS);
	CHECK_INT(end_of(netd_owner_ex), 1000 + SIGSYS);
	CHECK_INT(end_of(netd_flags), 0);
	CHECK_INT(end_of(netd_dup), 0);
}

/* Only where ports are published. */
static void
ports(void)
{
	/* TCP is restricted from Linux 6.7 on */
	CHECK_INT(end_of(netd_binds), landlock_abi() >= 4 ? 1 : 0);
	CHECK_INT(end_of(netd_let_bind), 0);
}

int
main(void)
{
	log_init("t_sandbox");
	if (landlock_abi() < 1)
		T_SKIP_ALL("the kernel has no Landlock");
	/* execd keeps a capability, which an ordinary user has so alone */
	if (geteuid() != 0 && unshare(CLONE_NEWUSER) == -1)
		T_SKIP_ALL("neither root nor user namespaces");
	T_RUN(signals);
	T_RUN(execd_signals_nobody);
	T_RUN(owners);
	T_RUN(ports);
	return done_testing();
}
