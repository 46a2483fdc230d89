/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cases of posix.c have in common.
 */
#ifndef POSIX_H
#define POSIX_H

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 65536

#define DO(call) line(#call, (long)(call))

/* One line: what was done, and its value or its error. */
void line(const char *what, long value);
/* Makes a file, or ends the case. */
int file(const char *name, int flags, const char *text);
/* Prints what a file holds. */
void show(const char *name);
/* Runs fn in another process; its exit code. */
long other(int (*fn)(int), int arg);
/* -1 when there is no such file; ino 0. */
long mode_of(const char *name);
long links_of(const char *name);
long size_of(const char *name);
ino_t ino_of(const char *name);

void c_seek(void);
void c_copy(void);
void c_fallocate(void);
void c_tmpfile(void);
void c_locks(void);
void c_mmap(void);
void c_direct(void);
void c_append(void);
void c_unlinked(void);
void c_sync(void);
void c_io(void);
void c_rename(void);
void c_nodes(void);
void c_acl(void);
void c_xattr(void);
void c_statx(void);
void c_dirs(void);
void c_listing(void);
void c_times(void);
void c_modes(void);
void c_names(void);
void c_links(void);
void c_exec(void);

#endif
