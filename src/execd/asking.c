/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits for an operator. The question of the kernel stays unanswered
 * meanwhile, and who asked can be killed; others go on. An answer decides
 * nothing: whoever asked begins again, and finds it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "approval.h"
#include "asking.h"
#include "clock.h"
#include "execd.h"
#include "log.h"
#include "notify.h"

/* Of one kind, half of them of one command: others must be left for what does not
 * wait. */
#define WAITING_MAX 64
#define LOOK_MS 200 /* between two looks at whether who asked is still there */

static struct {
	TAILQ_HEAD(, asking) waiting;
	struct event *timer;
} askings = { .waiting = TAILQ_HEAD_INITIALIZER(askings.waiting) };

static struct chan *
policyd(void)
{
	return execd.p.peer[ROLE_POLICYD];
}

static void
tell_answer(const struct asking *a)
{
	if (!a->told)
		return;
	approval_event_answered(&execd.event, &a->m, &a->answer);
	record_emit();
}

static void
arm(void)
{
	struct timeval tv = clock_timeval(LOOK_MS);

	if (evtimer_add(askings.timer, &tv) == -1)
		fatalx("a timer cannot be set");
}

/* The kernel does not say when somebody who waits has died. */
static void
look_cb(evutil_socket_t fd, short what, void *arg)
{
	struct asking *a, *next;

	(void)fd;
	(void)what;
	(void)arg;
	for (a = TAILQ_FIRST(&askings.waiting); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (!notify_is_valid(a->id))
			a->on_gone(a->arg);
	}
	if (!TAILQ_EMPTY(&askings.waiting))
		arm();
}

void
asking_init(void)
{
	askings.timer = evtimer_new(execd.base, look_cb, NULL);
	if (askings.timer == NULL)
		fatalx("event");
}

int
asking_words(struct asking *a, const void *words, size_t len)
{
	uint8_t *copy;

	if (len > APPROVAL_WORDS_MAX)
		return -1;
	copy = malloc(len + 1);
	if (copy == NULL)
		fatal("an approval");
	memcpy(copy, words, len);
	free((void *)(uintptr_t)a->m.words);
	a->m.words = copy;
	a->m.words_len = len;
	return 0;
}

static void
stop_waiting(struct asking *a)
{
	TAILQ_REMOVE(&askings.waiting, a, entry);
	a->waits = false;
}

/* A command never has more that wait than it leaves to others. */
static bool
has_room(const struct asking *a)
{
	const struct asking *o;
	size_t n = 0;

	TAILQ_FOREACH(o, &askings.waiting, entry) {
		if (o->m.kind == a->m.kind)
			n += 1 +
			    (strcmp(o->m.command_id, a->m.command_id) == 0);
	}
	return n < WAITING_MAX;
}

int
asking_start(struct asking *a)
{
	if (!has_room(a))
		return -1;
	a->request = chan_request(policyd(), a);
	if (a->request == 0)
		return -1;
	TAILQ_INSERT_TAIL(&askings.waiting, a, entry);
	a->waits = true;
	if (msg_send_approval_ask(policyd(), a->request, &a->m, NULL) == -1)
		fatalx("policyd is gone");
	if (!evtimer_pending(askings.timer, NULL))
		arm();
	return 0;
}

void
asking_end(struct asking *a)
{
	struct msg_approval_withdraw m;

	if (a->waits) {
		stop_waiting(a);
		chan_forget(policyd(), a);
		m.request = a->request;
		msg_send_approval_withdraw(policyd(), 0, &m, NULL);
		a->answer.outcome = APPROVAL_WITHDRAWN;
		snprintf(a->answer.who, sizeof(a->answer.who), "withdrawn");
		tell_answer(a);
	}
	free((void *)(uintptr_t)a->m.words);
	a->m.words = NULL;
	a->m.words_len = 0;
}

bool
asking_is_same(const struct asking *a, const struct asking *b)
{
	const struct msg_approval_ask *m = &a->m, *n = &b->m;

	return m->kind == n->kind && strcmp(m->operation, n->operation) == 0 &&
	    strcmp(m->object, n->object) == 0 && strcmp(m->cwd, n->cwd) == 0 &&
	    strcmp(m->identity, n->identity) == 0 &&
	    strcmp(m->rule, n->rule) == 0 && m->words_len == n->words_len &&
	    (m->words_len == 0 ||
		memcmp(m->words, n->words, m->words_len) == 0);
}

void
asking_refuse(struct msg_approval_answer *a, enum approval_outcome outcome,
    const char *reason)
{
	memset(a, 0, sizeof(*a));
	a->outcome = outcome;
	snprintf(a->reason, sizeof(a->reason), "%s", reason);
}

void
asking_record(const struct msg_approval_answer *a)
{
	char why[AGENTSH_TEXT_MAX];

	approval_describe(why, sizeof(why), a);
	if (a->id[0] != '\0')
		ev_str(&execd.event, EVF_APPROVAL, a->id);
	if (why[0] != '\0')
		ev_str(&execd.event, EVF_ERROR, why);
}

int
asking_on_pending(struct chan *ch, struct imsg *im)
{
	struct asking *a = im->arg;
	struct msg_approval_pending m;

	(void)ch;
	if (msg_get_approval_pending(im, &m) == -1)
		return -1;
	if (a == NULL || a->answered)
		return 0; /* withdrawn meanwhile */
	if (a->told)
		return -1;
	snprintf(a->answer.id, sizeof(a->answer.id), "%s", m.id);
	approval_event_asked(&execd.event, &a->m, m.id, m.timeout_ms);
	a->told = true;
	record_emit();
	return 0;
}

int
asking_on_answer(struct chan *ch, struct imsg *im)
{
	struct asking *a = im->arg;
	struct msg_approval_answer m;

	(void)ch;
	if (msg_get_approval_answer(im, &m) == -1 ||
	    m.outcome >= APPROVAL_OUTCOME_MAX || m.outcome == APPROVAL_NONE)
		return -1;
	if (a == NULL || a->answered)
		return 0;
	stop_waiting(a);
	a->answer = m;
	a->answered = true;
	tell_answer(a);
	a->on_answer(a->arg);
	return 0;
}
