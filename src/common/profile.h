/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mount profiles of the configuration: which directories of the host a session
 * has beside its workspace. Between processes they are one text, of lines: NAME
 * and POLICY of a profile, then behind a tab each of its mounts: ro or rw, the
 * name of its own policy or a dot, the path.
 */
#ifndef PROFILE_H
#define PROFILE_H

#include "agentsh.h"

#define PROFILE_MOUNTS 8       /* of one profile */
#define PROFILES_TEXT_MAX 8192 /* all of them, bytes */

struct profile_mount {
	bool rw;
	char policy[AGENTSH_NAME_MAX + 1]; /* "": that of the profile */
	char path[AGENTSH_PATH_MAX + 1];
};

struct profile {
	char name[AGENTSH_NAME_MAX + 1];
	char policy[AGENTSH_NAME_MAX + 1]; /* what no mount has its own for */
	size_t n;
	struct profile_mount mount[PROFILE_MOUNTS];
};

/* NULL, or what a path of a mount has to be. */
const char *profile_path_error(const char *path);
/* The profile at *text, which moves behind it. 1; 0 at the end; -1: the text is
 * not of that form, or two mounts of one profile lie in each other. */
int profile_next(const char **text, struct profile *);
/* Is that profile there? Of a valid text. */
bool profile_find(const char *text, const char *name, struct profile *);
/* Of that form, and no name twice? */
bool profiles_are_valid(const char *text);

#endif
