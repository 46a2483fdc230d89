/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policies of a session with mounts, as one. The rules of a mount come
 * before those of the base policy and end in one that denies all beneath it,
 * so that whatever is compiled, explained or read rule by rule from then on
 * needs to know no more than where a rule counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"

#define OP(name) (1U << FILE_OP_##name)
#define READ_OPS                                                               \
	(OP(STAT) | OP(ACCESS) | OP(OPEN) | OP(READ) | OP(LIST) | OP(READLINK))
#define ALL_OPS ((1U << FILE_OP_MAX) - 1)

/* Of all that is beneath the mount. The caller frees what is there of it. */
static int
last_rule(struct rule *r, const char *name, enum decision d, uint32_t ops,
    const struct policy_mount *within)
{
	memset(r, 0, sizeof(*r));
	r->decision = d;
	r->ops = ops;
	r->within = within;
	r->name = strdup(name);
	r->message = strdup("");
	r->globs = calloc(2, sizeof(*r->globs));
	if (r->globs != NULL && (r->globs[0] = strdup("**")) != NULL)
		r->nglobs = 1;
	return r->name == NULL || r->message == NULL || r->nglobs == 0 ? -1 : 0;
}

/* The file rules of q, then its defaults, behind those that are in to. What is
 * taken of q it does not have any more. */
static int
take_rules(struct rules *to, struct policy *q, const struct policy_mount *m)
{
	struct rules *from = &q->family[FAMILY_FILE];
	struct rule *all;
	size_t i;

	all = reallocarray(to->rule, to->n + from->n + 2, sizeof(*all));
	if (all == NULL)
		return -1;
	to->rule = all;
	for (i = 0; i < from->n; i++) {
		all[to->n] = from->rule[i];
		all[to->n++].within = m;
	}
	to->nglobs += from->nglobs;
	from->n = 0;
	if (q->reads_allowed &&
	    last_rule(&all[to->n++], RULE_READS, DECISION_ALLOW, READ_OPS, m) ==
		-1)
		return -1;
	return last_rule(&all[to->n++], RULE_CATCHALL, DECISION_DENY, ALL_OPS,
	    m);
}

static int
add_mount(struct policy *p, struct rules *to, const struct mount_text *t,
    const struct vars *vars, struct aerr *e)
{
	struct policy_mount *m = &p->mount[p->nmounts++];
	struct vars own = *vars;
	struct policy q;
	size_t i;
	int ret;

	snprintf(m->path, sizeof(m->path), "%s", t->path);
	if (t->name == NULL)
		return 0;
	own.project_root = m->path;
	if (policy_parse(&q, t->name, t->text, t->len, &own, e) == -1)
		return -1;
	memcpy(m->policy, q.name, sizeof(m->policy));
	m->unprotected = q.unprotected;
	for (i = 0; i < q.warnings.n; i++)
		warnings_add(&p->warnings, q.warnings.text[i]);
	p->warnings.more += q.warnings.more;
	ret = take_rules(to, &q, m);
	policy_free(&q);
	return ret == -1 ? policy_error(e, t->name, "out of memory") : 0;
}

/* The rules of the policy itself behind those of all mounts. */
static int
append_rest(struct policy *p, struct rules *to)
{
	struct rules *from = &p->family[FAMILY_FILE];
	struct rule *all;

	if (from->n == 0)
		return 0;
	all = reallocarray(to->rule, to->n + from->n, sizeof(*all));
	if (all == NULL)
		return -1;
	to->rule = all;
	memcpy(all + to->n, from->rule, from->n * sizeof(*all));
	to->n += from->n;
	to->nglobs += from->nglobs;
	from->n = 0;
	return 0;
}

static void
free_files(struct rules *rules)
{
	size_t i;

	for (i = 0; i < RULEKINDS; i++) {
		if (rulekinds[i].family == FAMILY_FILE)
			rules_free(&rulekinds[i], rules);
	}
}

int
policy_compose(struct policy *p, const struct mount_text *t, size_t n,
    const struct vars *vars, struct aerr *e)
{
	struct rules to = { 0 }, *from = &p->family[FAMILY_FILE], other;
	size_t i;
	int ret = 0;

	if (n == 0)
		return 0;
	p->mount = calloc(n, sizeof(*p->mount));
	if (p->mount == NULL)
		return policy_error(e, p->name, "out of memory");
	for (i = 0; ret == 0 && i < n; i++)
		ret = add_mount(p, &to, &t[i], vars, e);
	if (ret == 0 && append_rest(p, &to) == -1)
		ret = policy_error(e, p->name, "out of memory");
	if (ret == 0) {
		other = *from;
		*from = to;
		to = other;
	}
	free_files(&to);
	return ret;
}

bool
policy_protects(const struct policy *p)
{
	size_t i;

	for (i = 0; i < p->nmounts; i++) {
		if (p->mount[i].policy[0] != '\0' && !p->mount[i].unprotected)
			return true;
	}
	return !p->unprotected;
}
