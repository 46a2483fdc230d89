/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The positions of all patterns as bit sets, one row of words a byte class.
 * Both forms of the automaton come from these: the DFA is made of the sets
 * that can occur, the fallback steps through the words themselves.
 */
#include <stdlib.h>
#include <string.h>

#include "policy.h"

void
nfa_init(struct nfa *nfa, uint32_t nops)
{
	memset(nfa, 0, sizeof(*nfa));
	nfa->nops = nops;
	nfa->catchall = IMG_NONE;
	nfa->loader = IMG_NONE;
}

void
nfa_free(struct nfa *nfa)
{
	free(nfa->elem);
	free(nfa->owner);
	free(nfa->pattern);
	free(nfa->begin);
	free(nfa->step);
	free(nfa->loop);
	free(nfa->skip);
	free(nfa->sticky);
	free(nfa->stuck);
	free(nfa->kept);
	memset(nfa, 0, sizeof(*nfa));
}

static bool
has_byte(const struct elem *e, size_t byte)
{
	return (e->set[byte / 64] >> (byte % 64) & 1) != 0;
}

static void
bit_set(uint64_t *set, size_t bit)
{
	set[bit / 64] |= UINT64_C(1) << (bit % 64);
}

/* Bytes that no element tells apart share a class. */
static void
nfa_classify(struct nfa *nfa)
{
	uint8_t next[256];
	int made[256][2];
	size_t i, b, n;
	int *m;

	memset(nfa->classes, 0, sizeof(nfa->classes));
	nfa->nclasses = 1;
	for (i = 0; i < nfa->n && nfa->nclasses < 256; i++) {
		memset(made, 0xff, sizeof(made));
		n = 0;
		for (b = 0; b < 256; b++) {
			m = &made[nfa->classes[b]][has_byte(&nfa->elem[i], b)];
			if (*m == -1)
				*m = (int)n++;
			next[b] = (uint8_t)*m;
		}
		nfa->nclasses = n;
		memcpy(nfa->classes, next, sizeof(next));
	}
}

/* The words of begin, step, loop and skip. */
static int
nfa_alloc(struct nfa *nfa)
{
	size_t rows = nfa->nclasses;

	nfa->nwords = nfa->n / 64 + 1;
	nfa->begin = calloc(nfa->nwords, sizeof(uint64_t));
	nfa->skip = calloc(nfa->nwords, sizeof(uint64_t));
	nfa->sticky = calloc(nfa->nwords, sizeof(uint64_t));
	nfa->stuck = calloc(nfa->nwords, sizeof(uint64_t));
	nfa->kept = calloc(nfa->nwords, sizeof(uint64_t));
	nfa->step = calloc(nfa->nwords * rows, sizeof(uint64_t));
	nfa->loop = calloc(nfa->nwords * rows, sizeof(uint64_t));
	if (nfa->begin == NULL || nfa->skip == NULL || nfa->sticky == NULL ||
	    nfa->stuck == NULL || nfa->kept == NULL || nfa->step == NULL ||
	    nfa->loop == NULL)
		return -1;
	return 0;
}

int
nfa_finish(struct nfa *nfa)
{
	size_t i, b, row;
	bool seen[256];

	nfa_classify(nfa);
	if (nfa_alloc(nfa) == -1)
		return -1;
	memset(seen, 0, sizeof(seen));
	for (b = 0; b < 256; b++) {
		if (seen[nfa->classes[b]])
			continue;
		seen[nfa->classes[b]] = true;
		row = nfa->classes[b] * nfa->nwords;
		for (i = 0; i < nfa->n; i++) {
			if (has_byte(&nfa->elem[i], b))
				bit_set(nfa->elem[i].loop ? nfa->loop + row :
							    nfa->step + row,
				    i);
		}
	}
	for (i = 0; i < nfa->n; i++) {
		if (nfa->elem[i].loop)
			bit_set(nfa->skip, i);
	}
	for (i = 0; i < nfa->npatterns; i++) {
		b = nfa->pattern[i].base;
		bit_set(nfa->begin, b);
		if (nfa->elem[b].loop)
			bit_set(nfa->begin, b + 1);
		if (nfa->pattern[i].sticky)
			bit_set(nfa->sticky, nfa->pattern[i].final);
	}
	nfa_prune(nfa, nfa->begin);
	return 0;
}

void
nfa_move(struct nfa *nfa, size_t class, const uint64_t *from, uint64_t *to)
{
	const uint64_t *step = nfa->step + class * nfa->nwords;
	const uint64_t *loop = nfa->loop + class * nfa->nwords;
	uint64_t moved, skipped, carry = 0, skip_carry = 0;
	size_t i;

	for (i = 0; i < nfa->nwords; i++) {
		moved = from[i] & step[i];
		to[i] = (moved << 1) | carry | (from[i] & loop[i]);
		carry = moved >> 63;
		skipped = to[i] & nfa->skip[i];
		to[i] |= (skipped << 1) | skip_carry;
		skip_carry = skipped >> 63;
	}
	nfa->work += nfa->nwords;
}

/* The next bit of a set from position i on, or SIZE_MAX. */
static size_t
next_bit(const struct nfa *nfa, const uint64_t *set, size_t i)
{
	uint64_t w;
	size_t word = i / 64;

	if (word >= nfa->nwords)
		return SIZE_MAX;
	w = set[word] & (~UINT64_C(0) << (i % 64));
	while (w == 0) {
		if (++word >= nfa->nwords)
			return SIZE_MAX;
		w = set[word];
	}
	return word * 64 + (size_t)__builtin_ctzll(w);
}

void
nfa_accept(const struct nfa *nfa, const uint64_t *set, uint16_t *row)
{
	const struct pattern *p;
	size_t i;
	uint32_t op, loads = 0;

	for (op = 0; op < nfa->nops; op++)
		row[op] = IMG_NONE;
	for (i = next_bit(nfa, set, 0); i != SIZE_MAX;
	     i = next_bit(nfa, set, i + 1)) {
		p = &nfa->pattern[nfa->owner[i]];
		if (p->final != i)
			continue;
		if (p->rule == nfa->loader)
			loads |= p->ops;
		for (op = 0; op < nfa->nops; op++) {
			if ((p->ops >> op & 1) != 0 && p->rule < row[op])
				row[op] = (uint16_t)p->rule;
		}
	}
	for (op = 0; op < nfa->nops; op++) {
		if ((loads >> op & 1) != 0 && row[op] == nfa->catchall)
			row[op] = (uint16_t)nfa->loader;
	}
}

/* The first pattern that has matched for ever, for each operation. */
static void
find_sticky(const struct nfa *nfa, const uint64_t *set, uint32_t *sticky)
{
	const struct pattern *p;
	uint32_t op, id;
	size_t i;

	for (op = 0; op < nfa->nops; op++)
		sticky[op] = UINT32_MAX;
	for (i = next_bit(nfa, set, 0); i != SIZE_MAX;
	     i = next_bit(nfa, set, i + 1)) {
		id = nfa->owner[i];
		p = &nfa->pattern[id];
		for (op = 0; op < nfa->nops; op++) {
			if ((p->ops >> op & 1) != 0 && sticky[op] == UINT32_MAX)
				sticky[op] = id;
		}
	}
}

/* Is there for every operation of p one that wins over it in any case? */
static bool
is_beaten(const struct nfa *nfa, uint32_t id, const uint32_t *sticky)
{
	const struct pattern *p = &nfa->pattern[id];
	uint32_t op, rule;

	for (op = 0; op < nfa->nops; op++) {
		if ((p->ops >> op & 1) == 0)
			continue;
		if (sticky[op] == UINT32_MAX || sticky[op] >= id)
			return false;
		/* patterns are in the order of their rules */
		rule = nfa->pattern[sticky[op]].rule;
		/* ... but the built-in rule can win as long as the catch-all
		 * can be the first */
		if (p->rule == nfa->loader && nfa->catchall != IMG_NONE &&
		    rule >= nfa->catchall)
			return false;
	}
	return true;
}

/* What stays where exactly the sticky patterns of nfa->stuck have matched. */
static void
find_kept(struct nfa *nfa)
{
	const struct pattern *p;
	uint32_t sticky[32];
	size_t id, i;

	find_sticky(nfa, nfa->stuck, sticky);
	memset(nfa->kept, 0xff, nfa->nwords * sizeof(uint64_t));
	nfa->work += nfa->npatterns;
	for (id = 0; id < nfa->npatterns; id++) {
		if (!is_beaten(nfa, (uint32_t)id, sticky))
			continue;
		p = &nfa->pattern[id];
		for (i = p->base; i <= p->final; i++)
			nfa->kept[i / 64] &= ~(UINT64_C(1) << (i % 64));
	}
}

void
nfa_prune(struct nfa *nfa, uint64_t *set)
{
	bool same = nfa->has_kept;
	uint64_t w;
	size_t i;

	/* neighbours in the automaton mostly have the same sticky patterns */
	for (i = 0; i < nfa->nwords; i++) {
		w = set[i] & nfa->sticky[i];
		same = same && w == nfa->stuck[i];
		nfa->stuck[i] = w;
	}
	if (!same)
		find_kept(nfa);
	nfa->has_kept = true;
	for (i = 0; i < nfa->nwords; i++)
		set[i] &= nfa->kept[i];
}
