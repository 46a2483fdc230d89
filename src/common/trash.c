/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trash's directories, tokens, lock and sum. What is there was put by
 * processes of its owner: names that are no tokens are left alone, and nothing
 * that a file says is used as a path.
 */
#include <sys/random.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "trash.h"

#define LOCK_STEP_MS 10
/* a manifest whose object has not come for so long belongs to a crash */
#define HALF_S 3600

static int
open_dir(int dir_fd, const char *name, bool make)
{
	if (make && mkdirat(dir_fd, name, 0700) == -1 && errno != EEXIST)
		return -1;
	return openat(dir_fd, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int
trash_open(struct trash *t, int dir_fd, bool make)
{
	int saved;

	t->payload = -1;
	t->manifest = -1;
	t->sum = -1;
	t->dir = open_dir(dir_fd, ".", false);
	if (t->dir != -1)
		t->payload = open_dir(dir_fd, "payload", make);
	if (t->payload != -1)
		t->manifest = open_dir(dir_fd, "manifest", make);
	if (t->manifest != -1)
		t->sum = openat(dir_fd, "sum",
		    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		    0600);
	if (t->sum != -1)
		return 0;
	saved = errno;
	trash_close(t);
	errno = saved;
	return -1;
}

void
trash_close(struct trash *t)
{
	if (t->dir != -1)
		close(t->dir);
	if (t->payload != -1)
		close(t->payload);
	if (t->manifest != -1)
		close(t->manifest);
	if (t->sum != -1)
		close(t->sum);
	t->dir = -1;
	t->payload = -1;
	t->manifest = -1;
	t->sum = -1;
}

bool
trash_token_ok(const char *s)
{
	return strlen(s) == TRASH_TOKEN &&
	    strspn(s, "0123456789abcdef") == TRASH_TOKEN;
}

int
trash_token_new(char token[TRASH_TOKEN + 1])
{
	unsigned char raw[TRASH_TOKEN / 2];
	size_t i;

	if (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
		return -1;
	for (i = 0; i < sizeof(raw); i++)
		snprintf(token + 2 * i, 3, "%02x", raw[i]);
	return 0;
}

void
trash_manifest_name(char name[TRASH_NAME], const char *token)
{
	snprintf(name, TRASH_NAME, "%.*s.json", TRASH_TOKEN, token);
}

int
trash_lock(const struct trash *t, unsigned wait_ms)
{
	const struct timespec step = { 0, LOCK_STEP_MS * 1000000L };
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	unsigned waited;

	for (waited = 0;; waited += LOCK_STEP_MS) {
		if (fcntl(t->sum, F_OFD_SETLK, &fl) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES)
			return -1;
		if (waited >= wait_ms)
			break;
		nanosleep(&step, NULL);
	}
	errno = EAGAIN;
	return -1;
}

void
trash_unlock(const struct trash *t)
{
	struct flock fl = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	(void)fcntl(t->sum, F_OFD_SETLK, &fl);
}

int
trash_sum_get(const struct trash *t, struct trash_sum *s)
{
	char text[80];
	ssize_t n;
	int end = 0;

	n = pread(t->sum, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	if (sscanf(text, "%20" SCNu64 " %20" SCNu64 " %20" SCNd64 "%n",
		&s->bytes, &s->files, &s->oldest, &end) != 3 ||
	    text[end] != '\n')
		return -1;
	return 0;
}

int
trash_sum_put(const struct trash *t, const struct trash_sum *s)
{
	char text[80];
	int n;

	/* of one length, so that one write replaces all of it */
	n = snprintf(text, sizeof(text),
	    "%020" PRIu64 " %020" PRIu64 " %020" PRId64 "\n", s->bytes,
	    s->files, s->oldest);
	return pwrite(t->sum, text, (size_t)n, 0) == n ? 0 : -1;
}

/* A long path, or attributes, make it long. */
static uint64_t
note_bytes(uint64_t size)
{
	uint64_t parts = (size + TRASH_ENTRY - 1) / TRASH_ENTRY;

	return TRASH_ENTRY * (parts > 0 ? parts : 1);
}

uint64_t
trash_bytes(const struct trash *t, const char *token, const struct statx *stx)
{
	char name[TRASH_NAME];
	struct statx note = { 0 };

	if (token[0] != '\0') {
		trash_manifest_name(name, token);
		if (statx(t->manifest, name, AT_SYMLINK_NOFOLLOW, STATX_SIZE,
			&note) == -1)
			note.stx_size = 0;
	}
	return note_bytes(note.stx_size) + stx->stx_blocks * 512;
}

static bool
is_later(const struct statx_timestamp *a, const struct statx_timestamp *b)
{
	return a->tv_sec > b->tv_sec ||
	    (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

int
trash_seal(const struct trash *t, const char *token)
{
	char name[TRASH_NAME];

	trash_manifest_name(name, token);
	return utimensat(t->manifest, name, NULL, AT_SYMLINK_NOFOLLOW);
}

static int
entry_read(const struct trash *t, const char *name, struct trash_entry *e)
{
	struct statx note, stx;

	memcpy(e->token, name, TRASH_TOKEN);
	e->token[TRASH_TOKEN] = '\0';
	if (strlen(name) != TRASH_NAME - 1 ||
	    strcmp(name + TRASH_TOKEN, ".json") != 0 ||
	    !trash_token_ok(e->token))
		return -1;
	if (statx(t->manifest, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS,
		&note) == -1 ||
	    !S_ISREG(note.stx_mode))
		return -1;
	e->deleted = note.stx_mtime.tv_sec;
	e->bytes = note_bytes(note.stx_size);
	e->whole = statx(t->payload, e->token, AT_SYMLINK_NOFOLLOW,
		       STATX_BASIC_STATS, &stx) == 0;
	e->changed = false;
	if (e->whole) {
		e->bytes += stx.stx_blocks * 512;
		e->changed = is_later(&stx.stx_ctime, &note.stx_mtime);
	}
	return 0;
}

int
trash_each(const struct trash *t, int (*fn)(void *, const struct trash_entry *),
    void *arg)
{
	struct trash_entry e;
	struct dirent *de;
	DIR *dir;
	int fd, rc = 0;

	/* a position of its own */
	fd = openat(t->manifest, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd == -1 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		if (fd != -1)
			close(fd);
		return -1;
	}
	while (rc == 0) {
		errno = 0;
		de = readdir(dir);
		if (de == NULL) {
			rc = errno == 0 ? 0 : -1;
			break;
		}
		if (strlen(de->d_name) > TRASH_TOKEN &&
		    entry_read(t, de->d_name, &e) == 0)
			rc = fn(arg, &e);
	}
	closedir(dir);
	return rc;
}

int
trash_end(const struct trash *t, const char *token)
{
	char name[TRASH_NAME];
	int rc;

	rc = unlinkat(t->payload, token, 0);
	if (rc == -1 && (errno == EISDIR || errno == EPERM))
		rc = unlinkat(t->payload, token, AT_REMOVEDIR);
	if (rc == -1 && errno != ENOENT)
		return -1;
	/* last, so that what is there has its manifest */
	trash_manifest_name(name, token);
	rc = unlinkat(t->manifest, name, 0);
	return rc == -1 && errno != ENOENT ? -1 : 0;
}

struct counting {
	const struct trash *t;
	int64_t before;
	int64_t half;
	struct trash_sum *sum;
	struct trash_sum *gone;
};

static int
count_one(void *arg, const struct trash_entry *e)
{
	struct counting *c = arg;

	if ((e->deleted < c->before || (!e->whole && e->deleted < c->half)) &&
	    trash_end(c->t, e->token) == 0) {
		if (c->gone != NULL) {
			c->gone->bytes += e->bytes;
			c->gone->files++;
		}
		return 0;
	}
	c->sum->bytes += e->bytes;
	c->sum->files++;
	if (e->deleted < c->sum->oldest)
		c->sum->oldest = e->deleted;
	return 0;
}

int
trash_count(const struct trash *t, int64_t before, struct trash_sum *sum,
    struct trash_sum *gone)
{
	struct counting c = { t, before, time(NULL) - HALF_S, sum, gone };

	memset(sum, 0, sizeof(*sum));
	sum->oldest = time(NULL);
	if (trash_each(t, count_one, &c) == -1)
		return -1;
	return trash_sum_put(t, sum);
}

const char *
trash_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symlink";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	default:
		return "device";
	}
}
