/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DFA in the making: the rows and states found so far, by the sets of nodes
 * they stand for.
 */
#ifndef STATES_H
#define STATES_H

#include "automaton.h"

struct pair {
	uint32_t class;
	uint32_t to;
};

struct builder {
	const struct nfa *nfa;
	const struct globs *g;
	struct dfa *dfa;
	const struct dfa_limits *limits;
	struct accepts acc;
	uint64_t work;
	/* rows: their nodes, and the first that has matched for ever, by
	 * classes of operations */
	uint32_t *wat;
	uint32_t *wnode;
	uint32_t *wstuck;
	uint32_t *wslot;
	size_t nwslots;
	size_t row_cap, wat_cap, wnode_cap, wstuck_cap, wacc_cap, wlast_cap;
	size_t done; /* rows that are filled in */
	/* sparse states: their narrow nodes */
	uint32_t *sat;
	uint32_t *snode;
	uint32_t *sslot;
	size_t nsslots;
	size_t sparse_cap, sat_cap, snode_cap, edge_cap;
	/* the set in the making */
	uint32_t *mark;
	uint32_t stamp;
	uint32_t *wide;
	uint32_t *narrow;
	size_t nwide;
	size_t nnarrow;
	uint32_t stuck[IMG_MAX_OPS];
	struct pair *pair;
	size_t npairs;
	size_t pair_cap;
};

/* states.c: all 0, 1: more than the limits, -1: no memory. */

/* Row 0, of no nodes, and the first state. */
int states_begin(struct builder *);
/* Where one is in state `from`, and besides at those n nodes. */
int state_with(struct builder *, uint32_t from, const struct pair *, size_t n,
    uint32_t *state);
void states_free(struct builder *);

#endif
