/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision on a command before it starts, with what it needs besides the
 * rules' word: the message for the client, the rule whose environment lists
 * hold, what a redirect puts in its place.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "precheck.h"

static const char *
user_of(const struct spec *spec)
{
	size_t i;

	for (i = 0; i < spec->nenv; i++) {
		if (strncmp(spec->env[i], "USER=", 5) == 0)
			return spec->env[i] + 5;
	}
	return NULL;
}

/* What was found in the words: the worst of all ways to read them. */
static void
tell_words(const struct judge *j, struct precheck *pc)
{
	size_t i, n = 0;

	for (i = 0; i < j->nread; i++) {
		if (j->sc[i].kind > pc->kind) {
			pc->kind = j->sc[i].kind;
			pc->why = j->sc[i].why;
		}
	}
	for (i = 0; j->inner && i < j->argc && n < sizeof(pc->about); i++)
		n += (size_t)snprintf(pc->about + n, sizeof(pc->about) - n,
		    "%s%s", i == 0 ? "" : " ", j->argv[i]);
}

static void
keep_words(const struct judge *j, struct precheck *pc)
{
	size_t i, n, len = 0;

	for (i = 0; i < j->argc; i++)
		len += strlen(j->argv[i]) + 1;
	pc->words = malloc(len);
	for (i = 0; i < j->argc && pc->words != NULL; i++) {
		n = strlen(j->argv[i]) + 1;
		memcpy(pc->words + pc->words_len, j->argv[i], n);
		pc->words_len += n;
	}
}

/*
 * A builtin has neither files nor words inside that rules know: what they say
 * of its name counts. A harmless one needs no rule that allows it, so that a
 * list of programs need not name them; but a rule that denies it and is not for
 * every command means it. Nothing is executed that could wait for an operator.
 */
static void
judge_builtin(struct judge *j, const struct program *p, enum builtin builtin)
{
	struct program other = *p;
	struct verdict v, rest;

	if (!judge_ask(j, p, p->command, false, &v))
		return;
	other.command = "\1"; /* no command of that name */
	if (!judge_ask(j, &other, other.command, false, &rest))
		return;
	if (builtin_has(builtin, BUILTIN_FREE) && v.rule == rest.rule &&
	    v.decision != DECISION_ALLOW && v.decision != DECISION_AUDIT) {
		v.rule = UINT32_MAX;
		v.decision = DECISION_ALLOW;
		v.rule_name = "builtin";
		v.message = "";
	} else if (v.decision == DECISION_APPROVE) {
		judge_deny(j, v.rule_name,
		    "a builtin is allowed or denied: it cannot wait for an"
		    " operator");
		return;
	}
	j->v = v;
	j->name = p->command;
	j->argv = p->argv;
	j->argc = p->argc;
	j->any = true;
}

void
precheck_command(const struct image *im, const struct spec *spec,
    const struct precheck_how *how, struct precheck *pc)
{
	/* the program by the word that is executed, not by what it is told */
	struct program p = { .command = spec->file,
		.argc = spec->argc,
		.asked_for = how->depth == 0,
		.depth = how->depth,
		.deny_opaque = how->deny_opaque };
	struct judge j;
	const char **argv;

	memset(pc, 0, sizeof(*pc));
	judge_begin(&j, im);
	j.asked_arg = how->arg;
	argv = calloc(spec->argc + 1, sizeof(*argv));
	if (argv != NULL) {
		memcpy(argv, spec->argv, spec->argc * sizeof(*argv));
		argv[0] = spec->file;
		p.argv = argv;
		/* the environment is by the rule for the command itself */
		if (judge_ask(&j, &p, p.command, false, &pc->env)) {
			j.asked = how->asked;
			if (spec->builtin != BUILTIN_NONE)
				judge_builtin(&j, &p, spec->builtin);
			else
				judge_program(&j, &p);
		}
	}
	pc->said = j.v.decision;
	pc->decision = DECISION_DENY;
	snprintf(pc->rule, sizeof(pc->rule), "%s", j.v.rule_name);
	judge_message(&j, user_of(spec), pc->message, sizeof(pc->message));
	image_command_action(im, &j.v, &pc->action);
	pc->timeout_ms = j.v.timeout_ms;
	/* one that is to be approved is asked for where it is executed */
	if (j.v.decision == DECISION_ALLOW || j.v.decision == DECISION_AUDIT ||
	    j.v.decision == DECISION_APPROVE)
		pc->decision = j.v.decision;
	/* the redirect of a rule for an inner command replaces the whole; what
	 * a command started itself has its environment already */
	else if (j.v.decision == DECISION_REDIRECT &&
	    pc->action.command[0] != '\0' &&
	    (how->depth == 0 || pc->action.env.n == 0))
		pc->decision = DECISION_REDIRECT;
	tell_words(&j, pc);
	/* without memory for them it is asked for again as it is executed */
	if (j.inner &&
	    (pc->decision == DECISION_APPROVE ||
		pc->decision == DECISION_REDIRECT))
		keep_words(&j, pc);
	/* the words of the whole are not those of that command */
	if (j.inner && pc->decision == DECISION_REDIRECT && pc->words == NULL)
		pc->decision = DECISION_DENY;
	judge_end(&j);
	free(argv);
}

void
precheck_free(struct precheck *pc)
{
	free(pc->dropped);
	free(pc->words);
	memset(pc, 0, sizeof(*pc));
}
