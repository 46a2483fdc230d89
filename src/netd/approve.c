/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that wait for an operator. Each session asks by a channel of its
 * own, in its worker; what is too much policyd refuses. That one waits, and how it
 * ended, is in the session's ring before the connection goes on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "approval.h"
#include "approve.h"
#include "chan.h"

struct approve_wait {
	struct nsess *s;
	uint32_t request;
	bool told; /* that it waits was recorded */
	struct msg_approval_ask ask;
	struct msg_approval_answer answer;
	approve_cb cb;
	void *arg;
};

static void
emit(struct nsess *s, struct buf *b)
{
	if (b->bad || ring_put(&s->ring, b->data, b->len) == -1)
		nsess_fail(s, "an approval cannot be recorded: %s",
		    b->bad ? "too long" : strerror(errno));
	buf_free(b);
}

static void
tell_asked(struct approve_wait *w, uint64_t timeout_ms)
{
	struct buf b;

	buf_init(&b, EVENT_MAX);
	approval_event_asked(&b, &w->ask, w->answer.id, timeout_ms);
	w->told = true;
	emit(w->s, &b);
}

static void
tell_answered(struct approve_wait *w)
{
	struct buf b;

	if (!w->told)
		return;
	buf_init(&b, EVENT_MAX);
	approval_event_answered(&b, &w->ask, &w->answer);
	emit(w->s, &b);
}

static void
refuse(struct msg_approval_answer *no, enum approval_outcome outcome,
    const char *reason)
{
	memset(no, 0, sizeof(*no));
	no->outcome = outcome;
	snprintf(no->who, sizeof(no->who), "agentsh");
	snprintf(no->reason, sizeof(no->reason), "%s", reason);
}

static void
describe(struct msg_approval_ask *m, const struct approve_what *what)
{
	m->kind = APPROVAL_NETWORK;
	m->timeout_ms = what->v->timeout_ms;
	m->pid = what->owner->pid;
	snprintf(m->operation, sizeof(m->operation), "connect");
	snprintf(m->object, sizeof(m->object), "%s", what->place);
	snprintf(m->rule, sizeof(m->rule), "%.*s", AGENTSH_NAME_MAX,
	    what->v->rule_name);
	snprintf(m->message, sizeof(m->message), "%.*s", AGENTSH_TEXT_MAX,
	    what->v->message);
	snprintf(m->command_id, sizeof(m->command_id), "%s",
	    what->owner->command);
}

struct approve_wait *
approve_ask(struct nsess *s, const struct approve_what *what, approve_cb cb,
    void *arg, struct msg_approval_answer *no)
{
	struct approve_wait *w;

	if (netd.p.conf.approvals == 0) {
		refuse(no, APPROVAL_OFF, "");
		return NULL;
	}
	w = calloc(1, sizeof(*w));
	if (w == NULL) {
		refuse(no, APPROVAL_REFUSED, "out of memory");
		return NULL;
	}
	w->s = s;
	w->cb = cb;
	w->arg = arg;
	describe(&w->ask, what);
	w->request = chan_request(s->policyd, w);
	if (w->request == 0) {
		free(w);
		refuse(no, APPROVAL_REFUSED,
		    "too many connections of this session wait");
		return NULL;
	}
	if (msg_send_approval_ask(s->policyd, w->request, &w->ask, NULL) ==
	    -1) {
		chan_forget(s->policyd, w);
		free(w);
		refuse(no, APPROVAL_REFUSED, "policyd cannot be asked");
		return NULL;
	}
	return w;
}

void
approve_forget(struct approve_wait *w)
{
	struct msg_approval_withdraw m;

	if (w == NULL)
		return;
	chan_forget(w->s->policyd, w);
	m.request = w->request;
	msg_send_approval_withdraw(w->s->policyd, 0, &m, NULL);
	w->answer.outcome = APPROVAL_WITHDRAWN;
	snprintf(w->answer.who, sizeof(w->answer.who), "withdrawn");
	tell_answered(w);
	free(w);
}

int
approve_on_pending(struct chan *ch, struct imsg *im)
{
	struct approve_wait *w = im->arg;
	struct msg_approval_pending m;

	(void)ch;
	if (msg_get_approval_pending(im, &m) == -1)
		return -1;
	if (w == NULL)
		return 0; /* withdrawn meanwhile */
	if (w->told)
		return -1;
	snprintf(w->answer.id, sizeof(w->answer.id), "%s", m.id);
	tell_asked(w, m.timeout_ms);
	return 0;
}

int
approve_on_answer(struct chan *ch, struct imsg *im)
{
	struct approve_wait *w = im->arg;
	struct msg_approval_answer m;

	(void)ch;
	if (msg_get_approval_answer(im, &m) == -1 ||
	    m.outcome >= APPROVAL_OUTCOME_MAX || m.outcome == APPROVAL_NONE)
		return -1;
	if (w == NULL)
		return 0;
	w->answer = m;
	tell_answered(w);
	w->cb(w->arg, &w->answer);
	free(w);
	return 0;
}
