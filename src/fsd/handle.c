/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is open. A handle holds its node and knows who opened it; a list of all
 * lets a command's bytes be recorded before the kernel releases its handles.
 * Handles of one file of the host that only read it have one descriptor: a
 * program and its libraries are open as often as it runs.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "handle.h"
#include "log.h"
#include "node.h"
#include "record.h"
#include "trashing.h"

/* The descriptor of all handles of a node that only read it. */
struct shared {
	int fd;
	unsigned handles;
};

static struct {
	pthread_mutex_t lock; /* of the shared ones of all nodes, too */
	LIST_HEAD(, handle) all;
	size_t n;
	size_t max;
	size_t nfds; /* theirs */
	size_t max_fds;
	bool told_max;
	bool told_fds;
} handles = { .lock = PTHREAD_MUTEX_INITIALIZER };

void
handle_init(size_t max_fds, size_t max)
{
	handles.max_fds = max_fds;
	handles.max = max;
}

static struct shared *
new_shared(int fd)
{
	struct shared *s;

	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->fd = fd;
	return s;
}

/* Gives it its descriptor, under the lock; *spare: the one that it does not
 * need. 0 or an error number. */
static int
take_fd(struct handle *h, int fd, bool shares, int *spare)
{
	struct shared *s = shares ? h->node->shared : NULL;

	h->fd = fd;
	if (s != NULL) {
		*spare = fd;
		h->fd = s->fd;
	} else if (fd != -1) {
		if (handles.nfds >= handles.max_fds)
			return EMFILE;
		if (shares) {
			s = h->node->shared = new_shared(fd);
			if (s == NULL)
				return ENOMEM;
		}
		handles.nfds++;
	}
	h->shared = s;
	if (s != NULL)
		s->handles++;
	else
		LIST_INSERT_HEAD(&handles.all, h, entry);
	return 0;
}

/* One line for each limit: who reaches it can do so often. */
static void
tell(int error)
{
	bool *told = error == EMFILE ? &handles.told_fds : &handles.told_max;
	bool first;

	if (error != EMFILE && error != ENFILE)
		return;
	pthread_mutex_lock(&handles.lock);
	first = !*told;
	*told = true;
	pthread_mutex_unlock(&handles.lock);
	if (first && error == EMFILE)
		log_warnx("the session's open files have all %zu descriptors "
			  "that they may have (a fourth of RLIMIT_NOFILE)",
		    handles.max_fds);
	else if (first)
		log_warnx("the session has %zu files open, as many as it may",
		    handles.max);
}

/* Counts it, and gives it its descriptor. 0 or an error number. */
static int
enter(struct handle *h, int fd, bool shares)
{
	int error = ENFILE, spare = -1;

	pthread_mutex_lock(&handles.lock);
	if (handles.n < handles.max)
		error = take_fd(h, fd, shares, &spare);
	if (error == 0)
		handles.n++;
	pthread_mutex_unlock(&handles.lock);
	if (spare != -1)
		close(spare);
	if (error != 0)
		tell(error);
	return error;
}

struct handle *
handle_new(fuse_req_t req, struct node *n, int fd, bool shares)
{
	struct handle *h;
	int error;

	h = calloc(1, sizeof(*h));
	if (h == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	h->node = n;
	pthread_mutex_init(&h->lock, NULL);
	/* elsewhere no bytes are recorded, so it is not needed */
	if (n->view == VIEW_WORKSPACE)
		attr_actor((uint32_t)fuse_req_ctx(req)->pid, &h->actor);
	h->whose = h->actor.command;
	node_hold(n, true);
	error = enter(h, fd, shares);
	if (error != 0) {
		node_release(n, true);
		pthread_mutex_destroy(&h->lock);
		free(h);
		errno = error;
		return NULL;
	}
	return h;
}

/* Takes it from its list, or from those who share with it. Says whether its
 * descriptor goes with it. */
static bool
leave(struct handle *h)
{
	struct shared *s = h->shared;
	bool last = h->fd != -1;

	pthread_mutex_lock(&handles.lock);
	if (s == NULL)
		LIST_REMOVE(h, entry);
	else
		last = --s->handles == 0;
	if (s != NULL && last)
		h->node->shared = NULL;
	pthread_mutex_unlock(&handles.lock);
	if (last)
		free(s);
	return last;
}

void
handle_free(struct handle *h)
{
	bool last;

	last = leave(h);
	through_end(h);
	if (last)
		close(h->fd);
	pthread_mutex_lock(&handles.lock);
	handles.n--;
	handles.nfds -= last;
	pthread_mutex_unlock(&handles.lock);
	node_release(h->node, true);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

void
handle_done(struct handle *h)
{
	if (h->node->view == VIEW_WORKSPACE) {
		pthread_mutex_lock(&handles.lock);
		record_bytes(h);
		pthread_mutex_unlock(&handles.lock);
		trash_settle(h);
	}
	handle_free(h);
}

void
handle_record(struct handle *h)
{
	pthread_mutex_lock(&handles.lock);
	record_bytes(h);
	pthread_mutex_unlock(&handles.lock);
}

void
handle_moved(fuse_req_t req, struct handle *h, _Atomic uint64_t *count,
    uint64_t n)
{
	struct actor a = { 0 };

	/* who is alone needs no lock. At worst these bytes count for one that was
	 * started, and lent the handle, at this moment */
	if (h->node->view != VIEW_WORKSPACE || attr_is_alone(h->whose)) {
		atomic_fetch_add(count, n);
		return;
	}
	/* the kernel asks for itself too, reading ahead or writing later */
	if (fuse_req_ctx(req)->pid != 0)
		attr_actor((uint32_t)fuse_req_ctx(req)->pid, &a);
	pthread_mutex_lock(&handles.lock);
	if (a.command != 0 && a.command != h->actor.command) {
		record_bytes(h);
		h->actor = a;
		h->whose = a.command;
	}
	atomic_fetch_add(count, n);
	pthread_mutex_unlock(&handles.lock);
}

void
handle_stored(struct handle *h, uint64_t n)
{
	struct handle *other, *first = NULL;
	bool sure = true;

	pthread_mutex_lock(&handles.lock);
	LIST_FOREACH(other, &handles.all, entry) {
		if (other->node != h->node || !other->maps)
			continue;
		if (first == NULL)
			first = other;
		sure = sure && other->actor.command == first->actor.command;
	}
	if (sure)
		atomic_fetch_add(&(first == NULL ? h : first)->nwritten, n);
	LIST_FOREACH(other, &handles.all, entry) {
		if (!sure && other->node == h->node && other->maps)
			other->more_written = true;
	}
	pthread_mutex_unlock(&handles.lock);
}

bool
handle_maps(const struct node *n)
{
	struct handle *h;

	pthread_mutex_lock(&handles.lock);
	LIST_FOREACH(h, &handles.all, entry) {
		if (h->node == n && h->maps)
			break;
	}
	pthread_mutex_unlock(&handles.lock);
	return h != NULL;
}

void
handle_sync(uint64_t command)
{
	struct handle *h;

	pthread_mutex_lock(&handles.lock);
	LIST_FOREACH(h, &handles.all, entry) {
		if (h->actor.command == command)
			record_bytes(h);
	}
	pthread_mutex_unlock(&handles.lock);
}
