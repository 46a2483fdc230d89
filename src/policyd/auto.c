/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One automaton from its patterns: a DFA of all of them where that is possible
 * within the limits; else those that make the DFA large are stepped through as
 * bit sets beside it.
 */
#include <string.h>

#include "automaton.h"

enum auto_force auto_force = AUTO_BEST;

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
	return n;
}

/* Marks what is at least so hard; the number of what is not. */
static size_t
mark_hard(struct globs *g, unsigned least)
{
	size_t i, easy = 0;

	for (i = 0; i < g->npatterns; i++) {
		g->pattern[i].hard = hardness(g, &g->pattern[i]) >= least;
		easy += !g->pattern[i].hard;
	}
	return easy;
}

static int
try_dfa(struct automaton *a)
{
	struct nfa nfa;
	int ret;

	if (nfa_build(&nfa, &a->globs) == -1)
		return -1;
	ret = dfa_build(&a->dfa, &nfa);
	nfa_free(&nfa);
	a->has_dfa = ret == 0;
	return ret;
}

static void
mark_for_test(struct globs *g)
{
	size_t i;

	for (i = 0; i < g->npatterns; i++)
		g->pattern[i].hard = auto_force == AUTO_BITS || i % 2 == 0;
}

int
auto_build(struct automaton *a, const char **what)
{
	struct globs *g = &a->globs;
	unsigned least = 3;
	int ret = 1;
	size_t i;

	*what = "out of memory";
	if (globs_classify(g) == -1)
		return -1;
	if (auto_force != AUTO_BEST) {
		mark_for_test(g);
		if (auto_force == AUTO_SPLIT)
			ret = try_dfa(a);
	} else {
		ret = try_dfa(a);
		while (ret == 1 && least > 0 && mark_hard(g, --least) > 0)
			ret = try_dfa(a);
		for (i = 0; ret == 1 && i < g->npatterns; i++)
			g->pattern[i].hard = true;
	}
	if (ret == -1)
		return -1;
	for (i = 0; i < g->npatterns; i++)
		a->has_bits = a->has_bits || g->pattern[i].hard;
	if (!a->has_dfa)
		a->has_bits = true;
	return a->has_bits ? bits_build(&a->bits, g, what) : 0;
}

void
auto_free(struct automaton *a)
{
	globs_free(&a->globs);
	dfa_free(&a->dfa);
	bits_free(&a->bits);
	memset(a, 0, sizeof(*a));
}
