/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in the trash and can still be written to: by who had it open when it
 * was deleted, or by another name. What such a file grows by counts for the
 * quota as soon as who wrote to it closes it. Where that does not fit it is cut
 * to the size that it was deleted with, or, where others have it too, its entry
 * goes; never another entry, or whoever can write could empty the trash.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backing.h"
#include "clock.h"
#include "handle.h"
#include "log.h"
#include "record.h"
#include "trash.h"
#include "trashing.h"

#define LOOSE_ROWS 1024
/* Of the objects that a trash may hold, so many can be such, and of a session no
 * more than that: further ones are not deleted. */
#define LOOSE_PART 2
#define LOOSE_MAX 65536
/* between two looks for those that are none any more */
#define LOOSE_PAUSE_MS 2000

struct loose {
	LIST_ENTRY(loose) entry;
	struct ident id;
	char token[TRASH_TOKEN + 1];
	uint64_t size;	/* when it was deleted */
	uint64_t bytes; /* that the sum has of it */
};

static struct {
	pthread_mutex_t lock;
	_Atomic size_t n;
	uint64_t next_ms; /* when it may be looked through again */
	LIST_HEAD(, loose) row[LOOSE_ROWS];
} loose = { .lock = PTHREAD_MUTEX_INITIALIZER };

static size_t
row_of(const struct ident *id)
{
	return (size_t)(id->ino % LOOSE_ROWS);
}

/* Who writes keeps it from being leased for reading, fcntl(2). */
static bool
has_writers(int data_fd)
{
	if (data_fd == -1 || fcntl(data_fd, F_SETLEASE, F_RDLCK) == -1)
		return true; /* or nobody can say */
	(void)fcntl(data_fd, F_SETLEASE, F_UNLCK);
	return false;
}

void
trash_loose_add(const struct trashing *k)
{
	struct statx stx;
	struct loose *l;

	if (k->copied || !S_ISREG(k->stx.stx_mode) ||
	    backing_stat(k->fd, &stx) == -1 ||
	    (stx.stx_nlink < 2 && !has_writers(k->data_fd)))
		return;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		fatal("what can be written to in the trash");
	backing_ident(&l->id, &stx);
	memcpy(l->token, k->token, sizeof(l->token));
	l->size = k->stx.stx_size;
	l->bytes = k->bytes;
	pthread_mutex_lock(&loose.lock);
	LIST_INSERT_HEAD(&loose.row[row_of(&l->id)], l, entry);
	atomic_fetch_add(&loose.n, 1);
	pthread_mutex_unlock(&loose.lock);
}

/* Is it not there any more, or as it was counted, for good? */
static bool
is_settled(const struct trash *t, const struct loose *l)
{
	struct statx stx;
	bool settled;
	int fd;

	fd = openat(t->payload, l->token,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT;
	settled = !has_writers(fd) && backing_stat(fd, &stx) == 0 &&
	    stx.stx_nlink < 2 && trash_bytes(t, l->token, &stx) <= l->bytes;
	close(fd);
	return settled;
}

static void
look_through(const struct trash *t)
{
	struct loose *l, *next;
	uint64_t now = clock_ms();
	size_t i;

	pthread_mutex_lock(&loose.lock);
	for (i = 0; now >= loose.next_ms && i < LOOSE_ROWS; i++) {
		for (l = LIST_FIRST(&loose.row[i]); l != NULL; l = next) {
			next = LIST_NEXT(l, entry);
			if (!is_settled(t, l))
				continue;
			LIST_REMOVE(l, entry);
			atomic_fetch_sub(&loose.n, 1);
			free(l);
		}
	}
	if (now >= loose.next_ms)
		loose.next_ms = clock_ms() + LOOSE_PAUSE_MS;
	pthread_mutex_unlock(&loose.lock);
}

bool
trash_loose_full(const struct trash *t, const struct trashing *k,
    uint64_t entries)
{
	uint64_t most = entries / LOOSE_PART;

	if (most > LOOSE_MAX)
		most = LOOSE_MAX;
	if (!S_ISREG(k->stx.stx_mode) || atomic_load(&loose.n) < most ||
	    (k->stx.stx_nlink < 2 && !has_writers(k->data_fd)))
		return false;
	look_through(t);
	return atomic_load(&loose.n) >= most;
}

/* Cuts what came after the deletion, which is nobody else's. Says what it takes
 * now. */
static uint64_t
cut(const struct trash *t, const struct loose *l, struct statx *stx)
{
	int fd;

	if (stx->stx_nlink > 1 || stx->stx_size <= l->size)
		return trash_bytes(t, l->token, stx);
	fd = openat(t->payload, l->token,
	    O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return trash_bytes(t, l->token, stx);
	if (ftruncate(fd, (off_t)l->size) == 0)
		(void)backing_stat(fd, stx);
	close(fd);
	return trash_bytes(t, l->token, stx);
}

static void
tell(const struct loose *l, uint64_t bytes, const struct actor *a)
{
	struct buf b;

	buf_init(&b, EVENT_MAX);
	ev_begin(&b, EV_TRASH_PURGE, a->id, a->pid);
	ev_str(&b, EVF_TRASH_TOKEN, l->token);
	ev_u64(&b, EVF_PURGED, 1);
	ev_u64(&b, EVF_BYTES, bytes);
	ev_str(&b, EVF_REASON, "grown");
	record_event(&b);
}

/* Is it still there, and as large as the sum says? False when it is not there
 * any more. */
static bool
settle(const struct trash *t, uint64_t quota, struct loose *l,
    const struct actor *a)
{
	struct trash_act act = { .what = "grown", .files = 1 };
	struct trash_sum sum;
	struct statx stx;
	uint64_t bytes;

	if (statx(t->payload, l->token, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS,
		&stx) == -1)
		return false;
	bytes = trash_bytes(t, l->token, &stx);
	if (bytes <= l->bytes || trash_sum_get(t, &sum) == -1)
		return true;
	if (sum.bytes > quota || bytes - l->bytes > quota - sum.bytes)
		bytes = cut(t, l, &stx);
	if (bytes <= l->bytes)
		return true;
	if (sum.bytes <= quota && bytes - l->bytes <= quota - sum.bytes) {
		sum.bytes += bytes - l->bytes;
		l->bytes = bytes;
		(void)trash_sum_put(t, &sum);
		return true;
	}
	act.token = l->token;
	act.bytes = bytes;
	if (trash_end(t, l->token) == -1)
		return true;
	sum.bytes -= l->bytes < sum.bytes ? l->bytes : sum.bytes;
	sum.files -= sum.files > 0;
	(void)trash_sum_put(t, &sum);
	(void)trash_log_add(t, &act);
	tell(l, bytes, a);
	return false;
}

static bool
is_of(const struct loose *l, const struct ident *id)
{
	return l->id.ino == id->ino && l->id.dev == id->dev;
}

/* Most of the time there is none, and then nobody waits for the trash. */
static bool
is_loose(const struct ident *id)
{
	const struct loose *l;

	if (atomic_load(&loose.n) == 0)
		return false;
	pthread_mutex_lock(&loose.lock);
	LIST_FOREACH(l, &loose.row[row_of(id)], entry) {
		if (is_of(l, id))
			break;
	}
	pthread_mutex_unlock(&loose.lock);
	return l != NULL;
}

void
trash_settle(const struct handle *h)
{
	const struct trash_own *own = trash_ours();
	const struct ident *id = &h->node->id;
	struct loose *l, *next;

	if (!is_loose(id) || trash_claim() == -1)
		return;
	pthread_mutex_lock(&loose.lock);
	for (l = LIST_FIRST(&loose.row[row_of(id)]); l != NULL; l = next) {
		next = LIST_NEXT(l, entry);
		if (!is_of(l, id) || settle(&own->t, own->quota, l, &h->actor))
			continue;
		LIST_REMOVE(l, entry);
		atomic_fetch_sub(&loose.n, 1);
		free(l);
	}
	pthread_mutex_unlock(&loose.lock);
	trash_unclaim();
}
