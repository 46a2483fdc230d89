/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories that are being listed. Who has one open may never read on, and
 * keeps us a descriptor and a buffer: past a bound those that were read longest
 * ago are closed, and opened again, where they stood, when they are read on. The
 * node is held by its handle, so that this is the same directory whatever its
 * name means by then.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "backing.h"
#include "handle.h"

#define CLOSE_MAX 8 /* at one time */
#define LOOK_MAX 64 /* of those that others read just now */

TAILQ_HEAD(dir_queue, handle);

static struct {
	pthread_mutex_t lock;
	struct dir_queue open; /* the one that was read longest ago first */
	size_t n;
	size_t max;
} dirs = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.open = TAILQ_HEAD_INITIALIZER(dirs.open),
};

void
dirs_init(size_t max)
{
	dirs.max = max;
}

DIR *
dir_open(struct node *n)
{
	DIR *dir;
	int fd, path_fd, saved;

	path_fd = node_use(n);
	if (path_fd == -1)
		return NULL;
	fd = backing_reopen(path_fd, O_RDONLY | O_DIRECTORY);
	saved = errno;
	node_done(n);
	errno = saved;
	if (fd == -1)
		return NULL;
	dir = fdopendir(fd);
	if (dir == NULL)
		close(fd);
	return dir;
}

/* Takes out what is to be closed. The caller has the lock of one handle, and
 * waits for no other. */
static size_t
pick(DIR *old[CLOSE_MAX])
{
	struct handle *h, *next;
	size_t i, n = 0;

	h = TAILQ_FIRST(&dirs.open);
	for (i = 0;
	     h != NULL && i < LOOK_MAX && n < CLOSE_MAX && dirs.n > dirs.max;
	     i++, h = next) {
		next = TAILQ_NEXT(h, by_read);
		if (pthread_mutex_trylock(&h->lock) != 0)
			continue;
		TAILQ_REMOVE(&dirs.open, h, by_read);
		dirs.n--;
		old[n++] = h->dir;
		h->dir = NULL;
		h->dir_next = NULL;
		pthread_mutex_unlock(&h->lock);
	}
	return n;
}

void
dir_has(struct handle *h, DIR *dir)
{
	DIR *old[CLOSE_MAX];
	size_t n;

	h->dir = dir;
	pthread_mutex_lock(&dirs.lock);
	dirs.n++;
	n = pick(old);
	TAILQ_INSERT_TAIL(&dirs.open, h, by_read);
	pthread_mutex_unlock(&dirs.lock);
	while (n > 0)
		closedir(old[--n]);
}

int
dir_use(struct handle *h)
{
	DIR *dir;

	if (h->node->view == VIEW_VIRTUAL)
		return 0;
	if (h->dir != NULL) {
		pthread_mutex_lock(&dirs.lock);
		TAILQ_REMOVE(&dirs.open, h, by_read);
		TAILQ_INSERT_TAIL(&dirs.open, h, by_read);
		pthread_mutex_unlock(&dirs.lock);
		return 0;
	}
	dir = dir_open(h->node);
	if (dir == NULL)
		return -1;
	if (h->dir_off != 0)
		seekdir(dir, h->dir_off);
	dir_has(h, dir);
	return 0;
}

void
dir_close(struct handle *h)
{
	pthread_mutex_lock(&dirs.lock);
	if (h->dir != NULL) {
		TAILQ_REMOVE(&dirs.open, h, by_read);
		dirs.n--;
	}
	pthread_mutex_unlock(&dirs.lock);
	if (h->dir != NULL)
		closedir(h->dir);
	h->dir = NULL;
}
