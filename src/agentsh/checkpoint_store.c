/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where checkpoints are kept: a directory of the user's own, for nobody else,
 * that no session can reach by its workspace. One process at a time works on
 * those of a session, and one in the making has a name that is not shown.
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint.h"
#include "cli.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define FILES "files"

bool
cp_id_is_valid(const char *s)
{
	size_t n = strspn(s,
	    "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return n > 0 && n <= AGENTSH_ID_MAX && s[n] == '\0' && s[0] != '.';
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Is the directory `top`, or beneath it? 1 or 0; -1 with errno. */
static int
is_beneath(int fd, const struct stat *top)
{
	struct stat st, last = { 0 };
	int at, ret = -1, saved, up;

	at = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	while (at != -1 && ret == -1 && fstat(at, &st) == 0) {
		if (is_same(&st, top))
			ret = 1;
		else if (is_same(&st, &last))
			ret = 0; /* the root is above itself */
		last = st;
		up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		saved = errno;
		close(at);
		errno = saved;
		at = up;
	}
	saved = errno;
	if (at != -1)
		close(at);
	errno = saved;
	return ret;
}

/* Makes what is missing of a path, for the user alone. */
static int
make_path(const char *path)
{
	char part[PATH_MAX];
	size_t n;

	for (n = 1; n < strlen(path); n++) {
		n += strcspn(path + n, "/");
		if (n >= sizeof(part)) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(part, path, n);
		part[n] = '\0';
		if (mkdir(part, 0700) == -1 && errno != EEXIST)
			return -1;
	}
	return 0;
}

static int
default_storage(char path[PATH_MAX])
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n;

	if (state != NULL && state[0] == '/')
		n = snprintf(path, PATH_MAX, "%s/agentsh/checkpoints", state);
	else if (home != NULL && home[0] == '/')
		n = snprintf(path, PATH_MAX,
		    "%s/.local/state/agentsh/checkpoints", home);
	else
		n = -1;
	if (n > 0 && n < PATH_MAX)
		return 0;
	say("--storage-dir is needed: HOME is not set");
	return -1;
}

/* The storage itself, which must be ours alone and not in the workspace. */
static int
storage_open(const char *storage, int root, bool make)
{
	char path[PATH_MAX];
	struct stat st, top;
	const char *what = NULL;
	int fd, in = 0;

	if (storage == NULL && default_storage(path) == -1)
		return -1;
	if (storage == NULL)
		storage = path;
	if (make && make_path(storage) == -1) {
		say("%s: %s", storage, strerror(errno));
		return -1;
	}
	fd = open(storage, DIR_FLAGS);
	if (fd == -1 || fstat(fd, &st) == -1) {
		say("%s: %s", storage, strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	if (st.st_uid != geteuid() || (st.st_mode & 022) != 0)
		what = "not a directory of yours alone to write";
	if (what == NULL && root != -1)
		in = fstat(root, &top) == -1 ? -1 : is_beneath(fd, &top);
	if (in == 1)
		what = "in the workspace, where sessions can change it";
	else if (in == -1)
		what = strerror(errno);
	if (what == NULL)
		return fd;
	say("%s: %s", storage, what);
	close(fd);
	return -1;
}

int
cp_session_open(const char *storage, const char *session, int root, bool make)
{
	int top, fd;

	if (!cp_id_is_valid(session)) {
		say("\"%s\" is no id of a session", session);
		return -1;
	}
	top = storage_open(storage, root, make);
	if (top == -1)
		return -1;
	if (make && mkdirat(top, session, 0700) == -1 && errno != EEXIST)
		fd = -1;
	else
		fd = openat(top, session, DIR_FLAGS);
	if (fd == -1 && errno == ENOENT) {
		say("session %s has no checkpoints", session);
	} else if (fd == -1) {
		say("%s: %s", session, strerror(errno));
	} else if (flock(fd, LOCK_EX) == -1) {
		say("%s: it cannot be locked: %s", session, strerror(errno));
		close(fd);
		fd = -1;
	}
	close(top);
	return fd;
}

int
cp_open(int session, const char *id, int *files)
{
	int fd;

	*files = -1;
	if (!cp_id_is_valid(id)) {
		say("\"%s\" is no id of a checkpoint", id);
		return -1;
	}
	fd = openat(session, id, DIR_FLAGS);
	if (fd != -1)
		*files = openat(fd, FILES, DIR_FLAGS);
	if (fd != -1 && *files != -1)
		return fd;
	say("checkpoint %s: %s", id,
	    errno == ENOENT ? "there is none" : strerror(errno));
	if (fd != -1)
		close(fd);
	return -1;
}

static int
name_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int
cp_ids(int session, struct cp_ids *ids)
{
	struct dirent *de;
	DIR *d;
	int fd = openat(session, ".", DIR_FLAGS);

	memset(ids, 0, sizeof(*ids));
	d = fd == -1 ? NULL : fdopendir(fd);
	if (d == NULL) {
		say("checkpoints: %s", strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	while ((de = readdir(d)) != NULL) {
		if (!cp_id_is_valid(de->d_name))
			continue;
		ids->v = reallocarray(ids->v, ids->n + 1, sizeof(*ids->v));
		if (ids->v == NULL) {
			say("out of memory");
			exit(EXIT_FAILURE);
		}
		ids->v[ids->n++] = xstrdup(de->d_name);
	}
	closedir(d);
	/* they begin with their time */
	if (ids->n > 0)
		qsort(ids->v, ids->n, sizeof(*ids->v), name_cmp);
	return 0;
}

void
cp_ids_free(struct cp_ids *ids)
{
	size_t i;

	for (i = 0; i < ids->n; i++)
		free(ids->v[i]);
	free(ids->v);
}

/* The name of a checkpoint that is not whole. */
static void
hidden(char dst[AGENTSH_ID_MAX + 8], const char *id)
{
	snprintf(dst, AGENTSH_ID_MAX + 8, ".%s", id);
}

int
cp_begin(int session, const char *id, int *files)
{
	char name[AGENTSH_ID_MAX + 8];
	bool made;
	int fd = -1;

	hidden(name, id);
	*files = -1;
	made = mkdirat(session, name, 0700) == 0;
	if (made)
		fd = openat(session, name, DIR_FLAGS);
	if (fd != -1 && mkdirat(fd, FILES, 0700) == 0)
		*files = openat(fd, FILES, DIR_FLAGS);
	if (*files != -1)
		return fd;
	say("checkpoint %s: %s", id, strerror(errno));
	if (fd != -1) {
		(void)unlinkat(fd, FILES, AT_REMOVEDIR);
		close(fd);
	}
	if (made)
		(void)unlinkat(session, name, AT_REMOVEDIR);
	return -1;
}

int
cp_finish(int session, const char *id)
{
	char name[AGENTSH_ID_MAX + 8];

	hidden(name, id);
	/* with a name that is shown it must be whole, whatever happens then */
	if (syncfs(session) == 0 && renameat(session, name, session, id) == 0 &&
	    fsync(session) == 0)
		return 0;
	say("checkpoint %s: %s", id, strerror(errno));
	return -1;
}

/* All files in a directory: there are no others in ours. */
static int
empty_dir(int at, const char *name)
{
	int fd = openat(at, name, DIR_FLAGS), ret = 0;
	struct dirent *de;
	DIR *d = fd == -1 ? NULL : fdopendir(fd);

	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return -1;
	}
	while ((de = readdir(d)) != NULL) {
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0 &&
		    unlinkat(dirfd(d), de->d_name, 0) == -1)
			ret = -1;
	}
	closedir(d);
	return ret;
}

int
cp_remove(int session, const char *id)
{
	char name[AGENTSH_ID_MAX + 8];
	int fd;

	/* not shown any more, whatever happens on the way */
	hidden(name, id);
	if (renameat(session, id, session, name) == -1 && errno != ENOENT) {
		say("checkpoint %s: %s", id, strerror(errno));
		return -1;
	}
	fd = openat(session, name, DIR_FLAGS);
	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1 || empty_dir(fd, FILES) == -1 ||
	    unlinkat(fd, FILES, AT_REMOVEDIR) == -1 ||
	    empty_dir(session, name) == -1 ||
	    unlinkat(session, name, AT_REMOVEDIR) == -1) {
		say("checkpoint %s: %s", id, strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	close(fd);
	return 0;
}
