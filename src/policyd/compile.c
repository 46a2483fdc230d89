/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parsed policy to its image and mount plan. What is written here is read by
 * common/image.c, which believes none of it before it has checked all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy.h"

#define OP(name) (1U << FILE_OP_##name)
#define LOOK_OPS (OP(STAT) | OP(ACCESS))
#define READ_OPS (LOOK_OPS | OP(OPEN) | OP(READ) | OP(LIST) | OP(READLINK))

/* What any program needs to start at all; see agentsh-policy(5). */
static const char *const loader_globs[] = {
	"/usr",
	"/usr/**",
	"/lib*",
	"/lib*/**",
	"/bin",
	"/bin/**",
	"/sbin",
	"/sbin/**",
	"/etc/ld.so.*",
	"/etc/ld.so.*/**",
	"/",
	"/dev",
	"/dev/pts",
	"/dev/fd",
	"/proc",
	"/proc/self",
	"/proc/thread-self",
	"/sys",
	"/etc",
};

static int
compile_error(const struct policy *p, struct aerr *e, const char *what)
{
	e->http = 400;
	snprintf(e->code, sizeof(e->code), "E_INVALID_REQUEST");
	snprintf(e->message, sizeof(e->message), "policy %s: %s", p->name,
	    what);
	return -1;
}

/* The built-in rule: reads of the loader, looks at the way to the workspace. */
static int
add_loader(struct nfa *nfa, const struct vars *vars, uint32_t rule,
    const char **what)
{
	struct glob_owner owner = { rule, READ_OPS };
	char dir[AGENTSH_PATH_MAX + 1];
	char *slash;
	size_t i;

	for (i = 0; i < sizeof(loader_globs) / sizeof(loader_globs[0]); i++) {
		if (glob_add(nfa, loader_globs[i], GLOB_PATH, &owner, what) ==
		    -1)
			return -1;
	}
	/* realpath(3) and getcwd(3) look at every directory above */
	owner.ops = LOOK_OPS;
	snprintf(dir, sizeof(dir), "%s", vars->project_root);
	while ((slash = strrchr(dir, '/')) != NULL && slash != dir) {
		*slash = '\0';
		if (glob_add(nfa, dir, GLOB_LITERAL, &owner, what) == -1)
			return -1;
	}
	return 0;
}

static int
build_files(struct nfa *nfa, const struct policy *p, const struct vars *vars,
    const char **what)
{
	const struct rule *r;
	struct glob_owner owner;
	size_t i, j;

	nfa_init(nfa, FILE_OP_MAX);
	for (i = 0; i < p->family[FAMILY_FILE].n; i++) {
		r = &p->family[FAMILY_FILE].rule[i];
		owner.rule = (uint32_t)i;
		owner.ops = r->ops;
		if (strcmp(r->name, RULE_CATCHALL) == 0 &&
		    r->decision == DECISION_DENY)
			nfa->catchall = owner.rule;
		for (j = 0; j < r->nglobs; j++) {
			if (glob_add(nfa, r->globs[j], GLOB_PATH, &owner,
				what) == -1)
				return -1;
		}
	}
	nfa->loader = (uint32_t)p->family[FAMILY_FILE].n;
	if (add_loader(nfa, vars, nfa->loader, what) == -1)
		return -1;
	*what = "out of memory";
	return nfa_finish(nfa);
}

/* A name without metacharacters is compared in lower case. */
static int
add_command(struct nfa *nfa, const char *text, enum glob_kind kind,
    const struct glob_owner *owner, const char **what)
{
	char lower[AGENTSH_PATH_MAX + 1];
	size_t i, len = strlen(text);

	if (kind != GLOB_LITERAL)
		return glob_add(nfa, text, kind, owner, what);
	if (len > AGENTSH_PATH_MAX) {
		*what = "a command is too long";
		return -1;
	}
	for (i = 0; i <= len; i++)
		lower[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ?
			text[i] | 0x20 :
			text[i]);
	return glob_add(nfa, lower, kind, owner, what);
}

/* The patterns of names, or those of paths. */
static int
build_commands(struct nfa *nfa, const struct policy *p, bool paths,
    const char **what)
{
	const struct rule *r;
	struct glob_owner owner = { 0, 1 };
	enum glob_kind kind;
	bool whole;
	size_t i, j;

	nfa_init(nfa, IMG_COMMAND_OPS);
	for (i = 0; i < p->family[FAMILY_COMMAND].n; i++) {
		r = &p->family[FAMILY_COMMAND].rule[i];
		owner.rule = (uint32_t)i;
		/* no list is every command, and every command has a name */
		if (r->nglobs == 0 && !paths &&
		    glob_add(nfa, "*", GLOB_NAME, &owner, what) == -1)
			return -1;
		for (j = 0; j < r->nglobs; j++) {
			kind = command_kind(r->globs[j], &whole);
			if (whole == paths &&
			    add_command(nfa, r->globs[j], kind, &owner, what) ==
				-1)
				return -1;
		}
	}
	*what = "out of memory";
	return nfa_finish(nfa);
}

/* Where the next thing goes: the end, padded to a multiple of 8. */
static uint32_t
put_begin(struct buf *b)
{
	static const uint8_t zero[8];

	buf_put(b, zero, (8 - b->len % 8) % 8);
	return (uint32_t)b->len;
}

static uint32_t
put_bytes(struct buf *b, const void *data, size_t n, size_t size)
{
	uint32_t at = put_begin(b);

	buf_put(b, data, n * size);
	return at;
}

static uint32_t
put_string(struct buf *b, const char *s)
{
	uint32_t at = put_begin(b);

	buf_put_u32(b, (uint32_t)strlen(s));
	buf_put(b, s, strlen(s) + 1);
	return at;
}

static void
put_nfa(struct buf *b, const struct nfa *nfa, struct img_auto *a)
{
	const struct pattern *p;
	struct img_final f = { 0 };
	size_t i, rows = nfa->nclasses * nfa->nwords;

	a->kind = IMG_NFA;
	a->nwords = (uint32_t)nfa->nwords;
	a->begin = put_bytes(b, nfa->begin, nfa->nwords, 8);
	a->step = put_bytes(b, nfa->step, rows, 8);
	a->loop = put_bytes(b, nfa->loop, rows, 8);
	a->skip = put_bytes(b, nfa->skip, nfa->nwords, 8);
	a->nfinal = (uint32_t)nfa->npatterns;
	a->final = put_begin(b);
	for (i = 0; i < nfa->npatterns; i++) {
		p = &nfa->pattern[i];
		f.bit = p->final;
		f.rule = p->rule;
		f.ops = p->ops;
		buf_put(b, &f, sizeof(f));
	}
}

static void
put_auto(struct buf *b, const struct nfa *nfa, const struct dfa *dfa,
    struct img_auto *a)
{
	memset(a, 0, sizeof(*a));
	a->nops = nfa->nops;
	a->nclasses = (uint32_t)nfa->nclasses;
	a->classes = put_bytes(b, nfa->classes, 256, 1);
	a->catchall = nfa->catchall;
	a->loader = nfa->loader;
	if (dfa == NULL) {
		put_nfa(b, nfa, a);
		return;
	}
	a->kind = IMG_DFA;
	a->nstates = (uint32_t)dfa->nstates;
	a->start = 0;
	a->trans = put_bytes(b, dfa->trans, dfa->nstates * nfa->nclasses, 2);
	a->accept = put_bytes(b, dfa->accept, dfa->nstates, 2);
	a->nrows = (uint32_t)dfa->nrows;
	a->rows = put_bytes(b, dfa->rows, dfa->nrows * nfa->nops, 2);
}

static int
put_rules(struct buf *b, const struct rules *rules, bool loader,
    struct img_family *f)
{
	struct img_rule *row;
	size_t i, n = rules->n + loader;

	row = calloc(n + 1, sizeof(*row));
	if (row == NULL)
		return -1;
	for (i = 0; i < rules->n; i++) {
		row[i].decision = rules->rule[i].decision;
		row[i].name = put_string(b, rules->rule[i].name);
		row[i].message = put_string(b, rules->rule[i].message);
	}
	if (loader) {
		row[i].decision = DECISION_ALLOW;
		row[i].name = put_string(b, RULE_LOADER);
		row[i].message = put_string(b, "");
	}
	f->nrules = (uint32_t)n;
	f->rules = put_bytes(b, row, n, sizeof(*row));
	free(row);
	return 0;
}

/* One automaton into the image; the DFA stays for the mount plan. */
static int
emit_auto(struct buf *b, struct nfa *nfa, struct dfa *dfa, struct img_auto *a)
{
	int ret = dfa_build(dfa, nfa, IMG_MAX_STATES);

	if (ret == -1)
		return -1;
	put_auto(b, nfa, ret == 0 ? dfa : NULL, a);
	return ret;
}

static int
emit_files(struct buf *b, const struct policy *p, const struct vars *vars,
    bool scope_all, struct img_head *head, struct compiled *out,
    const char **what)
{
	struct nfa nfa;
	struct dfa dfa;
	int ret;

	memset(&dfa, 0, sizeof(dfa));
	ret = build_files(&nfa, p, vars, what);
	if (ret == 0)
		ret = emit_auto(b, &nfa, &dfa, &head->automaton[IMG_AUTO_FILE]);
	if (ret == 0)
		plan_build(&out->plan, p, &nfa, &dfa, vars->project_root,
		    !scope_all);
	out->fallback = ret == 1;
	dfa_free(&dfa);
	nfa_free(&nfa);
	return ret == -1 ? -1 : 0;
}

static int
emit_commands(struct buf *b, const struct policy *p, bool paths,
    struct img_head *head, const char **what)
{
	struct nfa nfa;
	struct dfa dfa;
	int ret;

	memset(&dfa, 0, sizeof(dfa));
	ret = build_commands(&nfa, p, paths, what);
	if (ret == 0)
		ret = emit_auto(b, &nfa, &dfa,
		    &head->automaton[paths ? IMG_AUTO_PATH : IMG_AUTO_BASE]);
	dfa_free(&dfa);
	nfa_free(&nfa);
	return ret == -1 ? -1 : 0;
}

int
policy_compile(const struct policy *p, const struct vars *vars, bool scope_all,
    struct compiled *out, struct aerr *e)
{
	struct img_head head = { .version = IMG_VERSION };
	struct buf *b = &out->image;
	const char *what = "out of memory";

	memset(out, 0, sizeof(*out));
	buf_init(b, IMG_MAX_SIZE);
	memcpy(head.magic, IMG_MAGIC, sizeof(head.magic));
	buf_put(b, &head, sizeof(head));
	head.name = put_string(b, p->name);
	if (put_rules(b, &p->family[FAMILY_FILE], true, &head.file) == -1 ||
	    put_rules(b, &p->family[FAMILY_COMMAND], false, &head.command) ==
		-1 ||
	    emit_files(b, p, vars, scope_all, &head, out, &what) == -1 ||
	    emit_commands(b, p, false, &head, &what) == -1 ||
	    emit_commands(b, p, true, &head, &what) == -1)
		goto fail;
	what = "too large when compiled";
	if (b->bad)
		goto fail;
	head.size = (uint32_t)b->len;
	memcpy(b->data, &head, sizeof(head));
	return 0;
fail:
	compiled_free(out);
	return compile_error(p, e, what);
}

void
compiled_free(struct compiled *c)
{
	buf_free(&c->image);
	memset(c, 0, sizeof(*c));
}

int
policy_build(const char *name, const uint8_t *text, size_t len,
    const struct vars *vars, bool scope_all, struct policy *p,
    struct compiled *out, struct aerr *e)
{
	memset(out, 0, sizeof(*out));
	if (policy_parse(p, name, text, len, vars, e) == -1)
		return -1;
	if (policy_compile(p, vars, scope_all, out, e) == 0)
		return 0;
	policy_free(p);
	return -1;
}
