/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An automaton into the image. States get their final numbers: rows, rows that
 * are never left, the others; chains of states with one way on each become
 * runs; what else differs from the rows is laid into one array, so that one
 * look finds it or says that it is not there.
 */
#include <stdlib.h>
#include <string.h>

#include "automaton.h"

#define NO_STATE UINT32_MAX
#define EDGE_TRIES 64 /* places looked at for one state */

struct emitter {
	const struct automaton *a;
	const struct dfa *dfa;
	uint32_t *row_number;
	uint32_t *sparse_number; /* NO_STATE: inside a run */
	uint8_t byte[256];	 /* the byte of a class, if it is but one */
	bool single[256];
	uint32_t *uses; /* of sparse states */
	struct img_state *state;
	uint32_t *answer;
	uint32_t nstates;
	struct img_edge *edge;
	size_t nedges;
	size_t ecap;
	size_t free_edge; /* none is free below */
	uint8_t *runs;
	size_t nruns;
	size_t rcap;
};

uint32_t
emit_begin(struct buf *b)
{
	static const uint8_t zero[8];

	buf_put(b, zero, (8 - b->len % 8) % 8);
	return (uint32_t)b->len;
}

uint32_t
emit_bytes(struct buf *b, const void *data, size_t n, size_t size)
{
	uint32_t at = emit_begin(b);

	buf_put(b, data, n * size);
	return at;
}

static void
emit_bits(struct buf *b, const struct bits *bits, uint32_t nclasses,
    struct img_auto *a)
{
	size_t rows = bits->nwords * nclasses;

	a->flags |= IMG_NFA;
	a->nwords = (uint32_t)bits->nwords;
	a->begin = emit_bytes(b, bits->begin, bits->nwords, 8);
	a->step = emit_bytes(b, bits->step, rows, 8);
	a->loop = emit_bytes(b, bits->loop, rows, 8);
	a->skip = emit_bytes(b, bits->skip, bits->nwords, 8);
	a->nfinal = (uint32_t)bits->nfinal;
	a->final = emit_bytes(b, bits->final, bits->nfinal,
	    sizeof(*bits->final));
}

static uint32_t
edge_count(const struct dfa *dfa, uint32_t i)
{
	return dfa->sparse[i + 1].edge - dfa->sparse[i].edge;
}

/* Does a state go on with one byte only, but for its row? */
static bool
is_link(const struct emitter *e, uint32_t i)
{
	return edge_count(e->dfa, i) == 1 &&
	    e->single[e->dfa->edge[e->dfa->sparse[i].edge].class];
}

/* The state that follows i in a run, or NO_STATE. */
static uint32_t
run_next(const struct emitter *e, uint32_t i)
{
	const struct dfa_sparse *s = &e->dfa->sparse[i], *t;
	uint32_t to = e->dfa->edge[s->edge].to;

	if ((to & DFA_SPARSE) == 0)
		return NO_STATE;
	to &= ~DFA_SPARSE;
	t = &e->dfa->sparse[to];
	if (e->uses[to] != 1 || !is_link(e, to) || t->row != s->row ||
	    t->accept != s->accept || to == i)
		return NO_STATE;
	return to;
}

static void
count_uses(struct emitter *e)
{
	const struct dfa *dfa = e->dfa;
	size_t i, n = dfa->nrows * dfa->nclasses;

	if ((dfa->start & DFA_SPARSE) != 0)
		e->uses[dfa->start & ~DFA_SPARSE] += 2;
	for (i = 0; i < n; i++) {
		if ((dfa->row[i] & DFA_SPARSE) != 0)
			e->uses[dfa->row[i] & ~DFA_SPARSE] += 2;
	}
	for (i = 0; i < dfa->nedges; i++) {
		if ((dfa->edge[i].to & DFA_SPARSE) != 0)
			e->uses[dfa->edge[i].to & ~DFA_SPARSE]++;
	}
}

/* Which states are inside of runs, and numbers for the others. */
static void
number_states(struct emitter *e, uint32_t *nlast)
{
	const struct dfa *dfa = e->dfa;
	uint32_t i, to, n = 0;

	for (i = 0; i < dfa->nrows; i++) {
		if (!dfa->row_last[i])
			e->row_number[i] = n++;
	}
	for (i = 0; i < dfa->nrows; i++) {
		if (dfa->row_last[i])
			e->row_number[i] = n++;
	}
	*nlast = n;
	for (i = 0; i < dfa->nsparse; i++) {
		if (!is_link(e, i))
			continue;
		to = run_next(e, i);
		if (to != NO_STATE)
			e->sparse_number[to] = NO_STATE;
	}
	for (i = 0; i < dfa->nsparse; i++) {
		if (e->sparse_number[i] != NO_STATE)
			e->sparse_number[i] = n++;
	}
	e->nstates = n;
}

static uint32_t
number_of(const struct emitter *e, uint32_t state)
{
	return (state & DFA_SPARSE) != 0 ?
	    e->sparse_number[state & ~DFA_SPARSE] :
	    e->row_number[state];
}

static int
put_run(struct emitter *e, uint32_t i, struct img_state *s)
{
	const struct dfa *dfa = e->dfa;
	const struct dfa_edge *edge;
	uint32_t to;

	s->base = (uint32_t)e->nruns;
	for (;;) {
		edge = &dfa->edge[dfa->sparse[i].edge];
		if (grow(&e->runs, &e->rcap, e->nruns + 1, 1) == -1)
			return -1;
		e->runs[e->nruns++] = e->byte[edge->class];
		s->run++;
		to = run_next(e, i);
		if (to == NO_STATE)
			break;
		i = to;
	}
	s->next = number_of(e, edge->to);
	return 0;
}

static int
edges_reserve(struct emitter *e, size_t need)
{
	size_t i, was = e->ecap;

	if (grow(&e->edge, &e->ecap, need, sizeof(*e->edge)) == -1)
		return -1;
	for (i = was; i < e->ecap; i++)
		e->edge[i] = (struct img_edge){ NO_STATE, 0 };
	return 0;
}

/* Where a state's edges fit between those of others. */
static int
put_edges(struct emitter *e, uint32_t i, uint32_t number, struct img_state *s)
{
	const struct dfa *dfa = e->dfa;
	const struct dfa_edge *d = dfa->edge + dfa->sparse[i].edge;
	uint32_t n = edge_count(dfa, i), k, tries, first = d[0].class;
	size_t at = e->free_edge;

	for (tries = 0;; tries++, at++) {
		if (tries == EDGE_TRIES && at < e->nedges)
			at = e->nedges; /* behind all others */
		if (edges_reserve(e, at + 512) == -1)
			return -1;
		if (at < first)
			continue;
		for (k = 0; k < n; k++) {
			if (e->edge[at - first + d[k].class].from != NO_STATE)
				break;
		}
		if (k == n)
			break;
	}
	s->base = (uint32_t)(at - first);
	for (k = 0; k < n; k++)
		e->edge[s->base + d[k].class] = (struct img_edge){ number,
			number_of(e, d[k].to) };
	if (s->base + dfa->nclasses > e->nedges)
		e->nedges = s->base + dfa->nclasses;
	while (e->free_edge < e->nedges &&
	    e->edge[e->free_edge].from != NO_STATE)
		e->free_edge++;
	/* holes that hardly any state fits in are not looked at for ever */
	if (e->nedges - e->free_edge > 4096)
		e->free_edge = e->nedges - 4096;
	return 0;
}

static int
put_states(struct emitter *e, uint32_t nlast)
{
	const struct dfa *dfa = e->dfa;
	struct img_state *s;
	uint32_t i, number;

	for (i = 0; i < dfa->nrows; i++)
		e->answer[e->row_number[i]] = dfa->row_accept[i];
	for (i = 0; i < dfa->nsparse; i++) {
		number = e->sparse_number[i];
		if (number == NO_STATE)
			continue;
		e->answer[number] = dfa->sparse[i].accept;
		s = &e->state[number - nlast];
		s->row = e->row_number[dfa->sparse[i].row];
		if (edge_count(dfa, i) == 0) {
			/* any place of another state */
			if (edges_reserve(e, dfa->nclasses) == -1)
				return -1;
			if (e->nedges < dfa->nclasses)
				e->nedges = dfa->nclasses;
		} else if (is_link(e, i)) {
			if (put_run(e, i, s) == -1)
				return -1;
		} else if (put_edges(e, i, number, s) == -1) {
			return -1;
		}
	}
	return grow(&e->runs, &e->rcap, e->nruns + IMG_RUN_PAD, 1);
}

static void
find_bytes(struct emitter *e, const struct globs *g)
{
	unsigned count[256] = { 0 };
	size_t b;

	for (b = 0; b < 256; b++) {
		count[g->classes[b]]++;
		e->byte[g->classes[b]] = (uint8_t)b;
	}
	for (b = 0; b < 256; b++)
		e->single[b] = count[b] == 1;
}

static void
put_rows(struct buf *b, const struct emitter *e, struct img_dfa *a)
{
	const struct dfa *dfa = e->dfa;
	uint32_t row[256];
	size_t i, k;

	while (UINT32_C(1) << a->shift < dfa->nclasses)
		a->shift++;
	a->row = emit_begin(b);
	for (i = 0; i < dfa->nrows; i++) {
		if (dfa->row_last[i])
			continue;
		memset(row, 0, sizeof(row));
		for (k = 0; k < dfa->nclasses; k++)
			row[k] = number_of(e, dfa->row[i * dfa->nclasses + k]);
		buf_put(b, row, sizeof(*row) << a->shift);
		a->nrows++;
	}
}

static void
put_dfa(struct buf *b, const struct emitter *e, uint32_t nlast,
    struct img_dfa *a)
{
	const struct dfa *dfa = e->dfa;

	a->hits = dfa->hits;
	a->start = number_of(e, dfa->start);
	a->nstates = e->nstates;
	a->nlast = nlast;
	put_rows(b, e, a);
	a->state = emit_bytes(b, e->state, e->nstates - nlast,
	    sizeof(*e->state));
	a->answer = emit_bytes(b, e->answer, e->nstates, sizeof(*e->answer));
	a->edge = emit_bytes(b, e->edge, e->nedges, sizeof(*e->edge));
	a->nedges = (uint32_t)e->nedges;
	memset(e->runs + e->nruns, 0, IMG_RUN_PAD);
	a->runs = emit_bytes(b, e->runs, e->nruns + IMG_RUN_PAD, 1);
	a->nruns = (uint32_t)e->nruns + IMG_RUN_PAD;
	a->naccept = (uint32_t)dfa->naccept;
	a->accept = emit_bytes(b, dfa->accept,
	    dfa->naccept * e->a->globs.nopclasses, sizeof(*dfa->accept));
	a->nlists = (uint32_t)dfa->nlists;
	a->listat = emit_bytes(b, dfa->listat, dfa->nlists + 1,
	    sizeof(*dfa->listat));
	a->list = emit_bytes(b, dfa->list, dfa->listat[dfa->nlists],
	    sizeof(*dfa->list));
}

static int
emit_dfa(struct buf *b, const struct automaton *au, const struct dfa *dfa,
    struct img_dfa *a)
{
	struct emitter e = { .a = au, .dfa = dfa };
	uint32_t nlast = 0;
	int ret = -1;

	find_bytes(&e, &au->globs);
	e.row_number = calloc(dfa->nrows + 1, sizeof(*e.row_number));
	e.sparse_number = calloc(dfa->nsparse + 1, sizeof(*e.sparse_number));
	e.uses = calloc(dfa->nsparse + 1, sizeof(*e.uses));
	if (e.row_number == NULL || e.sparse_number == NULL || e.uses == NULL)
		goto out;
	count_uses(&e);
	number_states(&e, &nlast);
	e.state = calloc(e.nstates + 1, sizeof(*e.state));
	e.answer = calloc(e.nstates + 1, sizeof(*e.answer));
	if (e.state == NULL || e.answer == NULL || put_states(&e, nlast) == -1)
		goto out;
	put_dfa(b, &e, nlast, a);
	ret = 0;
out:
	free(e.row_number);
	free(e.sparse_number);
	free(e.uses);
	free(e.state);
	free(e.answer);
	free(e.edge);
	free(e.runs);
	return ret;
}

int
emit_auto(struct buf *b, const struct automaton *au, struct img_auto *a)
{
	const struct globs *g = &au->globs;
	size_t i;

	memset(a, 0, sizeof(*a));
	a->flags = g->lists ? IMG_LISTS : 0;
	a->nops = g->nops;
	a->nopclasses = g->nopclasses;
	a->nclasses = g->nclasses;
	memcpy(a->opclass, g->opclass, sizeof(a->opclass));
	memcpy(a->classes, g->classes, sizeof(a->classes));
	a->catchall = g->catchall;
	a->loader = g->loader;
	if (au->has_bits)
		emit_bits(b, &au->bits, g->nclasses, a);
	for (i = 0; i < au->ndfas; i++) {
		if (emit_dfa(b, au, &au->dfa[i], &a->dfa[i]) == -1)
			return -1;
	}
	a->ndfas = (uint32_t)au->ndfas;
	return 0;
}
