/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways to programs that nobody in a session can change: see ways.c.
 */
#ifndef WAYS_H
#define WAYS_H

#include <sys/stat.h>

#include <stdbool.h>

#include "target.h"

#define TRAIL_MAX 8 /* directories: a longer way is looked at each time */

/* The directories in which the names of a path were looked up, each as it was
 * before. */
struct trail {
	bool whole; /* true at first; false: it cannot be remembered */
	size_t n;
	int fd[TRAIL_MAX];
	struct stat st[TRAIL_MAX];
};

/* A name is about to be looked up in there. */
void trail_add(struct trail *, int dir_fd);
void trail_close(struct trail *);
/* f was opened by this absolute path just now: its names are set, if they are
 * known. */
bool way_known(const char *path, struct file *);
/* f was found so, and has its names. */
void way_remember(const char *path, const struct file *, struct trail *);

#endif
