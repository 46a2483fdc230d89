/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inode numbers of many devices behind one: distinct, and the same whichever
 * device was met first.
 */
#include <sys/wait.h>

#include <unistd.h>

#include "../../src/fsd/backing.h"
#include "t.h"

#define DEVS 40
#define INOS 50

struct fsd fsd;

static uint64_t
dev_of(int i)
{
	return i % 2 == 0 ? 0x800 + (uint64_t)i : 0x2d + (uint64_t)i;
}

/* small ones, and those that use the bits of others */
static uint64_t
ino_of(int i)
{
	return (uint64_t)i % 2 == 0 ? (uint64_t)i : (uint64_t)(i / 2) << 52 | 7;
}

static int
by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
distinct(void)
{
	static uint64_t all[DEVS * INOS];
	int d, i, n = 0;

	for (d = 0; d < DEVS; d++) {
		for (i = 0; i < INOS; i++)
			all[n++] = backing_ino(dev_of(d), ino_of(i));
	}
	CHECK(backing_ino(dev_of(0), 12) == 12);
	CHECK(backing_ino(dev_of(3), ino_of(4)) == all[3 * INOS + 4]);
	qsort(all, (size_t)n, sizeof(*all), by_value);
	for (i = 1; i < n; i++)
		CHECK(all[i] != all[i - 1]);
}

/* The numbers of the other devices, met in one order or the other. */
static void
met(int order, uint64_t out[DEVS])
{
	int i, p[2];

	if (pipe(p) == -1)
		exit(1);
	if (fork() == 0) {
		(void)backing_ino(dev_of(0), 0);
		for (i = 1; i < DEVS; i++) {
			int d = order == 0 ? i : DEVS - i;

			out[d] = backing_ino(dev_of(d), 99);
		}
		i = write(p[1], out, DEVS * sizeof(*out)) == -1;
		_exit(i);
	}
	CHECK(read(p[0], out, DEVS * sizeof(*out)) ==
	    (ssize_t)(DEVS * sizeof(*out)));
	wait(NULL);
	close(p[0]);
	close(p[1]);
}

static void
stable(void)
{
	uint64_t a[DEVS] = { 0 }, b[DEVS] = { 0 };
	int i, moved = 0;

	met(0, a);
	met(1, b);
	/* but for devices that want the same place */
	for (i = 0; i < DEVS; i++)
		moved += a[i] != b[i];
	CHECK(moved <= 2);
}

/* More devices than there is room for: still no two look the same. */
static void
crowd(void)
{
	static uint64_t all[6000];
	int i;

	for (i = 0; i < 6000; i++)
		all[i] = backing_ino(0x100000 + (uint64_t)i, 2);
	qsort(all, 6000, sizeof(*all), by_value);
	for (i = 1; i < 6000; i++)
		CHECK(all[i] != all[i - 1]);
}

int
main(void)
{
	T_RUN(stable);
	T_RUN(distinct);
	T_RUN(crowd);
	return done_testing();
}
