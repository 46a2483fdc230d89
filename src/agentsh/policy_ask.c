/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What policy test, explain and diff have in common: the session that is
 * imagined, the question, and how an answer is printed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/event.h"
#include "../common/path.h"
#include "../common/policytry.h"
#include "../common/utf8.h"
#include "cli.h"
#include "jsonout.h"
#include "vis.h"

/* Is the next word one of a command that is tried? Its options are not ours. */
static bool
is_commands(const struct args *a, int n, char **argv)
{
	int op = policy_ask_skip(a);

	return (n >= op + 2 && strcmp(argv[op], "exec") == 0) ||
	    (n >= op + 3 && strcmp(argv[op], "env") == 0);
}

int
policy_ask_skip(const struct args *a)
{
	return a->opt[OPT_SESSION] == NULL ? 1 : 0;
}

int
policy_ask_args(struct args *a)
{
	char **argv = a->argv;
	int argc = a->argc, i = 0, n = 0, r;

	while (i < argc && !is_commands(a, n, argv)) {
		r = args_take(a, argc, argv, &i);
		if (r == -1)
			return EXIT_USAGE;
		if (r == 1)
			continue;
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		argv[n++] = argv[i++];
	}
	while (i < argc)
		argv[n++] = argv[i++];
	a->argc = n;
	return 0;
}

/* The words of agentshd.conf(5), two of which mean the same. */
int
policy_opaque(const char *s, bool *deny)
{
	*deny = strcmp(s, "deny") == 0;
	return *deny || strcmp(s, "enforce") == 0 || strcmp(s, "allow") == 0 ?
	    0 :
	    -1;
}

/* What a session says itself, or only matters with one. */
static int
check_options(const struct args *a)
{
	static const enum opt_id own[] = { OPT_WORKSPACE, OPT_REAL_PATHS,
		OPT_USER, OPT_HOME, OPT_OPAQUE };
	static const enum opt_id remote[] = { OPT_SERVER, OPT_CLIENT_TIMEOUT };
	bool session = a->opt[OPT_SESSION] != NULL;
	size_t i;

	for (i = 0; session && i < sizeof(own) / sizeof(own[0]); i++) {
		if (a->opt[own[i]] != NULL)
			return usage_error(a, "--%s: the session says it",
			    opt_rows[own[i]].name);
	}
	for (i = 0; !session && i < sizeof(remote) / sizeof(remote[0]); i++) {
		if (a->opt[remote[i]] != NULL)
			return usage_error(a, "--%s needs --session",
			    opt_rows[remote[i]].name);
	}
	return 0;
}

struct policy_try *
policy_ask_open(const struct args *a, const char *word)
{
	static char root[PATH_MAX];
	struct try_options opt = { .user = a->opt[OPT_USER],
		.home = a->opt[OPT_HOME] };
	struct policy_try *t;
	char path[PATH_MAX];
	const char *file;
	struct aerr e;

	if (check_options(a) != 0)
		return NULL;
	if (a->opt[OPT_SESSION] != NULL)
		return policy_session_open(a, a->opt[OPT_SESSION]);
	if (a->opt[OPT_WORKSPACE] != NULL && a->opt[OPT_REAL_PATHS] == NULL) {
		usage_error(a,
		    "--workspace needs --real-paths: else it is at /workspace, wherever it is");
		return NULL;
	}
	if (opt.home != NULL && !path_is_clean(opt.home)) {
		usage_error(a, "--home: not a whole path");
		return NULL;
	}
	if (a->opt[OPT_OPAQUE] != NULL &&
	    policy_opaque(a->opt[OPT_OPAQUE], &opt.deny_opaque) == -1) {
		usage_error(a, "--opaque is enforce, allow or deny");
		return NULL;
	}
	if (a->opt[OPT_REAL_PATHS] != NULL) {
		/* it need not be there */
		if (a->opt[OPT_WORKSPACE] != NULL &&
		    path_is_clean(a->opt[OPT_WORKSPACE]))
			snprintf(root, sizeof(root), "%s",
			    a->opt[OPT_WORKSPACE]);
		else if (session_root(a->opt[OPT_WORKSPACE], root) == -1)
			return NULL;
		opt.workspace = root;
	}
	file = policy_find(word, path);
	if (file == NULL)
		return NULL;
	t = try_open(file, &opt, &e);
	if (t == NULL)
		say("%s", e.message);
	return t;
}

int
policy_ask_query(const struct args *a, const struct policy_try *t,
    struct try_query *q)
{
	static const enum opt_id options[] = { OPT_DEPTH, OPT_ADDRESS,
		OPT_TARGET, OPT_PID, OPT_PROCESS };
	struct aerr e = { 0 };
	const char *value;
	size_t i;

	memset(q, 0, sizeof(*q));
	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		value = a->opt[options[i]];
		if (value != NULL &&
		    try_option(q, opt_rows[options[i]].name, value, &e) == -1)
			return usage_error(a, "%s", e.message);
	}
	if (try_words(t, q, a->argc - policy_ask_skip(a),
		a->argv + policy_ask_skip(a), &e) == -1)
		return usage_error(a, "%s", e.message);
	return 0;
}

void
policy_ask_text(struct jsonout *o, const char *key, const char *text)
{
	char safe[4 * AGENTSH_PATH_MAX + 1];

	if (utf8_is_valid(text, strlen(text))) {
		jo_str(o, key, text);
		return;
	}
	vis_str(safe, sizeof(safe), text);
	jo_str(o, key, safe);
}

/* Members that say nothing are left out. */
static void
member(struct jsonout *o, const char *key, const char *text)
{
	if (text != NULL && text[0] != '\0')
		policy_ask_text(o, key, text);
}

void
policy_ask_json(struct jsonout *o, const struct try_answer *a)
{
	jo_str(o, "decision", decision_name(a->decision));
	jo_str(o, "effective", decision_name(a->effective));
	member(o, "rule", a->rule);
	member(o, "why", a->why);
	member(o, "log", a->log);
	member(o, "message", a->message);
	member(o, "instead", a->instead);
	member(o, "command", a->about);
	member(o, "shell", a->shell);
	member(o, "shell_why", a->shell_why);
	member(o, "note", a->note);
}

static void
line(const char *key, const char *text)
{
	char safe[4 * AGENTSH_TEXT_MAX + 1];

	if (text == NULL || text[0] == '\0')
		return;
	vis_str(safe, sizeof(safe), text);
	printf("%s: %s\n", key, safe);
}

void
policy_ask_print(const struct try_answer *a)
{
	char shell[128];

	line("decision", decision_name(a->decision));
	if (a->effective != a->decision)
		line("effective", decision_name(a->effective));
	line("rule", a->rule);
	line("why", a->why);
	line("command", a->about);
	if (a->shell != NULL && a->shell_why != NULL) {
		snprintf(shell, sizeof(shell), "%s, %s", a->shell,
		    a->shell_why);
		line("shell", shell);
	}
	line("instead", a->instead);
	line("log", a->log);
	line("message", a->message);
	line("note", a->note);
}

int
policy_ask_end(struct jsonout *o)
{
	const char *text;
	size_t len = 0;

	text = jo_text(o, &len);
	if (text == NULL)
		return EXIT_USAGE;
	json_print(text, len);
	return 0;
}
