/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes from one socket to another without a copy of them.
 */
#ifndef BULK_H
#define BULK_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

struct bulk {
	uint8_t *buf; /* the caller's, for max bytes */
	size_t sent;  /* bytes that went */
	size_t rest;  /* in buf: bytes that were taken and did not go */
	int error;    /* of what they were to go to, or 0; then rest is lost */
};

/* Takes at most max bytes, of a socket, and sends them to another; both do not
 * block. How many were taken; 0: the end; -1 with errno: none were, EAGAIN among
 * others. */
ssize_t bulk_move(int from, int to, size_t max, struct bulk *);

#endif
