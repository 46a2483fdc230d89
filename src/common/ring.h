/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event ring: one producer, one consumer, in a memfd of fixed size, with an
 * eventfd to wake the consumer and one to tell the producer of free space. No
 * record is ever dropped: a producer that finds the ring full waits. Neither
 * side believes the other: positions are checked and records copied out before
 * they are looked at.
 */
#ifndef RING_H
#define RING_H

#include <pthread.h>
#include <stdatomic.h>

#include "agentsh.h"

#define RING_SIZE 262144 /* bytes of data, a power of two */

struct ring_head;

struct ring {
	struct ring_head *head; /* shared */
	uint8_t *data;
	uint32_t size;
	uint64_t pos; /* own position; the shared copy is only published */
	int mem_fd;
	int wake_fd;
	int space_fd;
	pthread_mutex_t lock; /* producers with threads */
	atomic_bool abandoned;
};

/* privd: makes the three descriptors of a ring of RING_SIZE. 0 or -1. */
int ring_create(int fds[3]);
/* Both sides: map. Takes the descriptors on success. 0, or -1 with errno. */
int ring_map(struct ring *, const int fds[3], uint32_t size);
void ring_unmap(struct ring *);
/* Producer; waits while the ring is full. 0, or -1 with errno: EMSGSIZE, more
 * than a quarter of the ring; EPROTO, the consumer's position cannot be true;
 * ECANCELED, ring_abandon. */
int ring_put(struct ring *, const void *, size_t len);
/* Producer, in another thread: nobody reads any more, and nobody is to wait. */
void ring_abandon(struct ring *);
/* Consumer: 1 and a record of *len bytes in dst, 0 empty, -1 malformed. */
int ring_get(struct ring *, void *dst, size_t max, size_t *len);
/* Consumer: about to sleep on wake_fd; false when a record came meanwhile. */
bool ring_may_sleep(struct ring *);

#endif
