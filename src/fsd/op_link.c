/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hard links: a further name, of what is where its path says.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backing.h"
#include "decide.h"
#include "log.h"
#include "node.h"
#include "ops.h"
#include "record.h"
#include "serve.h"

/* A second name must not allow what the first one does not. */
static void
ask_link(struct ruling *r, struct node *n, struct node *parent,
    const char *text, char *path)
{
	int len;

	len = node_child_path(parent, text, path);
	if (len == -1) {
		refuse_node(r, FILE_OP_LINK, parent, "path-too-long", "");
		return;
	}
	ask_node(r, FILE_OP_LINK, n);
	ask_path(r, FILE_OP_LINK, parent->view, path, (size_t)len);
	ask_made(r, n->type, parent->view, path, (size_t)len);
	if (n->type == S_IFLNK) {
		ask_node(r, FILE_OP_READLINK, n);
	} else {
		ask_node(r, FILE_OP_OPEN, n);
		ask_node(r, FILE_OP_READ, n);
		ask_node(r, FILE_OP_WRITE, n);
	}
	ask_use(r, n->type, parent->view, path, (size_t)len);
	ask_second_name(r, n, path);
}

/* As the kernel does it where fs.protected_hardlinks is on: who may not write
 * a file must not give it names that keep it, proc_sys_fs(5). */
static bool
may_get_name(int fd)
{
	struct statx stx;
	const unsigned as_group = S_ISGID | S_IXGRP;

	if (backing_stat(fd, &stx) == -1)
		return false;
	if (stx.stx_uid == fsd.uid || fsd.uid == 0)
		return true;
	return S_ISREG(stx.stx_mode) && (stx.stx_mode & S_ISUID) == 0 &&
	    (stx.stx_mode & as_group) != as_group &&
	    faccessat(fd, "", R_OK | W_OK, AT_EMPTY_PATH) == 0;
}

/* A second name of what is elsewhere by now would be one of what is there. 0 or an
 * error number; EACCES with a denial in r. */
static int
source_stands(struct node *n, struct ruling *r)
{
	struct ruling again;
	int error;

	if (n->view != VIEW_WORKSPACE)
		return 0;
	error = node_stands(n, &again, FILE_OP_LINK, true);
	if (error == EACCES)
		*r = again;
	return error;
}

/* The name, by descriptors. 0 or an error number. */
static int
link_one(struct node *n, int fd, struct node *parent, int pfd, const char *text,
    const char *path, struct ruling *r)
{
	struct statx stx;
	char name[16];
	bool unnamed;
	int error;

	if (backing_stat(fd, &stx) == -1)
		return errno;
	unnamed = stx.stx_nlink == 0;
	error = source_stands(n, r);
	if (error != 0)
		return error;
	if (!may_get_name(fd))
		return EPERM;
	backing_name(name, fd);
	if (linkat(fsd.self_fd, name, pfd, text, AT_SYMLINK_FOLLOW) == -1)
		return errno;
	if (stand_holds(parent, pfd, path) &&
	    (unnamed || source_stands(n, r) == 0))
		return 0;
	undo_made(pfd, text, path, n->type, &n->id);
	undo_refuse(r);
	return ESTALE;
}

static int
link_entry(fuse_req_t req, struct node *n, struct node *parent,
    const char *text, const char *path, struct fuse_entry_param *e,
    struct ruling *r, bool *made)
{
	int error, fd, pfd;

	fd = node_use(n);
	if (fd == -1)
		return errno;
	pfd = stand_use(parent, path);
	error = errno;
	if (pfd != -1) {
		error = link_one(n, fd, parent, pfd, text, path, r);
		node_done(parent);
	}
	node_done(n);
	if (error != 0)
		return error;
	*made = true;
	name_add(n, parent, text);
	return lookup_child(req, parent, text, e, false);
}

static void
unclaim_link(struct claim *c, char *old)
{
	claim_end(c);
	if (c->name[1].parent != NULL)
		node_release(c->name[1].parent, false);
	free(old);
}

/* The new name, and one that it has: nobody here takes it away meanwhile. */
static void
claim_link(struct claim *c, struct node *n, struct node *parent,
    const char *text, char **old)
{
	struct node *old_parent, *now;

	for (;;) {
		if (!node_some_name(n, &old_parent, old))
			fatal("no memory for a name");
		memset(c, 0, sizeof(*c));
		c->kind = CLAIM_CHANGE;
		c->name[0].parent = parent;
		c->name[0].text = text;
		c->name[1].parent = old_parent;
		c->name[1].text = *old;
		claim_begin(c);
		if (old_parent == NULL)
			return;
		now = node_by_name(old_parent, *old);
		if (now != NULL)
			node_release(now, false);
		if (now == n)
			return;
		/* it was renamed before it was claimed */
		unclaim_link(c, *old);
	}
}

void
op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *text)
{
	struct node *n = node_of(ino), *parent = node_of(newparent);
	char old[AGENTSH_PATH_MAX + 1], path[AGENTSH_PATH_MAX + 1];
	char *some;
	struct fuse_entry_param e;
	struct claim c;
	struct extra x = { EVF_TO_PATH, path, 0, NULL };
	struct ruling r;
	bool made = false;
	int error = 0;

	/* what went to the trash has a name, but none here */
	ruling_init(&r);
	if (n->view == VIEW_WORKSPACE &&
	    node_stands(n, &r, FILE_OP_LINK, false) == ESTALE) {
		reply_error(req, ENOENT);
		return;
	}
	ruling_init(&r);
	claim_link(&c, n, parent, text, &some);
	ask_link(&r, n, parent, text, path);
	if (!ruling_denies(&r) &&
	    (n->view != parent->view || n->top != parent->top))
		error = EXDEV;
	else if (!ruling_denies(&r) && !gitsettings_begin_write(n))
		/* by another name it could be written to */
		gitsettings_refuse(&r, FILE_OP_LINK, n);
	else if (!ruling_denies(&r)) {
		error = link_entry(req, n, parent, text, path, &e, &r, &made);
		gitsettings_end_write(n);
	}
	unclaim_link(&c, some);
	if (node_path(n, old) == -1)
		old[0] = '\0';
	if (record_denied_pair(req, EV_FILE_LINK, &r, FILE_OP_LINK, old,
		path)) {
		reply_error(req, error != 0 ? error : EACCES);
		return;
	}
	if (error == 0 || made)
		record_done(req, EV_FILE_LINK, &r, &x);
	if (error != 0) {
		reply_error(req, error);
		return;
	}
	if (fuse_reply_entry(req, &e) == -ENOENT)
		node_forget(node_of(e.ino), 1);
}
