/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing files. What is opened is the object that the node holds,
 * with the caller's flags, so that the host's permissions are asked for what
 * is wanted.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
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

/* Flags that mean something to the kernel's side only, or nothing here: its
 * pages need not be aligned, creation is our own step, and each write says
 * whether it appends. */
#define OPEN_STRIP                                                             \
	(O_CREAT | O_EXCL | O_DIRECT | O_NOFOLLOW | O_ASYNC | O_NONBLOCK |     \
	    O_APPEND)
/* Flags that make a descriptor another one than those of who only read. */
#define OPEN_OF_ITS_OWN                                                        \
	(O_ACCMODE | O_TRUNC | O_NOATIME | O_DIRECT | O_SYNC | O_PATH |        \
	    O_DIRECTORY)
/* the kernel marks an open for execution so, linux/fs.h */
#define OPEN_FMODE_EXEC 0x20
/* how long who closed a file may take to be gone */
#define BUSY_STEPS 14
#define BUSY_STEP_MAX 12800000
/* what a file without a name is called where it is decided and recorded */
#define UNNAMED "#tmpfile"

/* Takes fd; shares as for handle_new. 0, or an error number. */
static int
open_handle(fuse_req_t req, struct node *n, int fd, bool shares,
    struct fuse_file_info *fi)
{
	struct handle *h;
	int saved;

	h = handle_new(req, n, fd, shares);
	if (h == NULL) {
		saved = errno;
		close(fd);
		return saved;
	}
	fi->fh = (uintptr_t)h;
	h->maps = (fi->flags & O_ACCMODE) == O_RDWR;
	through_begin(h, fi->flags);
	fi->direct_io = through_is_direct(h);
	fi->keep_cache = kept_open(h, fi->flags);
	/* bytes are recorded when the last descriptor goes, or the command */
	fi->noflush = n->view != VIEW_WORKSPACE || !fsd.close_fails ||
	    (fi->flags & O_ACCMODE) == O_RDONLY;
	return 0;
}

/*
 * Will it be opened as many others have it, who read it by its offsets? The
 * host's tree is what everybody has open, and nothing is written there. Where a
 * file system is not known it may keep something of each open file, as /proc
 * does. On overlayfs a descriptor follows when the file is copied up.
 */
static bool
is_shareable(struct node *n, int path_fd, int flags)
{
	if (n->view != VIEW_HOST || (flags & OPEN_OF_ITS_OWN) != 0)
		return false;
	if (!n->plain && backing_is_remote(path_fd))
		return false;
	n->plain = true;
	return true;
}

/* Does opening it with these flags make it empty? */
static bool
is_emptied(int path_fd, int flags)
{
	struct statx stx;

	return (flags & O_TRUNC) != 0 && backing_stat(path_fd, &stx) == 0 &&
	    stx.stx_size > 0;
}

static void
record_open(fuse_req_t req, const struct ruling *r, bool emptied)
{
	struct extra x = { EVF_SIZE, NULL, 0, NULL };

	record_done(req, EV_FILE_OPEN, r, NULL);
	if (emptied)
		record_done(req, EV_FILE_TRUNCATE, r, &x);
}

/*
 * Opens it with the caller's flags. Who writes gets it only when it is where its
 * path says once it is open: who compares settings of git keeps others from
 * opening them until they have their new name. Only then it is emptied. -1 with
 * errno; again: what a second look said against it, if anything. claimed: the
 * caller has its name.
 */
static int
open_there(struct node *n, int path_fd, int flags, struct ruling *again,
    bool claimed)
{
	bool checks = n->view == VIEW_WORKSPACE &&
	    (flags & (O_ACCMODE | O_TRUNC)) != O_RDONLY;
	int fd, mode = flags & O_ACCMODE, open_flags = flags, saved;
	/* nothing is written to it by this, and neither is it emptied */
	bool other = mode == O_RDONLY || mode == O_ACCMODE;

	/* the host asks for both then */
	if (checks && other)
		open_flags = (flags & ~O_ACCMODE) | O_RDWR;
	if (checks)
		open_flags &= ~O_TRUNC;
	fd = backing_reopen(path_fd, open_flags);
	if (fd == -1 || !checks)
		return fd;
	saved = node_stands(n, again, FILE_OP_WRITE, claimed);
	if (saved == 0 && (flags & O_TRUNC) != 0 && ftruncate(fd, 0) == -1)
		saved = errno;
	if (saved == 0 && !other)
		return fd;
	close(fd);
	errno = saved;
	return saved == 0 ? backing_reopen(path_fd, flags & ~O_TRUNC) : -1;
}

/*
 * A program that somebody has open to be written is not executed anywhere, and
 * here the kernel does not see who has it: fsd, another session, or memory of a
 * file that the kernel writes to itself, by which a program could be changed after
 * it was approved. Who has just closed it is waited for.
 */
static bool
is_written(int fd)
{
	struct timespec step = { 0, 100000 };
	int i;

	for (i = 0; i < BUSY_STEPS; i++) {
		if (!backing_is_written(fd))
			return false;
		nanosleep(&step, NULL);
		if (step.tv_nsec < BUSY_STEP_MAX)
			step.tv_nsec *= 2;
	}
	return true;
}

/* 0 or an error number. */
static int
open_node(fuse_req_t req, struct node *n, struct fuse_file_info *fi,
    bool *emptied, bool claimed)
{
	bool shares, writes = (fi->flags & (O_ACCMODE | O_TRUNC)) != O_RDONLY;
	struct ruling r;
	int fd, flags, path_fd, saved;

	if (n->type != S_IFREG)
		return EACCES; /* no device or socket of the host */
	if (writes && !gitsettings_begin_write(n)) {
		gitsettings_refuse(&r, FILE_OP_WRITE, n);
		(void)record_denied(req, EV_FILE_OPEN, &r);
		return EACCES;
	}
	path_fd = node_use(n);
	if (path_fd == -1) {
		saved = errno;
		if (writes)
			gitsettings_end_write(n);
		return saved;
	}
	*emptied = is_emptied(path_fd, fi->flags);
	shares = is_shareable(n, path_fd, fi->flags);
	flags = fi->flags & ~(OPEN_STRIP | OPEN_FMODE_EXEC);
	/* whoever shares opens it as well: its mode may be another by now */
	ruling_init(&r);
	fd = open_there(n, path_fd, flags, &r, claimed);
	/* of a file that may only grow, chattr(1) */
	if (fd == -1 && errno == EPERM && (fi->flags & O_APPEND) != 0)
		fd = open_there(n, path_fd, flags | O_APPEND, &r, claimed);
	saved = errno;
	node_done(n);
	if (fd != -1 && (fi->flags & OPEN_FMODE_EXEC) != 0 &&
	    n->view == VIEW_WORKSPACE && is_written(fd)) {
		close(fd);
		fd = -1;
		saved = ETXTBSY;
	}
	if (fd == -1 && saved == EACCES && ruling_objects(&r))
		(void)record_denied(req, EV_FILE_OPEN, &r);
	if (fd != -1)
		saved = open_handle(req, n, fd, shares, fi);
	if (writes)
		gitsettings_end_write(n);
	return saved;
}

void
op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *n = node_of(ino);
	struct ruling r;
	bool emptied = false;
	int error;

	ruling_init(&r);
	ask_open(&r, n, fi->flags);
	if (ruling_denies(&r) && (fi->flags & (O_ACCMODE | O_TRUNC)) != 0 &&
	    (error = redirect_writing(req, n, (fi->flags & O_TRUNC) != 0)) !=
		0) {
		reply_error(req, error);
		return;
	}
	if (record_denied(req, EV_FILE_OPEN, &r)) {
		reply_error(req, EACCES);
		return;
	}
	error = open_node(req, n, fi, &emptied, false);
	if (error != 0) {
		reply_error(req, error);
		return;
	}
	record_open(req, &r, emptied);
	through_reply(handle_of(fi));
	if (fuse_reply_open(req, fi) == -ENOENT)
		handle_free(handle_of(fi));
}

/* Makes a new file and opens it. 0 or an error number; *made whatever comes
 * after the making. */
static int
create_file(fuse_req_t req, struct node *parent, const char *text,
    const char *path, mode_t mode, struct fuse_file_info *fi,
    struct fuse_entry_param *e, struct ruling *r, bool *made)
{
	struct statx stx;
	struct ident id;
	int fd, pfd, error, saved;

	pfd = stand_use(parent, path);
	if (pfd == -1)
		return errno;
	fd = openat(pfd, text,
	    (fi->flags & ~(OPEN_STRIP | OPEN_FMODE_EXEC | O_TRUNC)) | O_CREAT |
		O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY,
	    masked_mode(req, pfd, mode) & MODE_FILE);
	saved = errno;
	if (fd == -1) {
		node_done(parent);
		return saved;
	}
	*made = true;
	if (stand_holds(parent, pfd, path)) {
		error = lookup_at(req, parent, pfd, text, e, false);
	} else {
		if (backing_stat(fd, &stx) == -1)
			fatal("a new file");
		backing_ident(&id, &stx);
		undo_made(pfd, text, path, S_IFREG, &id);
		undo_refuse(r);
		error = ESTALE;
	}
	node_done(parent);
	if (error != 0) {
		close(fd);
		return error;
	}
	error = open_handle(req, node_of(e->ino), fd, false, fi);
	if (error != 0)
		node_forget(node_of(e->ino), 1);
	return error;
}

/* The name came to be meanwhile, and the caller did not ask for a new one. */
static int
create_existing(fuse_req_t req, struct node *parent, const char *text,
    struct ruling *r, struct fuse_file_info *fi, struct fuse_entry_param *e,
    bool *emptied)
{
	int error;

	error = lookup_child(req, parent, text, e, false);
	if (error != 0)
		return error;
	ruling_init(r);
	ask_open(r, node_of(e->ino), fi->flags);
	if (ruling_denies(r))
		error = EACCES;
	else
		error = open_node(req, node_of(e->ino), fi, emptied, true);
	if (error != 0)
		node_forget(node_of(e->ino), 1);
	return error;
}

static void
ask_create(struct ruling *r, struct node *parent, const char *text, int flags,
    char path[AGENTSH_PATH_MAX + 1])
{
	size_t len;

	ask_at(r, FILE_OP_CREATE, parent, text, path);
	len = strlen(path);
	if ((flags & O_ACCMODE) != O_RDONLY)
		ask_path(r, FILE_OP_WRITE, parent->view, path, len);
	if ((flags & O_ACCMODE) != O_WRONLY)
		ask_path(r, FILE_OP_READ, parent->view, path, len);
	ask_path(r, FILE_OP_OPEN, parent->view, path, len);
}

/* Makes a file without a name and opens it. 0 or an error number. */
static int
create_unnamed(fuse_req_t req, struct node *parent, mode_t mode,
    struct fuse_file_info *fi, struct fuse_entry_param *e)
{
	struct statx stx;
	struct node *n;
	int error, fd, path_fd, pfd, saved;

	pfd = node_use_at(parent);
	if (pfd == -1)
		return errno;
	fd = openat(pfd, ".",
	    (fi->flags & (O_ACCMODE | O_EXCL)) | O_TMPFILE | O_CLOEXEC,
	    masked_mode(req, pfd, mode) & MODE_FILE);
	saved = errno;
	node_done(parent);
	if (fd == -1)
		return saved;
	path_fd = backing_reopen(fd, O_PATH);
	if (path_fd == -1 || backing_stat(fd, &stx) == -1) {
		error = errno;
		if (path_fd != -1)
			close(path_fd);
		close(fd);
		return error;
	}
	n = node_enter_unnamed(parent, UNNAMED, path_fd, &stx);
	if (n == NULL) {
		error = errno;
		close(fd);
		return error;
	}
	memset(e, 0, sizeof(*e));
	backing_attr(&e->attr, &stx);
	entry_times(n, e);
	error = open_handle(req, n, fd, false, fi);
	if (error != 0)
		node_forget(n, 1);
	return error;
}

/* A file that gets a name later, or never, open(2): O_TMPFILE. */
static void
op_tmpfile(fuse_req_t req, struct node *parent, mode_t mode,
    struct fuse_file_info *fi)
{
	char path[AGENTSH_PATH_MAX + 1];
	struct fuse_entry_param e;
	struct claim c;
	struct ruling r;
	int error = EACCES;

	ruling_init(&r);
	claim_one(&c, CLAIM_CHANGE, parent, UNNAMED);
	ask_create(&r, parent, UNNAMED, fi->flags, path);
	if (!ruling_denies(&r))
		error = create_unnamed(req, parent, mode, fi, &e);
	claim_end(&c);
	if (record_denied(req, EV_FILE_CREATE, &r)) {
		reply_error(req, EACCES);
		return;
	}
	if (error != 0) {
		reply_error(req, error);
		return;
	}
	record_done(req, EV_FILE_CREATE, &r, NULL);
	if (fuse_reply_create(req, &e, fi) == -ENOENT) {
		handle_free(handle_of(fi));
		node_forget(node_of(e.ino), 1);
	}
}

void
op_create(fuse_req_t req, fuse_ino_t ino, const char *text, mode_t mode,
    struct fuse_file_info *fi)
{
	char path[AGENTSH_PATH_MAX + 1];
	struct place p;
	struct fuse_entry_param e;
	struct claim c;
	enum event_type event = EV_FILE_CREATE;
	struct ruling r;
	bool made = false, emptied = false;
	int error;

	if (device_form() == DEVICE_TMPFILE) {
		op_tmpfile(req, node_of(ino), mode, fi);
		return;
	}
	error = redirect_new(req, node_of(ino), text, &p);
	if (error != 0) {
		reply_error(req, error);
		return;
	}
	error = EACCES;
	ruling_init(&r);
	claim_one(&c, CLAIM_CHANGE, p.parent, p.text);
	ask_create(&r, p.parent, p.text, fi->flags, path);
	if (!ruling_denies(&r))
		error = create_file(req, p.parent, p.text, path, mode, fi, &e,
		    &r, &made);
	if (error == EEXIST && !made && (fi->flags & O_EXCL) == 0) {
		event = EV_FILE_OPEN;
		error = create_existing(req, p.parent, p.text, &r, fi, &e,
		    &emptied);
	}
	claim_end(&c);
	if (p.walked != NULL)
		e.entry_timeout = 0;
	place_done(&p);
	if (record_denied(req, event, &r)) {
		reply_error(req, error);
		return;
	}
	if (event == EV_FILE_OPEN && error == 0)
		record_open(req, &r, emptied);
	else if (error == 0 || made)
		record_done(req, event, &r, NULL);
	if (error != 0) {
		reply_error(req, error);
		return;
	}
	through_reply(handle_of(fi));
	if (fuse_reply_create(req, &e, fi) == -ENOENT) {
		handle_free(handle_of(fi));
		node_forget(node_of(e.ino), 1);
	}
}

/* close(2), asked for where an error may come only then, and by old kernels. */
void
op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	int fd, rc = 0;

	(void)ino;
	handle_record(h);
	/* an error that the host keeps for close is the caller's */
	fd = fcntl(h->fd, F_DUPFD_CLOEXEC, 0);
	if (fd != -1)
		rc = close(fd);
	/* without a descriptor to close nobody knows whether there is one */
	reply_error(req, fd == -1 ? EIO : rc == -1 ? errno : 0);
}

void
op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	handle_done(handle_of(fi));
	reply_error(req, 0);
}
