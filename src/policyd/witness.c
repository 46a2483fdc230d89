/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts to try a policy with, made from its own globs and expressions: for each
 * alternative a short and a long one that match, and neighbours. They are
 * suggestions: what they come to is for the policies to say.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "path.h"
#include "try.h"

#define ALTERNATIVES_MAX 256
#define TEXT_MAX 512
#define ROOTS_MAX 64 /* each is tried with each glob that begins anywhere */

/* Brackets that group alternatives: {a,b} of globs, (a|b) of expressions. */
struct grouping {
	char open;
	char separator;
	char close;
};

static const struct grouping braces = { '{', ',', '}' };
static const struct grouping parentheses = { '(', '|', ')' };

void
subjects_add(struct subjects *s, const char *text)
{
	char **v;

	if (s->n == s->cap) {
		v = reallocarray(s->v, s->cap + 256, sizeof(*v));
		if (v == NULL) {
			s->failed = true;
			return;
		}
		s->v = v;
		s->cap += 256;
	}
	s->v[s->n] = strdup(text);
	if (s->v[s->n] == NULL)
		s->failed = true;
	else
		s->n++;
}

void
subjects_free(struct subjects *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	memset(s, 0, sizeof(*s));
}

static int
order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void
subjects_sort(struct subjects *s)
{
	size_t i, n = 0;

	if (s->n > 1)
		qsort(s->v, s->n, sizeof(*s->v), order);
	for (i = 0; i < s->n; i++) {
		if (n > 0 && strcmp(s->v[n - 1], s->v[i]) == 0)
			free(s->v[i]);
		else
			s->v[n++] = s->v[i];
	}
	s->n = n;
}

/* The first innermost group: its brackets; false: there is none. */
static bool
innermost(const char *text, const struct grouping *g, const char **open,
    const char **end)
{
	const char *p;

	*open = NULL;
	for (p = text; *p != '\0'; p = glob_next(p)) {
		if (*p == g->open)
			*open = p;
		if (*p == g->close && *open != NULL) {
			*end = p;
			return true;
		}
	}
	return false;
}

/* The text once for each alternative of that group, added to work. */
static void
split(struct subjects *work, const char *text, const struct grouping *g,
    const char *open, const char *end)
{
	const char *p = open + 1, *from = p;
	char *alt;

	/* (?:...) and (?i) of expressions */
	if (g->open == '(' && *p == '?')
		from = p += strcspn(p, ":)") + (p[strcspn(p, ":)")] == ':');
	for (;; p = glob_next(p)) {
		if (p < end && *p != g->separator)
			continue;
		if (asprintf(&alt, "%.*s%.*s%s", (int)(open - text), text,
			(int)(p - from), from, end + 1) == -1) {
			work->failed = true;
			return;
		}
		subjects_add(work, alt);
		free(alt);
		if (p >= end)
			return;
		from = p + 1;
	}
}

/* All alternatives of a text, no groups left in them. */
static void
alternatives(struct subjects *done, const char *text, const struct grouping *g)
{
	struct subjects work = { 0 };
	const char *open, *end;
	char *one;

	subjects_add(&work, text);
	while (work.n > 0 && work.n + done->n < ALTERNATIVES_MAX) {
		one = work.v[--work.n];
		if (innermost(one, g, &open, &end))
			split(&work, one, g, open, end);
		else
			subjects_add(done, one);
		free(one);
	}
	done->failed = done->failed || work.failed;
	subjects_free(&work);
}

/* How what is variable in a glob is filled in. */
struct filling {
	const char *star;
	const char *deep; /* ** where there is a separator */
	const char *one;
	bool last; /* of a set */
};

static const struct filling fillings[] = {
	{ "", "", "x", false },
	{ "w", "w", "y", true },
	{ "a.b", "d/e/f.g", "\303\251", true },
	{ ".h", ".h/i", "_", false },
};

/* A character of the set at p, which begins with [. */
static char
of_set(const char *p, const char *end, bool last)
{
	static const char others[] = "x0_%";
	bool negated = p[1] == '!' || p[1] == '^';
	size_t i;

	p += negated ? 2 : 1;
	if (!negated)
		return last && end > p + 1 ? end[-2] : *p;
	for (i = 0; i < sizeof(others) - 2; i++) {
		if (memchr(p, others[i], (size_t)(end - p)) == NULL)
			break;
	}
	return others[i];
}

static void
fill(char *dst, size_t size, const char *glob, enum glob_kind kind,
    const struct filling *f)
{
	bool paths = kind == GLOB_PATH || kind == GLOB_COMMAND ||
	    kind == GLOB_SOCKET;
	const char *p = glob, *next, *word;
	char one[2] = "";
	size_t n = 0;

	dst[0] = '\0';
	while (*p != '\0' && n < size) {
		next = glob_next(p);
		word = one;
		one[0] = *p;
		if (kind == GLOB_LITERAL) {
			next = p + 1;
		} else if (*p == '*') {
			next = p + strspn(p, "*");
			word = next - p > 1 && paths ? f->deep : f->star;
		} else if (*p == '?') {
			word = f->one;
		} else if (*p == '[') {
			one[0] = of_set(p, next, f->last);
		} else if (*p == '\\' && p[1] != '\0') {
			one[0] = p[1];
		}
		n += (size_t)snprintf(dst + n, size - n, "%s", word);
		p = next;
	}
}

static void
add(struct subjects *s, enum glob_kind kind, const char *text)
{
	if (text[0] == '\0')
		return;
	if ((kind == GLOB_PATH || (kind == GLOB_SOCKET && text[0] != '@')) &&
	    !path_is_clean(text))
		return;
	subjects_add(s, text);
}

/* What is one step away. */
static void
neighbours(struct subjects *s, enum glob_kind kind, const char *text)
{
	char t[TEXT_MAX + 8];
	size_t n = strlen(text);
	char *slash;

	snprintf(t, sizeof(t), "%sx", text);
	add(s, kind, t);
	snprintf(t, sizeof(t), "%s/x", text);
	if (kind == GLOB_PATH || kind == GLOB_SOCKET)
		add(s, kind, t);
	snprintf(t, sizeof(t), "x.%s", text);
	if (kind == GLOB_DOMAIN)
		add(s, kind, t);
	snprintf(t, sizeof(t), "%s", text);
	if (n > 0)
		t[n - 1] = '\0';
	add(s, kind, t);
	slash = strrchr(t, '/');
	if (slash != NULL && slash != t) {
		*slash = '\0';
		add(s, kind, t);
	}
	snprintf(t, sizeof(t), "%s", text);
	if (n > 0 && islower((unsigned char)t[n - 1]) != 0)
		t[n - 1] = (char)toupper((unsigned char)t[n - 1]);
	add(s, kind, t);
	snprintf(t, sizeof(t), "/x%s", text);
	if (kind == GLOB_PATH)
		add(s, kind, t);
}

void
witness_glob(struct subjects *s, const char *glob, enum glob_kind kind)
{
	struct subjects alt = { 0 };
	char text[TEXT_MAX];
	size_t i, k;

	alternatives(&alt, glob, kind == GLOB_LITERAL ? &parentheses : &braces);
	for (i = 0; i < alt.n; i++) {
		for (k = 0; k < sizeof(fillings) / sizeof(fillings[0]); k++) {
			fill(text, sizeof(text), alt.v[i], kind, &fillings[k]);
			add(s, kind, text);
			if (k < 2)
				neighbours(s, kind, text);
		}
		/* where ** may stand for a name at the very beginning */
		snprintf(text, sizeof(text), "/w");
		fill(text + 2, sizeof(text) - 2, alt.v[i], kind, &fillings[0]);
		if (kind == GLOB_PATH && alt.v[i][0] == '*')
			add(s, kind, text);
	}
	s->failed = s->failed || alt.failed;
	subjects_free(&alt);
}

void
witness_root(struct subjects *s, const char *glob)
{
	struct subjects alt = { 0 };
	char *text, *end;
	size_t i, k;

	alternatives(&alt, glob, &braces);
	for (i = 0; i < alt.n; i++) {
		text = alt.v[i];
		text[strcspn(text, "*?[\\")] = '\0';
		end = strrchr(text, '/');
		if (end == NULL || end == text)
			continue;
		*end = '\0';
		for (k = 0; k < s->n && strcmp(s->v[k], text) != 0; k++)
			continue;
		if (k == s->n && k < ROOTS_MAX)
			add(s, GLOB_PATH, text);
	}
	s->failed = s->failed || alt.failed;
	subjects_free(&alt);
}

void
witness_beneath(struct subjects *s, const char *glob,
    const struct subjects *roots)
{
	struct subjects alt = { 0 };
	char one[TEXT_MAX], text[TEXT_MAX];
	size_t i, k;

	if (strncmp(glob, "**/", 3) != 0)
		return;
	alternatives(&alt, glob, &braces);
	for (i = 0; i < alt.n; i++) {
		fill(one, sizeof(one), alt.v[i] + 3, GLOB_PATH, &fillings[1]);
		for (k = 0; k < roots->n; k++) {
			snprintf(text, sizeof(text), "%s/%s", roots->v[k], one);
			add(s, GLOB_PATH, text);
		}
	}
	s->failed = s->failed || alt.failed;
	subjects_free(&alt);
}

/* What an escape of an expression can stand for. */
static const char *
of_escape(char c, char one[2])
{
	switch (c) {
	case 's':
		return " ";
	case 'd':
		return "7";
	case 'w':
	case 'S':
	case 'D':
		return "w";
	case 'W':
		return "-";
	case 'b':
	case 'B':
	case 'A':
	case 'z':
		return "";
	default:
		one[0] = c;
		return one;
	}
}

/* An expression without groups: each atom once, or what is optional not. */
static void
fill_regex(char *dst, size_t size, const char *text, bool optional)
{
	const char *p = text, *next, *word;
	char one[2];
	size_t n = 0;
	bool more;

	dst[0] = '\0';
	while (*p != '\0' && n < size) {
		next = glob_next(p);
		one[0] = *p;
		one[1] = '\0';
		word = one;
		if (*p == '\\' && p[1] != '\0')
			word = of_escape(p[1], one);
		else if (*p == '[')
			one[0] = of_set(p, next, false);
		else if (*p == '.')
			word = "x";
		else if (*p == '^' || *p == '$')
			word = "";
		more = *next == '*' || *next == '?' || *next == '+' ||
		    *next == '{';
		if ((*next != '*' && *next != '?') || optional)
			n += (size_t)snprintf(dst + n, size - n, "%s", word);
		if (*next == '{')
			next += strcspn(next, "}");
		p = more && *next != '\0' ? next + 1 : next;
		/* the lazy form */
		if (more && *p == '?')
			p++;
	}
}

void
witness_regex(struct subjects *s, const char *text)
{
	struct subjects alt = { 0 };
	char one[TEXT_MAX], t[TEXT_MAX + 8], *whole;
	size_t i;
	int k;

	if (asprintf(&whole, "(%s)", text) == -1) {
		s->failed = true;
		return;
	}
	alternatives(&alt, whole, &parentheses);
	free(whole);
	for (i = 0; i < alt.n; i++) {
		for (k = 0; k < 2; k++) {
			fill_regex(one, sizeof(one), alt.v[i], k == 1);
			subjects_add(s, one);
			snprintf(t, sizeof(t), "%sx", one);
			subjects_add(s, t);
			snprintf(t, sizeof(t), "x%s", one);
			subjects_add(s, t);
			snprintf(t, sizeof(t), "x %s y", one);
			subjects_add(s, t);
		}
	}
	s->failed = s->failed || alt.failed;
	subjects_free(&alt);
}
