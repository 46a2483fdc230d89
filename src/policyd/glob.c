/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Globs to rows of positions. Alternatives are multiplied out, so that each
 * pattern is a plain row of byte sets and loops: that is what both automata
 * are made of. The text is a policy author's; nothing here recurses on it.
 */
#include <stdlib.h>
#include <string.h>

#include "automaton.h"

#define SET_ALL (~UINT64_C(0))

static void
set_add(struct byteset *set, unsigned byte)
{
	set->w[byte / 64] |= UINT64_C(1) << (byte % 64);
}

static void
set_remove(struct byteset *set, unsigned byte)
{
	set->w[byte / 64] &= ~(UINT64_C(1) << (byte % 64));
}

static void
set_remove_separator(struct byteset *set, enum glob_kind kind)
{
	if (kind == GLOB_DOMAIN)
		set_remove(set, '.');
	else if (kind != GLOB_NAME)
		set_remove(set, '/');
}

/* Every byte that begins a character and is no separator. Those that go on
 * with one, 0x80 to 0xbf, begin one where there is none before: a name of such
 * bytes is still something else than the names that a glob leaves out. */
static void
set_first_bytes(struct byteset *set, enum glob_kind kind, bool after)
{
	set->w[0] = set->w[1] = set->w[3] = SET_ALL;
	set->w[2] = after ? 0 : SET_ALL;
	set_remove_separator(set, kind);
}

/* A first byte, then what goes on with the character. */
static int
elem_add_char(struct globs *g, size_t base, const struct byteset *first,
    const char **what)
{
	static const struct byteset more = { { 0, 0, SET_ALL, 0 } };

	if (globs_elem(g, base, false, first, what) == -1)
		return -1;
	return globs_elem(g, base, true, &more, what);
}

/* One character of a set: 0, or -1. */
static int
set_char(const char **p, unsigned *c, const char **what)
{
	if (**p == '\\')
		(*p)++;
	if (**p == '\0') {
		*what = "no closing ] of a set";
		return -1;
	}
	*c = (uint8_t)(*p)[0];
	if (*c >= 0x80) {
		*what = "a set holds ASCII characters only";
		return -1;
	}
	(*p)++;
	return 0;
}

/* *p is after the "["; *after: is it behind a whole character? */
static int
glob_set(struct globs *g, size_t base, const char **p, enum glob_kind kind,
    bool *after, const char **what)
{
	struct byteset set = { { 0 } }, first;
	bool negated = **p == '!';
	unsigned lo, hi;
	size_t i;

	if (negated)
		(*p)++;
	if (**p == '^') {
		*what = "a set is negated with !, not ^";
		return -1;
	}
	if (**p == ']') {
		*what = "an empty set";
		return -1;
	}
	while (**p != ']') {
		if (set_char(p, &lo, what) == -1)
			return -1;
		hi = lo;
		if ((*p)[0] == '-' && (*p)[1] != ']') {
			(*p)++;
			if (set_char(p, &hi, what) == -1)
				return -1;
		}
		if (hi < lo) {
			*what = "a range that ends before it begins";
			return -1;
		}
		for (; lo <= hi; lo++)
			set_add(&set, lo);
	}
	(*p)++;
	set_first_bytes(&first, kind, *after);
	*after = negated;
	for (i = 0; i < 4; i++)
		set.w[i] = first.w[i] & (negated ? ~set.w[i] : set.w[i]);
	if (negated)
		return elem_add_char(g, base, &set, what);
	return globs_elem(g, base, false, &set, what);
}

/* One pattern without alternatives. */
static int
glob_elems(struct globs *g, size_t base, const char *p, enum glob_kind kind,
    const char **what)
{
	struct byteset set;
	bool deep, after = false; /* of ? or [!a], then * or nothing */

	while (*p != '\0') {
		memset(&set, 0, sizeof(set));
		if (kind == GLOB_LITERAL) {
			set_add(&set, (uint8_t)*p++);
		} else if (*p == '*') {
			deep = p[1] == '*' || kind == GLOB_NAME;
			p += strspn(p, "*");
			memset(&set, 0xff, sizeof(set));
			if (!deep)
				set_remove_separator(&set, kind);
			if (globs_elem(g, base, true, &set, what) == -1)
				return -1;
			continue;
		} else if (*p == '?') {
			p++;
			set_first_bytes(&set, kind, after);
			after = true;
			if (elem_add_char(g, base, &set, what) == -1)
				return -1;
			continue;
		} else if (*p == '[') {
			p++;
			if (glob_set(g, base, &p, kind, &after, what) == -1)
				return -1;
			continue;
		} else {
			if (*p == '\\' && *++p == '\0') {
				*what = "a backslash at the end";
				return -1;
			}
			set_add(&set, (uint8_t)*p++);
		}
		after = false;
		if (globs_elem(g, base, false, &set, what) == -1)
			return -1;
	}
	return 0;
}

/* Can such a pattern match a clean path at all? */
static int
glob_path_check(const char *p, const char **what)
{
	size_t len = strlen(p);

	if (p[0] != '/' && strncmp(p, "**", 2) != 0)
		*what = "a path begins with / or with **";
	else if (len > 1 && p[len - 1] == '/')
		*what = "no path ends in /";
	else if (strstr(p, "//") != NULL)
		*what = "no path contains //";
	else if (strstr(p, "/./") != NULL || strstr(p, "/../") != NULL ||
	    (len >= 2 && strcmp(p + len - 2, "/.") == 0) ||
	    (len >= 3 && strcmp(p + len - 3, "/..") == 0))
		*what = "no path contains . or .. as a part";
	else
		return 0;
	return -1;
}

/* And such a one a name? Also where groups put its labels together. */
static int
glob_domain_check(const char *p, const char **what)
{
	size_t len = strlen(p);

	if (p[0] != '.' && (len == 0 || p[len - 1] != '.') &&
	    strstr(p, "..") == NULL)
		return 0;
	*what = "an empty label";
	return -1;
}

/* One alternative. */
static int
glob_one(struct globs *g, const char *text, enum glob_kind kind,
    const struct glob_owner *owner, const char **what)
{
	size_t base = g->ncodes;

	if (kind == GLOB_PATH && glob_path_check(text, what) == -1)
		return -1;
	if (kind == GLOB_SOCKET && text[0] != '@' &&
	    glob_path_check(text, what) == -1)
		return -1;
	if (kind == GLOB_DOMAIN && glob_domain_check(text, what) == -1)
		return -1;
	if (glob_elems(g, base, text, kind, what) == -1)
		return -1;
	return globs_pattern(g, base, owner, what);
}

const char *
glob_next(const char *p)
{
	if (*p == '\\')
		return p[1] == '\0' ? p + 1 : p + 2;
	if (*p != '[')
		return p + 1;
	for (p++; *p != '\0' && *p != ']'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
	}
	return *p == ']' ? p + 1 : p;
}

char *
glob_plain(const char *text)
{
	char *plain, *to;
	const char *p;

	plain = malloc(strlen(text) + 1);
	if (plain == NULL)
		return NULL;
	for (p = text, to = plain; *p != '\0'; *to++ = *p++) {
		if (strchr("*?[{}", *p) != NULL) {
			free(plain);
			return NULL;
		}
		if (*p == '\\' && p[1] != '\0')
			p++;
	}
	*to = '\0';
	return plain;
}

/* The first group: its "{", or NULL; *end its "}". 0 or -1. */
static int
glob_group(const char *text, const char **open, const char **end,
    const char **what)
{
	const char *p;
	size_t depth = 0;

	*open = NULL;
	for (p = text; *p != '\0'; p = glob_next(p)) {
		if (*p == '{') {
			if (depth++ == 0)
				*open = p;
		} else if (*p == '}') {
			if (depth == 0) {
				*what = "a } without its {";
				return -1;
			}
			if (--depth == 0) {
				*end = p;
				return 0;
			}
		}
	}
	if (depth != 0)
		*what = "a { without its }";
	return depth == 0 ? 0 : -1;
}

struct work {
	char *text[GLOB_MAX_ALTERNATIVES];
	size_t n;
	size_t made;
};

static int
work_push(struct work *w, const char *head, size_t hlen, const char *alt,
    size_t alen, const char *tail, const char **what)
{
	size_t tlen = strlen(tail);
	char *s;

	if (w->made >= GLOB_MAX_ALTERNATIVES ||
	    hlen + alen + tlen > AGENTSH_PATH_MAX) {
		*what = "too many alternatives, or too long";
		return -1;
	}
	s = malloc(hlen + alen + tlen + 1);
	if (s == NULL) {
		*what = "out of memory";
		return -1;
	}
	memcpy(s, head, hlen);
	memcpy(s + hlen, alt, alen);
	memcpy(s + hlen + alen, tail, tlen + 1);
	w->text[w->n++] = s;
	w->made++;
	return 0;
}

/* Replaces text, whose first group is [open, end], by one text for each of
 * the group's alternatives. */
static int
work_split(struct work *w, const char *text, const char *open, const char *end,
    const char **what)
{
	const char *p, *from = open + 1;
	size_t depth = 0;

	for (p = from; p <= end; p = glob_next(p)) {
		if (*p == '{')
			depth++;
		if (depth == 0 && (*p == ',' || p == end)) {
			if (work_push(w, text, (size_t)(open - text), from,
				(size_t)(p - from), end + 1, what) == -1)
				return -1;
			from = p + 1;
		}
		if (*p == '}' && p != end)
			depth--;
	}
	return 0;
}

int
glob_add(struct globs *g, const char *text, enum glob_kind kind,
    const struct glob_owner *owner, const char **what)
{
	struct work *w;
	const char *open, *end = NULL;
	char *t;
	int ret;

	/* nothing to multiply out */
	if (kind == GLOB_LITERAL || strpbrk(text, "{}[\\") == NULL)
		return glob_one(g, text, kind, owner, what);
	w = calloc(1, sizeof(*w));
	if (w == NULL) {
		*what = "out of memory";
		return -1;
	}
	ret = work_push(w, "", 0, text, strlen(text), "", what);
	while (ret == 0 && w->n > 0) {
		t = w->text[--w->n];
		ret = glob_group(t, &open, &end, what);
		if (ret == 0 && open != NULL)
			ret = work_split(w, t, open, end, what);
		else if (ret == 0)
			ret = glob_one(g, t, kind, owner, what);
		free(t);
	}
	while (w->n > 0)
		free(w->text[--w->n]);
	free(w);
	return ret;
}

int
glob_check(const char *text, enum glob_kind kind, const char **what)
{
	static const struct glob_owner nobody;
	struct globs g;
	int ret;

	globs_init(&g, 1, false);
	ret = glob_add(&g, text, kind, &nobody, what);
	globs_free(&g);
	return ret;
}

enum glob_kind
command_kind(const char *text, bool *whole)
{
	*whole = strchr(text, '/') != NULL;
	if (strpbrk(text, "*?[") == NULL)
		return GLOB_LITERAL;
	return *whole ? GLOB_COMMAND : GLOB_NAME;
}
