/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of rules, by the table of kinds: what every rule has, and warnings
 * about rules that another one hides. What is a kind's own is in rule_*.c.
 */
#include <stdlib.h>
#include <string.h>

#include "fnv.h"
#include "parse.h"
#include "protected.h"
#include "template.h"

/* clang-format off */
const struct rulekind rulekinds[RULEKINDS] = {
#define RULEKIND(id, name, list) \
	{ FAMILY_##id, KEY_TOP_##list, KEY_##id##_name, rule_##name##_parse, \
	    rule_##name##_covers, rule_##name##_print, rule_##name##_free },
#include "rulekind.def"
#undef RULEKIND
};
/* clang-format on */

void
rules_free(const struct rulekind *kind, struct rules *rules)
{
	struct rule *r;
	size_t i, j;

	for (i = 0; i < rules->n; i++) {
		r = &rules->rule[i];
		kind->free(r);
		for (j = 0; j < r->nglobs; j++)
			free(r->globs[j]);
		free(r->globs);
		free(r->name);
		free(r->message);
	}
	free(rules->rule);
	memset(rules, 0, sizeof(*rules));
}

/* The names that were seen: a rule's number + 1 in each slot, 0 for none. */
struct names {
	uint32_t *slot;
	size_t mask;
};

static int
names_make(struct names *names, size_t n)
{
	size_t size = 4;

	while (size < 2 * n)
		size *= 2;
	names->mask = size - 1;
	names->slot = calloc(size, sizeof(*names->slot));
	return names->slot == NULL ? -1 : 0;
}

/* Adds r; NULL, or the earlier rule of its name. */
static const struct rule *
names_add(struct names *names, const struct rules *rules, const struct rule *r)
{
	size_t h = fnv_str(FNV_INIT, r->name) & names->mask;
	const struct rule *other;

	for (; names->slot[h] != 0; h = (h + 1) & names->mask) {
		other = &rules->rule[names->slot[h] - 1];
		if (strcmp(other->name, r->name) == 0)
			return other;
	}
	names->slot[h] = (uint32_t)(r - rules->rule) + 1;
	return NULL;
}

static bool
is_builtin(const char *name)
{
	size_t i;

	for (i = 0; i < PROTECT_GROUPS; i++) {
		if (strcmp(name, protect_groups[i].rule) == 0)
			return true;
	}
	return strcmp(name, RULE_LOADER) == 0;
}

static int
parse_name(struct parser *p, const struct ynode *v, const struct rules *rules,
    struct names *names, struct rule *r)
{
	const struct rule *twin;

	if (value_name(p, v) == -1)
		return -1;
	if (is_builtin(v->text))
		return parse_error(p, v,
		    "name: %s is the name of a built-in rule", v->text);
	r->name = strdup(v->text);
	if (r->name == NULL)
		return parse_no_memory(p, v);
	twin = names_add(names, rules, r);
	if (twin == NULL)
		return 0;
	return parse_error(p, v,
	    "name: rule %s is given twice, first on line %zu", v->text,
	    twin->line);
}

/* The text of a denial may name what was denied. The user is known already. */
static int
parse_message(struct parser *p, const struct ynode *v, enum family family,
    struct rule *r)
{
	const char *values[TEMPLATE_MAX] = { [TEMPLATE_USER] = p->vars->user };
	const char *text = v == NULL ? "" : v->text;
	char message[AGENTSH_TEXT_MAX + 1];
	struct template_error te;

	if (template_check(text, family, &te) == -1) {
		if (te.near == NULL)
			return parse_error(p, v, "message: {{%s}}: %s",
			    te.field, te.what);
		return parse_error(p, v,
		    "message: {{%s}}: %s, did you mean \"{{.%s}}\"?", te.field,
		    te.what, te.near);
	}
	if (template_expand(message, sizeof(message), text, values) >=
	    sizeof(message))
		return parse_error(p, v, "message: longer than %d bytes",
		    AGENTSH_TEXT_MAX);
	r->message = strdup(message);
	return r->message == NULL ? parse_no_memory(p, v) : 0;
}

int
rule_answer(struct parser *p, const struct ynode *message,
    const struct ynode *timeout, enum family family, struct rule *r)
{
	if (timeout != NULL && r->decision != DECISION_APPROVE)
		parse_warn(p, timeout,
		    "timeout: without decision approve nothing waits");
	if (value_time(p, timeout, "timeout", &r->timeout_ms) == -1)
		return -1;
	return parse_message(p, message, family, r);
}

int
rule_globs(struct parser *p, const struct ynode *list, const char *key,
    struct rule *r, int (*one)(struct parser *, const struct ynode *, char **))
{
	const struct ynode *v;

	if (list == NULL)
		return 0;
	r->globs = calloc(list->n + 1, sizeof(*r->globs));
	if (r->globs == NULL)
		return parse_no_memory(p, list);
	for (v = list->first; v != NULL; v = v->next) {
		if (value_word(p, v, key) == -1)
			return -1;
		if (++p->rules->nglobs > POLICY_MAX_GLOBS)
			return parse_error(p, v,
			    "%s: more than %d in all rules", key,
			    POLICY_MAX_GLOBS);
		if (one(p, v, &r->globs[r->nglobs]) == -1)
			return -1;
		r->nglobs++;
	}
	return 0;
}

/* Is there an earlier rule that matches whatever this one would? */
static void
warn_hidden(struct parser *p, const struct rulekind *kind,
    const struct rules *rules, const struct ynode *at)
{
	const struct rule *b = &rules->rule[rules->n - 1], *a;
	size_t i;

	for (i = 0; i + 1 < rules->n && p->budget > 0; i++) {
		a = &rules->rule[i];
		if (cover_spend(&p->budget, 1) &&
		    kind->covers(a, b, &p->budget)) {
			parse_warn(p, at,
			    "rule %s is never reached: %s on line %zu matches "
			    "all that it does",
			    b->name, a->name, a->line);
			return;
		}
	}
}

int
rules_parse(struct parser *p, const struct rulekind *kind,
    const struct ynode *list)
{
	struct rules *rules = &p->policy->family[kind->family];
	struct names names;
	const struct ynode *v;
	struct rule *r;
	int ret = 0;

	if (list == NULL || list->n == 0)
		return 0;
	p->rules = rules;
	/* one number is the built-in rule's */
	if (list->n >= IMG_MAX_RULES)
		return parse_error(p, list, "%s: more than %d rules",
		    list->key->text, IMG_MAX_RULES - 1);
	rules->rule = calloc(list->n, sizeof(*rules->rule));
	if (rules->rule == NULL || names_make(&names, list->n) == -1)
		return parse_no_memory(p, list);
	for (v = list->first; v != NULL && ret == 0; v = v->next) {
		r = &rules->rule[rules->n++];
		r->line = v->line;
		r->ops = 1;
		if (parse_name(p, schema_value(v, kind->name), rules, &names,
			r) == -1 ||
		    kind->parse(p, v, r) == -1)
			ret = -1;
		else
			warn_hidden(p, kind, rules, v);
	}
	free(names.slot);
	return ret;
}
