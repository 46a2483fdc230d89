/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh trash restore: back to where it was, or to --dest. The way there is
 * walked beneath the workspace, and never through a symbolic link, since the
 * agent may have put one there meanwhile. What a manifest says decides no more
 * than the place beneath the workspace that it names.
 */
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/path.h"
#include "cli.h"
#include "jsonout.h"
#include "trash_cli.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#endif

struct restore {
	const struct trash *t;
	const char *token;
	struct tnote note;
	bool force;
	int fd;	     /* O_PATH of the object */
	int data_fd; /* of what is in it, or -1 */
	struct statx stx;
	int to; /* the directory */
	char name[NAME_MAX + 1];
	char *path;	/* to say */
	uint64_t bytes; /* that the trash has of it */
};

static int
open_how(int dir_fd, const char *path, uint64_t resolve)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
		    resolve,
	};

	return (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
}

static const char *
why(int error)
{
	if (error == ELOOP)
		return "a symbolic link is on the way";
	if (error == ESTALE)
		return "the directory was moved meanwhile";
	if (error == EEXIST)
		return "it is there already: --force replaces it";
	return strerror(error);
}

/* The directory of rel beneath dir, which is taken; what is missing of it is
 * made, as it may have been deleted too. */
static int
walk(int dir, const char *rel)
{
	char part[NAME_MAX + 1];
	const char *slash;
	size_t len;
	int next;

	for (; (slash = strchr(rel, '/')) != NULL; rel = slash + 1) {
		len = (size_t)(slash - rel);
		if (len > NAME_MAX) {
			errno = ENAMETOOLONG;
			next = -1;
		} else {
			memcpy(part, rel, len);
			part[len] = '\0';
			next = open_how(dir, part, RESOLVE_BENEATH);
			if (next == -1 && errno == ENOENT &&
			    mkdirat(dir, part, 0777) == 0)
				next = open_how(dir, part, RESOLVE_BENEATH);
		}
		close(dir);
		if (next == -1)
			return -1;
		dir = next;
	}
	return dir;
}

static int
put_name(struct restore *r, const char *path)
{
	const char *name = path_basename(path);

	if (name[0] == '\0' || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0 || strlen(name) > NAME_MAX) {
		say("%s: it must be a name for the object", path);
		return -1;
	}
	snprintf(r->name, sizeof(r->name), "%s", name);
	r->path = xstrdup(path);
	return 0;
}

static int
aim_back(struct restore *r)
{
	const char *path = r->note.path;
	int dir;

	if (put_name(r, path) == -1)
		return -1;
	dir = open_how(AT_FDCWD, r->note.workspace, 0);
	if (dir != -1)
		dir = walk(dir, path + strlen(r->note.workspace) + 1);
	if (dir == -1)
		say("%s: %s", path, why(errno));
	r->to = dir;
	return dir == -1 ? -1 : 0;
}

/* The directory that a path is in, if no link is on the way. */
static int
open_dir_of(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		snprintf(dir, sizeof(dir), ".");
	else if (slash == path)
		snprintf(dir, sizeof(dir), "/");
	else
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	return open_how(AT_FDCWD, dir, 0);
}

static int
aim_at(struct restore *r, const char *dest)
{
	if (put_name(r, dest) == -1)
		return -1;
	r->to = open_dir_of(dest);
	if (r->to == -1)
		say("%s: %s", dest, why(errno));
	return r->to == -1 ? -1 : 0;
}

/* The object, which must be what the manifest says. */
static int
open_payload(struct restore *r)
{
	struct statx again;
	mode_t type;

	r->fd = openat(r->t->payload, r->token,
	    O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (r->fd == -1 ||
	    statx(r->fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW,
		STATX_BASIC_STATS, &r->stx) == -1) {
		say("%s: %s", r->token, strerror(errno));
		return -1;
	}
	type = r->stx.stx_mode & S_IFMT;
	if (strcmp(trash_type(type), r->note.type) != 0) {
		say("%s: it is no %s", r->token, r->note.type);
		return -1;
	}
	if (type != S_IFREG && type != S_IFDIR)
		return 0;
	r->data_fd = openat(r->t->payload, r->token,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	/* what cannot be read can be moved all the same */
	if (r->data_fd != -1 &&
	    (statx(r->data_fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &again) ==
		    -1 ||
		again.stx_ino != r->stx.stx_ino)) {
		say("%s: it changes while it is looked at", r->token);
		return -1;
	}
	return 0;
}

static int
check_hash(struct restore *r)
{
	char hash[TRASH_HASH + 1];

	if (r->note.hash[0] == '\0')
		return 0;
	if (r->data_fd != -1 &&
	    trash_hash(r->data_fd, r->stx.stx_size, hash) == 0 &&
	    strcmp(hash, r->note.hash) == 0)
		return 0;
	say("%s: it is not what was deleted: its hash differs%s", r->token,
	    r->force ? "" : ": --force restores it as it is");
	return r->force ? 0 : -1;
}

/* Is the directory still where it was opened? A session may have given it the
 * name of one in which such an object may not be. */
static bool
is_at(const struct restore *r)
{
	struct stat was, st;
	bool same;
	int now = open_dir_of(r->path);

	if (now == -1)
		return false;
	same = fstat(r->to, &was) == 0 && fstat(now, &st) == 0 &&
	    was.st_dev == st.st_dev && was.st_ino == st.st_ino;
	close(now);
	return same;
}

/* What is there goes first. */
static int
clear_name(const struct restore *r)
{
	int dir = S_ISDIR(r->stx.stx_mode) ? AT_REMOVEDIR : 0;

	if (!r->force)
		return 0;
	return unlinkat(r->to, r->name, dir) == -1 && errno != ENOENT ? -1 : 0;
}

/* A copy that nobody has seen gets its name, as the policy of a session that is
 * there goes by names. */
static int
name_copy(const struct restore *r, int fd)
{
	char own[64];

	snprintf(own, sizeof(own), "/proc/self/fd/%d", fd);
	if (!is_at(r)) {
		errno = ESTALE;
		return -1;
	}
	if (clear_name(r) == -1)
		return -1;
	return linkat(AT_FDCWD, own, r->to, r->name, AT_SYMLINK_FOLLOW);
}

/* From another file system. */
static int
put_copy(const struct restore *r)
{
	int fd = -1, rc, saved;

	if (S_ISREG(r->stx.stx_mode))
		fd = openat(r->to, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd != -1) {
		rc = trash_copy_into(fd, r->data_fd, &r->stx, UINT64_MAX);
		if (rc == 0)
			rc = name_copy(r, fd);
	} else {
		/* a file, where all files have names: it is seen as it grows */
		rc = clear_name(r);
		if (rc == 0)
			rc = trash_copy(r->fd, r->data_fd, &r->stx, UINT64_MAX,
			    r->to, r->name, &fd);
	}
	saved = errno;
	if (fd != -1)
		close(fd);
	errno = saved;
	return rc;
}

static void
log_restored(const struct restore *r)
{
	struct trash_act act = { .what = "restore",
		.files = 1,
		.bytes = r->bytes,
		.session = r->note.session,
		.token = r->token,
		.path = r->path };

	if (trash_log_add(r->t, &act) == -1)
		say("the log of the trash: %s", strerror(errno));
}

/* Out of a directory that is elsewhere by now: still in the trash. */
static void
take_back(const struct restore *r, bool copied)
{
	int dir = S_ISDIR(r->stx.stx_mode) ? AT_REMOVEDIR : 0;

	if (copied)
		(void)unlinkat(r->to, r->name, dir);
	else if (renameat2(r->to, r->name, r->t->payload, r->token,
		     RENAME_NOREPLACE) == -1)
		say("%s: %s", r->path, strerror(errno));
	errno = ESTALE;
}

static int
put_back(struct restore *r)
{
	unsigned flags = r->force ? 0 : RENAME_NOREPLACE;
	struct trash_sum sum;
	bool copied = false;
	int rc;

	rc = renameat2(r->t->payload, r->token, r->to, r->name, flags);
	if (rc == -1 && (errno == EXDEV || errno == EINVAL)) {
		copied = true;
		rc = put_copy(r);
	}
	if (rc == 0 && !is_at(r)) {
		take_back(r, copied);
		rc = -1;
	}
	if (rc == -1) {
		say("%s: %s", r->path, why(errno));
		return -1;
	}
	log_restored(r);
	if (trash_end(r->t, r->token) == -1)
		say("%s: restored, but still in the trash: %s", r->path,
		    strerror(errno));
	else if (trash_sum_get(r->t, &sum) == 0) {
		sum.bytes -= r->bytes < sum.bytes ? r->bytes : sum.bytes;
		sum.files -= sum.files > 0;
		(void)trash_sum_put(r->t, &sum);
	}
	return 0;
}

static int
say_restored(const struct args *a, const struct restore *r)
{
	struct jsonout *o;
	char *safe;
	int rc = 0;

	if (a->opt[OPT_JSON] == NULL) {
		safe = vis_dup(r->path);
		printf("restored %s\n", safe);
		free(safe);
	} else {
		o = jo_new();
		jo_open(o, NULL);
		jo_str(o, "token", r->token);
		policy_ask_text(o, "path", r->path);
		jo_close(o);
		rc = policy_ask_end(o);
	}
	return rc;
}

static int
restore(const struct args *a, struct restore *r)
{
	const char *dest = a->opt[OPT_DEST];

	if (open_payload(r) == -1 || check_hash(r) == -1)
		return -1;
	r->bytes = trash_bytes(r->t, r->token, &r->stx);
	if ((dest != NULL ? aim_at(r, dest) : aim_back(r)) == -1)
		return -1;
	return put_back(r);
}

static void
restore_end(struct restore *r)
{
	if (r->fd != -1)
		close(r->fd);
	if (r->data_fd != -1)
		close(r->data_fd);
	if (r->to != -1)
		close(r->to);
	free(r->path);
	tnote_free(&r->note);
}

int
cmd_trash_restore(struct args *a)
{
	struct restore r = { .token = a->argv[0],
		.fd = -1,
		.data_fd = -1,
		.to = -1,
		.force = a->opt[OPT_TRASH_FORCE] != NULL };
	struct trashes all;
	int rc = -1;
	size_t i;

	if (!trash_token_ok(r.token))
		return usage_error(a, "%s is no token of the trash", r.token);
	if (trashes_open(a, &all) == -1)
		return EXIT_FAILURE;
	for (i = 0; i < all.n && r.t == NULL; i++) {
		if (trash_lock(&all.t[i], TRASH_WAIT_MS) == -1)
			say("the trash is in use: %s", strerror(errno));
		else if (tnote_read(&all.t[i], r.token, &r.note) == 0)
			r.t = &all.t[i];
	}
	if (r.t == NULL)
		say("%s: it is not in the trash", r.token);
	else
		rc = restore(a, &r);
	if (rc == 0)
		rc = say_restored(a, &r);
	restore_end(&r);
	trashes_close(&all);
	return rc == -1 ? EXIT_FAILURE : rc;
}
