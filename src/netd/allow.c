/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that a rule wants approved: an operator is asked for the one place
 * that the client means, by name, once it has said which. Meanwhile the client is
 * connected to netd and nobody else.
 */
#include <netinet/in.h>

#include <errno.h>

#include "approve.h"
#include "conn.h"

/* Longer than any answer takes: policyd has the time limits. */
#define ALLOW_MS (25 * 3600 * (uint64_t)1000)
#define GONE_MS 2000

static const char *
why_not(enum approval_outcome outcome)
{
	switch (outcome) {
	case APPROVAL_DENIED:
		return "an operator said no";
	case APPROVAL_TIMED_OUT:
		return "no operator said anything";
	case APPROVAL_OFF:
		return "approvals are switched off";
	case APPROVAL_REFUSED:
		return "nobody could be asked";
	case APPROVAL_NONE:
	case APPROVAL_GRANTED:
	case APPROVAL_WITHDRAWN:
	case APPROVAL_CHANGED:
	case APPROVAL_OUTCOME_MAX:
		break;
	}
	return "not approved";
}

/* A client that sends its end may only have nothing more to say, and wait for the
 * answer: it has gone when its socket is nobody's. That it closes it later sends
 * nothing, and is looked for again and again. */
static int
look_gone(void *arg)
{
	struct conn *c = arg;
	const struct conn_ends *e = &c->ends;

	if (!c->relay.flow[RELAY_CLIENT].ended)
		return 0;
	if (!whose_has(c->s, IPPROTO_TCP, e->peer, e->peer_port, e->local,
		e->local_port))
		return -1;
	conn_wait(c, CONN_APPROVE, GONE_MS);
	return 0;
}

int
allow_waits(struct conn *c)
{
	return c->relay.flow[RELAY_CLIENT].ended ?
	    look_gone(c) :
	    conn_refuse(c, "approval that did not come");
}

static void
answer_cb(void *arg, const struct msg_approval_answer *m)
{
	struct conn *c = arg;
	struct net_ruling r;
	int ret = -1;

	c->approval = NULL;
	/* the policy can be another one by now */
	confirm_decide(c, &r);
	if (m->outcome != APPROVAL_GRANTED)
		(void)conn_refuse(c, why_not(m->outcome));
	else if (conn_rule(c, &r) == -1)
		(void)conn_refuse(c, "out of memory");
	else if (!confirm_may(&r))
		(void)conn_refuse(c, NULL);
	else {
		c->approved = true;
		/* of a name's addresses the one that was decided again */
		if (c->nto > 1)
			c->nto = 1;
		ret = dial_approved(c);
	}
	if (c->relay.look[RELAY_CLIENT] == look_gone)
		c->relay.look[RELAY_CLIENT] = c->look;
	if (ret == 0 && c->relay.look[RELAY_CLIENT] == conn_look)
		ret = conn_look(c);
	if (ret == -1)
		conn_end(c, EPERM);
}

/* 0 or -1 */
static int
ask(struct conn *c)
{
	static const struct owner nobody;
	char place[NET_NAME_MAX + 8];
	struct msg_approval_answer no;
	struct approve_what what = {
		.place = place,
		.v = &c->ruling.v,
		.owner = c->owner == NULL ? &nobody : c->owner,
	};

	conn_place(c->name, c->addr, c->port, place);
	c->approval = approve_ask(c->s, &what, answer_cb, c, &no);
	return c->approval != NULL ? 0 : conn_refuse(c, why_not(no.outcome));
}

void
allow_owned(struct conn *c)
{
	if (c->approval == NULL && ask(c) == -1)
		conn_end(c, EPERM);
}

int
allow_ask(struct conn *c)
{
	conn_wait(c, CONN_APPROVE,
	    c->relay.flow[RELAY_CLIENT].ended ? GONE_MS : ALLOW_MS);
	c->look = c->relay.look[RELAY_CLIENT];
	c->relay.look[RELAY_CLIENT] = look_gone;
	/* the request tells whose it is */
	return c->owned ? ask(c) : 0;
}
