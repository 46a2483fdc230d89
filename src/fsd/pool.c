/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads that take requests from the device. One waits there, and serves
 * what comes itself: to wake another for it would cost more than most requests
 * do. The others are parked, and come when it is slow. A watchman looks, as long
 * as there are requests, whether somebody waits at the device or requests get
 * done; where not, because the host does not answer, one more is sent there, up
 * to a bound: who asks for what hangs stalls nobody else.
 *
 * Where requests come one soon after the other, who waits does not sleep: it
 * looks again for a moment, as what is asleep takes longer to wake than a request
 * takes. That is about speed only, and is not done with one processor.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "approve.h"
#include "clock.h"
#include "decide.h"
#include "log.h"
#include "pool.h"
#include "serve.h"
#include "trashing.h"

#define POOL_THREADS_MAX 64 /* each may wait for a host that is slow */
#define POOL_PARKED_MAX 8   /* more than these end */
/* One that gets this many requests without a pause has too many for itself. */
#define POOL_BACKLOG 64
/* The watchman's look, and how many of them without a request end his round. */
#define LOOK_US 300
#define LOOKS_QUIET 32
/* So long it looks for the next request, where the last ones came as soon. */
#define SOON_US 50
#define SOON_TIMES 2
/* Another one wanted the processor, for so long: it is not taken from it again
 * for this time. Who sleeps is woken before who runs, there. */
#define CROWDED_US 10
#define CROWDED_FOR_US 20000

static struct {
	pthread_mutex_t lock;
	pthread_cond_t called;	/* the parked */
	pthread_cond_t started; /* the watchman */
	unsigned threads;
	cpu_set_t all; /* where this process may be */
	unsigned processors;
	unsigned waiting; /* at the device, or on the way there */
	unsigned parked;
	unsigned calls; /* parked ones that are to come */
	uint64_t served;
	bool quiet; /* the watchman sleeps until the next request */
	bool warned;
	/* of who waits */
	_Atomic unsigned soon; /* waits in a row that were short */
	_Atomic uint64_t crowded;
} pool = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.called = PTHREAD_COND_INITIALIZER,
	.started = PTHREAD_COND_INITIALIZER,
	.quiet = true,
};

static void *pool_thread(void *);

/* Under the lock: one more goes to the device, if there may be one. */
static void
send_one(void)
{
	int rc;

	if (pool.parked > pool.calls) {
		pool.calls++;
		pool.waiting++;
		pthread_cond_signal(&pool.called);
		return;
	}
	if (pool.threads >= POOL_THREADS_MAX)
		return;
	rc = thread_start(pool_thread, NULL);
	if (rc == 0) {
		pool.threads++;
		pool.waiting++;
		return;
	}
	if (!pool.warned)
		log_warnx("no more threads: %s", strerror(rc));
	pool.warned = true;
}

static void *
watchman(void *arg)
{
	unsigned quiet = 0;
	uint64_t last = 0;

	(void)arg;
	for (;;) {
		usleep(LOOK_US);
		pthread_mutex_lock(&pool.lock);
		if (pool.waiting == 0 && pool.served == last)
			send_one();
		quiet = pool.served == last ? quiet + 1 : 0;
		last = pool.served;
		/* who is busy now, long since, has another one wait for it */
		if (quiet >= LOOKS_QUIET &&
		    (pool.waiting > 0 || pool.threads >= POOL_THREADS_MAX)) {
			pool.quiet = true;
			while (pool.quiet)
				pthread_cond_wait(&pool.started, &pool.lock);
			quiet = 0;
		}
		pthread_mutex_unlock(&pool.lock);
	}
	return NULL;
}

/* A request came to this thread, backlog of them without a pause. */
static void
begin(unsigned backlog)
{
	pthread_mutex_lock(&pool.lock);
	pool.waiting--;
	if (pool.quiet) {
		pool.quiet = false;
		pthread_cond_signal(&pool.started);
	}
	if (backlog >= POOL_BACKLOG && pool.waiting == 0 &&
	    pool.threads - pool.parked + pool.calls < pool.processors)
		send_one();
	pthread_mutex_unlock(&pool.lock);
}

/* The request is answered. Says false when the thread is one too many. */
static bool
done(void)
{
	bool stay = true;

	pthread_mutex_lock(&pool.lock);
	pool.served++;
	if (pool.waiting == 0) {
		pool.waiting++;
	} else if (pool.parked >= POOL_PARKED_MAX) {
		pool.threads--;
		stay = false;
	} else {
		pool.parked++;
		while (pool.calls == 0)
			pthread_cond_wait(&pool.called, &pool.lock);
		pool.calls--;
		pool.parked--;
	}
	pthread_mutex_unlock(&pool.lock);
	return stay;
}

/* 1, 0 when there is no request now, -1 at the device's end. */
static int
take(struct fuse_buf *buf)
{
	int n;

	n = fuse_session_receive_buf(fsd.session, buf);
	if (n == -EINTR || n == -EAGAIN)
		return 0;
	return n <= 0 ? -1 : 1;
}

/*
 * Another one wanted this processor, who asks perhaps, and is woken where it was.
 * To another one then; if that is wanted as well there is none to spare.
 */
static void
make_room(uint64_t now)
{
	static uint64_t moved;
	cpu_set_t others = pool.all;
	int cpu = sched_getcpu();

	if (now - moved < CROWDED_FOR_US || cpu < 0 || cpu >= CPU_SETSIZE) {
		pool.crowded = now + CROWDED_FOR_US;
		return;
	}
	moved = now;
	CPU_CLR((size_t)cpu, &others);
	if (sched_setaffinity(0, sizeof(others), &others) == 0)
		(void)sched_setaffinity(0, sizeof(pool.all), &pool.all);
}

/* Waits for a request without sleeping, as take. */
static int
take_soon(struct fuse_buf *buf)
{
	uint64_t now = clock_us(), before, end = now + SOON_US;
	int rc;

	do {
		before = now;
		sched_yield();
		now = clock_us();
		if (now - before > CROWDED_US)
			make_room(now);
		rc = take(buf);
	} while (rc == 0 && now < end);
	return rc;
}

static void
sleep_at_device(void)
{
	struct pollfd p = { .fd = fuse_session_fd(fsd.session),
		.events = POLLIN };
	uint64_t begin_us = clock_us();

	(void)poll(&p, 1, -1);
	pool.soon = clock_us() - begin_us < SOON_US ? pool.soon + 1 : 0;
}

int
pool_take(struct fuse_buf *buf, bool *waited)
{
	int rc;

	*waited = false;
	rc = take(buf);
	if (rc != 0)
		return rc;
	*waited = true;
	if (pool.soon >= SOON_TIMES && pool.processors > 1 &&
	    pool.crowded < clock_us()) {
		rc = take_soon(buf);
		if (rc != 0)
			return rc;
	}
	sleep_at_device();
	return take(buf);
}

static void *
pool_thread(void *arg)
{
	struct fuse_buf buf = { 0 };
	unsigned backlog = 0;
	bool waited;
	int rc = 0;

	(void)arg;
	while (!fuse_session_exited(fsd.session)) {
		rc = pool_take(&buf, &waited);
		if (rc == -1)
			break;
		if (rc == 0)
			continue;
		backlog = waited ? 0 : backlog + 1;
		begin(backlog);
		do {
			policy_enter();
			fuse_session_process_buf(fsd.session, &buf);
			policy_leave();
		} while (approve_again());
		if (!done()) {
			free(buf.mem);
			return NULL;
		}
	}
	/* the session's root is gone, and so is all that we are for */
	log_debug("the device is closed");
	trash_end_session();
	_exit(0);
}

int
pool_start(void)
{
	int rc;

	/* more of them than fit in the set: it counts as one */
	pool.processors = 1;
	if (sched_getaffinity(0, sizeof(pool.all), &pool.all) == 0)
		pool.processors = (unsigned)CPU_COUNT(&pool.all);
	pthread_mutex_lock(&pool.lock);
	send_one();
	rc = pool.threads > 0 ? 0 : EAGAIN;
	pthread_mutex_unlock(&pool.lock);
	return rc != 0 ? rc : thread_start(watchman, NULL);
}
