/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals that processes of the session send. A signal of a process to itself
 * goes on as it is when the rules allow it: the kernel then does what it would
 * have done. To others it is sent for it, so that it reaches whom was decided,
 * and nobody who got the number, or the descriptor, since.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "execd.h"
#include "log.h"
#include "notify.h"
#include "signal_call.h"

#define TO_PROCESS_GROUP 4U /* PIDFD_SIGNAL_PROCESS_GROUP */

#define RULE_OURS "signal-protected"
#define RULE_FAR "signal-unresolved"
#define RULE_OWNER "signal-owner"
/* What C libraries send among the threads of a process, for pthread_cancel(3),
 * setuid(3) and the like: no rule is asked, as no program means it. */
#define LIBC_FIRST 32
#define LIBC_LAST 34

int
sigcall_open(struct sigcall *k)
{
	const struct command *c;
	bool ok;

	ok = target_open(&k->t, (pid_t)k->req.pid) == 0 &&
	    sigtarget_open(&k->self, k->t.inner_tgid) == 0;
	if (!notify_is_valid(k->req.id))
		return -1;
	if (!ok) {
		notify_answer(k->req.id, EPERM);
		return -1;
	}
	c = lineage_command(&k->t);
	k->command = c != NULL ? c->number : 0;
	k->image_number = execd.image_number;
	return 0;
}

void
sigcall_close(struct sigcall *k)
{
	target_close(&k->t);
	sigtarget_close(&k->self);
	sigtarget_close(&k->to);
	drop_fd(k->pidfd);
	k->pidfd = -1;
}

void
sigcall_free(struct sigcall *k)
{
	sigcall_close(k);
	sigask_free(k);
	free(k);
}

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
	const struct image *image = execd_image(k->image_number);
	static const struct msg_approval_answer off = {
		.outcome = APPROVAL_OFF
	};
	struct signal_action a;

	/* a malformed question leaves the preset, which denies */
	(void)image_eval_signal(image, &q, &s->v, &a);
	if (!image_has_signal_rules(image)) {
		/* since a reload, or on a kernel that does not protect ours */
		s->v.decision = DECISION_ALLOW;
		s->v.rule_name = "";
	}
	s->done = s->v.decision;
	s->signo = k->signo;
	/* where nobody can be asked at all */
	if (s->done == DECISION_APPROVE && execd.p.conf.approvals == 0) {
		s->done = a.fallback;
		s->said = &off;
	}
	if (s->done == DECISION_REDIRECT)
		s->signo = a.redirect_signo;
	if (s->done == DECISION_DENY || s->done == DECISION_ABSORB)
		return;
	if (s->done != DECISION_ALLOW && s->done != DECISION_AUDIT &&
	    s->done != DECISION_REDIRECT && s->done != DECISION_APPROVE)
		s->done = DECISION_DENY;
	else if (t->pid == 0 || sigtarget_is_ours(t))
		deny(s, RULE_OURS,
		    "no rule lets signals reach agentsh's processes, or leave "
		    "the session");
}

int
sigcall_send(const struct sigcall *k, const struct sigtarget *t,
    const struct sigsaid *s, sigsent *done, void *arg)
{
	struct msg_init_signal m = { .signo = s->signo,
		.flags = t->flags,
		.info = (const uint8_t *)&k->info };
	int fd = t->fd;

	if (s->done != DECISION_REDIRECT && k->form == SIGNAL_TO_THREAD &&
	    t->pid == k->self.pid) {
		/* while its process is there, a thread of the same process has
		 * that number, or none */
		m.pid = t->pid;
		m.tid = k->tid;
		fd = k->self.dir_fd;
	} else if (s->done != DECISION_REDIRECT && k->has_info) {
		m.info_len = AGENTSH_SIGINFO;
	}
	return sigsend(&m, fd, done, arg);
}

static bool
is_of_libc(const struct sigcall *k)
{
	return k->form == SIGNAL_TO_THREAD && k->to.pid == k->self.pid &&
	    k->signo >= LIBC_FIRST && k->signo <= LIBC_LAST;
}

static void
answer(void *arg, int err)
{
	struct sigcall *k = arg;

	if (err != 0)
		notify_answer(k->req.id, err);
	else
		notify_return(k->req.id, 0);
	sigcall_free(k);
}

/* false: it is for the queue. Else it is answered, now or later, and freed. */
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
	if (s.done == DECISION_APPROVE && !sigask_is_answered(k)) {
		sigask_add(k, &k->to, &s);
		if (sigask_start(k)) {
			sigcall_close(k);
			return true;
		}
	}
	if (s.done == DECISION_APPROVE)
		sigask_use(k, &k->to, &s);
	record_signal(k, &k->to, &s);
	if ((s.done == DECISION_ALLOW || s.done == DECISION_AUDIT) &&
	    sigcall_is_to_self(k)) {
		/* whom the kernel finds by these numbers is nobody else, as
		 * long as the caller waits */
		notify_answer(k->req.id, 0);
		sigcall_free(k);
		return true;
	}
	if (s.done == DECISION_DENY) {
		err = EPERM;
	} else if (s.done != DECISION_ABSORB) {
		err = sigcall_send(k, &k->to, &s, answer, k);
		if (err == 0) {
			sigcall_close(k);
			return true;
		}
	}
	answer(k, err);
	return true;
}

void
sigcall_run(struct sigcall *k, bool quick)
{
	int err;

	if (!sigsend_has_room()) {
		siggroup_add(k);
		return;
	}
	if (sigcall_open(k) == -1) {
		sigcall_free(k);
		return;
	}
	err = sigcall_find(k);
	/* what was read may be of another who has its number now */
	if (!notify_is_valid(k->req.id)) {
		sigcall_free(k);
	} else if (err != 0) {
		answer(k, err);
	} else if ((k->flags & TO_PROCESS_GROUP) != 0 && k->to.pid != 0) {
		k->form = SIGNAL_TO_GROUP;
		k->pid = k->to.pid;
		siggroup_add(k);
	} else if (!settle(k, quick)) {
		siggroup_add(k);
	}
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

static void
run(struct sigcall *k)
{
	if (k->form == SIGNAL_TO_GROUP || k->form == SIGNAL_TO_ALL)
		siggroup_add(k);
	else
		sigcall_run(k, true);
}

void
sigcall_again(struct sigcall *k)
{
	run(k);
}

static struct sigcall *
of_look(struct look *l)
{
	return (void *)((char *)l - offsetof(struct sigcall, look));
}

static void
look(struct look *l)
{
	sigcall_look(of_look(l));
}

static void
looked(struct look *l)
{
	struct sigcall *k = of_look(l);

	/* what was read may be of another who has its number now */
	if (l->left || !notify_is_valid(k->req.id))
		sigcall_free(k);
	else
		run(k);
}

/* Whose signal it is, as far as that can be said. */
static uint64_t
command_number(const struct sigcall *k)
{
	const struct command *c = NULL;
	struct target t;

	if (target_open(&t, (pid_t)k->req.pid) == 0)
		c = lineage_command(&t);
	target_close(&t);
	return c != NULL ? c->number : 0;
}

void
signal_asked(const struct seccomp_notif *req)
{
	struct sigcall *k = sigcall_new(req);
	int err = sigcall_parse(k);

	if (err != 0) {
		notify_answer(req->id, err);
		sigcall_free(k);
	} else if (k->has_info) {
		k->look.run = look;
		k->look.done = looked;
		k->look.command = command_number(k);
		k->look.id = req->id;
		look_start(&k->look);
	} else
		run(k);
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
