/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subset construction: from each state on, where each class of bytes leads, and
 * so which states there are; states.c knows them by their sets of nodes. A set of nodes is kept in two parts: the wide ones,
 * which go on with almost any byte, and the others, which go on with few. The
 * wide ones alone make a row with a column a class; there are few such rows. A
 * state is a row and the narrow nodes besides, and needs an edge only for the
 * few bytes with which these go on. States are numbered in the order they are
 * found, so that the same patterns give the same automaton.
 */
#include <stdlib.h>
#include <string.h>

#include "states.h"

void
dfa_free(struct dfa *dfa)
{
	free(dfa->row);
	free(dfa->row_accept);
	free(dfa->row_last);
	free(dfa->sparse);
	free(dfa->edge);
	free(dfa->accept);
	free(dfa->list);
	free(dfa->listat);
	memset(dfa, 0, sizeof(*dfa));
}

/* Where a node goes, as pairs. */
static int
node_pairs(struct builder *b, uint32_t node)
{
	const struct node *n = &b->nfa->node[node];
	const struct edge *e = b->nfa->edge + n->edge;
	const struct edge *end = b->nfa->edge + n[1].edge;
	uint32_t set, to, k;
	bool self = n->loop != NODE_STEP;

	for (; self || e < end; e++) {
		if (self) {
			set = n->loop;
			to = node;
			e--;
			self = false;
		} else {
			if ((e->code & ELEM_LOOP) != 0)
				continue;
			set = e->code / 2;
			to = e->to;
		}
		if (grow(&b->pair, &b->pair_cap, b->npairs + b->g->nclasses,
			sizeof(*b->pair)) == -1)
			return -1;
		for (k = b->g->memberat[set]; k < b->g->memberat[set + 1]; k++)
			b->pair[b->npairs++] = (struct pair){ b->g->member[k],
				to };
	}
	return 0;
}

static int
pair_cmp(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	return x->to < y->to ? -1 : x->to > y->to;
}

/* Pairs of the nodes, ordered by class. */
static int
make_pairs(struct builder *b, const uint32_t *nodes, size_t n)
{
	size_t i;

	b->npairs = 0;
	for (i = 0; i < n; i++) {
		if (node_pairs(b, nodes[i]) == -1)
			return -1;
	}
	if (b->npairs > 1)
		qsort(b->pair, b->npairs, sizeof(*b->pair), pair_cmp);
	b->work += b->npairs;
	return 0;
}

static int
row_fill(struct builder *b, uint32_t row)
{
	uint32_t class, next;
	size_t i = 0, n;
	int ret;

	if (b->dfa->row_last[row]) {
		for (class = 0; class < b->g->nclasses; class ++)
			b->dfa->row[(size_t)row * b->g->nclasses + class] = row;
		return 0;
	}
	if (make_pairs(b, b->wnode + b->wat[row],
		b->wat[row + 1] - b->wat[row]) == -1)
		return -1;
	for (class = 0; class < b->g->nclasses; class ++) {
		n = i;
		while (n < b->npairs && b->pair[n].class == class)
			n++;
		ret = state_with(b, 0, b->pair + i, n - i, &next);
		if (ret != 0)
			return ret;
		b->dfa->row[(size_t)row * b->g->nclasses + class] = next;
		i = n;
	}
	return 0;
}

static int
sparse_fill(struct builder *b, uint32_t s)
{
	struct dfa *dfa = b->dfa;
	const uint32_t *row;
	uint32_t next, class;
	size_t i, n;
	int ret;

	dfa->sparse[s].edge = (uint32_t)dfa->nedges;
	if (make_pairs(b, b->snode + b->sat[s], b->sat[s + 1] - b->sat[s]) ==
	    -1)
		return -1;
	for (i = 0; i < b->npairs; i = n) {
		class = b->pair[i].class;
		for (n = i; n < b->npairs && b->pair[n].class == class; n++)
			;
		row = dfa->row + (size_t)dfa->sparse[s].row * dfa->nclasses;
		ret = state_with(b, row[class], b->pair + i, n - i, &next);
		if (ret != 0)
			return ret;
		row = dfa->row + (size_t)dfa->sparse[s].row * dfa->nclasses;
		if (next == row[class])
			continue;
		if (grow(&dfa->edge, &b->edge_cap, dfa->nedges + 1,
			sizeof(*dfa->edge)) == -1)
			return -1;
		dfa->edge[dfa->nedges++] = (struct dfa_edge){ next, class };
	}
	return 0;
}

static int
dfa_run(struct builder *b)
{
	struct dfa *dfa = b->dfa;
	uint32_t s = 0;
	int ret = states_begin(b);

	while (ret == 0 && (b->done < dfa->nrows || s < dfa->nsparse)) {
		/* a sparse state needs its row */
		if (b->done < dfa->nrows)
			ret = row_fill(b, (uint32_t)b->done++);
		else
			ret = sparse_fill(b, s++);
	}
	if (ret == 0 && dfa->nsparse > 0)
		dfa->sparse[dfa->nsparse].edge = (uint32_t)dfa->nedges;
	return ret;
}

int
dfa_build(struct dfa *dfa, const struct nfa *nfa,
    const struct dfa_limits *limits)
{
	struct builder b = {
		.nfa = nfa, .g = nfa->globs, .dfa = dfa, .limits = limits
	};
	int ret;

	memset(dfa, 0, sizeof(*dfa));
	dfa->nclasses = nfa->globs->nclasses;
	ret = dfa_run(&b);
	states_free(&b);
	if (ret != 0)
		dfa_free(dfa);
	return ret;
}

uint32_t
dfa_next(const struct dfa *dfa, uint32_t state, uint32_t class)
{
	const struct dfa_sparse *s;
	uint32_t i;

	if ((state & DFA_SPARSE) == 0)
		return dfa->row[(size_t)state * dfa->nclasses + class];
	s = &dfa->sparse[state & ~DFA_SPARSE];
	for (i = s->edge; i < s[1].edge; i++) {
		if (dfa->edge[i].class == class)
			return dfa->edge[i].to;
	}
	return dfa->row[(size_t)s->row * dfa->nclasses + class];
}

const uint32_t *
dfa_answer(const struct dfa *dfa, uint32_t nopclasses, uint32_t state)
{
	uint32_t accept = (state & DFA_SPARSE) == 0 ?
	    dfa->row_accept[state] :
	    dfa->sparse[state & ~DFA_SPARSE].accept;

	return dfa->accept + (size_t)accept * nopclasses;
}
