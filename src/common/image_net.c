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
