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

#include "path.h"
#include "compile.h"

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

struct walk {
	const struct policy *policy;
	const struct automaton *a;
	bool used[256]; /* classes with a byte that paths can have */
	bool *seen;
	uint32_t *todo;
	size_t ntodo;
	bool native; /* still true after every state so far */
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

/* What the image says for a cell of accept; see struct img_auto. */
static uint32_t
cell_rule(const struct globs *g, uint32_t cell)
{
	uint32_t rule = cell & ~IMG_LOADS;

	if ((cell & IMG_LOADS) != 0 &&
	    (rule == g->catchall || rule == IMG_NONE))
		return g->loader;
	return rule;
}

/* What one state says about the subtree. */
static void
walk_judge(struct walk *w, uint32_t state)
{
	const struct globs *g = &w->a->globs;
	const uint32_t *row = dfa_answer(&w->a->dfa, g->nopclasses, state);
	enum decision d, want;
	uint32_t rule;
	size_t op;

	for (op = 0; op < FILE_OP_MAX; op++) {
		rule = cell_rule(g, row[g->opclass[op]]);
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

/* Rows first, then the sparse states. */
static size_t
state_index(const struct walk *w, uint32_t state)
{
	return (state & DFA_SPARSE) != 0 ?
	    w->a->dfa.nrows + (state & ~DFA_SPARSE) :
	    state;
}

static void
walk_add(struct walk *w, uint32_t state)
{
	size_t i = state_index(w, state);

	if (w->seen[i])
		return;
	w->seen[i] = true;
	w->todo[w->ntodo++] = state;
}

static uint32_t
next_state(const struct walk *w, uint32_t state, char byte)
{
	return dfa_next(&w->a->dfa, state,
	    w->a->globs.classes[(uint8_t)byte]);
}

/* Every state that a byte of a path leads to. */
static void
walk_successors(struct walk *w, uint32_t state)
{
	uint32_t class;

	for (class = 0; class < w->a->globs.nclasses; class++) {
		if (w->used[class])
			walk_add(w, dfa_next(&w->a->dfa, state, class));
	}
}

/* The directory itself, then all that can be beneath it. */
static void
walk_tree(struct walk *w, const char *dir)
{
	uint32_t state = w->a->dfa.start;

	memset(w->seen, 0,
	    (w->a->dfa.nrows + w->a->dfa.nsparse) * sizeof(*w->seen));
	w->ntodo = 0;
	w->native = true;
	w->hidden = true;
	w->started = false;
	for (; *dir != '\0'; dir++)
		state = next_state(w, state, *dir);
	walk_judge(w, state);
	walk_successors(w, next_state(w, state, '/'));
	while (w->ntodo > 0 && (w->native || w->hidden)) {
		state = w->todo[--w->ntodo];
		walk_judge(w, state);
		walk_successors(w, state);
	}
}

void
plan_build(struct plan *plan, const struct policy *p,
    const struct automaton *a, const char *workspace, bool native)
{
	struct walk w = { .policy = p, .a = a };
	size_t i, n = a->dfa.nrows + a->dfa.nsparse;
	struct plan_row *row;

	memset(plan, 0, sizeof(*plan));
	for (i = 1; i < 256; i++)
		w.used[a->globs.classes[i]] = true;
	w.seen = calloc(n, sizeof(*w.seen));
	w.todo = calloc(n, sizeof(*w.todo));
	/* without memory there is no plan, and fsd serves everything */
	for (i = 0; w.seen != NULL && w.todo != NULL &&
	     i < sizeof(sysdirs) / sizeof(sysdirs[0]);
	     i++) {
		if (path_is_beneath(workspace, sysdirs[i].path) ||
		    path_is_beneath(sysdirs[i].path, workspace))
			continue;
		walk_tree(&w, sysdirs[i].path);
		w.native = w.native && native && sysdirs[i].native;
		if (!w.native && !w.hidden)
			continue;
		row = &plan->row[plan->n++];
		row->kind = w.native ? MOUNT_NATIVE_RO : MOUNT_HIDDEN;
		snprintf(row->path, sizeof(row->path), "%s", sysdirs[i].path);
	}
	free(w.seen);
	free(w.todo);
}
