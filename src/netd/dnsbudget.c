/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Budgets of look-ups. All of it is bounded, and what does not fit is refused or
 * counted as new: never the other way.
 */
#include <sys/random.h>

#include <stdlib.h>
#include <string.h>

#include "fnv.h"

#include "dnsbudget.h"

#define MINUTE 60000
#define PROBES 8     /* of a hash, before the table counts as full */
#define DOMAINS 4096 /* with new names within a minute */
#define KNOWN_SLOTS (2 * DNS_KNOWN)
#define MILLI 1000

/* New names within a minute that began with the first of them. */
struct domain {
	uint64_t hash; /* of rule and suffix */
	uint64_t since;
	uint64_t names; /* 0: not in use */
};

struct dns_budget {
	const struct dns_limits *limits;
	uint64_t seed;
	uint64_t tokens;		/* thousandths of a question */
	uint64_t filled;		/* when tokens was true */
	uint64_t noted[DNS_EXCESS_MAX]; /* no event before; 0: none so far */
	struct domain all;
	struct domain domain[DOMAINS];
	uint64_t known[KNOWN_SLOTS]; /* hashes of names; 0: none */
	size_t nknown;
};

struct dns_budget *
dnsbudget_new(const struct dns_limits *limits)
{
	struct dns_budget *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->limits = limits;
	b->tokens = limits->rate * DNS_BURST_SECONDS * MILLI;
	if (getrandom(&b->seed, sizeof(b->seed), 0) != sizeof(b->seed)) {
		free(b);
		return NULL;
	}
	return b;
}

void
dnsbudget_free(struct dns_budget *b)
{
	free(b);
}

bool
dnsbudget_question(struct dns_budget *b, uint64_t now)
{
	uint64_t full = b->limits->rate * DNS_BURST_SECONDS * MILLI;
	uint64_t passed;

	if (b->limits->rate == 0)
		return true;
	if (b->filled == 0)
		b->filled = now;
	passed = now > b->filled ? now - b->filled : 0;
	b->filled = now;
	if (passed > DNS_BURST_SECONDS * MILLI)
		passed = DNS_BURST_SECONDS * MILLI;
	b->tokens += passed * b->limits->rate;
	if (b->tokens > full)
		b->tokens = full;
	if (b->tokens < MILLI)
		return false;
	b->tokens -= MILLI;
	return true;
}

static uint64_t
hash_of(const struct dns_budget *b, uint64_t more, const char *text)
{
	uint64_t h = fnv_str(fnv_step(FNV_INIT ^ b->seed, more), text);

	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ULL;
	h ^= h >> 29;
	return h != 0 ? h : 1;
}

static const char *
suffix_of(const char *name)
{
	const char *p = name + strlen(name);
	int labels = 0;

	while (p > name) {
		if (p[-1] == '.' && ++labels == DNS_SUFFIX_LABELS)
			break;
		p--;
	}
	return p;
}

/* Where the hash of a name is, or is to be. */
static uint64_t *
known_slot(struct dns_budget *b, uint64_t hash)
{
	size_t at = (size_t)(hash % KNOWN_SLOTS);

	while (b->known[at] != 0 && b->known[at] != hash)
		at = (at + 1) % KNOWN_SLOTS;
	return &b->known[at];
}

static void
known_add(struct dns_budget *b, uint64_t hash)
{
	if (b->nknown == DNS_KNOWN) {
		memset(b->known, 0, sizeof(b->known));
		b->nknown = 0;
	}
	*known_slot(b, hash) = hash;
	b->nknown++;
}

static struct domain *
domain_find(struct dns_budget *b, uint64_t hash, uint64_t now)
{
	struct domain *d, *unused = NULL;
	size_t i;

	for (i = 0; i < PROBES; i++) {
		d = &b->domain[(hash + i) % DOMAINS];
		if (d->names > 0 && d->hash == hash)
			return d;
		if (unused == NULL &&
		    (d->names == 0 || now - d->since >= MINUTE))
			unused = d;
	}
	if (unused != NULL) {
		unused->hash = hash;
		unused->names = 0;
	}
	return unused;
}

static bool
has_room(struct domain *d, uint64_t max, uint64_t now)
{
	if (d->names == 0 || now - d->since >= MINUTE) {
		d->since = now;
		d->names = 0;
	}
	return d->names < max;
}

enum dns_excess
dnsbudget_name(struct dns_budget *b, uint32_t rule, const char *name,
    uint64_t now)
{
	uint64_t max = b->limits->names;
	uint64_t hash = hash_of(b, 0, name);
	struct domain *d;

	if (b->limits->name_max != 0 && strlen(name) > b->limits->name_max)
		return DNS_NAME_TOO_LONG;
	if (max == 0)
		return DNS_WITHIN;
	if (*known_slot(b, hash) == hash)
		return DNS_WITHIN;
	d = domain_find(b, hash_of(b, 1 + (uint64_t)rule, suffix_of(name)),
	    now);
	if (d != NULL && has_room(d, max, now) &&
	    has_room(&b->all, max * DNS_DOMAINS_FACTOR, now)) {
		d->names++;
		b->all.names++;
		known_add(b, hash);
		return DNS_WITHIN;
	}
	return DNS_TOO_MANY_NAMES;
}

bool
dnsbudget_note(struct dns_budget *b, enum dns_excess what, uint64_t now)
{
	if (b->noted[what] != 0 && now < b->noted[what])
		return false;
	b->noted[what] = now + DNS_NOTE_MS;
	return true;
}

const char *
dns_excess_reason(enum dns_excess what)
{
	switch (what) {
	case DNS_TOO_MANY_QUERIES:
		return "too-many-queries";
	case DNS_TOO_MANY_PENDING:
		return "too-many-pending";
	case DNS_TOO_MANY_NAMES:
		return "too-many-names";
	case DNS_NAME_TOO_LONG:
		return "name-too-long";
	case DNS_WITHIN:
	case DNS_EXCESS_MAX:
		break;
	}
	return "";
}
