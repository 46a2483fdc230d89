/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh: runs commands of an AI agent in sandboxed sessions, by asking
 * agentshd. This file finds the command; each is in a file of its own.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "help.h"

static int
unknown(const struct args *a, int argc, char **argv)
{
	size_t i, n = strlen(argv[0]);

	for (i = 0; i < CMD_MAX; i++)
		if (strncmp(cmd_rows[i].words, argv[0], n) == 0 &&
		    cmd_rows[i].words[n] == ' ')
			break;
	if (i < CMD_MAX) {
		if (argc > 1)
			usage_error(a, "unknown command %s %s", argv[0],
			    argv[1]);
		else
			usage_error(a, "%s needs another word", argv[0]);
		help_family(stderr, argv[0]);
	} else
		usage_error(a, "unknown command %s; see agentsh help", argv[0]);
	return EXIT_USAGE;
}

/* Options before the command's words were taken without knowing it. */
static int
early_options(const struct args *a)
{
	size_t i;

	for (i = 0; i < OPT_MAX; i++)
		if (a->opt[i] != NULL &&
		    !(opt_rows[i].commands & (1ULL << a->cmd)))
			return usage_error(a, "%s has no option --%s",
			    cmd_rows[a->cmd].words, opt_rows[i].name);
	return 0;
}

static int
run(struct args *a, int argc, char **argv)
{
	const struct cmd_row *row;
	int nwords;

	a->cmd = cmd_find(argc, argv, &nwords);
	if (a->cmd == CMD_MAX)
		return unknown(a, argc, argv);
	if (early_options(a) != 0)
		return EXIT_USAGE;
	row = &cmd_rows[a->cmd];
	a->argc = argc - nwords;
	a->argv = argv + nwords;
	if (row->min >= 0) {
		if (args_rest(a, a->argc, a->argv) == -1)
			return EXIT_USAGE;
		if (a->argc < row->min || a->argc > row->max)
			return usage_error(a,
			    a->argc < row->min ? "a word is missing" :
						 "too many words");
	}
	return row->handler(a);
}

/* A descriptor of ours must not take the place of a closed standard one. */
static void
open_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd != -1)
		close(fd);
}

int
main(int argc, char **argv)
{
	struct args a = { .cmd = CMD_MAX };
	int i = 1, r;

	open_standard();
	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		puts("agentsh " PACKAGE_VERSION);
		return 0;
	}
	while ((r = args_take(&a, argc, argv, &i)) == 1)
		continue;
	if (r == -1)
		return EXIT_USAGE;
	if (i >= argc || strcmp(argv[i], "--") == 0) {
		help_all(stderr);
		return EXIT_USAGE;
	}
	r = run(&a, argc - i, argv + i);
	if (fflush(stdout) == EOF || ferror(stdout)) {
		say("cannot write to standard output");
		return r == 0 ? 1 : r;
	}
	return r;
}
