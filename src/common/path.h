/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths and names as text. Nothing here touches a file system.
 */
#ifndef PATH_H
#define PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Absolute, no "//", no "." or ".." part, no trailing slash but for "/". */
bool path_is_clean(const char *);
/* base and rel (absolute rel wins) joined, with "." and ".." resolved as text.
 * 0, or -1 when it does not fit in size. */
int path_join(char *dst, size_t size, const char *base, const char *rel);
/* Is path the directory itself or beneath it? Both clean. */
bool path_is_beneath(const char *path, const char *dir);
const char *path_basename(const char *);
/* How much of the base name of a program, of len bytes, rules know it by:
 * distributions put a wrapper at NAME and the program at NAME.real, in any
 * spelling. */
size_t path_program_len(const char *base, size_t len);
/* [A-Za-z0-9][A-Za-z0-9._-]{0,127} */
bool session_id_is_valid(const char *);
/* The name of a session: ID, or UID:ID for one of that user. *uid is left alone
 * when the name has none; *id points into name. 0, or -1 when it is neither. */
int session_name_split(const char *name, uint32_t *uid, const char **id);
/* [A-Za-z0-9_-]{1,128} */
bool policy_name_is_valid(const char *);

#endif
