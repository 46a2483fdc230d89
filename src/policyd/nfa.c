/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns to a graph. They are first put into a tree, in which those that
 * begin in the same way share their nodes; then nodes with the same to come
 * are made one, from the leaves to the root. So what a subject that goes one
 * way can be at is a small set of nodes, also with thousands of patterns.
 */
#include <stdlib.h>
#include <string.h>

#include "automaton.h"
#include "fnv.h"

/* An edge with more classes is wide, and so is one with an eighth of all. */
#define NARROW 4

struct tree_node {
	uint32_t child;
	uint32_t sibling;
	uint32_t pattern; /* first that ends here, plus 1 */
	uint16_t code;	  /* of the element that leads here */
};

struct maker {
	const struct globs *globs;
	unsigned part;
	struct nfa *nfa;
	struct tree_node *tree;
	size_t ntree;
	size_t tcap;
	uint32_t *next;	 /* pattern that ends at the same node, plus 1 */
	uint32_t *final; /* node of the graph for one of the tree */
	uint32_t *slot;	 /* node + 1 */
	size_t nslots;
	uint32_t *aslot; /* list of answers + 1 */
	size_t naslots;
	size_t acap;
	size_t aatcap;
	size_t nlists;
};

uint32_t
rule_prio(const struct globs *g, uint32_t rule)
{
	if (rule != g->loader)
		return rule * 2 + 1;
	/* it can win as long as the catch-all can be the first */
	return g->catchall == IMG_NONE ? UINT32_MAX - 1 : g->catchall * 2;
}

uint32_t
hash_words(const uint32_t *v, size_t n)
{
	uint64_t h = FNV_INIT;
	size_t i;

	for (i = 0; i < n; i++) {
		h = fnv_step(h, v[i]);
		h ^= h >> 31;
	}
	return (uint32_t)(h ^ h >> 32);
}

/* A power of 2 that leaves half of the slots free. */
static size_t
slots_for(size_t n)
{
	size_t s = 64;

	while (s < n * 2)
		s *= 2;
	return s;
}

static int
tree_add(struct maker *m, uint32_t id)
{
	const struct pattern *p = &m->globs->pattern[id];
	uint32_t at = 0, child, i, n = p->n - (m->part == PART_HITS);
	uint16_t code;

	for (i = 0; i < n; i++) {
		code = m->globs->code[p->first + i];
		child = m->tree[at].child;
		while (child != 0 && m->tree[child].code != code)
			child = m->tree[child].sibling;
		if (child == 0) {
			if (grow(&m->tree, &m->tcap, m->ntree + 1,
				sizeof(*m->tree)) == -1)
				return -1;
			child = (uint32_t)m->ntree++;
			m->tree[child] = (struct tree_node){ 0,
				m->tree[at].child, 0, code };
			m->tree[at].child = child;
		}
		at = child;
	}
	m->next[id] = m->tree[at].pattern;
	m->tree[at].pattern = id + 1;
	return 0;
}

static int
tree_make(struct maker *m)
{
	uint32_t i;

	m->next = calloc(m->globs->npatterns + 1, sizeof(*m->next));
	if (m->next == NULL ||
	    grow(&m->tree, &m->tcap, 1, sizeof(*m->tree)) == -1)
		return -1;
	memset(&m->tree[0], 0, sizeof(m->tree[0]));
	m->ntree = 1;
	for (i = 0; i < m->globs->npatterns; i++) {
		if (m->globs->pattern[i].part == m->part &&
		    tree_add(m, i) == -1)
			return -1;
	}
	return 0;
}

static int
answer_cmp(const void *a, const void *b)
{
	const struct answer *x = a, *y = b;

	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

/* The number of the list of answers from at on; at is where it begins. */
static int
answers_intern(struct maker *m, size_t at, uint32_t *number)
{
	struct nfa *nfa = m->nfa;
	size_t n = nfa->nanswers - at, h, len;
	uint32_t *start;

	h = hash_words((const uint32_t *)(const void *)(nfa->answer + at),
	    n * sizeof(struct answer) / sizeof(uint32_t));
	for (h &= m->naslots - 1; m->aslot[h] != 0;
	     h = (h + 1) & (m->naslots - 1)) {
		*number = m->aslot[h] - 1;
		start = nfa->answerat + *number;
		len = start[1] - start[0];
		if (len == n &&
		    (n == 0 ||
			memcmp(nfa->answer + start[0], nfa->answer + at,
			    n * sizeof(struct answer)) == 0)) {
			nfa->nanswers = at;
			return 0;
		}
	}
	if (grow(&nfa->answerat, &m->aatcap, m->nlists + 2,
		sizeof(*nfa->answerat)) == -1)
		return -1;
	*number = (uint32_t)m->nlists++;
	m->aslot[h] = *number + 1;
	nfa->answerat[*number] = (uint32_t)at;
	nfa->answerat[*number + 1] = (uint32_t)nfa->nanswers;
	return 0;
}

/* What a chain of patterns says: each rule once, in order. */
static int
answers_make(struct maker *m, uint32_t pattern, uint32_t *number)
{
	struct nfa *nfa = m->nfa;
	const struct pattern *p;
	struct answer *a;
	size_t i, n, at = nfa->nanswers;

	for (; pattern != 0; pattern = m->next[pattern - 1]) {
		p = &m->globs->pattern[pattern - 1];
		if (grow(&nfa->answer, &m->acap, nfa->nanswers + 1,
			sizeof(*a)) == -1)
			return -1;
		a = &nfa->answer[nfa->nanswers++];
		a->rule = p->rule;
		a->ops = p->ops;
		a->sure = p->sure;
	}
	a = nfa->answer + at;
	n = nfa->nanswers - at;
	if (n > 1)
		qsort(a, n, sizeof(*a), answer_cmp);
	nfa->nanswers = at;
	for (i = 0; i < n; i++) {
		if (nfa->nanswers > at &&
		    nfa->answer[nfa->nanswers - 1].rule == a[i].rule)
			nfa->answer[nfa->nanswers - 1].ops |= a[i].ops;
		else
			nfa->answer[nfa->nanswers++] = a[i];
	}
	return answers_intern(m, at, number);
}

static int
edge_cmp(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	if (x->code != y->code)
		return x->code < y->code ? -1 : 1;
	return x->to < y->to ? -1 : x->to > y->to;
}

/* Edges to the children of a node of the tree, behind all others. */
static int
edges_make(struct maker *m, uint32_t t, size_t *n)
{
	struct nfa *nfa = m->nfa;
	size_t at = nfa->nedges;
	struct edge *e;
	uint32_t child;

	*n = 0;
	for (child = m->tree[t].child; child != 0;
	     child = m->tree[child].sibling) {
		if (grow(&nfa->edge, &nfa->ecap, at + *n + 1,
			sizeof(*nfa->edge)) == -1)
			return -1;
		e = &nfa->edge[at + (*n)++];
		e->to = m->final[child];
		e->code = m->tree[child].code;
	}
	if (*n > 1)
		qsort(nfa->edge + at, *n, sizeof(*nfa->edge), edge_cmp);
	return 0;
}

static bool
is_wide(const struct globs *g, uint32_t set)
{
	uint32_t n = g->memberat[set + 1] - g->memberat[set];

	return n > NARROW && n > g->nclasses / 8;
}

/* What follows from the edges and the answers of a new node. */
static void
node_judge(const struct maker *m, struct node *node, size_t nedges)
{
	const struct nfa *nfa = m->nfa;
	const struct globs *g = m->globs;
	const struct answer *a = nfa->answer + nfa->answerat[node->answers];
	const struct answer *end = nfa->answer +
	    nfa->answerat[node->answers + 1];
	const struct edge *e = nfa->edge + node->edge;
	uint32_t prio;
	size_t i;
	bool all;

	node->first_prio = UINT32_MAX;
	all = node->loop != NODE_STEP && byteset_is_all(&g->set[node->loop]);
	node->wide = node->loop != NODE_STEP && is_wide(g, node->loop);
	node->last = all && nedges == 0;
	for (; a < end; a++) {
		prio = rule_prio(g, a->rule);
		if (prio < node->first_prio)
			node->first_prio = prio;
		node->ops |= a->ops;
		if (all && a->sure && a->rule != g->loader)
			node->sticky = true;
	}
	for (i = 0; i < nedges; i++) {
		if (nfa->node[e[i].to].first_prio < node->first_prio)
			node->first_prio = nfa->node[e[i].to].first_prio;
		node->ops |= nfa->node[e[i].to].ops;
		if ((e[i].code & ELEM_LOOP) == 0 && is_wide(g, e[i].code / 2))
			node->wide = true;
	}
}

static bool
node_equal(const struct nfa *nfa, uint32_t id, const struct node *node,
    size_t nedges)
{
	const struct node *other = &nfa->node[id];
	size_t n = (id + 1 < nfa->n ? other[1].edge : node->edge) - other->edge;

	return other->loop == node->loop && other->answers == node->answers &&
	    n == nedges &&
	    (n == 0 ||
		memcmp(nfa->edge + other->edge, nfa->edge + node->edge,
		    n * sizeof(*nfa->edge)) == 0);
}

/* The node of the graph for one of the tree, whose children have theirs. */
static int
node_make(struct maker *m, uint32_t t)
{
	struct nfa *nfa = m->nfa;
	struct node node = { .edge = (uint32_t)nfa->nedges };
	uint16_t code = m->tree[t].code;
	size_t nedges, h;

	node.loop = t != 0 && (code & ELEM_LOOP) != 0 ? code / 2 : NODE_STEP;
	if (answers_make(m, m->tree[t].pattern, &node.answers) == -1 ||
	    edges_make(m, t, &nedges) == -1)
		return -1;
	h = hash_words((const uint32_t *)(const void *)(nfa->edge +
			   nfa->nedges),
	    nedges * sizeof(struct edge) / sizeof(uint32_t));
	h = (h ^ node.answers * 0x9e3779b1U ^ node.loop * 0x85ebca6bU);
	for (h &= m->nslots - 1; m->slot[h] != 0;
	     h = (h + 1) & (m->nslots - 1)) {
		m->final[t] = m->slot[h] - 1;
		if (node_equal(nfa, m->final[t], &node, nedges))
			return 0;
	}
	if (grow(&nfa->node, &nfa->cap, nfa->n + 2, sizeof(node)) == -1)
		return -1;
	node_judge(m, &node, nedges);
	m->final[t] = (uint32_t)nfa->n;
	m->slot[h] = (uint32_t)nfa->n + 1;
	nfa->node[nfa->n++] = node;
	nfa->nedges += nedges;
	nfa->node[nfa->n].edge = (uint32_t)nfa->nedges;
	return 0;
}

static int
graph_make(struct maker *m)
{
	uint32_t none;
	size_t t;

	m->nslots = slots_for(m->ntree);
	m->naslots = slots_for(m->globs->npatterns + 2);
	m->final = calloc(m->ntree, sizeof(*m->final));
	m->slot = calloc(m->nslots, sizeof(*m->slot));
	m->aslot = calloc(m->naslots, sizeof(*m->aslot));
	/* an array that stays empty is still one to point into */
	if (m->final == NULL || m->slot == NULL || m->aslot == NULL ||
	    grow(&m->nfa->answer, &m->acap, 1, sizeof(struct answer)) == -1 ||
	    grow(&m->nfa->edge, &m->nfa->ecap, 1, sizeof(struct edge)) == -1)
		return -1;
	/* the empty list is number 0 */
	if (answers_make(m, 0, &none) == -1)
		return -1;
	/* a child always has a greater number than its parent */
	for (t = m->ntree; t-- > 0;) {
		if (node_make(m, (uint32_t)t) == -1)
			return -1;
	}
	m->nfa->root = m->final[0];
	return 0;
}

int
nfa_build(struct nfa *nfa, const struct globs *globs, unsigned part)
{
	struct maker m = { .globs = globs, .part = part, .nfa = nfa };
	int ret = -1;

	memset(nfa, 0, sizeof(*nfa));
	nfa->globs = globs;
	if (tree_make(&m) == 0)
		ret = graph_make(&m);
	free(m.tree);
	free(m.next);
	free(m.final);
	free(m.slot);
	free(m.aslot);
	if (ret == -1)
		nfa_free(nfa);
	return ret;
}

void
nfa_free(struct nfa *nfa)
{
	free(nfa->node);
	free(nfa->edge);
	free(nfa->answer);
	free(nfa->answerat);
	memset(nfa, 0, sizeof(*nfa));
}
