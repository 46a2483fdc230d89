/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Soft deletes: what a session deletes under such a rule goes to its user's
 * trash. The manifest is on disk before the object goes, and whatever fails on
 * the way leaves the object where it was.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backing.h"
#include "decide.h"
#include "log.h"
#include "ops.h"
#include "record.h"
#include "trash.h"
#include "trashing.h"

#define TOKEN_TRIES 3
#define COPY_TRIES 3 /* of what is written to meanwhile */

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
	const struct trash_own *own = trash_ours();
	uint64_t bytes = trash_bytes(&own->t, k->token, stx);

	if (bytes <= k->bytes)
		return 0;
	if (trash_reserve(bytes - k->bytes, 0) == -1)
		return -1;
	k->bytes = bytes;
	return 0;
}

/* The manifest, on disk, under a token that nobody has. */
static int
write_manifest(fuse_req_t req, struct trashing *k, const struct ruling *r)
{
	const struct trash_own *own = trash_ours();
	struct trash_note note = { .workspace = own->workspace,
		.path = r->path,
		.stx = &k->stx,
		.data_fd = k->data_fd };
	int i, rc = -1;

	attr_actor((uint32_t)fuse_req_ctx(req)->pid, &note.actor);
	if (S_ISREG(k->stx.stx_mode) && k->data_fd != -1 &&
	    k->stx.stx_size < own->hash_under &&
	    trash_hash(k->data_fd, own->hash_under, note.hash) == -1)
		note.hash[0] = '\0';
	for (i = 0; i < TOKEN_TRIES && rc == -1; i++) {
		if (trash_token_new(k->token) == -1)
			break;
		rc = trash_note_write(own->t.manifest, k->token, &note);
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
	const struct trash_own *own = trash_ours();
	int saved;

	memset(k, 0, sizeof(*k));
	k->fd = -1;
	k->data_fd = -1;
	k->copy_fd = -1;
	if (open_object(k, pfd, text) == -1)
		goto fail;
	if (trash_loose_full(&own->t, k, own->files)) {
		errno = EMLINK;
		goto fail;
	}
	k->bytes = trash_bytes(&own->t, "", &k->stx);
	if (trash_reserve(k->bytes, 1) == -1)
		goto fail;
	k->begun = true;
	if (write_manifest(req, k, r) == -1) {
		/* the object is there: it is the trash that is not */
		if (errno == ENOENT)
			errno = EIO;
		goto fail;
	}
	if (reserve_all(k, &k->stx) == 0)
		return 0;
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
	const struct trash_own *own = trash_ours();

	return trash_copy_data(k->data_fd, k->copy_fd, k->stx.stx_size,
	    own->quota);
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
	const struct trash_own *own = trash_ours();
	int i;

	if (S_ISREG(k->stx.stx_mode) && k->data_fd == -1) {
		errno = EACCES;
		return -1;
	}
	if (trash_copy(k->fd, k->data_fd, &k->stx, own->quota, own->t.payload,
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

/* To where it was, which is to be there still, before and after. false: it is in
 * the trash. */
static bool
put_back(const struct trashing *k, int pfd, const char *text)
{
	int payload = trash_ours()->t.payload;

	if (!stand_holds(k->parent, pfd, k->path) ||
	    renameat2(payload, k->token, pfd, text, RENAME_NOREPLACE) == -1)
		return false;
	if (stand_holds(k->parent, pfd, k->path))
		return true;
	return renameat2(pfd, text, payload, k->token, RENAME_NOREPLACE) == -1;
}

static int
take(struct trashing *k, int pfd, const char *text)
{
	const struct trash_own *own = trash_ours();
	bool dir = S_ISDIR(k->stx.stx_mode);

	/* of a directory rmdir(2) alone knows that it is empty */
	if (!dir &&
	    renameat2(pfd, text, own->t.payload, k->token, RENAME_NOREPLACE) ==
		0) {
		if (is_still(k, own->t.payload, k->token))
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
	const struct trash_own *own = trash_ours();
	char name[16];

	backing_name(name, k->fd);
	/* the object itself, if it can have one name more */
	if (!S_ISDIR(k->stx.stx_mode) &&
	    linkat(fsd.self_fd, name, own->t.payload, k->token,
		AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (copy_object(k) == 0)
		return 0;
	return fail(r, errno == ENOENT ? EIO : errno);
}

void
trash_finish(struct trashing *k, bool done)
{
	const struct trash_own *own = trash_ours();

	if (k->begun && !done) {
		if (k->token[0] != '\0')
			(void)trash_end(&own->t, k->token);
		trash_give_back(k->bytes);
	}
	if (done && k->copied && has_changed(k))
		copy_late(k);
	if (done && k->begun) {
		trash_loose_add(k);
		trash_end_add(k->token);
		(void)trash_seal(&own->t, k->token);
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
