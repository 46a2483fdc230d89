/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the command rules, for the pre-check and for each exec alike.
 * The words are the agent's, the rules the policy's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "path.h"
#include "template.h"

#define RULE_OPAQUE "shellc-opaque-script"
#define RULE_BYPASS "shellc-wrapper-bypass"
#define RULE_DEPTH "shellc-depth-exceeded"

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

void
judge_begin(struct judge *j, const struct image *im)
{
	memset(j, 0, sizeof(*j));
	j->im = im;
	judge_deny(j, RULE_FAILED, "");
	j->any = false;
}

void
judge_deny(struct judge *j, const char *rule, const char *message)
{
	memset(&j->v, 0, sizeof(j->v));
	j->v.decision = DECISION_DENY;
	j->v.rule = UINT32_MAX;
	j->v.rule_name = rule;
	j->v.message = message;
	j->any = true;
}

bool
judge_ask(struct judge *j, const struct program *p, const char *name,
    bool unknown, struct verdict *v)
{
	struct command_query q = { .command = name,
		.argv = p->argv + 1,
		.argc = p->argc - 1,
		.depth = p->depth,
		.args_unknown = unknown };

	int ret;

	errno = 0;
	ret = image_eval_command(j->im, &q, v);
	if (ret == -1 && errno == E2BIG && !unknown) {
		/* too long for the patterns: as if nobody knew them */
		q.args_unknown = true;
		ret = image_eval_command(j->im, &q, v);
	}
	if (ret == 0) {
		if (j->asked != NULL)
			j->asked(j->asked_arg, &q, v);
		return true;
	}
	judge_deny(j, RULE_FAILED, "the rules could not be evaluated");
	return false;
}

/* The rule for a program by a name and by the file. No rule for one of them
 * leaves the other. */
static bool
ask_both(struct judge *j, const struct program *p, const char *name,
    struct verdict *v)
{
	struct verdict w;

	if (!judge_ask(j, p, name, false, v))
		return false;
	if (p->resolved == NULL || strcmp(p->resolved, name) == 0)
		return true;
	if (!judge_ask(j, p, p->resolved, false, &w))
		return false;
	if (v->rule == UINT32_MAX ||
	    (w.rule != UINT32_MAX &&
		strictness(w.decision) > strictness(v->decision)))
		*v = w;
	return true;
}

/*
 * The rule for a program by the name it is executed by and by the file that
 * is. A name that the session may have chosen can only make it stricter: the
 * file needs a rule for its own.
 */
static bool
ask_names(struct judge *j, const struct program *p, struct verdict *v)
{
	struct verdict own;

	if (p->own == NULL)
		return ask_both(j, p, p->command, v);
	if (!judge_ask(j, p, p->command, false, v) ||
	    !ask_both(j, p, p->own, &own))
		return false;
	if (v->rule == UINT32_MAX ||
	    strictness(own.decision) > strictness(v->decision))
		*v = own;
	return true;
}

static void
take(struct judge *j, const struct verdict *v, const struct program *p,
    bool inner)
{
	if (j->any && strictness(v->decision) <= strictness(j->v.decision))
		return;
	j->v = *v;
	j->name = inner ? p->argv[0] : p->command;
	j->argv = p->argv;
	j->argc = p->argc;
	j->inner = inner;
	j->any = true;
}

/* A command inside of the program. No rule for it leaves the outer one. */
static bool
ask_inner(struct judge *j, const struct program *p, bool unknown)
{
	struct verdict v;

	/* its rules are asked when its words are there: a guess is no denial of
	 * what is around it */
	if (unknown && !p->asked_for)
		return true;
	if (!judge_ask(j, p, p->argv[0], unknown, &v))
		return false;
	/* what else a rule wants with it is done when it is executed */
	if (v.rule != UINT32_MAX &&
	    (p->asked_for || v.decision == DECISION_DENY))
		take(j, &v, p, true);
	return true;
}

/*
 * What the form of the script says, whatever its commands. Each of these is
 * decided when it is executed, so a script that cannot be read is no harm by
 * itself; nor is a form that hides one, but who asks for it should know.
 */
static void
judge_kind(struct judge *j, const struct shellc *sc, const struct program *p)
{
	switch (sc->kind) {
	case SHELLC_NONE:
	case SHELLC_DERIVED:
		return;
	case SHELLC_OPAQUE:
		if (p->deny_opaque)
			judge_deny(j, RULE_OPAQUE,
			    "This shell script cannot be checked before it runs. Write plain commands, or put the script into a file.");
		return;
	case SHELLC_BYPASS:
		if (p->asked_for)
			judge_deny(j, RULE_BYPASS,
			    "This form would hide a command from its rule. Run the command itself.");
		return;
	case SHELLC_DEPTH:
		if (p->asked_for)
			judge_deny(j, RULE_DEPTH,
			    "Shells within shells: run the innermost command itself.");
		return;
	case SHELLC_MAX:
		break;
	}
	judge_deny(j, RULE_FAILED, "");
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

/* What the program would start, if it were one of this name. */
static void
ask_inside(struct judge *j, const struct program *p, const char *name)
{
	struct program in = *p;
	struct shellc *sc = &j->sc[j->nread];
	const char **argv;
	size_t i;

	if (j->v.decision == DECISION_DENY)
		return;
	argv = j->nread == JUDGE_READINGS ? NULL :
					    calloc(p->argc + 1, sizeof(*argv));
	if (argv == NULL) {
		judge_deny(j, RULE_FAILED, "");
		return;
	}
	memcpy(argv, p->argv, p->argc * sizeof(*argv));
	argv[0] = name;
	j->copy[j->nread++] = argv;
	if (analyse(j->im, argv, p->argc, sc) == -1) {
		judge_deny(j, RULE_FAILED,
		    "the arguments are too long to be checked");
		return;
	}
	for (i = 0; i < sc->ncmds; i++) {
		in.argv = sc->cmd[i].argv;
		in.argc = sc->cmd[i].argc;
		if (!ask_inner(j, &in, sc->cmd[i].args_uncertain))
			return;
	}
	if (j->v.decision != DECISION_DENY)
		judge_kind(j, sc, p);
}

static bool
is_multi_call(const char *name)
{
	return strncmp(name, "busybox", 7) == 0 ||
	    strcmp(name, "toybox") == 0 || strcmp(name, "coreutils") == 0;
}

/*
 * The names that it may take itself for: that of the file, of the link to it,
 * and what its argv[0] says; a program of many names acts by the last.
 */
static void
ask_each_name(struct judge *j, const struct program *p)
{
	const char *cmd = path_basename(p->command);
	const char *real = p->resolved != NULL ? path_basename(p->resolved) :
						 cmd;
	const char *own = p->own != NULL ? path_basename(p->own) : cmd;
	const char *zero = path_basename(p->argv[0]);
	struct program as = *p;
	const char **argv;

	ask_inside(j, p, cmd);
	if (strcmp(own, cmd) != 0 && strcmp(own, real) != 0)
		ask_inside(j, p, own);
	if (*zero == '-')
		zero++; /* a login shell */
	if (*zero == '\0')
		zero = cmd;
	if (strcmp(real, cmd) != 0 &&
	    (!is_multi_call(real) || strcmp(zero, real) == 0 || p->own != NULL))
		ask_inside(j, p, real);
	if (strcmp(zero, cmd) == 0 || strcmp(zero, real) == 0 ||
	    j->v.decision == DECISION_DENY)
		return;
	ask_inside(j, p, zero);
	if (j->nread == 0 || j->v.decision == DECISION_DENY)
		return;
	argv = j->copy[j->nread - 1];
	as.argv = argv;
	ask_inner(j, &as, false);
}

void
judge_program(struct judge *j, const struct program *p)
{
	struct verdict v;

	if (j->any && j->v.decision == DECISION_DENY)
		return;
	if (!ask_names(j, p, &v))
		return;
	take(j, &v, p, false);
	ask_each_name(j, p);
}

void
judge_message(const struct judge *j, const char *user, char *dst, size_t size)
{
	char args[AGENTSH_TEXT_MAX + 1];
	const char *values[TEMPLATE_MAX] = { NULL };
	size_t i, n = 0;

	args[0] = '\0';
	for (i = 1; i < j->argc && n < sizeof(args); i++)
		n += (size_t)snprintf(args + n, sizeof(args) - n, "%s%s",
		    i == 1 ? "" : " ", j->argv[i]);
	values[TEMPLATE_COMMAND] = j->name;
	values[TEMPLATE_ARGS] = args;
	values[TEMPLATE_RULE] = j->v.rule_name;
	values[TEMPLATE_USER] = user;
	template_expand(dst, size, j->v.message, values);
}

void
judge_end(struct judge *j)
{
	size_t i;

	for (i = 0; i < j->nread; i++) {
		shellc_free(&j->sc[i]);
		free(j->copy[i]);
	}
	j->nread = 0;
}
