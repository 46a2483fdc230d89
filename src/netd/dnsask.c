/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a question: who asked, what the policy says to the name, and one
 * look-up for all who ask the same; the answers are in dnsanswer.c. Nothing is asked
 * upstream before the name is allowed, nor what was answered and is still true. A
 * look-up begins while it is found out who has asked; nobody is answered before.
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"

#include "dns.h"
#include "dnsanswer.h"
#include "dnskept.h"

/* With one event for many. */
static void
over_budget(struct dns_asked *a, enum dns_excess what, uint64_t now)
{
	dnsanswer_refuse(a, dns_excess_reason(what),
	    dnsbudget_note(a->dns->budget, what, now));
}

static bool
is_localhost(const char *name)
{
	size_t n = strlen(name);

	return strcmp(name, "localhost") == 0 ||
	    (n > 10 && strcmp(name + n - 10, ".localhost") == 0);
}

static void
pending_free(struct dns_pending *p)
{
	resolver_forget(p->lookup);
	TAILQ_REMOVE(&p->dns->pending, p, entry);
	p->dns->npending--;
	free(p);
}

void
dnsask_release(struct dns_shared *r)
{
	if (r == NULL || --r->users > 0)
		return;
	if (r->reply != NULL)
		dnsmsg_reply_free(r->reply);
	free(r->reply);
	free(r);
}

static void decide(struct dns_asked *);

static void
looked_up_cb(void *arg, struct dns_reply *reply)
{
	struct dns_pending *p = arg;
	struct dns_shared *r = calloc(1, sizeof(*r));
	struct dns_asked *a;

	p->lookup = NULL;
	if (reply != NULL)
		dnskept_add(p->dns->kept, p->name, p->type, reply, clock_ms());
	if (r != NULL) {
		r->users = 1;
		r->reply = reply;
	} else if (reply != NULL) {
		dnsmsg_reply_free(reply);
		free(reply);
	}
	while ((a = TAILQ_FIRST(&p->waiting)) != NULL) {
		TAILQ_REMOVE(&p->waiting, a, waiting);
		a->pending = NULL;
		a->answered = true;
		a->reply = r;
		if (r != NULL)
			r->users++;
		if (a->owned)
			decide(a);
	}
	pending_free(p);
	dnsask_release(r);
}

static struct dns_pending *
pending_find(struct dns *d, const struct dns_query *q)
{
	struct dns_pending *p;

	TAILQ_FOREACH(p, &d->pending, entry)
		if (p->type == q->type && strcmp(p->name, q->name) == 0)
			return p;
	return NULL;
}

static struct dns_pending *
pending_new(struct dns *d, const struct dns_query *q)
{
	struct dns_pending *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->dns = d;
	p->type = q->type;
	memcpy(p->name, q->name, sizeof(p->name));
	TAILQ_INIT(&p->waiting);
	p->lookup = resolver_ask(d->s->base, &d->s->dns_conf->upstream, p->name,
	    p->type, looked_up_cb, p);
	if (p->lookup == NULL) {
		free(p);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&d->pending, p, entry);
	d->npending++;
	return p;
}

/* Begins a look-up, or joins one. What forbids it, or DNS_WITHIN: then without
 * memory there is none all the same. */
static enum dns_excess
look_up(struct dns_asked *a, const struct net_ruling *r, uint64_t now)
{
	struct dns *d = a->dns;
	struct dns_pending *p = pending_find(d, &a->q);
	enum dns_excess what;

	if (p == NULL) {
		what = d->npending == DNS_PENDING ?
		    DNS_TOO_MANY_PENDING :
		    dnsbudget_name(d->budget, r->v.rule, a->q.name, now);
		if (what != DNS_WITHIN)
			return what;
		p = pending_new(d, &a->q);
	}
	a->pending = p;
	if (p != NULL)
		TAILQ_INSERT_TAIL(&p->waiting, a, waiting);
	return DNS_WITHIN;
}

/* What has come back for a. */
static void
answer(struct dns_asked *a)
{
	struct dns_shared *r = a->reply;

	a->reply = NULL;
	if (r != NULL && r->reply != NULL && r->reply->rcode != DNS_SERVFAIL)
		dnsanswer_reply(a, r->reply);
	else
		dnsanswer_failed(a, NULL);
	dnsask_release(r);
}

/* It is known who asks: answers what has come or is kept, or looks it up. a may be
 * gone afterwards. */
static void
find_out(struct dns_asked *a, const struct net_ruling *r)
{
	uint64_t now = clock_ms();
	const struct dns_reply *kept;
	enum dns_excess what;

	if (a->answered) {
		answer(a);
		return;
	}
	kept = dnskept_find(a->dns->kept, a->q.name, a->q.type, now);
	if (kept != NULL) {
		dnsanswer_reply(a, kept);
		return;
	}
	if (a->dns->ending) {
		dnsanswer_failed(a, "session-ended");
		return;
	}
	what = look_up(a, r, now);
	if (what != DNS_WITHIN)
		over_budget(a, what, now);
	else if (a->pending == NULL)
		dnsanswer_failed(a, NULL);
}

/* What becomes of a name that is not answered here, in the order of why not. */
enum course {
	COURSE_DENY,
	COURSE_REFUSE,
	COURSE_NONE,
	COURSE_HOLD,
	COURSE_LOOK_UP
};

static enum course
judge(const struct dns_asked *a, struct net_ruling *r)
{
	const struct nsess *s = a->dns->s;
	enum dns_how how = dns_type_how(a->q.type);

	decide_name(&s->image, a->q.name, r);
	if (!net_ruling_allows(r))
		return COURSE_DENY;
	if (how == DNS_HOW_REFUSE)
		return COURSE_REFUSE;
	if (how == DNS_HOW_NONE || (a->q.type == DNS_AAAA && !s->has_ipv6))
		return COURSE_NONE;
	if (net_ruling_asks(r))
		return COURSE_HOLD;
	return COURSE_LOOK_UP;
}

/* What decide() will want looked up, when it is known who asks, is at once. */
static void
look_ahead(struct dns_asked *a)
{
	const struct nsess *s = a->dns->s;
	uint64_t now = clock_ms();
	struct net_ruling r;
	struct redirect to;
	struct verdict v;

	if (is_localhost(a->q.name) ||
	    image_eval_redirect(&s->image, FAMILY_DNS, a->q.name, &v, &to) ==
		-1 ||
	    v.decision == DECISION_REDIRECT)
		return;
	/* what does not go, or not now, is told of by decide() */
	if (judge(a, &r) == COURSE_LOOK_UP &&
	    dnskept_find(a->dns->kept, a->q.name, a->q.type, now) == NULL)
		(void)look_up(a, &r, now);
}

/* By the policy of now, also of what was looked up by another. It is known who
 * asks; a may be gone afterwards. */
static void
decide(struct dns_asked *a)
{
	struct net_ruling r;

	if (is_localhost(a->q.name)) {
		dnsanswer_localhost(a);
		return;
	}
	if (dnsanswer_redirected(a))
		return;
	switch (judge(a, &r)) {
	case COURSE_DENY:
		dnsanswer_deny(a, &r);
		break;
	case COURSE_REFUSE:
		dnsanswer_refuse(a, "type-refused", true);
		break;
	case COURSE_NONE:
		dnsanswer_none(a, &r);
		break;
	case COURSE_HOLD:
		dnsanswer_hold(a, &r);
		break;
	case COURSE_LOOK_UP:
		find_out(a, &r);
		break;
	}
}

static void
owned_cb(void *arg, const struct owner *owner)
{
	struct dns_asked *a = arg;
	bool later = a->whose != NULL;

	a->owner = *owner;
	a->owned = true;
	a->whose = NULL;
	if (later && a->pending == NULL)
		decide(a);
}

void
dnsask_hear(struct dns *d, const uint8_t *msg, size_t len,
    const struct dns_client *c)
{
	struct dns_query q;
	struct dns_asked *a;
	uint64_t now = clock_ms();
	int rcode = dnsmsg_query(msg, len, &q);

	if (rcode == -1) {
		dns_send(c, NULL, 0);
		return;
	}
	if (!dnsbudget_question(d->budget, now)) {
		dnsanswer_turn_away(d, c, &q, DNS_TOO_MANY_QUERIES, now);
		return;
	}
	if (rcode != DNS_NOERROR) {
		dnsanswer_rcode(c, &q, rcode);
		return;
	}
	if (d->nasked == DNS_ASKED) {
		dnsanswer_turn_away(d, c, &q, DNS_TOO_MANY_PENDING, now);
		return;
	}
	a = calloc(1, sizeof(*a));
	if (a == NULL) {
		dnsanswer_rcode(c, &q, DNS_SERVFAIL);
		return;
	}
	a->dns = d;
	a->client = *c;
	a->q = q;
	TAILQ_INSERT_TAIL(&d->asked, a, entry);
	d->nasked++;
	/* nobody waits at the end */
	if (d->ending)
		a->owned = true;
	else
		a->whose = whose_ask(d->s,
		    c->conn != NULL ? IPPROTO_TCP : IPPROTO_UDP, c->src,
		    c->sport, c->dst, c->dport, owned_cb, a);
	if (a->owned)
		decide(a);
	else
		look_ahead(a);
}

void
dnsask_forget(struct dns *d, const struct dns_conn *conn)
{
	struct dns_asked *a;

	TAILQ_FOREACH(a, &d->asked, entry) {
		if (a->client.conn != conn)
			continue;
		a->client.conn = NULL;
		a->client.gone = true;
	}
}

void
dnsask_stop(struct dns *d)
{
	struct dns_asked *a;

	while ((a = TAILQ_FIRST(&d->asked)) != NULL) {
		if (a->whose != NULL)
			whose_forget(a->whose);
		a->whose = NULL;
		decide(a);
	}
	while (!TAILQ_EMPTY(&d->pending))
		pending_free(TAILQ_FIRST(&d->pending));
}
