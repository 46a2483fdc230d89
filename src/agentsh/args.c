/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words and options of a call, after the tables of cmd.def.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "help.h"

/* clang-format off */
const struct cmd_row cmd_rows[CMD_MAX] = {
#define CMD(id, words, handler, usage, summary, min, max) \
	{ words, handler, usage, summary, min, max },
#include "cmd.def"
#undef CMD
};

const struct opt_row opt_rows[OPT_MAX] = {
#define OPT(id, name, value, commands, help) { name, value, commands, help },
#include "cmd.def"
#undef OPT
};
/* clang-format on */

int
usage_error(const struct args *a, const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) == -1)
		s = NULL;
	va_end(ap);
	if (s != NULL)
		say("%s", s);
	free(s);
	if (a->cmd != CMD_MAX)
		fprintf(stderr, "usage: agentsh %s %s\n",
		    cmd_rows[a->cmd].words, cmd_rows[a->cmd].usage);
	return EXIT_USAGE;
}

/* The option a word is, its value in *value where written as --name=value. */
static enum opt_id
opt_find(enum cmd_id cmd, const char *word, const char **value)
{
	/* before the command is known: what most of them take */
	uint64_t want = cmd == CMD_MAX ? C_REMOTE : 1ULL << cmd;
	size_t i, n;

	*value = NULL;
	for (i = 0; i < OPT_MAX; i++) {
		if ((opt_rows[i].commands & want) != want)
			continue;
		n = strlen(opt_rows[i].name);
		if (n == 1) {
			if (word[1] == opt_rows[i].name[0] && word[2] == '\0')
				break;
			continue;
		}
		if (word[1] != '-' ||
		    strncmp(word + 2, opt_rows[i].name, n) != 0)
			continue;
		if (word[2 + n] == '=')
			*value = word + 3 + n;
		if (word[2 + n] == '=' || word[2 + n] == '\0')
			break;
	}
	return (enum opt_id)i;
}

static bool
is_opt(const char *word)
{
	return word[0] == '-' && word[1] != '\0' && strcmp(word, "--") != 0;
}

/* 1 took an option, *i is behind it; 0 not an option; -1 wrong, and said so. */
int
args_take(struct args *a, int argc, char **argv, int *i)
{
	const char *word, *value;
	enum opt_id id;

	if (*i >= argc || !is_opt(argv[*i]))
		return 0;
	word = argv[*i];
	id = opt_find(a->cmd, word, &value);
	if (id == OPT_MAX) {
		usage_error(a, "unknown option %s", word);
		return -1;
	}
	if (opt_rows[id].value == NULL && value != NULL) {
		usage_error(a, "--%s takes no value", opt_rows[id].name);
		return -1;
	}
	if (opt_rows[id].value != NULL && value == NULL) {
		if (*i + 1 >= argc) {
			usage_error(a, "%s needs a value", word);
			return -1;
		}
		value = argv[++*i];
	}
	++*i;
	if (id == OPT_HELP || id == OPT_H) {
		help_command(stdout, a->cmd);
		exit(EXIT_SUCCESS);
	}
	if (id == OPT_ENV || id == OPT_SET_ENV) {
		if (a->nenv == CLI_MAX_ENV) {
			usage_error(a, "more than %d of --%s", CLI_MAX_ENV,
			    opt_rows[id].name);
			return -1;
		}
		a->env[a->nenv++] = value;
	}
	if (id == OPT_UNSET_ENV) {
		if (a->nunset == CLI_MAX_ENV) {
			usage_error(a, "more than %d of --unset-env",
			    CLI_MAX_ENV);
			return -1;
		}
		a->unset[a->nunset++] = value;
	}
	a->opt[id] = value == NULL ? "" : value;
	return 1;
}

/* Where "--" is when only options stand before it, from argv[i] on; or -1. */
int
args_dashes(const struct args *a, int argc, char **argv, int i)
{
	const char *value;
	enum opt_id id;

	while (i < argc && is_opt(argv[i])) {
		id = opt_find(a->cmd, argv[i], &value);
		if (id == OPT_MAX)
			return -1;
		i += opt_rows[id].value != NULL && value == NULL ? 2 : 1;
	}
	return i < argc && strcmp(argv[i], "--") == 0 ? i : -1;
}

/* Options anywhere, other words kept in their order; "--" ends the options. */
int
args_rest(struct args *a, int argc, char **argv)
{
	int i = 0, n = 0, r;

	while (i < argc) {
		r = args_take(a, argc, argv, &i);
		if (r == -1)
			return -1;
		if (r == 1)
			continue;
		if (strcmp(argv[i], "--") == 0) {
			for (i++; i < argc; i++)
				argv[n++] = argv[i];
			break;
		}
		argv[n++] = argv[i++];
	}
	a->argc = n;
	a->argv = argv;
	return 0;
}

/* How many of the words are the command's; 0 when it is another one. */
static int
match(const char *words, int argc, char **argv)
{
	size_t n;
	int i;

	for (i = 0; i < argc; i++) {
		n = strcspn(words, " ");
		if (strlen(argv[i]) != n || strncmp(words, argv[i], n) != 0)
			return 0;
		words += n;
		if (*words == '\0')
			return i + 1;
		words++;
	}
	return 0;
}

/* The command with the most words, so "events query" before "events". */
enum cmd_id
cmd_find(int argc, char **argv, int *nwords)
{
	enum cmd_id best = CMD_MAX;
	size_t i;
	int n;

	*nwords = 0;
	for (i = 0; i < CMD_MAX; i++) {
		n = match(cmd_rows[i].words, argc, argv);
		if (n > *nwords) {
			*nwords = n;
			best = (enum cmd_id)i;
		}
	}
	return best;
}
