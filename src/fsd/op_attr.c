/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes: what a node looks like.
 */
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backing.h"
#include "decide.h"
#include "handle.h"
#include "log.h"
#include "node.h"
#include "ops.h"
#include "record.h"
#include "serve.h"
#include "uring.h"

/* 0 or an error number; not of a directory of ours. */
int
node_stat(struct node *n, const struct handle *h, struct statx *stx)
{
	int fd, rc, saved;

	if (h != NULL && h->fd != -1)
		return backing_stat(h->fd, stx) == -1 ? errno : 0;
	fd = node_use(n);
	if (fd == -1)
		return errno;
	rc = backing_stat(fd, stx);
	saved = errno;
	node_done(n);
	return rc == -1 ? saved : 0;
}

/* 0 or an error number. */
int
node_attr(struct node *n, const struct handle *h, struct stat *st)
{
	struct statx stx;
	int error;

	if (n->view == VIEW_VIRTUAL) {
		memset(st, 0, sizeof(*st));
		st->st_mode = S_IFDIR | 0755;
		st->st_nlink = 2;
		st->st_ino = backing_ino(UINT64_MAX, fixed_number(n->fixed));
		return 0;
	}
	error = node_stat(n, h, &stx);
	if (error == 0)
		backing_attr(st, &stx);
	return error;
}

void
attr_reply(fuse_req_t req, struct node *n, const struct handle *h, bool once)
{
	struct fuse_entry_param e = { 0 };
	int error;

	error = node_attr(n, h, &e.attr);
	if (error != 0) {
		reply_error(req, error);
		return;
	}
	entry_times(n, &e);
	fuse_reply_attr(req, &e.attr, once ? 0 : e.attr_timeout);
}

void
op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *n = node_of(ino);
	const struct handle *h = fi != NULL ? handle_of(fi) : NULL;
	struct ruling r;
	bool denied = false;

	ruling_init(&r);
	/* the kernel looks at the way to, and under, a mount */
	if (!n->anchor) {
		ask_node(&r, FILE_OP_STAT, n);
		denied = ruling_denies(&r);
		/* by a handle it is the kernel that looks, at its size before a
		 * read (fstat(2) comes without): what is open stays of use when
		 * the policy has changed */
		if (h == NULL && record_denied(req, EV_FILE_STAT, &r)) {
			reply_error(req, EACCES);
			return;
		}
		if (!denied)
			record_done(req, EV_FILE_STAT, &r, NULL);
	}
	if (device_form() == DEVICE_STATX)
		reply_statx(req, n, h, denied);
	else
		attr_reply(req, n, h, denied);
}

/* Names of one directory that the kernel is to forget. */
struct closed {
	fuse_ino_t parent;
	struct known *known;
	size_t n;
};

/* What is beneath these names goes with them. */
static void
forget_closed(void *arg)
{
	struct closed *c = arg;
	const struct known *k;
	size_t i;

	for (i = 0; i < c->n; i++) {
		k = &c->known[i];
		if (k->parent == c->parent && k->text != NULL)
			(void)fuse_lowlevel_notify_inval_entry(fsd.session,
			    k->parent, k->text, strlen(k->text));
	}
	known_free(c->known, c->n);
	free(c);
}

void
attr_closed(struct node *n)
{
	struct closed *c;
	int fd, rc;

	if (n->type != S_IFDIR)
		return;
	fd = node_use(n);
	if (fd == -1)
		return;
	rc = faccessat(fd, "", X_OK, AT_EMPTY_PATH);
	node_done(n);
	if (rc == 0)
		return;
	c = malloc(sizeof(*c));
	if (c == NULL)
		fatal("malloc");
	c->parent = node_number(n);
	c->n = node_known(&c->known, n);
	/* an answer by a ring is on its way when this thread is done */
	if (uring_is_here())
		uring_after(forget_closed, c);
	else
		forget_closed(c);
}

bool
attr_refuses(struct node *n, int mask)
{
	struct ruling r;

	ruling_init(&r);
	ask_node(&r, FILE_OP_ACCESS, n);
	if (n->type == S_IFREG && (mask & R_OK) != 0)
		ask_node(&r, FILE_OP_READ, n);
	if ((mask & W_OK) != 0)
		ask_node(&r, FILE_OP_WRITE, n);
	/* an open would wait for an operator, and may succeed */
	return r.decision != DECISION_APPROVE && ruling_denies(&r);
}

void
op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct node *n = node_of(ino);
	struct ruling r;
	int fd, rc, saved;

	ruling_init(&r);
	if (n->view == VIEW_VIRTUAL) {
		reply_error(req, (mask & W_OK) != 0 ? EACCES : 0);
		return;
	}
	ask_node(&r, FILE_OP_ACCESS, n);
	if (fsd.settled && record_denied(req, EV_FILE_ACCESS, &r)) {
		reply_error(req, EACCES);
		return;
	}
	if (fsd.settled && attr_refuses(n, mask)) {
		reply_error(req, EACCES);
		return;
	}
	fd = node_use(n);
	if (fd == -1) {
		reply_error(req, errno);
		return;
	}
	rc = faccessat(fd, "", mask, AT_EMPTY_PATH);
	saved = errno;
	node_done(n);
	if (rc == 0)
		record_done(req, EV_FILE_ACCESS, &r, NULL);
	reply_error(req, rc == -1 ? saved : 0);
}

void
op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct node *n = ino != 0 ? node_of(ino) : node_of(FUSE_ROOT_ID);
	struct statvfs sv;
	int fd, rc, saved;

	if (n->view == VIEW_VIRTUAL)
		n = node_of(FUSE_ROOT_ID);
	fd = node_use(n);
	if (fd == -1) {
		reply_error(req, errno);
		return;
	}
	rc = fstatvfs(fd, &sv);
	saved = errno;
	node_done(n);
	if (rc == -1)
		reply_error(req, saved);
	else
		fuse_reply_statfs(req, &sv);
}
