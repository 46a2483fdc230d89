/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes: every object that the kernel knows, keyed by view, device, inode
 * and birth time, with all names it was met under. One lock guards the whole
 * graph, and nothing is asked of the host under it, which may not answer. A
 * node has an O_PATH descriptor; the least recently used are closed past a
 * bound and opened again by a name, which must still mean the same object. A
 * node without a name keeps its descriptor; past another bound nothing enters.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backing.h"
#include "fnv.h"
#include "handle.h"
#include "log.h"
#include "node.h"

#define NODE_BUCKETS 16384
#define NAME_BUCKETS 16384
/* nodes looked at for one that may lose its descriptor */
#define NODE_SCAN 64
/* a path cannot have more parts */
#define DEPTH_MAX (AGENTSH_PATH_MAX / 2)

LIST_HEAD(node_list, node);
TAILQ_HEAD(node_queue, node);

static struct {
	pthread_mutex_t lock;
	struct node_list by_ident[NODE_BUCKETS];
	struct name_list by_text[NAME_BUCKETS];
	struct node_queue lru; /* the least recently used first */
	struct node_list dead;
	size_t nfds;
	size_t max_fds;		/* that are idle */
	size_t end_fds;		/* of all */
	int closing[NODE_SCAN]; /* given up, but open */
	size_t nclosing;
} nodes = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct node root, workspace;

void
node_init(size_t max_fds)
{
	TAILQ_INIT(&nodes.lru);
	nodes.max_fds = max_fds;
	nodes.end_fds = max_fds + max_fds / 4;
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

	for (i = 0; n != top && n->fixed == NULL && i < DEPTH_MAX; i++) {
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

static size_t
hash_name(const struct node *parent, const char *text)
{
	uint64_t h = fnv_str((uint64_t)(uintptr_t)parent ^ FNV_INIT, text);

	/* what names differ in mostly, their last bytes, has only reached the
	 * lowest bits and the highest */
	h = (h ^ h >> 32) * 0x9e3779b97f4a7c15U;
	return (size_t)(h >> 32) % NAME_BUCKETS;
}

static struct name *
find_name(const struct node *parent, const char *text)
{
	struct name *m;

	LIST_FOREACH(m, &nodes.by_text[hash_name(parent, text)], by_text) {
		if (m->parent == parent && strcmp(m->text, text) == 0)
			return m;
	}
	return NULL;
}

/* The name under which the node can be found now, NULL when there is none. */
static struct name *
live_name(const struct node *n)
{
	struct name *m;

	LIST_FOREACH(m, &n->names, of_node) {
		if (!m->gone)
			return m;
	}
	return NULL;
}

/* To be closed when the graph is unlocked. */
static void
drop_fd(struct node *n)
{
	TAILQ_REMOVE(&nodes.lru, n, lru);
	nodes.nfds--;
	nodes.closing[nodes.nclosing++] = n->fd;
	n->fd = -1;
}

static void
set_fd(struct node *n, int fd)
{
	struct node *old, *next;
	int i;

	n->fd = fd;
	TAILQ_INSERT_TAIL(&nodes.lru, n, lru);
	nodes.nfds++;
	old = TAILQ_FIRST(&nodes.lru);
	for (i = 0; i < NODE_SCAN && nodes.nfds > nodes.max_fds &&
	     nodes.nclosing < NODE_SCAN;
	     i++) {
		if (old == NULL || old == n)
			break;
		next = TAILQ_NEXT(old, lru);
		if (old->users == 0 && old->opens == 0 &&
		    live_name(old) != NULL) {
			drop_fd(old);
		} else {
			/* not soon again */
			TAILQ_REMOVE(&nodes.lru, old, lru);
			TAILQ_INSERT_TAIL(&nodes.lru, old, lru);
		}
		old = next;
	}
}

static void
condemn(struct node *n)
{
	if (n->fixed != NULL || n->dead || n->nlookup != 0 || n->holds != 0)
		return;
	n->dead = true;
	LIST_REMOVE(n, by_ident);
	LIST_INSERT_HEAD(&nodes.dead, n, by_ident);
}

static void
free_name(struct name *m)
{
	LIST_REMOVE(m, of_node);
	if (!m->gone)
		LIST_REMOVE(m, by_text);
	m->parent->holds--;
	condemn(m->parent);
	free(m);
}

/* Unlocks the graph, and frees what nothing refers to any more; that may end
 * parents as well. The last descriptor of a removed file removes it. */
static void
unlock_and_bury(void)
{
	struct node_list gone = LIST_HEAD_INITIALIZER(gone);
	struct node *n;
	struct name *m;
	int closing[NODE_SCAN];
	size_t nclosing = nodes.nclosing;

	memcpy(closing, nodes.closing, nclosing * sizeof(*closing));
	nodes.nclosing = 0;
	while ((n = LIST_FIRST(&nodes.dead)) != NULL) {
		LIST_REMOVE(n, by_ident);
		while ((m = LIST_FIRST(&n->names)) != NULL)
			free_name(m);
		if (n->fd != -1) {
			TAILQ_REMOVE(&nodes.lru, n, lru);
			nodes.nfds--;
		}
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

/* A name that is no more. The last one stays, so that the node has a path. */
static void
end_name(struct name *m)
{
	struct node *n = m->node;

	if (LIST_FIRST(&n->names) != m || LIST_NEXT(m, of_node) != NULL) {
		free_name(m);
		return;
	}
	LIST_REMOVE(m, by_text);
	m->gone = true;
}

static int
put_name(struct node *n, struct node *parent, const char *text)
{
	struct name *m, *last;
	size_t len = strlen(text);

	m = find_name(parent, text);
	if (m != NULL && m->node == n)
		return 0;
	if (m != NULL)
		end_name(m);
	m = calloc(1, sizeof(*m) + len + 1);
	if (m == NULL)
		return -1;
	m->node = n;
	m->parent = parent;
	parent->holds++;
	memcpy(m->text, text, len + 1);
	last = LIST_FIRST(&n->names);
	if (last != NULL && last->gone)
		free_name(last);
	LIST_INSERT_HEAD(&n->names, m, of_node);
	LIST_INSERT_HEAD(&nodes.by_text[hash_name(parent, text)], m, by_text);
	return 0;
}

/* A name that nothing is found by, as of one that has lost its last. */
static int
put_gone(struct node *n, struct node *parent, const char *text)
{
	struct name *m;
	size_t len = strlen(text);

	m = calloc(1, sizeof(*m) + len + 1);
	if (m == NULL)
		return -1;
	m->node = n;
	m->parent = parent;
	m->gone = true;
	parent->holds++;
	memcpy(m->text, text, len + 1);
	LIST_INSERT_HEAD(&n->names, m, of_node);
	return 0;
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
		error = nodes.nfds < nodes.end_fds ? ENOMEM : EMFILE;
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
		condemn(n);
		goto fail;
	}
	n->nlookup++;
	if (n->fd == -1)
		set_fd(n, fd);
	else
		close(fd);
	unlock_and_bury();
	return n;
fail:
	unlock_and_bury();
	close(fd);
	errno = error;
	return NULL;
}

struct node *
node_enter(struct node *parent, const char *text, int fd,
    const struct statx *stx)
{
	return enter(parent, text, fd, stx, put_name);
}

struct node *
node_enter_unnamed(struct node *parent, const char *text, int fd,
    const struct statx *stx)
{
	return enter(parent, text, fd, stx, put_gone);
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
	condemn(n);
	unlock_and_bury();
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
	condemn(n);
	unlock_and_bury();
}

struct node *
node_by_name(struct node *parent, const char *text)
{
	struct name *m;
	struct node *n = NULL;

	pthread_mutex_lock(&nodes.lock);
	m = find_name(parent, text);
	if (m != NULL) {
		n = m->node;
		n->holds++;
	}
	pthread_mutex_unlock(&nodes.lock);
	return n;
}

bool
node_has_aliases(struct node *n)
{
	bool many;

	pthread_mutex_lock(&nodes.lock);
	many = LIST_FIRST(&n->names) != NULL &&
	    LIST_NEXT(LIST_FIRST(&n->names), of_node) != NULL;
	pthread_mutex_unlock(&nodes.lock);
	return many;
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

void
name_gone(struct node *parent, const char *text)
{
	struct name *m;

	pthread_mutex_lock(&nodes.lock);
	m = find_name(parent, text);
	if (m != NULL)
		end_name(m);
	unlock_and_bury();
}

void
name_add(struct node *n, struct node *parent, const char *text)
{
	pthread_mutex_lock(&nodes.lock);
	if (put_name(n, parent, text) == -1)
		fatal("no memory for a name");
	unlock_and_bury();
}

/* A node without its new name would be decided by the old one: no memory for
 * a name ends the process. */
void
name_moved(struct node *from, const char *old, struct node *to, const char *new,
    bool exchange)
{
	struct name *m, *other;
	struct node *swapped = NULL;

	pthread_mutex_lock(&nodes.lock);
	m = find_name(from, old);
	other = find_name(to, new);
	if (exchange && other != NULL)
		swapped = other->node;
	if (m == NULL && other != NULL)
		end_name(other);
	if (m != NULL && m != other) {
		if (put_name(m->node, to, new) == -1)
			fatal("no memory for a name");
		end_name(m);
	}
	if (swapped != NULL && put_name(swapped, from, old) == -1)
		fatal("no memory for a name");
	unlock_and_bury();
}

/* The node to be opened next on the way to n, and the name by which: the
 * nearest one beneath an ancestor that has a descriptor. NULL: no way. */
static struct name *
way_to(struct node *n)
{
	struct name *m;
	int i;

	m = live_name(n);
	for (i = 0; m != NULL && m->parent->fd == -1; i++) {
		/* a directory that the host moved may be known by two names */
		if (i == DEPTH_MAX)
			return NULL;
		m = live_name(m->parent);
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
	pthread_mutex_unlock(&nodes.lock);
	fd = backing_open(parent->fd, text, &stx);
	if (fd == -1)
		error = errno == ENOENT || errno == ENOTDIR ? ESTALE : errno;
	else if (!backing_same(&a->id, &stx))
		error = ESTALE;
	pthread_mutex_lock(&nodes.lock);
	parent->users--;
	if (error == 0 && a->fd == -1) {
		/* what is needed next must not be closed for this one */
		n->users++;
		set_fd(a, fd);
		n->users--;
		fd = -1;
	} else if (error != 0 && a->fd == -1 &&
	    (m = find_name(parent, text)) != NULL && m->node == a) {
		rc = -1;
	}
	parent->holds--;
	a->holds--;
	condemn(parent);
	condemn(a);
	unlock_and_bury();
	if (fd != -1)
		close(fd);
	pthread_mutex_lock(&nodes.lock);
	errno = error;
	return rc;
}

static int
reopen(struct node *n)
{
	int i;

	for (i = 0; n->fd == -1; i++) {
		if (i == 2 * DEPTH_MAX) {
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
	pthread_mutex_lock(&nodes.lock);
	if (n->fd != -1 || reopen(n) == 0) {
		n->users++;
		fd = n->fd;
		if (n->fixed == NULL) {
			TAILQ_REMOVE(&nodes.lru, n, lru);
			TAILQ_INSERT_TAIL(&nodes.lru, n, lru);
		}
	}
	saved = errno;
	pthread_mutex_unlock(&nodes.lock);
	errno = saved;
	return fd;
}

void
node_done(struct node *n)
{
	int saved = errno;

	pthread_mutex_lock(&nodes.lock);
	n->users--;
	pthread_mutex_unlock(&nodes.lock);
	errno = saved;
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
