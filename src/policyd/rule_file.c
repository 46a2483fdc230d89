/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_rules: paths, operations, and where redirected files are.
 */
#include <stdlib.h>
#include <string.h>

#include "parse.h"

#define READ_CLASS ((1U << FILE_OP_OPEN) | (1U << FILE_OP_READ))
/* by one of these a name is redirected: fsd/redirect.c */
#define REDIRECT_OPS                                                           \
	(READ_CLASS | (1U << FILE_OP_WRITE) | (1U << FILE_OP_CREATE))
/* what takes a name away */
#define DELETE_OPS                                                             \
	((1U << FILE_OP_DELETE) | (1U << FILE_OP_RMDIR) |                      \
	    (1U << FILE_OP_RENAME))

/* clang-format off */
static const char *const op_names[FILE_OP_MAX] = {
#define FILE_OP(id, name) name,
#include "fileop.def"
#undef FILE_OP
};
/* clang-format on */

static int
file_glob(struct parser *p, const struct ynode *v, char **out)
{
	const char *what = "";

	*out = vars_expand(p->vars, v->text, &what);
	if (*out != NULL && glob_check(*out, GLOB_PATH, &what) == 0)
		return 0;
	free(*out);
	*out = NULL;
	return parse_error(p, v, "paths: %.256s: %s", v->text, what);
}

static int
parse_redirect(struct parser *p, const struct ynode *map, struct rule *r)
{
	const struct ynode *to = schema_value(map, KEY_FILE_redirect_to);
	const struct ynode *tree = schema_value(map, KEY_FILE_preserve_tree);

	if (r->decision != DECISION_REDIRECT) {
		if (to != NULL)
			return parse_error(p, to->key,
			    "redirect_to: without decision redirect");
		if (tree != NULL)
			return parse_error(p, tree->key,
			    "preserve_tree: without decision redirect");
		return 0;
	}
	if (to == NULL)
		return parse_error(p, map,
		    "redirect_to: missing in a file rule with decision "
		    "redirect");
	r->file.preserve_tree = schema_bool(tree, false);
	return value_path(p, to, "redirect_to", &r->file.redirect_to);
}

int
rule_file_parse(struct parser *p, const struct ynode *map, struct rule *r)
{
	const struct ynode *paths = schema_value(map, KEY_FILE_paths);

	if (paths->n == 0)
		return parse_error(p, paths, "paths: is empty");
	if (rule_globs(p, paths, "paths", r, file_glob) == -1 ||
	    value_ops(p, schema_value(map, KEY_FILE_operations), op_names,
		FILE_OP_MAX, &r->ops) == -1)
		return -1;
	/* a file that may be read may be opened for it, and the reverse */
	if ((r->ops & READ_CLASS) != 0)
		r->ops |= READ_CLASS;
	r->decision = (enum decision)schema_choice(schema_value(map,
						       KEY_FILE_decision),
	    SET_FILE, DECISION_DENY);
	r->file.log_full = schema_choice(schema_value(map, KEY_FILE_log),
			       SET_LOG, 0) == 1;
	if (parse_redirect(p, map, r) == -1)
		return -1;
	if (r->decision == DECISION_SOFT_DELETE && (r->ops & DELETE_OPS) == 0)
		parse_warn(p, schema_value(map, KEY_FILE_decision),
		    "decision: soft_delete of operations that delete nothing "
		    "is allow");
	if (r->decision == DECISION_REDIRECT && (r->ops & REDIRECT_OPS) == 0)
		parse_warn(p, schema_value(map, KEY_FILE_decision),
		    "decision: redirect of operations that open and make "
		    "no file is deny");
	return rule_answer(p, schema_value(map, KEY_FILE_message),
	    schema_value(map, KEY_FILE_timeout), FAMILY_FILE, r);
}

bool
rule_file_covers(const struct rule *a, const struct rule *b, uint32_t *budget)
{
	return (b->ops & ~a->ops) == 0 &&
	    cover_globs(a->globs, a->nglobs, b->globs, b->nglobs, budget);
}

void
rule_file_print(struct printer *o, const struct rule *r)
{
	print_list(o, KEY_FILE_paths, r->globs, r->nglobs);
	print_ops(o, KEY_FILE_operations, op_names, FILE_OP_MAX, r->ops);
	print_plain(o, KEY_FILE_decision, schema_word(SET_FILE, r->decision));
	if (r->file.redirect_to != NULL) {
		print_text(o, KEY_FILE_redirect_to, r->file.redirect_to);
		print_plain(o, KEY_FILE_preserve_tree,
		    r->file.preserve_tree ? "true" : "false");
	}
	print_answer(o, r, KEY_FILE_message, KEY_FILE_timeout);
	if (r->file.log_full)
		print_plain(o, KEY_FILE_log, schema_word(SET_LOG, 1));
}

void
rule_file_free(struct rule *r)
{
	free(r->file.redirect_to);
}
