/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes, of the "user." space and access lists: the others are
 * the host's security labels and capabilities. An access list is part of the
 * mode, and decided as such. The calls have no form for a path descriptor; its
 * entry in /proc leads to the object itself.
 */
#include <sys/stat.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decide.h"
#include "log.h"
#include "node.h"
#include "ops.h"
#include "record.h"
#include "serve.h"

#define XATTR_PREFIX "user."
#define XATTR_ACL_ACCESS "system.posix_acl_access"
#define XATTR_ACL_DEFAULT "system.posix_acl_default"
#define XATTR_LIST_MAX 65536
#define XATTR_VALUE_MAX 65536

static bool
is_ours(const char *name)
{
	return strncmp(name, XATTR_PREFIX, sizeof(XATTR_PREFIX) - 1) == 0;
}

static bool
is_acl(const char *name)
{
	return strcmp(name, XATTR_ACL_ACCESS) == 0 ||
	    strcmp(name, XATTR_ACL_DEFAULT) == 0;
}

mode_t
masked_mode(fuse_req_t req, int dir_fd, mode_t mode)
{
	char path[32];

	if ((mode & fuse_req_ctx(req)->umask) == 0)
		return mode;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir_fd);
	if (getxattr(path, XATTR_ACL_DEFAULT, NULL, 0) > 0)
		return mode;
	return mode & ~fuse_req_ctx(req)->umask;
}

/* The path by which a node's attributes are reached, until node_done. */
static int
use_path(struct node *n, char path[32])
{
	int fd;

	fd = node_use(n);
	if (fd == -1)
		return -1;
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return 0;
}

void
op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct node *n = node_of(ino);
	struct ruling r;
	char path[32], *value;
	ssize_t len;
	int saved;

	/* the kernel itself asks for capabilities at every write */
	if ((!is_ours(name) && !is_acl(name)) || n->view == VIEW_VIRTUAL) {
		reply_error(req, EOPNOTSUPP);
		return;
	}
	ruling_init(&r);
	ask_node(&r, FILE_OP_READ, n);
	if (record_denied(req, EV_FILE_READ, &r)) {
		reply_error(req, EACCES);
		return;
	}
	if (size > XATTR_VALUE_MAX)
		size = XATTR_VALUE_MAX;
	value = malloc(size != 0 ? size : 1);
	if (value == NULL || use_path(n, path) == -1) {
		reply_error(req, errno);
		free(value);
		return;
	}
	len = getxattr(path, name, value, size);
	saved = errno;
	node_done(n);
	if (len == -1)
		reply_error(req, saved);
	else if (size == 0)
		fuse_reply_xattr(req, (size_t)len);
	else
		fuse_reply_buf(req, value, (size_t)len);
	free(value);
}

/* Leaves only our names in the list; the new length. */
static size_t
keep_ours(char *list, size_t len)
{
	size_t at = 0, kept = 0, one;

	while (at < len) {
		one = strnlen(list + at, len - at - 1) + 1;
		if (is_ours(list + at) || is_acl(list + at)) {
			memmove(list + kept, list + at, one);
			kept += one;
		}
		at += one;
	}
	return kept;
}

void
op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct node *n = node_of(ino);
	struct ruling r;
	char path[32], *names;
	ssize_t len;
	size_t kept;
	int saved;

	if (n->view == VIEW_VIRTUAL) {
		reply_error(req, EOPNOTSUPP);
		return;
	}
	ruling_init(&r);
	ask_node(&r, FILE_OP_READ, n);
	if (record_denied(req, EV_FILE_READ, &r)) {
		reply_error(req, EACCES);
		return;
	}
	names = malloc(XATTR_LIST_MAX);
	if (names == NULL || use_path(n, path) == -1) {
		reply_error(req, errno);
		free(names);
		return;
	}
	len = listxattr(path, names, XATTR_LIST_MAX);
	saved = errno;
	node_done(n);
	kept = len > 0 ? keep_ours(names, (size_t)len) : 0;
	if (len == -1)
		reply_error(req, saved);
	else if (size == 0)
		fuse_reply_xattr(req, kept);
	else if (kept > size)
		reply_error(req, ERANGE);
	else
		fuse_reply_buf(req, names, kept);
	free(names);
}

/* The mode follows an access list, and the kernel does not know. */
static void
changed(fuse_req_t req, fuse_ino_t ino, enum event_type event,
    const struct ruling *r, const struct extra *x)
{
	record_done(req, event, r, x);
	if (is_acl(x->str))
		fuse_lowlevel_notify_inval_inode(fsd.session, ino, -1, 0);
}

/* Asks for a write, or a change of the mode. Says true when it has answered with
 * a refusal. */
static bool
is_refused(fuse_req_t req, struct node *n, enum event_type event,
    const char *name, struct ruling *r)
{
	if (n->view == VIEW_VIRTUAL) {
		reply_error(req, EACCES);
		return true;
	}
	ruling_init(r);
	ask_node(r, is_acl(name) ? FILE_OP_CHMOD : FILE_OP_WRITE, n);
	if (record_denied(req, event, r)) {
		reply_error(req, EACCES);
		return true;
	}
	if (!is_ours(name) && !is_acl(name)) {
		reply_error(req, EOPNOTSUPP);
		return true;
	}
	return false;
}

/* Sets it, or with a NULL value removes it. 0, or -1 with errno. */
static int
put(const char *path, const char *name, const void *value, size_t size,
    int flags)
{
	return value != NULL ? setxattr(path, name, value, size, flags) :
			       removexattr(path, name);
}

/* What another session moved meanwhile keeps what it had, or the session ends.
 * old: NULL, it had none. An access list has changed the mode. */
static void
take_back(const char *path, const char *name, const void *old, ssize_t len,
    const struct statx *stx)
{
	if ((put(path, name, old, (size_t)len, 0) == -1 && errno != ENODATA) ||
	    (is_acl(name) &&
		fchmodat(AT_FDCWD, path, stx->stx_mode & 07777, 0) == -1))
		fatal("a file that was moved meanwhile has an attribute that "
		      "the policy does not let it have");
}

/* 0, or what to answer. */
static int
change(fuse_req_t req, struct node *n, enum event_type event, const char *name,
    const char *value, size_t size, int flags)
{
	enum file_op op = is_acl(name) ? FILE_OP_CHMOD : FILE_OP_WRITE;
	char path[32], *old;
	struct statx stx;
	ssize_t len;
	int error;

	error = node_attr_stands(req, n, op, event, false);
	if (error != 0)
		return error;
	old = malloc(XATTR_VALUE_MAX);
	if (old == NULL || use_path(n, path) == -1) {
		error = errno;
		free(old);
		return error;
	}
	/* what may be written and not be read is removed then */
	len = getxattr(path, name, old, XATTR_VALUE_MAX);
	if (statx(AT_FDCWD, path, 0, STATX_MODE, &stx) == -1 ||
	    put(path, name, value, size, flags) == -1)
		error = errno;
	else
		error = node_attr_stands(req, n, op, event, true);
	if (error == ESTALE)
		take_back(path, name, len == -1 ? NULL : old, len, &stx);
	node_done(n);
	free(old);
	return error;
}

void
op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
    size_t size, int flags)
{
	struct node *n = node_of(ino);
	struct extra x = { EVF_ATTRIBUTE, name, 0, NULL };
	struct ruling r;
	int error;

	if (is_refused(req, n, EV_XATTR_SET, name, &r))
		return;
	error = change(req, n, EV_XATTR_SET, name, value, size, flags);
	if (error == 0)
		changed(req, ino, EV_XATTR_SET, &r, &x);
	node_hold(n, false);
	reply_error(req, error);
	if (error == 0 && is_acl(name))
		attr_closed(n);
	node_release(n, false);
}

void
op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct node *n = node_of(ino);
	struct extra x = { EVF_ATTRIBUTE, name, 0, NULL };
	struct ruling r;
	int error;

	if (is_refused(req, n, EV_XATTR_REMOVE, name, &r))
		return;
	error = change(req, n, EV_XATTR_REMOVE, name, NULL, 0, 0);
	if (error == 0)
		changed(req, ino, EV_XATTR_REMOVE, &r, &x);
	reply_error(req, error);
}
