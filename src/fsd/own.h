/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh's own files.
 */
#ifndef FSD_OWN_H
#define FSD_OWN_H

#include <stdbool.h>

#include "fsd.h"

#define OWN_RULE "agentsh-files"
#define OWN_TEXT "agentsh works by it: it is not for sessions"

/* Before the sandbox. usual: where the trash usually is, on the host; config: the
 * server's configuration; the workspace, on the host. */
void own_start(const char *usual, const char *config, const char *workspace);
/* May that not be done there, whatever the policy says? */
bool own_guards(enum file_op, bool changes, const char *path);
/* Does that put something else in the place of a directory, or of none? */
bool own_turns_aside(enum file_op);
/* Is that not to be seen by any path? */
bool own_is_hidden(const struct statx *);

#endif
