/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is something still where its path says? What is done is decided by names.
 * Another session, or somebody outside, may have moved a directory on the way,
 * to where the policy says other things, while a process here is still in it,
 * or keeps a file by a descriptor without having it open.
 *
 * Two that act at one moment are seen by one of them, because each looks when it
 * has acted: who makes something, whether the directory is where it was, and
 * who moves a directory, at all that is in it (op_rename.c). What this finds
 * wrong is taken back (undo.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backing.h"
#include "decide.h"
#include "node.h"
#include "ops.h"
#include "record.h"

#define LOOK_TRIES 3

struct at {
	struct node *parent; /* held */
	char *text;
};

/* It is by the path that was decided, not by one that the graph has learned
 * since: whoever looks a moved directory up gives it another. */
bool
stand_holds(const struct node *parent, int fd, const char *path)
{
	const char *end = strrchr(path, '/'), *top;
	int top_fd;

	if (parent->view != VIEW_WORKSPACE || parent->fixed != NULL)
		return true;
	top = mounts_top(path, &top_fd);
	if (end == NULL || end < path + strlen(top))
		return false;
	return backing_is_at(fd, top_fd, path + strlen(top),
	    (size_t)(end - path) - strlen(top));
}

int
stand_use(struct node *parent, const char *path)
{
	int fd;

	fd = node_use(parent);
	if (fd == -1 || stand_holds(parent, fd, path))
		return fd;
	node_done(parent);
	errno = ESTALE;
	return -1;
}

/* Who only looks does not keep it from being renamed here meanwhile. */
int
node_use_at(struct node *n)
{
	char path[AGENTSH_PATH_MAX + 1];
	int fd, i;

	fd = node_use(n);
	if (fd == -1 || n->view != VIEW_WORKSPACE || n->fixed != NULL)
		return fd;
	for (i = 0; i < LOOK_TRIES; i++) {
		if (node_child_path(n, "", path) != -1 &&
		    stand_holds(n, fd, path))
			return fd;
	}
	node_done(n);
	errno = ESTALE;
	return -1;
}

/* The names that it has; the parents are held. false: not all, for lack of
 * memory. */
static bool
names_of(struct node *n, struct at **out, size_t *n_out)
{
	struct name *m;
	struct at *v;
	size_t count = 0;
	bool ok;

	node_lock();
	LIST_FOREACH(m, &n->names, of_node)
		count++;
	*out = v = calloc(count + 1, sizeof(*v));
	ok = v != NULL;
	count = 0;
	LIST_FOREACH(m, &n->names, of_node) {
		if (!ok || m->gone)
			continue;
		v[count].text = strdup(m->text);
		v[count].parent = m->parent;
		m->parent->holds++;
		ok = v[count++].text != NULL;
	}
	node_unlock();
	*n_out = count;
	return ok;
}

static void
names_free(struct at *v, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		node_release(v[i].parent, false);
		free(v[i].text);
	}
	free(v);
}

/* Does the name mean it, at the path that the graph has of it? */
static bool
means(struct node *n, const struct at *a, char path[AGENTSH_PATH_MAX + 1])
{
	struct statx stx;
	bool same = false;
	int fd;

	if (node_child_path(a->parent, a->text, path) == -1)
		return false;
	fd = stand_use(a->parent, path);
	if (fd == -1)
		return false;
	same = backing_stat_at(fd, a->text, &stx) == 0 &&
	    backing_same(&n->id, &stx);
	node_done(a->parent);
	return same;
}

/* The same, with nobody here changing that meanwhile. */
static bool
means_now(struct node *n, const struct at *a, char path[AGENTSH_PATH_MAX + 1])
{
	struct claim c;
	bool same;

	claim_one(&c, CLAIM_LOOK, a->parent, a->text);
	same = means(n, a, path);
	claim_end(&c);
	return same;
}

/* What has no name any more is nowhere else. */
static bool
is_unnamed(struct node *n)
{
	struct statx stx;

	return node_stat(n, NULL, &stx) == 0 && stx.stx_nlink == 0;
}

int
node_stands(struct node *n, struct ruling *r, enum file_op op, bool claimed)
{
	char path[AGENTSH_PATH_MAX + 1];
	struct at *v;
	size_t len, i;
	bool there = false, all = names_of(n, &v, &len);

	for (i = 0; all && i < len && !there; i++)
		there = claimed ? means(n, &v[i], path) :
				  means_now(n, &v[i], path);
	names_free(v, len);
	ruling_init(r);
	if (!there)
		return is_unnamed(n) ? 0 : ESTALE;
	/* it may have learned this name since it was decided */
	r->about = n;
	ask_path(r, op, n->view, path, strlen(path));
	r->about = NULL;
	return ruling_denies(r) ? EACCES : 0;
}

int
node_attr_stands(fuse_req_t req, struct node *n, enum file_op op,
    enum event_type event, bool late)
{
	struct ruling r;
	int error;

	if (n->view != VIEW_WORKSPACE || n->fixed != NULL)
		return 0;
	error = node_stands(n, &r, op, false);
	if (error == 0)
		return 0;
	if (late) {
		ask_node(&r, op, n);
		undo_refuse(&r);
	} else if (error == ESTALE)
		return error; /* nothing was asked, and nothing done */
	(void)record_denied(req, event, &r);
	return late ? ESTALE : error;
}

/* To be claimed with what is made of it. */
bool
node_some_name(struct node *n, struct node **parent, char **text)
{
	struct name *m;

	*parent = NULL;
	*text = NULL;
	node_lock();
	LIST_FOREACH(m, &n->names, of_node) {
		if (m->gone)
			continue;
		*text = strdup(m->text);
		*parent = m->parent;
		m->parent->holds++;
		break;
	}
	node_unlock();
	return *parent == NULL || *text != NULL;
}
