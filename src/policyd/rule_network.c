/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network_rules: domains, addresses and ports.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"
#include "units.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static int
parse_domain(struct parser *p, const struct ynode *v, char **out)
{
	struct in_addr a;
	const char *what = "";
	char *text;

	text = vars_expand(p->vars, v->text, &what);
	if (text != NULL)
		*out = domain_normal(text, &what);
	free(text);
	if (*out == NULL)
		return parse_error(p, v, "domains: %.256s: %s", v->text, what);
	if (inet_pton(AF_INET, *out, &a) == 1)
		parse_warn(p, v,
		    "domains: %.64s: an address has no name: write cidrs",
		    *out);
	return 0;
}

static int
parse_domains(struct parser *p, const struct ynode *list, struct words *w)
{
	const struct ynode *v;

	if (list == NULL)
		return 0;
	w->v = calloc(list->n + 1, sizeof(*w->v));
	if (w->v == NULL)
		return parse_no_memory(p, list);
	for (v = list->first; v != NULL; v = v->next) {
		if (value_word(p, v, "domains") == -1)
			return -1;
		if (++p->rules->nglobs > POLICY_MAX_GLOBS)
			return parse_error(p, v,
			    "domains: more than %d in all rules",
			    POLICY_MAX_GLOBS);
		if (parse_domain(p, v, &w->v[w->n]) == -1)
			return -1;
		w->n++;
	}
	return 0;
}

/* Clears what is beyond the prefix; was there anything? */
static bool
cidr_mask(struct cidr *c)
{
	bool had = false;
	uint32_t i;
	uint8_t bit;

	for (i = c->bits; i < 128; i++) {
		bit = (uint8_t)(0x80U >> (i % 8));
		had = had || (c->addr[i / 8] & bit) != 0;
		c->addr[i / 8] = (uint8_t)(c->addr[i / 8] & ~bit);
	}
	return had;
}

bool
cidr_is_mapped(const struct cidr *c)
{
	return c->bits >= 96 && memcmp(c->addr, mapped, sizeof(mapped)) == 0;
}

static void
cidr_text(char *dst, size_t size, const struct cidr *c)
{
	char addr[INET6_ADDRSTRLEN];

	if (cidr_is_mapped(c)) {
		inet_ntop(AF_INET, c->addr + 12, addr, sizeof(addr));
		snprintf(dst, size, "%s/%u", addr, c->bits - 96);
		return;
	}
	inet_ntop(AF_INET6, c->addr, addr, sizeof(addr));
	snprintf(dst, size, "%s/%u", addr, c->bits);
}

static int
parse_cidr(struct parser *p, const struct ynode *v, struct cidr *c)
{
	char addr[64], text[64];
	const char *slash = strchr(v->text, '/');
	size_t len = slash == NULL ? strlen(v->text) :
				     (size_t)(slash - v->text);
	uint64_t bits = 0;
	uint32_t max;

	snprintf(addr, sizeof(addr), "%.*s",
	    (int)(len < sizeof(addr) ? len : sizeof(addr) - 1), v->text);
	if (inet_pton(AF_INET, addr, c->addr + 12) == 1) {
		memcpy(c->addr, mapped, sizeof(mapped));
		max = 32;
	} else if (inet_pton(AF_INET6, addr, c->addr) == 1) {
		max = 128;
	} else {
		return parse_error(p, v,
		    "cidrs: \"%.64s\" is no network, write 10.0.0.0/8 or "
		    "fd00::/8",
		    v->text);
	}
	if (slash == NULL)
		return parse_error(p, v,
		    "cidrs: \"%.64s\" has no prefix, did you mean "
		    "\"%.64s/%u\"?",
		    v->text, v->text, max);
	if (units_int(slash + 1, 10, &bits) == -1 || bits > max)
		return parse_error(p, v,
		    "cidrs: %.64s: the prefix is a number from 0 to %u",
		    v->text, max);
	c->bits = (uint32_t)bits + (128 - max);
	if (cidr_mask(c)) {
		cidr_text(text, sizeof(text), c);
		parse_warn(p, v, "cidrs: %.64s: means %s", v->text, text);
	}
	return 0;
}

static int
parse_cidrs(struct parser *p, const struct ynode *list, struct network_part *n)
{
	const struct ynode *v;

	if (list == NULL)
		return 0;
	n->cidr = calloc(list->n + 1, sizeof(*n->cidr));
	if (n->cidr == NULL)
		return parse_no_memory(p, list);
	for (v = list->first; v != NULL; v = v->next) {
		if (value_word(p, v, "cidrs") == -1 ||
		    parse_cidr(p, v, &n->cidr[n->ncidrs]) == -1)
			return -1;
		n->ncidrs++;
	}
	return 0;
}

static int
parse_ports(struct parser *p, const struct ynode *list, struct network_part *n)
{
	const struct ynode *v;
	uint64_t port;

	if (list == NULL)
		return 0;
	n->port = calloc(list->n + 1, sizeof(*n->port));
	if (n->port == NULL)
		return parse_no_memory(p, list);
	for (v = list->first; v != NULL; v = v->next) {
		if (value_word(p, v, "ports") == -1)
			return -1;
		if (!v->plain || units_int(v->text, 10, &port) == -1 ||
		    port == 0 || port > 65535)
			return parse_error(p, v,
			    "ports: \"%.64s\" is no number from 1 to 65535",
			    v->text);
		n->port[n->nports++] = (uint16_t)port;
	}
	return 0;
}

int
rule_network_parse(struct parser *p, const struct ynode *map, struct rule *r)
{
	struct network_part *n = &r->network;

	if (parse_domains(p, schema_value(map, KEY_NETWORK_domains),
		&n->domains) == -1 ||
	    parse_ports(p, schema_value(map, KEY_NETWORK_ports), n) == -1 ||
	    parse_cidrs(p, schema_value(map, KEY_NETWORK_cidrs), n) == -1)
		return -1;
	r->decision = (enum decision)schema_choice(schema_value(map,
						       KEY_NETWORK_decision),
	    SET_NETWORK, DECISION_DENY);
	return rule_answer(p, schema_value(map, KEY_NETWORK_message),
	    schema_value(map, KEY_NETWORK_timeout), FAMILY_NETWORK, r);
}

static bool
covers_domains(const struct words *a, const struct words *b)
{
	size_t i, j;

	if (a->n == 0)
		return true;
	for (j = 0; j < b->n; j++) {
		for (i = 0; i < a->n; i++) {
			if (strcmp(a->v[i], "**") == 0 ||
			    strcmp(a->v[i], b->v[j]) == 0)
				break;
		}
		if (i == a->n)
			return false;
	}
	return b->n > 0;
}

static bool
covers_ports(const struct network_part *a, const struct network_part *b)
{
	size_t i, j;

	if (a->nports == 0)
		return true;
	for (j = 0; j < b->nports; j++) {
		for (i = 0; i < a->nports; i++) {
			if (a->port[i] == b->port[j])
				break;
		}
		if (i == a->nports)
			return false;
	}
	return b->nports > 0;
}

static bool
covers_cidrs(const struct network_part *a, const struct network_part *b)
{
	struct cidr c;
	size_t i, j;

	if (a->ncidrs == 0)
		return true;
	for (j = 0; j < b->ncidrs; j++) {
		for (i = 0; i < a->ncidrs; i++) {
			/* ::/0 has no address of IPv4 */
			if (cidr_is_mapped(&a->cidr[i]) !=
			    cidr_is_mapped(&b->cidr[j]))
				continue;
			c = b->cidr[j];
			c.bits = a->cidr[i].bits;
			(void)cidr_mask(&c);
			if (a->cidr[i].bits <= b->cidr[j].bits &&
			    memcmp(c.addr, a->cidr[i].addr, 16) == 0)
				break;
		}
		if (i == a->ncidrs)
			return false;
	}
	return b->ncidrs > 0;
}

bool
rule_network_covers(const struct rule *ra, const struct rule *rb,
    uint32_t *budget)
{
	const struct network_part *a = &ra->network, *b = &rb->network;

	return cover_spend(budget,
		   a->domains.n * b->domains.n + a->nports * b->nports +
		       128 * a->ncidrs * b->ncidrs) &&
	    covers_domains(&a->domains, &b->domains) && covers_ports(a, b) &&
	    covers_cidrs(a, b);
}

void
rule_network_print(struct printer *o, const struct rule *r)
{
	const struct network_part *n = &r->network;
	char text[64];
	size_t i;

	if (n->domains.n > 0)
		print_list(o, KEY_NETWORK_domains, n->domains.v, n->domains.n);
	if (n->nports > 0)
		print_items(o, KEY_NETWORK_ports);
	for (i = 0; i < n->nports; i++) {
		snprintf(text, sizeof(text), "%u", n->port[i]);
		print_item(o, text);
	}
	if (n->ncidrs > 0)
		print_items(o, KEY_NETWORK_cidrs);
	for (i = 0; i < n->ncidrs; i++) {
		cidr_text(text, sizeof(text), &n->cidr[i]);
		print_quoted(o, text);
	}
	print_plain(o, KEY_NETWORK_decision,
	    schema_word(SET_NETWORK, r->decision));
	print_answer(o, r, KEY_NETWORK_message, KEY_NETWORK_timeout);
}

void
rule_network_free(struct rule *r)
{
	words_free(&r->network.domains);
	free(r->network.cidr);
	free(r->network.port);
}
