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
#define REGEX_WORKSPACE 4096 /* ints: some 1,300 states at a time */
#define REGEX_MAX_REPEAT 1000

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

/* The escape at in[i], a backslash. */
static int
translate_escape(struct translation *t)
{
	char c = t->in[t->i + 1];
	const char *end;

	if (c == '\0') {
		t->what = "ends in a backslash";
		return -1;
	}
	t->i += 2;
	switch (c) {
	case 's': /* without the vertical tab, which PCRE2 adds */
		return t->in_class ? put(t, "\\t\\n\\f\\r ", 9) :
				     put(t, "[\\t\\n\\f\\r ]", 11);
	case 'S':
		return t->in_class ? put(t, "\\S", 2) :
				     put(t, "[^\\t\\n\\f\\r ]", 12);
	case 'v': /* one character, not PCRE2's class of them */
		return put(t, "\\x0b", 4);
	case 'Q':
		end = strstr(t->in + t->i, "\\E");
		if (end == NULL)
			end = t->in + strlen(t->in);
		if (put(t, "\\Q", 2) == -1 ||
		    put(t, t->in + t->i, (size_t)(end - t->in) - t->i) == -1)
			return -1;
		t->i = (size_t)(end - t->in);
		return put(t, "\\E", 2);
	default:
		break;
	}
	if ((c >= '1' && c <= '9') || strchr("gkKGRXNZhHVCuUlLceoij", c)) {
		t->what = c >= '1' && c <= '9' ?
		    "back references are not supported" :
		    "an escape that is not supported";
		return -1;
	}
	return put(t, t->in + t->i - 2, 2);
}

/* What may follow "(": nothing special, (?:, flags, a name. */
static int
translate_group(struct translation *t)
{
	const char *p = t->in + t->i + 1;
	size_t n;

	if (*p == '*') {
		t->what = "(* is not supported";
		return -1;
	}
	if (*p != '?') {
		t->i++;
		return put(t, "(", 1);
	}
	p++;
	if (p[0] == 'P' && p[1] == '<')
		p++;
	if (*p == '<' && p[1] != '=' && p[1] != '!') {
		n = (size_t)(p + 1 - (t->in + t->i));
	} else {
		p += strspn(p, "imsU-");
		if (*p != ':' && *p != ')') {
			t->what = "(? with what is not supported: only (?:, "
				  "flags of i m s U, and names";
			return -1;
		}
		n = (size_t)(p + 1 - (t->in + t->i));
	}
	if (put(t, t->in + t->i, n) == -1)
		return -1;
	t->i += n;
	return 0;
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

/* One element inside [...]. */
static int
translate_in_class(struct translation *t)
{
	const char *p = t->in + t->i, *end;
	size_t n = 1;

	if (*p == '[' && p[1] == ':' && (end = strstr(p, ":]")) != NULL)
		n = (size_t)(end + 2 - p);
	else if (*p == ']' && t->i > t->class_start)
		t->in_class = false;
	if (put(t, p, n) == -1)
		return -1;
	t->i += n;
	return 0;
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
		} else {
			ret = put(t, &c, 1);
			t->i++;
			if (c == '[') {
				t->in_class = true;
				if (t->in[t->i] == '^')
					ret = put(t, &t->in[t->i++], 1);
				t->class_start = t->i;
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
	    PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NO_AUTO_CAPTURE |
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

int
regex_match(const struct regex *re, const char *subject, size_t len)
{
	int workspace[REGEX_WORKSPACE];
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
	    REGEX_WORKSPACE);
	free(clean);
	if (ret >= 0)
		return 1;
	if (ret == PCRE2_ERROR_NOMATCH)
		return 0;
	errno = ret == PCRE2_ERROR_NOMEMORY ? ENOMEM : E2BIG;
	return -1;
}
