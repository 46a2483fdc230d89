/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env_policy, and the env_* keys of a command rule.
 */
#include <string.h>

#include "parse.h"

/* Most that a limit of the environment can say. */
#define ENV_MAX_BYTES UINT64_C(1073741824)

static int
check_names(struct parser *p, const struct ynode *list)
{
	const struct ynode *v;
	const char *what = "";

	for (v = list == NULL ? NULL : list->first; v != NULL; v = v->next) {
		if (value_word(p, v, list->key->text) == -1)
			return -1;
		if (strchr(v->text, '=') != NULL)
			return parse_error(p, v,
			    "%s: %.256s: a name, without its value",
			    list->key->text, v->text);
		if (strlen(v->text) > AGENTSH_PATH_MAX)
			return parse_error(p, v, "%s: too long",
			    list->key->text);
		if (glob_check(v->text, GLOB_NAME, &what) == -1)
			return parse_error(p, v, "%s: %.256s: %s",
			    list->key->text, v->text, what);
	}
	return 0;
}

int
env_parse(struct parser *p, const struct env_keys *k, struct env_rules *r)
{
	r->given = k->allow != NULL || k->deny != NULL ||
	    k->max_bytes != NULL || k->max_keys != NULL ||
	    k->block_iteration != NULL;
	r->has_allow = k->allow != NULL;
	r->block_iteration = schema_bool(k->block_iteration, false);
	if (check_names(p, k->allow) == -1 || check_names(p, k->deny) == -1 ||
	    value_words(p, k->allow, "allow", &r->allow) == -1 ||
	    value_words(p, k->deny, "deny", &r->deny) == -1)
		return -1;
	if (k->max_bytes != NULL &&
	    value_u64(p, k->max_bytes, k->max_bytes->key->text, ENV_MAX_BYTES,
		&r->max_bytes) == -1)
		return -1;
	if (k->max_keys == NULL)
		return 0;
	return value_u64(p, k->max_keys, k->max_keys->key->text,
	    AGENTSH_WORDS_MAX, &r->max_keys);
}

void
env_free(struct env_rules *r)
{
	words_free(&r->allow);
	words_free(&r->deny);
}

void
env_print(struct printer *o, const struct env_rules *r,
    const enum schema_key keys[5])
{
	if (!r->given)
		return;
	if (r->has_allow)
		print_raw_list(o, keys[0], &r->allow);
	/* keys that say nothing still replace the policy's */
	if (r->deny.n > 0 || !r->has_allow)
		print_raw_list(o, keys[1], &r->deny);
	if (r->max_bytes > 0)
		print_number(o, keys[2], r->max_bytes);
	if (r->max_keys > 0)
		print_number(o, keys[3], r->max_keys);
	if (r->block_iteration)
		print_plain(o, keys[4], "true");
}
