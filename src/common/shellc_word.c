/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One word of a script: quotes are taken off, expansions are left as written
 * and make the word uncertain. Where shells, or locales, may see another end of
 * the word than this does, reading stops.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shellc_priv.h"

bool
is_delimiter(char ch)
{
	return ch == '\0' || strchr(" \t\n;&|<>()", ch) != NULL;
}

static bool
is_digit(char ch)
{
	return ch >= '0' && ch <= '9';
}

static bool
is_name_char(char ch)
{
	return is_digit(ch) || sc_is_name(&ch, 1);
}

enum lexed
parse_stop(struct parser *p, const char *why)
{
	sc_mark(p->c, SHELLC_OPAQUE, why);
	p->stopped = true;
	return LEXED_STOP;
}

/* Text for the word, as it is. */
void
word_put(struct parser *p, const char *text, size_t len)
{
	size_t max = p->maxbytes;
	char *b;

	if (len >= SHELLC_MEM_MAX - p->nbytes) {
		p->c->err = E2BIG;
		p->stopped = true;
		return;
	}
	while (max < p->nbytes + len + 1)
		max = max == 0 ? 256 : max * 2;
	if (max != p->maxbytes) {
		b = realloc(p->bytes, max);
		if (b == NULL) {
			p->c->err = ENOMEM;
			p->stopped = true;
			return;
		}
		p->bytes = b;
		p->maxbytes = max;
	}
	memcpy(p->bytes + p->nbytes, text, len);
	p->nbytes += len;
	p->bytes[p->nbytes] = '\0';
}

static void
put_char(struct parser *p, char ch)
{
	word_put(p, &ch, 1);
}

/*
 * Bytes that may be another character, or none: control bytes, which shells
 * use for marks of their own, and what may be the second half of a character
 * in some locale.
 */
static bool
is_doubtful(const struct parser *p)
{
	unsigned char ch = (unsigned char)p->s[p->pos];

	if ((ch < ' ' && ch != '\t' && ch != '\n' && ch != '\r') || ch == 0x7f)
		return true;
	return p->pos > 0 && (unsigned char)p->s[p->pos - 1] >= 0x80 &&
	    strchr("\\`|{}[]~@^", ch) != NULL;
}

static enum lexed
lex_single(struct parser *p)
{
	p->word.flags |= W_QUOTED;
	for (p->pos++; p->pos < p->len && p->s[p->pos] != '\''; p->pos++) {
		if (is_doubtful(p))
			return parse_stop(p, "a strange byte");
		put_char(p, p->s[p->pos]);
	}
	if (p->pos >= p->len)
		return parse_stop(p, "an open quote");
	p->pos++;
	return LEXED_WORD;
}

/* $'text' of bash, whose escapes are left as they are. */
static enum lexed
lex_ansi(struct parser *p)
{
	if (p->env->shells != SH_B)
		return parse_stop(p, "$'...'");
	p->word.flags |= W_QUOTED | W_UNC;
	for (p->pos += 2; p->pos < p->len && p->s[p->pos] != '\''; p->pos++) {
		if (is_doubtful(p))
			return parse_stop(p, "a strange byte");
		put_char(p, p->s[p->pos]);
		if (p->s[p->pos] == '\\' && p->pos + 1 < p->len)
			put_char(p, p->s[++p->pos]);
	}
	if (p->pos >= p->len)
		return parse_stop(p, "an open quote");
	p->pos++;
	return LEXED_WORD;
}

static void
expansion(struct parser *p, size_t end, bool many)
{
	p->word.flags |= W_UNC;
	if (many || !p->word.dq)
		p->word.flags |= W_SPLIT;
	word_put(p, p->s + p->pos, end - p->pos);
	p->pos = end;
}

/* "$1" whose value is known is that value. */
static bool
lex_param(struct parser *p, char digit, size_t end)
{
	size_t n = (size_t)(digit - '0');

	if (!p->word.dq || p->env->params_lost ||
	    (n >= p->env->nfixed && p->env->nfixed < p->env->nparams))
		return false;
	if (n < p->env->nparams) {
		if ((p->env->param_flags[n] & (W_UNC | W_SPLIT)) != 0)
			return false;
		if (!sc_spend(p->c, strlen(p->env->params[n]))) {
			p->stopped = true;
			return true;
		}
		word_put(p, p->env->params[n], strlen(p->env->params[n]));
	} else if (n == 0)
		return false;
	p->pos = end;
	return true;
}

/* ${...}: a value, its length, a part of it, or plain text instead. */
static enum lexed
lex_brace(struct parser *p)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789_./-,:@+%*?= ";
	const char *s = p->s + p->pos + 2, *name = s, *end;
	bool many = false;

	if (s[0] == '#' && s[1] != '}')
		name = ++s;
	if (is_digit(*s))
		s += strspn(s, "0123456789");
	else if (is_name_char(*s)) {
		while (is_name_char(*s))
			s++;
	} else if (*s != '\0' && strchr("?#$!*@-", *s) != NULL) {
		many = *s == '*' || *s == '@';
		s++;
	} else
		return parse_stop(p, "an unusual ${...}");
	end = s;
	if (*s != '}' && name[-1] == '{') {
		if (s[0] == ':' && s[1] != '\0' && strchr("-+?", s[1]) != NULL)
			s += 2;
		else if (*s != '\0' && strchr("-+?%#", *s) != NULL)
			s += s[0] == s[1] && (s[0] == '%' || s[0] == '#') ? 2 :
									    1;
		else
			return parse_stop(p, "an unusual ${...}");
		s += strspn(s, safe);
	}
	if (*s != '}')
		return parse_stop(p, "an unusual ${...}");
	s++;
	if (is_digit(*name) && name + 1 == end && *end == '}' &&
	    name[-1] == '{' && lex_param(p, *name, (size_t)(s - p->s)))
		return LEXED_WORD;
	expansion(p, (size_t)(s - p->s), many);
	return LEXED_WORD;
}

static enum lexed
lex_sub(struct parser *p)
{
	struct frame *f;

	if (p->s[p->pos + 2] == '(')
		return parse_stop(p, "arithmetic");
	if (p->nframes == FRAMES_MAX)
		return parse_stop(p, "too many parentheses");
	sc_mark(p->c, SHELLC_OPAQUE, "a command substitution");
	expansion(p, p->pos + 2, false);
	put_char(p, ')');
	f = &p->frames[p->nframes++];
	f->type = FRAME_SUB;
	f->cmd = p->cmd;
	f->word = p->word;
	f->nbytes = p->nbytes;
	p->nbytes++; /* the NUL: the text goes on after the commands within */
	memset(&p->cmd, 0, sizeof(p->cmd));
	memset(&p->word, 0, sizeof(p->word));
	p->cmd.word0 = p->nwords;
	p->need = false;
	return LEXED_SUB;
}

static enum lexed
lex_dollar(struct parser *p)
{
	const char *s = p->s + p->pos + 1;
	size_t n = 0;

	if (p->careful)
		return parse_stop(p, "an expansion");
	if (*s == '(')
		return lex_sub(p);
	if (*s == '{')
		return lex_brace(p);
	if (*s == '[' || (s[0] == '\\' && s[1] == '\n'))
		return parse_stop(p, "an unusual expansion");
	if (*s == '\'' && !p->word.dq)
		return lex_ansi(p);
	if (*s == '"' && !p->word.dq) {
		p->word.flags |= W_UNC;
		p->pos++;
	} else if (is_digit(*s)) {
		n = strspn(s, "0123456789");
		if (n > 1 || !lex_param(p, *s, p->pos + 2))
			expansion(p, p->pos + 1 + n, false);
	} else if (is_name_char(*s)) {
		while (is_name_char(s[n]))
			n++;
		expansion(p, p->pos + 1 + n, false);
	} else if (*s != '\0' && strchr("?#$!*@-", *s) != NULL)
		expansion(p, p->pos + 2, *s == '@');
	else {
		put_char(p, '$');
		p->pos++;
	}
	return LEXED_WORD;
}

/* One step within double quotes. */
static enum lexed
lex_double(struct parser *p)
{
	char ch = p->s[p->pos], next = p->s[p->pos + 1];

	if (ch == '$')
		return lex_dollar(p);
	if (ch == '`')
		return parse_stop(p, "backquotes");
	if (ch == '"')
		p->word.dq = false;
	else if (ch != '\\')
		put_char(p, ch);
	else if (p->careful)
		return parse_stop(p, "a backslash");
	else if (next == '\n')
		p->pos++;
	else {
		if (next != '\0' && strchr("$`\"\\", next) != NULL) {
			p->pos++;
			if (is_doubtful(p))
				return parse_stop(p, "a strange byte");
			ch = next;
		}
		put_char(p, ch);
	}
	p->pos++;
	return LEXED_WORD;
}

/* A byte that may be special outside of quotes, besides quotes and $. */
static enum lexed
lex_special(struct parser *p, char ch)
{
	struct word_state *w = &p->word;
	char next = p->s[p->pos + 1];
	bool first = p->nbytes == w->off && (w->flags & W_QUOTED) == 0;

	if (p->careful &&
	    (strchr("{}#^~", ch) != NULL || (ch == '=' && first) ||
		(ch == '!' &&
		    (p->cmd.redir != 0 || !first || !is_delimiter(next)))))
		return parse_stop(p, "what this shell may read otherwise");
	if (ch == '=' && w->eq == 0 && w->flags == 0 &&
	    sc_is_name(p->bytes + w->off,
		p->nbytes - w->off -
		    (p->nbytes > w->off && p->bytes[p->nbytes - 1] == '+')))
		w->eq = p->nbytes - w->off + 1;
	else if (ch == '*' || ch == '?' ||
	    (ch == '[' && !(first && is_delimiter(next))))
		w->flags |= W_UNC | W_SPLIT;
	else if (ch == '~')
		w->flags |= W_UNC;
	else if (ch == '{' && next == '}') {
		put_char(p, ch);
		p->pos++;
		ch = next;
	} else if (ch == '{' && !(first && is_delimiter(next)))
		w->flags |= W_UNC | W_SPLIT;
	put_char(p, ch);
	p->pos++;
	return LEXED_WORD;
}

static enum lexed
lex_bare(struct parser *p)
{
	char ch = p->s[p->pos], next = p->s[p->pos + 1];

	switch (ch) {
	case '(':
		return parse_stop(p, "a function or a pattern");
	case '`':
		return parse_stop(p, "backquotes");
	case '$':
		return lex_dollar(p);
	case '\'':
		return lex_single(p);
	case '"':
		p->word.flags |= W_QUOTED;
		p->word.dq = true;
		p->pos++;
		return LEXED_WORD;
	case '\\':
		if (next == '\n' || next == '\0')
			return parse_stop(p, "a word over two lines");
		p->word.flags |= W_QUOTED;
		p->pos++;
		if (is_doubtful(p))
			return parse_stop(p, "a strange byte");
		put_char(p, next);
		p->pos++;
		return LEXED_WORD;
	case '\r':
		return parse_stop(p, "a strange byte");
	default:
		break;
	}
	if (strchr("*?[~{}=!#^", ch) != NULL)
		return lex_special(p, ch);
	if ((unsigned char)ch >= 0x80)
		p->word.flags |= W_UNC;
	put_char(p, ch);
	p->pos++;
	return LEXED_WORD;
}

enum lexed
word_lex(struct parser *p)
{
	enum lexed r = LEXED_WORD;

	while (r == LEXED_WORD && p->pos < p->len && !p->stopped) {
		if (is_doubtful(p))
			return parse_stop(p, "a strange byte");
		if (!p->word.dq && p->s[p->pos] != '(' &&
		    is_delimiter(p->s[p->pos]))
			return LEXED_WORD;
		r = p->word.dq ? lex_double(p) : lex_bare(p);
	}
	if (r == LEXED_WORD && p->word.dq)
		return parse_stop(p, "an open quote");
	return p->stopped ? LEXED_STOP : r;
}
