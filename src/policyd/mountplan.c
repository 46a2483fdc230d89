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
/* Steps from state to state, of all subtrees: a part of a second, on any
 * machine the same number, so that a policy does not keep policyd busy. */
#define STEPS_MAX 4000000

/* A state of each DFA. */
struct pair {
	uint32_t state[IMG_MAX_DFAS];
};

/* How a state was found first. */
struct origin {
	uint32_t from; /* of seen; IMG_NONE: the directory and a slash */
	uint32_t class;
};

/* The first thing that speaks against a kind of mount. */
struct doubt {
	bool is_there;
	bool unproven; /* there are too many states to look at */
	uint32_t at;   /* of seen; IMG_NONE: the directory itself */
	uint32_t op;
	uint32_t rule;
};

struct walk {
	const struct policy *policy;
	const struct automaton *a;
	uint8_t byte[256]; /* a byte of the class that paths can have, or 0 */
	struct pair *seen; /* in the order they are found */
	struct origin *origin; /* of each */
	size_t nseen;
	size_t cap;
	size_t ocap;
	uint32_t *slot;	     /* of seen, plus 1; 2 * PAIRS_MAX */
	uint32_t steps;	     /* that are left */
	struct doubt native; /* none after every state so far */
	struct doubt hidden;
	uint32_t rule; /* the one answer of a hidden subtree */
	bool started;
	struct plan_reason *reason; /* NULL: nobody wants to know */
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

/* Nobody sees what is opened on a mount that fsd does not serve. */
static bool
rule_logs(const struct policy *p, uint32_t rule)
{
	return rule < p->family[FAMILY_FILE].n &&
	    p->family[FAMILY_FILE].rule[rule].file.log_full;
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

static void
doubt(struct doubt *d, uint32_t at, size_t op, uint32_t rule)
{
	if (!d->is_there)
		*d = (struct doubt){ true, false, at, (uint32_t)op, rule };
}

static void
note_rule(struct plan_reason *r, uint32_t rule)
{
	size_t i;

	for (i = 0; r != NULL && i < r->nrules; i++) {
		if (r->rules[i] == rule)
			return;
	}
	if (r != NULL && r->nrules < PLAN_RULES)
		r->rules[r->nrules++] = rule;
}

/* What one state says about the subtree. */
static void
walk_judge(struct walk *w, const struct pair *p, uint32_t at)
{
	enum decision d, want;
	uint32_t rule;
	size_t op;

	for (op = 0; op < FILE_OP_MAX; op++) {
		rule = pair_rule(w->a, p, w->a->globs.opclass[op]);
		d = rule_decision(w->policy, rule);
		want = (READ_OPS >> op & 1) != 0 ? DECISION_ALLOW :
						   DECISION_DENY;
		if (d != want || rule_logs(w->policy, rule))
			doubt(&w->native, at, op, rule);
		else if (want == DECISION_ALLOW)
			note_rule(w->reason, rule);
		if (!w->started)
			w->rule = rule;
		w->started = true;
		/* another rule has another name and message to tell */
		if (d != DECISION_DENY || rule != w->rule ||
		    rule_logs(w->policy, rule))
			doubt(&w->hidden, at, op, rule);
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
walk_give_up(struct walk *w)
{
	static const struct doubt unproven = { true, true, IMG_NONE, 0,
		IMG_NONE };

	if (!w->native.is_there)
		w->native = unproven;
	if (!w->hidden.is_there)
		w->hidden = unproven;
}

static void
walk_add(struct walk *w, const struct pair *p, uint32_t from, uint32_t class)
{
	size_t h = hash_words(p->state, IMG_MAX_DFAS) & (2 * PAIRS_MAX - 1);

	for (; w->slot[h] != 0; h = (h + 1) & (2 * PAIRS_MAX - 1)) {
		if (memcmp(&w->seen[w->slot[h] - 1], p, sizeof(*p)) == 0)
			return;
	}
	if (w->nseen >= PAIRS_MAX ||
	    grow(&w->seen, &w->cap, w->nseen + 1, sizeof(*p)) == -1 ||
	    grow(&w->origin, &w->ocap, w->nseen + 1, sizeof(*w->origin)) ==
		-1) {
		walk_give_up(w);
		return;
	}
	w->origin[w->nseen] = (struct origin){ from, class };
	w->seen[w->nseen++] = *p;
	w->slot[h] = (uint32_t)w->nseen;
}

/* Every state that a byte of a path leads to. */
static void
walk_successors(struct walk *w, struct pair p, uint32_t from)
{
	struct pair next;
	uint32_t class;

	if (w->steps < w->a->globs.nclasses) {
		walk_give_up(w);
		return;
	}
	w->steps -= w->a->globs.nclasses;
	for (class = 0; class < w->a->globs.nclasses; class ++) {
		if (w->byte[class] == 0)
			continue;
		next = pair_next(w, &p, class);
		walk_add(w, &next, from, class);
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
	memset(&w->native, 0, sizeof(w->native));
	memset(&w->hidden, 0, sizeof(w->hidden));
	w->native.is_there = !native;
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
	walk_judge(w, &p, IMG_NONE);
	walk_successors(w, pair_next(w, &p, classes['/']), IMG_NONE);
	for (i = 0; i < w->nseen && !(w->native.is_there && w->hidden.is_there);
	     i++) {
		walk_judge(w, &w->seen[i], (uint32_t)i);
		walk_successors(w, w->seen[i], (uint32_t)i);
	}
}

/* A path that leads to a state: the shortest there is. */
static void
witness(const struct walk *w, const char *dir, uint32_t at, char *dst,
    size_t size)
{
	size_t len = strlen(dir), n = 0;
	uint32_t i;

	for (i = at; i != IMG_NONE; i = w->origin[i].from)
		n++;
	if (len + n + 2 > size)
		len = n = 0; /* no room for one so long */
	memcpy(dst, dir, len);
	dst[len] = '\0';
	if (at == IMG_NONE || n == 0)
		return;
	dst[len] = '/';
	dst[len + n + 1] = '\0';
	for (i = at; i != IMG_NONE; i = w->origin[i].from, n--)
		dst[len + n] = (char)w->byte[w->origin[i].class];
}

static void
tell_doubt(const struct walk *w, const char *dir, const struct doubt *d)
{
	struct plan_reason *r = w->reason;

	r->why = d->unproven		  ? PLAN_WHY_UNPROVEN :
	    rule_logs(w->policy, d->rule) ? PLAN_WHY_LOG :
					    PLAN_WHY_DIFFERS;
	r->op = (enum file_op)d->op;
	r->rule = d->rule;
	if (!d->unproven)
		witness(w, dir, d->at, r->path, sizeof(r->path));
}

/* How to mount one of sysdirs. */
static enum mount_kind
judge_dir(struct walk *w, size_t i, const char *workspace, bool native)
{
	struct plan_reason none, *r = w->reason != NULL ? w->reason : &none;
	const char *dir = sysdirs[i].path;

	memset(r, 0, sizeof(*r));
	r->dir = dir;
	r->why = PLAN_WHY_WORKSPACE;
	if (path_is_beneath(workspace, dir) || path_is_beneath(dir, workspace))
		return MOUNT_FSD;
	/* who wants to know why wants to know it of every directory */
	walk_tree(w, dir, w->reason != NULL || (native && sysdirs[i].native));
	r->why = PLAN_WHY_CONSTANT;
	r->rule = w->rule;
	if (!w->hidden.is_there)
		return MOUNT_HIDDEN;
	if (!w->native.is_there && native && sysdirs[i].native)
		return MOUNT_NATIVE_RO;
	if (w->reason == NULL)
		return MOUNT_FSD;
	if (w->native.is_there)
		tell_doubt(w, dir, sysdirs[i].native ? &w->native : &w->hidden);
	else
		r->why = sysdirs[i].native ? PLAN_WHY_SCOPE : PLAN_WHY_SOCKETS;
	return MOUNT_FSD;
}

/* 0, or -1: no memory. */
static int
walk_init(struct walk *w, const struct policy *p, const struct automaton *a)
{
	static const char nice[] = "abcdefghijklmnopqrstuvwxyz";
	size_t i;

	memset(w, 0, sizeof(*w));
	w->policy = p;
	w->a = a;
	w->steps = STEPS_MAX;
	for (i = 255; i > 0; i--)
		w->byte[a->globs.classes[i]] = (uint8_t)i;
	/* for examples that can be read */
	for (i = sizeof(nice) - 1; i-- > 0;)
		w->byte[a->globs.classes[(uint8_t)nice[i]]] = (uint8_t)nice[i];
	w->slot = calloc(2 * PAIRS_MAX, sizeof(*w->slot));
	return w->slot == NULL ? -1 : 0;
}

static void
walk_free(struct walk *w)
{
	free(w->seen);
	free(w->origin);
	free(w->slot);
}

void
plan_build(struct plan *plan, const struct policy *p, const struct automaton *a,
    const char *workspace, bool native)
{
	struct walk w;
	struct plan_row *row;
	enum mount_kind kind;
	size_t i;

	memset(plan, 0, sizeof(*plan));
	/* without memory there is no plan, and fsd serves everything */
	if (walk_init(&w, p, a) == -1)
		return;
	for (i = 0; i < sizeof(sysdirs) / sizeof(sysdirs[0]); i++) {
		kind = judge_dir(&w, i, workspace, native);
		if (kind == MOUNT_FSD)
			continue;
		row = &plan->row[plan->n++];
		row->kind = kind;
		snprintf(row->path, sizeof(row->path), "%s", sysdirs[i].path);
	}
	walk_free(&w);
}

int
plan_explain(const struct policy *p, const struct automaton *a,
    const char *workspace, bool native,
    void (*tell)(void *arg, enum mount_kind, const struct plan_reason *),
    void *arg)
{
	struct plan_reason reason;
	struct walk w, all;
	enum mount_kind kind;
	size_t i;

	if (walk_init(&w, p, a) == -1)
		return -1;
	if (walk_init(&all, p, a) == -1) {
		walk_free(&w);
		return -1;
	}
	all.reason = &reason;
	for (i = 0; i < sizeof(sysdirs) / sizeof(sysdirs[0]); i++) {
		if (a->has_bits || auto_has_hits(a)) {
			memset(&reason, 0, sizeof(reason));
			reason.dir = sysdirs[i].path;
			reason.why = PLAN_WHY_UNPROVEN;
			kind = MOUNT_FSD;
		} else {
			/* the kind by the steps that plan_build has */
			kind = judge_dir(&w, i, workspace, native);
			all.steps = STEPS_MAX;
			if (judge_dir(&all, i, workspace, native) != kind)
				reason.why = PLAN_WHY_UNPROVEN;
		}
		tell(arg, kind, &reason);
	}
	walk_free(&all);
	walk_free(&w);
	return 0;
}
