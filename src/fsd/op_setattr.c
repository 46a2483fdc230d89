/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes are changed: mode, owner, size and times.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "backing.h"
#include "decide.h"
#include "handle.h"
#include "log.h"
#include "node.h"
#include "ops.h"
#include "record.h"
#include "redirect.h"
#include "serve.h"

#define SET_TIMES                                                              \
	(FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW | \
	    FUSE_SET_ATTR_MTIME_NOW)

/* As op_file.c opens it to be written: a path decides. */
static int
set_size(struct node *n, int fd, const struct handle *h, off_t size)
{
	struct ruling again;
	int rc = -1, saved, wfd;

	if (h != NULL)
		return ftruncate(h->fd, size);
	wfd = backing_reopen(fd, O_WRONLY);
	if (wfd == -1)
		return -1;
	if (n->view == VIEW_WORKSPACE &&
	    node_stands(n, &again, FILE_OP_WRITE, false) != 0)
		errno = ESTALE;
	else
		rc = ftruncate(wfd, size);
	saved = errno;
	close(wfd);
	errno = saved;
	return rc;
}

static int
set_times(int fd, const struct stat *st, int what)
{
	struct timespec ts[2] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } };

	if ((what & FUSE_SET_ATTR_ATIME_NOW) != 0)
		ts[0].tv_nsec = UTIME_NOW;
	else if ((what & FUSE_SET_ATTR_ATIME) != 0)
		ts[0] = st->st_atim;
	if ((what & FUSE_SET_ATTR_MTIME_NOW) != 0)
		ts[1].tv_nsec = UTIME_NOW;
	else if ((what & FUSE_SET_ATTR_MTIME) != 0)
		ts[1] = st->st_mtim;
	return utimensat(fd, "", ts, AT_EMPTY_PATH);
}

static int
set_all(struct node *n, int fd, const struct handle *h, const struct stat *st,
    int what)
{
	char name[16];
	uid_t uid = (uid_t)-1;
	gid_t gid = (gid_t)-1;

	if ((what & FUSE_SET_ATTR_UID) != 0)
		uid = st->st_uid;
	if ((what & FUSE_SET_ATTR_GID) != 0)
		gid = st->st_gid;
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) &&
	    fchownat(fd, "", uid, gid, AT_EMPTY_PATH) == -1)
		return -1;
	backing_name(name, fd);
	if ((what & FUSE_SET_ATTR_MODE) != 0 &&
	    fchmodat(fsd.self_fd, name, st->st_mode & MODE_DIR, 0) == -1)
		return -1;
	if ((what & FUSE_SET_ATTR_SIZE) != 0 &&
	    set_size(n, fd, h, st->st_size) == -1)
		return -1;
	if ((what & SET_TIMES) != 0 && set_times(fd, st, what) == -1)
		return -1;
	return 0;
}

/* Would the mode make a program that runs as its owner or group? */
static bool
mode_is_setid(const struct node *n, mode_t mode)
{
	return (mode & 07777 &
		   ~(unsigned)(n->type == S_IFDIR ? MODE_DIR : MODE_FILE)) != 0;
}

/* One request can change several things: each is asked and recorded. */
static const struct change {
	int what;
	enum file_op op;
	enum event_type event;
} changes[] = {
	{ FUSE_SET_ATTR_MODE, FILE_OP_CHMOD, EV_FILE_CHMOD },
	{ FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID, FILE_OP_CHOWN, EV_FILE_CHOWN },
	{ FUSE_SET_ATTR_SIZE, FILE_OP_WRITE, EV_FILE_TRUNCATE },
	{ SET_TIMES, FILE_OP_WRITE, EV_FILE_UTIMES },
};

#define NCHANGES (sizeof(changes) / sizeof(changes[0]))

static bool
changes_denied(fuse_req_t req, struct node *n, const struct stat *st, int what)
{
	struct ruling r;
	size_t i;

	for (i = 0; i < NCHANGES; i++) {
		if ((what & changes[i].what) == 0)
			continue;
		ruling_init(&r);
		ask_node(&r, changes[i].op, n);
		if (!ruling_denies(&r) && changes[i].op == FILE_OP_CHMOD &&
		    mode_is_setid(n, st->st_mode))
			refuse(&r, "no-setid", "no program gets set-id bits");
		if (record_denied(req, changes[i].event, &r))
			return true;
	}
	return false;
}

/* The new values that were given, chained in x. NULL when there are none. */
static const struct extra *
change_values(struct extra x[2], enum event_type event, const struct stat *st,
    int what)
{
	const struct {
		enum event_type event;
		int bit;
		enum event_field field;
		uint64_t num;
	} values[] = {
		{ EV_FILE_CHMOD, FUSE_SET_ATTR_MODE, EVF_MODE,
		    st->st_mode & 07777 },
		{ EV_FILE_CHOWN, FUSE_SET_ATTR_UID, EVF_OWNER, st->st_uid },
		{ EV_FILE_CHOWN, FUSE_SET_ATTR_GID, EVF_GROUP, st->st_gid },
		{ EV_FILE_TRUNCATE, FUSE_SET_ATTR_SIZE, EVF_SIZE,
		    (uint64_t)st->st_size },
		{ EV_FILE_UTIMES, FUSE_SET_ATTR_ATIME, EVF_ATIME,
		    (uint64_t)st->st_atim.tv_sec },
		{ EV_FILE_UTIMES, FUSE_SET_ATTR_MTIME, EVF_MTIME,
		    (uint64_t)st->st_mtim.tv_sec },
	};
	const struct extra *first = NULL;
	size_t i, n = 0;

	if ((what & FUSE_SET_ATTR_ATIME_NOW) != 0)
		what &= ~FUSE_SET_ATTR_ATIME;
	if ((what & FUSE_SET_ATTR_MTIME_NOW) != 0)
		what &= ~FUSE_SET_ATTR_MTIME;
	for (i = 0; i < sizeof(values) / sizeof(values[0]) && n < 2; i++) {
		if (values[i].event != event || (what & values[i].bit) == 0)
			continue;
		x[n].field = values[i].field;
		x[n].str = NULL;
		x[n].num = values[i].num;
		x[n].next = first;
		first = &x[n++];
	}
	return first;
}

/* Is it where the path says by which they are asked for? Not of the size, which
 * set_size asks for. 0, or what to answer. */
static int
changes_stand(fuse_req_t req, struct node *n, int what, bool late)
{
	size_t i;
	int error = 0;

	for (i = 0; i < NCHANGES && error == 0; i++) {
		if ((what & changes[i].what & ~FUSE_SET_ATTR_SIZE) != 0)
			error = node_attr_stands(req, n, changes[i].op,
			    changes[i].event, late);
	}
	return error;
}

/* As it was before: what another session moved meanwhile keeps its attributes,
 * or the session ends. */
static void
changes_undo(int fd, const struct statx *old, int what)
{
	struct stat st;
	int set = what & (FUSE_SET_ATTR_MODE | SET_TIMES);

	backing_attr(&st, old);
	/* both times, and as they were, not now */
	if ((set & SET_TIMES) != 0)
		set = (set & FUSE_SET_ATTR_MODE) | FUSE_SET_ATTR_ATIME |
		    FUSE_SET_ATTR_MTIME;
	if ((what & FUSE_SET_ATTR_UID) != 0)
		set |= FUSE_SET_ATTR_UID;
	if ((what & FUSE_SET_ATTR_GID) != 0)
		set |= FUSE_SET_ATTR_GID;
	if (set_all(NULL, fd, NULL, &st, set) == -1)
		fatal("a file that was moved meanwhile has attributes that the "
		      "policy does not let it have");
}

/* 0, or what to answer. */
static int
change(fuse_req_t req, struct node *n, int fd, const struct handle *h,
    const struct stat *st, int what)
{
	struct statx old;
	int error;

	/* what is open stays of use, wherever it is */
	if (h != NULL)
		return set_all(n, fd, h, st, what) == -1 ? errno : 0;
	error = changes_stand(req, n, what, false);
	if (error != 0)
		return error;
	if (backing_stat(fd, &old) == -1 || set_all(n, fd, h, st, what) == -1)
		return errno;
	error = changes_stand(req, n, what, true);
	if (error != 0)
		changes_undo(fd, &old, what);
	return error;
}

static void
record_changes(fuse_req_t req, struct node *n, const struct stat *st, int what)
{
	struct ruling r;
	struct extra x[2];
	size_t i;

	for (i = 0; i < NCHANGES; i++) {
		if ((what & changes[i].what) == 0)
			continue;
		ruling_init(&r);
		ask_node(&r, changes[i].op, n);
		record_done(req, changes[i].event, &r,
		    change_values(x, changes[i].event, st, what));
	}
}

void
op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int what,
    struct fuse_file_info *fi)
{
	struct node *n = node_of(ino);
	struct handle *h = fi != NULL ? handle_of(fi) : NULL;
	struct ruling r;
	int error, fd, rc;

	if ((what & FUSE_SET_ATTR_SIZE) != 0 && h == NULL &&
	    attr_refuses(n, W_OK)) {
		rc = redirect_writing(req, n, st->st_size == 0);
		if (rc != 0) {
			reply_error(req, rc);
			return;
		}
	}
	if (changes_denied(req, n, st, what)) {
		reply_error(req, EACCES);
		return;
	}
	if ((what & FUSE_SET_ATTR_SIZE) != 0 && !gitsettings_begin_write(n)) {
		gitsettings_refuse(&r, FILE_OP_WRITE, n);
		(void)record_denied(req, EV_FILE_TRUNCATE, &r);
		reply_error(req, EACCES);
		return;
	}
	fd = node_use(n);
	if (fd != -1 && (what & FUSE_SET_ATTR_SIZE) != 0)
		through_settle(n);
	error = fd == -1 ? errno : change(req, n, fd, h, st, what);
	if (fd != -1)
		node_done(n);
	if ((what & FUSE_SET_ATTR_SIZE) != 0) {
		through_resized(n);
		gitsettings_end_write(n);
	}
	if (error != 0) {
		reply_error(req, error);
		return;
	}
	record_changes(req, n, st, what);
	node_hold(n, false);
	attr_reply(req, n, h, false);
	if ((what & FUSE_SET_ATTR_MODE) != 0)
		attr_closed(n);
	node_release(n, false);
}
