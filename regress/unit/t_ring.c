/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings: order and content over millions of records between two threads and
 * two processes, with sleeping on both sides; a full ring waits; positions and
 * lengths that lie are refused.
 */
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ring.h"
#include "t.h"

#define HEAD_AT 0 /* of struct ring_head: the producer's position */
#define TAIL_AT 64

static struct ring a, b; /* producer's and consumer's view */

static void
make(void)
{
	int fds[3], dups[3], i;

	if (ring_create(fds) == -1)
		abort();
	for (i = 0; i < 3; i++)
		dups[i] = dup(fds[i]);
	if (ring_map(&a, fds, RING_SIZE) == -1 ||
	    ring_map(&b, dups, RING_SIZE) == -1)
		abort();
}

static void
drop(void)
{
	ring_unmap(&a);
	ring_unmap(&b);
}

/* A record of n: its number, then as many bytes as the number says. */
static size_t
fill(uint8_t *p, uint64_t n)
{
	size_t extra = (size_t)(n * 2654435761U % 97);

	if (n % 4099 == 0)
		extra = RING_SIZE / 4 - 8;
	memcpy(p, &n, 8);
	memset(p + 8, (int)(n & 0xff), extra);
	return 8 + extra;
}

static void
produce(uint64_t count)
{
	static uint8_t rec[RING_SIZE / 4];
	uint64_t n;

	for (n = 1; n <= count; n++) {
		if (ring_put(&a, rec, fill(rec, n)) == -1)
			abort();
	}
}

static void *
producer_main(void *arg)
{
	produce(*(uint64_t *)arg);
	return NULL;
}

/* Takes count records; the number of wrong ones. */
static uint64_t
consume(uint64_t count)
{
	static uint8_t got[RING_SIZE / 4], want[RING_SIZE / 4];
	struct pollfd pfd = { .fd = b.wake_fd, .events = POLLIN };
	uint64_t n = 1, wrong = 0, v;
	size_t len;
	int r;

	while (n <= count) {
		r = ring_get(&b, got, sizeof(got), &len);
		if (r == -1)
			return UINT64_MAX;
		if (r == 1) {
			if (len != fill(want, n) || memcmp(got, want, len) != 0)
				wrong++;
			n++;
			continue;
		}
		if (!ring_may_sleep(&b))
			continue;
		/* a lost wake-up shows as this time-out */
		if (poll(&pfd, 1, 20000) != 1)
			return UINT64_MAX - 1;
		if (read(b.wake_fd, &v, sizeof(v)) != sizeof(v))
			return UINT64_MAX - 2;
	}
	return wrong;
}

static void
test_threads(uint64_t count)
{
	pthread_t t;
	uint64_t r;

	make();
	pthread_create(&t, NULL, producer_main, &count);
	r = consume(count);
	pthread_join(t, NULL);
	T(r == 0, "%llu records between threads", (unsigned long long)count);
	drop();
}

static void
test_processes(uint64_t count)
{
	pid_t pid;
	uint64_t r;
	int status;

	make();
	pid = fork();
	if (pid == 0) {
		produce(count);
		_exit(0);
	}
	r = consume(count);
	waitpid(pid, &status, 0);
	T(r == 0, "%llu records between processes", (unsigned long long)count);
	drop();
}

static void
test_full(void)
{
	static uint8_t rec[RING_SIZE / 4 + 1];
	uint64_t count = 100000, r;
	pthread_t t;
	size_t len;

	make();
	T(ring_put(&a, rec, sizeof(rec)) == -1 && errno == EMSGSIZE,
	    "too long");
	T(ring_get(&b, rec, sizeof(rec), &len) == 0, "empty");
	T(ring_put(&a, rec, 0) == 0, "a record without bytes");
	T(ring_get(&b, rec, sizeof(rec), &len) == 1 && len == 0, "comes out");
	pthread_create(&t, NULL, producer_main, &count);
	/* not for order: lets the producer fill the ring and sleep */
	poll(NULL, 0, 50);
	r = consume(count);
	pthread_join(t, NULL);
	T(r == 0, "the producer of a full ring waits");
	drop();
}

static void
set(size_t at, uint64_t v)
{
	memcpy((uint8_t *)a.head + at, &v, sizeof(v));
}

static void
test_hostile(void)
{
	static const uint64_t heads[] = { RING_SIZE + 8, RING_SIZE * 2,
		UINT64_MAX, UINT64_MAX - 7, 1, 7, 4, 1ULL << 63 };
	static const uint32_t lens[] = { UINT32_MAX, UINT32_MAX - 3, RING_SIZE,
		RING_SIZE / 4 + 1, RING_SIZE / 4, 5 };
	static uint8_t rec[RING_SIZE / 4];
	uint32_t n;
	size_t i, len;

	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		make();
		set(HEAD_AT, heads[i]);
		T(ring_get(&b, rec, sizeof(rec), &len) == -1, "head %llx",
		    (unsigned long long)heads[i]);
		drop();
	}
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		make();
		n = lens[i];
		memcpy(a.data, &n, 4);
		set(HEAD_AT, 8);
		T(ring_get(&b, rec, sizeof(rec), &len) == -1, "length %u", n);
		drop();
	}
	make();
	ring_put(&a, rec, 100);
	T(ring_get(&b, rec, 99, &len) == -1, "longer than the consumer takes");
	set(TAIL_AT, a.pos + 8);
	T(ring_put(&a, rec, 8) == -1 && errno == EPROTO,
	    "tail before the head");
	drop();
}

static void *
put_for_ever(void *arg)
{
	static uint8_t rec[1024];

	while (ring_put(&a, rec, sizeof(rec)) == 0)
		continue;
	*(int *)arg = errno;
	return NULL;
}

/* Whoever waits for space, and whoever comes later. */
static void
test_abandon(void)
{
	uint8_t rec[1024] = { 0 };
	int error = 0;
	pthread_t t;

	make();
	pthread_create(&t, NULL, put_for_ever, &error);
	usleep(50000);
	ring_abandon(&a);
	pthread_join(t, NULL);
	T(error == ECANCELED, "abandoned by another thread");
	T(ring_put(&a, rec, sizeof(rec)) == -1 && errno == ECANCELED,
	    "full and abandoned before");
	drop();
}

static void
test_map(void)
{
	int fds[3];
	struct ring r;

	ring_create(fds);
	T(ftruncate(fds[0], 0) == -1, "sealed against shrinking");
	T(ftruncate(fds[0], 1 << 24) == -1, "sealed against growing");
	T(ring_map(&r, fds, RING_SIZE * 2) == -1,
	    "a size that is not the file's");
	T(ring_map(&r, fds, 12345) == -1, "a size that is no power of two");
	T(ring_map(&r, fds, RING_SIZE) == 0, "its own size");
	ring_unmap(&r);
}

int
main(void)
{
	test_map();
	test_full();
	test_hostile();
	test_abandon();
	test_threads(2000000);
	test_processes(2000000);
	return done_testing();
}
