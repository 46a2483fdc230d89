/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the root of a session under a policy would be put together, and why. The
 * rows come from the automaton, built once more; they must be the plan that
 * the compiler made.
 */
#include <stdio.h>
#include <string.h>

#include "compile.h"
#include "event.h"
#include "path.h"
#include "try.h"

static const char *const op_names[FILE_OP_MAX] = {
#define FILE_OP(id, name) [FILE_OP_##id] = name,
#include "fileop.def"
#undef FILE_OP
};

static const struct {
	const char *path;
	const char *what;
} rootmnts[] = {
#define ROOTMNT(path, kind, what) { path, what },
#include "rootmnt.def"
#undef ROOTMNT
};

struct mounting {
	const struct policy_try *t;
	void (*tell)(void *, const struct try_mount *);
	void *arg;
	size_t planned; /* rows of the compiler's plan that were met */
	bool differs;
};

/* A rule by its name and place, in words. */
static void
name_rule(const struct policy *p, uint32_t rule, char *dst, size_t size)
{
	const struct rules *rules = &p->family[FAMILY_FILE];
	const struct rule *r = rule < rules->n ? &rules->rule[rule] : NULL;

	if (r != NULL && r->within != NULL && r->line == 0)
		snprintf(dst, size, "%s (default of mount policy %.64s)",
		    r->name, r->within->policy);
	else if (r != NULL && r->within != NULL)
		snprintf(dst, size, "%s (line %zu of mount policy %.64s)",
		    r->name, r->line, r->within->policy);
	else if (r != NULL)
		snprintf(dst, size, "%s (line %zu)", rules->rule[rule].name,
		    rules->rule[rule].line);
	else if (rule == rule_loader(p))
		snprintf(dst, size, "%s (built in)", RULE_LOADER);
	else if (rule != IMG_NONE)
		snprintf(dst, size, "%s (defaults)", RULE_READS);
	else
		snprintf(dst, size, "%s (no rule matches)", RULE_CATCHALL);
}

static enum decision
rule_says(const struct policy *p, uint32_t rule)
{
	const struct rules *rules = &p->family[FAMILY_FILE];

	if (rule < rules->n)
		return rules->rule[rule].decision;
	return rule == IMG_NONE ? DECISION_DENY : DECISION_ALLOW;
}

static void
why_constant(const struct policy *p, enum mount_kind kind,
    const struct plan_reason *r, struct try_mount *m)
{
	char name[AGENTSH_NAME_MAX + 128];
	size_t i, n;

	if (kind == MOUNT_HIDDEN) {
		name_rule(p, r->rule, name, sizeof(name));
		snprintf(m->why, sizeof(m->why), "all is denied by %s", name);
		return;
	}
	n = (size_t)snprintf(m->why, sizeof(m->why),
	    "all reads are allowed, by ");
	for (i = 0; i < r->nrules && n < sizeof(m->why); i++) {
		name_rule(p, r->rules[i], name, sizeof(name));
		n += (size_t)snprintf(m->why + n, sizeof(m->why) - n, "%s%s",
		    i == 0 ? "" : ", ", name);
	}
	if (n < sizeof(m->why))
		snprintf(m->why + n, sizeof(m->why) - n,
		    "; all changes are denied");
}

static void
why_differs(const struct policy *p, const struct plan_reason *r,
    struct try_mount *m)
{
	char name[AGENTSH_NAME_MAX + 128];

	name_rule(p, r->rule, name, sizeof(name));
	m->operation = op_names[r->op];
	snprintf(m->example, sizeof(m->example), "%s", r->path);
	m->decision = rule_says(p, r->rule);
	snprintf(m->why, sizeof(m->why),
	    "not the same for all: %s %.300s: %s by %s", m->operation,
	    r->path[0] == '\0' ? r->dir : r->path, decision_name(m->decision),
	    name);
}

static const char *const kind_names[MOUNT_MAX] = { [MOUNT_FSD] = "decided",
	[MOUNT_NATIVE_RO] = "native",
	[MOUNT_HIDDEN] = "hidden" };

/* What the profile has beside the workspace; what is mounted over a directory
 * above covers it. */
static void
tell_places(const struct mounting *k)
{
	const struct plan *plan = &k->t->compiled.plan;
	const struct policy_mount *pm;
	const struct try_place *p;
	struct try_mount m = { .path = NULL };
	size_t i, j;

	for (i = 0; i < k->t->opt.nplaces; i++) {
		p = &k->t->opt.places[i];
		pm = &k->t->policy.mount[i];
		m.path = p->path;
		m.mount = kind_names[MOUNT_FSD];
		for (j = 0; j < plan->n; j++) {
			if (path_is_beneath(p->path, plan->row[j].path))
				m.mount = kind_names[plan->row[j].kind];
		}
		snprintf(m.why, sizeof(m.why),
		    "a mount of the profile, %s, by policy %s",
		    p->rw ? "rw" : "ro",
		    pm->policy[0] != '\0' ? pm->policy : k->t->policy.name);
		k->tell(k->arg, &m);
	}
}

static void
why_log(const struct policy *p, const struct plan_reason *r,
    struct try_mount *m)
{
	char name[AGENTSH_NAME_MAX + 64];

	name_rule(p, r->rule, name, sizeof(name));
	m->operation = op_names[r->op];
	snprintf(m->example, sizeof(m->example), "%s", r->path);
	m->decision = rule_says(p, r->rule);
	snprintf(m->why, sizeof(m->why), "%s wants each open told: log: full",
	    name);
}

static void
dir_cb(void *arg, enum mount_kind kind, const struct plan_reason *r)
{
	struct mounting *k = arg;
	const struct plan *plan = &k->t->compiled.plan;
	struct try_mount m = { .path = r->dir, .mount = kind_names[kind] };

	if (kind != MOUNT_FSD) {
		if (k->planned >= plan->n ||
		    plan->row[k->planned].kind != kind ||
		    strcmp(plan->row[k->planned].path, r->dir) != 0)
			k->differs = true;
		k->planned++;
	}
	switch (r->why) {
	case PLAN_WHY_CONSTANT:
		why_constant(&k->t->policy, kind, r, &m);
		break;
	case PLAN_WHY_WORKSPACE:
		snprintf(m.why, sizeof(m.why),
		    "it holds the workspace, or is in it");
		break;
	case PLAN_WHY_DIFFERS:
		why_differs(&k->t->policy, r, &m);
		break;
	case PLAN_WHY_LOG:
		why_log(&k->t->policy, r, &m);
		break;
	case PLAN_WHY_SOCKETS:
		snprintf(m.why, sizeof(m.why),
		    "all reads are allowed, but there may be sockets, from which a mount keeps nobody");
		break;
	case PLAN_WHY_SCOPE:
		snprintf(m.why, sizeof(m.why), "native mounts are not wanted");
		break;
	case PLAN_WHY_UNPROVEN:
		snprintf(m.why, sizeof(m.why),
		    "the globs are too many or too hard to prove anything of");
		break;
	}
	k->tell(k->arg, &m);
}

static int
failed(struct aerr *e, const char *what)
{
	snprintf(e->message, sizeof(e->message), "%s", what);
	return -1;
}

int
try_mounts(const struct policy_try *t,
    void (*tell)(void *arg, const struct try_mount *), void *arg,
    struct aerr *e)
{
	struct mounting k = { .t = t, .tell = tell, .arg = arg };
	struct compiler c = { .p = &t->policy, .vars = &t->vars };
	struct automaton a = { 0 };
	struct try_mount m = { .path = "/", .mount = "decided" };
	size_t i;
	int ret;

	snprintf(m.why, sizeof(m.why), "what no other row is about");
	tell(arg, &m);
	m.path = t->vars.project_root;
	snprintf(m.why, sizeof(m.why), "the workspace");
	tell(arg, &m);
	tell_places(&k);
	m.mount = "private";
	for (i = 0; i < sizeof(rootmnts) / sizeof(rootmnts[0]); i++) {
		m.path = rootmnts[i].path;
		snprintf(m.why, sizeof(m.why), "%s", rootmnts[i].what);
		tell(arg, &m);
	}
	c.what = "out of memory";
	ret = patterns_files(&c, &a.globs);
	if (ret == 0)
		ret = auto_build(&a, &c.what);
	if (ret == 0)
		ret = plan_explain(&t->policy, &a, t->vars.project_root,
		    !t->opt.scope_all, dir_cb, &k);
	auto_free(&a);
	if (ret == -1)
		return failed(e, c.what);
	if (k.differs || k.planned != t->compiled.plan.n)
		return failed(e, "the compiled policy has another plan");
	return 0;
}
