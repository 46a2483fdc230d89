/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answers to questions: what the policy says to each alias and address that
 * came back, what it answers itself, and what is refused. Nothing is answered that
 * was not written down before.
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "ipport.h"
#include "template.h"

#include "dns.h"
#include "dnsanswer.h"
#include "held.h"
#include "names.h"
#include "netlog.h"
#include "reach.h"

#define EDE_FORGED 4 /* RFC 8914, 4 */
#define EDE_BLOCKED 15
#define SAY_MAX 256 /* of a message of the policy */
#define OWN_TTL 60  /* of answers that are ours */
#define ANSWERS_MAX DNS_RECORDS_MAX

static const uint8_t loopback4[16] = { [10] = 0xff, [11] = 0xff, 127, 0, 0, 1 };
static const uint8_t loopback6[16] = { [15] = 1 };
/* nobody knows it: whatever denies it denies all that no rule is about */
static const char nobody[] = "unknown.invalid";

static struct owner no_owner;

static bool
is_v4(const uint8_t addr[16])
{
	return memcmp(addr, loopback4, 12) == 0;
}

/* Those of the session itself, which netd does not see. */
static bool
stays_inside(const uint8_t addr[16])
{
	static const uint8_t zero[16];

	return memcmp(addr, loopback6, 16) == 0 ||
	    memcmp(addr, zero, 16) == 0 ||
	    (is_v4(addr) && (addr[12] == 127 || addr[12] == 0));
}

static void
ruling_deny(struct net_ruling *r, const char *reason)
{
	memset(r, 0, sizeof(*r));
	r->v.rule = UINT32_MAX;
	r->v.rule_name = "dns-limits";
	r->v.message = "";
	r->reason = reason;
}

static void
asked_unlink(struct dns_asked *a)
{
	if (a->whose != NULL)
		whose_forget(a->whose);
	if (a->pending != NULL)
		TAILQ_REMOVE(&a->pending->waiting, a, waiting);
	TAILQ_REMOVE(&a->dns->asked, a, entry);
	a->dns->nasked--;
	dnsask_release(a->reply);
	a->reply = NULL;
}

/* Without an answer. */
static void
drop(struct dns_asked *a)
{
	asked_unlink(a);
	free(a);
}

static void
send_answer(const struct dns_client *c, const struct dns_query *q,
    struct dns_answer *an)
{
	uint8_t *msg = malloc(DNS_MSG_MAX);
	size_t len = 0;

	an->max = c->conn != NULL ? DNS_MSG_MAX : q->udp_size;
	an->ttl_max = DNS_TTL_MAX;
	if (msg != NULL)
		len = dnsmsg_answer(msg, DNS_MSG_MAX, q, an);
	dns_send(c, msg, len);
	free(msg);
}

void
dnsanswer_rcode(const struct dns_client *c, const struct dns_query *q,
    int rcode)
{
	struct dns_answer an = { .rcode = (enum dns_rcode)rcode, .ede = -1 };

	send_answer(c, q, &an);
}

/* Writes down, and only then answers; a is gone afterwards. */
static void
conclude(struct dns_asked *a, struct dns_answer *an,
    struct net_query_event *event)
{
	char room[16];

	if (event != NULL) {
		event->owner = &a->owner;
		event->name = a->q.name;
		event->type = dns_type_name(a->q.type, room);
		if (an->rcode != DNS_NOERROR)
			event->error = dns_rcode_name(an->rcode);
		if (netlog_query(a->dns->s, event) == -1) {
			nsess_fail(a->dns->s, "a look-up cannot be recorded");
			drop(a);
			return;
		}
	}
	/* a connection that fails forgets its questions: not this one */
	asked_unlink(a);
	send_answer(&a->client, &a->q, an);
	free(a);
}

void
dnsanswer_deny(struct dns_asked *a, const struct net_ruling *r)
{
	const char *values[TEMPLATE_MAX] = { [TEMPLATE_HOST] = a->q.name };
	char text[SAY_MAX];
	struct net_query_event event = { .ruling = r };
	struct dns_answer an = {
		.rcode = DNS_NXDOMAIN, .ede = EDE_BLOCKED, .ede_text = text
	};

	template_expand(text, sizeof(text), r->v.message, values);
	conclude(a, &an, &event);
}

/* Without records, because of what was asked for. */
void
dnsanswer_none(struct dns_asked *a, const struct net_ruling *r)
{
	struct net_query_event event = { .ruling = r, .allowed = true };
	struct dns_answer an = { .rcode = DNS_NOERROR, .ede = -1 };

	conclude(a, &an, &event);
}

void
dnsanswer_refuse(struct dns_asked *a, const char *reason, bool note)
{
	struct net_ruling r;
	struct net_query_event event = { .ruling = &r };
	struct dns_answer an = {
		.rcode = DNS_REFUSED, .ede = EDE_BLOCKED, .ede_text = reason
	};

	ruling_deny(&r, reason);
	conclude(a, &an, note ? &event : NULL);
}

/* The same before anything is known of who asks. */
void
dnsanswer_turn_away(struct dns *d, const struct dns_client *c,
    const struct dns_query *q, enum dns_excess what, uint64_t now)
{
	struct net_ruling r;
	struct net_query_event event = {
		.owner = &no_owner,
		.name = q->name,
		.ruling = &r,
		.error = dns_rcode_name(DNS_REFUSED),
	};
	char room[16];

	ruling_deny(&r, dns_excess_reason(what));
	event.type = dns_type_name(q->type, room);
	if (dnsbudget_note(d->budget, what, now) &&
	    netlog_query(d->s, &event) == -1)
		nsess_fail(d->s, "a look-up cannot be recorded");
	dnsanswer_rcode(c, q, DNS_REFUSED);
}

/* An address of ours, where the type asks for its family. */
static struct dns_reply *
own_reply(const struct dns_query *q, const uint8_t addr[16])
{
	struct dns_reply *r = calloc(1, sizeof(*r));

	if (r != NULL && q->type == (is_v4(addr) ? DNS_A : DNS_AAAA) &&
	    dnsmsg_add_address(r, q->name, addr, OWN_TTL) == -1) {
		free(r);
		r = NULL;
	}
	return r;
}

static void
reply_free(struct dns_reply *r)
{
	if (r != NULL)
		dnsmsg_reply_free(r);
	free(r);
}

/* RFC 6761, 6.3 */
void
dnsanswer_localhost(struct dns_asked *a)
{
	struct dns_reply *r = own_reply(&a->q,
	    a->q.type == DNS_AAAA ? loopback6 : loopback4);
	struct dns_answer an = {
		.rcode = r != NULL ? DNS_NOERROR : DNS_SERVFAIL,
		.reply = r,
		.ede = -1,
	};

	conclude(a, &an, NULL);
	reply_free(r);
}

static int
bind_address(struct dns *d, const char *name, const uint8_t addr[16],
    uint32_t ttl)
{
	uint64_t ms = (uint64_t)(ttl < DNS_TTL_MAX ? ttl : DNS_TTL_MAX) * 1000 +
	    DNS_BIND_MORE_MS;

	if (ms < DNS_BIND_MIN_MS)
		ms = DNS_BIND_MIN_MS;
	return names_bind(d->s->names, name, addr, clock_ms() + ms);
}

/* Can what a redirect answers be used? */
static bool
redirect_works(const struct dns_asked *a, const struct redirect *to,
    struct net_ruling *r)
{
	const struct nsess *s = a->dns->s;

	if (stays_inside(to->addr))
		return true;
	if (!is_v4(to->addr) && !s->has_ipv6)
		return false;
	decide_name(&s->image, a->q.name, r);
	if (!net_ruling_allows(r))
		return false;
	decide_answer(&s->image, a->q.name, to->addr, r);
	return net_ruling_allows(r);
}

static void
answer_redirect(struct dns_asked *a, const struct net_ruling *r,
    const struct redirect *to)
{
	struct dns_reply *reply = own_reply(&a->q, to->addr);
	char text[INET6_ADDRSTRLEN];
	const char *answer = text;
	struct net_query_event event = {
		.ruling = r,
		.answer = &answer,
		.nanswer = reply != NULL ? reply->n : 0,
		.redirected = text,
		.allowed = true,
	};
	struct dns_answer an = {
		.rcode = reply != NULL ? DNS_NOERROR : DNS_SERVFAIL,
		.reply = reply,
		.ede = to->tell == 2 ? EDE_FORGED : -1,
		.ede_text = r->v.rule_name,
	};

	ipport_addr_text(to->addr, text);
	if (reply != NULL && reply->n > 0 && !stays_inside(to->addr) &&
	    bind_address(a->dns, a->q.name, to->addr, OWN_TTL) == -1) {
		reply_free(reply);
		an.reply = reply = NULL;
		an.rcode = DNS_SERVFAIL;
	}
	conclude(a, &an, to->tell == 0 ? NULL : &event);
	reply_free(reply);
}

/* Is there a redirect, and was a answered by it? */
bool
dnsanswer_redirected(struct dns_asked *a)
{
	struct net_ruling r, why;
	struct redirect to;

	memset(&r, 0, sizeof(r));
	if (image_eval_redirect(&a->dns->s->image, FAMILY_DNS, a->q.name, &r.v,
		&to) == -1) {
		ruling_deny(&r, "redirect-failed");
		dnsanswer_deny(a, &r);
		return true;
	}
	if (r.v.decision != DECISION_REDIRECT)
		return false;
	r.said = DECISION_REDIRECT;
	if (redirect_works(a, &to, &why)) {
		answer_redirect(a, &r, &to);
		return true;
	}
	if (to.fail != 0)
		return false;
	r.v.decision = DECISION_DENY;
	r.reason = "redirect-failed";
	dnsanswer_deny(a, &r);
	return true;
}

/* Nothing is said to a name server before an operator was asked, who is asked for
 * a connection: what stands for the name leads to that. */
void
dnsanswer_hold(struct dns_asked *a, struct net_ruling *r)
{
	uint8_t addr[16];
	struct dns_reply *reply = NULL;
	char text[INET6_ADDRSTRLEN];
	const char *answer = text;
	struct net_query_event event = {
		.ruling = r, .answer = &answer, .allowed = true
	};
	struct dns_answer an = { .rcode = DNS_SERVFAIL, .ede = -1 };

	if (a->q.type != DNS_A && a->q.type != DNS_AAAA) {
		dnsanswer_refuse(a, "approval-first", true);
		return;
	}
	r->reason = "approval-first";
	if (held_address(a->dns->s->held, a->q.name, addr) == 0)
		reply = own_reply(&a->q, addr);
	if (reply != NULL) {
		ipport_addr_text(addr, text);
		event.nanswer = reply->n;
		an.rcode = DNS_NOERROR;
		an.reply = reply;
	}
	conclude(a, &an, &event);
	reply_free(reply);
}

bool
dns_alias_denied(const struct image *im, const char *name, struct net_ruling *r)
{
	struct net_ruling other;

	decide_name(im, name, r);
	if (net_ruling_allows(r) || r->v.rule == UINT32_MAX)
		return false;
	decide_name(im, nobody, &other);
	return net_ruling_allows(&other) || other.v.rule != r->v.rule;
}

struct sifted {
	bool keep[DNS_RECORDS_MAX];
	size_t nkept, nrefused;
	struct net_ruling refused; /* of the first that was */
	char text[ANSWERS_MAX][DNS_TEXT_MAX];
	const char *answer[ANSWERS_MAX];
	size_t nanswer;
};

static void
tell_record(struct sifted *s, const struct dns_record *rec)
{
	dnsmsg_text(rec, s->text[s->nanswer]);
	s->answer[s->nanswer] = s->text[s->nanswer];
	s->nanswer++;
}

static void
sift_address(struct dns_asked *a, const struct dns_record *rec, bool *keep,
    struct sifted *s)
{
	struct net_ruling r;

	decide_answer(&a->dns->s->image, a->q.name, rec->addr, &r);
	if (!net_ruling_allows(&r)) {
		if (s->nrefused++ == 0)
			s->refused = r;
		return;
	}
	if (rec->type == DNS_AAAA && !reach_has_route(rec->addr))
		return;
	if (bind_address(a->dns, a->q.name, rec->addr, rec->ttl) == -1)
		return;
	*keep = true;
	tell_record(s, rec);
}

/* Which records are given. 0; -1: an alias is denied, and all with it. */
static int
sift(struct dns_asked *a, const struct dns_reply *reply, struct sifted *s)
{
	const struct dns_record *rec;
	size_t i;

	for (i = 0; i < reply->n; i++)
		if (reply->record[i].type == DNS_CNAME &&
		    dns_alias_denied(&a->dns->s->image, reply->record[i].target,
			&s->refused))
			return -1;
	for (i = 0; i < reply->n; i++) {
		rec = &reply->record[i];
		if (rec->type == DNS_A || rec->type == DNS_AAAA) {
			sift_address(a, rec, &s->keep[i], s);
			s->nkept += s->keep[i];
			continue;
		}
		s->keep[i] = true;
		/* aliases on the way are no answer */
		if (rec->type == a->q.type)
			tell_record(s, rec);
	}
	return 0;
}

/* What came back for a question; the policy may be another one by now. */
void
dnsanswer_reply(struct dns_asked *a, const struct dns_reply *reply)
{
	struct sifted s = { .nkept = 0 };
	struct net_ruling r;
	struct net_query_event event = { .ruling = &r, .allowed = true };
	struct dns_answer an = {
		.rcode = reply->rcode, .reply = reply, .keep = s.keep, .ede = -1
	};

	decide_name(&a->dns->s->image, a->q.name, &r);
	if (!net_ruling_allows(&r)) {
		dnsanswer_deny(a, &r);
		return;
	}
	if (sift(a, reply, &s) == -1) {
		s.refused.reason = "alias-denied";
		dnsanswer_deny(a, &s.refused);
		return;
	}
	if (s.nkept == 0 && s.nrefused > 0) {
		dnsanswer_deny(a, &s.refused);
		return;
	}
	event.answer = s.answer;
	event.nanswer = s.nanswer;
	conclude(a, &an, &event);
}

void
dnsanswer_failed(struct dns_asked *a, const char *why)
{
	struct net_ruling r;
	struct net_query_event event = { .ruling = &r, .allowed = true };
	struct dns_answer an = { .rcode = DNS_SERVFAIL, .ede = -1 };

	decide_name(&a->dns->s->image, a->q.name, &r);
	if (!net_ruling_allows(&r)) {
		dnsanswer_deny(a, &r);
		return;
	}
	if (why != NULL)
		r.reason = why;
	conclude(a, &an, &event);
}
