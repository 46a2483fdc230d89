/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands' filters and signals: what is asked about, which without anybody
 * who answers is ENOSYS, and what is not.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "execd/filter.h"
#include "log.h"
#include "t.h"

#ifndef FIOSETOWN
#define FIOSETOWN 0x8901
#endif
#define SETOWN_EX 15 /* F_SETOWN_EX */

/* A process that is not there: ESRCH is the kernel's word. */
#define NOBODY 0x3fffffffUL

static const uint64_t secret[2] = { 0x0123456789abcdefU, 0xfedcba9876543210U };
static int filters[FILTER_GATES]; /* each with that gate open */

struct call {
	long nr;
	unsigned long arg[6];
};

static void
enter(int fd)
{
	struct sock_fprog prog;
	struct stat st;

	if (fstat(fd, &st) == -1)
		_exit(200);
	prog.len = (unsigned short)((size_t)st.st_size /
	    sizeof(struct sock_filter));
	prog.filter = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd,
	    0);
	if (prog.filter == MAP_FAILED ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == -1)
		_exit(201);
}

/* errno of the call under a filter; 0: it succeeded. */
static int
under(int filter, const struct call *c)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		enter(filters[filter]);
		_exit(syscall(c->nr, c->arg[0], c->arg[1], c->arg[2], c->arg[3],
			  c->arg[4], c->arg[5]) == -1 ?
			errno :
			0);
	}
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

static void
signals(void)
{
	static const struct {
		long nr;
		int at;	  /* of the signal */
		int info; /* of a siginfo_t; 0: none */
	} calls[] = {
		{ SYS_kill, 1, 0 },
		{ SYS_tkill, 1, 0 },
		{ SYS_tgkill, 2, 0 },
		{ SYS_rt_sigqueueinfo, 1, 2 },
		{ SYS_rt_tgsigqueueinfo, 2, 3 },
		{ SYS_pidfd_send_signal, 1, 0 },
	};
	static const int signos[] = { 0, SIGTERM, SIGKILL, SIGSTOP, 64 };
	siginfo_t info = { .si_code = SI_QUEUE };
	bool deadly;
	size_t i, k;
	int natural;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		natural = calls[i].nr == SYS_pidfd_send_signal ? EBADF : ESRCH;
		for (k = 0; k < sizeof(signos) / sizeof(signos[0]); k++) {
			struct call c = { calls[i].nr,
				{ NOBODY, NOBODY, 0, 0, 0, 0 } };

			deadly = signos[k] == SIGKILL || signos[k] == SIGSTOP;
			c.arg[calls[i].at] = (unsigned long)signos[k];
			if (calls[i].info != 0)
				c.arg[calls[i].info] =
				    (unsigned long)(uintptr_t)&info;
			CHECK_INT(under(FILTER_ALWAYS, &c), natural);
			CHECK_INT(under(FILTER_GUARD, &c),
			    deadly ? ENOSYS : natural);
			CHECK_INT(under(FILTER_SIGNALS, &c),
			    signos[k] != 0 ? ENOSYS : natural);
		}
	}
}

/* Who knows it is not asked; a part of it is nothing. */
static void
secrets(void)
{
	struct call c = { SYS_kill,
		{ NOBODY, SIGKILL, 0, 0, secret[0], secret[1] } };
	size_t i;

	CHECK_INT(under(FILTER_SIGNALS, &c), ESRCH);
	CHECK_INT(under(FILTER_GUARD, &c), ESRCH);
	for (i = 0; i < 128; i++) {
		c.arg[4] = secret[0];
		c.arg[5] = secret[1];
		c.arg[4 + i / 64] ^= 1UL << i % 64;
		CHECK_INT(under(FILTER_SIGNALS, &c), ENOSYS);
		CHECK_INT(under(FILTER_GUARD, &c), ENOSYS);
	}
	c.arg[4] = c.arg[5] = 0;
	CHECK_INT(under(FILTER_SIGNALS, &c), ENOSYS);
	/* the kernel looks at 32 bits */
	c.arg[1] = 1UL << 32;
	CHECK_INT(under(FILTER_SIGNALS, &c), ESRCH);
	c.arg[1] = 1UL << 32 | SIGTERM;
	CHECK_INT(under(FILTER_SIGNALS, &c), ENOSYS);
}

static void
owners(void)
{
	struct call own = { SYS_fcntl, { 0, F_SETOWN, 1, 0, 0, 0 } };
	struct call ex = { SYS_fcntl, { 0, SETOWN_EX, 0, 0, 0, 0 } };
	struct call ioc = { SYS_ioctl, { 99, FIOSETOWN, 0, 0, 0, 0 } };
	struct call get = { SYS_fcntl, { 0, F_GETFD, 0, 0, 0, 0 } };
	int f;

	CHECK_INT(under(FILTER_ALWAYS, &own), 0);
	CHECK_INT(under(FILTER_ALWAYS, &ex), EFAULT);
	CHECK_INT(under(FILTER_ALWAYS, &ioc), EBADF);
	for (f = FILTER_SIGNALS; f <= FILTER_GUARD; f++) {
		CHECK_INT(under(f, &own), ENOSYS);
		CHECK_INT(under(f, &ex), EPERM);
		CHECK_INT(under(f, &ioc), EPERM);
		CHECK_INT(under(f, &get), 0);
	}
}

/* What the operator refuses to commands pid 1 may do all the same, if it is how
 * it sends what was decided. */
static void
blocked(void)
{
	struct conf conf = { .calls_on_block = ON_BLOCK_ERRNO,
		.calls_block = "sync tgkill pidfd_send_signal times" };
	struct call calls[] = {
		{ SYS_tgkill, { NOBODY, NOBODY, SIGTERM, 0, 0, 0 } },
		{ SYS_pidfd_send_signal, { NOBODY, SIGTERM, 0, 0, 0, 0 } },
	};
	struct call other = { SYS_times, { 0, 0, 0, 0, secret[0], secret[1] } };
	size_t i, len;
	int open_fd = filters[FILTER_SIGNALS];

	filters[FILTER_SIGNALS] = filter_make(&conf, secret, &len);
	CHECK(filters[FILTER_SIGNALS] != -1);
	CHECK_INT(filter_open_gate(filters[FILTER_SIGNALS], FILTER_SIGNALS), 0);
	for (i = 0; i < 2; i++) {
		CHECK_INT(under(FILTER_SIGNALS, &calls[i]), EPERM);
		calls[i].arg[4] = secret[0];
		CHECK_INT(under(FILTER_SIGNALS, &calls[i]), EPERM);
		calls[i].arg[5] = secret[1];
		CHECK_INT(under(FILTER_SIGNALS, &calls[i]),
		    i == 0 ? ESRCH : EBADF);
	}
	CHECK_INT(under(FILTER_SIGNALS, &other), EPERM);
	close(filters[FILTER_SIGNALS]);
	filters[FILTER_SIGNALS] = open_fd;
}

/* What begins a trace is asked about in every session, the rest is refused or
 * free. */
static void
tracers(void)
{
	static const struct {
		unsigned long request, options;
		int closed, open;
	} rows[] = {
		{ PTRACE_TRACEME, 0, ENOSYS, ENOSYS },
		{ PTRACE_ATTACH, 0, ENOSYS, ENOSYS },
		{ PTRACE_SEIZE, PTRACE_O_TRACEEXEC, ENOSYS, ENOSYS },
		{ PTRACE_SEIZE, 0, ENOSYS, ENOSYS },
		{ PTRACE_PEEKDATA, 0, EPERM, ESRCH },
		{ PTRACE_POKEDATA, 0, EPERM, ESRCH },
		{ PTRACE_CONT, 0, EPERM, ESRCH },
		{ PTRACE_SYSCALL, 0, EPERM, ESRCH },
		{ PTRACE_SETREGSET, 0, EPERM, ESRCH },
		{ PTRACE_DETACH, 0, EPERM, ESRCH },
		{ PTRACE_SETOPTIONS, 0, EPERM, ENOSYS },
		{ PTRACE_SETOPTIONS, PTRACE_O_TRACEFORK, EPERM, ENOSYS },
		{ PTRACE_SETOPTIONS, PTRACE_O_TRACEEXEC, EPERM, ESRCH },
		{ PTRACE_SETOPTIONS,
		    PTRACE_O_TRACEEXEC | PTRACE_O_SUSPEND_SECCOMP, EPERM,
		    ENOSYS },
		{ 21, PTRACE_O_TRACEEXEC, EPERM, EPERM },
		{ PTRACE_SECCOMP_GET_FILTER, 0, EPERM, EPERM },
		{ PTRACE_SECCOMP_GET_METADATA, 0, EPERM, EPERM },
		{ 0x4210, 0, EPERM, EPERM },
		{ 0x4212, 0, EPERM, EPERM },
		{ 0x7fffffff, 0, EPERM, EPERM },
		{ 1UL << 32 | PTRACE_CONT, 0, EPERM, EPERM },
		{ 1UL << 32 | PTRACE_ATTACH, 0, EPERM, EPERM },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct call c = { SYS_ptrace,
			{ rows[i].request, NOBODY, 0, rows[i].options, 0, 0 } };

		CHECK_INT(under(FILTER_ALWAYS, &c), rows[i].closed);
		CHECK_INT(under(FILTER_PTRACE, &c), rows[i].open);
	}
}

int
main(void)
{
	struct conf conf = { 0 };
	enum filter_gate gate;
	size_t len;

	log_init("t_filter_gates");
	for (gate = FILTER_ALWAYS; gate < FILTER_GATES; gate++) {
		filters[gate] = filter_make(&conf, secret, &len);
		if (filters[gate] == -1 ||
		    (gate != FILTER_ALWAYS &&
			filter_open_gate(filters[gate], gate) == -1))
			return 1;
	}
	T_RUN(signals);
	T_RUN(secrets);
	T_RUN(owners);
	T_RUN(blocked);
	T_RUN(tracers);
	return done_testing();
}
