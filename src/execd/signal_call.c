/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals that processes of the session send. A signal of a process to itself
 * goes on as it is when the rules allow it: the kernel then does what it would
 * have done. To others execd sends it, so that it reaches whom was decided, and
 * nobody who got the number, or the descriptor, since.
 */
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "execd.h"
#include "log.h"
#include "notify.h"
#include "signal_call.h"

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif
#define TO_PROCESS_GROUP 4U /* PIDFD_SIGNAL_PROCESS_GROUP */

#define RULE_OURS "signal-protected"
#define RULE_FAR "signal-unresolved"
#define RULE_OWNER "signal-owner"
/* What C libraries send among the threads of a process, for pthread_cancel(3),
 * setuid(3) and the like: no rule is asked, as no program means it. */
#define LIBC_FIRST 32
#define LIBC_LAST 34

#define INFO_SIZE 48 /* bytes of a siginfo_t that the kernel reads */

/* --- what is asked for */

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

/* 0, or the errno that the call fails with. */
static int
parse(struct sigcall *k)
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

/* What a process sends with its signal. It says nothing that only the kernel
 * does, to others: rt_sigqueueinfo(2). */
static int
read_info(struct sigcall *k)
{
	bool by_pidfd = k->req.data.nr == SYS_pidfd_send_signal;
	int arg = k->req.data.nr == SYS_rt_tgsigqueueinfo ? 3 : 2, err;

	if (!k->has_info) {
		/* of these it is required */
		return k->req.data.nr == SYS_rt_sigqueueinfo || arg == 3 ?
		    EFAULT :
		    0;
	}
	err = target_read(&k->t, k->req.data.args[arg], &k->info, INFO_SIZE);
	if (err != 0)
		return err;
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

/* Who signals itself is looked at once. The kernel finds out by itself whether
 * the thread is one of the process, where that is named too. */
static bool
is_to_self(const struct sigcall *k)
{
	if (k->form == SIGNAL_TO_THREAD && k->pid == 0)
		return k->tid == k->t.inner_tid;
	return (k->form == SIGNAL_TO_PROCESS || k->form == SIGNAL_TO_THREAD) &&
	    k->pid == k->self.pid;
}

/* k->to, and what goes with the signal: 0, or the errno that the call fails
 * with. */
static int
find_target(struct sigcall *k)
{
	int err = EINVAL;

	if (is_to_self(k)) {
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
	return err != 0 ? err : read_info(k);
}

static void
find_command(struct sigcall *k)
{
	struct lineage l;

	k->command = lineage_find(&k->t, &l) ?
	    command_find(l.command) :
	    command_of_keeper(k->t.inner_ppid);
}

int
sigcall_open(struct sigcall *k)
{
	bool ok;

	ok = target_open(&k->t, (pid_t)k->req.pid) == 0 &&
	    sigtarget_open(&k->self, k->t.inner_tgid) == 0;
	if (!notify_is_valid(k->req.id))
		return -1;
	if (!ok) {
		notify_answer(k->req.id, EPERM);
		return -1;
	}
	find_command(k);
	return 0;
}

void
sigcall_free(struct sigcall *k)
{
	target_close(&k->t);
	sigtarget_close(&k->self);
	sigtarget_close(&k->to);
	drop_fd(k->pidfd);
	free(k);
}

/* --- the decision */

static void
deny(struct sigsaid *s, const char *rule, const char *message)
{
	s->v.decision = s->done = DECISION_DENY;
	s->v.rule_name = rule;
	s->v.message = message;
}

void
sigcall_decide(const struct sigcall *k, const struct sigtarget *t,
    struct sigsaid *s)
{
	struct signal_query q = { .signo = k->signo,
		.relations = t->relations,
		.target_pid = t->pid,
		.process = t->name };
	struct signal_action a;

	/* a malformed question leaves the preset, which denies */
	(void)image_eval_signal(&execd.image, &q, &s->v, &a);
	if (!image_has_signal_rules(&execd.image)) {
		/* since a reload, or on a kernel that does not protect ours */
		s->v.decision = DECISION_ALLOW;
		s->v.rule_name = "";
	}
	s->done = s->v.decision;
	s->signo = k->signo;
	/* nobody is asked about signals */
	if (s->done == DECISION_APPROVE)
		s->done = a.fallback;
	if (s->done == DECISION_REDIRECT)
		s->signo = a.redirect_signo;
	if (s->done == DECISION_DENY || s->done == DECISION_ABSORB)
		return;
	if (s->done != DECISION_ALLOW && s->done != DECISION_AUDIT &&
	    s->done != DECISION_REDIRECT)
		s->done = DECISION_DENY;
	else if (t->pid == 0 || sigtarget_is_ours(t))
		deny(s, RULE_OURS,
		    "no rule lets signals reach agentsh's processes, or leave "
		    "the session");
}

/* --- what is done */

/* By its thread that has the number now: only a thread of the same process has
 * it, or none. */
static int
send_to_own_thread(const struct sigcall *k)
{
	pid_t tid = target_thread(&k->t, k->tid);

	if (tid == 0)
		return ESRCH;
	if (!notify_is_valid(k->req.id))
		return ESRCH;
	return syscall(SYS_tgkill, k->t.tgid, tid, (int)k->signo) == -1 ?
	    errno :
	    0;
}

int
sigcall_send(const struct sigcall *k, const struct sigtarget *t,
    const struct sigsaid *s)
{
	siginfo_t info = k->info;
	bool plain = !k->has_info || s->done == DECISION_REDIRECT;

	if (k->form == SIGNAL_TO_THREAD && t->pid == k->self.pid &&
	    s->done != DECISION_REDIRECT)
		return send_to_own_thread(k);
	return syscall(SYS_pidfd_send_signal, t->fd, (int)s->signo,
		   plain ? NULL : &info, t->flags) == -1 ?
	    errno :
	    0;
}

static bool
is_of_libc(const struct sigcall *k)
{
	return k->form == SIGNAL_TO_THREAD && k->to.pid == k->self.pid &&
	    k->signo >= LIBC_FIRST && k->signo <= LIBC_LAST;
}

/* false: it is for the queue. */
static bool
settle(struct sigcall *k, bool quick)
{
	struct sigsaid s = { .done = DECISION_DENY };
	int err = 0, r = sigtarget_relate(&k->self, &k->to, quick);

	if (r == 1)
		return false;
	if (r == -1)
		deny(&s, RULE_FAR,
		    "what the target is to the sender cannot be found out");
	else
		sigcall_decide(k, &k->to, &s);
	if (is_of_libc(k)) {
		s.done = s.v.decision = DECISION_ALLOW;
		s.signo = k->signo;
	}
	record_signal(k, &k->to, &s);
	if ((s.done == DECISION_ALLOW || s.done == DECISION_AUDIT) &&
	    is_to_self(k)) {
		/* whom the kernel finds by these numbers is nobody else, as
		 * long as the caller waits */
		notify_answer(k->req.id, 0);
		return true;
	}
	if (s.done == DECISION_DENY)
		err = EPERM;
	else if (s.done != DECISION_ABSORB)
		err = sigcall_send(k, &k->to, &s);
	if (err != 0)
		notify_answer(k->req.id, err);
	else
		notify_return(k->req.id, 0);
	return true;
}

void
sigcall_run(struct sigcall *k, bool quick)
{
	int err;

	if (sigcall_open(k) == -1) {
		sigcall_free(k);
		return;
	}
	err = find_target(k);
	/* what was read may be of another who has its number now */
	if (!notify_is_valid(k->req.id)) {
		sigcall_free(k);
		return;
	}
	if (err != 0) {
		notify_answer(k->req.id, err);
	} else if ((k->flags & TO_PROCESS_GROUP) != 0 && k->to.pid != 0) {
		k->form = SIGNAL_TO_GROUP;
		k->pid = k->to.pid;
		siggroup_add(k);
		return;
	} else if (!settle(k, quick)) {
		siggroup_add(k);
		return;
	}
	sigcall_free(k);
}

static struct sigcall *
sigcall_new(const struct seccomp_notif *req)
{
	struct sigcall *k = calloc(1, sizeof(*k));

	if (k == NULL)
		fatal("a signal");
	k->req = *req;
	k->t.dir_fd = k->pidfd = -1;
	k->self.dir_fd = k->to.dir_fd = -1;
	return k;
}

void
signal_asked(const struct seccomp_notif *req)
{
	struct sigcall *k = sigcall_new(req);
	int err = parse(k);

	if (err != 0) {
		notify_answer(req->id, err);
		sigcall_free(k);
	} else if (k->form == SIGNAL_TO_GROUP || k->form == SIGNAL_TO_ALL)
		siggroup_add(k);
	else
		sigcall_run(k, true);
}

void
signal_owner_asked(const struct seccomp_notif *req)
{
	struct sigcall *k = sigcall_new(req);
	int32_t who = (int32_t)req->data.args[2];
	struct sigsaid s = { .done = DECISION_DENY };

	k->call = "fcntl";
	k->form = SIGNAL_TO_OWNER;
	k->signo = SIGIO;
	if (sigcall_open(k) == 0) {
		if ((!image_has_signal_rules(&execd.image) && !execd.guards) ||
		    who == 0 || (who > 0 && (uint32_t)who == k->self.pid)) {
			notify_answer(req->id, 0);
		} else {
			deny(&s, RULE_OWNER,
			    "with signal_rules the kernel sends signals of a "
			    "descriptor to the process itself only");
			if (who > 0 &&
			    sigtarget_open(&k->to, (uint32_t)who) == 0)
				(void)sigtarget_relate(&k->self, &k->to, true);
			record_signal(k, &k->to, &s);
			notify_answer(req->id, EPERM);
		}
	}
	sigcall_free(k);
}
