/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel has been told of a file, so that of a change which is our own,
 * and which it knows of, it is not told again: it would ask once more. Attributes
 * that it is told it keeps, and size and times it forgets by itself when it has
 * written.
 *
 * Of answers to several threads nobody knows in which order they are heard, and
 * the kernel takes none that a write has overtaken; those to one thread are heard
 * before its next request. So after requests of two threads nothing is sure for
 * a while.
 */
#include <stddef.h>

#include "told.h"

/* No answer is on its way for so long. */
#define TOLD_UNCLEAR_MS 2000

static void
ask(struct told *t, uint32_t tid, uint64_t now)
{
	if ((t->any && t->tid != tid && now - t->at < TOLD_UNCLEAR_MS) ||
	    tid == 0)
		t->unclear = now + TOLD_UNCLEAR_MS;
	t->tid = tid;
	t->at = now;
}

void
told_answer(struct told *t, uint32_t tid, uint64_t now, const struct stat *st)
{
	ask(t, tid, now);
	t->any = true;
	t->wrote = false;
	t->st = *st;
}

void
told_write(struct told *t, uint32_t tid, uint64_t now)
{
	ask(t, tid, now);
	t->wrote = true;
}

static bool
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* But for the time of access, which each reading changes. */
static bool
same(const struct stat *a, const struct stat *b)
{
	return a->st_mode == b->st_mode && a->st_nlink == b->st_nlink &&
	    a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
	    a->st_size == b->st_size && a->st_blocks == b->st_blocks &&
	    same_time(&a->st_mtim, &b->st_mtim) &&
	    same_time(&a->st_ctim, &b->st_ctim);
}

bool
told_holds(const struct told *t, uint64_t now, const struct stat *st)
{
	if (!t->any || now < t->unclear)
		return false;
	return st == NULL ? t->wrote : same(&t->st, st);
}
