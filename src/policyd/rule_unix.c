/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unix_socket_rules: sockets by path, or @name for an abstract one.
 */
#include <stdlib.h>
#include <string.h>

#include "parse.h"

static const char *const op_names[UNIX_OP_MAX] = {
	[UNIX_OP_CONNECT] = "connect",
	[UNIX_OP_BIND] = "bind",
	[UNIX_OP_LISTEN] = "listen",
	[UNIX_OP_SENDTO] = "sendto",
};

static int
unix_glob(struct parser *p, const struct ynode *v, char **out)
{
	const char *what = "";

	*out = vars_expand(p->vars, v->text, &what);
	if (*out != NULL && glob_check(*out, GLOB_SOCKET, &what) == 0)
		return 0;
	if (*out != NULL &&
	    strcmp(what, "a path begins with / or with **") == 0)
		what = "begins with /, with ** or, for an abstract socket, @";
	free(*out);
	*out = NULL;
	return parse_error(p, v, "paths: %.256s: %s", v->text, what);
}

int
rule_unix_parse(struct parser *p, const struct ynode *map, struct rule *r)
{
	const struct ynode *paths = schema_value(map, KEY_UNIX_paths);

	if (paths->n == 0)
		return parse_error(p, paths, "paths: is empty");
	if (rule_globs(p, paths, "paths", r, unix_glob) == -1 ||
	    value_ops(p, schema_value(map, KEY_UNIX_operations), op_names,
		UNIX_OP_MAX, &r->ops) == -1)
		return -1;
	r->decision = (enum decision)schema_choice(schema_value(map,
						       KEY_UNIX_decision),
	    SET_UNIX, DECISION_DENY);
	return rule_answer(p, schema_value(map, KEY_UNIX_message),
	    schema_value(map, KEY_UNIX_timeout), FAMILY_UNIX, r);
}

bool
rule_unix_covers(const struct rule *a, const struct rule *b, uint32_t *budget)
{
	return (b->ops & ~a->ops) == 0 &&
	    cover_globs(a->globs, a->nglobs, b->globs, b->nglobs, budget);
}

void
rule_unix_print(struct printer *o, const struct rule *r)
{
	print_list(o, KEY_UNIX_paths, r->globs, r->nglobs);
	print_ops(o, KEY_UNIX_operations, op_names, UNIX_OP_MAX, r->ops);
	print_plain(o, KEY_UNIX_decision, schema_word(SET_UNIX, r->decision));
	print_answer(o, r, KEY_UNIX_message, KEY_UNIX_timeout);
}

void
rule_unix_free(struct rule *r)
{
	(void)r;
}
