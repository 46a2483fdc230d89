/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decisions about variables of the environment. One automaton says in which of
 * all lists a name is: the built-in one of secrets and loader variables, the
 * policy's, and those of each command rule that has its own.
 */
#include <string.h>

#include "image_int.h"

#define ENV_NAME_MAX 131072 /* bytes; the kernel's limit of one string */

/* Which lists are in force. */
static uint32_t
env_number(const struct image *im, const struct verdict *rule)
{
	const struct img_family *f = img_family(im, FAMILY_COMMAND);
	const struct img_command *part = img_at(im, f->parts);

	return rule == NULL || rule->rule >= f->nrules ?
	    0 :
	    part[rule->rule].env_rules;
}

static void
say(struct verdict *v, enum decision d, const char *rule_name)
{
	v->decision = d;
	v->rule_name = rule_name;
}

static void
eval(const struct image *im, uint32_t number, const char *name, size_t len,
    uint64_t *room, struct verdict *v)
{
	const struct img_env *env = img_at(im, img_head(im)->env);
	struct img_rules lists;
	bool secret;

	img_rules(im, IMG_AUTO_ENV, name, len, room, &lists);
	secret = img_rules_next(&lists, IMG_ENV_SECRET) == IMG_ENV_SECRET;
	if (img_rules_next(&lists, IMG_ENV_DENY(number)) ==
	    IMG_ENV_DENY(number))
		say(v, DECISION_DENY, "deny");
	else if (img_rules_next(&lists, IMG_ENV_ALLOW(number)) ==
	    IMG_ENV_ALLOW(number))
		say(v, DECISION_ALLOW, "allow");
	else if (env[number].has_allow != 0)
		say(v, DECISION_DENY, "default-deny");
	else if (secret)
		say(v, DECISION_DENY, "default-secret-deny");
	else
		say(v, DECISION_ALLOW, "default-allow");
}

static void __attribute__((noinline)) eval_with_room(const struct image *im,
    uint32_t number, const char *name, size_t len, struct verdict *v)
{
	uint64_t room[IMG_MAX_WORDS];

	eval(im, number, name, len, room, v);
}

int
image_eval_env(const struct image *im, const struct verdict *rule,
    const char *name, size_t len, struct verdict *v)
{
	static const uint8_t which[] = { IMG_AUTO_ENV };
	uint32_t number = env_number(im, rule);

	img_verdict_preset(v, "default-deny");
	if (name == NULL || len == 0 || len > ENV_NAME_MAX ||
	    memchr(name, 0, len) != NULL || memchr(name, '=', len) != NULL)
		return -1;
	if (img_needs_room(im, which, sizeof(which)))
		eval_with_room(im, number, name, len, v);
	else
		eval(im, number, name, len, NULL, v);
	return 0;
}

void
image_env_limits(const struct image *im, const struct verdict *rule,
    struct env_limits *l)
{
	const struct img_env *env = img_at(im, img_head(im)->env);

	env += env_number(im, rule);
	l->max_bytes = env->max_bytes;
	l->max_keys = env->max_keys;
	l->block_iteration = env->block_iteration != 0;
}
