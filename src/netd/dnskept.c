/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What name servers have answered, kept for a session as long as they said that it
 * is true. It is decided about like what has just come, each time; nobody but the
 * session that asked for it gets it.
 */
#include <ldns/ldns.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns.h"
#include "dnskept.h"

struct kept {
	TAILQ_ENTRY(kept) entry; /* the first was used last */
	char name[NET_NAME_MAX + 1];
	uint16_t type;
	uint64_t since, until;
	size_t n;
	struct dns_record record[];
};

struct dns_kept {
	TAILQ_HEAD(kept_list, kept) all;
	size_t n;
	struct dns_reply out; /* of dnskept_find; its records are the kept's */
};

static void
drop(struct dns_kept *d, struct kept *k)
{
	size_t i;

	TAILQ_REMOVE(&d->all, k, entry);
	d->n--;
	for (i = 0; i < k->n; i++)
		ldns_rr_free(k->record[i].rr);
	free(k);
}

struct dns_kept *
dnskept_new(void)
{
	struct dns_kept *d = calloc(1, sizeof(*d));

	if (d != NULL)
		TAILQ_INIT(&d->all);
	return d;
}

void
dnskept_free(struct dns_kept *d)
{
	if (d == NULL)
		return;
	while (!TAILQ_EMPTY(&d->all))
		drop(d, TAILQ_FIRST(&d->all));
	free(d);
}

static struct kept *
find(struct dns_kept *d, const char *name, uint16_t type)
{
	struct kept *k;

	TAILQ_FOREACH(k, &d->all, entry) {
		if (k->type == type && strcmp(k->name, name) == 0)
			return k;
	}
	return NULL;
}

/* Seconds; 0: not at all. */
static uint32_t
ttl_of(const struct dns_reply *r)
{
	uint32_t ttl = DNS_KEEP_MAX;
	size_t i;

	if (r->rcode != DNS_NOERROR || r->n == 0)
		return 0;
	for (i = 0; i < r->n; i++) {
		if (r->record[i].ttl < ttl)
			ttl = r->record[i].ttl;
	}
	return ttl;
}

void
dnskept_add(struct dns_kept *d, const char *name, uint16_t type,
    const struct dns_reply *r, uint64_t now)
{
	struct kept *k = find(d, name, type);
	uint32_t ttl = ttl_of(r);
	size_t i;

	if (k != NULL)
		drop(d, k);
	if (ttl == 0)
		return;
	k = calloc(1, sizeof(*k) + r->n * sizeof(k->record[0]));
	if (k == NULL)
		return;
	snprintf(k->name, sizeof(k->name), "%s", name);
	k->type = type;
	k->since = now;
	k->until = k->since + (uint64_t)ttl * 1000;
	TAILQ_INSERT_HEAD(&d->all, k, entry);
	d->n++;
	for (i = 0; i < r->n; i++) {
		k->record[i] = r->record[i];
		k->record[i].rr = ldns_rr_clone(r->record[i].rr);
		k->n++;
		if (k->record[i].rr == NULL) {
			drop(d, k);
			return;
		}
	}
	if (d->n > DNS_KEPT)
		drop(d, TAILQ_LAST(&d->all, kept_list));
}

const struct dns_reply *
dnskept_find(struct dns_kept *d, const char *name, uint16_t type, uint64_t now)
{
	struct kept *k = find(d, name, type);
	size_t i;

	if (k == NULL)
		return NULL;
	if (now >= k->until) {
		drop(d, k);
		return NULL;
	}
	TAILQ_REMOVE(&d->all, k, entry);
	TAILQ_INSERT_HEAD(&d->all, k, entry);
	d->out.rcode = DNS_NOERROR;
	d->out.n = k->n;
	memcpy(d->out.record, k->record, k->n * sizeof(k->record[0]));
	for (i = 0; i < k->n; i++)
		d->out.record[i].ttl -= (uint32_t)((now - k->since) / 1000);
	return &d->out;
}
