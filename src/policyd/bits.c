/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fallback: the positions of patterns as bit sets, one row of words a
 * class of bytes. It needs no states, and work for every word and byte.
 */
#include <stdlib.h>
#include <string.h>

#include "automaton.h"

static void
bit_set(uint64_t *set, size_t bit)
{
	set[bit / 64] |= UINT64_C(1) << (bit % 64);
}

static int
bits_alloc(struct bits *b, const struct globs *g)
{
	size_t i;

	b->n = 0;
	for (i = 0; i < g->npatterns; i++) {
		if (g->pattern[i].part != PART_HARD)
			continue;
		b->n += g->pattern[i].n + 1;
		b->nfinal++;
	}
	b->nwords = b->n / 64 + 1;
	if (b->nwords > IMG_MAX_WORDS)
		return 1;
	b->begin = calloc(b->nwords, sizeof(uint64_t));
	b->skip = calloc(b->nwords, sizeof(uint64_t));
	b->step = calloc(b->nwords * g->nclasses, sizeof(uint64_t));
	b->loop = calloc(b->nwords * g->nclasses, sizeof(uint64_t));
	b->final = calloc(b->nfinal + 1, sizeof(*b->final));
	if (b->begin == NULL || b->skip == NULL || b->step == NULL ||
	    b->loop == NULL || b->final == NULL)
		return -1;
	return 0;
}

/* One element at a position. */
static void
bits_elem(struct bits *b, const struct globs *g, size_t at, uint16_t code)
{
	uint64_t *rows = (code & ELEM_LOOP) != 0 ? b->loop : b->step;
	uint32_t set = code / 2, k;

	for (k = g->memberat[set]; k < g->memberat[set + 1]; k++)
		bit_set(rows + g->member[k] * b->nwords, at);
	if ((code & ELEM_LOOP) != 0)
		bit_set(b->skip, at);
}

int
bits_build(struct bits *b, const struct globs *g, const char **what)
{
	const struct pattern *p;
	struct img_final *f;
	size_t i, k, at = 0;
	int ret;

	memset(b, 0, sizeof(*b));
	ret = bits_alloc(b, g);
	if (ret != 0) {
		*what = ret == 1 ? "too many globs with * in the middle" :
				   "out of memory";
		bits_free(b);
		return -1;
	}
	f = b->final;
	for (i = 0; i < g->npatterns; i++) {
		p = &g->pattern[i];
		if (p->part != PART_HARD)
			continue;
		bit_set(b->begin, at);
		if (p->n > 0 && (g->code[p->first] & ELEM_LOOP) != 0)
			bit_set(b->begin, at + 1);
		for (k = 0; k < p->n; k++)
			bits_elem(b, g, at++, g->code[p->first + k]);
		/* the final position: nothing leaves it */
		f->bit = (uint32_t)at++;
		f->rule = p->rule;
		f->ops = p->ops;
		f->sure = p->sure;
		f++;
	}
	return 0;
}

void
bits_free(struct bits *b)
{
	free(b->begin);
	free(b->step);
	free(b->loop);
	free(b->skip);
	free(b->final);
	memset(b, 0, sizeof(*b));
}
