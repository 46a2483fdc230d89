/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of git as a session may change them. What is not a setting of
 * gitconf.def must be the same in both texts, in the same order; a text that
 * is not written as git itself writes it is never harmless.
 */
#ifndef GITCONF_H
#define GITCONF_H

#include <stdbool.h>
#include <stddef.h>

#define GITCONF_MAX 65536 /* bytes of settings that are looked at */

/* Does new, in place of old, change harmless settings only? A file that is not
 * there has no bytes. */
bool gitconf_is_harmless(const char *old, size_t old_len, const char *new,
    size_t new_len);
/* Are all settings of the list, so that the file may go? */
bool gitconf_may_go(const char *text, size_t len);

#endif
