/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Globs of domains to their normal form, as DNS has names: lower case, no
 * final dot, labels of other letters than ASCII as A-labels (RFC 5890). A
 * label is encoded as a whole, so that none can be encoded beside a glob.
 */
#include <stdlib.h>
#include <string.h>

#include <idn2.h>

#include "parse.h"

#define DOMAIN_MAX 1024 /* bytes of a glob, and of its normal form */
#define LABEL_MAX 63
#define LABEL_BYTES "abcdefghijklmnopqrstuvwxyz0123456789-_"

/* A domain in the making. */
struct domain {
	char out[DOMAIN_MAX + 1];
	size_t len;
	const char *what;
};

static int
put(struct domain *d, const char *s, size_t len)
{
	if (d->len + len > DOMAIN_MAX) {
		d->what = "too long";
		return -1;
	}
	memcpy(d->out + d->len, s, len);
	d->len += len;
	d->out[d->len] = '\0';
	return 0;
}

/* Does a label begin at text + i? "{" and "," lead to before their group. */
static bool
label_begins(const char *text, size_t i)
{
	size_t depth;

	while (i > 0) {
		if (text[i - 1] == '.')
			return true;
		if (text[i - 1] != '{' && text[i - 1] != ',')
			return false;
		for (depth = 1; i > 0 && depth > 0; i--) {
			if (text[i - 1] == '}')
				depth++;
			else if (text[i - 1] == '{')
				depth--;
		}
	}
	return true;
}

/* Does it end there? */
static bool
label_ends(const char *text, size_t i)
{
	size_t depth;

	while (text[i] != '\0') {
		if (text[i] == '.')
			return true;
		if (text[i] != '}' && text[i] != ',')
			return false;
		for (depth = 1; text[i] != '\0' && depth > 0; i++) {
			if (text[i] == '{')
				depth++;
			else if (text[i] == '}')
				depth--;
		}
	}
	return true;
}

/* One label without globs, through IDNA. */
static int
put_encoded(struct domain *d, const char *label, size_t len)
{
	char in[DOMAIN_MAX + 1];
	uint8_t *out = NULL;
	int ret;

	memcpy(in, label, len);
	in[len] = '\0';
	ret = idn2_lookup_u8((const uint8_t *)in, &out,
	    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL | IDN2_USE_STD3_ASCII_RULES);
	if (ret != IDN2_OK) {
		d->what = "not a label of a domain (IDNA)";
		return -1;
	}
	ret = 0;
	/* some characters are mapped to a dot */
	if (strchr((const char *)out, '.') != NULL || out[0] == '\0') {
		d->what = "not a label of a domain (IDNA)";
		ret = -1;
	}
	if (ret == 0)
		ret = put(d, (const char *)out, strlen((const char *)out));
	idn2_free(out);
	return ret;
}

/* A run of bytes between dots, globs and the ends. */
static int
put_run(struct domain *d, const char *text, size_t from, size_t to)
{
	bool whole = label_begins(text, from) && label_ends(text, to);
	const char *s = text + from;
	size_t i, len = to - from;
	bool ascii = true;

	for (i = 0; i < len; i++)
		ascii = ascii && (uint8_t)s[i] < 0x80;
	if (!ascii && !whole) {
		d->what = "a label with other letters than ASCII has no globs";
		return -1;
	}
	if (!ascii || (whole && len > 4 && memcmp(s, "xn--", 4) == 0))
		return put_encoded(d, s, len);
	if (strspn(s, LABEL_BYTES) < len) {
		d->what = "has a character that no domain has";
		return -1;
	}
	if (len > LABEL_MAX) {
		d->what = "a label is longer than 63 bytes";
		return -1;
	}
	if (whole && (s[0] == '-' || s[len - 1] == '-')) {
		d->what = "a label begins or ends with a hyphen";
		return -1;
	}
	return put(d, s, len);
}

/* A set holds what a label holds, and a range's or negation's own signs. */
static int
put_set(struct domain *d, const char *text, size_t *i)
{
	size_t end = *i + 1 + strcspn(text + *i + 1, "]");

	if (text[end] == '\0') {
		d->what = "no closing ] of a set";
		return -1;
	}
	if (strspn(text + *i + 1, LABEL_BYTES "!") < end - *i - 1) {
		d->what = "has a character that no domain has";
		return -1;
	}
	if (put(d, text + *i, end + 1 - *i) == -1)
		return -1;
	*i = end + 1;
	return 0;
}

static int
normalise(struct domain *d, const char *text)
{
	size_t i = 0, len;

	while (text[i] != '\0') {
		if (text[i] == '[') {
			if (put_set(d, text, &i) == -1)
				return -1;
			continue;
		}
		len = strcspn(text + i, ".*?[]{},\\");
		if (len > 0) {
			if (put_run(d, text, i, i + len) == -1)
				return -1;
			i += len;
			continue;
		}
		if (text[i] == '\\' || text[i] == ']') {
			d->what = "has a character that no domain has";
			return -1;
		}
		if (text[i] == '.' && (i == 0 || text[i + 1] == '.')) {
			d->what = "an empty label";
			return -1;
		}
		if (put(d, text + i, 1) == -1)
			return -1;
		i++;
	}
	return 0;
}

char *
domain_normal(const char *text, const char **what)
{
	char lower[DOMAIN_MAX + 1];
	struct domain d = { .len = 0 };
	size_t i, len = strlen(text);

	*what = "too long";
	if (len > DOMAIN_MAX)
		return NULL;
	for (i = 0; i <= len; i++)
		lower[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ?
			text[i] | 0x20 :
			text[i]);
	if (len > 1 && lower[len - 1] == '.')
		lower[--len] = '\0';
	*what = "an empty name";
	if (len == 0)
		return NULL;
	*what =
	    "no name has a colon: addresses belong into cidrs, ports into ports";
	if (strchr(lower, ':') != NULL)
		return NULL;
	if (normalise(&d, lower) == -1) {
		*what = d.what;
		return NULL;
	}
	if (glob_check(d.out, GLOB_DOMAIN, what) == -1)
		return NULL;
	*what = "longer than 253 bytes";
	if (strpbrk(d.out, "*?[]{}") == NULL && d.len > 253)
		return NULL;
	*what = "out of memory";
	return strdup(d.out);
}
