/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command that starts: the agent's, or the one that a redirect names, with
 * what the policy leaves of its environment and what it adds.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "precheck.h"

/* Words of lists that others own. */
struct list {
	char **v;
	size_t n;
};

static int
list_make(struct list *l, size_t max)
{
	l->n = 0;
	l->v = calloc(max + 1, sizeof(*l->v));
	return l->v == NULL ? -1 : 0;
}

static void
list_add(struct list *l, const char *word)
{
	l->v[l->n++] = (char *)(uintptr_t)word;
}

/* NAME=VALUE in place of the NAME that is there. */
static void
env_put(struct list *env, const char *word)
{
	size_t i, n = strcspn(word, "=") + 1;

	for (i = 0; i < env->n; i++) {
		if (strncmp(env->v[i], word, n) == 0) {
			env->v[i] = (char *)(uintptr_t)word;
			return;
		}
	}
	list_add(env, word);
}

static void
env_put_words(struct list *env, const struct image_words *w)
{
	const char *s = w->first;
	uint32_t i;

	for (i = 0; i < w->n; i++, s = image_words_next(s))
		env_put(env, s);
}

/* What the rules leave; -1: they could not be asked. */
static int
env_filter(const struct image *im, const struct spec *spec, struct precheck *pc,
    struct list *env)
{
	struct verdict v;
	const char *word;
	size_t i, n;

	pc->dropped = calloc(spec->nenv + 1, sizeof(*pc->dropped));
	if (pc->dropped == NULL)
		return -1;
	for (i = 0; i < spec->nenv; i++) {
		word = spec->env[i];
		n = strcspn(word, "=");
		/* by these a program knows that it is in a session */
		if (strncmp(word, "AGENTSH_", 8) == 0) {
			list_add(env, word);
			continue;
		}
		if (image_eval_env(im, &pc->env, word, n, &v) == -1)
			return -1;
		if (v.decision == DECISION_ALLOW)
			list_add(env, word);
		else
			pc->dropped[pc->ndropped++] = word;
	}
	return 0;
}

/* Is what would be given more than the policy allows? Then a denial. */
static bool
env_over_limits(const struct image *im, const struct list *env,
    struct precheck *pc)
{
	struct env_limits limits;
	uint64_t bytes = 0;
	size_t i;

	image_env_limits(im, &pc->env, &limits);
	for (i = 0; i < env->n; i++)
		bytes += strlen(env->v[i]) + 1;
	if (limits.max_keys != 0 && env->n > limits.max_keys) {
		snprintf(pc->rule, sizeof(pc->rule), "env-max-keys");
		snprintf(pc->message, sizeof(pc->message),
		    "the environment has %zu names, the policy allows %llu",
		    env->n, (unsigned long long)limits.max_keys);
	} else if (limits.max_bytes != 0 && bytes > limits.max_bytes) {
		snprintf(pc->rule, sizeof(pc->rule), "env-max-bytes");
		snprintf(pc->message, sizeof(pc->message),
		    "the environment has %llu bytes, the policy allows %llu",
		    (unsigned long long)bytes,
		    (unsigned long long)limits.max_bytes);
	} else {
		return false;
	}
	pc->said = pc->decision = DECISION_DENY;
	return true;
}

/* The words of the command that the rule is about: of the whole, or of the one
 * inside of it. */
static int
list_asked(struct list *l, const struct spec *from, const struct precheck *pc)
{
	size_t i;

	if (list_make(l,
		pc->words_len > from->argc ? pc->words_len : from->argc) == -1)
		return -1;
	if (pc->words == NULL) {
		for (i = 0; i < from->argc; i++)
			list_add(l, from->argv[i]);
		return 0;
	}
	for (i = 0; i < pc->words_len; i += strlen(pc->words + i) + 1)
		list_add(l, pc->words + i);
	return 0;
}

static int
make_argv(const struct spec *from, const struct precheck *pc, struct list *argv,
    struct spec *to)
{
	const struct command_action *act = &pc->action;
	struct list asked = { 0 };
	size_t i;

	if (pc->decision != DECISION_REDIRECT) {
		if (list_make(argv, from->argc) == -1)
			return -1;
		for (i = 0; i < from->argc; i++)
			list_add(argv, from->argv[i]);
		return 0;
	}
	if (list_asked(&asked, from, pc) == -1 ||
	    list_make(argv, image_action_room(act, asked.n)) == -1) {
		free(asked.v);
		return -1;
	}
	to->file = (char *)(uintptr_t)act->command;
	to->builtin = BUILTIN_NONE;
	argv->n = image_action_words(act, (const char *const *)asked.v + 1,
	    asked.n - 1, (const char **)argv->v);
	free(asked.v);
	return 0;
}

int
precheck_spec(const struct image *im, const struct spec *spec,
    struct precheck *pc)
{
	const struct command_action *act = &pc->action;
	struct image_words inject = image_env_inject(im);
	struct list argv = { 0 }, env = { 0 };
	struct spec out = *spec;
	int fd = -1;

	if (make_argv(spec, pc, &argv, &out) == -1 ||
	    list_make(&env, spec->nenv + inject.n + act->env.n) == -1)
		goto out;
	if (env_filter(im, spec, pc, &env) == -1)
		goto out;
	env_put_words(&env, &inject);
	if (pc->decision == DECISION_REDIRECT)
		env_put_words(&env, &act->env);
	if (env_over_limits(im, &env, pc)) {
		errno = E2BIG;
		goto out;
	}
	out.argv = argv.v;
	out.argc = argv.n;
	out.env = env.v;
	out.nenv = env.n;
	fd = spec_write(&out);
out:
	free(argv.v);
	free(env.v);
	return fd;
}
