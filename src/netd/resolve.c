/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Look-ups for netd's own use. They reach name servers as those do that a session
 * asks for, and count as such: by their budgets, and by aliases that are denied.
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"

#include "dns.h"
#include "resolve.h"

struct resolve_ask {
	TAILQ_ENTRY(resolve_ask) entry;
	struct dns *dns;
	struct lookup *lookup[2]; /* of A and AAAA */
	size_t waiting;
	bool denied; /* an alias is */
	resolve_cb cb;
	void *arg;
	size_t n;
	uint8_t addr[RESOLVE_MAX][16];
	struct part {
		struct resolve_ask *ask;
		size_t which;
	} part[2];
};

void
resolve_forget(struct resolve_ask *r)
{
	TAILQ_REMOVE(&r->dns->resolving, r, entry);
	r->dns->nresolving--;
	resolver_forget(r->lookup[0]);
	resolver_forget(r->lookup[1]);
	free(r);
}

void
dnsresolve_stop(struct dns *d)
{
	while (!TAILQ_EMPTY(&d->resolving))
		resolve_forget(TAILQ_FIRST(&d->resolving));
}

static void
take(struct resolve_ask *r, const struct dns_reply *reply)
{
	const struct dns_record *rec;
	struct net_ruling ruling;
	size_t i;

	for (i = 0; i < reply->n; i++) {
		rec = &reply->record[i];
		if (rec->type == DNS_CNAME)
			r->denied |= dns_alias_denied(&r->dns->s->image,
			    rec->target, &ruling);
		else if (r->n < RESOLVE_MAX)
			memcpy(r->addr[r->n++], rec->addr, 16);
	}
}

static void
part_cb(void *arg, struct dns_reply *reply)
{
	const struct part *p = arg;
	struct resolve_ask *r = p->ask;
	uint8_t addr[RESOLVE_MAX][16];
	resolve_cb cb = r->cb;
	void *cb_arg = r->arg;
	size_t n;

	r->lookup[p->which] = NULL;
	if (reply != NULL) {
		take(r, reply);
		dnsmsg_reply_free(reply);
		free(reply);
	}
	if (--r->waiting > 0)
		return;
	n = r->denied ? 0 : r->n;
	memcpy(addr, r->addr, sizeof(addr));
	resolve_forget(r);
	cb(cb_arg, (const uint8_t(*)[16])addr, n);
}

struct resolve_ask *
resolve_start(struct nsess *s, const char *name, resolve_cb cb, void *arg)
{
	static const uint16_t type[2] = { DNS_A, DNS_AAAA };
	struct dns *d = s->dns;
	struct resolve_ask *r;
	struct net_ruling ruling;
	uint64_t now = clock_ms();
	size_t i;

	decide_name(&s->image, name, &ruling);
	if (d->nresolving == DNS_PENDING ||
	    !dnsbudget_question(d->budget, now) ||
	    dnsbudget_name(d->budget, ruling.v.rule, name, now) != DNS_WITHIN ||
	    (r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	r->dns = d;
	r->cb = cb;
	r->arg = arg;
	TAILQ_INSERT_TAIL(&d->resolving, r, entry);
	d->nresolving++;
	for (i = 0; i < (s->has_ipv6 ? 2 : 1); i++) {
		r->part[i].ask = r;
		r->part[i].which = i;
		r->lookup[i] = resolver_ask(s->base, &s->dns_conf->upstream,
		    name, type[i], part_cb, &r->part[i]);
		if (r->lookup[i] == NULL) {
			resolve_forget(r);
			return NULL;
		}
		r->waiting++;
	}
	return r;
}
