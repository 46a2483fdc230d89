/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a call that sends a signal asks for: which one, to whom, and what goes
 * with it, as the kernel would read it.
 */
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "signal_call.h"

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

static const struct {
	int nr;
	const char *name;
	enum sigform form;
	int pid, tid, signo, info; /* which argument; -1: none */
} calls[] = {
	{ SYS_kill, "kill", SIGNAL_TO_PROCESS, 0, -1, 1, -1 },
	{ SYS_tkill, "tkill", SIGNAL_TO_THREAD, -1, 0, 1, -1 },
	{ SYS_tgkill, "tgkill", SIGNAL_TO_THREAD, 0, 1, 2, -1 },
	{ SYS_rt_sigqueueinfo, "rt_sigqueueinfo", SIGNAL_TO_PROCESS, 0, -1, 1,
	    2 },
	{ SYS_rt_tgsigqueueinfo, "rt_tgsigqueueinfo", SIGNAL_TO_THREAD, 0, 1, 2,
	    3 },
	{ SYS_pidfd_send_signal, "pidfd_send_signal", SIGNAL_TO_PIDFD, -1, -1,
	    1, 2 },
};

/* A number that the kernel reads as an int: a process, a group, or all. */
static int
parse_pid(struct sigcall *k, int32_t pid)
{
	k->pid = (uint32_t)pid;
	if (pid > 0)
		return 0;
	if (k->req.data.nr != SYS_kill)
		return k->form == SIGNAL_TO_THREAD ? EINVAL : ESRCH;
	if (pid == INT32_MIN)
		return ESRCH;
	k->form = pid == -1 ? SIGNAL_TO_ALL : SIGNAL_TO_GROUP;
	k->pid = (uint32_t)-pid; /* 0: its own */
	return 0;
}

int
sigcall_parse(struct sigcall *k)
{
	const uint64_t *arg = (const uint64_t *)k->req.data.args;
	size_t i;
	int err = 0;

	for (i = 0; calls[i].nr != k->req.data.nr; i++) {
		if (i + 1 == sizeof(calls) / sizeof(calls[0]))
			return ENOSYS;
	}
	k->call = calls[i].name;
	k->form = calls[i].form;
	k->signo = (uint32_t)arg[calls[i].signo];
	if (k->signo == 0 || k->signo > 64)
		return EINVAL;
	if (calls[i].tid != -1) {
		k->tid = (uint32_t)arg[calls[i].tid];
		if ((int32_t)k->tid <= 0)
			err = EINVAL;
	}
	if (err == 0 && calls[i].pid != -1)
		err = parse_pid(k, (int32_t)arg[calls[i].pid]);
	if (k->form == SIGNAL_TO_PIDFD)
		k->flags = (unsigned)arg[3];
	k->has_info = calls[i].info != -1 && arg[calls[i].info] != 0;
	return err;
}

static int
info_arg(const struct sigcall *k)
{
	return k->req.data.nr == SYS_rt_tgsigqueueinfo ? 3 : 2;
}

void
sigcall_look(struct sigcall *k)
{
	struct target t;

	k->info_error = ESRCH;
	if (target_open(&t, (pid_t)k->req.pid) == 0)
		k->info_error = target_read(&t, k->req.data.args[info_arg(k)],
		    &k->info, AGENTSH_SIGINFO);
	target_close(&t);
}

/* What a process sends with its signal. It says nothing that only the kernel
 * does, to others: rt_sigqueueinfo(2). */
static int
check_info(struct sigcall *k)
{
	bool by_pidfd = k->req.data.nr == SYS_pidfd_send_signal;

	if (!k->has_info) {
		/* of these it is required */
		return k->req.data.nr == SYS_rt_sigqueueinfo ||
			info_arg(k) == 3 ?
		    EFAULT :
		    0;
	}
	if (k->info_error != 0)
		return k->info_error;
	if (by_pidfd && (uint32_t)k->info.si_signo != k->signo)
		return EINVAL;
	k->info.si_signo = (int)k->signo;
	if ((k->info.si_code >= 0 || k->info.si_code == SI_TKILL) &&
	    (by_pidfd || k->to.pid != k->self.pid))
		return EPERM;
	return 0;
}

static int
take_pidfd(struct sigcall *k)
{
	int process, err;

	/* a thread may have descriptors of its own */
	process = (int)syscall(SYS_pidfd_open, k->t.tid, PIDFD_THREAD);
	if (process == -1) /* before Linux 6.9 */
		process = (int)syscall(SYS_pidfd_open, k->t.tgid, 0);
	if (process == -1)
		return EBADF;
	k->pidfd = (int)syscall(SYS_pidfd_getfd, process,
	    (int)k->req.data.args[0], 0);
	err = k->pidfd == -1 ? EBADF : 0;
	close(process);
	return err;
}

bool
sigcall_is_to_self(const struct sigcall *k)
{
	if (k->form == SIGNAL_TO_THREAD && k->pid == 0)
		return k->tid == k->t.inner_tid;
	return (k->form == SIGNAL_TO_PROCESS || k->form == SIGNAL_TO_THREAD) &&
	    k->pid == k->self.pid;
}

int
sigcall_find(struct sigcall *k)
{
	int err = EINVAL;

	if (sigcall_is_to_self(k)) {
		k->to = k->self;
		k->to.dir_fd = -1;
		return 0; /* by itself it may say what it likes */
	}
	switch (k->form) {
	case SIGNAL_TO_PROCESS:
		err = sigtarget_open(&k->to, k->pid);
		break;
	case SIGNAL_TO_THREAD:
		err = sigtarget_open(&k->to, k->tid);
		if (err == 0 && k->pid != 0 && k->pid != k->to.pid)
			err = ESRCH;
		break;
	case SIGNAL_TO_PIDFD:
		err = take_pidfd(k);
		if (err == 0)
			err = sigtarget_of_fd(&k->to, k->pidfd, k->flags);
		break;
	case SIGNAL_TO_GROUP:
	case SIGNAL_TO_ALL:
	case SIGNAL_TO_OWNER:
		break;
	}
	return err != 0 ? err : check_info(k);
}
