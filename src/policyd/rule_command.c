/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_rules: names and paths of commands, their arguments and how deep
 * they run, what is run instead, and the environment they get.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "parse.h"

/* A value that is no glob stays one name or path, whatever is in it. */
static int
command_glob(struct parser *p, const struct ynode *v, char **out)
{
	const char *what = "";
	bool whole;

	*out = vars_expand_plain(p->vars, v->text, &what);
	if (*out != NULL && strpbrk(*out, "*?[") != NULL) {
		free(*out);
		*out = vars_expand(p->vars, v->text, &what);
	}
	if (*out != NULL && (*out)[0] == '\0') {
		what = "is empty";
	} else if (*out != NULL &&
	    glob_check(*out, command_kind(*out, &whole), &what) == 0) {
		if (command_kind(*out, &whole) == GLOB_LITERAL &&
		    strpbrk(*out, "{}") != NULL)
			parse_warn(p, v,
			    "commands: %.256s: without one of *?[ braces are "
			    "letters of the name",
			    v->text);
		return 0;
	}
	free(*out);
	*out = NULL;
	return parse_error(p, v, "commands: %.256s: %s", v->text, what);
}

static int
parse_patterns(struct parser *p, const struct ynode *list, struct rule *r)
{
	const struct ynode *v;

	for (v = list == NULL ? NULL : list->first; v != NULL; v = v->next) {
		if (value_word(p, v, "args_patterns") == -1 ||
		    value_regex(p, v, "args_patterns") == -1)
			return -1;
	}
	return value_words(p, list, "args_patterns", &r->command.args_patterns);
}

/* direct, nested, or both. */
static int
parse_context_words(struct parser *p, const struct ynode *list, struct rule *r)
{
	static const char *const words[] = { "direct", "nested" };
	const struct ynode *v;
	bool direct = false, nested = false;
	const char *near;

	for (v = list->first; v != NULL; v = v->next) {
		if (strcasecmp(v->text, "direct") == 0) {
			direct = true;
		} else if (strcasecmp(v->text, "nested") == 0) {
			nested = true;
		} else {
			near = nearest_word(v->text, words, 2);
			return parse_error(p, v,
			    "context: \"%.64s\" is not direct or "
			    "nested%s%s%s",
			    v->text, near == NULL ? "" : ", did you mean \"",
			    near == NULL ? "" : near,
			    near == NULL ? "" : "\"?");
		}
	}
	if (direct && !nested)
		r->command.max_depth = 0;
	if (nested && !direct)
		r->command.min_depth = 1;
	return 0;
}

static int
parse_context(struct parser *p, const struct ynode *v, struct rule *r)
{
	const struct ynode *min, *max;
	uint64_t n = 0;

	r->command.max_depth = UINT32_MAX;
	if (v == NULL)
		return 0;
	if (v->kind == YNODE_SEQ)
		return parse_context_words(p, v, r);
	min = schema_value(v, KEY_CONTEXT_min_depth);
	max = schema_value(v, KEY_CONTEXT_max_depth);
	if (value_u64(p, min, "min_depth", 1000000, &n) == -1)
		return -1;
	r->command.min_depth = (uint32_t)n;
	if (max == NULL || strcmp(max->text, "-1") == 0)
		return 0;
	if (value_u64(p, max, "max_depth", 1000000, &n) == -1)
		return -1;
	r->command.max_depth = (uint32_t)n;
	if (r->command.max_depth < r->command.min_depth)
		return parse_error(p, max,
		    "max_depth: %u is below min_depth, %u: no command is "
		    "that deep",
		    r->command.max_depth, r->command.min_depth);
	return 0;
}

static int
parse_instead(struct parser *p, const struct ynode *map, struct rule *r)
{
	const struct ynode *to = schema_value(map, KEY_COMMAND_redirect_to);
	const struct ynode *args;
	struct command_part *c = &r->command;

	if (r->decision != DECISION_REDIRECT) {
		if (to != NULL)
			return parse_error(p, to->key,
			    "redirect_to: without decision redirect");
		return 0;
	}
	if (to == NULL)
		return parse_error(p, map,
		    "redirect_to: missing in a command rule with decision "
		    "redirect");
	args = schema_value(to, KEY_INSTEAD_args);
	c->redirect_has_args = args != NULL;
	if (value_expand(p, schema_value(to, KEY_INSTEAD_command), "command",
		&c->redirect_command) == -1)
		return -1;
	if (strchr(c->redirect_command, '/') != NULL &&
	    c->redirect_command[0] != '/')
		return parse_error(p, schema_value(to, KEY_INSTEAD_command),
		    "command: %.256s: must be a name, or a path from / on",
		    c->redirect_command);
	if (value_args(p, args, "args", &c->redirect_args) == -1 ||
	    value_args(p, schema_value(to, KEY_INSTEAD_args_append),
		"args_append", &c->redirect_append) == -1)
		return -1;
	return value_environment(p, schema_value(to, KEY_INSTEAD_environment),
	    "environment", false, &c->redirect_env);
}

int
rule_command_parse(struct parser *p, const struct ynode *map, struct rule *r)
{
	const struct env_keys env = {
		.allow = schema_value(map, KEY_COMMAND_env_allow),
		.deny = schema_value(map, KEY_COMMAND_env_deny),
		.max_bytes = schema_value(map, KEY_COMMAND_env_max_bytes),
		.max_keys = schema_value(map, KEY_COMMAND_env_max_keys),
		.block_iteration = schema_value(map,
		    KEY_COMMAND_env_block_iteration),
	};

	if (rule_globs(p, schema_value(map, KEY_COMMAND_commands), "commands",
		r, command_glob) == -1 ||
	    parse_patterns(p, schema_value(map, KEY_COMMAND_args_patterns),
		r) == -1 ||
	    parse_context(p, schema_value(map, KEY_COMMAND_context), r) == -1)
		return -1;
	r->decision = (enum decision)schema_choice(schema_value(map,
						       KEY_COMMAND_decision),
	    SET_COMMAND, DECISION_DENY);
	if (parse_instead(p, map, r) == -1 ||
	    env_parse(p, &env, &r->command.env) == -1)
		return -1;
	if (r->decision == DECISION_DENY && r->command.env.given)
		parse_warn(p, map,
		    "env_*: a command that is denied has no environment");
	return rule_answer(p, schema_value(map, KEY_COMMAND_message),
	    schema_value(map, KEY_COMMAND_timeout), FAMILY_COMMAND, r);
}

/* Names without metacharacters are compared without regard to case. */
static bool
covers_command(const char *a, const char *b)
{
	if (strcmp(a, "*") == 0 || strcmp(a, "**") == 0 || strcmp(a, b) == 0)
		return true;
	return strpbrk(a, "*?[") == NULL && strpbrk(b, "*?[") == NULL &&
	    strcasecmp(a, b) == 0;
}

bool
rule_command_covers(const struct rule *a, const struct rule *b,
    uint32_t *budget)
{
	size_t i, j;

	if (a->command.args_patterns.n > 0 ||
	    a->command.min_depth > b->command.min_depth ||
	    a->command.max_depth < b->command.max_depth)
		return false;
	if (a->nglobs == 0)
		return true;
	if (!cover_spend(budget, a->nglobs * (b->nglobs + 1)))
		return false;
	if (b->nglobs == 0) {
		for (i = 0; i < a->nglobs; i++) {
			if (covers_command(a->globs[i], ""))
				return true;
		}
		return false;
	}
	for (j = 0; j < b->nglobs; j++) {
		for (i = 0; i < a->nglobs; i++) {
			if (covers_command(a->globs[i], b->globs[j]))
				break;
		}
		if (i == a->nglobs)
			return false;
	}
	return true;
}

static void
print_context(struct printer *o, const struct command_part *c)
{
	if (c->min_depth == 0 && c->max_depth == UINT32_MAX)
		return;
	print_open(o, KEY_COMMAND_context);
	print_number(o, KEY_CONTEXT_min_depth, c->min_depth);
	if (c->max_depth == UINT32_MAX)
		print_plain(o, KEY_CONTEXT_max_depth, "-1");
	else
		print_number(o, KEY_CONTEXT_max_depth, c->max_depth);
	print_close(o);
}

static const enum schema_key env_keys[5] = {
	KEY_COMMAND_env_allow,
	KEY_COMMAND_env_deny,
	KEY_COMMAND_env_max_bytes,
	KEY_COMMAND_env_max_keys,
	KEY_COMMAND_env_block_iteration,
};

void
rule_command_print(struct printer *o, const struct rule *r)
{
	const struct command_part *c = &r->command;

	if (r->nglobs > 0)
		print_list(o, KEY_COMMAND_commands, r->globs, r->nglobs);
	if (c->args_patterns.n > 0)
		print_raw_list(o, KEY_COMMAND_args_patterns, &c->args_patterns);
	print_context(o, c);
	print_plain(o, KEY_COMMAND_decision,
	    schema_word(SET_COMMAND, r->decision));
	if (c->redirect_command != NULL) {
		print_open(o, KEY_COMMAND_redirect_to);
		print_text(o, KEY_INSTEAD_command, c->redirect_command);
		if (c->redirect_has_args)
			print_raw_list(o, KEY_INSTEAD_args, &c->redirect_args);
		if (c->redirect_append.n > 0)
			print_raw_list(o, KEY_INSTEAD_args_append,
			    &c->redirect_append);
		if (c->redirect_env.n > 0)
			print_named(o, KEY_INSTEAD_environment,
			    &c->redirect_env, false);
		print_close(o);
	}
	print_answer(o, r, KEY_COMMAND_message, KEY_COMMAND_timeout);
	env_print(o, &c->env, env_keys);
}

void
rule_command_free(struct rule *r)
{
	struct command_part *c = &r->command;

	words_free(&c->args_patterns);
	free(c->redirect_command);
	words_free(&c->redirect_args);
	words_free(&c->redirect_append);
	words_free(&c->redirect_env);
	env_free(&c->env);
}
