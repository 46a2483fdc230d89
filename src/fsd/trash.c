/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Soft deletes: what a session deletes under such a rule goes to its user's
 * trash (common/trash.h), whose directory agentshd hands over. The manifest is
 * on disk before the object goes, and whatever fails on the way leaves the
 * object where it was. The session itself never gets to the trash: not by any
 * path, and no directory above it can be renamed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backing.h"
#include "decide.h"
#include "log.h"
#include "node.h"
#include "ops.h"
#include "own.h"
#include "path.h"
#include "record.h"
#include "serve.h"
#include "trash.h"
#include "trashing.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#endif

#define LOCK_WAIT_MS 5000
#define ABOVE_MAX 64 /* directories above the trash */
#define COPY_TRIES 3

static struct {
	int dir_fd; /* -1: none */
	bool ready;
	bool all; /* of the workspace, whatever the policy says */
	uint64_t quota;
	uint64_t files;
	uint64_t ttl_s; /* 0: they stay */
	uint64_t hash_under;
	char workspace[AGENTSH_PATH_MAX + 1];
	/* as the session sees it, where it would see it; else "" */
	char usual[AGENTSH_PATH_MAX + 1];
	char config[AGENTSH_PATH_MAX + 1];
	struct trash t;
	pthread_mutex_t lock; /* with trash_lock() */
	struct ident above[ABOVE_MAX];
	size_t nabove; /* the first is the trash */
} trash = { .dir_fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

int
trash_on_fs_trash(struct chan *ch, struct imsg *im)
{
	struct msg_fs_trash m;

	(void)ch;
	if (msg_get_fs_trash(im, &m) == -1 || !path_is_clean(m.workspace))
		return -1;
	trash.dir_fd = imsg_take_fd(im, 0);
	trash.quota = m.quota;
	trash.files = m.files;
	trash.ttl_s = m.ttl_ms / 1000;
	trash.hash_under = m.hash_under;
	trash.all = m.all != 0;
	memcpy(trash.workspace, m.workspace, sizeof(trash.workspace));
	memcpy(trash.usual, m.usual, sizeof(trash.usual));
	memcpy(trash.config, m.config, sizeof(trash.config));
	return 0;
}

/* In place, once it is known how the session sees the workspace. */
static void
find_usual(void)
{
	char *dir = trash.usual, path[2 * AGENTSH_PATH_MAX + 2];

	/* a mount is where it is on the host */
	if (path_is_clean(dir) && mounts_top(dir, NULL) != fsd.mount)
		return;
	if (!path_is_clean(dir) || !path_is_beneath(dir, trash.workspace)) {
		dir[0] = '\0';
		return;
	}
	snprintf(path, sizeof(path), "%s%s", fsd.mount,
	    dir + strlen(trash.workspace));
	if (strlen(path) >= sizeof(trash.usual))
		fatalx("the trash lies too deep");
	memcpy(dir, path, strlen(path) + 1);
}

/* What the trash is and lies in, by the objects themselves. */
static void
find_above(void)
{
	struct statx stx;
	int fd, up;

	fd = fcntl(trash.dir_fd, F_DUPFD_CLOEXEC, 0);
	while (fd != -1 && backing_stat(fd, &stx) == 0) {
		if (trash.nabove > 0 &&
		    backing_same(&trash.above[trash.nabove - 1], &stx))
			break; /* the root is above itself */
		if (trash.nabove == ABOVE_MAX)
			fatalx("the trash lies too deep");
		backing_ident(&trash.above[trash.nabove++], &stx);
		up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = up;
	}
	if (fd != -1)
		close(fd);
	if (trash.nabove == 0)
		fatal("the trash");
}

static int
lock_all(void)
{
	pthread_mutex_lock(&trash.lock);
	if (trash_lock(&trash.t, LOCK_WAIT_MS) == 0)
		return 0;
	pthread_mutex_unlock(&trash.lock);
	return -1;
}

static void
unlock_all(void)
{
	trash_unlock(&trash.t);
	pthread_mutex_unlock(&trash.lock);
}

int
trash_claim(const struct trash **t, uint64_t *quota)
{
	if (!trash.ready || lock_all() == -1)
		return -1;
	*t = &trash.t;
	*quota = trash.quota;
	return 0;
}

void
trash_unclaim(void)
{
	unlock_all();
}

/* What was deleted before that time may go. */
static int64_t
expired(void)
{
	int64_t now = time(NULL);

	return trash.ttl_s == 0 || (int64_t)trash.ttl_s > now ?
	    0 :
	    now - (int64_t)trash.ttl_s;
}

/* Once a session: what is too old goes, and what has grown too large. */
static void *
expire_thread(void *arg)
{
	struct trash_sum sum, gone = { 0 };

	(void)arg;
	if (lock_all() == -1)
		return NULL;
	if (trash_count(&trash.t, expired(), &sum, NULL) == -1 ||
	    trash_fit(&trash.t, trash.quota, &sum, &gone) == -1)
		log_warn("the trash cannot be counted");
	if (gone.files > 0)
		log_info("the trash was over its quota: %llu that had been"
			 " written to in it are gone",
		    (unsigned long long)gone.files);
	unlock_all();
	return NULL;
}

int
trash_dir(void)
{
	return trash.dir_fd;
}

void
trash_start(void)
{
	own_start(trash.usual, trash.config, trash.workspace);
	if (trash.dir_fd == -1)
		return;
	find_above();
	find_usual();
	if (trash_open(&trash.t, trash.dir_fd, true) == -1)
		log_warn("the trash cannot be used, and soft deletes are"
			 " refused");
	else
		trash.ready = true;
	trash_end_init();
}

void
trash_expire(void)
{
	if (trash.ready)
		(void)thread_start(expire_thread, NULL);
}

bool
trash_is_there(void)
{
	return trash.ready;
}

bool
trash_takes_all(void)
{
	return trash.all;
}

/* By name, as nothing may be there yet: agentsh(1) looks there. */
bool
trash_guards(enum file_op op, const char *path)
{
	if (trash.usual[0] == '\0')
		return false;
	if (path_is_beneath(path, trash.usual))
		return true;
	/* on the way there, only directories are made, and none is moved */
	return path_is_beneath(trash.usual, path) &&
	    (op == FILE_OP_RENAME || op == FILE_OP_SYMLINK ||
		op == FILE_OP_LINK || op == FILE_OP_CREATE ||
		op == FILE_OP_MKNOD);
}

bool
trash_is_it(const struct statx *stx)
{
	return trash.nabove > 0 && backing_same(&trash.above[0], stx);
}

bool
trash_is_beneath(const struct statx *stx)
{
	size_t i;

	for (i = 0; i < trash.nabove; i++) {
		if (backing_same(&trash.above[i], stx))
			return true;
	}
	return false;
}

static bool
is_full(const struct trash_sum *sum, uint64_t bytes, uint64_t files)
{
	return sum->files > trash.files - files || bytes > trash.quota ||
	    sum->bytes > trash.quota - bytes;
}

/* Takes a share of the quota; the oldest go where they have expired. */
static int
reserve(uint64_t bytes, uint64_t files)
{
	struct trash_sum sum;
	int rc = 0;

	if (lock_all() == -1)
		return -1;
	if (trash_sum_get(&trash.t, &sum) == -1)
		rc = trash_count(&trash.t, 0, &sum, NULL);
	if (rc == 0 && is_full(&sum, bytes, files) && sum.oldest < expired())
		rc = trash_count(&trash.t, expired(), &sum, NULL);
	if (rc == 0 && is_full(&sum, bytes, files)) {
		errno = EDQUOT;
		rc = -1;
	}
	if (rc == 0) {
		sum.bytes += bytes;
		sum.files += files;
		rc = trash_sum_put(&trash.t, &sum);
	}
	unlock_all();
	return rc;
}

/* What was not needed. When that fails, the next count finds it. */
static void
give_back(uint64_t bytes)
{
	struct trash_sum sum;

	if (lock_all() == -1)
		return;
	if (trash_sum_get(&trash.t, &sum) == 0) {
		sum.bytes -= bytes < sum.bytes ? bytes : sum.bytes;
		sum.files -= sum.files > 0;
		(void)trash_sum_put(&trash.t, &sum);
	}
	unlock_all();
}

/* Why it stays where it is; an error of the caller's own is his. */
static int
fail(struct ruling *r, int error)
{
	switch (error) {
	case ENOENT:
	case ENOTEMPTY:
	case ENOTDIR:
	case EISDIR:
	case ESTALE:
	case EROFS:
		return error;
	case EDQUOT:
	case EFBIG:
		refuse(r, "trash-full",
		    "it is not deleted, as the trash is full: agentsh trash"
		    " purge, outside of the session");
		break;
	case EMLINK:
		refuse(r, "trash-full",
		    "it is not deleted, as too many files in the trash have"
		    " another name or are open to be written, and this one"
		    " has or is as well: close them, or delete their other"
		    " names first");
		break;
	case ENOSPC:
		refuse(r, "trash-full",
		    "it is not deleted, as the trash's file system is full");
		break;
	default:
		log_debug("trash: %s", strerror(error));
		refuse(r, "trash-failed",
		    "it is not deleted, as it cannot be kept in the trash");
		break;
	}
	return EACCES;
}

static bool
is_empty(int dir_fd)
{
	struct dirent *de;
	DIR *dir;
	int fd;

	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd == -1 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		if (fd != -1)
			close(fd);
		return true; /* rmdir(2) will tell */
	}
	while ((de = readdir(dir)) != NULL) {
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0)
			break;
	}
	closedir(dir);
	return de == NULL;
}

/* Opens the object, and what of it can be read. */
static int
open_object(struct trashing *k, int pfd, const char *text)
{
	mode_t type;

	k->fd = backing_open(pfd, text, &k->stx);
	if (k->fd == -1)
		return -1;
	type = k->stx.stx_mode & S_IFMT;
	if (type == S_IFREG || type == S_IFDIR)
		k->data_fd = backing_reopen(k->fd, O_RDONLY | O_NONBLOCK);
	if (type == S_IFDIR && k->data_fd != -1 && !is_empty(k->data_fd)) {
		errno = ENOTEMPTY;
		return -1;
	}
	if (type == S_IFBLK || type == S_IFCHR) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

/* What an entry takes may be more by now than what was reserved for it. */
static int
reserve_all(struct trashing *k, const struct statx *stx)
{
	uint64_t bytes = trash_bytes(&trash.t, k->token, stx);

	if (bytes <= k->bytes)
		return 0;
	if (reserve(bytes - k->bytes, 0) == -1)
		return -1;
	k->bytes = bytes;
	return 0;
}

/* The manifest, on disk, under a token that nobody has. */
static int
write_manifest(fuse_req_t req, struct trashing *k, const struct ruling *r)
{
	struct trash_note note = { .workspace = trash.workspace,
		.path = r->path,
		.stx = &k->stx,
		.data_fd = k->data_fd };
	int i, rc = -1;

	attr_actor((uint32_t)fuse_req_ctx(req)->pid, &note.actor);
	if (S_ISREG(k->stx.stx_mode) && k->data_fd != -1 &&
	    k->stx.stx_size < trash.hash_under &&
	    trash_hash(k->data_fd, trash.hash_under, note.hash) == -1)
		note.hash[0] = '\0';
	for (i = 0; i < COPY_TRIES && rc == -1; i++) {
		if (trash_token_new(k->token) == -1)
			return -1;
		rc = trash_note_write(trash.t.manifest, k->token, &note);
		if (rc == -1 && errno != EEXIST)
			break;
	}
	/* it is not ours, or not there */
	if (rc == -1)
		k->token[0] = '\0';
	return rc;
}

int
trash_begin(fuse_req_t req, struct trashing *k, int pfd, const char *text,
    struct ruling *r)
{
	int saved;

	memset(k, 0, sizeof(*k));
	k->fd = -1;
	k->data_fd = -1;
	k->copy_fd = -1;
	if (open_object(k, pfd, text) == -1)
		goto fail;
	if (trash_loose_full(&trash.t, k, trash.files)) {
		errno = EMLINK;
		goto fail;
	}
	k->bytes = trash_bytes(&trash.t, "", &k->stx);
	if (reserve(k->bytes, 1) == -1)
		goto fail;
	k->begun = true;
	if (write_manifest(req, k, r) == 0) {
		if (reserve_all(k, &k->stx) == 0)
			return 0;
		goto fail;
	}
	/* the object is there: it is the trash that is not */
	if (errno == ENOENT)
		errno = EIO;
fail:
	saved = errno;
	trash_finish(k, false);
	return fail(r, saved);
}

static bool
has_changed(struct trashing *k)
{
	struct statx now;
	bool same;

	if (!S_ISREG(k->stx.stx_mode) || backing_stat(k->fd, &now) == -1)
		return false;
	same = now.stx_size == k->stx.stx_size &&
	    memcmp(&now.stx_mtime, &k->stx.stx_mtime, sizeof(now.stx_mtime)) ==
		0;
	k->stx = now;
	return !same;
}

/* What is copied may be more by now than what was reserved. */
static int
reserve_rest(struct trashing *k)
{
	struct statx stx;

	if (k->copy_fd == -1 || backing_stat(k->copy_fd, &stx) == -1)
		return 0;
	return reserve_all(k, &stx);
}

/* What was written since the last copy; at most as much as a trash can hold. */
static int
copy_again(struct trashing *k)
{
	return trash_copy_data(k->data_fd, k->copy_fd, k->stx.stx_size,
	    trash.quota);
}

/* What was written when the name was gone already, if there is room for it. */
static void
copy_late(struct trashing *k)
{
	if (reserve_all(k, &k->stx) == -1)
		return;
	if (copy_again(k) == 0)
		(void)reserve_rest(k);
}

/* A copy that holds what the object holds, though somebody writes to it. */
static int
copy_object(struct trashing *k)
{
	int i;

	if (S_ISREG(k->stx.stx_mode) && k->data_fd == -1) {
		errno = EACCES;
		return -1;
	}
	if (trash_copy(k->fd, k->data_fd, &k->stx, trash.quota, trash.t.payload,
		k->token, &k->copy_fd) == -1)
		return -1;
	k->copied = true;
	for (i = 0; has_changed(k); i++) {
		if (i == COPY_TRIES) {
			errno = EBUSY;
			return -1;
		}
		if (copy_again(k) == -1 || fsync(k->copy_fd) == -1)
			return -1;
	}
	return reserve_rest(k);
}

/* Does the name still mean the object? */
static bool
is_still(const struct trashing *k, int fd, const char *text)
{
	struct statx stx;
	struct ident id;
	int now;

	now = backing_open(fd, text, &stx);
	if (now == -1)
		return false;
	close(now);
	backing_ident(&id, &k->stx);
	return backing_same(&id, &stx);
}

/* To where it was, which is to be there still, before and after. */
static bool
put_back(const struct trashing *k, int pfd, const char *text)
{
	return stand_holds(k->parent, pfd, k->path) &&
	    renameat2(trash.t.payload, k->token, pfd, text, RENAME_NOREPLACE) ==
	    0 &&
	    (stand_holds(k->parent, pfd, k->path) ||
		renameat2(pfd, text, trash.t.payload, k->token,
		    RENAME_NOREPLACE) == -1);
}

static int
take(struct trashing *k, int pfd, const char *text)
{
	bool dir = S_ISDIR(k->stx.stx_mode);

	/* of a directory rmdir(2) alone knows that it is empty */
	if (!dir &&
	    renameat2(pfd, text, trash.t.payload, k->token, RENAME_NOREPLACE) ==
		0) {
		if (is_still(k, trash.t.payload, k->token))
			return 0;
		/* the host put something else there meanwhile */
		if (!put_back(k, pfd, text))
			return 0; /* kept, if under another's name */
		errno = ESTALE;
		return -1;
	}
	if (!dir && errno != EXDEV && errno != EINVAL)
		return -1;
	if (copy_object(k) == -1)
		return -1;
	if (!is_still(k, pfd, text)) {
		errno = ESTALE;
		return -1;
	}
	if (unlinkat(pfd, text, dir ? AT_REMOVEDIR : 0) == -1)
		return -1;
	/* what was written between the last look and the end of the name */
	if (has_changed(k))
		copy_late(k);
	return 0;
}

int
trash_take(struct trashing *k, int pfd, const char *text, struct ruling *r)
{
	int saved;

	if (take(k, pfd, text) == 0)
		return 0;
	saved = errno;
	if (saved == ENOENT && is_still(k, pfd, text))
		saved = EIO;
	return fail(r, saved);
}

int
trash_keep(struct trashing *k, struct ruling *r)
{
	char name[16];

	backing_name(name, k->fd);
	/* the object itself, if it can have one name more */
	if (!S_ISDIR(k->stx.stx_mode) &&
	    linkat(fsd.self_fd, name, trash.t.payload, k->token,
		AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (copy_object(k) == 0)
		return 0;
	return fail(r, errno == ENOENT ? EIO : errno);
}

void
trash_finish(struct trashing *k, bool done)
{
	if (k->begun && !done) {
		if (k->token[0] != '\0')
			(void)trash_end(&trash.t, k->token);
		give_back(k->bytes);
	}
	if (done && k->copied && has_changed(k))
		copy_late(k);
	if (done && k->begun) {
		trash_loose_add(k);
		trash_end_add(k->token);
		(void)trash_seal(&trash.t, k->token);
	}
	if (k->copy_fd != -1)
		close(k->copy_fd);
	if (k->data_fd != -1)
		close(k->data_fd);
	if (k->fd != -1)
		close(k->fd);
	k->copy_fd = -1;
	k->data_fd = -1;
	k->fd = -1;
	k->begun = false;
}

void
trash_record(fuse_req_t req, const struct trashing *k, const struct ruling *r)
{
	char hint[TRASH_TOKEN + 32];
	struct extra size = { EVF_SIZE, NULL, k->stx.stx_size, NULL };
	struct extra how = { EVF_RESTORE_HINT, hint, 0, &size };
	struct extra x = { EVF_TRASH_TOKEN, k->token, 0, &how };

	snprintf(hint, sizeof(hint), "agentsh trash restore %s", k->token);
	record_done(req, EV_SOFT_DELETE, r, &x);
}
