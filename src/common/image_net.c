/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decisions about destinations. Names and addresses are each looked up by an
 * automaton, ports of rules with neither in a table; the first rule for which
 * all it names holds decides.
 */
#include <string.h>

#include "image_int.h"

#define HOST_MAX 255 /* bytes of a name, RFC 1035 */

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* An address as the automaton wants it: its family comes first. */
static void
addr_subject(const uint8_t *addr, char subject[17])
{
	subject[0] = memcmp(addr, mapped, sizeof(mapped)) == 0 ? 4 : 6;
	memcpy(subject + 1, addr, 16);
}

/* In lower case, without the final dot. 0 or -1. */
static int
host_subject(const char *host, char *subject, size_t *len)
{
	size_t i;

	*len = host == NULL ? 0 : strnlen(host, HOST_MAX + 1);
	if (*len > HOST_MAX)
		return -1;
	if (*len > 0 && host[*len - 1] == '.')
		(*len)--;
	for (i = 0; i < *len; i++)
		subject[i] = (char)(host[i] >= 'A' && host[i] <= 'Z' ?
			host[i] | 0x20 :
			host[i]);
	return 0;
}

/* The first of the rules that name neither domains nor addresses. */
static uint32_t
port_rule(const struct image *im, uint16_t port)
{
	const struct img_head *h = img_head(im);
	const struct img_port *p = img_at(im, h->port);
	uint32_t lo = 0, hi = h->nports, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (p[mid].port < port)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < h->nports && p[lo].port == port && p[lo].rule < h->port_any)
		return p[lo].rule;
	return h->port_any;
}

static bool
port_holds(const struct image *im, const struct img_network *part,
    uint16_t port)
{
	const uint16_t *p = img_at(im, part->ports);
	uint32_t lo = 0, hi = part->nports, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (p[mid] < port)
			lo = mid + 1;
		else
			hi = mid;
	}
	return part->nports == 0 || (lo < part->nports && p[lo] == port);
}

/* domains, addrs: rules whose own these are, whatever else they name. */
static uint32_t
first_rule(const struct image *im, struct img_rules *domains,
    struct img_rules *addrs, uint16_t port)
{
	const struct img_network *part = img_at(im,
	    img_family(im, FAMILY_NETWORK)->parts);
	uint32_t limit = port_rule(im, port), from, d, a, r;

	for (from = 0;; from = r + 1) {
		d = img_rules_next(domains, from);
		a = img_rules_next(addrs, from);
		r = d < a ? d : a;
		if (r >= limit)
			return limit;
		if ((part[r].has_domains != 0) == (r == d) &&
		    (part[r].has_cidrs != 0) == (r == a) &&
		    port_holds(im, &part[r], port))
			return r;
	}
}

static int
eval(const struct image *im, const struct net_query *q,
    uint64_t (*room)[IMG_MAX_WORDS], struct verdict *v)
{
	struct img_rules domains = { 0 }, addrs = { 0 };
	char host[HOST_MAX], addr[17];
	size_t len;

	if (host_subject(q->host, host, &len) == -1)
		return -1;
	if (len > 0)
		img_rules(im, IMG_AUTO_DOMAIN, host, len,
		    room == NULL ? NULL : room[0], &domains);
	if (q->addr != NULL) {
		addr_subject(q->addr, addr);
		img_rules(im, IMG_AUTO_CIDR, addr, sizeof(addr),
		    room == NULL ? NULL : room[1], &addrs);
	}
	img_verdict_set(im, FAMILY_NETWORK,
	    first_rule(im, &domains, &addrs, q->port), v);
	return 0;
}

static int __attribute__((noinline)) eval_with_room(const struct image *im,
    const struct net_query *q, struct verdict *v)
{
	uint64_t room[2][IMG_MAX_WORDS];

	return eval(im, q, room, v);
}

int
image_eval_network(const struct image *im, const struct net_query *q,
    struct verdict *v)
{
	static const uint8_t which[] = { IMG_AUTO_DOMAIN, IMG_AUTO_CIDR };

	img_verdict_preset(v, "default-deny-network");
	if (img_needs_room(im, which, sizeof(which)))
		return eval_with_room(im, q, v);
	return eval(im, q, NULL, v);
}

static bool
names_address(const struct img_network *part, const uint8_t *addr)
{
	uint32_t all = memcmp(addr, mapped, sizeof(mapped)) == 0 ?
	    IMG_CIDRS_ALL4 :
	    IMG_CIDRS_ALL6;

	return part->has_cidrs != 0 && (part->has_cidrs & all) == 0;
}

/* The ports, from 1 on, for which an earlier rule decides. */
struct taken {
	uint64_t bits[(UINT16_MAX + 1) / 64];
	uint32_t n;
};

/* Is a port of the rule's still to be decided? take: it decides. */
static bool
ports_left(const struct image *im, const struct img_network *part, bool take,
    struct taken *t)
{
	const uint16_t *p = img_at(im, part->ports);
	bool left = false;
	uint64_t bit;
	uint32_t i;

	if (part->nports == 0)
		return t->n < UINT16_MAX;
	for (i = 0; i < part->nports; i++) {
		bit = UINT64_C(1) << (p[i] % 64);
		if (p[i] == 0 || (t->bits[p[i] / 64] & bit) != 0)
			continue;
		left = true;
		if (!take)
			break;
		t->bits[p[i] / 64] |= bit;
		t->n++;
	}
	return left;
}

/* What is found on the way through the rules; IMG_NONE each. */
struct found {
	uint32_t allow;
	uint32_t approve;
	uint32_t rest; /* decides for all ports that were left */
};

static void
find_any(const struct image *im, const struct net_query *q, bool naming,
    struct img_rules *domains, struct img_rules *addrs, struct found *f)
{
	const struct img_family *family = img_family(im, FAMILY_NETWORK);
	const struct img_network *part = img_at(im, family->parts);
	const struct img_rule *rule = img_at(im, family->rules);
	struct taken taken = { 0 };
	enum decision d;
	bool certain;
	uint32_t r;

	for (r = 0; r < family->nrules && f->allow == IMG_NONE; r++) {
		if (part[r].has_domains != 0 && img_rules_next(domains, r) != r)
			continue;
		certain = part[r].has_cidrs == 0 || q->addr != NULL;
		if (part[r].has_cidrs != 0 && certain &&
		    img_rules_next(addrs, r) != r)
			continue;
		if (!ports_left(im, &part[r], certain, &taken))
			continue;
		d = naming && !names_address(&part[r], q->addr) ?
		    DECISION_DENY :
		    (enum decision)rule[r].decision;
		if (d == DECISION_ALLOW || d == DECISION_AUDIT)
			f->allow = r;
		else if (d == DECISION_APPROVE && f->approve == IMG_NONE)
			f->approve = r;
		if (certain && part[r].nports == 0) {
			f->rest = r;
			break;
		}
	}
}

static int __attribute__((noinline))
eval_any(const struct image *im, const struct net_query *q, bool naming,
    uint64_t (*room)[IMG_MAX_WORDS], struct verdict *v)
{
	struct found f = { IMG_NONE, IMG_NONE, IMG_NONE };
	struct img_rules domains = { 0 }, addrs = { 0 };
	char host[HOST_MAX], addr[17];
	size_t len;

	if (host_subject(q->host, host, &len) == -1)
		return -1;
	if (len > 0)
		img_rules(im, IMG_AUTO_DOMAIN, host, len, room[0], &domains);
	if (q->addr != NULL) {
		addr_subject(q->addr, addr);
		img_rules(im, IMG_AUTO_CIDR, addr, sizeof(addr), room[1],
		    &addrs);
	}
	find_any(im, q, naming, &domains, &addrs, &f);
	if (f.allow != IMG_NONE || f.approve != IMG_NONE) {
		img_verdict_set(im, FAMILY_NETWORK,
		    f.allow != IMG_NONE ? f.allow : f.approve, v);
		return 0;
	}
	img_verdict_set(im, FAMILY_NETWORK, f.rest, v);
	v->decision = DECISION_DENY;
	return 0;
}

int
image_eval_network_any(const struct image *im, const struct net_query *q,
    bool naming, struct verdict *v)
{
	uint64_t room[2][IMG_MAX_WORDS];

	img_verdict_preset(v, "default-deny-network");
	if (naming && q->addr == NULL)
		return -1;
	return eval_any(im, q, naming, room, v);
}

void
image_network_selectors(const struct image *im, const struct verdict *v,
    const uint8_t addr[16], struct net_selectors *s)
{
	const struct img_family *family = img_family(im, FAMILY_NETWORK);
	const struct img_network *part = img_at(im, family->parts);

	memset(s, 0, sizeof(*s));
	if (v->rule >= family->nrules)
		return;
	part += v->rule;
	s->domains = part->has_domains != 0;
	s->ports = part->nports != 0;
	s->cidrs = part->has_cidrs != 0;
	s->naming = names_address(part, addr);
}

bool
image_redirects_to(const struct image *im, const char *path)
{
	const struct img_family *f = img_family(im, FAMILY_CONNECT);
	const struct img_redirect *part = img_at(im, f->parts);
	uint32_t i;

	for (i = 0; i < f->nrules; i++, part++) {
		if (path[0] != '\0' &&
		    strcmp(img_string(im, part->to_unix), path) == 0)
			return true;
	}
	return false;
}
