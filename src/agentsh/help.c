/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Help texts, generated from cmd.def.
 */
#include <string.h>

#include "help.h"

static void
print_options(FILE *f, uint64_t mask, bool global)
{
	const struct opt_row *o;
	char left[64];
	size_t i;

	for (i = 0; i < OPT_MAX; i++) {
		o = &opt_rows[i];
		if (((o->commands & C_REMOTE) == C_REMOTE) != global ||
		    !(o->commands & mask))
			continue;
		snprintf(left, sizeof(left), "%s%s%s%s",
		    strlen(o->name) == 1 ? "-" : "--", o->name,
		    o->value != NULL ? " " : "",
		    o->value != NULL ? o->value : "");
		fprintf(f, "  %-26s %s\n", left, o->help);
	}
}

void
help_all(FILE *f)
{
	size_t i;

	fputs("usage: agentsh [options] COMMAND [ARG ...]\n\ncommands:\n", f);
	for (i = 0; i < CMD_MAX; i++)
		fprintf(f, "  %-26s %s\n", cmd_rows[i].words,
		    cmd_rows[i].summary);
	fputs(
	    "\noptions of every command (the first two: that asks a server):\n",
	    f);
	print_options(f, C_ALL, true);
	fputs(
	    "  --version                  print the version\n\n"
	    "agentsh help COMMAND explains one command; so does agentsh(1).\n",
	    f);
}

void
help_family(FILE *f, const char *word)
{
	size_t i, n = strlen(word);

	for (i = 0; i < CMD_MAX; i++)
		if (strncmp(cmd_rows[i].words, word, n) == 0 &&
		    (cmd_rows[i].words[n] == ' ' ||
			cmd_rows[i].words[n] == '\0'))
			fprintf(f, "  %-26s %s\n", cmd_rows[i].words,
			    cmd_rows[i].summary);
}

void
help_command(FILE *f, enum cmd_id id)
{
	if (id == CMD_MAX) {
		help_all(f);
		return;
	}
	fprintf(f, "usage: agentsh %s%s%s\n\n  %s\n", cmd_rows[id].words,
	    cmd_rows[id].usage[0] != '\0' ? " " : "", cmd_rows[id].usage,
	    cmd_rows[id].summary);
	fputs("\noptions:\n", f);
	print_options(f, 1ULL << id, false);
	print_options(f, 1ULL << id, true);
}
