/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns are the policy's, subjects the sandbox's. A pattern is compiled as
 * (?s:.*)(?:PATTERN) and anchored, so that one pass over the subject finds a
 * match that begins anywhere: started anew at every byte, the matcher would
 * need quadratic time. See pcre2matching(3), "The alternative matching
 * algorithm", and the syntax page of RE2.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regex.h"
#include "utf8.h"

#define REGEX_PREFIX "(?s:.*)(?:"
/* \E: a \Q may be open, and otherwise it is nothing */
#define REGEX_SUFFIX "\\E)"
#define REGEX_MAX_REPEAT 1000
#define REGEX_MAX_GROUPS 250 /* one in the other; PCRE2 takes no more */
/* The matcher compares each state with all others of its place, so they are
 * fewer the longer the subject is: half a second, on any machine the same
 * number of steps. */
#define REGEX_MAX_STATES 682
#define REGEX_MIN_STATES 128
#define REGEX_MAX_WORK 2000000000
#define REGEX_WORKSPACE(states) (2 + 6 * (states)) /* ints */

struct regex {
	pcre2_code *code;
	pcre2_match_data *data;
};

/* A pattern on its way from RE2's words to PCRE2's. */
struct translation {
	const char *in;
	size_t i;
	bool in_class;
	size_t class_start;
	bool negative; /* the class has had \S, \D, \W or [:^name:] */
	bool lines[REGEX_MAX_GROUPS + 1]; /* does m hold in the group? */
	size_t depth;
	char out[4 * REGEX_MAX + 64];
	size_t n;
	const char *what;
};

static int
put(struct translation *t, const char *s, size_t len)
{
	if (t->n + len >= sizeof(t->out)) {
		t->what = "too long";
		return -1;
	}
	memcpy(t->out + t->n, s, len);
	t->n += len;
	return 0;
}

/* Behind \x: two digits or {more}. PCRE2 would take none for a NUL. */
static bool
is_hex(const char *p)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	size_t n = strspn(p + (*p == '{'), digits);

	return *p == '{' ? n > 0 && p[1 + n] == '}' : n >= 2;
}

/* Behind a class within a class: a - is a letter there, not a range. */
static int
translate_hyphen(struct translation *t)
{
	if (!t->in_class || t->in[t->i] != '-' || t->in[t->i + 1] == ']')
		return 0;
	t->i++;
	return put(t, "\\-", 2);
}

/* \s, \S, \d and the like. RE2's spaces have no vertical tab, PCRE2's do. */
static int
translate_class_escape(struct translation *t, char c)
{
	char same[] = { '\\', c };
	int ret;

	if (c == 'S' || c == 'D' || c == 'W')
		t->negative = true;
	if (c == 's')
		ret = t->in_class ? put(t, "\\t\\n\\f\\r ", 9) :
				    put(t, "[\\t\\n\\f\\r ]", 11);
	else if (c == 'S')
		ret = t->in_class ? put(t, "\\S\\x0b", 6) :
				    put(t, "[^\\t\\n\\f\\r ]", 12);
	else
		ret = put(t, same, sizeof(same));
	return ret == -1 ? -1 : translate_hyphen(t);
}

/* The text between \Q and \E, or the end. */
static int
translate_quoted(struct translation *t)
{
	const char *end = strstr(t->in + t->i, "\\E");
	size_t n = end == NULL ? strlen(t->in + t->i) :
				 (size_t)(end - t->in) - t->i;

	if (put(t, "\\Q", 2) == -1 || put(t, t->in + t->i, n) == -1)
		return -1;
	t->i += n + (end == NULL ? 0 : 2);
	return put(t, "\\E", 2);
}

/* The escape at in[i], a backslash. */
static int
translate_escape(struct translation *t)
{
	char c = t->in[t->i + 1];

	if (c == '\0') {
		t->what = "ends in a backslash";
		return -1;
	}
	t->i += 2;
	if (t->in_class && strchr("QbBAz", c) != NULL) {
		t->what = "an escape that is not supported between [ and ]";
		return -1;
	}
	switch (c) {
	case 's':
	case 'S':
	case 'd':
	case 'D':
	case 'w':
	case 'W':
		return translate_class_escape(t, c);
	case 'v': /* one character, not PCRE2's class of them */
		return put(t, "\\x0b", 4);
	case 'Q':
		return translate_quoted(t);
	case 'x':
		if (is_hex(t->in + t->i))
			break;
		t->what = "\\x without two digits or {digits}";
		return -1;
	default:
		break;
	}
	if ((c >= '1' && c <= '9') || strchr("gkKGRXNZhHVCuUlLceoijE", c)) {
		t->what = c >= '1' && c <= '9' ?
		    "back references are not supported" :
		    "an escape that is not supported";
		return -1;
	}
	return put(t, t->in + t->i - 2, 2);
}

/* Flags up to the : or ) at end: is m among them, and which way? */
static void
take_flags(bool *lines, const char *p, const char *end)
{
	bool on = true;

	for (; p < end; p++) {
		if (*p == '-')
			on = false;
		else if (*p == 'm')
			*lines = on;
	}
}

/* What may follow "(": nothing special, (?:, flags, a name. */
static int
translate_group(struct translation *t)
{
	const char *start = t->in + t->i, *p = start + 1;
	bool lines = t->lines[t->depth], opens = true;

	if (*p == '*') {
		t->what = "(* is not supported";
		return -1;
	}
	if (*p == '?') {
		p++;
		if (p[0] == 'P' && p[1] == '<')
			p++;
		if (*p != '<' || p[1] == '=' || p[1] == '!') {
			p += strspn(p, "imsU-");
			if (*p != ':' && *p != ')') {
				t->what =
				    "(? with what is not supported: only (?:, "
				    "flags of i m s U, and names";
				return -1;
			}
			take_flags(&lines, start + 2, p);
			opens = *p == ':';
		}
		p++;
	}
	if (opens && t->depth == REGEX_MAX_GROUPS) {
		t->what = "too many groups, one in the other";
		return -1;
	}
	t->depth += opens;
	t->lines[t->depth] = lines;
	t->i += (size_t)(p - start);
	return put(t, start, (size_t)(p - start));
}

/* * + ? or {n,m}: at most one "?" behind it, and no great numbers. */
static int
translate_repeat(struct translation *t)
{
	const char *p = t->in + t->i;
	size_t n = 1;
	char *end;

	if (*p == '{') {
		n = strspn(p + 1, "0123456789,") + 1;
		if (p[n] != '}' || p[1] == ',' || p[1] == '}') {
			t->i++;
			return put(t, "\\{", 2); /* a literal brace */
		}
		if (strtoul(p + 1, &end, 10) > REGEX_MAX_REPEAT ||
		    (*end == ',' &&
			strtoul(end + 1, NULL, 10) > REGEX_MAX_REPEAT)) {
			t->what = "repeats more than 1000 times";
			return -1;
		}
		n++;
	}
	if (p[n] == '?')
		n++;
	if (p[n] == '+' || p[n] == '*' || p[n] == '?') {
		t->what = "repeats a repetition";
		return -1;
	}
	if (put(t, p, n) == -1)
		return -1;
	t->i += n;
	return 0;
}

/* [:name:] within a class; 0 where that is none. */
static size_t
class_name(const char *p)
{
	size_t n = 2;

	if (p[0] != '[' || p[1] != ':')
		return 0;
	n += p[n] == '^';
	n += strspn(p + n, "abcdefghijklmnopqrstuvwxyz");
	return p[n] == ':' && p[n + 1] == ']' ? n + 2 : 0;
}

/* One element inside [...]. */
static int
translate_in_class(struct translation *t)
{
	const char *p = t->in + t->i;
	size_t n = class_name(p);

	if (n > 0) {
		if (p[2] == '^') {
			t->negative = true;
		} else if (t->negative) {
			/* PCRE2 forgets what is above U+00FF */
			t->what = "[:name:] behind \\S, \\D, \\W or "
				  "[:^name:] is not supported: put it first";
			return -1;
		}
		t->i += n;
		return put(t, p, n) == -1 ? -1 : translate_hyphen(t);
	}
	if (*p == '[' && p[1] == ':' && strstr(p, ":]") != NULL) {
		t->what = "[: without the name of a class";
		return -1;
	}
	t->i++;
	if (*p == '[') /* no [. or [= of PCRE2 */
		return put(t, "\\[", 2);
	if (*p == ']' && p > t->in + t->class_start)
		t->in_class = false;
	return put(t, p, 1);
}

/* $: PCRE2's own stands before a last newline too, RE2's does not. */
static int
translate_end(struct translation *t)
{
	t->i++;
	return t->lines[t->depth] ? put(t, "$", 1) : put(t, "\\z", 2);
}

static int
translate(struct translation *t)
{
	int ret = 0;
	char c;

	while (ret == 0 && (c = t->in[t->i]) != '\0') {
		if (c == '\\') {
			ret = translate_escape(t);
		} else if (t->in_class) {
			ret = translate_in_class(t);
		} else if (c == '(') {
			ret = translate_group(t);
		} else if (strchr("*+?{", c) != NULL) {
			ret = translate_repeat(t);
		} else if (c == '$') {
			ret = translate_end(t);
		} else {
			ret = put(t, &c, 1);
			t->i++;
			if (c == ')' && t->depth > 0)
				t->depth--;
			if (c == '[') {
				t->in_class = true;
				if (t->in[t->i] == '^')
					ret = put(t, &t->in[t->i++], 1);
				t->class_start = t->i;
				t->negative = false;
			}
		}
	}
	t->out[t->n] = '\0';
	return ret;
}

static pcre2_code *
compile(const char *text, const char **what, size_t *at)
{
	static char message[128];
	pcre2_compile_context *ctx;
	pcre2_code *code;
	int err = 0;

	*what = "out of memory";
	ctx = pcre2_compile_context_create(NULL);
	if (ctx == NULL)
		return NULL;
	pcre2_set_newline(ctx, PCRE2_NEWLINE_LF);
	code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
	    PCRE2_UTF | PCRE2_ALT_CIRCUMFLEX | PCRE2_NO_AUTO_CAPTURE |
		PCRE2_NO_START_OPTIMIZE,
	    &err, at, ctx);
	pcre2_compile_context_free(ctx);
	if (code == NULL) {
		pcre2_get_error_message(err, (PCRE2_UCHAR *)message,
		    sizeof(message));
		*what = message;
	}
	return code;
}

struct regex *
regex_new(const char *pattern, const char **what, size_t *at)
{
	struct translation *t;
	struct regex *re = NULL;
	pcre2_code *alone;
	char *whole = NULL;

	*at = 0;
	*what = "longer than 4096 bytes";
	if (strlen(pattern) > REGEX_MAX)
		return NULL;
	*what = "not UTF-8";
	if (!utf8_is_valid(pattern, strlen(pattern)))
		return NULL;
	*what = "out of memory";
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return NULL;
	t->in = pattern;
	if (translate(t) == -1) {
		*what = t->what;
		*at = t->i;
		goto out;
	}
	/* by itself first: a ) in it must not end the group around it */
	alone = compile(t->out, what, at);
	if (alone == NULL)
		goto out;
	pcre2_code_free(alone);
	*what = "out of memory";
	re = calloc(1, sizeof(*re));
	if (re == NULL ||
	    asprintf(&whole, REGEX_PREFIX "%s" REGEX_SUFFIX, t->out) == -1)
		goto fail;
	re->data = pcre2_match_data_create(1, NULL);
	if (re->data == NULL)
		goto fail;
	re->code = compile(whole, what, at);
	if (re->code != NULL)
		goto out;
fail:
	regex_free(re);
	re = NULL;
out:
	free(whole);
	free(t);
	return re;
}

void
regex_free(struct regex *re)
{
	if (re == NULL)
		return;
	pcre2_code_free(re->code);
	pcre2_match_data_free(re->data);
	free(re);
}

/* The subject with U+FFFD for each byte that is not UTF-8; NULL: no memory. */
static char *
sanitize(const char *s, size_t len, size_t *outlen)
{
	char *out = malloc(3 * len + 1);
	size_t i = 0, n, left;

	*outlen = 0;
	while (out != NULL && i < len) {
		left = len - i;
		for (n = 1; n <= 4 && n <= left; n++) {
			if (utf8_is_valid(s + i, n))
				break;
		}
		if (n > 4 || n > left) {
			memcpy(out + *outlen, "\xef\xbf\xbd", 3);
			*outlen += 3;
			i++;
			continue;
		}
		memcpy(out + *outlen, s + i, n);
		*outlen += n;
		i += n;
	}
	return out;
}

/* How many states at a time a subject of that many bytes may have. */
static size_t
states_for(size_t len)
{
	size_t n = REGEX_MAX_STATES;

	while (n > REGEX_MIN_STATES && n * n * len > REGEX_MAX_WORK)
		n--;
	return n;
}

int
regex_match(const struct regex *re, const char *subject, size_t len)
{
	int workspace[REGEX_WORKSPACE(REGEX_MAX_STATES)];
	char *clean = NULL;
	int ret;

	if (len > REGEX_SUBJECT_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	if (!utf8_is_valid(subject, len)) {
		clean = sanitize(subject, len, &len);
		if (clean == NULL)
			return -1;
		subject = clean;
	}
	ret = pcre2_dfa_match(re->code, (PCRE2_SPTR)subject, len, 0,
	    PCRE2_ANCHORED | PCRE2_DFA_SHORTEST, re->data, NULL, workspace,
	    REGEX_WORKSPACE(states_for(len)));
	free(clean);
	if (ret >= 0)
		return 1;
	if (ret == PCRE2_ERROR_NOMATCH)
		return 0;
	errno = ret == PCRE2_ERROR_NOMEMORY ? ENOMEM : E2BIG;
	return -1;
}
