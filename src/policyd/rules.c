/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_rules and command_rules, from tree to rules: names, decisions,
 * operations, globs. Every error names the place in the file.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy.h"

#define ALL_OPS ((1U << FILE_OP_MAX) - 1)
#define READ_CLASS ((1U << FILE_OP_OPEN) | (1U << FILE_OP_READ))

struct parser {
	const struct ydoc *doc;
	const struct vars *vars;
	struct rules *rules;
	bool files;
	struct aerr *e;
};

static const char *const op_names[FILE_OP_MAX + 1] = {
#define FILE_OP(id, name) name,
#include "fileop.def"
#undef FILE_OP
	"*",
};

void
rules_free(struct rules *rules)
{
	struct rule *r;
	size_t i, j;

	for (i = 0; i < rules->n; i++) {
		r = &rules->rule[i];
		for (j = 0; j < r->nglobs; j++)
			free(r->globs[j]);
		free(r->globs);
		free(r->name);
		free(r->message);
	}
	free(rules->rule);
	memset(rules, 0, sizeof(*rules));
}

static int
no_memory(struct parser *p, const struct ynode *at)
{
	return ydoc_error(p->doc, at, p->e, "out of memory");
}

static int
parse_name(struct parser *p, const struct ynode *v, struct rule *r)
{
	const unsigned char *c;
	size_t i;

	if (v->text[0] == '\0')
		return ydoc_error(p->doc, v, p->e, "name: is empty");
	if (strlen(v->text) > AGENTSH_NAME_MAX)
		return ydoc_error(p->doc, v, p->e, "name: longer than %d bytes",
		    AGENTSH_NAME_MAX);
	for (c = (const unsigned char *)v->text; *c != '\0'; c++) {
		if (*c < 0x20 || *c == 0x7f)
			return ydoc_error(p->doc, v, p->e,
			    "name: has a control character");
	}
	if (strcmp(v->text, RULE_LOADER) == 0)
		return ydoc_error(p->doc, v, p->e,
		    "name: %s is the name of a built-in rule", RULE_LOADER);
	/* r itself is already counted */
	for (i = 0; i + 1 < p->rules->n; i++) {
		if (strcmp(p->rules->rule[i].name, v->text) == 0)
			return ydoc_error(p->doc, v, p->e,
			    "name: rule %s is given twice", v->text);
	}
	r->name = strdup(v->text);
	return r->name == NULL ? no_memory(p, v) : 0;
}

static int
parse_decision(struct parser *p, const struct ynode *v, struct rule *r)
{
	static const char *const words[] = { "allow", "deny", "audit" };
	static const enum decision values[] = { DECISION_ALLOW, DECISION_DENY,
		DECISION_AUDIT };
	static const char *const later[] = { "approve", "redirect",
		"soft_delete" };
	const char *near;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(v->text, words[i]) == 0) {
			r->decision = values[i];
			return 0;
		}
	}
	for (i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		if (strcasecmp(v->text, later[i]) == 0)
			return ydoc_error(p->doc, v, p->e,
			    "decision: %s: not enforced by this build",
			    later[i]);
	}
	near = nearest_word(v->text, words, sizeof(words) / sizeof(words[0]));
	if (near != NULL)
		return ydoc_error(p->doc, v, p->e,
		    "decision: \"%.64s\" is not allow, deny or audit, did you "
		    "mean \"%s\"?",
		    v->text, near);
	return ydoc_error(p->doc, v, p->e,
	    "decision: \"%.64s\" is not allow, deny or audit", v->text);
}

static int
parse_message(struct parser *p, const struct ynode *v, struct rule *r)
{
	const char *text = v == NULL ? "" : v->text;

	if (strlen(text) > AGENTSH_TEXT_MAX)
		return ydoc_error(p->doc, v, p->e,
		    "message: longer than %d bytes", AGENTSH_TEXT_MAX);
	r->message = strdup(text);
	return r->message == NULL ? no_memory(p, v) : 0;
}

/* An item of a list that must be a word. */
static int
check_word(struct parser *p, const struct ynode *v, const char *key)
{
	if (v->kind != YNODE_SCALAR)
		return ydoc_error(p->doc, v, p->e,
		    "%s: every item must be a single value", key);
	if (v->text[0] == '\0' || ynode_is_null(v))
		return ydoc_error(p->doc, v, p->e, "%s: an empty item", key);
	return 0;
}

static int
parse_ops(struct parser *p, const struct ynode *list, struct rule *r)
{
	const struct ynode *v;
	const char *near;
	uint32_t ops = 0;
	size_t i;

	for (v = list == NULL ? NULL : list->first; v != NULL; v = v->next) {
		if (check_word(p, v, "operations") == -1)
			return -1;
		for (i = 0; i <= FILE_OP_MAX; i++) {
			if (strcmp(v->text, op_names[i]) == 0)
				break;
		}
		if (i > FILE_OP_MAX) {
			near = nearest_word(v->text, op_names, FILE_OP_MAX);
			return ydoc_error(p->doc, v, p->e,
			    "operations: unknown operation \"%.64s\"%s%s%s",
			    v->text, near == NULL ? "" : ", did you mean \"",
			    near == NULL ? "" : near,
			    near == NULL ? "" : "\"?");
		}
		ops |= i == FILE_OP_MAX ? ALL_OPS : 1U << i;
	}
	/* a file that may be read may be opened for it, and the reverse */
	if ((ops & READ_CLASS) != 0)
		ops |= READ_CLASS;
	r->ops = ops == 0 ? ALL_OPS : ops;
	return 0;
}

/* One glob, expanded and checked. */
static int
parse_glob(struct parser *p, const struct ynode *v, const char *key,
    struct rule *r)
{
	const char *what = "";
	enum glob_kind kind = GLOB_PATH;
	bool whole;
	char *text;

	if (check_word(p, v, key) == -1)
		return -1;
	if (++p->rules->nglobs > POLICY_MAX_GLOBS)
		return ydoc_error(p->doc, v, p->e,
		    "%s: more than %d in all rules", key, POLICY_MAX_GLOBS);
	if (p->files)
		text = vars_expand(p->vars, v->text, &what);
	else
		text = strdup(v->text);
	if (text == NULL)
		return ydoc_error(p->doc, v, p->e, "%s: %.256s: %s", key,
		    v->text, what);
	r->globs[r->nglobs++] = text;
	if (!p->files)
		kind = command_kind(text, &whole);
	if (glob_check(text, kind, &what) == -1)
		return ydoc_error(p->doc, v, p->e, "%s: %.256s: %s", key,
		    v->text, what);
	return 0;
}

static int
parse_globs(struct parser *p, const struct ynode *list, const char *key,
    struct rule *r)
{
	const struct ynode *v;

	if (list == NULL)
		return 0;
	if (list->n == 0 && p->files)
		return ydoc_error(p->doc, list, p->e, "%s: is empty", key);
	r->globs = calloc(list->n + 1, sizeof(*r->globs));
	if (r->globs == NULL)
		return no_memory(p, list);
	for (v = list->first; v != NULL; v = v->next) {
		if (parse_glob(p, v, key, r) == -1)
			return -1;
	}
	return 0;
}

static int
parse_rule(struct parser *p, const struct ynode *map, struct rule *r)
{
	const struct ynode *v[KEY_MAX];

	if (schema_check(p->doc, map, p->files ? SCHEMA_FILE : SCHEMA_COMMAND,
		v, p->e) == -1)
		return -1;
	if (p->files) {
		if (parse_name(p, v[KEY_FILE_name], r) == -1 ||
		    parse_globs(p, v[KEY_FILE_paths], "paths", r) == -1 ||
		    parse_ops(p, v[KEY_FILE_operations], r) == -1 ||
		    parse_decision(p, v[KEY_FILE_decision], r) == -1)
			return -1;
		return parse_message(p, v[KEY_FILE_message], r);
	}
	r->ops = 1;
	if (parse_name(p, v[KEY_COMMAND_name], r) == -1 ||
	    parse_globs(p, v[KEY_COMMAND_commands], "commands", r) == -1 ||
	    parse_decision(p, v[KEY_COMMAND_decision], r) == -1)
		return -1;
	return parse_message(p, v[KEY_COMMAND_message], r);
}

int
rules_parse(const struct ydoc *doc, const struct ynode *list, bool files,
    struct rules *rules, const struct vars *vars, struct aerr *e)
{
	struct parser p = { doc, vars, rules, files, e };
	const struct ynode *v;

	if (list == NULL || list->n == 0)
		return 0;
	/* one number is the built-in rule's */
	if (list->n >= IMG_MAX_RULES)
		return ydoc_error(doc, list, e, "%s: more than %d rules",
		    list->key->text, IMG_MAX_RULES - 1);
	rules->rule = calloc(list->n, sizeof(*rules->rule));
	if (rules->rule == NULL)
		return no_memory(&p, list);
	for (v = list->first; v != NULL; v = v->next) {
		if (parse_rule(&p, v, &rules->rule[rules->n++]) == -1)
			return -1;
	}
	return 0;
}
