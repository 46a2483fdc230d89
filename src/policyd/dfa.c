/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subset construction: every set of positions that can occur becomes a state.
 * States are numbered in the order they are found, so that the same patterns
 * give the same automaton.
 */
#include <stdlib.h>
#include <string.h>

#include "policy.h"

#define DFA_MAX_SETS 33554432 /* bytes of all sets together */
/* A policy must not keep policyd busy: some seconds, on any machine the same
 * number of steps. */
#define DFA_MAX_WORK 500000000
#define SLOTS 65536 /* of the hash; more than twice IMG_MAX_STATES */

struct builder {
	struct nfa *nfa;
	struct dfa *dfa;
	size_t max;
	uint64_t *sets; /* of state i from i * nwords on */
	uint32_t *slot; /* state + 1, or 0 */
	uint64_t *next;
	uint16_t row[32];
};

void
dfa_free(struct dfa *dfa)
{
	free(dfa->trans);
	free(dfa->accept);
	free(dfa->rows);
	memset(dfa, 0, sizeof(*dfa));
}

/* FNV-1a over words, folded. */
static size_t
set_hash(const uint64_t *set, size_t nwords)
{
	uint64_t h = UINT64_C(14695981039346656037);
	size_t i;

	for (i = 0; i < nwords; i++) {
		h = (h ^ set[i]) * UINT64_C(1099511628211);
		h ^= h >> 29;
	}
	return (size_t)(h ^ (h >> 32)) % SLOTS;
}

/* The number of an equal row of rules; a new one when there is none. */
static int
row_find(struct builder *b, uint16_t *index)
{
	struct dfa *dfa = b->dfa;
	size_t nops = b->nfa->nops;
	uint16_t *rows;
	size_t i;

	for (i = dfa->nrows; i-- > 0;) {
		if (memcmp(dfa->rows + i * nops, b->row,
			nops * sizeof(*rows)) == 0) {
			*index = (uint16_t)i;
			return 0;
		}
	}
	rows = reallocarray(dfa->rows, dfa->nrows + 1, nops * sizeof(*rows));
	if (rows == NULL)
		return -1;
	dfa->rows = rows;
	memcpy(rows + dfa->nrows * nops, b->row, nops * sizeof(*rows));
	*index = (uint16_t)dfa->nrows++;
	return 0;
}

/* The state of the set b->next: 0, 1 too many states, -1 no memory. */
static int
state_find(struct builder *b, uint16_t *state)
{
	size_t nwords = b->nfa->nwords;
	size_t h = set_hash(b->next, nwords);
	size_t s;

	while ((s = b->slot[h]) != 0) {
		if (memcmp(b->sets + (s - 1) * nwords, b->next,
			nwords * sizeof(uint64_t)) == 0) {
			*state = (uint16_t)(s - 1);
			return 0;
		}
		h = (h + 1) % SLOTS;
	}
	if (b->dfa->nstates >= b->max)
		return 1;
	s = b->dfa->nstates++;
	memcpy(b->sets + s * nwords, b->next, nwords * sizeof(uint64_t));
	b->slot[h] = (uint32_t)s + 1;
	nfa_accept(b->nfa, b->next, b->row);
	*state = (uint16_t)s;
	return row_find(b, &b->dfa->accept[s]);
}

static int
dfa_run(struct builder *b)
{
	struct nfa *nfa = b->nfa;
	uint16_t start;
	size_t i, c;
	int ret;

	memcpy(b->next, nfa->begin, nfa->nwords * sizeof(uint64_t));
	ret = state_find(b, &start);
	for (i = 0; ret == 0 && i < b->dfa->nstates; i++) {
		for (c = 0; ret == 0 && c < nfa->nclasses; c++) {
			nfa_move(nfa, c, b->sets + i * nfa->nwords, b->next);
			nfa_prune(nfa, b->next);
			ret = state_find(b,
			    &b->dfa->trans[i * nfa->nclasses + c]);
			if (ret == 0 && nfa->work > DFA_MAX_WORK)
				ret = 1;
		}
	}
	return ret;
}

int
dfa_build(struct dfa *dfa, struct nfa *nfa, size_t max_states)
{
	struct builder b = { .nfa = nfa, .dfa = dfa, .max = max_states };
	size_t fit = DFA_MAX_SETS / (nfa->nwords * sizeof(uint64_t));
	int ret = -1;

	memset(dfa, 0, sizeof(*dfa));
	if (b.max > IMG_MAX_STATES)
		b.max = IMG_MAX_STATES;
	if (b.max > fit)
		b.max = fit;
	b.sets = calloc(b.max, nfa->nwords * sizeof(uint64_t));
	b.next = calloc(nfa->nwords, sizeof(uint64_t));
	b.slot = calloc(SLOTS, sizeof(*b.slot));
	dfa->trans = calloc(b.max, nfa->nclasses * sizeof(*dfa->trans));
	dfa->accept = calloc(b.max, sizeof(*dfa->accept));
	if (b.sets != NULL && b.next != NULL && b.slot != NULL &&
	    dfa->trans != NULL && dfa->accept != NULL)
		ret = dfa_run(&b);
	free(b.sets);
	free(b.next);
	free(b.slot);
	if (ret != 0)
		dfa_free(dfa);
	return ret;
}
