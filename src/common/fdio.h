/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole writes.
 */
#ifndef FDIO_H
#define FDIO_H

#include <stddef.h>

/* Writes all len bytes, waiting where the descriptor does not block. 0, or -1
 * with errno when some could not be written. */
int write_all(int fd, const void *, size_t len);

#endif
