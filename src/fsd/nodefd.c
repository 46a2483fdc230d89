/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptors of nodes, O_PATH. The least recently used are closed past a
 * bound and opened again by a name, which must still mean the same object. A
 * node without a name keeps its descriptor.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "backing.h"
#include "graph.h"

TAILQ_HEAD(node_queue, node);

static struct {
	struct node_queue lru; /* the least recently used first */
	size_t n;
	size_t max;			/* that are idle */
	size_t end;			/* of all */
	int closing[GRAPH_CLOSING_MAX]; /* given up, but open */
	size_t nclosing;
} fds = { .lru = TAILQ_HEAD_INITIALIZER(fds.lru) };

void
fds_init(size_t max)
{
	fds.max = max;
	fds.end = max + max / 4;
}

bool
fds_are_full(void)
{
	return fds.n >= fds.end;
}

size_t
fds_to_close(int closing[GRAPH_CLOSING_MAX])
{
	size_t n = fds.nclosing;

	memcpy(closing, fds.closing, n * sizeof(*closing));
	fds.nclosing = 0;
	return n;
}

void
fds_leave(struct node *n)
{
	if (n->fd == -1)
		return;
	TAILQ_REMOVE(&fds.lru, n, lru);
	fds.n--;
}

/* To be closed when the graph is unlocked. */
static void
drop_fd(struct node *n)
{
	fds_leave(n);
	fds.closing[fds.nclosing++] = n->fd;
	n->fd = -1;
}

void
fds_add(struct node *n, int fd)
{
	struct node *old, *next;
	int i;

	n->fd = fd;
	TAILQ_INSERT_TAIL(&fds.lru, n, lru);
	fds.n++;
	old = TAILQ_FIRST(&fds.lru);
	for (i = 0; i < GRAPH_CLOSING_MAX && fds.n > fds.max &&
	     fds.nclosing < GRAPH_CLOSING_MAX;
	     i++) {
		if (old == NULL || old == n)
			break;
		next = TAILQ_NEXT(old, lru);
		if (old->users == 0 && old->opens == 0 &&
		    name_live(old) != NULL) {
			drop_fd(old);
		} else {
			/* not soon again */
			TAILQ_REMOVE(&fds.lru, old, lru);
			TAILQ_INSERT_TAIL(&fds.lru, old, lru);
		}
		old = next;
	}
}

/* The node to be opened next on the way to n, and the name by which: the
 * nearest one beneath an ancestor that has a descriptor. NULL: no way. */
static struct name *
way_to(struct node *n)
{
	struct name *m;
	int i;

	m = name_live(n);
	for (i = 0; m != NULL && m->parent->fd == -1; i++) {
		/* a directory that the host moved may be known by two names */
		if (i == GRAPH_DEPTH_MAX)
			return NULL;
		m = name_live(m->parent);
	}
	return m;
}

/*
 * Opens one descriptor more on the way to n, and leaves the graph meanwhile.
 * 0 also when another thread was faster, or the name has moved.
 */
static int
reopen_one(struct node *n)
{
	struct node *a, *parent;
	struct name *m;
	struct statx stx;
	char text[NAME_MAX + 1];
	int fd, error = 0, rc = 0;

	m = way_to(n);
	if (m == NULL || strlen(m->text) > NAME_MAX) {
		errno = ESTALE;
		return -1;
	}
	a = m->node;
	parent = m->parent;
	memcpy(text, m->text, strlen(m->text) + 1);
	a->holds++;
	parent->holds++;
	parent->users++; /* its descriptor stays */
	node_unlock();
	fd = backing_open(parent->fd, text, &stx);
	if (fd == -1)
		error = errno == ENOENT || errno == ENOTDIR ? ESTALE : errno;
	else if (!backing_same(&a->id, &stx))
		error = ESTALE;
	node_lock();
	parent->users--;
	if (error == 0 && a->fd == -1) {
		/* what is needed next must not be closed for this one */
		n->users++;
		fds_add(a, fd);
		n->users--;
		fd = -1;
	} else if (error != 0 && a->fd == -1 &&
	    (m = name_find(parent, text)) != NULL && m->node == a) {
		rc = -1;
	}
	parent->holds--;
	a->holds--;
	graph_condemn(parent);
	graph_condemn(a);
	graph_unlock();
	if (fd != -1)
		close(fd);
	node_lock();
	errno = error;
	return rc;
}

static int
reopen(struct node *n)
{
	int i;

	for (i = 0; n->fd == -1; i++) {
		if (i == 2 * GRAPH_DEPTH_MAX) {
			errno = ESTALE;
			return -1;
		}
		if (reopen_one(n) == -1)
			return -1;
	}
	return 0;
}

int
node_use(struct node *n)
{
	int fd = -1, saved;

	if (n->view == VIEW_VIRTUAL) {
		errno = EACCES;
		return -1;
	}
	node_lock();
	if (n->fd != -1 || reopen(n) == 0) {
		n->users++;
		fd = n->fd;
		if (n->fixed == NULL) {
			TAILQ_REMOVE(&fds.lru, n, lru);
			TAILQ_INSERT_TAIL(&fds.lru, n, lru);
		}
	}
	saved = errno;
	node_unlock();
	errno = saved;
	return fd;
}

void
node_done(struct node *n)
{
	int saved = errno;

	node_lock();
	n->users--;
	node_unlock();
	errno = saved;
}
