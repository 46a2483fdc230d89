/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Globs as the manual describes them: one part of the glob after the other, on
 * the set of places in the subject that can be reached. It shares nothing with
 * the compiler's reading of globs.
 */
#include <stdlib.h>
#include <string.h>

#include "naive.h"

struct subject {
	const unsigned char *s;
	size_t len;
	int separator; /* -1: none */
	bool *at;      /* places reached, 0 to len */
	bool behind;   /* the glob is behind a whole character */
};

static bool
continues_character(unsigned char c)
{
	return c >= 0x80 && c < 0xc0;
}

/* Any number of bytes, or of those that are no separator. */
static void
take_many(struct subject *u, bool separators)
{
	size_t i;

	for (i = 0; i < u->len; i++) {
		if (u->at[i] && (separators || u->s[i] != u->separator))
			u->at[i + 1] = true;
	}
}

/* One byte of a set; with `character`, and what continues it. */
static void
take_one(struct subject *u, const bool set[256], bool character)
{
	size_t i;

	for (i = u->len; i > 0; i--)
		u->at[i] = u->at[i - 1] && set[u->s[i - 1]];
	u->at[0] = false;
	for (i = 0; character && i < u->len; i++) {
		if (u->at[i] && continues_character(u->s[i]))
			u->at[i + 1] = true;
	}
}

/* Every byte that begins a character, but the separator; behind none also one
 * that would continue it. */
static void
set_any(const struct subject *u, bool set[256])
{
	int c;

	for (c = 0; c < 256; c++)
		set[c] = (!u->behind ||
			     !continues_character((unsigned char)c)) &&
		    c != u->separator;
}

/* g is behind the "["; returns what is behind the "]". */
static const char *
take_set(struct subject *u, const char *g)
{
	bool listed[256] = { false }, set[256];
	bool negated = *g == '!';
	unsigned lo, hi;
	int c;

	for (g += negated; *g != ']' && *g != '\0';) {
		if (*g == '\\')
			g++;
		lo = hi = (unsigned char)*g++;
		if (g[0] == '-' && g[1] != ']' && g[1] != '\0') {
			g++;
			if (*g == '\\')
				g++;
			hi = (unsigned char)*g++;
		}
		for (; lo <= hi; lo++)
			listed[lo] = true;
	}
	set_any(u, set);
	for (c = 0; c < 256; c++)
		set[c] = set[c] && listed[c] != negated;
	take_one(u, set, negated);
	u->behind = negated;
	return *g == ']' ? g + 1 : g;
}

static void
take_byte(struct subject *u, char byte)
{
	bool set[256] = { false };

	set[(unsigned char)byte] = true;
	take_one(u, set, false);
	u->behind = false;
}

/* A glob without groups. */
static int
match_plain(const char *g, bool literal, struct subject *u)
{
	bool set[256];
	size_t n;

	memset(u->at, 0, (u->len + 1) * sizeof(*u->at));
	u->at[0] = true;
	u->behind = false;
	while (*g != '\0') {
		if (literal) {
			take_byte(u, *g++);
		} else if (*g == '*') {
			n = strspn(g, "*");
			take_many(u, n > 1);
			g += n;
		} else if (*g == '?') {
			set_any(u, set);
			take_one(u, set, true);
			u->behind = true;
			g++;
		} else if (*g == '[') {
			g = take_set(u, g + 1);
		} else {
			if (*g == '\\')
				g++;
			take_byte(u, *g++);
		}
	}
	return u->at[u->len];
}

/* The next byte of a glob that is neither escaped nor in a set. */
static const char *
next_part(const char *g)
{
	if (*g == '\\')
		return g[1] == '\0' ? g + 1 : g + 2;
	if (*g == '[') {
		for (g++; *g != ']' && *g != '\0'; g++) {
			if (*g == '\\' && g[1] != '\0')
				g++;
		}
	}
	return *g == '\0' ? g : g + 1;
}

/* Tries each alternative of the first group in its place. */
static int
match_groups(const char *g, struct subject *u)
{
	const char *open, *end, *p, *from;
	size_t depth = 0, len = strlen(g), head, n;
	char *text;
	int ret = 0;

	for (open = g; *open != '{' && *open != '\0';)
		open = next_part(open);
	if (*open == '\0')
		return match_plain(g, false, u);
	text = malloc(len + 1);
	if (text == NULL)
		return -1;
	head = (size_t)(open - g);
	memcpy(text, g, head);
	/* the end of the group, to know what follows */
	for (p = open; *p != '\0'; p = next_part(p)) {
		depth += *p == '{';
		if (*p == '}' && --depth == 0)
			break;
	}
	end = p;
	for (p = from = open + 1; ret == 0 && p <= end; p = next_part(p)) {
		if (depth == 0 && (*p == ',' || p == end)) {
			n = (size_t)(p - from);
			memcpy(text + head, from, n);
			memcpy(text + head + n, end + 1, strlen(end + 1) + 1);
			ret = match_groups(text, u);
			from = p + 1;
		}
		depth += *p == '{';
		depth -= *p == '}' && p != end;
		if (*p == '\0')
			break;
	}
	free(text);
	return ret;
}

int
naive_glob(const char *glob, enum glob_kind kind, const char *subject,
    size_t len)
{
	struct subject u = { .s = (const unsigned char *)subject, .len = len };
	int ret;

	u.separator = kind == GLOB_DOMAIN ? '.' : kind == GLOB_NAME ? -1 : '/';
	u.at = calloc(len + 1, sizeof(*u.at));
	if (u.at == NULL)
		return -1;
	ret = kind == GLOB_LITERAL ? match_plain(glob, true, &u) :
				     match_groups(glob, &u);
	free(u.at);
	return ret;
}
