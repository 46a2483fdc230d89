/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of polsign share.
 */
#ifndef POLSIGN_H
#define POLSIGN_H

#include <sys/types.h>

#include "polsig.h"

/* polsign.c: one line to standard error, control bytes made visible; -1. */
int complain(const char *, ...) __attribute__((format(printf, 1, 2)));
/*
 * The file appears whole, with this mode, or not at all; one that is there is
 * replaced or, without replace, left as it is and an error. 0, or -1 and said.
 */
int write_file(const char *path, const char *text, mode_t, bool replace);
/*
 * Reads the policy: 0 with its text, the caller's to free, its directory
 * opened in *dir, the file's name there, and the policy's name in name
 * (AGENTSH_NAME_MAX + 1 bytes); -1 and said.
 */
int read_policy(const char *path, char **text, size_t *len, int *dir,
    const char **file, char *name);
void usage(void) __attribute__((noreturn));

/* One file each: exit status. */
int keygen(int argc, char **argv);
int sign(int argc, char **argv);
int verify(int argc, char **argv);

#endif
