/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict JSON decoder over yajl's callbacks. All text is from peer; what
 * it may hold is in the caller's table, what it may not is refused by name.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#include "json.h"
#include "utf8.h"
#include "vis.h"

struct json_in {
	const struct json_field *fields;
	size_t nfields;
	char *dst;
	bool strict;
	char *err;
	size_t errlen;
	uint64_t seen;
	unsigned depth; /* open objects and arrays */
	unsigned skip;	/* of them, within a value nobody asked for */
	const struct json_field *cur; /* value expected for this row */
	bool skip_value; /* the next value is one nobody asked for */
	unsigned inner;	 /* 1 within the array or object of cur */
	char path[256];	 /* names of the open objects, with dots */
	size_t base[JSON_DEPTH_MAX + 1]; /* length of path at each depth */
};

static int json_fail(struct json_in *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

/* Keeps the first reason; 0 tells yajl to stop. */
static int
json_fail(struct json_in *in, const char *fmt, ...)
{
	char text[AGENTSH_TEXT_MAX];
	va_list ap;

	if (in->err[0] != '\0')
		return 0;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	vis_str(in->err, in->errlen, text);
	return 0;
}

static const char *
json_type_name(enum json_type type)
{
	switch (type) {
	case JSON_STRING:
	case JSON_BYTES:
		return "a string";
	case JSON_BOOL:
		return "true or false";
	case JSON_UINT:
		return "a whole number, not negative";
	case JSON_LIST:
		return "an array of strings";
	case JSON_PAIRS:
		return "an object of strings";
	case JSON_REFUSED:
		break;
	}
	return "absent";
}

static int
json_wrong(struct json_in *in)
{
	return json_fail(in, "field \"%s\" must be %s", in->cur->key,
	    json_type_name(in->cur->type));
}

/*
 * What to do with a value that begins: 1 store it, 0 stop, -1 ignore it.
 */
static int
json_want(struct json_in *in)
{
	if (in->skip > 0)
		return -1;
	if (in->skip_value) {
		in->skip_value = false;
		return -1;
	}
	if (in->depth == 0)
		return json_fail(in, "the body must be a JSON object");
	if (in->cur == NULL)
		return json_fail(in, "unexpected value");
	return 1;
}

static char *
json_strndup(const unsigned char *s, size_t len)
{
	char *p = malloc(len + 1);

	if (p == NULL)
		return NULL;
	if (len > 0)
		memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

/* Appends to an array that is kept ended by NULL. */
static int
json_append(struct json_in *in, char ***v, size_t n, size_t max,
    const unsigned char *s, size_t len)
{
	char **bigger;
	size_t room;

	if (n >= max)
		return json_fail(in, "field \"%s\" has too many strings",
		    in->cur->key);
	/* grows by doubling: at 0, 7, 15, 31 ... */
	if (n == 0 || (n >= 7 && (n & (n + 1)) == 0)) {
		room = n == 0 ? 8 : 2 * (n + 1);
		bigger = reallocarray(*v, room, sizeof(**v));
		if (bigger == NULL)
			return json_fail(in, "out of memory");
		*v = bigger;
	}
	(*v)[n] = json_strndup(s, len);
	if ((*v)[n] == NULL)
		return json_fail(in, "out of memory");
	(*v)[n + 1] = NULL;
	return 1;
}

static int
json_check_string(struct json_in *in, const unsigned char *s, size_t len)
{
	const struct json_field *f = in->cur;

	if (f->max != 0 && len > f->max)
		return json_fail(in, "field \"%s\" is longer than %zu bytes",
		    f->key, f->max);
	if (f->type != JSON_BYTES && len > 0 && memchr(s, '\0', len) != NULL)
		return json_fail(in, "field \"%s\" holds a NUL", f->key);
	return 1;
}

static int
json_on_string(void *ctx, const unsigned char *s, size_t len)
{
	struct json_in *in = ctx;
	struct json_bytes *bytes;
	struct json_pairs *pairs;
	struct json_list *list;
	void *dst;
	int r;

	if ((r = json_want(in)) != 1)
		return r == -1;
	if (json_check_string(in, s, len) == 0)
		return 0;
	dst = in->dst + in->cur->offset;
	if (in->cur->type == JSON_LIST && in->inner) {
		list = dst;
		r = json_append(in, &list->v, list->n, JSON_WORDS_MAX, s, len);
		list->n += (size_t)r;
		return r;
	}
	if (in->cur->type == JSON_PAIRS && in->inner) {
		/* the name was put by json_on_key */
		pairs = dst;
		r = json_append(in, &pairs->v, 2 * pairs->n + 1,
		    2 * JSON_PAIRS_MAX, s, len);
		pairs->n += (size_t)r;
		return r;
	}
	if (in->cur->type == JSON_STRING) {
		if ((*(char **)dst = json_strndup(s, len)) == NULL)
			return json_fail(in, "out of memory");
	} else if (in->cur->type == JSON_BYTES) {
		bytes = dst;
		if ((bytes->data = json_strndup(s, len)) == NULL)
			return json_fail(in, "out of memory");
		bytes->len = len;
	} else
		return json_wrong(in);
	in->cur = NULL;
	return 1;
}

static int
json_on_bool(void *ctx, int value)
{
	struct json_in *in = ctx;
	int r;

	if ((r = json_want(in)) != 1)
		return r == -1;
	if (in->cur->type != JSON_BOOL)
		return json_wrong(in);
	*(enum json_bool *)(void *)(in->dst + in->cur->offset) = value ?
	    JSON_TRUE :
	    JSON_FALSE;
	in->cur = NULL;
	return 1;
}

static int
json_on_number(void *ctx, const char *s, size_t len)
{
	struct json_in *in = ctx;
	uint64_t value = 0;
	size_t i;
	int r;

	if ((r = json_want(in)) != 1)
		return r == -1;
	if (in->cur->type != JSON_UINT || len > 19)
		return json_wrong(in);
	for (i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return json_wrong(in);
		value = value * 10 + (uint64_t)(s[i] - '0');
	}
	*(uint64_t *)(void *)(in->dst + in->cur->offset) = value;
	in->cur = NULL;
	return 1;
}

static int
json_on_null(void *ctx)
{
	struct json_in *in = ctx;
	int r;

	if ((r = json_want(in)) != 1)
		return r == -1;
	return json_wrong(in);
}

/* Is there a row beneath the object that path names? */
static bool
json_is_object(const struct json_in *in)
{
	size_t i, n = strlen(in->path);

	for (i = 0; i < in->nfields; i++) {
		if (strncmp(in->fields[i].key, in->path, n) == 0 &&
		    in->fields[i].key[n] == '.')
			return true;
	}
	return false;
}

/* A name within the object of a JSON_PAIRS row. */
static int
json_on_name(struct json_in *in, const unsigned char *s, size_t len)
{
	struct json_pairs *pairs = (void *)(in->dst + in->cur->offset);
	size_t i;

	if (json_check_string(in, s, len) == 0)
		return 0;
	/* each is compared with all before it */
	if (pairs->n >= JSON_PAIRS_MAX)
		return json_fail(in, "field \"%s\" has too many names",
		    in->cur->key);
	for (i = 0; i < pairs->n; i++) {
		if (strlen(pairs->v[2 * i]) == len &&
		    memcmp(pairs->v[2 * i], s, len) == 0)
			return json_fail(in, "field \"%s.%.*s\" is there twice",
			    in->cur->key, (int)(len > 100 ? 100 : len), s);
	}
	return json_append(in, &pairs->v, 2 * pairs->n, 2 * JSON_PAIRS_MAX, s,
	    len);
}

static int
json_on_key(void *ctx, const unsigned char *s, size_t len)
{
	struct json_in *in = ctx;
	size_t i, n;

	if (in->skip > 0)
		return 1;
	if (in->inner)
		return json_on_name(in, s, len);
	n = in->base[in->depth];
	in->path[n] = '\0';
	if (n + len + 2 <= sizeof(in->path) && memchr(s, '.', len) == NULL &&
	    memchr(s, '\0', len) == NULL) {
		memcpy(in->path + n, s, len);
		in->path[n + len] = '\0';
		for (i = 0; i < in->nfields; i++) {
			if (strcmp(in->fields[i].key, in->path) != 0)
				continue;
			if ((in->seen & (uint64_t)1 << i) != 0)
				return json_fail(in,
				    "field \"%s\" is there twice", in->path);
			in->seen |= (uint64_t)1 << i;
			if (in->fields[i].type == JSON_REFUSED)
				return json_fail(in,
				    "field \"%s\" is not supported by this build",
				    in->path);
			in->cur = &in->fields[i];
			return 1;
		}
		if (json_is_object(in)) {
			in->cur = NULL;
			return 1;
		}
	}
	if (in->strict)
		return json_fail(in, "unknown field \"%.*s\"",
		    (int)(len > 100 ? 100 : len), s);
	in->skip_value = true;
	return 1;
}

/* An object or array opens: true when it may be this deep. */
static bool
json_deeper(struct json_in *in)
{
	if (in->depth >= JSON_DEPTH_MAX) {
		json_fail(in, "nested too deeply");
		return false;
	}
	in->depth++;
	in->base[in->depth] = in->base[in->depth - 1];
	if (in->skip_value || in->skip > 0) {
		in->skip_value = false;
		in->skip++;
	}
	return true;
}

static int
json_on_map(void *ctx)
{
	struct json_in *in = ctx;
	size_t n;

	if (!json_deeper(in))
		return 0;
	if (in->skip > 0 || in->depth == 1)
		return 1;
	if (in->cur == NULL) {
		/* a nested object of the table: its names go on with a dot */
		n = strlen(in->path);
		if (!json_is_object(in) || n + 2 > sizeof(in->path))
			return json_fail(in, "unexpected object");
		in->path[n++] = '.';
		in->path[n] = '\0';
		in->base[in->depth] = n;
		return 1;
	}
	if (in->cur->type != JSON_PAIRS || in->inner)
		return json_wrong(in);
	in->inner = 1;
	return 1;
}

static int
json_on_array(void *ctx)
{
	struct json_in *in = ctx;

	if (!json_deeper(in))
		return 0;
	if (in->skip > 0)
		return 1;
	if (in->depth == 1)
		return json_fail(in, "the body must be a JSON object");
	if (in->cur == NULL)
		return json_fail(in, "unexpected array");
	if (in->cur->type != JSON_LIST || in->inner)
		return json_wrong(in);
	in->inner = 1;
	return 1;
}

static int
json_on_end(void *ctx)
{
	struct json_in *in = ctx;

	in->depth--;
	if (in->skip > 0) {
		in->skip--;
		return 1;
	}
	if (in->inner) {
		in->inner = 0;
		in->cur = NULL;
	}
	return 1;
}

static const yajl_callbacks json_callbacks = {
	.yajl_null = json_on_null,
	.yajl_boolean = json_on_bool,
	.yajl_number = json_on_number,
	.yajl_string = json_on_string,
	.yajl_start_map = json_on_map,
	.yajl_map_key = json_on_key,
	.yajl_end_map = json_on_end,
	.yajl_start_array = json_on_array,
	.yajl_end_array = json_on_end,
};

/* The value of four hexadecimal digits, or -1. */
static int
json_hex4(const unsigned char *s, size_t len)
{
	int value = 0;
	size_t i;

	if (len < 4)
		return -1;
	for (i = 0; i < 4; i++) {
		if (s[i] >= '0' && s[i] <= '9')
			value = value * 16 + (s[i] - '0');
		else if ((s[i] | 32) >= 'a' && (s[i] | 32) <= 'f')
			value = value * 16 + ((s[i] | 32) - 'a' + 10);
		else
			return -1;
	}
	return value;
}

/* yajl turns half a surrogate pair into something else without a word. */
static bool
json_surrogates_are_paired(const unsigned char *s, size_t len)
{
	size_t i;
	int c;

	for (i = 0; i + 1 < len; i++) {
		if (s[i] != '\\')
			continue;
		i++;
		if (s[i] != 'u')
			continue;
		c = json_hex4(s + i + 1, len - i - 1);
		if (c >= 0xdc00 && c <= 0xdfff)
			return false;
		if (c < 0xd800 || c > 0xdbff)
			continue;
		if (len - i < 11 || s[i + 5] != '\\' || s[i + 6] != 'u')
			return false;
		c = json_hex4(s + i + 7, len - i - 7);
		if (c < 0xdc00 || c > 0xdfff)
			return false;
		i += 10;
	}
	return true;
}

static int
json_parse(struct json_in *in, const void *text, size_t len)
{
	unsigned char *why;
	yajl_handle h;
	yajl_status st;
	size_t i, n;

	if (!utf8_is_valid(text, len)) {
		json_fail(in, "invalid json: not UTF-8");
		return -1;
	}
	if (!json_surrogates_are_paired(text, len)) {
		json_fail(in, "invalid json: half of a surrogate pair");
		return -1;
	}
	if ((h = yajl_alloc(&json_callbacks, NULL, in)) == NULL) {
		json_fail(in, "out of memory");
		return -1;
	}
	st = yajl_parse(h, text, len);
	if (st == yajl_status_ok)
		st = yajl_complete_parse(h);
	if (st == yajl_status_error && in->err[0] == '\0') {
		why = yajl_get_error(h, 0, NULL, 0);
		n = why == NULL ? 0 : strcspn((char *)why, "\n");
		json_fail(in, "invalid json: %.*s", (int)n,
		    why == NULL ? "" : (char *)why);
		if (why != NULL)
			yajl_free_error(h, why);
	}
	yajl_free(h);
	if (st != yajl_status_ok) {
		json_fail(in, "invalid json");
		return -1;
	}
	for (i = 0; i < in->nfields; i++) {
		if ((in->fields[i].flags & JSON_REQUIRED) != 0 &&
		    (in->seen & (uint64_t)1 << i) == 0) {
			json_fail(in, "%s is required", in->fields[i].key);
			return -1;
		}
	}
	return 0;
}

int
json_decode(const struct json_field *fields, size_t nfields, const void *text,
    size_t len, void *dst, char *err, size_t errlen)
{
	struct json_in in = { .fields = fields,
		.nfields = nfields,
		.dst = dst,
		.strict = true,
		.err = err,
		.errlen = errlen };

	err[0] = '\0';
	return json_parse(&in, text, len);
}

int
json_scan(const struct json_field *fields, size_t nfields, const void *text,
    size_t len, void *dst, char *err, size_t errlen)
{
	struct json_in in = { .fields = fields,
		.nfields = nfields,
		.dst = dst,
		.err = err,
		.errlen = errlen };

	err[0] = '\0';
	return json_parse(&in, text, len);
}

static void
json_free_words(char **v)
{
	size_t i;

	for (i = 0; v != NULL && v[i] != NULL; i++)
		free(v[i]);
	free(v);
}

void
json_list_free(struct json_list *list)
{
	json_free_words(list->v);
	memset(list, 0, sizeof(*list));
}

void
json_release(const struct json_field *fields, size_t nfields, void *dst)
{
	struct json_bytes *bytes;
	struct json_pairs *pairs;
	char **str;
	void *p;
	size_t i;

	for (i = 0; i < nfields; i++) {
		p = (char *)dst + fields[i].offset;
		switch (fields[i].type) {
		case JSON_STRING:
			str = p;
			free(*str);
			*str = NULL;
			break;
		case JSON_BYTES:
			bytes = p;
			free(bytes->data);
			memset(bytes, 0, sizeof(*bytes));
			break;
		case JSON_LIST:
			json_list_free(p);
			break;
		case JSON_PAIRS:
			pairs = p;
			json_free_words(pairs->v);
			memset(pairs, 0, sizeof(*pairs));
			break;
		case JSON_BOOL:
		case JSON_UINT:
		case JSON_REFUSED:
			break;
		}
	}
}
