/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is statically true of a policy: subtrees in which every path has the
 * same answer. A subtree is judged by every state that the automaton can reach
 * inside it, so a row of the plan is a proof, not a guess. Whatever cannot be
 * proved is left to fsd.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "path.h"

/* Operations that change nothing. */
#define OP(name) (1U << FILE_OP_##name)
#define READ_OPS                                                               \
	(OP(OPEN) | OP(READ) | OP(STAT) | OP(LIST) | OP(READLINK) | OP(ACCESS))

static const struct {
	const char *path;
	bool native;
} sysdirs[] = {
#define SYSDIR(p, n, what) { p, n },
#include "sysdir.def"
#undef SYSDIR
};

#define PAIRS_MAX 65536 /* states looked at; a greater subtree is fsd's */
/* Steps from state to state, of all subtrees: a part of a second, on any machine the same
 * number, so that a policy does not keep policyd busy. */
#define STEPS_MAX 4000000

/* A state of each DFA. */
struct pair {
	uint32_t state[IMG_MAX_DFAS];
};

struct walk {
	const struct policy *policy;
	const struct automaton *a;
	bool used[256];	   /* classes with a byte that paths can have */
	struct pair *seen; /* in the order they are found */
	size_t nseen;
	size_t cap;
	uint32_t *slot; /* of seen, plus 1; 2 * PAIRS_MAX */
	uint32_t steps; /* that are left */
	bool native;	/* still true after every state so far */
	bool hidden;
	uint32_t rule; /* the one answer of a hidden subtree */
	bool started;
};

static enum decision
rule_decision(const struct policy *p, uint32_t rule)
{
	if (rule == IMG_NONE)
		return DECISION_DENY;
	/* the built-in rules come after the policy's own */
	return rule < p->family[FAMILY_FILE].n ?
	    p->family[FAMILY_FILE].rule[rule].decision :
	    DECISION_ALLOW;
}

/* What the image says for a class of operations; see struct img_auto. */
static uint32_t
pair_rule(const struct automaton *a, const struct pair *p, uint32_t opclass)
{
	const struct globs *g = &a->globs;
	uint32_t first = IMG_NONE, loads = 0, v;
	size_t i;

	for (i = 0; i < a->ndfas; i++) {
		v = dfa_answer(&a->dfa[i], g->nopclasses, p->state[i])[opclass];
		loads |= v & IMG_LOADS;
		v &= ~IMG_LOADS;
		first = v < first ? v : first;
	}
	if (loads != 0 && (first == g->catchall || first == IMG_NONE))
		return g->loader;
	return first;
}

/* What one state says about the subtree. */
static void
walk_judge(struct walk *w, const struct pair *p)
{
	enum decision d, want;
	uint32_t rule;
	size_t op;

	for (op = 0; op < FILE_OP_MAX; op++) {
		rule = pair_rule(w->a, p, w->a->globs.opclass[op]);
		d = rule_decision(w->policy, rule);
		want = (READ_OPS >> op & 1) != 0 ? DECISION_ALLOW :
						   DECISION_DENY;
		if (d != want)
			w->native = false;
		if (!w->started)
			w->rule = rule;
		w->started = true;
		/* another rule has another name and message to tell */
		if (d != DECISION_DENY || rule != w->rule)
			w->hidden = false;
	}
}

static struct pair
pair_next(const struct walk *w, const struct pair *p, uint32_t class)
{
	struct pair next = { { 0 } };
	size_t i;

	for (i = 0; i < w->a->ndfas; i++)
		next.state[i] = dfa_next(&w->a->dfa[i], p->state[i], class);
	return next;
}

/* What cannot be looked at is neither native nor hidden. */
static void
walk_add(struct walk *w, const struct pair *p)
{
	size_t h = hash_words(p->state, IMG_MAX_DFAS) & (2 * PAIRS_MAX - 1);

	for (; w->slot[h] != 0; h = (h + 1) & (2 * PAIRS_MAX - 1)) {
		if (memcmp(&w->seen[w->slot[h] - 1], p, sizeof(*p)) == 0)
			return;
	}
	if (w->nseen >= PAIRS_MAX ||
	    grow(&w->seen, &w->cap, w->nseen + 1, sizeof(*p)) == -1) {
		w->native = false;
		w->hidden = false;
		return;
	}
	w->seen[w->nseen++] = *p;
	w->slot[h] = (uint32_t)w->nseen;
}

/* Every state that a byte of a path leads to. */
static void
walk_successors(struct walk *w, struct pair p)
{
	struct pair next;
	uint32_t class;

	if (w->steps < w->a->globs.nclasses) {
		w->native = false;
		w->hidden = false;
		return;
	}
	w->steps -= w->a->globs.nclasses;
	for (class = 0; class < w->a->globs.nclasses; class ++) {
		if (!w->used[class])
			continue;
		next = pair_next(w, &p, class);
		walk_add(w, &next);
	}
}

static void
walk_begin(struct walk *w, bool native)
{
	size_t i, h;

	for (i = 0; i < w->nseen; i++) {
		h = hash_words(w->seen[i].state, IMG_MAX_DFAS);
		for (h &= 2 * PAIRS_MAX - 1; w->slot[h] != 0;
		     h = (h + 1) & (2 * PAIRS_MAX - 1))
			w->slot[h] = 0;
	}
	w->nseen = 0;
	w->native = native;
	w->hidden = true;
	w->started = false;
}

/* The directory itself, then all that can be beneath it. native: may it be? */
static void
walk_tree(struct walk *w, const char *dir, bool native)
{
	const uint8_t *classes = w->a->globs.classes;
	struct pair p = { { 0 } };
	size_t i;

	walk_begin(w, native);
	for (i = 0; i < w->a->ndfas; i++)
		p.state[i] = w->a->dfa[i].start;
	for (; *dir != '\0'; dir++)
		p = pair_next(w, &p, classes[(uint8_t)*dir]);
	walk_judge(w, &p);
	walk_successors(w, pair_next(w, &p, classes['/']));
	for (i = 0; i < w->nseen && (w->native || w->hidden); i++) {
		walk_judge(w, &w->seen[i]);
		walk_successors(w, w->seen[i]);
	}
}

void
plan_build(struct plan *plan, const struct policy *p, const struct automaton *a,
    const char *workspace, bool native)
{
	struct walk w = { .policy = p, .a = a, .steps = STEPS_MAX };
	size_t i;
	struct plan_row *row;

	memset(plan, 0, sizeof(*plan));
	for (i = 1; i < 256; i++)
		w.used[a->globs.classes[i]] = true;
	w.slot = calloc(2 * PAIRS_MAX, sizeof(*w.slot));
	/* without memory there is no plan, and fsd serves everything */
	for (i = 0; w.slot != NULL && i < sizeof(sysdirs) / sizeof(sysdirs[0]);
	     i++) {
		if (path_is_beneath(workspace, sysdirs[i].path) ||
		    path_is_beneath(sysdirs[i].path, workspace))
			continue;
		walk_tree(&w, sysdirs[i].path, native && sysdirs[i].native);
		if (!w.native && !w.hidden)
			continue;
		row = &plan->row[plan->n++];
		row->kind = w.native ? MOUNT_NATIVE_RO : MOUNT_HIDDEN;
		snprintf(row->path, sizeof(row->path), "%s", sysdirs[i].path);
	}
	free(w.seen);
	free(w.slot);
}
