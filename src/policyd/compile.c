/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parsed policy to its image and mount plan. What is written here is read by
 * common/image*.c, which believe none of it before they have checked all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protected.h"
#include "compile.h"

int
policy_error(struct aerr *e, const char *name, const char *what)
{
	ydoc_class(e, what);
	snprintf(e->message, sizeof(e->message), "policy %s: %s", name, what);
	return -1;
}

uint32_t
put_string(struct compiler *c, const char *s)
{
	uint32_t at;

	if (s == NULL || s[0] == '\0')
		return c->empty;
	at = emit_begin(c->b);
	buf_put_u32(c->b, (uint32_t)strlen(s));
	buf_put(c->b, s, strlen(s) + 1);
	return at;
}

static void
put_builtin(struct compiler *c, struct img_rule *row, const char *name)
{
	row->decision = DECISION_ALLOW;
	row->name = put_string(c, name);
	row->message = c->empty;
}

static void
put_protected(struct compiler *c, struct img_rule *row)
{
	const struct protect_group *g;
	size_t i;

	for (i = 0; i < PROTECT_ROWS; i++) {
		g = &protect_groups[protect_rows[i].group];
		row[i].decision = protect_rows[i].kind == PROTECTED_FREE ?
		    DECISION_ALLOW :
		    DECISION_DENY;
		row[i].name = put_string(c, g->rule);
		row[i].message = put_string(c, g->message);
	}
}

static int
put_family(struct compiler *c, enum family family)
{
	const struct rules *rules = &c->p->family[family];
	struct img_family *f = &c->head.family[family];
	const struct rule *r;
	struct img_rule *row;
	size_t i, n = rules->n;

	c->what = "too many rules of one kind";
	if (n > IMG_MAX_RULES)
		return -1;
	c->what = "out of memory";
	row = calloc(n + IMG_BUILTIN_RULES, sizeof(*row));
	if (row == NULL)
		return -1;
	for (i = 0; i < n; i++) {
		r = &rules->rule[i];
		row[i].decision = r->decision;
		row[i].name = put_string(c, r->name);
		row[i].message = put_string(c, r->message);
		row[i].timeout = r->timeout_ms > UINT32_MAX ?
		    UINT32_MAX :
		    (uint32_t)r->timeout_ms;
	}
	if (family == FAMILY_FILE) {
		put_builtin(c, &row[n++], RULE_LOADER);
		if (c->p->reads_allowed)
			put_builtin(c, &row[n++], RULE_READS);
		c->head.protected_rule = (uint32_t)n;
		if (policy_protects(c->p)) {
			put_protected(c, row + n);
			n += PROTECT_ROWS;
			c->head.nprotected = PROTECT_ROWS;
		}
	}
	f->nrules = (uint32_t)n;
	f->rules = emit_bytes(c->b, row, n, sizeof(*row));
	free(row);
	return 0;
}

static int
make_patterns(struct compiler *c, size_t which, struct globs *g)
{
	switch (which) {
	case IMG_AUTO_FILE:
		return patterns_files(c, g);
	case IMG_AUTO_UNIX:
		return patterns_unix(c, g);
	case IMG_AUTO_BASE:
		return patterns_commands(c, g, false);
	case IMG_AUTO_PATH:
		return patterns_commands(c, g, true);
	case IMG_AUTO_DOMAIN:
		return patterns_domains(c, g);
	case IMG_AUTO_CIDR:
		return patterns_cidrs(c, g);
	case IMG_AUTO_PROCESS:
		return patterns_processes(c, g);
	default:
		return patterns_env(c, g);
	}
}

static int
put_automata(struct compiler *c, bool scope_all, struct compiled *out)
{
	struct automaton a;
	size_t i;
	int ret = 0;

	for (i = 0; ret == 0 && i < IMG_AUTO_MAX; i++) {
		memset(&a, 0, sizeof(a));
		ret = make_patterns(c, i, &a.globs);
		if (ret == 0)
			ret = auto_build(&a, &c->what);
		if (ret == 0) {
			c->what = "out of memory";
			ret = emit_auto(c->b, &a, &c->head.automaton[i]);
		}
		if (ret == 0 && i == IMG_AUTO_FILE) {
			out->fallback = a.has_bits;
			/* without a whole DFA there is no proof */
			if (!a.has_bits && !auto_has_hits(&a))
				plan_build(&out->plan, c->p, &a,
				    c->vars->project_root, !scope_all);
		}
		auto_free(&a);
	}
	return ret;
}

static int
compile(struct compiler *c, bool scope_all, struct compiled *out)
{
	struct img_head *head = &c->head;
	struct buf *b = c->b;
	size_t i;

	head->version = IMG_VERSION;
	head->pids_max = (uint32_t)c->p->limits.pids_max;
	head->net_mbps = (uint32_t)c->p->limits.net_bandwidth_mbps;
	memcpy(head->magic, IMG_MAGIC, sizeof(head->magic));
	buf_put(b, head, sizeof(*head));
	c->empty = emit_begin(b);
	buf_put_u32(b, 0);
	buf_put_u8(b, 0);
	head->name = put_string(c, c->p->name);
	for (i = 0; i < FAMILY_MAX; i++) {
		if (put_family(c, (enum family)i) == -1)
			return -1;
	}
	if (put_parts(c) == -1 || put_automata(c, scope_all, out) == -1)
		return -1;
	c->what = b->no_memory ? "out of memory" : "too large when compiled";
	if (b->bad)
		return -1;
	head->size = (uint32_t)b->len;
	memcpy(b->data, head, sizeof(*head));
	return 0;
}

int
policy_compile(const struct policy *p, const struct vars *vars, bool scope_all,
    struct compiled *out, struct aerr *e)
{
	struct compiler *c = calloc(1, sizeof(*c));
	const char *what = "out of memory";
	int ret = -1;

	memset(out, 0, sizeof(*out));
	buf_init(&out->image, IMG_MAX_SIZE);
	if (c != NULL) {
		c->p = p;
		c->vars = vars;
		c->b = &out->image;
		ret = compile(c, scope_all, out);
		what = c->what;
		free(c->regex);
		free(c);
	}
	if (ret == 0)
		return 0;
	compiled_free(out);
	return policy_error(e, p->name, what);
}

void
compiled_free(struct compiled *c)
{
	buf_free(&c->image);
	memset(c, 0, sizeof(*c));
}

int
policy_build_mounts(const char *name, const uint8_t *text, size_t len,
    const struct mount_text *mounts, size_t nmounts, const struct vars *vars,
    bool scope_all, struct policy *p, struct compiled *out, struct aerr *e)
{
	memset(out, 0, sizeof(*out));
	if (policy_parse(p, name, text, len, vars, e) == -1)
		return -1;
	if (policy_compose(p, mounts, nmounts, vars, e) == 0 &&
	    policy_compile(p, vars, scope_all, out, e) == 0)
		return 0;
	policy_free(p);
	return -1;
}

int
policy_build(const char *name, const uint8_t *text, size_t len,
    const struct vars *vars, bool scope_all, struct policy *p,
    struct compiled *out, struct aerr *e)
{
	return policy_build_mounts(name, text, len, NULL, 0, vars, scope_all, p,
	    out, e);
}
