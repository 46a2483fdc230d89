/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole reads and writes, memory that is written once and then read by others,
 * and descriptors that are there or not.
 */
#ifndef FDIO_H
#define FDIO_H

#include <stddef.h>
#include <stdint.h>

/* Writes all len bytes, waiting where the descriptor does not block. 0, or -1
 * with errno when some could not be written. */
int write_all(int fd, const void *, size_t len);
/* Reads len bytes from this place on: 0, or -1 with errno; ENODATA: there are
 * fewer. */
int read_at(int fd, void *, size_t len, uint64_t at);
/* A memfd with these bytes, at its beginning, that nobody can change any more,
 * or -1 with errno. name is for /proc. */
int memfd_sealed(const char *name, const void *, size_t len);

/* Closes *fd, where it is one, and makes it -1. */
void fd_close(int *fd);

#endif
