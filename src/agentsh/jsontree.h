/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as a tree, built from yajl's events because strings keep their length
 * (output of commands may hold NUL). Depth and number of values are limited,
 * and nothing recurses, so a hostile reply costs bounded memory and no stack.
 */
#ifndef JSONTREE_H
#define JSONTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_MAX_DEPTH 32
#define JSON_MAX_VALUES 1000000

enum jtype {
	J_NULL,
	J_BOOL,
	J_NUMBER,
	J_STRING,
	J_ARRAY,
	J_OBJECT
};

struct jval {
	enum jtype type;
	bool on;	    /* J_BOOL */
	char *key;	    /* in an object, terminated; NULL elsewhere */
	char *str;	    /* J_STRING and J_NUMBER, terminated */
	size_t len;	    /* of str */
	struct jval *child; /* first member */
	struct jval *last;
	struct jval *next; /* sibling */
	struct jval *parent;
	struct jval *chain; /* all values, for json_free() */
};

struct json {
	struct jval *root;
	struct jval *all;
	struct jval *open; /* container being filled */
	char *key;
	size_t nvalues;
	unsigned int depth;
	const char *err;
};

/* NULL with a reason in *err. */
struct json *json_parse(const void *, size_t, const char **err);
void json_free(struct json *);
/* "result.error.code"; NULL where there is no such thing, or v is NULL. */
const struct jval *jv_at(const struct jval *v, const char *path);
/* NULL when not a string, or one with a NUL inside. */
const char *jv_str(const struct jval *v, const char *path);
int jv_u64(const struct jval *v, const char *path, uint64_t *);
bool jv_true(const struct jval *v, const char *path);

int base64_decode(const char *, size_t, void *dst, size_t *len);

#endif
