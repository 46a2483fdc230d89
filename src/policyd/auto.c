/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One automaton from its patterns: a DFA of all of them where that is small;
 * else one of those that begin anywhere and one of those that begin at the
 * root; what makes even these large is stepped through as bit sets.
 */
#include <string.h>

#include "automaton.h"

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

/*
 * Those that can begin anywhere go into the first part, those that begin at
 * the root into the second, where they make chains and trees: in one DFA every
 * place of these would meet every place of those. false: all are of one kind.
 */
static bool
divide(struct globs *g)
{
	size_t i, first = 0, second = 0;
	struct pattern *p;

	for (i = 0; i < g->npatterns; i++) {
		p = &g->pattern[i];
		if (p->part == PART_HARD)
			continue;
		p->part = !is_floating(g, p);
		first += p->part == 0;
		second += p->part == 1;
	}
	return first > 0 && second > 0;
}

static int
try_dfa(struct automaton *a, unsigned part, const struct dfa_limits *limits)
{
	struct nfa nfa;
	int ret;

	if (nfa_build(&nfa, &a->globs, part) == -1)
		return -1;
	ret = dfa_build(&a->dfa[part], &nfa, limits);
	nfa_free(&nfa);
	return ret;
}

/* One DFA while it is small, else two, or one within the limits. */
static int
try_dfas(struct automaton *a)
{
	bool tight = auto_force == AUTO_TIGHT;
	const struct dfa_limits *small = tight ? &limits_tight : &limits_small;
	const struct dfa_limits *large = tight ? &limits_tighter :
						 &limits_large;
	int ret;

	a->ndfas = 1;
	ret = try_dfa(a, 0, small);
	if (ret != 1)
		return ret;
	if (divide(&a->globs)) {
		a->ndfas = 2;
		ret = try_dfa(a, 0, large);
		if (ret == 0)
			ret = try_dfa(a, 1, large);
	} else {
		/* back into the first, where divide() may have moved it */
		mark_hard(&a->globs, a->least);
		ret = try_dfa(a, 0, large);
	}
	if (ret == 1) {
		dfa_free(&a->dfa[0]);
		a->ndfas = 0;
	}
	return ret;
}

static int
build_for_test(struct automaton *a)
{
	struct globs *g = &a->globs;
	size_t i;
	int ret = 0;

	for (i = 0; i < g->npatterns; i++) {
		if (auto_force == AUTO_BITS)
			g->pattern[i].part = PART_HARD;
		else
			g->pattern[i].part = (uint8_t)(i %
			    (auto_force == AUTO_TWO ? 2 : 3));
	}
	for (i = 0; ret == 0 && i < 2 && auto_force != AUTO_BITS; i++) {
		ret = try_dfa(a, (unsigned)i, &limits_large);
		a->ndfas++;
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
