/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions in the syntax of RE2, matched in time linear in the
 * subject: by PCRE2's DFA matcher, which never goes back. What RE2 does not
 * have (back references, look-around, atomic groups) is refused.
 */
#ifndef REGEX_H
#define REGEX_H

#include "agentsh.h"

#define REGEX_MAX 4096		 /* bytes of a pattern */
#define REGEX_SUBJECT_MAX 131072 /* bytes of a subject */

struct regex;

/* NULL with *what set: static text, or the library's in a static buffer (one
 * thread). *at is the offset in the pattern. */
struct regex *regex_new(const char *pattern, const char **what, size_t *at);
void regex_free(struct regex *);
/* 1 it matches somewhere in the subject, 0 not; -1 with errno: no answer (too
 * long, no memory, out of the matcher's bounds), which is never a match and
 * never a miss. Bytes that are not UTF-8 count as U+FFFD each. */
int regex_match(const struct regex *, const char *subject, size_t len);

#endif
