/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simple command that is being read: its words, until it is complete and
 * what it runs goes into the result.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shellc_priv.h"

bool
cmd_is_empty(const struct parser *p)
{
	return !p->cmd.begun && !p->cmd.after;
}

void
cmd_start(struct parser *p)
{
	p->nwords = p->cmd.word0;
	p->cmd = (struct cmd_state){ .word0 = p->nwords };
	p->pipe = false;
}

void
cmd_push(struct parser *p, size_t off, uint8_t flags)
{
	size_t max;
	void *w;

	if (p->nwords == p->maxwords) {
		max = p->maxwords == 0 ? 32 : p->maxwords * 2;
		if (max > SHELLC_MEM_MAX / sizeof(*p->words)) {
			p->c->err = E2BIG;
			p->stopped = true;
			return;
		}
		w = reallocarray(p->words, max, sizeof(*p->words));
		if (w == NULL) {
			p->c->err = ENOMEM;
			p->stopped = true;
			return;
		}
		p->words = w;
		p->maxwords = max;
	}
	p->words[p->nwords].off = off;
	p->words[p->nwords++].flags = flags;
	p->cmd.begun = true;
}

/* The words of the command in memory that lasts. */
static bool
cmd_words(struct parser *p, struct sc_words *w)
{
	size_t i, n = p->nwords - p->cmd.word0, len;
	const char **argv = sc_alloc(p->c, n + 1, sizeof(*argv));
	uint8_t *flags = sc_alloc(p->c, n + 1, 1);
	const char *text;
	char *copy;

	if (argv == NULL || flags == NULL)
		return false;
	for (i = 0; i < n; i++) {
		text = p->bytes + p->words[p->cmd.word0 + i].off;
		len = strlen(text) + 1;
		copy = sc_alloc(p->c, len, 1);
		if (copy == NULL)
			return false;
		memcpy(copy, text, len);
		argv[i] = copy;
		flags[i] = p->words[p->cmd.word0 + i].flags;
	}
	*w = (struct sc_words){ argv, flags, n };
	return true;
}

/*
 * time CMD, where bash times the command itself and dash runs a program that
 * runs another: it is derived as both.
 */
static void
cmd_timed(struct parser *p, struct sc_words *w, bool more)
{
	struct sc_how alone = { .program = true, .alone = true, .more = more };
	struct sc_how here = { .more = more };
	struct sc_how program = { .program = true, .more = more };
	size_t before;

	sc_command(p->c, p->env, w, &alone);
	w->argv += p->cmd.skip;
	w->flags += p->cmd.skip;
	w->n -= p->cmd.skip;
	before = p->c->out->ncmds;
	sc_command(p->c, p->env, w, &here);
	if (w->n > 0 &&
	    (before == p->c->out->ncmds ||
		p->c->out->cmd[before].argv != w->argv))
		sc_command(p->c, p->env, w, &program);
}

/*
 * The command is complete, or may have more words that were not read: what it
 * runs goes into the result.
 */
void
cmd_end(struct parser *p, bool more)
{
	struct sc_how how = { .more = more };
	struct sc_words w;
	const char *name;

	/* zsh runs a program of its own for redirections alone */
	if (p->careful && p->cmd.redirected && p->nwords == p->cmd.word0)
		sc_mark(p->c, SHELLC_OPAQUE, "redirections alone");
	if (p->nwords > p->cmd.word0 && p->cmd.names) {
		name = p->bytes + p->words[p->cmd.word0].off;
		if (sc_variable(name, strlen(name)) != VAR_PLAIN)
			sc_mark(p->c, SHELLC_BYPASS,
			    "a variable that changes what runs");
	} else if (p->cmd.unknown)
		sc_mark(p->c, SHELLC_OPAQUE, "an expansion is the command");
	else if (p->nwords > p->cmd.word0 && cmd_words(p, &w)) {
		if (p->cmd.skip > 0)
			cmd_timed(p, &w, more);
		else
			sc_command(p->c, p->env, &w, &how);
	}
	/* below is the text of a word that goes on after a $( */
	if (p->nwords > p->cmd.word0)
		p->nbytes = p->words[p->cmd.word0].off;
	if (!cmd_is_empty(p))
		p->need = false;
	cmd_start(p);
	if (p->c->err != 0)
		p->stopped = true;
}

/* Reading stopped: the commands whose names were read are certain. */
void
cmds_unfinished(struct parser *p)
{
	while (p->c->err == 0) {
		cmd_end(p, true);
		if (p->nframes == 0)
			return;
		if (p->frames[--p->nframes].type == FRAME_SUB)
			p->cmd = p->frames[p->nframes].cmd;
	}
}
