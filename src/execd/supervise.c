/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The execs of the session, each from the question of the filter: read, decided,
 * answered or kept until it can be, also until an operator has said something.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "clock.h"
#include "execd.h"
#include "hold.h"
#include "log.h"
#include "near.h"
#include "notify.h"
#include "signal_call.h"
#include "supervise.h"

#define EXECS_RESUME (EXECS_MAX * 7 / 8)
#define REPLACE_US 5000000 /* for a process to make its call again */
#define PARKED_US 5000000  /* for the word of a keeper */
#define RETRY_MS 1000	   /* how often these two are looked at */

static struct {
	struct event *timer; /* while one is parked, or is replaced */
	struct execs execs;
	size_t n;
	bool full;
} sup = { .execs = TAILQ_HEAD_INITIALIZER(sup.execs) };

struct execs *
supervise_execs(void)
{
	return &sup.execs;
}

static bool
is_under_way(const struct exec *x)
{
	return x->state == EXEC_RUNNING || x->state == EXEC_HOLDING ||
	    x->state == EXEC_TRACED;
}

void
supervise_forget_images(void)
{
	uint64_t oldest = siggroup_image();
	const struct exec *x;

	if (oldest > execd.image_number)
		oldest = execd.image_number;

	TAILQ_FOREACH(x, &sup.execs, entry) {
		if ((is_under_way(x) || x->replacement != NULL) &&
		    x->image_number < oldest)
			oldest = x->image_number;
	}
	execd_forget_images(oldest);
}

/* Its names, most of it, are long, and hold nothing at first. */
static struct exec *
exec_new(void)
{
	struct exec *x = malloc(sizeof(*x));
	struct link *l;

	if (x == NULL)
		fatal("an exec");
	memset(x, 0, offsetof(struct exec, link));
	for (l = x->link; l < x->link + sizeof(x->link) / sizeof(*l); l++) {
		memset(&l->file, 0, offsetof(struct file, name));
		l->file.fd = -1;
		l->file.name[0] = l->file.own[0] = l->command[0] = '\0';
		memset(&l->argv, 0, sizeof(l->argv));
	}
	x->state = EXEC_NEW;
	x->t.dir_fd = -1;
	return x;
}

/* Nothing of what was read and decided is left. */
static void
exec_reset(struct exec *x)
{
	size_t i;

	target_close(&x->t);
	for (i = 0; i < sizeof(x->link) / sizeof(x->link[0]); i++) {
		file_close(&x->link[i].file);
		words_free(&x->link[i].argv);
		x->link[i].file.name[0] = '\0';
	}
	judge_end(&x->j);
}

static void
exec_free(struct exec *x)
{
	if (x->looking) {
		/* a thread has it, which may be stuck */
		x->state = EXEC_DONE;
		x->dropped = true;
		x->look.id = x->req.id;
		return;
	}
	TAILQ_REMOVE(&sup.execs, x, entry);
	sup.n--;
	exec_reset(x);
	approve_free(x);
	traced_free(x);
	replace_free(x);
	words_free(&x->was);
	free(x);
	if (!TAILQ_EMPTY(&execd.old_images))
		supervise_forget_images();
	if (sup.full && sup.n < EXECS_RESUME) {
		sup.full = false;
		notify_resume();
	}
}

/* By what x->j says. */
static void
deny(struct exec *x)
{
	command_exec_denied(x);
	record_exec(x, DECISION_DENY);
	notify_answer(x->req.id, EACCES);
	x->state = EXEC_DONE;
}

void
supervise_refuse(struct exec *x, const char *rule, const char *message)
{
	judge_begin(&x->j, &execd.image);
	judge_deny(&x->j, rule, message);
	deny(x);
}

/* Somebody is waited for who may never come. */
static void
look_again(void)
{
	struct timeval tv = clock_timeval(RETRY_MS);

	if (event_add(sup.timer, &tv) == -1)
		fatalx("a time limit cannot be set");
}

/* From which exec the process came, or which command's first it is. */
static bool
find_lineage(struct exec *x)
{
	struct lineage l;
	struct command *c;

	if (lineage_find(&x->t, &l)) {
		x->l.command = l.command;
		x->l.depth = l.depth + 1;
		return true;
	}
	/* it came with init's own program: a leader, beneath its keeper */
	c = command_of_keeper(x->t.inner_ppid);
	if (c == NULL || c->pid != 0)
		return false;
	x->l.command = c->number;
	x->l.depth = 0;
	return true;
}

static bool
is_in_exec(const struct exec *x)
{
	struct exec *y;

	TAILQ_FOREACH(y, &sup.execs, entry) {
		if (y != x && is_under_way(y) && y->t.tgid == x->t.tgid)
			return true;
	}
	return hold_wants(x->t.tid);
}

static void step(struct exec *);

/* Its command may be known by a keeper's word that is to come. */
static void
park(struct exec *x)
{
	x->state = EXEC_PARKED;
	if (clock_us() - x->since_us > PARKED_US) {
		supervise_refuse(x, "exec-unattributed",
		    "the process is of no command");
		x->state = EXEC_DONE;
	} else
		look_again();
}

/* May it be decided now? Else its state says what it waits for. */
static bool
is_due(struct exec *x)
{
	if (!notify_is_valid(x->req.id))
		x->state = EXEC_DONE;
	else if (!find_lineage(x))
		park(x);
	else if (is_in_exec(x))
		x->state = EXEC_QUEUED;
	else
		return true;
	return false;
}

/* The rule's program was looked for. */
static void
replace(struct exec *x)
{
	if (!is_due(x) || x->image_number != execd.image_number) {
		/* all of it once more, when its turn comes */
		replace_free(x);
		if (x->state == EXEC_LOOKING)
			step(x);
		else if (x->state == EXEC_DONE)
			exec_free(x);
		else
			exec_reset(x);
		return;
	}
	if (replace_is_ready(x) && trace_begin(x) == 0) {
		look_again();
		record_exec_replaced(x);
		notify_answer(x->req.id, EACCES);
		return;
	}
	if (x->state == EXEC_RUNNING)
		children_let_loose(x);
	replace_free(x);
	deny(x);
	exec_free(x);
}

static void
decide(struct exec *x)
{
	enum approve_say say;
	pid_t tracer;
	int err, natural;

	x->state = EXEC_DONE;
	x->image_number = execd.image_number;
	err = decide_exec(x, &natural);
	if (err == -1) {
		notify_answer(x->req.id, natural);
		return;
	}
	if (approve_is_wanted(x, err)) {
		say = approve_exec(x);
		if (say == APPROVE_WAIT) {
			x->state = EXEC_ASKED;
			exec_reset(x);
			return;
		}
		err = say == APPROVE_YES ? 0 : EACCES;
	}
	tracer = traced_by(x);
	if (err != 0 && x->j.v.decision == DECISION_REDIRECT && tracer != 0) {
		supervise_refuse(x, "exec-traced",
		    "a process that is traced gets no other program in the "
		    "place of this one");
		return;
	}
	if (err != 0 && x->j.v.decision == DECISION_REDIRECT &&
	    replace_prepare(x) == 0) {
		x->state = EXEC_LOOKING;
		supervise_look(x, replace_look, replace);
		return;
	}
	if (err != 0) {
		deny(x);
		return;
	}
	if (tracer != 0) {
		traced_begin(x, tracer);
		return;
	}
	err = trace_begin(x);
	if (err == 0) {
		record_exec(x, DECISION_ALLOW);
		if (supervise_traced() == 1)
			near_stay(x->t.tgid, x->t.ppid);
		notify_answer(x->req.id, 0);
	} else if (x->state == EXEC_RUNNING)
		children_let_loose(x);
	else
		supervise_refuse(x, "exec-untraceable", strerror(err));
}

/* What it asks for is known. */
static void
looked(struct exec *x)
{
	if (is_due(x))
		decide(x);
	if (x->state == EXEC_DONE)
		exec_free(x);
	else if (x->state == EXEC_QUEUED || x->state == EXEC_PARKED)
		exec_reset(x);
}

/* From its beginning, as far as it goes. */
static void
step(struct exec *x)
{
	exec_reset(x);
	if (target_open(&x->t, (pid_t)x->req.pid) == -1) {
		/* unless it is gone */
		if (notify_is_valid(x->req.id))
			supervise_refuse(x, "exec-unreadable",
			    "the process cannot be looked at");
		x->state = EXEC_DONE;
	} else if (!is_due(x)) {
		; /* its state says why */
	} else if (x->state == EXEC_NEW && crowd_is(x)) {
		crowd_refuse(x);
	} else {
		x->state = EXEC_LOOKING;
		supervise_look(x, decide_look, looked);
	}
	if (x->state == EXEC_DONE)
		exec_free(x);
}

void
supervise_answered(struct exec *x)
{
	step(x);
}

void
supervise_drop(struct exec *x)
{
	exec_free(x);
}

/* Those that wait in one of two states, each once. */
static void
step_all(enum exec_state state, pid_t tgid)
{
	struct exec *x, *next;
	struct exec *last = TAILQ_LAST(&sup.execs, execs);

	for (x = TAILQ_FIRST(&sup.execs); x != NULL; x = next) {
		next = x == last ? NULL : TAILQ_NEXT(x, entry);
		if (x->state == state && (tgid == 0 || x->t.tgid == tgid))
			step(x);
	}
}

void
supervise_queued(void)
{
	step_all(EXEC_QUEUED, 0);
}

void
supervise_retry(void)
{
	step_all(EXEC_PARKED, 0);
}

void
supervise_forget(uint64_t command)
{
	lineage_forget(command);
	exits_forget(command);
}

static void
replaced_looked(struct exec *x)
{
	int err = x->file_error;

	if (trace_interrupt(x) != 0)
		err = EACCES;
	notify_answer(x->req.id, err);
}

/* The second call of a process whose program is replaced: it goes on. */
static bool
is_replacing(const struct seccomp_notif *req)
{
	const struct words *argv;
	const char *path;
	struct exec *x;

	TAILQ_FOREACH(x, &sup.execs, entry) {
		if (x->state == EXEC_RUNNING && x->t.tid == (pid_t)req->pid &&
		    !x->looking && replace_is_again(x))
			break;
	}
	if (x == NULL)
		return false;
	x->req = *req;
	path = replace_path(x, &argv);
	x->file_error = decide_replaced(x, path, argv);
	if (x->file_error != 0)
		replaced_looked(x);
	else
		supervise_look(x, decide_look_replaced, replaced_looked);
	return true;
}

void
supervise_asked(const struct seccomp_notif *req)
{
	struct exec *x;

	if (is_replacing(req))
		return;
	traced_asks((pid_t)req->pid);
	x = exec_new();
	x->req = *req;
	x->since_us = clock_us();
	TAILQ_INSERT_TAIL(&sup.execs, x, entry);
	if (++sup.n >= EXECS_MAX && !sup.full) {
		sup.full = true;
		notify_pause();
		look_again();
	}
	step(x);
}

void
supervise_over(struct exec *x)
{
	pid_t tgid = x->t.tgid;

	exec_free(x);
	/* a tracer's exec and who is held keep those of others waiting */
	step_all(EXEC_QUEUED,
	    execd.p.conf.ptrace == PTRACE_CHILDREN ? 0 : tgid);
}

/* A process whose program is replaced and that does something else instead of
 * its call, whatever other threads do to its code: it is stopped, and let go. */
static void
stop_late(void)
{
	struct exec *x;

	TAILQ_FOREACH(x, &sup.execs, entry) {
		if (x->replacement == NULL)
			continue;
		if (clock_us() - x->since_us > REPLACE_US)
			(void)trace_interrupt(x);
		look_again();
	}
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	stop_late();
	if (sup.full) {
		crowd_shed();
		look_again();
	}
	step_all(EXEC_PARKED, 0);
}

void
supervise_init(void)
{
	sup.timer = evtimer_new(execd.base, timer_cb, NULL);
	if (sup.timer == NULL)
		fatalx("event");
	children_init();
	traced_init();
	look_init();
	near_init();
	asking_init();
	siggroup_init();
	exits_init();
}
