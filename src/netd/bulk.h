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
	/* of the socket that they go to: what did not go is lost; or 0 */
	int error;
};

/* Takes at most max bytes of a socket and sends them to another; neither blocks.
 * How many were taken; 0: the end; -1 with errno, EAGAIN among others: none. */
ssize_t bulk_move(int from, int to, size_t max, struct bulk *);

#endif
