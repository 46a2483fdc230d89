/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A workspace made what it was. Every path is gone through anew beneath the
 * workspace, without links, openat2(2); a file is made anew and then named
 * (checkpoint_place.c), so that nothing is ever written through what is there, be
 * it a link or another name of something else.
 */
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint.h"
#include "cli.h"

struct restore {
	int root;
	int files;
	const struct cp_meta *meta;
	const struct cp_tree *now;
	struct cp_done *done;
	bool *differs; /* of each entry of the checkpoint */
};

/* The directory that a path is in, and its last part. -1 with errno. */
static int
parent_of(const struct restore *r, const char *path, const char **name)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		    RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV };
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX] = ".";

	*name = slash == NULL ? path : slash + 1;
	if (slash != NULL) {
		memcpy(dir, path, (size_t)(slash - path));
		dir[slash - path] = '\0';
	}
	return (int)syscall(SYS_openat2, r->root, dir, &how, sizeof(how));
}

static void
complain(struct restore *r, const char *path, const char *what)
{
	r->done->failed++;
	say("%s: %s", path, what);
}

/* Where the directory was made read-only. */
static void
make_writable(int dir)
{
	struct stat st;

	if (fstat(dir, &st) == 0 && (st.st_mode & 0300) != 0300)
		(void)fchmod(dir, (st.st_mode & 07777) | 0700);
}

static void
remove_entry(struct restore *r, const struct cp_entry *e)
{
	const char *name;
	int dir = parent_of(r, e->path, &name);

	if (dir != -1)
		make_writable(dir);
	if (dir == -1 ||
	    (unlinkat(dir, name, e->type == CP_DIR ? AT_REMOVEDIR : 0) == -1 &&
		errno != ENOENT))
		complain(r, e->path, strerror(errno));
	else
		r->done->removed++;
	if (dir != -1)
		close(dir);
}

/* Is a directory still where it was opened? Who works in the workspace may have
 * given it the name of one in which such a file may not be. */
static bool
is_at(const struct restore *r, const char *path, int dir)
{
	struct stat was, st;
	const char *name;
	bool same;
	int now = parent_of(r, path, &name);

	if (now == -1)
		return false;
	same = fstat(dir, &was) == 0 && fstat(now, &st) == 0 &&
	    was.st_dev == st.st_dev && was.st_ino == st.st_ino;
	close(now);
	return same;
}

/* Does the file system not know files without a name? */
static bool
must_be_named(int error)
{
	return error == EOPNOTSUPP || error == EISDIR || error == ENOENT ||
	    error == EINVAL;
}

static int
put_back_file(struct restore *r, const struct cp_entry *e, int dir,
    const char *name)
{
	int fd, ret, saved;

	fd = cp_make_file(r->files, e, dir);
	if (fd == -1)
		return must_be_named(errno) ?
		    cp_put_file(r->files, e, dir, name) :
		    -1;
	/* it may have taken a while */
	if (is_at(r, e->path, dir)) {
		ret = cp_name_file(fd, r->files, dir, name);
		saved = errno;
	} else {
		ret = -1;
		saved = ESTALE;
	}
	close(fd);
	errno = saved;
	return ret;
}

static int
put_back(struct restore *r, const struct cp_entry *e, int dir, const char *name)
{
	int ret;

	make_writable(dir);
	if (e->type == CP_DIR)
		ret = mkdirat(dir, name, 0700);
	else if (e->type == CP_LINK)
		ret = cp_put_link(r->files, e, dir, name);
	else
		ret = put_back_file(r, e, dir, name);
	if (ret == -1 || is_at(r, e->path, dir))
		return ret;
	(void)unlinkat(dir, name, e->type == CP_DIR ? AT_REMOVEDIR : 0);
	errno = ESTALE;
	return -1;
}

static const char *
why(int error)
{
	if (error == EBADMSG)
		return "the checkpoint's copy is damaged";
	if (error == ESTALE)
		return "the directory was moved meanwhile";
	return strerror(error);
}

static void
restore_entry(struct restore *r, const struct cp_entry *e)
{
	const char *name;
	int dir, ret;

	if (e->type == CP_SPECIAL) {
		complain(r, e->path,
		    "not a file, directory or link, and not in the checkpoint");
		return;
	}
	dir = parent_of(r, e->path, &name);
	ret = dir == -1 ? -1 : put_back(r, e, dir, name);
	if (ret == -1)
		complain(r, e->path, why(errno));
	else
		r->done->restored++;
	if (dir != -1)
		close(dir);
}

struct removals {
	const struct cp_entry **v; /* of what is there now */
	size_t n;
};

/* Gone, or in the way of something of another kind. */
static int
remove_cb(void *arg, const struct cp_change *c)
{
	struct removals *gone = arg;

	if (c->new == NULL ||
	    (c->old != NULL && c->old->type == c->new->type) ||
	    /* a rename puts it in the place of what is no directory */
	    (c->old != NULL && c->old->type != CP_DIR &&
		c->new->type != CP_DIR))
		return 0;
	gone->v[gone->n++] = c->new;
	return 0;
}

static int
restore_cb(void *arg, const struct cp_change *c)
{
	struct restore *r = arg;

	/* modes of directories come last */
	if (c->old != NULL &&
	    (c->old->type != CP_DIR || c->new == NULL ||
		c->new->type != CP_DIR))
		r->differs[c->old - r->meta->tree.v] = true;
	return 0;
}

/* It was there, but what moves while it is looked at is seen at two places, and
 * has been taken away at the one where it was. */
static bool
is_gone(const struct restore *r, const struct cp_entry *e)
{
	struct stat st;
	const char *name;
	bool gone;
	int dir;

	if (e->type == CP_SPECIAL)
		return false;
	dir = parent_of(r, e->path, &name);
	gone = dir == -1 ||
	    (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1 &&
		errno == ENOENT);
	if (dir != -1)
		close(dir);
	return gone;
}

/* What the loss of its neighbours has changed, and modes that were in the way:
 * a directory after all that is in it. */
static void
finish_entry(struct restore *r, const struct cp_entry *e)
{
	struct timespec ts[2];
	const char *name;
	int dir = parent_of(r, e->path, &name), fd;

	cp_times(e, ts);
	if (dir != -1 && e->type == CP_DIR) {
		fd = openat(dir, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd == -1 || cp_xattrs_set(fd, e->xattrs) == -1 ||
		    fchmod(fd, e->mode & 03777) == -1 || futimens(fd, ts) == -1)
			complain(r, e->path, strerror(errno));
		if (fd != -1)
			close(fd);
	} else if (dir != -1) {
		(void)utimensat(dir, name, ts, AT_SYMLINK_NOFOLLOW);
	}
	if (dir != -1)
		close(dir);
}

/* Everything that will be needed is there. */
static int
check_files(const struct restore *r)
{
	const struct cp_entry *e;
	struct stat st;
	size_t i;

	for (i = 0; i < r->meta->tree.n; i++) {
		e = &r->meta->tree.v[i];
		if (e->type == CP_FILE &&
		    (fstatat(r->files, e->hash, &st, AT_SYMLINK_NOFOLLOW) ==
			    -1 ||
			!S_ISREG(st.st_mode) ||
			(uint64_t)st.st_size != e->size)) {
			say("%s: the checkpoint's copy is missing or damaged; "
			    "nothing was changed",
			    e->path);
			return -1;
		}
	}
	return 0;
}

int
cp_rollback(int root, int files, const struct cp_meta *meta,
    const struct cp_tree *now, struct cp_done *done)
{
	struct restore r = { root, files, meta, now, done, NULL };
	struct removals gone = { 0 };
	size_t i;

	memset(done, 0, sizeof(*done));
	if (check_files(&r) == -1)
		return -1;
	gone.v = xcalloc(now->n + 1, sizeof(*gone.v));
	cp_diff(&meta->tree, now, remove_cb, &gone);
	/* what is in a directory comes after it */
	for (i = gone.n; i > 0; i--)
		remove_entry(&r, gone.v[i - 1]);
	free(gone.v);
	r.differs = xcalloc(meta->tree.n + 1, sizeof(*r.differs));
	cp_diff(&meta->tree, now, restore_cb, &r);
	for (i = 0; i < meta->tree.n; i++) {
		if (r.differs[i] || is_gone(&r, &meta->tree.v[i]))
			restore_entry(&r, &meta->tree.v[i]);
	}
	free(r.differs);
	for (i = meta->tree.n; i > 0; i--) {
		if (meta->tree.v[i - 1].type != CP_SPECIAL)
			finish_entry(&r, &meta->tree.v[i - 1]);
	}
	return done->failed > 0 ? -1 : 0;
}
