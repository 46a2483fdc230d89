/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the states of a DFA answer. Most states answer the same, so rows of
 * answers, and lists of rules, are kept once.
 */
#include <stdlib.h>
#include <string.h>

#include "automaton.h"

int
accepts_init(struct accepts *acc, struct dfa *dfa, const struct nfa *nfa)
{
	memset(acc, 0, sizeof(*acc));
	acc->dfa = dfa;
	acc->nfa = nfa;
	if (grow(&dfa->listat, &acc->latcap, 1, sizeof(*dfa->listat)) == -1)
		return -1;
	dfa->listat[0] = 0;
	return 0;
}

void
accepts_free(struct accepts *acc)
{
	free(acc->slot);
	free(acc->lslot);
	free(acc->rule);
	memset(acc, 0, sizeof(*acc));
}

static int
rule_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Twice as many slots; v(i) of n things are hashed anew. */
static int
rehash(uint32_t **slot, size_t *nslots, size_t n,
    uint32_t (*hash)(const struct dfa *, uint32_t, uint32_t),
    const struct dfa *dfa, uint32_t width)
{
	size_t i, h, size = *nslots == 0 ? 64 : *nslots * 2;
	uint32_t *s = calloc(size, sizeof(*s));

	if (s == NULL)
		return -1;
	for (i = 0; i < n; i++) {
		h = hash(dfa, (uint32_t)i, width) & (size - 1);
		while (s[h] != 0)
			h = (h + 1) & (size - 1);
		s[h] = (uint32_t)i + 1;
	}
	free(*slot);
	*slot = s;
	*nslots = size;
	return 0;
}

static uint32_t
hash_row(const struct dfa *dfa, uint32_t i, uint32_t width)
{
	return hash_words(dfa->accept + (size_t)i * width, width);
}

static uint32_t
hash_list(const struct dfa *dfa, uint32_t i, uint32_t width)
{
	(void)width;
	return hash_words(dfa->list + dfa->listat[i],
	    dfa->listat[i + 1] - dfa->listat[i]);
}

/* The number of the list of n rules in acc->rule. */
static int
list_intern(struct accepts *acc, size_t n, uint32_t *number)
{
	struct dfa *dfa = acc->dfa;
	size_t h, at = dfa->listat[dfa->nlists];

	if (acc->nlslots <= dfa->nlists * 2 &&
	    rehash(&acc->lslot, &acc->nlslots, dfa->nlists, hash_list, dfa,
		0) == -1)
		return -1;
	for (h = hash_words(acc->rule, n) & (acc->nlslots - 1);
	     acc->lslot[h] != 0; h = (h + 1) & (acc->nlslots - 1)) {
		*number = acc->lslot[h] - 1;
		if (dfa->listat[*number + 1] - dfa->listat[*number] == n &&
		    (n == 0 ||
			memcmp(dfa->list + dfa->listat[*number], acc->rule,
			    n * sizeof(*acc->rule)) == 0))
			return 0;
	}
	if (grow(&dfa->list, &acc->lcap, at + n + 1, sizeof(*dfa->list)) ==
		-1 ||
	    grow(&dfa->listat, &acc->latcap, dfa->nlists + 2,
		sizeof(*dfa->listat)) == -1)
		return -1;
	if (n > 0)
		memcpy(dfa->list + at, acc->rule, n * sizeof(*acc->rule));
	*number = (uint32_t)dfa->nlists++;
	dfa->listat[dfa->nlists] = (uint32_t)(at + n);
	acc->lslot[h] = *number + 1;
	return 0;
}

/* Every rule of the nodes, in order, up to the first that is sure. */
static int
make_list(struct accepts *acc, const uint32_t *const part[2],
    const size_t len[2], uint32_t *number)
{
	const struct nfa *nfa = acc->nfa;
	const struct answer *a, *end;
	uint32_t sure = UINT32_MAX;
	size_t i, k, n = 0, all;

	for (k = 0; k < 2; k++) {
		for (i = 0; i < len[k]; i++) {
			a = nfa->answer +
			    nfa->answerat[nfa->node[part[k][i]].answers];
			end = nfa->answer +
			    nfa->answerat[nfa->node[part[k][i]].answers + 1];
			for (; a < end; a++) {
				if (grow(&acc->rule, &acc->rcap, n + 1,
					sizeof(*acc->rule)) == -1)
					return -1;
				acc->rule[n++] = a->rule;
				if (a->sure && a->rule < sure)
					sure = a->rule;
			}
		}
	}
	if (n > 1)
		qsort(acc->rule, n, sizeof(*acc->rule), rule_cmp);
	all = n;
	for (i = n = 0; i < all && acc->rule[i] <= sure; i++) {
		if (n == 0 || acc->rule[i] != acc->rule[n - 1])
			acc->rule[n++] = acc->rule[i];
	}
	return list_intern(acc, n, number);
}

/* The first rule for each class of operations. */
static void
make_row(const struct accepts *acc, const uint32_t *const part[2],
    const size_t len[2], uint32_t *row)
{
	const struct nfa *nfa = acc->nfa;
	const struct globs *g = nfa->globs;
	const struct answer *a, *end;
	uint32_t op, loads = 0;
	size_t i, k;

	for (op = 0; op < g->nopclasses; op++)
		row[op] = IMG_NONE;
	for (k = 0; k < 2; k++) {
		for (i = 0; i < len[k]; i++) {
			a = nfa->answer +
			    nfa->answerat[nfa->node[part[k][i]].answers];
			end = nfa->answer +
			    nfa->answerat[nfa->node[part[k][i]].answers + 1];
			for (; a < end; a++) {
				if (a->rule == g->loader) {
					loads |= a->ops;
					continue;
				}
				for (op = 0; op < g->nopclasses; op++) {
					if ((a->ops >> op & 1) != 0 &&
					    a->rule < row[op])
						row[op] = a->rule;
				}
			}
		}
	}
	for (op = 0; op < g->nopclasses; op++) {
		if ((loads >> op & 1) != 0 && row[op] >= g->catchall)
			row[op] |= IMG_LOADS;
	}
}

int
accepts_find(struct accepts *acc, const uint32_t *a, size_t na,
    const uint32_t *b, size_t nb, uint32_t *number)
{
	const uint32_t *const part[2] = { a, b };
	const size_t len[2] = { na, nb };
	struct dfa *dfa = acc->dfa;
	uint32_t width = acc->nfa->globs->nopclasses, row[IMG_MAX_OPS] = { 0 };
	size_t h;

	if (!acc->nfa->globs->lists)
		make_row(acc, part, len, row);
	else if (make_list(acc, part, len, &row[0]) == -1)
		return -1;
	if (acc->nslots <= dfa->naccept * 2 &&
	    rehash(&acc->slot, &acc->nslots, dfa->naccept, hash_row, dfa,
		width) == -1)
		return -1;
	for (h = hash_words(row, width) & (acc->nslots - 1); acc->slot[h] != 0;
	     h = (h + 1) & (acc->nslots - 1)) {
		*number = acc->slot[h] - 1;
		if (memcmp(dfa->accept + (size_t)*number * width, row,
			width * sizeof(*row)) == 0)
			return 0;
	}
	if (grow(&dfa->accept, &acc->cap, (dfa->naccept + 1) * width,
		sizeof(*row)) == -1)
		return -1;
	memcpy(dfa->accept + dfa->naccept * width, row, width * sizeof(*row));
	*number = (uint32_t)dfa->naccept++;
	acc->slot[h] = *number + 1;
	return 0;
}
