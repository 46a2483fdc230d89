/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the JSON of a request. Text that is not UTF-8 cannot be said in JSON;
 * it makes the whole invalid, and the user is told which part it was.
 */
#ifndef JSONOUT_H
#define JSONOUT_H

#include <stdbool.h>
#include <stddef.h>

struct jsonout;

struct jsonout *jo_new(void);
void jo_free(struct jsonout *);
/* key is NULL for the outermost object, and for members of an array. */
void jo_open(struct jsonout *, const char *key);
void jo_close(struct jsonout *);
void jo_open_array(struct jsonout *, const char *key);
void jo_close_array(struct jsonout *);
void jo_str(struct jsonout *, const char *key, const char *);
void jo_strn(struct jsonout *, const char *key, const char *, size_t len);
void jo_num(struct jsonout *, const char *key, size_t);
void jo_bool(struct jsonout *, const char *key, bool);
/* NULL, after a message, when something was not UTF-8. */
const char *jo_text(struct jsonout *, size_t *len);

#endif
