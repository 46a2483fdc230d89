/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes: every object that the kernel knows, keyed by view, device, inode
 * and birth time, with all names it was met under (nodename.c) and a descriptor
 * (nodefd.c). One lock guards the whole graph, and nothing is asked of the host
 * under it, which may not answer. When descriptors run out nothing enters.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backing.h"
#include "graph.h"
#include "handle.h"
#include "log.h"

#define NODE_BUCKETS 16384

LIST_HEAD(node_list, node);

static struct {
	pthread_mutex_t lock;
	struct node_list by_ident[NODE_BUCKETS];
	struct node_list dead;
} nodes = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct node root, workspace;

void
node_init(size_t max_fds)
{
	fds_init(max_fds);
	fixed_init(&root, VIEW_HOST, "/", fsd.root_fd);
	fixed_init(&workspace, VIEW_WORKSPACE, fsd.mount, fsd.work_fd);
	/* the first device keeps its inode numbers as they are */
	(void)backing_ino(workspace.id.dev, 0);
	mounts_init();
	fixed_ways_init();
}

void
node_lock(void)
{
	pthread_mutex_lock(&nodes.lock);
}

void
node_unlock(void)
{
	pthread_mutex_unlock(&nodes.lock);
}

static bool
is_beneath(const struct node *n, const struct node *top)
{
	const struct name *m;
	int i;

	for (i = 0; n != top && n->fixed == NULL && i < GRAPH_DEPTH_MAX; i++) {
		m = LIST_FIRST(&n->names);
		if (m == NULL)
			break;
		n = m->parent;
	}
	return n == top;
}

/* One more of *n in *k. */
static void
known_add(struct known **k, size_t *n, const struct node *node,
    const struct name *m)
{
	struct known *new;

	if (*n % 1024 == 0)
		*k = reallocarray(*k, *n + 1024, sizeof(**k));
	if (*k == NULL)
		fatalx("no memory for what the kernel knows");
	new = &(*k)[(*n)++];
	new->ino = node_number(node);
	new->type = node->type;
	new->parent = m != NULL ? node_number(m->parent) : 0;
	new->text = m != NULL ? strdup(m->text) : NULL;
	if (m != NULL && new->text == NULL)
		fatalx("no memory for what the kernel knows");
}

size_t
node_known(struct known **known, const struct node *top)
{
	struct node *n;
	struct name *m;
	size_t i, len = 0;

	*known = NULL;
	pthread_mutex_lock(&nodes.lock);
	for (i = 0; i < NODE_BUCKETS; i++) {
		LIST_FOREACH(n, &nodes.by_ident[i], by_ident) {
			if (top != NULL && (n == top || !is_beneath(n, top)))
				continue;
			m = LIST_FIRST(&n->names);
			do {
				known_add(known, &len, n,
				    m != NULL && !m->gone ? m : NULL);
				m = m != NULL ? LIST_NEXT(m, of_node) : NULL;
			} while (m != NULL);
		}
	}
	pthread_mutex_unlock(&nodes.lock);
	return len;
}

void
known_free(struct known *known, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		free(known[i].text);
	free(known);
}

struct node *
node_of(fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? &root : (struct node *)(uintptr_t)ino;
}

fuse_ino_t
node_number(const struct node *n)
{
	return n == &root ? FUSE_ROOT_ID : (fuse_ino_t)(uintptr_t)n;
}

struct node *
node_workspace(void)
{
	return &workspace;
}

static size_t
hash_ident(enum view view, const struct ident *id)
{
	uint64_t h;

	h = (id->ino ^ (id->dev << 40) ^ ((uint64_t)view << 60)) *
	    0x9e3779b97f4a7c15U;
	return (size_t)(h >> 32) % NODE_BUCKETS;
}

void
graph_condemn(struct node *n)
{
	if (n->fixed != NULL || n->dead || n->nlookup != 0 || n->holds != 0)
		return;
	n->dead = true;
	LIST_REMOVE(n, by_ident);
	LIST_INSERT_HEAD(&nodes.dead, n, by_ident);
}

void
graph_unlock(void)
{
	struct node_list gone = LIST_HEAD_INITIALIZER(gone);
	struct node *n;
	struct name *m;
	int closing[GRAPH_CLOSING_MAX];
	size_t nclosing = fds_to_close(closing);

	while ((n = LIST_FIRST(&nodes.dead)) != NULL) {
		LIST_REMOVE(n, by_ident);
		while ((m = LIST_FIRST(&n->names)) != NULL)
			name_free(m);
		fds_leave(n);
		if (n->wd != 0)
			watch_unlink(n);
		LIST_INSERT_HEAD(&gone, n, by_ident);
	}
	pthread_mutex_unlock(&nodes.lock);
	while (nclosing > 0)
		close(closing[--nclosing]);
	while ((n = LIST_FIRST(&gone)) != NULL) {
		LIST_REMOVE(n, by_ident);
		if (n->wd != 0)
			watch_end(n);
		if (n->fd != -1)
			close(n->fd);
		free(n);
	}
}

static struct node *
find_node(enum view view, const struct ident *id)
{
	struct node *n;

	LIST_FOREACH(n, &nodes.by_ident[hash_ident(view, id)], by_ident) {
		if (n->view == view && memcmp(&n->id, id, sizeof(*id)) == 0)
			return n;
	}
	return NULL;
}

static struct node *
enter(struct node *parent, const char *text, int fd, const struct statx *stx,
    int (*put)(struct node *, struct node *, const char *))
{
	struct node *n;
	struct ident id;
	int error = ENOMEM;

	backing_ident(&id, stx);
	pthread_mutex_lock(&nodes.lock);
	n = find_node(parent->view, &id);
	if (n == NULL) {
		error = fds_are_full() ? EMFILE : ENOMEM;
		n = error == EMFILE ? NULL : calloc(1, sizeof(*n));
		if (n == NULL)
			goto fail;
		n->id = id;
		n->view = parent->view;
		n->top = parent->top;
		n->type = stx->stx_mode & S_IFMT;
		n->fd = -1;
		LIST_INIT(&n->names);
		LIST_INSERT_HEAD(&nodes.by_ident[hash_ident(n->view, &id)], n,
		    by_ident);
	}
	if (put(n, parent, text) == -1) {
		graph_condemn(n);
		goto fail;
	}
	n->nlookup++;
	if (n->fd == -1)
		fds_add(n, fd);
	else
		close(fd);
	graph_unlock();
	return n;
fail:
	graph_unlock();
	close(fd);
	errno = error;
	return NULL;
}

struct node *
node_enter(struct node *parent, const char *text, int fd,
    const struct statx *stx)
{
	return enter(parent, text, fd, stx, name_put);
}

struct node *
node_enter_unnamed(struct node *parent, const char *text, int fd,
    const struct statx *stx)
{
	return enter(parent, text, fd, stx, name_put_gone);
}

void
node_again(struct node *n)
{
	pthread_mutex_lock(&nodes.lock);
	n->nlookup++;
	pthread_mutex_unlock(&nodes.lock);
}

void
node_forget(struct node *n, uint64_t count)
{
	pthread_mutex_lock(&nodes.lock);
	n->nlookup -= count < n->nlookup ? count : n->nlookup;
	graph_condemn(n);
	graph_unlock();
}

void
node_hold(struct node *n, bool is_open)
{
	pthread_mutex_lock(&nodes.lock);
	n->holds++;
	if (is_open)
		n->opens++;
	pthread_mutex_unlock(&nodes.lock);
}

void
node_release(struct node *n, bool is_open)
{
	pthread_mutex_lock(&nodes.lock);
	n->holds--;
	if (is_open)
		n->opens--;
	graph_condemn(n);
	graph_unlock();
}

bool
node_is_watched(struct node *n)
{
	struct name *m;
	bool yes;

	pthread_mutex_lock(&nodes.lock);
	yes = n->type != S_IFDIR || n->wd != 0;
	LIST_FOREACH(m, &n->names, of_node)
		yes = yes && !m->gone && m->parent->wd != 0;
	pthread_mutex_unlock(&nodes.lock);
	return yes;
}

bool
node_is_beneath(struct node *n, const struct node *top)
{
	bool yes;

	pthread_mutex_lock(&nodes.lock);
	yes = is_beneath(n, top);
	pthread_mutex_unlock(&nodes.lock);
	return yes;
}
