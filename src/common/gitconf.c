/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads settings of git, git-config(1), as far as git itself writes them: a
 * section a line, a setting a line. The texts are a session's: whatever git
 * could read in another way than this is refused.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "gitconf.h"

#define NAME_MAX_LEN 64
#define SUB_MAX_LEN 256
#define LOOKS_MAX 1000 /* at the old settings, for one change */

enum how {
	ONE,
	EACH,
	KEEP,
	NEW
};

static const struct {
	const char *section;
	const char *key;
	enum how how;
} harmless[] = {
#define GITCONF(section, key, how) { section, key, how },
#include "gitconf.def"
#undef GITCONF
};

#define N_HARMLESS (sizeof(harmless) / sizeof(harmless[0]))

/* One setting, as far as it was read. */
struct setting {
	char section[NAME_MAX_LEN];
	char sub[SUB_MAX_LEN];
	bool has_sub;
	char key[NAME_MAX_LEN];
	const char *value; /* to the end of its line */
	size_t len;
};

struct reader {
	const char *p;
	const char *end;
	bool in_section;
	struct setting s;
};

static bool
is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-';
}

/* A name in lower case, from *p on. 0 or -1. */
static int
read_name(const char **p, const char *end, char dst[NAME_MAX_LEN])
{
	size_t n = 0;

	for (; *p < end && is_name(**p); (*p)++) {
		if (n + 1 >= NAME_MAX_LEN)
			return -1;
		dst[n++] = (char)(**p >= 'A' && **p <= 'Z' ? **p | 0x20 : **p);
	}
	dst[n] = '\0';
	return n == 0 ? -1 : 0;
}

static void
skip_blanks(const char **p, const char *end)
{
	while (*p < end && (**p == ' ' || **p == '\t'))
		(*p)++;
}

static bool
is_over(const char *p, const char *end)
{
	skip_blanks(&p, end);
	return p == end || *p == '#' || *p == ';';
}

/* [section] or [section "sub"], and nothing else in the line. */
static int
read_section(struct reader *r, const char *p, const char *end)
{
	struct setting *s = &r->s;
	size_t n = 0;

	p++;
	if (read_name(&p, end, s->section) == -1)
		return -1;
	skip_blanks(&p, end);
	s->has_sub = p < end && *p == '"';
	s->sub[0] = '\0';
	if (s->has_sub) {
		for (p++; p < end && *p != '"'; p++) {
			/* of two ways to write a name, git takes both */
			if (*p == '\\' || n + 1 >= SUB_MAX_LEN)
				return -1;
			s->sub[n++] = *p;
		}
		if (p == end)
			return -1;
		s->sub[n] = '\0';
		p++;
	}
	r->in_section = true;
	return p < end && *p == ']' && is_over(p + 1, end) ? 0 : -1;
}

static int
read_setting(struct reader *r, const char *p, const char *end)
{
	struct setting *s = &r->s;

	if (!r->in_section || read_name(&p, end, s->key) == -1)
		return -1;
	skip_blanks(&p, end);
	s->value = p;
	s->len = (size_t)(end - p);
	if (is_over(p, end))
		return 0;
	/* a line that goes on in the next */
	if (*p != '=' || end[-1] == '\\')
		return -1;
	p++;
	skip_blanks(&p, end);
	s->value = p;
	s->len = (size_t)(end - p);
	return 0;
}

/* The next setting: 1, 0 there is none, -1 the text is not understood. */
static int
next_setting(struct reader *r)
{
	const char *p, *end, *c;

	while (r->p < r->end) {
		p = r->p;
		end = memchr(p, '\n', (size_t)(r->end - p));
		if (end == NULL)
			end = r->end;
		r->p = end < r->end ? end + 1 : end;
		for (c = p; c < end; c++) {
			if (((unsigned char)*c < 0x20 && *c != '\t') ||
			    *c == 0x7f)
				return -1;
		}
		if (is_over(p, end))
			continue;
		skip_blanks(&p, end);
		if (*p != '[')
			return read_setting(r, p, end) == -1 ? -1 : 1;
		if (read_section(r, p, end) == -1)
			return -1;
	}
	return 0;
}

/* Values by which git could run another program, or that need unquoting. */
static bool
is_plain(const struct setting *s)
{
	size_t i;

	for (i = 0; i < s->len; i++) {
		if (s->value[i] == '"' || s->value[i] == '\\' ||
		    (s->value[i] == ':' && i + 1 < s->len &&
			s->value[i + 1] == ':'))
			return false;
	}
	return s->len == 0 || s->value[0] != '-';
}

static bool
same_section(const struct setting *a, const struct setting *b)
{
	return a->has_sub == b->has_sub &&
	    strcmp(a->section, b->section) == 0 && strcmp(a->sub, b->sub) == 0;
}

/* Do the old settings have that key, or anything, in that section? */
static bool
has_setting(const struct reader *old, const struct setting *s, enum how how)
{
	struct reader r = *old;

	while (next_setting(&r) == 1) {
		if (same_section(&r.s, s) &&
		    (how == NEW || strcmp(r.s.key, s->key) == 0))
			return true;
	}
	return false;
}

/* Its row, or N_HARMLESS. */
static size_t
find_harmless(const struct setting *s)
{
	size_t i;

	for (i = 0; i < N_HARMLESS && is_plain(s); i++) {
		if (strcmp(harmless[i].section, s->section) == 0 &&
		    strcmp(harmless[i].key, s->key) == 0 &&
		    (harmless[i].how != ONE) == s->has_sub)
			return i;
	}
	return N_HARMLESS;
}

/* The next setting that has to be the same in both: as next_setting. */
static int
next_weighty(struct reader *r, const struct reader *old, unsigned *looks)
{
	const struct setting *s = &r->s;
	size_t i;
	int ret;

	while ((ret = next_setting(r)) == 1) {
		i = find_harmless(s);
		if (i == N_HARMLESS)
			return 1;
		if (harmless[i].how != KEEP && harmless[i].how != NEW)
			continue;
		if ((*looks)++ == LOOKS_MAX)
			return -1;
		if (has_setting(old, s, harmless[i].how))
			return 1;
	}
	return ret;
}

bool
gitconf_is_harmless(const char *old, size_t old_len, const char *new,
    size_t new_len)
{
	struct reader whole = { .p = old, .end = old + old_len };
	struct reader a = whole, b = { .p = new, .end = new + new_len };
	unsigned looks = 0;
	int ra, rb;

	if (old_len > GITCONF_MAX || new_len > GITCONF_MAX)
		return false;
	for (;;) {
		ra = next_weighty(&a, &whole, &looks);
		rb = next_weighty(&b, &whole, &looks);
		if (ra == 0 && rb == 0)
			return true;
		if (ra != 1 || rb != 1 || !same_section(&a.s, &b.s) ||
		    strcmp(a.s.key, b.s.key) != 0 || a.s.len != b.s.len ||
		    memcmp(a.s.value, b.s.value, a.s.len) != 0)
			return false;
	}
}

bool
gitconf_may_go(const char *text, size_t len)
{
	struct reader r = { .p = text, .end = text + len };
	int ret;

	if (len > GITCONF_MAX)
		return false;
	while ((ret = next_setting(&r)) == 1) {
		if (find_harmless(&r.s) == N_HARMLESS)
			return false;
	}
	return ret == 0;
}
