/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper of one command: subreaper above all of its processes, so that
 * none of them can leave it, whatever it forks. Reports to init how the leader
 * ended and ends itself when nothing is left. It runs as the command's user:
 * a command may stop or kill it where the kernel cannot forbid that; init then
 * takes over.
 */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "init.h"

#define KEEPER_ROUNDS 16     /* scans before a kill, while new ones are found */
#define KEEPER_CHILDREN 1024 /* killed in one pass without a scan */

/* Numbers that the keeper's descriptors get, so that all others can go. */
enum {
	KEEPER_CTL_FD = 3,
	KEEPER_PROC_FD,
	KEEPER_SIGNAL_FD,
	KEEPER_RESULT_FD,
	KEEPER_MASTER_FD, /* of the terminal, where there is one */
	KEEPER_FD_MAX
};

static struct {
	pid_t leader;
	bool running; /* the exec succeeded */
	bool settled; /* RUNNING or FAILED was reported */
	bool exited;  /* the leader was reaped */
	bool killing;
	bool master; /* KEEPER_MASTER_FD is open */
	struct tree tree;
} keeper;

int
keeper_send(int fd, enum keeper_kind kind, const uint64_t *words, size_t n)
{
	struct keeper_packet p;
	ssize_t len;
	size_t i;

	memset(&p, 0, sizeof(p));
	p.word[0] = kind;
	for (i = 0; i < n && i + 1 < KEEPER_WORDS; i++)
		p.word[i + 1] = words[i];
	do {
		len = send(fd, &p, sizeof(p), MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (len == -1 && errno == EINTR);
	return len == sizeof(p) ? 0 : -1;
}

int
keeper_receive(int fd, struct keeper_packet *p)
{
	ssize_t len;

	do {
		len = recv(fd, p, sizeof(*p), MSG_DONTWAIT | MSG_TRUNC);
	} while (len == -1 && errno == EINTR);
	if (len == -1 && errno == EAGAIN)
		return 0;
	return len == sizeof(*p) && p->word[0] < KEEPER_MAX ? 1 : -1;
}

/* A report that cannot be sent: init is gone, and so are we. */
static void
keeper_report(enum keeper_kind kind, const uint64_t *words, size_t n)
{
	if (keeper_send(KEEPER_CTL_FD, kind, words, n) == -1)
		_exit(1);
}

static uint64_t
keeper_us(const struct timeval *tv)
{
	return (uint64_t)tv->tv_sec * 1000000 + (uint64_t)tv->tv_usec;
}

/* The pipe to the leader: closed by the exec, or it holds why there was none. */
static void
keeper_result(void)
{
	uint32_t result[2];
	uint64_t word[2];
	ssize_t n;

	n = read(KEEPER_RESULT_FD, result, sizeof(result));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == sizeof(result)) {
		word[0] = result[0];
		word[1] = result[1];
		keeper_report(KEEPER_FAILED, word, 2);
	} else {
		word[0] = (uint64_t)keeper.leader;
		keeper_report(KEEPER_RUNNING, word, 1);
		keeper.running = true;
	}
	keeper.settled = true;
	close(KEEPER_RESULT_FD);
}

/* Reaps what is dead; returns when no child is left by exiting. */
static void
keeper_reap(void)
{
	struct rusage ru;
	uint64_t word[4];
	pid_t pid;
	int status;

	while ((pid = wait4(-1, &status, WNOHANG, &ru)) > 0) {
		if (pid != keeper.leader)
			continue;
		/* dead before the exec: the pipe says which */
		while (!keeper.settled)
			keeper_result();
		keeper.exited = true;
		/* who is left on the terminal is hung up by its other holder */
		if (keeper.master)
			close(KEEPER_MASTER_FD);
		keeper.master = false;
		if (!keeper.running)
			continue;
		word[0] = (uint64_t)status;
		word[1] = keeper_us(&ru.ru_utime);
		word[2] = keeper_us(&ru.ru_stime);
		word[3] = (uint64_t)ru.ru_maxrss;
		keeper_report(KEEPER_EXITED, word, 4);
	}
	if (pid == -1 && errno == ECHILD)
		_exit(0);
}

static void
keeper_signal(uint64_t signo, uint64_t whom)
{
	pid_t group;

	/* not reaped yet, so the number is still its own */
	if (keeper.exited || signo == 0 || signo >= NSIG)
		return;
	if (whom == KILL_FOREGROUND && keeper.master) {
		group = term_foreground(KEEPER_MASTER_FD);
		/* it may have ended since the terminal was given to it */
		if (group > 1 && group != getpgrp() &&
		    init_kill(-group, (int)signo) == 0)
			return;
	}
	if (init_kill(-keeper.leader, (int)signo) == -1 && errno == ESRCH)
		init_kill(keeper.leader, (int)signo); /* before its setsid(2) */
}

static void
keeper_orders(void)
{
	struct keeper_packet p;
	int r;

	while ((r = keeper_receive(KEEPER_CTL_FD, &p)) == 1) {
		if (p.word[0] == KEEPER_KILL)
			keeper.killing = true;
		else if (p.word[0] == KEEPER_SIGNAL)
			keeper_signal(p.word[1], p.word[2]);
	}
	if (r == -1)
		_exit(1);
}

/* Our children with their groups: cheap, and a group dies in one stroke. */
static void
keeper_kill_children(void)
{
	pid_t pids[KEEPER_CHILDREN], self = getpid(), group, last = 0;
	ssize_t i, n;

	if (!keeper.exited)
		init_kill(-keeper.leader, SIGKILL);
	n = tree_children(KEEPER_PROC_FD, pids, KEEPER_CHILDREN);
	for (i = 0; i < n; i++) {
		/* not reaped by anybody but us: still the same process */
		group = getpgid(pids[i]);
		if (group > 1 && group != self && group != last)
			init_kill(-group, SIGKILL);
		init_kill(pids[i], SIGKILL);
		last = group;
	}
}

/*
 * One pass against all descendants. First they are stopped: a storm of forks
 * would have the place of the killed filled at once, that of the stopped not.
 */
static void
keeper_kill_all(void)
{
	int round;

	for (round = 0; round < KEEPER_ROUNDS; round++) {
		if (tree_scan(&keeper.tree, KEEPER_PROC_FD) == -1 ||
		    tree_signal(&keeper.tree, getpid(), SIGSTOP) == 0)
			break;
	}
	tree_signal(&keeper.tree, getpid(), SIGKILL);
}

static void
keeper_loop(void)
{
	struct pollfd pfd[3] = {
		{ .fd = KEEPER_CTL_FD, .events = POLLIN },
		{ .fd = KEEPER_SIGNAL_FD, .events = POLLIN },
		{ .fd = KEEPER_RESULT_FD, .events = POLLIN },
	};
	struct signalfd_siginfo info;

	for (;;) {
		if (keeper.settled)
			pfd[2].fd = -1;
		if (poll(pfd, 3, keeper.killing ? 1 : -1) == -1 &&
		    errno != EINTR)
			_exit(1);
		if (pfd[2].fd != -1 && pfd[2].revents != 0)
			keeper_result();
		while (read(KEEPER_SIGNAL_FD, &info, sizeof(info)) > 0)
			;
		keeper_orders();
		if (keeper.killing) {
			keeper_kill_children();
			keeper_reap();
			keeper_kill_all();
		}
		keeper_reap();
	}
}

/* Copies above everything, then down to the keeper's own numbers. */
static int
keeper_place(const int from[KEEPER_FD_MAX])
{
	int high[KEEPER_FD_MAX], i;

	for (i = 3; i < KEEPER_FD_MAX; i++) {
		high[i] = -1;
		if (from[i] == -1)
			continue;
		high[i] = fcntl(from[i], F_DUPFD_CLOEXEC, KEEPER_FD_MAX);
		if (high[i] == -1)
			return -1;
	}
	for (i = 3; i < KEEPER_FD_MAX; i++) {
		if (high[i] == -1)
			close(i);
		else if (dup3(high[i], i, O_CLOEXEC) == -1)
			return -1;
	}
	return close_range(KEEPER_FD_MAX, ~0U, 0);
}

void
keeper_run(int ctl_fd, int proc_fd, struct leader *l)
{
	int result[2] = { -1, -1 }, from[KEEPER_FD_MAX] = { 0 };
	uint64_t word[2] = { SPAWN_FORK, 0 };
	sigset_t all;

	prctl(PR_SET_NAME, "keeper");
	sigfillset(&all);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0) == -1 || setsid() == -1 ||
	    sigprocmask(SIG_SETMASK, &all, NULL) == -1 ||
	    pipe2(result, O_CLOEXEC | O_NONBLOCK) == -1)
		goto fail;
	sigemptyset(&all);
	sigaddset(&all, SIGCHLD);
	from[KEEPER_CTL_FD] = ctl_fd;
	from[KEEPER_PROC_FD] = proc_fd;
	from[KEEPER_SIGNAL_FD] = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	from[KEEPER_RESULT_FD] = result[0];
	from[KEEPER_MASTER_FD] = l->master_fd;
	keeper.master = l->master_fd != -1;
	if (from[KEEPER_SIGNAL_FD] == -1)
		goto fail;
	l->result_fd = result[1];
	keeper.leader = fork();
	if (keeper.leader == 0)
		leader_run(l);
	if (keeper.leader == -1)
		goto fail;
	if (keeper_place(from) == -1)
		_exit(1);
	keeper_loop();
fail:
	word[1] = (uint64_t)errno;
	keeper_send(ctl_fd, KEEPER_FAILED, word, 2);
	_exit(0);
}
