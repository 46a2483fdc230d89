/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which state a set of nodes is: the one that it was before, or a new one. What
 * can no longer be the first to match is left out of a set beforehand, so that
 * sets are small and few. dfa.c says what the two parts of a set are.
 */
#include <stdlib.h>
#include <string.h>

#include "states.h"

#define DFA_MAX_NODES 8000000 /* of all sets */
#define DFA_MAX_GROWTH 8      /* states for one node */
#define DFA_MAX_EXTRA 40000   /* states besides */
/* A policy must not keep policyd busy: about a second, on any machine the
 * same number of steps. */
#define DFA_MAX_WORK 200000000

static int
node_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
sort_nodes(uint32_t *v, size_t n)
{
	uint32_t x;
	size_t i, j;

	if (n > 16) {
		qsort(v, n, sizeof(*v), node_cmp);
		return;
	}
	for (i = 1; i < n; i++) {
		x = v[i];
		for (j = i; j > 0 && v[j - 1] > x; j--)
			v[j] = v[j - 1];
		v[j] = x;
	}
}

/* Whatever this node can still say, is there one that wins over it? */
static bool
is_beaten(const struct builder *b, const struct node *n)
{
	uint32_t op, ops = n->ops;

	for (op = 0; ops != 0; op++, ops >>= 1) {
		if ((ops & 1) != 0 && b->stuck[op] > n->first_prio)
			return false;
	}
	return true;
}

/* The first that has matched for ever, for each class of operations. */
static void
find_stuck(struct builder *b)
{
	const struct answer *a, *end;
	const struct node *n;
	uint32_t op, prio;
	size_t i;

	for (op = 0; op < b->g->nopclasses; op++)
		b->stuck[op] = UINT32_MAX;
	for (i = 0; i < b->nwide; i++) {
		n = &b->nfa->node[b->wide[i]];
		if (!n->sticky)
			continue;
		a = b->nfa->answer + b->nfa->answerat[n->answers];
		end = b->nfa->answer + b->nfa->answerat[n->answers + 1];
		for (; a < end; a++) {
			if (!a->sure || a->rule == b->g->loader)
				continue;
			prio = rule_prio(b->g, a->rule);
			for (op = 0; op < b->g->nopclasses; op++) {
				if ((a->ops >> op & 1) != 0 &&
				    prio < b->stuck[op])
					b->stuck[op] = prio;
			}
		}
	}
}

/* Is it one of those for which others can be left out? Each class of
 * operations needs but one; need says for which none was seen. */
static bool
is_needed(const struct builder *b, const struct node *n, uint32_t *need)
{
	const struct answer *a, *end;
	uint32_t op, bit, had = *need;

	a = b->nfa->answer + b->nfa->answerat[n->answers];
	end = b->nfa->answer + b->nfa->answerat[n->answers + 1];
	for (; n->sticky && a < end; a++) {
		if (!a->sure || a->rule == b->g->loader)
			continue;
		for (op = 0; op < b->g->nopclasses; op++) {
			bit = 1U << op;
			if ((a->ops & bit) != 0 &&
			    rule_prio(b->g, a->rule) == b->stuck[op])
				*need &= ~bit;
		}
	}
	return *need != had;
}

static void
prune_wide(struct builder *b)
{
	uint32_t need = UINT32_MAX;
	const struct node *n;
	size_t i, kept = 0;

	for (i = 0; i < b->nwide; i++) {
		n = &b->nfa->node[b->wide[i]];
		if (!is_beaten(b, n) || is_needed(b, n, &need))
			b->wide[kept++] = b->wide[i];
	}
	b->nwide = kept;
}

static void
prune_narrow(struct builder *b)
{
	size_t i, kept = 0;

	for (i = 0; i < b->nnarrow; i++) {
		if (!is_beaten(b, &b->nfa->node[b->narrow[i]]))
			b->narrow[kept++] = b->narrow[i];
	}
	b->nnarrow = kept;
}

static void
set_add(struct builder *b, uint32_t node)
{
	const struct node *n = &b->nfa->node[node];
	const struct edge *e = b->nfa->edge + n->edge;
	const struct edge *end = b->nfa->edge + n[1].edge;

	if (b->mark[node] == b->stamp)
		return;
	b->mark[node] = b->stamp;
	b->work++;
	if (n->wide)
		b->wide[b->nwide++] = node;
	else
		b->narrow[b->nnarrow++] = node;
	/* no loop begins where another ends: this goes one deep */
	for (; e < end; e++) {
		if ((e->code & ELEM_LOOP) == 0 || b->mark[e->to] == b->stamp)
			continue;
		b->mark[e->to] = b->stamp;
		if (b->nfa->node[e->to].wide)
			b->wide[b->nwide++] = e->to;
		else
			b->narrow[b->nnarrow++] = e->to;
	}
}

static int
slots_grow(uint32_t **slot, size_t *nslots)
{
	size_t n = *nslots == 0 ? 256 : *nslots * 2;
	uint32_t *s = calloc(n, sizeof(*s));

	if (s == NULL)
		return -1;
	free(*slot);
	*slot = s;
	*nslots = n;
	return 0;
}

static size_t
row_hash(const struct builder *b, const uint32_t *nodes, size_t n)
{
	return hash_words(nodes, n) & (b->nwslots - 1);
}

static int
row_rehash(struct builder *b)
{
	size_t i, h;

	if (slots_grow(&b->wslot, &b->nwslots) == -1)
		return -1;
	for (i = 0; i < b->dfa->nrows; i++) {
		h = row_hash(b, b->wnode + b->wat[i],
		    b->wat[i + 1] - b->wat[i]);
		while (b->wslot[h] != 0)
			h = (h + 1) & (b->nwslots - 1);
		b->wslot[h] = (uint32_t)i + 1;
	}
	return 0;
}

/* A row for b->wide, not filled in. */
static int
row_new(struct builder *b)
{
	struct dfa *dfa = b->dfa;
	size_t i = dfa->nrows, at = b->wat[i], n = b->nwide, k;

	if ((i + 1) * dfa->nclasses > b->limits->cells ||
	    at + n > DFA_MAX_NODES)
		return 1;
	if (grow(&dfa->row, &b->row_cap, (i + 1) * dfa->nclasses,
		sizeof(*dfa->row)) == -1 ||
	    grow(&dfa->row_accept, &b->wacc_cap, i + 1,
		sizeof(*dfa->row_accept)) == -1 ||
	    grow(&dfa->row_last, &b->wlast_cap, i + 1,
		sizeof(*dfa->row_last)) == -1 ||
	    grow(&b->wat, &b->wat_cap, i + 2, sizeof(*b->wat)) == -1 ||
	    grow(&b->wnode, &b->wnode_cap, at + n + 1, sizeof(*b->wnode)) ==
		-1 ||
	    grow(&b->wstuck, &b->wstuck_cap, (i + 1) * b->g->nopclasses,
		sizeof(*b->wstuck)) == -1)
		return -1;
	memcpy(b->wnode + at, b->wide, n * sizeof(*b->wnode));
	b->wat[i + 1] = (uint32_t)(at + n);
	memcpy(b->wstuck + i * b->g->nopclasses, b->stuck,
	    b->g->nopclasses * sizeof(*b->stuck));
	dfa->row_last[i] = true;
	for (k = 0; k < n; k++) {
		if (!b->nfa->node[b->wide[k]].last)
			dfa->row_last[i] = false;
	}
	dfa->nrows++;
	return accepts_find(&b->acc, b->wide, n, NULL, 0, &dfa->row_accept[i]);
}

/* The row of b->wide, whose order is made. */
static int
row_find(struct builder *b, uint32_t *row)
{
	size_t h, n = b->nwide;
	int ret;

	sort_nodes(b->wide, n);
	find_stuck(b);
	prune_wide(b);
	n = b->nwide;
	if (b->nwslots <= b->dfa->nrows * 2 && row_rehash(b) == -1)
		return -1;
	for (h = row_hash(b, b->wide, n); b->wslot[h] != 0;
	     h = (h + 1) & (b->nwslots - 1)) {
		*row = b->wslot[h] - 1;
		if (b->wat[*row + 1] - b->wat[*row] == n &&
		    memcmp(b->wnode + b->wat[*row], b->wide,
			n * sizeof(*b->wide)) == 0)
			return 0;
	}
	*row = (uint32_t)b->dfa->nrows;
	ret = row_new(b);
	if (ret == 0)
		b->wslot[h] = *row + 1;
	return ret;
}

static size_t
sparse_hash(const struct builder *b, uint32_t row, const uint32_t *nodes,
    size_t n)
{
	return (hash_words(nodes, n) ^ row * 0x9e3779b1U) & (b->nsslots - 1);
}

static int
sparse_rehash(struct builder *b)
{
	size_t i, h;

	if (slots_grow(&b->sslot, &b->nsslots) == -1)
		return -1;
	for (i = 0; i < b->dfa->nsparse; i++) {
		h = sparse_hash(b, b->dfa->sparse[i].row, b->snode + b->sat[i],
		    b->sat[i + 1] - b->sat[i]);
		while (b->sslot[h] != 0)
			h = (h + 1) & (b->nsslots - 1);
		b->sslot[h] = (uint32_t)i + 1;
	}
	return 0;
}

static int
sparse_new(struct builder *b, uint32_t row)
{
	struct dfa *dfa = b->dfa;
	struct dfa_sparse *s;
	size_t i = dfa->nsparse, at = b->sat[i], n = b->nnarrow, k;

	if (i >= DFA_MAX_GROWTH * b->nfa->n + DFA_MAX_EXTRA ||
	    i >= b->limits->sparse || at + n > DFA_MAX_NODES ||
	    i + dfa->nrows >= IMG_MAX_STATES)
		return 1;
	if (grow(&dfa->sparse, &b->sparse_cap, i + 2, sizeof(*s)) == -1 ||
	    grow(&b->sat, &b->sat_cap, i + 2, sizeof(*b->sat)) == -1 ||
	    grow(&b->snode, &b->snode_cap, at + n, sizeof(*b->snode)) == -1)
		return -1;
	s = &dfa->sparse[i];
	memset(s, 0, sizeof(*s));
	s->row = row;
	s->accept = dfa->row_accept[row];
	memcpy(b->snode + at, b->narrow, n * sizeof(*b->snode));
	b->sat[i + 1] = (uint32_t)(at + n);
	dfa->nsparse++;
	for (k = 0; k < n; k++) {
		if (b->nfa->node[b->narrow[k]].answers != 0)
			return accepts_find(&b->acc, b->wnode + b->wat[row],
			    b->wat[row + 1] - b->wat[row], b->narrow, n,
			    &s->accept);
	}
	return 0;
}

/* The state of a row and b->narrow. */
static int
sparse_find(struct builder *b, uint32_t row, uint32_t *state)
{
	size_t h, n = b->nnarrow;
	uint32_t i;
	int ret;

	sort_nodes(b->narrow, n);
	if (b->nsslots <= b->dfa->nsparse * 2 && sparse_rehash(b) == -1)
		return -1;
	for (h = sparse_hash(b, row, b->narrow, n); b->sslot[h] != 0;
	     h = (h + 1) & (b->nsslots - 1)) {
		i = b->sslot[h] - 1;
		*state = DFA_SPARSE | i;
		if (b->dfa->sparse[i].row == row &&
		    b->sat[i + 1] - b->sat[i] == n &&
		    memcmp(b->snode + b->sat[i], b->narrow,
			n * sizeof(*b->narrow)) == 0)
			return 0;
	}
	*state = DFA_SPARSE | (uint32_t)b->dfa->nsparse;
	ret = sparse_new(b, row);
	if (ret == 0)
		b->sslot[h] = (*state & ~DFA_SPARSE) + 1;
	return ret;
}

/* The nodes of a state into the set in the making; its row. */
static uint32_t
set_begin(struct builder *b, uint32_t state)
{
	uint32_t row = state, i, k;

	b->stamp++;
	b->nwide = 0;
	b->nnarrow = 0;
	if ((state & DFA_SPARSE) != 0) {
		i = state & ~DFA_SPARSE;
		row = b->dfa->sparse[i].row;
		for (k = b->sat[i]; k < b->sat[i + 1]; k++) {
			b->mark[b->snode[k]] = b->stamp;
			b->narrow[b->nnarrow++] = b->snode[k];
		}
	}
	for (k = b->wat[row]; k < b->wat[row + 1]; k++) {
		b->mark[b->wnode[k]] = b->stamp;
		b->wide[b->nwide++] = b->wnode[k];
	}
	b->work += b->nwide + b->nnarrow;
	return row;
}

int
state_with(struct builder *b, uint32_t from, const struct pair *p, size_t n,
    uint32_t *state)
{
	uint32_t row = set_begin(b, from);
	size_t i, nwide = b->nwide;
	int ret;

	for (i = 0; i < n; i++)
		set_add(b, p[i].to);
	b->work += n;
	if (b->work > DFA_MAX_WORK)
		return 1;
	if (b->nwide != nwide) {
		ret = row_find(b, &row);
		if (ret != 0)
			return ret;
	} else {
		memcpy(b->stuck, b->wstuck + row * b->g->nopclasses,
		    b->g->nopclasses * sizeof(*b->stuck));
	}
	prune_narrow(b);
	*state = row;
	return b->nnarrow == 0 ? 0 : sparse_find(b, row, state);
}

int
states_begin(struct builder *b)
{
	struct pair root = { 0, b->nfa->root };
	uint32_t row;
	int ret;

	b->mark = calloc(b->nfa->n, sizeof(*b->mark));
	b->wide = calloc(b->nfa->n, sizeof(*b->wide));
	b->narrow = calloc(b->nfa->n, sizeof(*b->narrow));
	if (b->mark == NULL || b->wide == NULL || b->narrow == NULL ||
	    accepts_init(&b->acc, b->dfa, b->nfa) == -1 ||
	    grow(&b->wat, &b->wat_cap, 2, sizeof(*b->wat)) == -1 ||
	    grow(&b->sat, &b->sat_cap, 2, sizeof(*b->sat)) == -1)
		return -1;
	b->wat[0] = 0;
	b->sat[0] = 0;
	ret = row_find(b, &row);
	return ret == 0 ? state_with(b, 0, &root, 1, &b->dfa->start) : ret;
}

void
states_free(struct builder *b)
{
	accepts_free(&b->acc);
	free(b->wat);
	free(b->wnode);
	free(b->wstuck);
	free(b->wslot);
	free(b->sat);
	free(b->snode);
	free(b->sslot);
	free(b->mark);
	free(b->wide);
	free(b->narrow);
	free(b->pair);
}
