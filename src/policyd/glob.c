/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Globs to rows of positions. Alternatives are multiplied out, so that each
 * pattern is a plain row of byte sets and loops: that is what both automata
 * are made of. The text is a policy author's; nothing here recurses on it.
 */
#include <stdlib.h>
#include <string.h>

#include "policy.h"

#define SET_ALL (~UINT64_C(0))

static void
set_add(uint64_t set[4], unsigned byte)
{
	set[byte / 64] |= UINT64_C(1) << (byte % 64);
}

static void
set_remove(uint64_t set[4], unsigned byte)
{
	set[byte / 64] &= ~(UINT64_C(1) << (byte % 64));
}

/* Every byte that begins a character and is no separator. */
static void
set_first_bytes(uint64_t set[4], enum glob_kind kind)
{
	set[0] = set[1] = set[3] = SET_ALL;
	set[2] = 0; /* 0x80 to 0xbf go on with a character */
	if (kind != GLOB_NAME)
		set_remove(set, '/');
}

static int
nfa_reserve(struct nfa *nfa, const char **what)
{
	struct elem *e;
	uint32_t *o;
	size_t cap;

	if (nfa->n + 1 < nfa->cap)
		return 0;
	if (nfa->n + 1 >= IMG_MAX_WORDS * 64) {
		*what = "all globs together are too long";
		return -1;
	}
	cap = nfa->cap == 0 ? 256 : nfa->cap * 2;
	*what = "out of memory";
	e = reallocarray(nfa->elem, cap, sizeof(*e));
	if (e == NULL)
		return -1;
	nfa->elem = e;
	o = reallocarray(nfa->owner, cap, sizeof(*o));
	if (o == NULL)
		return -1;
	nfa->owner = o;
	nfa->cap = cap;
	return 0;
}

/* Appends one element to the pattern that begins at base. */
static int
elem_add(struct nfa *nfa, size_t base, bool loop, const uint64_t set[4],
    const char **what)
{
	struct elem *prev = nfa->n > base ? &nfa->elem[nfa->n - 1] : NULL;
	size_t i;

	/* two loops in a row are one: their sets always contain each other */
	if (loop && prev != NULL && prev->loop) {
		for (i = 0; i < 4; i++)
			prev->set[i] |= set[i];
		return 0;
	}
	if (nfa_reserve(nfa, what) == -1)
		return -1;
	nfa->elem[nfa->n].loop = loop;
	memcpy(nfa->elem[nfa->n].set, set, sizeof(nfa->elem[nfa->n].set));
	nfa->owner[nfa->n] = (uint32_t)nfa->npatterns;
	nfa->n++;
	return 0;
}

/* A first byte, then what goes on with the character. */
static int
elem_add_char(struct nfa *nfa, size_t base, const uint64_t first[4],
    const char **what)
{
	static const uint64_t more[4] = { 0, 0, SET_ALL, 0 };

	if (elem_add(nfa, base, false, first, what) == -1)
		return -1;
	return elem_add(nfa, base, true, more, what);
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
	*c = (uint8_t) * *p;
	if (*c >= 0x80) {
		*what = "a set holds ASCII characters only";
		return -1;
	}
	(*p)++;
	return 0;
}

/* *p is after the "[". */
static int
glob_set(struct nfa *nfa, size_t base, const char **p, enum glob_kind kind,
    const char **what)
{
	uint64_t set[4] = { 0 }, first[4];
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
			set_add(set, lo);
	}
	(*p)++;
	set_first_bytes(first, kind);
	for (i = 0; i < 4; i++)
		set[i] = first[i] & (negated ? ~set[i] : set[i]);
	if (negated)
		return elem_add_char(nfa, base, set, what);
	return elem_add(nfa, base, false, set, what);
}

/* One pattern without alternatives. */
static int
glob_elems(struct nfa *nfa, size_t base, const char *p, enum glob_kind kind,
    const char **what)
{
	uint64_t set[4];
	bool deep;

	while (*p != '\0') {
		memset(set, 0, sizeof(set));
		if (kind == GLOB_LITERAL) {
			set_add(set, (uint8_t)*p++);
		} else if (*p == '*') {
			deep = p[1] == '*' || kind == GLOB_NAME;
			p += strspn(p, "*");
			memset(set, 0xff, sizeof(set));
			if (!deep)
				set_remove(set, '/');
			if (elem_add(nfa, base, true, set, what) == -1)
				return -1;
			continue;
		} else if (*p == '?') {
			p++;
			set_first_bytes(set, kind);
			if (elem_add_char(nfa, base, set, what) == -1)
				return -1;
			continue;
		} else if (*p == '[') {
			p++;
			if (glob_set(nfa, base, &p, kind, what) == -1)
				return -1;
			continue;
		} else {
			if (*p == '\\' && *++p == '\0') {
				*what = "a backslash at the end";
				return -1;
			}
			set_add(set, (uint8_t)*p++);
		}
		if (elem_add(nfa, base, false, set, what) == -1)
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

/* One alternative: its elements, its pattern, the position after the last. */
static int
glob_one(struct nfa *nfa, const char *text, enum glob_kind kind,
    const struct glob_owner *owner, const char **what)
{
	struct pattern *pat;
	const struct elem *last;
	size_t base = nfa->n;

	if (kind == GLOB_PATH && glob_path_check(text, what) == -1)
		return -1;
	if (glob_elems(nfa, base, text, kind, what) == -1)
		return -1;
	/* the final position: nothing leaves it */
	if (nfa_reserve(nfa, what) == -1)
		return -1;
	memset(&nfa->elem[nfa->n], 0, sizeof(nfa->elem[nfa->n]));
	nfa->owner[nfa->n] = (uint32_t)nfa->npatterns;
	pat = reallocarray(nfa->pattern, nfa->npatterns + 1, sizeof(*pat));
	if (pat == NULL) {
		*what = "out of memory";
		return -1;
	}
	nfa->pattern = pat;
	pat += nfa->npatterns++;
	pat->base = (uint32_t)base;
	pat->final = (uint32_t)nfa->n;
	pat->rule = owner->rule;
	pat->ops = owner->ops;
	last = nfa->n > base ? &nfa->elem[nfa->n - 1] : NULL;
	pat->sticky = last != NULL && last->loop && last->set[0] == SET_ALL &&
	    last->set[1] == SET_ALL && last->set[2] == SET_ALL &&
	    last->set[3] == SET_ALL;
	nfa->n++;
	return 0;
}

/* The next byte that is neither escaped nor in a set. */
static const char *
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
glob_add(struct nfa *nfa, const char *text, enum glob_kind kind,
    const struct glob_owner *owner, const char **what)
{
	struct work *w;
	const char *open, *end = NULL;
	char *t;
	int ret;

	if (kind == GLOB_LITERAL)
		return glob_one(nfa, text, kind, owner, what);
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
			ret = glob_one(nfa, t, kind, owner, what);
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
	struct nfa nfa;
	int ret;

	nfa_init(&nfa, 1);
	ret = glob_add(&nfa, text, kind, &nobody, what);
	nfa_free(&nfa);
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
