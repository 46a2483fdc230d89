/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON. Decoding: one object into a structure, by a table of what it
 * may hold; anything else is an error that names the place. Encoding: helpers
 * over yajl_gen which never write bytes that are not UTF-8.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <yajl/yajl_gen.h>

#include "agentsh.h"

#define JSON_FIELDS_MAX 64 /* rows of a table */
#define JSON_DEPTH_MAX 32
/* Strings of an array: more than a spec takes, which has an answer of its own. */
#define JSON_WORDS_MAX (2 * AGENTSH_WORDS_MAX)
#define JSON_PAIRS_MAX 4096 /* names of an object of strings */

struct json_bytes {
	char *data; /* terminated; NULL when the field was not there */
	size_t len;
};

struct json_list {
	char **v; /* ends with NULL once there is one */
	size_t n;
};

/* An object of strings: names and values in turn. */
struct json_pairs {
	char **v;
	size_t n; /* pairs */
};

enum json_bool {
	JSON_ABSENT,
	JSON_FALSE,
	JSON_TRUE
};

enum json_type {
	JSON_STRING, /* char *; NUL inside is refused */
	JSON_BYTES,  /* struct json_bytes; may hold NUL */
	JSON_BOOL,   /* enum json_bool */
	JSON_UINT,   /* uint64_t */
	JSON_LIST,   /* struct json_list */
	JSON_PAIRS,  /* struct json_pairs */
	JSON_REFUSED /* known, but not supported by this build */
};

enum {
	JSON_REQUIRED = 1
};

/* One row; nested objects are named with dots ("policy.rule"). */
struct json_field {
	const char *key;
	enum json_type type;
	size_t offset;
	size_t max; /* bytes of a string or of each string; 0: no own limit */
	unsigned flags;
};

/*
 * Decodes one object into dst, which the caller zeroed; on failure too dst
 * holds what json_release() has to free. 0, or -1 with the reason for the
 * client in err. json_scan ignores what the table does not name: it is for
 * objects that our own processes wrote.
 */
int json_decode(const struct json_field *, size_t nfields, const void *text,
    size_t len, void *dst, char *err, size_t errlen);
int json_scan(const struct json_field *, size_t nfields, const void *text,
    size_t len, void *dst, char *err, size_t errlen);
void json_release(const struct json_field *, size_t nfields, void *dst);
/* Frees the strings and forgets them. */
void json_list_free(struct json_list *);

/* Encoding. NULL on lack of memory; after a string that there is no memory to
 * clean or to encode, yajl_gen_get_buf() gives no text of any of it. */
yajl_gen json_new(void);
void json_key(yajl_gen, const char *);
void json_str(yajl_gen, const char *);
/* Every byte that is no UTF-8 becomes U+FFFD; true when there was one. */
bool json_text(yajl_gen, const void *, size_t len);
void json_base64(yajl_gen, const void *, size_t len);
/* A value that is JSON already. */
void json_raw(yajl_gen, const char *, size_t len);
void json_put_str(yajl_gen, const char *key, const char *);
void json_put_u64(yajl_gen, const char *key, uint64_t);
void json_put_bool(yajl_gen, const char *key, bool);

#endif
