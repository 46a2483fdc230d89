/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict reader of one YAML document of unknown origin, over libyaml. What
 * is ambiguous or dangerous is an error with file, line and column: a second
 * document, duplicate keys, anchors and aliases, tags, keys that are not
 * scalars, NUL bytes, too much depth, too many bytes or nodes. It knows
 * nothing of what the document means.
 */
#ifndef YAML_DOC_H
#define YAML_DOC_H

#include "agentsh.h"

#define YDOC_MAX_BYTES 4194304
#define YDOC_MAX_DEPTH 32
#define YDOC_MAX_NODES 262144
#define YDOC_MAX_KEYS 1024 /* of one mapping */

enum ynode_kind {
	YNODE_SCALAR,
	YNODE_SEQ,
	YNODE_MAP
};

struct ynode {
	enum ynode_kind kind;
	uint32_t line;	     /* from 1 */
	uint32_t column;     /* from 1, in characters */
	bool plain;	     /* a scalar without quotes */
	char *text;	     /* of a scalar; no NUL inside */
	struct ynode *key;   /* of a value in a mapping */
	struct ynode *first; /* of what is inside */
	struct ynode *last;
	struct ynode *next; /* beside it */
	struct ynode *all;  /* every node of the document, for freeing */
	size_t n;	    /* nodes inside */
};

struct ydoc {
	const char *name;   /* for errors; the caller's */
	struct ynode *root; /* NULL for an empty document */
	struct ynode *all;
	size_t nnodes;
};

/* 0, or -1 with e filled; then there is nothing to free. */
int ydoc_parse(struct ydoc *, const char *name, const uint8_t *, size_t len,
    struct aerr *e);
void ydoc_free(struct ydoc *);
/* The HTTP status and code of an error with this text: a client's mistake, but
 * where it ends with "out of memory". */
void ydoc_class(struct aerr *e, const char *text);
/* Fills e with "name:line:column: text"; always -1. at NULL: line 1. */
int ydoc_error(const struct ydoc *, const struct ynode *at, struct aerr *e,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* A scalar that stands for nothing: empty, ~ or null, without quotes. */
bool ynode_is_null(const struct ynode *);

/*
 * The word of the list nearest to what was written, or NULL when none is near
 * enough to be what was meant.
 */
const char *nearest_word(const char *word, const char *const *words, size_t n);

#endif
