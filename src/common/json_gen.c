/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as it is written: yajl_gen with strings that are always UTF-8, whatever
 * a command printed.
 */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "utf8.h"

yajl_gen
json_new(void)
{
	return yajl_gen_alloc(NULL);
}

static void
discard(void *arg, const char *text, size_t len)
{
	(void)arg;
	(void)text;
	(void)len;
}

/* A part is missing: there must be no whole that does not show it. yajl gives
 * away no text of what was written elsewhere than into its own buffer. */
static void
json_fail(yajl_gen g)
{
	const unsigned char *text;
	size_t len;

	if (yajl_gen_get_buf(g, &text, &len) == yajl_gen_status_ok)
		yajl_gen_config(g, yajl_gen_print_callback, discard, NULL);
}

bool
json_text(yajl_gen g, const void *text, size_t len)
{
	static const char mark[] = "\xef\xbf\xbd";
	const unsigned char *s = text;
	char *clean;
	size_t i, n, out = 0;
	uint32_t cp;
	bool partial;

	if (utf8_is_valid(text, len)) {
		yajl_gen_string(g, len == 0 ? (const unsigned char *)"" : s,
		    len);
		return false;
	}
	clean = reallocarray(NULL, len, 3);
	if (clean == NULL) {
		json_fail(g);
		return true;
	}
	for (i = 0; i < len;) {
		n = utf8_char(s + i, len - i, &cp, &partial);
		if (n == 0) {
			memcpy(clean + out, mark, 3);
			out += 3;
			i++;
		} else {
			memcpy(clean + out, s + i, n);
			out += n;
			i += n;
		}
	}
	yajl_gen_string(g, (unsigned char *)clean, out);
	free(clean);
	return true;
}

void
json_base64(yajl_gen g, const void *data, size_t len)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *s = data;
	char *text, *p;
	uint32_t v;
	size_t i, left;

	text = reallocarray(NULL, len / 3 + 1, 4);
	if (text == NULL) {
		json_fail(g);
		return;
	}
	p = text;
	for (i = 0; i < len; i += 3) {
		left = len - i;
		v = (uint32_t)s[i] << 16;
		if (left > 1)
			v |= (uint32_t)s[i + 1] << 8;
		if (left > 2)
			v |= s[i + 2];
		*p++ = digits[v >> 18];
		*p++ = digits[v >> 12 & 63];
		*p++ = left > 1 ? digits[v >> 6 & 63] : '=';
		*p++ = left > 2 ? digits[v & 63] : '=';
	}
	yajl_gen_string(g, (unsigned char *)text, (size_t)(p - text));
	free(text);
}

void
json_key(yajl_gen g, const char *key)
{
	yajl_gen_string(g, (const unsigned char *)key, strlen(key));
}

void
json_str(yajl_gen g, const char *s)
{
	json_text(g, s, strlen(s));
}

void
json_raw(yajl_gen g, const char *text, size_t len)
{
	/* yajl copies the text of a number as it is */
	yajl_gen_number(g, text, len);
}

void
json_put_str(yajl_gen g, const char *key, const char *s)
{
	json_key(g, key);
	json_str(g, s);
}

void
json_put_u64(yajl_gen g, const char *key, uint64_t value)
{
	json_key(g, key);
	yajl_gen_integer(g, value > INT64_MAX ? INT64_MAX : (long long)value);
}

void
json_put_bool(yajl_gen g, const char *key, bool value)
{
	json_key(g, key);
	yajl_gen_bool(g, value);
}
