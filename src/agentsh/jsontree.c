/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of a JSON text and look-ups in it; base64 as replies use it for
 * output that is not text.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#include "jsontree.h"

static char *
dup_bytes(const void *p, size_t len)
{
	char *s;

	s = malloc(len + 1);
	if (s != NULL) {
		memcpy(s, p, len);
		s[len] = '\0';
	}
	return s;
}

/* A new value at the place the parser is at; NULL stops it. */
static struct jval *
add(struct json *j, enum jtype type)
{
	struct jval *v;

	if (++j->nvalues > JSON_MAX_VALUES) {
		j->err = "too many values";
		return NULL;
	}
	v = calloc(1, sizeof(*v));
	if (v == NULL) {
		j->err = "out of memory";
		return NULL;
	}
	v->type = type;
	v->chain = j->all;
	j->all = v;
	v->key = j->key;
	j->key = NULL;
	v->parent = j->open;
	if (j->open == NULL)
		j->root = v;
	else if (j->open->last == NULL)
		j->open->child = v;
	else
		j->open->last->next = v;
	if (j->open != NULL)
		j->open->last = v;
	return v;
}

static int
on_null(void *arg)
{
	return add(arg, J_NULL) != NULL;
}

static int
on_bool(void *arg, int on)
{
	struct jval *v = add(arg, J_BOOL);

	if (v == NULL)
		return 0;
	v->on = on != 0;
	return 1;
}

static int
add_text(struct json *j, enum jtype type, const void *p, size_t len)
{
	struct jval *v = add(j, type);

	if (v == NULL)
		return 0;
	v->str = dup_bytes(p, len);
	v->len = len;
	if (v->str == NULL)
		j->err = "out of memory";
	return v->str != NULL;
}

static int
on_number(void *arg, const char *p, size_t len)
{
	return add_text(arg, J_NUMBER, p, len);
}

static int
on_string(void *arg, const unsigned char *p, size_t len)
{
	return add_text(arg, J_STRING, p, len);
}

static int
on_key(void *arg, const unsigned char *p, size_t len)
{
	struct json *j = arg;

	if (memchr(p, '\0', len) != NULL) {
		j->err = "NUL in a key";
		return 0;
	}
	j->key = dup_bytes(p, len);
	return j->key != NULL;
}

static int
enter(struct json *j, enum jtype type)
{
	struct jval *v = add(j, type);

	if (v == NULL)
		return 0;
	if (++j->depth > JSON_MAX_DEPTH) {
		j->err = "nested too deeply";
		return 0;
	}
	j->open = v;
	return 1;
}

static int
on_object(void *arg)
{
	return enter(arg, J_OBJECT);
}

static int
on_array(void *arg)
{
	return enter(arg, J_ARRAY);
}

static int
on_close(void *arg)
{
	struct json *j = arg;

	j->depth--;
	j->open = j->open->parent;
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_bool,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_object,
	.yajl_map_key = on_key,
	.yajl_end_map = on_close,
	.yajl_start_array = on_array,
	.yajl_end_array = on_close,
};

struct json *
json_parse(const void *data, size_t len, const char **err)
{
	struct json *j;
	yajl_handle h;

	*err = "out of memory";
	j = calloc(1, sizeof(*j));
	if (j == NULL)
		return NULL;
	h = yajl_alloc(&callbacks, NULL, j);
	if (h == NULL)
		goto fail;
	if (yajl_parse(h, data, len) != yajl_status_ok ||
	    yajl_complete_parse(h) != yajl_status_ok || j->root == NULL) {
		*err = j->err != NULL ? j->err : "not valid JSON";
		goto fail;
	}
	yajl_free(h);
	return j;
fail:
	if (h != NULL)
		yajl_free(h);
	json_free(j);
	return NULL;
}

void
json_free(struct json *j)
{
	struct jval *v;

	if (j == NULL)
		return;
	while ((v = j->all) != NULL) {
		j->all = v->chain;
		free(v->key);
		free(v->str);
		free(v);
	}
	free(j->key);
	free(j);
}

const struct jval *
jv_at(const struct jval *v, const char *path)
{
	size_t n;

	for (; v != NULL && *path != '\0'; path += n) {
		if (v->type != J_OBJECT)
			return NULL;
		n = strcspn(path, ".");
		for (v = v->child; v != NULL; v = v->next)
			if (strncmp(v->key, path, n) == 0 && v->key[n] == '\0')
				break;
		if (path[n] == '.')
			n++;
	}
	return v;
}

const char *
jv_str(const struct jval *v, const char *path)
{
	v = jv_at(v, path);
	if (v == NULL || v->type != J_STRING || strlen(v->str) != v->len)
		return NULL;
	return v->str;
}

int
jv_u64(const struct jval *v, const char *path, uint64_t *n)
{
	char *end;

	v = jv_at(v, path);
	if (v == NULL || v->type != J_NUMBER || v->str[0] == '-')
		return -1;
	errno = 0;
	*n = strtoull(v->str, &end, 10);
	return errno != 0 || *end != '\0' ? -1 : 0;
}

bool
jv_true(const struct jval *v, const char *path)
{
	v = jv_at(v, path);
	return v != NULL && v->type == J_BOOL && v->on;
}

/* RFC 4648 section 4, padded; dst takes at least len / 4 * 3 bytes. */
int
base64_decode(const char *src, size_t len, void *dst, size_t *dlen)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t *out = dst;
	const char *p;
	size_t i, pad = 0;
	uint32_t acc = 0;

	*dlen = 0;
	if (len % 4 != 0)
		return -1;
	while (pad < 2 && pad < len && src[len - 1 - pad] == '=')
		pad++;
	for (i = 0; i < len; i++) {
		p = i >= len - pad ? alphabet : NULL;
		if (p == NULL && src[i] != '\0')
			p = strchr(alphabet, src[i]);
		if (p == NULL)
			return -1;
		acc = (acc << 6) | (uint32_t)(p - alphabet);
		if (i % 4 != 3)
			continue;
		out[(*dlen)++] = (uint8_t)(acc >> 16);
		out[(*dlen)++] = (uint8_t)(acc >> 8);
		out[(*dlen)++] = (uint8_t)acc;
		acc = 0;
	}
	*dlen -= pad;
	return 0;
}
