/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who traces whom (sandbox.ptrace): a process may trace what came of it, and a
 * process ask its parent to, within one command. What a tracer does afterwards
 * is not asked about. Options have to name the stop at an exec where the kernel
 * makes none without (PTRACE_SEIZE): traced.c relies on it.
 */
#include <sys/ptrace.h>
#include <sys/queue.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "execd.h"
#include "hold.h"
#include "log.h"
#include "notify.h"
#include "signal_call.h"

#define LISTED_MAX 256 /* processes of a list that live */
#define FORKS (PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)

struct attach {
	TAILQ_ENTRY(attach) entry;
	struct seccomp_notif req;
	uint32_t request;
	struct target t;	 /* who asks */
	struct sigtarget self;	 /* the same */
	struct sigtarget to;	 /* who is to be traced */
	struct command *command; /* of who asks, or NULL */
	struct hold *hold;	 /* of who asks, until it is done */
	bool killing;		 /* who asks is being ended */
};

static TAILQ_HEAD(, attach) attaches = TAILQ_HEAD_INITIALIZER(attaches);

/* Processes, each with a descriptor that says whether it lives. */
struct list {
	size_t n;
	uint32_t pid[LISTED_MAX];
	int fd[LISTED_MAX];
};

static struct list seizers; /* have used PTRACE_SEIZE; by the host's number */
static struct list loose;   /* do not stop at an exec; by the session's */

static bool
lives(int fd)
{
	return syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0;
}

static bool
list_has(const struct list *l, uint32_t pid)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		if (l->pid[i] == pid && lives(l->fd[i]))
			return true;
	}
	return false;
}

/* fd is the list's, and -1 a failure. */
static bool
list_add(struct list *l, uint32_t pid, int fd)
{
	size_t i = 0;

	while (i < l->n) {
		if (lives(l->fd[i])) {
			i++;
			continue;
		}
		close(l->fd[i]);
		l->fd[i] = l->fd[--l->n];
		l->pid[i] = l->pid[l->n];
	}
	if (fd == -1 || l->n == LISTED_MAX) {
		if (fd != -1)
			close(fd);
		return false;
	}
	l->pid[l->n] = pid;
	l->fd[l->n++] = fd;
	return true;
}

bool
attach_is_loose(uint32_t inner_tgid)
{
	return list_has(&loose, inner_tgid);
}

static void
attach_free(struct attach *a)
{
	hold_end(a->hold);
	target_close(&a->t);
	sigtarget_close(&a->self);
	sigtarget_close(&a->to);
	free(a);
}

static bool
is_of_command(const struct attach *a, const struct target *t)
{
	struct lineage l;

	return a->command != NULL && lineage_find(t, &l) &&
	    l.command == a->command->number;
}

/* The parent, which knows what it does when it is one of the command: the keeper
 * has no lineage. */
static const char *
parent_refuses(const struct attach *a)
{
	struct target parent;
	bool ok;

	ok = target_open(&parent, a->t.ppid) == 0 && is_of_command(a, &parent);
	target_close(&parent);
	return ok ? NULL : "the parent is no process of the command";
}

static const char *
target_refuses(struct attach *a)
{
	struct target t = { .dir_fd = -1 };

	if (sigtarget_relate(&a->self, &a->to, false) != 0 ||
	    (a->to.relations & UINT32_C(1) << SIGNAL_DESCENDANTS) == 0)
		return "a process traces its descendants only";
	if (target_imprint(a->to.dir_fd, &t.imprint, &t.ppid) != 0 ||
	    !is_of_command(a, &t))
		return "the process is of another command";
	return NULL;
}

/*
 * Without the stop at an exec, which who was seized needs, nobody comes into the
 * trace by a fork, and who is in it executes nothing. strace(1) tries what there
 * is in this way.
 */
static const char *
options_refuse(const struct attach *a)
{
	uint64_t options = a->req.data.args[3];
	uint32_t tgid = (uint32_t)a->t.tgid;

	if ((options & PTRACE_O_SUSPEND_SECCOMP) != 0)
		return "no option lifts the system call filter";
	if (a->request == PTRACE_SEIZE && !list_has(&seizers, tgid) &&
	    !list_add(&seizers, tgid,
		(int)syscall(SYS_pidfd_open, a->t.tgid, 0)))
		return "too many processes trace others";
	if ((options & PTRACE_O_TRACEEXEC) != 0 || !list_has(&seizers, tgid))
		return NULL;
	if ((options & FORKS) != 0)
		return "PTRACE_O_TRACEEXEC is needed with PTRACE_SEIZE";
	if (!list_add(&loose, a->to.pid,
		fcntl(a->to.dir_fd, F_DUPFD_CLOEXEC, 0)))
		return "too many processes are traced";
	return NULL;
}

static bool
find_target(struct attach *a)
{
	uint32_t pid = (uint32_t)a->req.data.args[1];
	uint64_t tracer = 0;

	if ((int32_t)pid <= 0 || sigtarget_open(&a->to, pid) != 0)
		return false;
	return a->request != PTRACE_SETOPTIONS ||
	    (target_word(a->to.dir_fd, "\nTracerPid:", 10, &tracer) == 0 &&
		tracer == a->t.inner_tid);
}

/* Why not, or NULL. */
static const char *
refuses(struct attach *a)
{
	const char *why;

	if (execd.p.conf.ptrace != PTRACE_CHILDREN)
		return "debuggers are off here (sandbox.ptrace of the "
		       "configuration of agentshd)";
	if (a->request == PTRACE_TRACEME)
		return parent_refuses(a);
	if (a->request != PTRACE_SETOPTIONS && a->request != PTRACE_SEIZE &&
	    a->request != PTRACE_ATTACH)
		return "this request is not known";
	if (!find_target(a))
		return "no such process is in the session, or traced by this one";
	why = a->request != PTRACE_SETOPTIONS ? target_refuses(a) : NULL;
	if (why == NULL && a->request != PTRACE_ATTACH)
		why = options_refuse(a);
	return why;
}

static void
record(const struct attach *a, const char *why)
{
	struct buf *b = &execd.event;

	ev_begin(b, EV_PTRACE_BLOCKED, a->command != NULL ? a->command->id : "",
	    a->t.inner_tgid);
	ev_str(b, EVF_OPERATION, "ptrace");
	ev_policy_done(b, DECISION_DENY, DECISION_DENY, "ptrace-refused", why);
	ev_u64(b, EVF_PARENT_PID, a->t.inner_ppid);
	if (a->to.pid != 0)
		ev_u64(b, EVF_TARGET_PID, a->to.pid);
	ev_u64(b, EVF_BLOCKED, 1);
	record_emit();
}

/*
 * Until the caller has made its call it is held, and then whom it named is
 * looked at: still there, it had the number all the time, and is who was decided
 * on. Else somebody has got the number who was not, and the caller is killed
 * before it does anything with it.
 */
static const char *
let_attach(struct attach *a)
{
	a->hold = hold_begin(a->t.tid);
	if (a->hold == NULL)
		return "a process that is traced traces nobody";
	notify_answer(a->req.id, 0);
	TAILQ_INSERT_TAIL(&attaches, a, entry);
	return NULL;
}

void
ptrace_asked(const struct seccomp_notif *req)
{
	struct attach *a = calloc(1, sizeof(*a));
	const char *why;

	if (a == NULL)
		fatal("a trace");
	a->req = *req;
	a->request = (uint32_t)req->data.args[0];
	a->t.dir_fd = a->self.dir_fd = a->to.dir_fd = -1;
	if (target_open(&a->t, (pid_t)req->pid) == 0 &&
	    sigtarget_open(&a->self, a->t.inner_tgid) == 0) {
		a->command = lineage_command(&a->t);
		why = refuses(a);
	} else
		why = "the process cannot be looked at";
	if (!notify_is_valid(req->id)) {
		attach_free(a);
		return;
	}
	if (why == NULL &&
	    (a->request == PTRACE_SEIZE || a->request == PTRACE_ATTACH)) {
		why = let_attach(a);
		if (why == NULL)
			return;
	}
	if (why != NULL)
		record(a, why);
	notify_answer(req->id, why != NULL ? EPERM : 0);
	attach_free(a);
}

static void
attach_over(struct attach *a)
{
	TAILQ_REMOVE(&attaches, a, entry);
	attach_free(a);
}

static void
killed(void *arg, int err)
{
	sigsend_ended(arg, err);
	attach_over(arg);
	supervise_queued();
}

void
attach_step(void)
{
	struct attach *a, *next;

	for (a = TAILQ_FIRST(&attaches); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->killing ||
		    (!hold_has_stopped(a->hold) && !hold_is_dead(a->hold)))
			continue;
		if (lives(a->to.fd)) {
			attach_over(a);
			continue;
		}
		record(a, "the process to be traced was another one");
		a->killing = true;
		sigsend_end(a->self.dir_fd, killed, a);
	}
}
