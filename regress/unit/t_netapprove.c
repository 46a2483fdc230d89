/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netd's side of approvals, with a policyd that the test plays: only an answer
 * grants, who does not wait any more hears of none, and what happened is in the
 * session's ring before the connection goes on.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/netd/approve.h"
#include "chan.h"
#include "event.h"
#include "log.h"
#include "t.h"

struct netd netd;

static struct nsess s;
static struct ring consumer;
static struct chan *policyd;
static struct {
	char heard[256]; /* by policyd */
	uint32_t id;
	struct msg_approval_ask ask;
	int answers; /* to who waits */
	uint32_t outcome;
	int failed;
} d;

void
nsess_fail(struct nsess *n, const char *fmt, ...)
{
	(void)n;
	(void)fmt;
	d.failed++;
}

static void
hear(const char *what)
{
	size_t n = strlen(d.heard);

	snprintf(d.heard + n, sizeof(d.heard) - n, "%s ", what);
}

static int
on_ask(struct chan *ch, struct imsg *im)
{
	(void)ch;
	d.id = im->id;
	hear("ask");
	return msg_get_approval_ask(im, &d.ask);
}

static int
on_withdraw(struct chan *ch, struct imsg *im)
{
	struct msg_approval_withdraw m;

	(void)ch;
	hear("withdraw");
	if (msg_get_approval_withdraw(im, &m) == -1)
		return -1;
	CHECK(m.request == d.id);
	return 0;
}

static const struct handler far[] = {
	{ MSG_APPROVAL_ASK, on_ask },
	{ MSG_APPROVAL_WITHDRAW, on_withdraw },
	{ MSG_NONE, NULL },
};

static const struct handler near[] = {
	{ MSG_APPROVAL_PENDING, approve_on_pending },
	{ MSG_APPROVAL_ANSWER, approve_on_answer },
	{ MSG_NONE, NULL },
};

static void
begin(void)
{
	int fds[2], ring[3], dups[3], i;

	memset(&d, 0, sizeof(d));
	if (chan_pair(fds) == -1 || ring_create(ring) == -1)
		abort();
	for (i = 0; i < 3; i++)
		dups[i] = dup(ring[i]);
	if (ring_map(&s.ring, ring, RING_SIZE) == -1 ||
	    ring_map(&consumer, dups, RING_SIZE) == -1)
		abort();
	s.policyd = chan_new(fds[0], ROLE_NETD, ROLE_POLICYD, near, &s);
	policyd = chan_new(fds[1], ROLE_POLICYD, ROLE_NETD, far, NULL);
	netd.p.conf.approvals = 1;
}

static void
end(void)
{
	chan_free(s.policyd);
	chan_free(policyd);
	ring_unmap(&s.ring);
	ring_unmap(&consumer);
}

/* The type of the next event in the ring; -1: there is none. */
static int
event_type(void)
{
	static uint8_t rec[EVENT_MAX];
	struct event_head head;
	struct buf b;
	size_t len;

	if (ring_get(&consumer, rec, sizeof(rec), &len) != 1)
		return -1;
	buf_read_from(&b, rec, len);
	return ev_get_head(&b, &head) == -1 ? -2 : (int)head.type;
}

static void
answered(void *arg, const struct msg_approval_answer *m)
{
	CHECK(arg == &d);
	d.answers++;
	d.outcome = m->outcome;
	/* it was written down before */
	CHECK_INT(event_type(), EV_APPROVAL_REQUESTED);
	CHECK_INT(event_type(), EV_APPROVAL_RESOLVED);
}

static struct approve_wait *
ask(struct msg_approval_answer *no)
{
	static const struct verdict v = { .decision = DECISION_APPROVE,
		.rule_name = "ask-first",
		.message = "who is it?",
		.timeout_ms = 5000 };
	static const struct owner owner = { .pid = 7, .command = "cmd-1" };
	const struct approve_what what = { "example.com:443", &v, &owner };
	struct approve_wait *w;

	w = approve_ask(&s, &what, answered, &d, no);
	while (chan_step(policyd, 0) == 1)
		continue;
	return w;
}

static void
say_pending(void)
{
	struct msg_approval_pending m = { .timeout_ms = 5000, .id = "a-1" };

	msg_send_approval_pending(policyd, d.id, &m, NULL);
	(void)chan_step(s.policyd, 0);
}

static void
say(enum approval_outcome outcome)
{
	struct msg_approval_answer m = { .outcome = outcome, .id = "a-1" };

	msg_send_approval_answer(policyd, d.id, &m, NULL);
	(void)chan_step(s.policyd, 0);
}

static void
granted(void)
{
	struct msg_approval_answer no;

	begin();
	CHECK(ask(&no) != NULL);
	CHECK_STR(d.heard, "ask ");
	CHECK_INT(d.ask.kind, APPROVAL_NETWORK);
	CHECK_STR(d.ask.operation, "connect");
	CHECK_STR(d.ask.object, "example.com:443");
	CHECK_STR(d.ask.rule, "ask-first");
	CHECK_STR(d.ask.command_id, "cmd-1");
	CHECK_INT(d.ask.timeout_ms, 5000);
	CHECK_INT(d.ask.words_len, 0);
	CHECK_INT(event_type(), -1);
	say_pending();
	CHECK_INT(d.answers, 0);
	say(APPROVAL_GRANTED);
	CHECK_INT(d.answers, 1);
	CHECK_INT(d.outcome, APPROVAL_GRANTED);
	CHECK_INT(event_type(), -1);
	end();
	begin();
	CHECK(ask(&no) != NULL);
	say_pending();
	say(APPROVAL_DENIED);
	CHECK_INT(d.outcome, APPROVAL_DENIED);
	end();
}

static void
not_asked(void)
{
	struct msg_approval_answer no;

	begin();
	netd.p.conf.approvals = 0;
	CHECK(ask(&no) == NULL);
	CHECK_INT(no.outcome, APPROVAL_OFF);
	CHECK_STR(d.heard, "");
	netd.p.conf.approvals = 1;
	chan_fail(s.policyd, "test");
	CHECK(ask(&no) == NULL);
	CHECK_INT(no.outcome, APPROVAL_REFUSED);
	CHECK_INT(d.answers, 0);
	end();
}

static void
forgotten(void)
{
	struct msg_approval_answer no;
	struct approve_wait *w;

	begin();
	w = ask(&no);
	say_pending();
	approve_forget(w);
	while (chan_step(policyd, 0) == 1)
		continue;
	CHECK_STR(d.heard, "ask withdraw ");
	/* it crossed the withdrawal */
	say(APPROVAL_GRANTED);
	CHECK_INT(d.answers, 0);
	CHECK(!s.policyd->closed);
	CHECK_INT(event_type(), EV_APPROVAL_REQUESTED);
	CHECK_INT(event_type(), EV_APPROVAL_RESOLVED);
	CHECK_INT(event_type(), -1);
	end();
}

static void
hostile(void)
{
	struct msg_approval_answer no;
	struct approve_wait *w;

	begin();
	w = ask(&no);
	say(APPROVAL_NONE);
	CHECK(s.policyd->closed);
	CHECK_INT(d.answers, 0);
	approve_forget(w);
	end();
	begin();
	w = ask(&no);
	say_pending();
	say_pending();
	CHECK(s.policyd->closed);
	CHECK_INT(d.answers, 0);
	approve_forget(w);
	end();
}

/* What cannot be written down ends the session. */
static void
not_recorded(void)
{
	struct msg_approval_answer no;
	uint8_t rec[1024] = { 0 };
	struct approve_wait *w;

	begin();
	ring_abandon(&s.ring);
	while (ring_put(&s.ring, rec, sizeof(rec)) == 0)
		continue;
	w = ask(&no);
	say_pending();
	CHECK_INT(d.failed, 1);
	approve_forget(w);
	CHECK_INT(d.failed, 2);
	end();
}

int
main(void)
{
	log_init("t_netapprove");
	log_set_verbose(-1);
	T_RUN(granted);
	T_RUN(not_asked);
	T_RUN(forgotten);
	T_RUN(hostile);
	T_RUN(not_recorded);
	return done_testing();
}
