/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of agentsh exec. AGENTSH_SESSION_ID names the session before the
 * first word does; "--" is ours as the first word or right after the session,
 * options not counted, and the command's own everywhere later.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "path.h"
#include "tty.h"

static int
take_all(struct args *a, int argc, char **argv, int *i)
{
	int r;

	while ((r = args_take(a, argc, argv, i)) == 1)
		continue;
	return r;
}

/* *sid stays NULL where no word names the session. */
static int
split(struct args *a, int argc, char **argv, const char *env, const char **sid)
{
	int i = 0;

	*sid = NULL;
	if (take_all(a, argc, argv, &i) == -1)
		return -1;
	if (i < argc && strcmp(argv[i], "--") != 0 &&
	    (env == NULL || args_dashes(a, argc, argv, i + 1) != -1)) {
		*sid = argv[i++];
		if (take_all(a, argc, argv, &i) == -1)
			return -1;
	}
	if (i < argc && strcmp(argv[i], "--") == 0)
		i++;
	a->argc = argc - i;
	a->argv = argv + i;
	return 0;
}

static int
choose(const char *opt, const char *variable, const char *fallback,
    const char *const *words, const char **choice)
{
	const char *s = opt;

	if (s == NULL)
		s = getenv(variable);
	if (s == NULL || s[0] == '\0')
		s = fallback;
	*choice = s;
	for (; *words != NULL; words++)
		if (strcmp(*words, s) == 0)
			return 0;
	return -1;
}

static int
choose_output(struct args *a, struct exec_plan *p)
{
	static const char *const outputs[] = { "shell", "json", NULL };
	static const char *const events[] = { "all", "summary", "blocked",
		"none", NULL };
	const char *s;

	if (choose(a->opt[OPT_OUTPUT], "AGENTSH_OUTPUT", "shell", outputs,
		&s) == -1) {
		usage_error(a, "--output is shell or json, not %s", s);
		return -1;
	}
	p->json = strcmp(s, "json") == 0;
	if (choose(a->opt[OPT_EVENTS], "AGENTSH_EVENTS",
		p->json ? "summary" : "none", events, &s) == -1) {
		usage_error(a,
		    "--events is all, summary, blocked or none, not %s", s);
		return -1;
	}
	p->events = s;
	return 0;
}

/* A terminal has no answer to put into JSON, and its own input. */
static int
check_pty(struct args *a, const struct exec_plan *p)
{
	if (a->opt[OPT_PTY] == NULL)
		return 0;
	if (p->json || a->opt[OPT_EVENTS] != NULL ||
	    a->opt[OPT_STDIN] != NULL || a->opt[OPT_REQUEST] != NULL)
		return usage_error(a,
		    "--pty excludes --output json, --events, --stdin and "
		    "--json");
	if (!tty_is_there())
		return usage_error(a,
		    "--pty: standard input is not a terminal; without --pty a "
		    "command needs none");
	return 0;
}

/* Output as it comes has no answer around it, and no events. */
static int
check_stream(struct args *a, struct exec_plan *p)
{
	if (!p->stream)
		return 0;
	if (p->json || a->opt[OPT_EVENTS] != NULL || p->pty)
		return usage_error(a,
		    "--stream excludes --output json, --events and --pty");
	p->events = "none";
	return 0;
}

/* 0, or the exit status after a message. */
int
exec_args(struct args *a, struct exec_plan *p)
{
	const char *env = getenv("AGENTSH_SESSION_ID"), *sid, *id;
	uint32_t uid;

	memset(p, 0, sizeof(*p));
	if (env != NULL && env[0] == '\0')
		env = NULL;
	if (split(a, a->argc, a->argv, env, &sid) == -1 ||
	    choose_output(a, p) == -1)
		return EXIT_USAGE;
	p->pty = a->opt[OPT_PTY] != NULL;
	p->stream = a->opt[OPT_SHOW] != NULL;
	if (check_pty(a, p) != 0 || check_stream(a, p) != 0)
		return EXIT_USAGE;
	if (a->opt[OPT_REQUEST] != NULL && a->argc > 0)
		return usage_error(a,
		    "a command and --json exclude each other");
	if (a->opt[OPT_REQUEST] == NULL && a->argc == 0)
		return usage_error(a,
		    sid == NULL ?
			"a command is missing" :
			"a command is missing; a first word before -- names the "
			"session: `agentsh exec -- COMMAND` needs none");
	if (session_root(a->opt[OPT_ROOT], p->root) == -1)
		return EXIT_FAILURE;
	if (env != NULL)
		sid = env;
	if (sid == NULL)
		session_default_id(p->root, p->id, sizeof(p->id));
	else if (session_name_split(sid, &uid, &id) == 0)
		snprintf(p->id, sizeof(p->id), "%s", sid);
	else
		return usage_error(a,
		    "%s is not a session id: letters, digits, and after the "
		    "first also . _ -",
		    sid);
	return 0;
}
