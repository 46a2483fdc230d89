/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision on a command before it starts. The command itself, what a
 * wrapper or a shell script in its arguments would start: each is asked for,
 * and the strictest rule that speaks of one of them wins. The words are the
 * agent's, the rules the policy's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "precheck.h"
#include "shellc.h"
#include "template.h"

#define RULE_FAILED "policy-evaluation-failed"
#define RULE_OPAQUE "shellc-opaque-script"
#define RULE_BYPASS "shellc-wrapper-bypass"
#define RULE_DEPTH "shellc-depth-exceeded"

struct asked {
	const struct image *im;
	const struct precheck_how *how;
	struct verdict v;	 /* the strictest so far */
	const char *const *argv; /* of the command it is about */
	size_t argc;
};

static int
strictness(enum decision d)
{
	switch (d) {
	case DECISION_ALLOW:
		return 0;
	case DECISION_AUDIT:
		return 1;
	case DECISION_APPROVE:
		return 2;
	case DECISION_REDIRECT:
	case DECISION_SOFT_DELETE:
		return 3;
	case DECISION_DENY:
	case DECISION_ABSORB:
	case DECISION_MAX:
		break;
	}
	return 4;
}

static void
deny(struct asked *a, const char *rule, const char *message)
{
	memset(&a->v, 0, sizeof(a->v));
	a->v.decision = DECISION_DENY;
	a->v.rule = UINT32_MAX;
	a->v.rule_name = rule;
	a->v.message = message;
}

/* The rule for one command; false: no answer, and it is denied. */
static bool
ask(struct asked *a, const char *const *argv, size_t argc, bool args_unknown,
    struct verdict *v)
{
	struct command_query q = { .command = argv[0],
		.argv = argv + 1,
		.argc = argc - 1,
		.depth = a->how->depth,
		.args_unknown = args_unknown };

	if (image_eval_command(a->im, &q, v) == 0) {
		if (a->how->asked != NULL)
			a->how->asked(a->how->arg, &q, v);
		return true;
	}
	deny(a, RULE_FAILED, "the rules could not be evaluated");
	return false;
}

/* A command inside of the command. No rule for it leaves the outer one. */
static bool
ask_inner(struct asked *a, const char *const *argv, size_t argc,
    bool args_unknown)
{
	struct verdict v;

	if (!ask(a, argv, argc, args_unknown, &v))
		return false;
	if (v.rule != UINT32_MAX &&
	    strictness(v.decision) > strictness(a->v.decision)) {
		a->v = v;
		a->argv = argv;
		a->argc = argc;
	}
	return true;
}

/* What the form of the script says, whatever its commands. */
static void
judge_kind(struct asked *a, const struct shellc *sc)
{
	switch (sc->kind) {
	case SHELLC_NONE:
	case SHELLC_DERIVED:
		return;
	case SHELLC_OPAQUE:
		/* what a shell starts later is not yet decided one by one, so
		 * a script that cannot be read is denied where it could hide
		 * something from a rule */
		if (a->how->opaque == OPAQUE_DENY ||
		    (a->how->opaque == OPAQUE_ENFORCE &&
			image_restricts_commands(a->im)))
			deny(a, RULE_OPAQUE,
			    "This shell script cannot be checked before it runs. Write plain commands, or put the script into a file.");
		return;
	case SHELLC_BYPASS:
		deny(a, RULE_BYPASS,
		    "This form would hide a command from its rule. Run the command itself.");
		return;
	case SHELLC_DEPTH:
		deny(a, RULE_DEPTH,
		    "Shells within shells: run the innermost command itself.");
		return;
	case SHELLC_MAX:
		break;
	}
	deny(a, RULE_FAILED, "");
}

/* The strings of a list of the image; NULL when there is no memory. */
static const char **
words_of(struct image_words w)
{
	const char **v = calloc((size_t)w.n + 1, sizeof(*v));
	uint32_t i;

	for (i = 0; v != NULL && i < w.n; i++) {
		v[i] = w.first;
		w.first = image_words_next(w.first);
	}
	return v;
}

/* Reads the words with the policy's own idea of what starts others. */
static int
analyse(const struct image *im, const char *const *argv, size_t argc,
    struct shellc *sc)
{
	struct image_words add = image_wrappers(im, true);
	struct image_words remove = image_wrappers(im, false);
	struct shellc_wrappers w = { words_of(add), add.n, words_of(remove),
		remove.n };
	int ret = -1;

	if (w.add != NULL && w.remove != NULL)
		ret = shellc_analyse(sc, argv, argc, &w);
	free((void *)(uintptr_t)w.add);
	free((void *)(uintptr_t)w.remove);
	return ret;
}

/* What a wrapper or a shell in the words would start. */
static void
ask_inside(struct asked *a, const char *const *argv, size_t argc,
    struct shellc *sc)
{
	const struct shellc_cmd *c;
	size_t i;

	if (a->v.decision == DECISION_DENY)
		return;
	if (analyse(a->im, argv, argc, sc) == -1) {
		deny(a, RULE_FAILED,
		    "the arguments are too long to be checked");
		return;
	}
	for (i = 0; i < sc->ncmds; i++) {
		c = &sc->cmd[i];
		if (!ask_inner(a, c->argv, c->argc, c->args_uncertain))
			return;
	}
	if (a->v.decision != DECISION_DENY)
		judge_kind(a, sc);
}

/* Words with a space between each, cut where they do not fit. */
static void
join(char *dst, size_t size, const char *const *argv, size_t argc)
{
	size_t i, n = 0;

	dst[0] = '\0';
	for (i = 0; i < argc && n < size; i++)
		n += (size_t)snprintf(dst + n, size - n, "%s%s",
		    i == 0 ? "" : " ", argv[i]);
}

/* The message of the rule with the command's own words in it. */
static void
fill_message(const struct asked *a, const struct spec *spec,
    struct precheck *pc)
{
	char args[AGENTSH_TEXT_MAX + 1];
	const char *values[TEMPLATE_MAX] = { NULL };
	size_t i;

	join(args, sizeof(args), a->argv + 1, a->argc - 1);
	values[TEMPLATE_COMMAND] = a->argv[0];
	values[TEMPLATE_ARGS] = args;
	values[TEMPLATE_RULE] = a->v.rule_name;
	for (i = 0; i < spec->nenv; i++) {
		if (strncmp(spec->env[i], "USER=", 5) == 0)
			values[TEMPLATE_USER] = spec->env[i] + 5;
	}
	template_expand(pc->message, sizeof(pc->message), a->v.message, values);
}

void
precheck_command(const struct image *im, const struct spec *spec,
    const struct precheck_how *how, struct precheck *pc)
{
	struct asked a = { .im = im, .how = how, .argc = spec->argc };
	struct shellc sc = { 0 };
	const char **argv;

	memset(pc, 0, sizeof(*pc));
	deny(&a, RULE_FAILED, "");
	/* the program by the word that is executed, not by what it is told */
	argv = calloc(spec->argc + 1, sizeof(*argv));
	if (argv == NULL)
		goto out;
	memcpy(argv, spec->argv, spec->argc * sizeof(*argv));
	argv[0] = spec->file;
	a.argv = argv;
	if (!ask(&a, argv, spec->argc, false, &a.v))
		goto out;
	pc->env = a.v;
	ask_inside(&a, argv, spec->argc, &sc);
	pc->kind = sc.kind;
	pc->why = sc.why;
	if (a.argv != argv)
		join(pc->about, sizeof(pc->about), a.argv, a.argc);
out:
	pc->said = a.v.decision;
	pc->decision = DECISION_DENY;
	snprintf(pc->rule, sizeof(pc->rule), "%s", a.v.rule_name);
	if (a.argv != NULL)
		fill_message(&a, spec, pc);
	image_command_action(im, &a.v, &pc->action);
	if (a.v.decision == DECISION_ALLOW || a.v.decision == DECISION_AUDIT)
		pc->decision = a.v.decision;
	else if (a.v.decision == DECISION_REDIRECT &&
	    pc->action.command[0] != '\0')
		pc->decision = DECISION_REDIRECT;
	/* the redirect of a rule for an inner command replaces the whole */
	shellc_free(&sc);
	free(argv);
}

void
precheck_free(struct precheck *pc)
{
	free(pc->dropped);
	memset(pc, 0, sizeof(*pc));
}
