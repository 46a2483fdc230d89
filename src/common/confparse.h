/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file, from text to struct conf, by the rows of conf.def.
 */
#ifndef CONFPARSE_H
#define CONFPARSE_H

#include "conf.h"

struct ydoc;
struct ynode;

/*
 * Starts from the defaults. 0, or -1 with e->message "name:line:column: key:
 * what". The text may be anything.
 */
int conf_parse(const char *name, const uint8_t *text, size_t len, struct conf *,
    struct aerr *e);
/* confprofile.c: mount_profiles, as the text of profile.h into out, which has
 * room for max bytes and a NUL. The same of errors. */
int conf_parse_profiles(const struct ydoc *, const struct ynode *, char *out,
    size_t max, struct aerr *e);
/* confcalls.c: the lists of sandbox.seccomp, the same way; key is the row's. */
int conf_parse_calls(const struct ydoc *, const struct ynode *, const char *key,
    char *out, size_t max, struct aerr *e);
int conf_parse_families(const struct ydoc *, const struct ynode *,
    const char *key, char *out, size_t max, struct aerr *e);
/* -1 with an error when a call is in both of the lists. */
int conf_check_calls(const struct ydoc *, const struct conf *, struct aerr *e);

#endif
