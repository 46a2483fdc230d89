/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the JSON of a request, by yajl.
 */
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_gen.h>

#include "cli.h"
#include "jsonout.h"

struct jsonout {
	yajl_gen g;
	bool bad;
	char what[64]; /* the last key, for the message */
};

struct jsonout *
jo_new(void)
{
	struct jsonout *o = xcalloc(1, sizeof(*o));

	o->g = yajl_gen_alloc(NULL);
	if (o->g == NULL ||
	    yajl_gen_config(o->g, yajl_gen_validate_utf8, 1) == 0) {
		say("out of memory");
		exit(EXIT_FAILURE);
	}
	return o;
}

void
jo_free(struct jsonout *o)
{
	yajl_gen_free(o->g);
	free(o);
}

static void
check(struct jsonout *o, yajl_gen_status st)
{
	if (st == yajl_gen_status_ok || o->bad)
		return;
	o->bad = true;
	say("%s: not text in UTF-8, and the server's API takes nothing else",
	    o->what);
}

static void
put(struct jsonout *o, const char *s, size_t len)
{
	if (!o->bad)
		check(o, yajl_gen_string(o->g, (const unsigned char *)s, len));
}

static void
put_key(struct jsonout *o, const char *key)
{
	size_t n;

	if (key == NULL)
		return;
	n = strnlen(key, sizeof(o->what) - 1);
	memcpy(o->what, key, n);
	o->what[n] = '\0';
	put(o, key, strlen(key));
}

void
jo_open(struct jsonout *o, const char *key)
{
	put_key(o, key);
	if (!o->bad)
		check(o, yajl_gen_map_open(o->g));
}

void
jo_close(struct jsonout *o)
{
	if (!o->bad)
		check(o, yajl_gen_map_close(o->g));
}

void
jo_open_array(struct jsonout *o, const char *key)
{
	put_key(o, key);
	if (!o->bad)
		check(o, yajl_gen_array_open(o->g));
}

void
jo_close_array(struct jsonout *o)
{
	if (!o->bad)
		check(o, yajl_gen_array_close(o->g));
}

void
jo_strn(struct jsonout *o, const char *key, const char *s, size_t len)
{
	put_key(o, key);
	put(o, s, len);
}

void
jo_str(struct jsonout *o, const char *key, const char *s)
{
	jo_strn(o, key, s, strlen(s));
}

void
jo_num(struct jsonout *o, const char *key, size_t n)
{
	put_key(o, key);
	if (!o->bad)
		check(o, yajl_gen_integer(o->g, (long long)n));
}

void
jo_bool(struct jsonout *o, const char *key, bool on)
{
	put_key(o, key);
	if (!o->bad)
		check(o, yajl_gen_bool(o->g, on));
}

const char *
jo_text(struct jsonout *o, size_t *len)
{
	const unsigned char *p;

	if (o->bad || yajl_gen_get_buf(o->g, &p, len) != yajl_gen_status_ok)
		return NULL;
	return (const char *)p;
}
