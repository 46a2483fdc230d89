/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names: what the kernel asks before anything else. A lookup that the policy
 * refuses enters no node, so that nothing beneath it can be asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "backing.h"
#include "decide.h"
#include "handle.h"
#include "node.h"
#include "ops.h"
#include "own.h"
#include "pseudofs.h"
#include "record.h"
#include "redirect.h"
#include "serve.h"
#include "trashing.h"

/* How long the kernel may believe a name and its attributes, in seconds. A
 * directory that something is mounted on is never looked at beneath that. */
#define TIME_ANCHOR 86400.0
#define TIME_WATCHED 30.0 /* watch.c tells the kernel of changes */
static const double times[VIEW_MAX] = {
	[VIEW_VIRTUAL] = TIME_ANCHOR,
	[VIEW_HOST] = 1.0,
	[VIEW_WORKSPACE] = 1.0,
};

/* Where each look is wanted, none is answered from memory for long. */
bool
may_keep(struct node *n)
{
	return n->view == VIEW_WORKSPACE && policy_image() != NULL &&
	    !image_audits_files(policy_image()) && node_is_watched(n);
}

void
entry_times(struct node *n, struct fuse_entry_param *e)
{
	double t = times[n->view];

	if (may_keep(n))
		t = TIME_WATCHED;
	e->ino = node_number(n);
	e->entry_timeout = n->anchor ? TIME_ANCHOR : t;
	/* one that never moves is not told of */
	if (n->fixed != NULL && !n->anchor)
		e->entry_timeout = times[n->view];
	if (n->type == S_IFDIR && !n->anchor && !fsd.can_expire)
		e->entry_timeout = times[n->view];
	/* it may be changed by a name elsewhere, where nobody watches, or by the
	 * kernel, which says so when it is closed */
	if (n->type != S_IFDIR && (e->attr.st_nlink > 1 || n->writers > 0))
		t = times[n->view];
	e->attr_timeout = t;
	watch_told(n, &e->attr);
}

/* For how long the kernel may believe that a name is not there: where it would
 * be heard of, and in the host's tree as long as what is there. */
static double
absent_time(struct node *parent)
{
	if (parent->view == VIEW_HOST && policy_image() != NULL &&
	    !image_audits_files(policy_image()))
		return times[VIEW_HOST];
	return may_keep(parent) ? TIME_WATCHED : 0;
}

static void
reply_absent(fuse_req_t req, struct node *parent, const char *text)
{
	struct fuse_entry_param e = { .entry_timeout = absent_time(parent) };

	if (e.entry_timeout == 0 ||
	    !absent_add(parent, text, (unsigned)TIME_WATCHED))
		reply_error(req, ENOENT);
	else
		fuse_reply_entry(req, &e);
}

/* A host object that may not be entered, whatever the policy says. */
static bool
is_barred(struct node *parent, int fd, const struct statx *stx,
    struct ruling *r)
{
	struct ident id;

	if (parent->view == VIEW_HOST &&
	    backing_same(&node_workspace()->id, stx)) {
		/* one way in: policies name the workspace by its mount */
		refuse(r, "workspace-by-other-path",
		    "the workspace is at its mount only");
		return true;
	}
	if (parent->view == VIEW_HOST && mounts_have(stx)) {
		refuse(r, "mount-by-other-path",
		    "a mount of the profile is at its own path only");
		return true;
	}
	if (trash_is_it(stx)) {
		refuse(r, "trash", "the trash is no session's");
		return true;
	}
	if (own_is_hidden(stx)) {
		refuse(r, OWN_RULE, OWN_TEXT);
		return true;
	}
	backing_ident(&id, stx);
	if (id.dev != parent->id.dev && fs_is_pseudo(fd)) {
		/* in another proc "self" would be us */
		refuse(r, "host-kernel",
		    "the host's kernel and processes are not shown");
		return true;
	}
	return false;
}

/* Refuses a lookup; quietly for entries of a listing. */
static int
deny_lookup(fuse_req_t req, const struct ruling *r, bool quiet)
{
	if (!quiet)
		(void)record_denied(req, EV_FILE_STAT, r);
	return EACCES;
}

/* Something is mounted on that name, or beneath it: the kernel looks it up on
 * every way there, and a refusal would undo the mount. */
static bool
is_anchored(struct node *parent, const char *text)
{
	struct node *n;
	bool yes;

	n = node_by_name(parent, text);
	if (n == NULL)
		return false;
	yes = n->anchor;
	node_release(n, false);
	return yes;
}

/* May the caller know which names there are? */
static bool
may_list(struct node *parent)
{
	struct ruling r;

	ruling_init(&r);
	ask_node(&r, FILE_OP_LIST, parent);
	return !ruling_denies(&r);
}

static int
lookup_fixed(struct node *n, struct fuse_entry_param *e)
{
	int error;

	error = node_attr(n, NULL, &e->attr);
	if (error != 0)
		return error;
	node_again(n);
	entry_times(n, e);
	return 0;
}

static int
lookup_mount(fuse_req_t req, struct node *n, const struct ruling *r,
    bool denied, bool quiet, struct fuse_entry_param *e)
{
	/* our own side mounts something on it, or beneath it */
	if (!fsd.settled)
		n->anchor = true;
	return denied && !n->anchor ? deny_lookup(req, r, quiet) :
				      lookup_fixed(n, e);
}

/* The object is there and open as fd, which is taken. */
static int
enter(fuse_req_t req, struct node *parent, const char *text, int fd,
    const struct statx *stx, struct ruling *r, struct fuse_entry_param *e,
    bool quiet)
{
	struct statx fresh;
	struct node *n;

	n = node_enter(parent, text, fd, stx);
	if (n == NULL)
		return errno;
	if (node_has_aliases(n)) {
		ruling_init(r);
		ask_node(r, FILE_OP_STAT, n);
		if (ruling_denies(r)) {
			node_forget(n, 1);
			return deny_lookup(req, r, quiet);
		}
	}
	/* our own side looks only for what it mounts something on */
	if (!fsd.settled && n->type != S_IFLNK)
		n->anchor = true;
	if (watch_dir(n) && node_stat(n, NULL, &fresh) == 0)
		stx = &fresh;
	backing_attr(&e->attr, stx);
	entry_times(n, e);
	if (!quiet)
		record_done(req, EV_FILE_STAT, r, NULL);
	return 0;
}

/* What is there by itself: *done, and 0 or an error number. */
static int
lookup_ours(fuse_req_t req, struct node *parent, const struct ruling *r,
    bool denied, bool quiet, struct fuse_entry_param *e, bool *done)
{
	struct node *fixed;

	*done = true;
	fixed = node_virtual(r->path);
	if (fixed != NULL)
		return lookup_fixed(fixed, e);
	if (strcmp(r->path, fsd.mount) == 0)
		return denied ? deny_lookup(req, r, quiet) :
				lookup_fixed(node_workspace(), e);
	fixed = mounts_node(r->path);
	if (fixed != NULL)
		return lookup_mount(req, fixed, r, denied, quiet, e);
	*done = parent->view == VIEW_VIRTUAL;
	return ENOENT;
}

/* 0 and an entry that the kernel then refers to, or an error number. pfd -1: the
 * parent is taken and let go of here. */
static int
lookup(fuse_req_t req, struct node *parent, int pfd, const char *text,
    struct fuse_entry_param *e, bool quiet)
{
	struct ruling r;
	struct statx stx;
	bool denied, done, mine = pfd == -1;
	int error, fd, saved;

	memset(e, 0, sizeof(*e));
	ruling_init(&r);
	ask_child(&r, FILE_OP_STAT, parent, text);
	denied = ruling_denies(&r) && fsd.settled && !is_anchored(parent, text);
	if (strlen(text) > NAME_MAX)
		return ENAMETOOLONG;
	if (parent->view != VIEW_WORKSPACE) {
		error = lookup_ours(req, parent, &r, denied, quiet, e, &done);
		if (done)
			return error;
	}
	if (mine)
		pfd = node_use_at(parent);
	if (pfd == -1)
		return errno;
	fd = backing_open(pfd, text, &stx);
	saved = errno;
	if (mine)
		node_done(parent);
	if (fd == -1) {
		if (saved == ENOENT)
			name_gone(parent, text);
		/* that there is nothing is no secret where names are not */
		if (denied && (saved != ENOENT || !may_list(parent)))
			return deny_lookup(req, &r, quiet);
		return saved;
	}
	if (denied || is_barred(parent, fd, &stx, &r)) {
		close(fd);
		return deny_lookup(req, &r, quiet);
	}
	return enter(req, parent, text, fd, &stx, &r, e, quiet);
}

int
lookup_child(fuse_req_t req, struct node *parent, const char *text,
    struct fuse_entry_param *e, bool quiet)
{
	return lookup(req, parent, -1, text, e, quiet);
}

int
lookup_at(fuse_req_t req, struct node *parent, int pfd, const char *text,
    struct fuse_entry_param *e, bool quiet)
{
	return lookup(req, parent, pfd, text, e, quiet);
}

void
op_lookup(fuse_req_t req, fuse_ino_t parent, const char *text)
{
	struct fuse_entry_param e;
	struct claim c;
	bool done;
	int error;

	error = redirect_lookup(req, node_of(parent), text, &e, &done);
	if (!done) {
		claim_one(&c, CLAIM_LOOK, node_of(parent), text);
		error = lookup_child(req, node_of(parent), text, &e, false);
		claim_end(&c);
	}
	if (error == ENOENT && !done)
		reply_absent(req, node_of(parent), text);
	else if (error != 0)
		reply_error(req, error);
	else if (fuse_reply_entry(req, &e) == -ENOENT)
		node_forget(node_of(e.ino), 1);
}

void
op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	node_forget(node_of(ino), n);
	fuse_reply_none(req);
}

void
op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *f)
{
	size_t i;

	for (i = 0; i < count; i++)
		node_forget(node_of(f[i].ino), f[i].nlookup);
	fuse_reply_none(req);
}

void
op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct node *n = node_of(ino);
	struct ruling r;
	char target[PATH_MAX + 1];
	ssize_t len;
	int fd, saved;

	ruling_init(&r);
	ask_node(&r, FILE_OP_READLINK, n);
	if (record_denied(req, EV_SYMLINK_READ, &r)) {
		reply_error(req, EACCES);
		return;
	}
	fd = node_use(n);
	if (fd == -1) {
		reply_error(req, errno);
		return;
	}
	len = readlinkat(fd, "", target, sizeof(target) - 1);
	saved = errno;
	node_done(n);
	if (len == -1) {
		reply_error(req, saved);
		return;
	}
	target[len] = '\0';
	ask_symlink(&r, n, target);
	if (record_denied(req, EV_SYMLINK_READ, &r)) {
		reply_error(req, EACCES);
		return;
	}
	record_done(req, EV_SYMLINK_READ, &r, NULL);
	fuse_reply_readlink(req, target);
}
