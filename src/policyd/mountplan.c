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
#include "policy.h"

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
	const struct nfa *nfa;
	const struct dfa *dfa;
	bool *seen;
	uint16_t *todo;
	size_t ntodo;
	bool native; /* still true after every state so far */
	bool hidden;
	uint16_t rule; /* the one answer of a hidden subtree */
	bool started;
};

static enum decision
rule_decision(const struct policy *p, uint16_t rule)
{
	if (rule == IMG_NONE)
		return DECISION_DENY;
	/* the built-in rule comes after the policy's own */
	return rule < p->family[FAMILY_FILE].n ?
	    p->family[FAMILY_FILE].rule[rule].decision :
	    DECISION_ALLOW;
}

/* What one state says about the subtree. */
static void
walk_judge(struct walk *w, uint16_t state)
{
	const uint16_t *row = w->dfa->rows +
	    (size_t)w->dfa->accept[state] * FILE_OP_MAX;
	enum decision d, want;
	size_t op;

	for (op = 0; op < FILE_OP_MAX; op++) {
		d = rule_decision(w->policy, row[op]);
		want = (READ_OPS >> op & 1) != 0 ? DECISION_ALLOW :
						   DECISION_DENY;
		if (d != want)
			w->native = false;
		if (!w->started)
			w->rule = row[op];
		w->started = true;
		/* another rule has another name and message to tell */
		if (d != DECISION_DENY || row[op] != w->rule)
			w->hidden = false;
	}
}

static void
walk_add(struct walk *w, uint16_t state)
{
	if (w->seen[state])
		return;
	w->seen[state] = true;
	w->todo[w->ntodo++] = state;
}

static uint16_t
dfa_next(const struct walk *w, uint16_t state, uint8_t byte)
{
	return w->dfa->trans[state * w->nfa->nclasses + w->nfa->classes[byte]];
}

/* Every state that a byte of a path leads to. */
static void
walk_successors(struct walk *w, uint16_t state)
{
	unsigned byte;

	for (byte = 1; byte < 256; byte++)
		walk_add(w, dfa_next(w, state, (uint8_t)byte));
}

/* The directory itself, then all that can be beneath it. */
static void
walk_tree(struct walk *w, const char *dir)
{
	uint16_t state = 0;

	memset(w->seen, 0, w->dfa->nstates * sizeof(*w->seen));
	w->ntodo = 0;
	w->native = true;
	w->hidden = true;
	w->started = false;
	for (; *dir != '\0'; dir++)
		state = dfa_next(w, state, (uint8_t)*dir);
	walk_judge(w, state);
	walk_successors(w, dfa_next(w, state, '/'));
	while (w->ntodo > 0 && (w->native || w->hidden)) {
		state = w->todo[--w->ntodo];
		walk_judge(w, state);
		walk_successors(w, state);
	}
}

void
plan_build(struct plan *plan, const struct policy *p, const struct nfa *nfa,
    const struct dfa *dfa, const char *workspace, bool native)
{
	struct walk w = { .policy = p, .nfa = nfa, .dfa = dfa };
	struct plan_row *row;
	size_t i;

	memset(plan, 0, sizeof(*plan));
	w.seen = calloc(dfa->nstates, sizeof(*w.seen));
	w.todo = calloc(dfa->nstates, sizeof(*w.todo));
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
