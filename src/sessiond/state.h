/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session remembers from one command to the next: a directory, names
 * with their values, lines. All of it comes from clients and is bounded here.
 * It gives no right: each command is decided when it starts, whatever it was
 * made of.
 */
#ifndef STATE_H
#define STATE_H

#include <stddef.h>
#include <stdint.h>

#include "json.h"

/* Names, and bytes of them and their values, of the environment; and of the
 * aliases. */
#define STATE_NAMES_MAX 512
#define STATE_BYTES_MAX 131072
#define HISTORY_LINES 1000
#define HISTORY_BYTES 65536
#define HISTORY_LINE_MAX 1024 /* a longer one is cut */

struct evbuffer;

struct var {
	char *name;
	char *value; /* NULL: the name is not to be there */
};

struct vars {
	struct var *v;
	size_t n;
	size_t bytes;
};

struct history {
	char **line; /* HISTORY_LINES of them, or NULL */
	size_t first;
	size_t n;
	size_t bytes;
	uint64_t told; /* lines that there were in all */
};

/* vars.c. Text is copied; -1: no memory. */
int vars_put(struct vars *, const char *name, size_t len, const char *value);
const char *vars_get(const struct vars *, const char *name);
void vars_free(struct vars *);
/* What a user's session holds becomes what the changes make of it, all or
 * nothing: 0, or -1 with the reason. keep: does a name that is taken away leave
 * a mark? may be NULL: none does. */
int vars_change(struct vars *, uint32_t uid, const struct vars *changes,
    bool (*keep)(const char *name), char *err, size_t errlen);
/* Of a session that ends. */
void vars_forget(struct vars *, uint32_t uid);

/* history.c. One that there is no room for is not remembered. */
void history_add(struct history *, uint32_t uid, const char *command,
    const struct json_list *args);
/* All lines with their numbers. */
void history_text(struct evbuffer *, const struct history *);
void history_forget(struct history *, uint32_t uid);

/* alias.c */
/* Is it a name for one? */
bool alias_name_is_valid(const char *name, size_t len);
/* Its words, each of which the list owns: 0, or -1 with the reason. */
int alias_split(const char *text, struct json_list *, char *err, size_t errlen);
/* alias NAME='TEXT', for all or for the one name. */
void alias_text(struct evbuffer *, const struct vars *, const char *name);
/* Puts its words in the place of a command that is one. 0, or -1: no memory. */
int alias_expand(const struct vars *, char **command, struct json_list *args);

#endif
