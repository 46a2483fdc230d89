/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The patterns of one automaton: rows of elements, each a number of a set of
 * bytes. From all sets together follow the classes of bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "automaton.h"
#include "fnv.h"

#define GLOBS_MAX_ELEMS 1000000 /* of one automaton */

int
grow(void *array, size_t *cap, size_t need, size_t size)
{
	void **p = array, *q;
	size_t n = *cap;

	if (need <= n)
		return 0;
	n = n < 64 ? 64 : n + n / 2;
	if (n < need)
		n = need;
	q = reallocarray(*p, n, size);
	if (q == NULL)
		return -1;
	*p = q;
	*cap = n;
	return 0;
}

void
globs_init(struct globs *g, uint32_t nops, bool lists)
{
	memset(g, 0, sizeof(*g));
	g->nops = nops;
	g->lists = lists;
	g->catchall = IMG_NONE;
	g->loader = IMG_NONE;
}

void
globs_free(struct globs *g)
{
	free(g->code);
	free(g->pattern);
	free(g->set);
	free(g->slot);
	free(g->member);
	free(g->memberat);
	memset(g, 0, sizeof(*g));
}

static size_t
set_slot(const struct globs *g, const struct byteset *s)
{
	uint64_t h = FNV_INIT;
	size_t i;

	for (i = 0; i < 4; i++) {
		h = fnv_step(h, s->w[i]);
		h ^= h >> 31;
	}
	return (size_t)h & (g->nslots - 1);
}

static int
set_rehash(struct globs *g)
{
	uint16_t *slot;
	size_t i, h, n = g->nslots == 0 ? 128 : g->nslots * 2;

	slot = calloc(n, sizeof(*slot));
	if (slot == NULL)
		return -1;
	free(g->slot);
	g->slot = slot;
	g->nslots = n;
	for (i = 0; i < g->nsets; i++) {
		h = set_slot(g, &g->set[i]);
		while (slot[h] != 0)
			h = (h + 1) & (n - 1);
		slot[h] = (uint16_t)(i + 1);
	}
	return 0;
}

/* The number of a set. */
static int
add_set(struct globs *g, const struct byteset *s, uint16_t *id,
    const char **what)
{
	size_t h;

	*what = "out of memory";
	if (g->nsets * 2 >= g->nslots && set_rehash(g) == -1)
		return -1;
	for (h = set_slot(g, s); g->slot[h] != 0;
	     h = (h + 1) & (g->nslots - 1)) {
		*id = (uint16_t)(g->slot[h] - 1);
		if (memcmp(&g->set[*id], s, sizeof(*s)) == 0)
			return 0;
	}
	if (grow(&g->set, &g->scap, g->nsets + 1, sizeof(*s)) == -1)
		return -1;
	*what = "too many different sets in all globs";
	if (g->nsets >= ELEM_MAX_SETS)
		return -1;
	*id = (uint16_t)g->nsets;
	g->set[g->nsets++] = *s;
	g->slot[h] = (uint16_t)g->nsets;
	return 0;
}

int
globs_elem(struct globs *g, size_t base, bool loop, const struct byteset *s,
    const char **what)
{
	struct byteset both = *s;
	uint16_t id, prev;
	size_t i;

	/* two loops in a row are one: their sets always contain each other */
	if (loop && g->ncodes > base) {
		prev = g->code[g->ncodes - 1];
		if ((prev & ELEM_LOOP) != 0) {
			for (i = 0; i < 4; i++)
				both.w[i] |= g->set[prev / 2].w[i];
			g->ncodes--;
		}
	}
	if (add_set(g, &both, &id, what) == -1)
		return -1;
	*what = "out of memory";
	if (grow(&g->code, &g->cap, g->ncodes + 1, sizeof(*g->code)) == -1)
		return -1;
	*what = "all globs together are too long";
	if (g->ncodes >= GLOBS_MAX_ELEMS)
		return -1;
	g->code[g->ncodes++] = (uint16_t)(id * 2 + loop);
	return 0;
}

int
globs_pattern(struct globs *g, size_t base, const struct glob_owner *owner,
    const char **what)
{
	struct pattern *p;

	*what = "out of memory";
	if (grow(&g->pattern, &g->pcap, g->npatterns + 1, sizeof(*p)) == -1)
		return -1;
	p = &g->pattern[g->npatterns++];
	memset(p, 0, sizeof(*p));
	p->first = (uint32_t)base;
	p->n = (uint32_t)(g->ncodes - base);
	p->rule = owner->rule;
	p->ops = owner->ops;
	p->sure = owner->sure;
	return 0;
}

bool
byteset_is_all(const struct byteset *s)
{
	return (s->w[0] & s->w[1] & s->w[2] & s->w[3]) == ~UINT64_C(0);
}

static bool
has_byte(const struct byteset *s, size_t byte)
{
	return (s->w[byte / 64] >> (byte % 64) & 1) != 0;
}

static void
classify_bytes(struct globs *g)
{
	uint8_t next[256];
	int made[256][2];
	size_t i, b;
	uint32_t n;
	int *m;

	memset(g->classes, 0, sizeof(g->classes));
	g->nclasses = 1;
	for (i = 0; i < g->nsets && g->nclasses < 256; i++) {
		memset(made, 0xff, sizeof(made));
		n = 0;
		for (b = 0; b < 256; b++) {
			m = &made[g->classes[b]][has_byte(&g->set[i], b)];
			if (*m == -1)
				*m = (int)n++;
			next[b] = (uint8_t)*m;
		}
		g->nclasses = n;
		memcpy(g->classes, next, sizeof(next));
	}
}

/* Operations that every pattern has together, or neither. */
static void
classify_ops(struct globs *g)
{
	uint32_t op, other, ops;
	size_t i;

	g->nopclasses = 0;
	for (op = 0; op < g->nops; op++) {
		for (other = 0; other < op; other++) {
			for (i = 0; i < g->npatterns; i++) {
				ops = g->pattern[i].ops;
				if ((ops >> op & 1) != (ops >> other & 1))
					break;
			}
			if (i == g->npatterns)
				break;
		}
		g->opclass[op] = other < op ? g->opclass[other] :
					      (uint8_t)g->nopclasses++;
	}
	for (i = 0; i < g->npatterns; i++) {
		ops = 0;
		for (op = 0; op < g->nops; op++)
			ops |= (g->pattern[i].ops >> op & 1) << g->opclass[op];
		g->pattern[i].ops = ops;
	}
}

int
globs_classify(struct globs *g)
{
	size_t i, b, n = 0, cap = 0;
	bool seen[256];

	classify_bytes(g);
	classify_ops(g);
	g->memberat = calloc(g->nsets + 1, sizeof(*g->memberat));
	if (g->memberat == NULL)
		return -1;
	for (i = 0; i < g->nsets; i++) {
		if (grow(&g->member, &cap, n + g->nclasses, 1) == -1)
			return -1;
		memset(seen, 0, sizeof(seen));
		for (b = 0; b < 256; b++) {
			if (!has_byte(&g->set[i], b) || seen[g->classes[b]])
				continue;
			seen[g->classes[b]] = true;
			g->member[n++] = g->classes[b];
		}
		g->memberat[i + 1] = (uint32_t)n;
	}
	return 0;
}
