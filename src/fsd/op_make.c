/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that come and go: directories, nodes, links. The change of the host's
 * directory and that of our graph are one step for everybody else.
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
#include "redirect.h"
#include "serve.h"
#include "trashing.h"

/* What is made: type and mode, a symbolic link's text. */
struct making {
	enum file_op op;
	enum event_type event;
	mode_t mode;
	const char *target;
};

static int
make_one(fuse_req_t req, int pfd, const char *text, const struct making *k)
{
	mode_t mode = masked_mode(req, pfd, k->mode);

	switch (k->mode & S_IFMT) {
	case S_IFDIR:
		return mkdirat(pfd, text, mode & MODE_DIR);
	case S_IFLNK:
		return symlinkat(k->target, pfd, text);
	default:
		return mknodat(pfd, text, mode, 0);
	}
}

/* Makes, and looks up what was made. 0 or an error number; *made whatever the
 * looking up says. */
static int
make_entry(fuse_req_t req, struct node *parent, const char *text,
    const char *path, const struct making *k, struct fuse_entry_param *e,
    struct ruling *r, bool *made)
{
	int error, pfd;

	pfd = stand_use(parent, path);
	if (pfd == -1)
		return errno;
	error = make_one(req, pfd, text, k) == -1 ? errno : 0;
	*made = error == 0;
	if (*made && !stand_holds(parent, pfd, path)) {
		undo_made(pfd, text, path, k->mode, NULL);
		undo_refuse(r);
		error = ESTALE;
	} else if (*made) {
		error = lookup_at(req, parent, pfd, text, e, false);
	}
	node_done(parent);
	return error;
}

static void
make(fuse_req_t req, fuse_ino_t ino, const char *text, const struct making *k)
{
	struct node *parent = node_of(ino);
	struct fuse_entry_param e;
	struct claim c;
	struct extra x = { EVF_TARGET, k->target, 0, NULL };
	char path[AGENTSH_PATH_MAX + 1];
	struct ruling r;
	bool made = false;
	int error;

	ruling_init(&r);
	claim_one(&c, CLAIM_CHANGE, parent, text);
	ask_at(&r, k->op, parent, text, path);
	if (S_ISSOCK(k->mode) && !ruling_denies(&r))
		ask_socket(&r, path);
	if (ruling_denies(&r))
		error = EACCES;
	else
		error = make_entry(req, parent, text, path, k, &e, &r, &made);
	claim_end(&c);
	if (record_denied(req, k->event, &r)) {
		reply_error(req, error);
		return;
	}
	if (error == 0 || made)
		record_done(req, k->event, &r, k->target != NULL ? &x : NULL);
	if (error != 0) {
		reply_error(req, error);
		return;
	}
	if (fuse_reply_entry(req, &e) == -ENOENT)
		node_forget(node_of(e.ino), 1);
}

void
op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *text, mode_t mode)
{
	struct making k = { FILE_OP_MKDIR, EV_DIR_CREATE,
		S_IFDIR | (mode & MODE_DIR), NULL };

	make(req, parent, text, &k);
}

void
op_mknod(fuse_req_t req, fuse_ino_t parent, const char *text, mode_t mode,
    dev_t rdev)
{
	struct making k = { FILE_OP_MKNOD, EV_FILE_MKNOD,
		mode & (S_IFMT | MODE_FILE), NULL };

	(void)rdev;
	switch (mode & S_IFMT) {
	case 0:
	case S_IFREG:
		k.mode = S_IFREG | (mode & MODE_FILE);
		k.op = FILE_OP_CREATE;
		k.event = EV_FILE_CREATE;
		break;
	case S_IFIFO:
	case S_IFSOCK:
		break;
	default:
		reply_error(req, EPERM); /* no device, ever */
		return;
	}
	make(req, parent, text, &k);
}

void
op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
    const char *text)
{
	struct making k = { FILE_OP_SYMLINK, EV_SYMLINK_CREATE, S_IFLNK,
		target };

	make(req, parent, text, &k);
}

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

/* To the trash instead. 0, or an error number. */
static int
remove_softly(fuse_req_t req, struct node *parent, int pfd, const char *text,
    const char *path, struct ruling *r, struct trashing *k)
{
	int error;

	error = trash_begin(req, k, pfd, text, r);
	if (error != 0)
		return error;
	k->parent = parent;
	k->path = path;
	error = trash_take(k, pfd, text, r);
	trash_finish(k, error == 0);
	return error;
}

static int
remove_entry(fuse_req_t req, struct node *parent, const char *text,
    const char *path, int flags, struct ruling *r, struct trashing *k)
{
	struct node *n;
	int pfd, fd = -1, rc = -1, saved;

	/* what is open stays reachable by its descriptor, also by one that is not
	 * for I/O, O_PATH: of those nobody tells us. So the descriptor goes when
	 * the kernel forgets the node, and the file's room with it */
	n = node_by_name(parent, text);
	if (n != NULL)
		fd = node_use(n);
	pfd = stand_use(parent, path);
	saved = errno;
	if (pfd != -1 && r->decision == DECISION_SOFT_DELETE) {
		saved = remove_softly(req, parent, pfd, text, path, r, k);
		rc = saved == 0 ? 0 : -1;
		node_done(parent);
	} else if (pfd != -1) {
		rc = unlinkat(pfd, text, flags);
		saved = errno;
		node_done(parent);
	}
	if (rc == 0)
		name_gone(parent, text);
	if (fd != -1)
		node_done(n);
	if (n != NULL)
		node_release(n, false);
	return rc == 0 ? 0 : saved;
}

static void
op_remove(fuse_req_t req, fuse_ino_t ino, const char *text, enum file_op op,
    enum event_type event, int flags)
{
	char path[AGENTSH_PATH_MAX + 1];
	struct place p;
	struct claim c;
	struct ruling r;
	struct trashing k;
	int error;

	error = redirect_existing(req, node_of(ino), text, &p);
	if (error != 0) {
		reply_error(req, error);
		return;
	}
	ruling_init(&r);
	claim_one(&c, CLAIM_CHANGE, p.parent, p.text);
	if (op == FILE_OP_DELETE &&
	    node_child_path(p.parent, p.text, path) != -1 &&
	    gitsettings_may_remove(p.parent, p.text, path))
		r.settings = path;
	ask_at(&r, op, p.parent, p.text, path);
	if (!ruling_denies(&r))
		error = remove_entry(req, p.parent, p.text, path, flags, &r,
		    &k);
	claim_end(&c);
	place_done(&p);
	if (record_denied(req, event, &r)) {
		reply_error(req, EACCES);
		return;
	}
	if (error == 0 && r.decision == DECISION_SOFT_DELETE)
		trash_record(req, &k, &r);
	else if (error == 0)
		record_done(req, event, &r, NULL);
	reply_error(req, error);
}

void
op_unlink(fuse_req_t req, fuse_ino_t parent, const char *text)
{
	op_remove(req, parent, text, FILE_OP_DELETE, EV_FILE_DELETE, 0);
}

void
op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *text)
{
	op_remove(req, parent, text, FILE_OP_RMDIR, EV_DIR_DELETE,
	    AT_REMOVEDIR);
}
