/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's files, by descriptors held.
 */
#ifndef FSD_BACKING_H
#define FSD_BACKING_H

#include <limits.h>
#include <stdio.h>

#include "fsd.h"

/* of renameat2(2), where the C library does not know them */
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#define RENAME_EXCHANGE (1 << 1)
#endif

/* Bits of a mode that a command may set: never one by which a program would run
 * as the session's user when somebody else starts it outside. Of a directory
 * S_ISGID only says whose group new files get. */
#define MODE_FILE (S_ISVTX | 0777)
#define MODE_DIR (S_ISVTX | S_ISGID | 0777)

/* backing.c: the host's files, by descriptors held */
/* Once the descriptors are there, before there are threads. */
void backing_init(void);
int backing_open(int parent_fd, const char *text, struct statx *);
int backing_stat(int fd, struct statx *);
/* Of what the name means there; a symbolic link itself. */
int backing_stat_at(int parent_fd, const char *text, struct statx *);
/* Is another file system mounted on that name? Asks neither of the two. */
bool backing_is_mount(int parent_fd, const char *text);
bool backing_same(const struct ident *, const struct statx *);
void backing_ident(struct ident *, const struct statx *);
/* Opens for I/O what an O_PATH descriptor means. */
int backing_reopen(int path_fd, int flags);
/* The name of a descriptor beneath fsd.self_fd. */
void backing_name(char dst[16], int fd);
/* Is that directory, len bytes of below the one of top_fd, still there? */
bool backing_is_at(int dir_fd, int top_fd, const char *below, size_t len);
/* Where it is below the other, "" or with a slash first; false: nowhere. */
bool backing_below(int dir_fd, int top_fd, char below[PATH_MAX]);
/* Has somebody a file, open here to be read, open to be written? Who has mapped
 * it so has it open. Not said of files of others, nor where there are no leases
 * (fcntl(2)). */
bool backing_is_written(int fd);
/* May a file system that is not of this machine hold it? */
bool backing_is_remote(int fd);
/* Can another change have the same time as the last one? */
bool backing_is_recent(const struct statx *);
void backing_attr(struct stat *, const struct statx *);
uint64_t backing_ino(uint64_t dev, uint64_t ino);

#endif
