/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A script: lists and pipelines of simple commands, groups, redirections. Each
 * simple command is handed on as soon as it ends. There is no tree and no
 * recursion: what is open is a stack of frames. Of if, while and for the
 * commands are read, though they make the script opaque; at what is not
 * understood reading ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shellc_priv.h"

enum reserved_kind {
	RW_NOT,
	RW_OPEN,
	RW_CLOSE,
	RW_LEAD,
	RW_END,
	RW_NAMES,
	RW_TIME,
	RW_STOP
};

/* clang-format off */
static const struct {
	const char *word;
	enum reserved_kind kind;
} reserved[] = {
#define RESERVED(word, kind) { word, kind },
#include "shellc.def"
#undef RESERVED
};
/* clang-format on */

static void
frame_push(struct parser *p, enum frame_type type)
{
	if (p->nframes == FRAMES_MAX) {
		parse_stop(p, "too many parentheses");
		return;
	}
	p->frames[p->nframes++].type = type;
	cmd_start(p);
}

static void
frame_pop(struct parser *p, enum frame_type type)
{
	struct frame *f;

	if (p->need || p->nframes == 0 || p->nheredocs > 0) {
		parse_stop(p, "syntax");
		return;
	}
	f = &p->frames[--p->nframes];
	if (type == FRAME_PAREN && f->type == FRAME_SUB) {
		p->nwords = p->cmd.word0;
		p->cmd = f->cmd;
		p->word = f->word;
		p->nbytes = f->nbytes;
		return;
	}
	if (f->type != type) {
		parse_stop(p, "syntax");
		return;
	}
	p->cmd.after = true;
}

/* An unquoted word where a command begins; true when it is reserved. */
static bool
word_reserved(struct parser *p, const char *text)
{
	bool both;
	size_t i;

	for (i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (strcmp(reserved[i].word, text) == 0)
			break;
	}
	if (i == sizeof(reserved) / sizeof(reserved[0]))
		return false;
	if (p->cmd.words_only || p->cmd.skip > 0) {
		parse_stop(p, "a reserved word in a strange place");
		return true;
	}
	if (p->cmd.after && reserved[i].kind != RW_CLOSE &&
	    reserved[i].kind != RW_LEAD && reserved[i].kind != RW_END) {
		parse_stop(p, "syntax");
		return true;
	}
	switch (reserved[i].kind) {
	case RW_NOT:
		p->need = true;
		break;
	case RW_OPEN:
		frame_push(p, FRAME_BRACE);
		break;
	case RW_CLOSE:
		frame_pop(p, FRAME_BRACE);
		break;
	case RW_LEAD:
		sc_mark(p->c, SHELLC_OPAQUE, "a compound command");
		p->cmd.after = false;
		break;
	case RW_END:
		sc_mark(p->c, SHELLC_OPAQUE, "a compound command");
		p->cmd.after = true;
		p->need = false;
		break;
	case RW_NAMES:
		sc_mark(p->c, SHELLC_OPAQUE, "a loop");
		p->cmd.names = p->cmd.begun = true;
		break;
	case RW_STOP:
		parse_stop(p, "a compound command");
		break;
	case RW_TIME:
		if ((p->env->shells & (SH_B | SH_K | SH_Z)) == 0)
			return false;
		/* after a | it is a program to bash too, the second to zsh */
		both = (p->env->shells & (SH_D | SH_A)) != 0 || p->pipe ||
		    p->cmd.time;
		p->cmd.time = true;
		if (!both)
			break;
		cmd_push(p, p->word.off, p->word.flags);
		p->nbytes++;
		p->cmd.skip = 1;
		break;
	}
	return true;
}

/* The word begins a command, or stands before what does. */
static void
word_first(struct parser *p, const char *text)
{
	struct word_state *w = &p->word;
	bool bash = (p->env->shells & ~(SH_B | SH_K | SH_Z)) == 0;
	size_t eq = w->eq;

	if (w->flags == 0 && word_reserved(p, text)) {
		if (!p->cmd.skip)
			p->nbytes = w->off;
		return;
	}
	if (p->cmd.after) {
		parse_stop(p, "syntax");
		return;
	}
	if (p->cmd.time && text[0] == '-') {
		if (strcmp(text, "-p") != 0 || (p->env->shells & SH_Z) != 0)
			p->cmd.unknown = true;
		else if (p->cmd.skip > 0) {
			p->cmd.skip++;
			cmd_push(p, w->off, w->flags);
			p->nbytes++;
			return;
		} else {
			p->nbytes = w->off;
			return;
		}
	}
	p->cmd.time = false;
	if (eq == 0) {
		if ((w->flags & (W_UNC | W_SPLIT)) != 0)
			p->cmd.unknown = true;
		cmd_push(p, w->off, w->flags);
		p->nbytes++;
		return;
	}
	/* NAME=VALUE; to dash NAME+=VALUE is a command, and so is either behind a
	 * word that is none, but not to every shell */
	if (p->cmd.skip > 0 || p->cmd.no_params ||
	    (text[eq - 2] == '+' && !bash))
		p->cmd.unknown = true;
	eq -= text[eq - 2] == '+' ? 2 : 1;
	switch (sc_variable(text, eq)) {
	case VAR_PLAIN:
		break;
	case VAR_START:
		p->env->home = true;
		break;
	case VAR_BYPASS:
		sc_mark(p->c, SHELLC_BYPASS,
		    "a variable that changes what runs");
		break;
	}
	p->cmd.begun = p->cmd.words_only = true;
	p->nbytes = w->off;
}

static void
heredoc_add(struct parser *p)
{
	struct heredoc *h = &p->heredocs[p->nheredocs];
	size_t i;

	for (i = 0; i < p->nframes; i++) {
		if (p->frames[i].type == FRAME_SUB)
			break;
	}
	if (i < p->nframes || p->nheredocs == HEREDOCS_MAX ||
	    (p->word.flags & (W_UNC | W_SPLIT)) != 0 ||
	    strchr(p->bytes + p->word.off, '\n') != NULL) {
		parse_stop(p, "a here document");
		return;
	}
	h->len = p->nbytes - p->word.off;
	h->quoted = (p->word.flags & W_QUOTED) != 0;
	h->tabs = p->tabs;
	if (h->len >= sizeof(h->text)) {
		parse_stop(p, "a here document");
		return;
	}
	memcpy(h->text, p->bytes + p->word.off, h->len);
	p->nheredocs++;
}

/* A word ended: what it is depends on what stands before it. */
static void
word_end(struct parser *p)
{
	struct word_state *w = &p->word;
	const char *text = p->bytes + w->off;
	char next = p->s[p->pos];
	bool digits = w->flags == 0 && text[0] != '\0' &&
	    text[strspn(text, "0123456789")] == '\0';

	w->active = false;
	if (p->split_redir && p->cmd.redir == 0) {
		parse_stop(p, "&> means different things");
		return;
	}
	if (digits && (next == '<' || next == '>')) {
		/* to dash only one digit is a descriptor */
		if (p->cmd.redir != 0 || text[1] != '\0') {
			parse_stop(p, "a number before a redirection");
			return;
		}
		p->nbytes = w->off;
	} else if (p->cmd.redir != 0) {
		if (p->cmd.redir == 'h')
			heredoc_add(p);
		p->cmd.redir = 0;
		p->nbytes = w->off;
	} else if (p->nwords - p->cmd.word0 == p->cmd.skip && !p->cmd.names)
		word_first(p, text);
	else {
		cmd_push(p, w->off, w->flags);
		p->nbytes++;
	}
}

/* "$@" alone is the words that are known to be there. */
static bool
word_params(struct parser *p)
{
	const struct sc_env *env = p->env;
	size_t i, len;

	if (strncmp(p->s + p->pos, "\"$@\"", 4) != 0 ||
	    !is_delimiter(p->s[p->pos + 4]) || env->params_lost || p->careful ||
	    p->cmd.redir != 0 || p->cmd.after || p->cmd.time || p->cmd.names ||
	    (env->nfixed == 0 && env->nparams > 0))
		return false;
	p->pos += 4;
	p->cmd.begun = p->cmd.words_only = true;
	for (i = 1; i < env->nparams && !p->stopped; i++) {
		len = strlen(env->params[i]);
		if (!sc_spend(p->c, len + sizeof(*p->words))) {
			p->stopped = true;
			break;
		}
		if (p->nwords == p->cmd.word0 &&
		    (env->param_flags[i] & (W_UNC | W_SPLIT)) != 0)
			p->cmd.unknown = true;
		cmd_push(p, p->nbytes, env->param_flags[i] | W_QUOTED);
		word_put(p, env->params[i], len);
		p->nbytes++;
	}
	p->cmd.no_params = p->nwords == p->cmd.word0;
	return true;
}

/* What may hide the end of a here document: \ at a line's end, and commands. */
static bool
has_expansion(const char *line, const char *end)
{
	for (; line < end; line++) {
		if (*line == '\\' || *line == '`' ||
		    (*line == '$' && (line[1] == '(' || line[1] == '{')))
			return true;
	}
	return false;
}

/* The lines of the here documents that the line before began. */
static void
heredocs_skip(struct parser *p)
{
	const struct heredoc *h;
	const char *line, *end;
	size_t i = 0;

	while (i < p->nheredocs) {
		h = &p->heredocs[i];
		line = p->s + p->pos;
		end = strchr(line, '\n');
		if (end == NULL) {
			p->nheredocs = 0;
			parse_stop(p, "a here document");
			return;
		}
		p->pos += (size_t)(end - line) + 1;
		while (h->tabs && *line == '\t')
			line++;
		if ((size_t)(end - line) == h->len &&
		    memcmp(line, h->text, h->len) == 0)
			i++;
		else if (!h->quoted && has_expansion(line, end)) {
			parse_stop(p, "a here document");
			return;
		}
	}
	p->nheredocs = 0;
}

/* After <& or >&: to bash a '-' is the whole of it, and what follows a word of
 * the command; to others it is one word. */
static bool
closes_and_goes_on(const char *s)
{
	s += strspn(s, " \t");
	return s[0] == '\\' || (s[0] == '-' && !is_delimiter(s[1]));
}

static void
op_redirect(struct parser *p)
{
	const char *s = p->s + p->pos;
	size_t n = 1;

	p->cmd.redir = '>';
	if (strncmp(s, "<<<", 3) == 0)
		n = 3;
	else if (strncmp(s, "<<", 2) == 0) {
		p->tabs = s[2] == '-';
		n = p->tabs ? 3 : 2;
		p->cmd.redir = 'h';
		sc_mark(p->c, SHELLC_OPAQUE, "a here document");
	} else if (s[1] == '>' || s[1] == '&' || (s[0] == '>' && s[1] == '|'))
		n = 2;
	if (s[n] == '(' || (s[0] == '<' && s[1] == '>' && s[2] == '(')) {
		parse_stop(p, "a process substitution");
		return;
	}
	if (s[1] == '&' && closes_and_goes_on(s + n)) {
		parse_stop(p, "a word behind a descriptor's close");
		return;
	}
	p->pos += n;
	p->cmd.begun = true;
	if (!p->cmd.after)
		p->cmd.words_only = p->cmd.redirected = true;
}

/* A separator: the command before it ends. */
static void
op_separator(struct parser *p)
{
	const char *s = p->s + p->pos;
	size_t n = 1;
	bool more = false;

	if (s[0] == ';' && (s[1] == ';' || s[1] == '&')) {
		parse_stop(p, "a case");
		return;
	}
	if (s[0] == '&' && s[1] == '>') {
		/* one redirection to bash; to dash & and a redirection */
		if (p->env->shells == SH_B) {
			p->pos += s[2] == '>' ? 3 : 2;
			p->cmd.redir = '>';
			p->cmd.begun = true;
			if (!p->cmd.after)
				p->cmd.words_only = true;
			return;
		}
		if ((p->env->shells & SH_B) != 0 || p->careful)
			p->split_redir = true;
	}
	if (s[0] == '|' && s[1] == '&' &&
	    (p->careful || (p->env->shells & SH_B) == 0)) {
		parse_stop(p, "|&");
		return;
	}
	if ((s[0] == '&' || s[0] == '|') &&
	    (s[1] == s[0] || (s[0] == '|' && s[1] == '&'))) {
		n = 2;
		more = true;
	} else if (s[0] == '|')
		more = true;
	if (s[n] == '\\' ||
	    (s[0] == '&' && n == 1 && s[1] != '>' && p->careful &&
		!is_delimiter(s[1]))) {
		parse_stop(p, "an operator that may go on");
		return;
	}
	if (cmd_is_empty(p)) {
		parse_stop(p, "syntax");
		return;
	}
	cmd_end(p, false);
	if (p->split_redir && !(s[0] == '&' && s[1] == '>'))
		p->split_redir = false;
	p->pos += n;
	p->need = more;
	p->pipe = more && s[0] == '|' && s[1] != '|';
}

static void
op_newline(struct parser *p)
{
	bool pipe = p->pipe && cmd_is_empty(p);

	cmd_end(p, false);
	p->pipe = pipe;
	p->split_redir = false;
	p->pos++;
	if (p->nheredocs > 0)
		heredocs_skip(p);
}

static void
op_open(struct parser *p)
{
	if (!cmd_is_empty(p) || p->cmd.time || p->s[p->pos + 1] == '(') {
		/* f(): f is no command */
		p->nwords = p->cmd.word0;
		parse_stop(p, "a function or arithmetic");
		return;
	}
	p->pos++;
	frame_push(p, FRAME_PAREN);
}

static void
op_close(struct parser *p)
{
	if (p->nframes > 0 && p->frames[p->nframes - 1].type == FRAME_PAREN &&
	    cmd_is_empty(p) && p->s[p->pos - 1] == '(') {
		parse_stop(p, "syntax");
		return;
	}
	cmd_end(p, false);
	p->split_redir = false;
	p->pos++;
	frame_pop(p, FRAME_PAREN);
}

static void
op(struct parser *p)
{
	char ch = p->s[p->pos];

	if (p->cmd.redir != 0) {
		parse_stop(p, "syntax");
		return;
	}
	switch (ch) {
	case '\n':
		op_newline(p);
		break;
	case '<':
	case '>':
		op_redirect(p);
		break;
	case '(':
		op_open(p);
		break;
	case ')':
		op_close(p);
		break;
	default:
		op_separator(p);
		break;
	}
}

/* Between words and operators. */
static void
step(struct parser *p)
{
	const char *s = p->s + p->pos;

	if (*s == ' ' || *s == '\t')
		p->pos++;
	else if (s[0] == '\\' && s[1] == '\n') {
		p->pos += 2;
		if (s[2] == '#' || (p->pos > 2 && s[-1] == '&') ||
		    (p->pos > 2 && strchr("<>|;()", s[-1]) != NULL))
			parse_stop(p, "an operator over two lines");
	} else if (*s == '#') {
		if (p->careful)
			parse_stop(p, "a comment");
		else
			p->pos += strcspn(s, "\n");
	} else if (is_delimiter(*s))
		op(p);
	else if (!word_params(p)) {
		memset(&p->word, 0, sizeof(p->word));
		p->word.active = true;
		p->word.off = p->nbytes;
		word_put(p, "", 0);
	}
}

static void
parse(struct parser *p)
{
	while (!p->stopped && p->pos < p->len) {
		if (!p->word.active)
			step(p);
		else if (word_lex(p) == LEXED_WORD)
			word_end(p);
	}
	if (!p->stopped && p->word.active)
		word_end(p);
	if (!p->stopped) {
		if (p->cmd.redir != 0 || p->nheredocs > 0)
			parse_stop(p, "syntax");
		else if (p->nframes == 0)
			cmd_end(p, false);
	}
	if (!p->stopped && (p->need || p->nframes > 0))
		parse_stop(p, "syntax");
	if (p->stopped)
		cmds_unfinished(p);
}

void
sc_script(struct sc *c, struct sc_env *env, const char *script)
{
	struct parser p = { .c = c, .env = env, .s = script };

	p.len = strlen(script);
	if (env->depth > SHELLC_DEPTH_MAX) {
		sc_mark(c, SHELLC_DEPTH, "scripts within scripts");
		return;
	}
	if (p.len > SHELLC_SCRIPT_MAX) {
		c->err = E2BIG;
		return;
	}
	p.careful = (env->shells & (SH_K | SH_Z)) != 0;
	word_put(&p, "", 0);
	parse(&p);
	free(p.bytes);
	free(p.words);
}
