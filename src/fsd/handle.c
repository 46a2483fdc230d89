/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is open. A handle holds its node and knows who opened it; a list of all
 * lets a command's bytes be recorded before the kernel releases its handles.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "handle.h"
#include "node.h"
#include "record.h"
#include "trashing.h"

static struct {
	pthread_mutex_t lock;
	LIST_HEAD(, handle) all;
	size_t n;
	size_t max;
} handles = { .lock = PTHREAD_MUTEX_INITIALIZER };

void
handle_init(size_t max)
{
	handles.max = max;
}

/* One more, if there may be. */
static bool
count(void)
{
	bool may;

	pthread_mutex_lock(&handles.lock);
	may = handles.n < handles.max;
	handles.n += may;
	pthread_mutex_unlock(&handles.lock);
	return may;
}

static void
uncount(void)
{
	pthread_mutex_lock(&handles.lock);
	handles.n--;
	pthread_mutex_unlock(&handles.lock);
}

struct handle *
handle_new(fuse_req_t req, struct node *n, int fd)
{
	struct handle *h;

	if (!count()) {
		errno = EMFILE;
		return NULL;
	}
	h = calloc(1, sizeof(*h));
	if (h == NULL) {
		uncount();
		errno = ENOMEM;
		return NULL;
	}
	h->node = n;
	h->fd = fd;
	pthread_mutex_init(&h->lock, NULL);
	/* elsewhere no bytes are recorded, so it is not needed */
	if (n->view == VIEW_WORKSPACE)
		attr_actor((uint32_t)fuse_req_ctx(req)->pid, &h->actor);
	node_hold(n, true);
	pthread_mutex_lock(&handles.lock);
	LIST_INSERT_HEAD(&handles.all, h, entry);
	pthread_mutex_unlock(&handles.lock);
	return h;
}

void
handle_free(struct handle *h)
{
	pthread_mutex_lock(&handles.lock);
	LIST_REMOVE(h, entry);
	pthread_mutex_unlock(&handles.lock);
	through_end(h);
	if (h->fd != -1)
		close(h->fd);
	uncount();
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
