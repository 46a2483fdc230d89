/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session has of its worker and of the host's network: so much work in a
 * turn, after which the worker's other sessions have theirs, and so many bytes in
 * a second where its policy says so. Who has to wait for either stands in a line,
 * and reads nothing meanwhile.
 */
#ifndef SHARE_H
#define SHARE_H

#include <sys/queue.h>

#include <event2/event.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHARE_TURN 262144 /* bytes of one session, before the others' turn */
/* the same of the only session of a worker, which has nobody to wait for, but for
 * who comes: a turn that ends costs some calls for each of its connections */
#define SHARE_ALONE (16 * SHARE_TURN)
#define SHARE_COST 4096	   /* what any work costs of that, in bytes */
#define SHARE_BURST_MS 100 /* so much of the limit may go at once */

struct share_place {
	TAILQ_ENTRY(share_place) entry;
	void (*go)(void *arg); /* it is its turn, and it stands there no more */
	void *arg;
	bool waits;
};

struct share {
	struct event_base *base;
	struct event *timer;
	TAILQ_HEAD(, share_place) line;
	size_t nline;
	size_t turn;	 /* left of it, in bytes */
	uint64_t rate;	 /* bytes a second; 0: any */
	uint64_t tokens; /* millionths of a byte that may go now */
	uint64_t filled; /* clock_us() when tokens was true */
	bool serving;	 /* the one whose turn it is */
	uint64_t slice;	 /* of which so many bytes are left */
};

/* Of a session of the thread that calls, as share_free does. NULL without memory. */
struct share *share_new(struct event_base *);
/* Nobody stands in its line. */
void share_free(struct share *);
/* From now on. mbps: 1,000,000 bits a second each; 0 is no limit. */
void share_limit(struct share *, uint64_t mbps);
/* How many bytes the caller may read now, of both directions; 0: it is to wait. */
size_t share_may(struct share *);
/* Has the session had its turn? Then who has anything to do is to wait. */
bool share_is_over(const struct share *);
/* The caller has done something, and read so many bytes. */
void share_took(struct share *, size_t len);
/* The same of bytes that had been read before. */
void share_sent(struct share *, size_t len);
/* go is called in a while, from the loop; a place that waits already stays. */
void share_wait(struct share *, struct share_place *);
void share_leave(struct share *, struct share_place *);

#endif
