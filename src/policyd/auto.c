/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One automaton from its patterns: a DFA of all of them where that is small;
 * else up to three, of patterns that do not multiply each other's states; what
 * makes even these large is stepped through as bit sets.
 */
#include <string.h>

#include "automaton.h"

#define HITS_MIN 32 /* rules that match for ever, before they are apart */

enum auto_force auto_force = AUTO_BEST;

/* One DFA up to here; two, or one where two make no sense, up to there. */
static const struct dfa_limits limits_small = { 131072, 65536 };
static const struct dfa_limits limits_large = { 4194304, 2097152 };
/* of tests */
static const struct dfa_limits limits_tight = { 80, 30 };
static const struct dfa_limits limits_tighter = { 120, 40 };

/* Is it an element that many bytes can go on in? */
static bool
is_wide_loop(const struct globs *g, uint16_t code)
{
	return (code & ELEM_LOOP) != 0 &&
	    g->memberat[code / 2 + 1] - g->memberat[code / 2] > 1;
}

/*
 * How much a pattern can multiply states: 0, it is one word, or ends in **; 1,
 * there is one place with any number of bytes; 2, there are more. What all
 * patterns can begin with, ** and the rest of one part, counts for nothing.
 */
static unsigned
hardness(const struct globs *g, const struct pattern *p)
{
	const uint16_t *code = g->code + p->first;
	unsigned n = 0;
	uint32_t i = 0;

	if (p->n > 0 && is_wide_loop(g, code[0]))
		i = 1;
	for (; i < p->n; i++) {
		if (!is_wide_loop(g, code[i]))
			continue;
		if (i + 1 == p->n && byteset_is_all(&g->set[code[i] / 2]))
			continue;
		/* the * of **.x and of "**" "/" "*.x" */
		if (i == 2 && is_wide_loop(g, code[0]))
			continue;
		n++;
	}
	return n > 2 ? 2 : n;
}

/* Can it begin anywhere? */
static bool
is_floating(const struct globs *g, const struct pattern *p)
{
	return p->n > 0 && is_wide_loop(g, g->code[p->first]);
}

/* Marks what is at least so hard, for 0 what can begin anywhere too; the
 * others are in the first part. */
static size_t
mark_hard(struct globs *g, unsigned least)
{
	const struct pattern *p;
	size_t i, easy = 0;
	bool hard;

	for (i = 0; i < g->npatterns; i++) {
		p = &g->pattern[i];
		hard = least > 0 ? hardness(g, p) >= least :
				   hardness(g, p) > 0 || is_floating(g, p);
		g->pattern[i].part = hard ? PART_HARD : 0;
		easy += !hard;
	}
	return easy;
}

/* Does it match whatever follows, wherever it begins? */
static bool
is_sticky(const struct globs *g, const struct pattern *p)
{
	uint16_t last = p->n > 0 ? g->code[p->first + p->n - 1] : 0;

	return (last & ELEM_LOOP) != 0 && byteset_is_all(&g->set[last / 2]) &&
	    !g->lists && p->rule != g->loader;
}

/* Are there too many rules for a state to remember which has matched? It
 * costs a step more a byte to look at every state for that. */
static bool
has_many_hits(const struct globs *g)
{
	uint32_t last = IMG_NONE;
	size_t i, n = 0;

	for (i = 0; i < g->npatterns; i++) {
		if (g->pattern[i].part == PART_HARD ||
		    !is_floating(g, &g->pattern[i]) ||
		    !is_sticky(g, &g->pattern[i]))
			continue;
		n += g->pattern[i].rule != last;
		last = g->pattern[i].rule;
	}
	return n > (auto_force == AUTO_TIGHT ? 1 : HITS_MIN);
}

/*
 * Those that can begin anywhere go into the first part, those that begin at
 * the root into the second, where they make chains and trees: in one DFA every
 * place of these would meet every place of those. Of the former, those that
 * end in ** go into a third: a state would have to remember which of them has
 * matched. The number of parts that are not empty.
 */
static size_t
divide(struct globs *g, size_t count[PART_HARD])
{
	bool hits = has_many_hits(g);
	struct pattern *p;
	size_t i;

	memset(count, 0, PART_HARD * sizeof(*count));
	for (i = 0; i < g->npatterns; i++) {
		p = &g->pattern[i];
		if (p->part == PART_HARD)
			continue;
		p->part = !is_floating(g, p);
		if (p->part == 0 && hits && is_sticky(g, p))
			p->part = PART_HITS;
		count[p->part]++;
	}
	return (size_t)(count[0] > 0) + (count[1] > 0) + (count[2] > 0);
}

static int
try_dfa(struct automaton *a, unsigned part, const struct dfa_limits *limits)
{
	struct dfa *dfa = &a->dfa[a->ndfas];
	struct nfa nfa;
	int ret;

	if (nfa_build(&nfa, &a->globs, part) == -1)
		return -1;
	ret = dfa_build(dfa, &nfa, limits);
	nfa_free(&nfa);
	if (ret == 0) {
		dfa->hits = part == PART_HITS;
		a->ndfas++;
	}
	return ret;
}

/* One DFA while it is small, else one a part, or one within the limits. */
static int
try_dfas(struct automaton *a)
{
	bool tight = auto_force == AUTO_TIGHT;
	const struct dfa_limits *small = tight ? &limits_tight : &limits_small;
	const struct dfa_limits *large = tight ? &limits_tighter :
						 &limits_large;
	size_t count[PART_HARD], parts;
	unsigned part;
	int ret;

	ret = try_dfa(a, 0, small);
	if (ret != 1)
		return ret;
	parts = divide(&a->globs, count);
	if (parts == 1 && count[PART_HITS] == 0) {
		/* back into the first, where divide() has moved it */
		mark_hard(&a->globs, a->least);
		return try_dfa(a, 0, large);
	}
	ret = 0;
	for (part = 0; ret == 0 && part < PART_HARD; part++) {
		if (count[part] > 0)
			ret = try_dfa(a, part, large);
	}
	while (ret == 1 && a->ndfas > 0)
		dfa_free(&a->dfa[--a->ndfas]);
	return ret;
}

/* Every form of automaton, whatever is best. */
static int
build_for_test(struct automaton *a)
{
	struct globs *g = &a->globs;
	struct pattern *p;
	size_t i;
	int ret = 0;

	for (i = 0; i < g->npatterns; i++) {
		p = &g->pattern[i];
		if (auto_force == AUTO_BITS ||
		    (auto_force == AUTO_MIXED && i % 3 == 2))
			p->part = PART_HARD;
		else if (auto_force == AUTO_MIXED && is_sticky(g, p))
			p->part = PART_HITS;
		else
			p->part = (uint8_t)(i % 2);
	}
	if (auto_force == AUTO_BITS)
		return 0;
	for (i = 0; ret == 0 && i < PART_HARD; i++) {
		if (i != PART_HITS || auto_force == AUTO_MIXED)
			ret = g->lists && i == PART_HITS ?
			    0 :
			    try_dfa(a, (unsigned)i, &limits_large);
	}
	return ret;
}

static int
build_best(struct automaton *a)
{
	struct globs *g = &a->globs;
	size_t i;
	int ret;

	/* harder than anything is */
	a->least = 3;
	a->ndfas = 0;
	ret = try_dfas(a);
	while (ret == 1 && a->least > 0) {
		if (mark_hard(g, --a->least) > 0)
			ret = try_dfas(a);
	}
	for (i = 0; ret == 1 && i < g->npatterns; i++)
		g->pattern[i].part = PART_HARD;
	return ret == 1 ? 0 : ret;
}

int
auto_build(struct automaton *a, const char **what)
{
	struct globs *g = &a->globs;
	size_t i;
	int ret;

	*what = "out of memory";
	if (globs_classify(g) == -1)
		return -1;
	if (auto_force == AUTO_BEST || auto_force == AUTO_TIGHT)
		ret = build_best(a);
	else
		ret = build_for_test(a);
	if (ret != 0)
		return -1;
	for (i = 0; i < g->npatterns; i++)
		a->has_bits = a->has_bits || g->pattern[i].part == PART_HARD;
	return a->has_bits ? bits_build(&a->bits, g, what) : 0;
}

bool
auto_has_hits(const struct automaton *a)
{
	size_t i;

	for (i = 0; i < a->ndfas; i++) {
		if (a->dfa[i].hits)
			return true;
	}
	return false;
}

void
auto_free(struct automaton *a)
{
	size_t i;

	globs_free(&a->globs);
	for (i = 0; i < IMG_MAX_DFAS; i++)
		dfa_free(&a->dfa[i]);
	bits_free(&a->bits);
	memset(a, 0, sizeof(*a));
}
