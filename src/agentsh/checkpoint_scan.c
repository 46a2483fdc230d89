/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over a workspace. Each name is opened beneath the directory that it
 * was read in, and no link is followed; what cannot be read ends the walk, since
 * a checkpoint without it would take it away on the way back.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint.h"
#include "cli.h"

struct scan {
	struct cp_tree *tree;
	int files;
	int other;
	uint64_t max; /* bytes that may still be kept */
	dev_t dev;
	DIR *dir[CP_MAX_DEPTH];
	size_t len[CP_MAX_DEPTH]; /* of the path of each */
	size_t depth;
	char path[PATH_MAX];
};

static int
scan_error(const struct scan *s, const char *what)
{
	say("%s: %s", s->path[0] == '\0' ? "workspace" : s->path, what);
	return -1;
}

static void
fill(struct cp_entry *e, enum cp_type type, const struct stat *st)
{
	e->type = type;
	e->mode = st->st_mode & 07777;
	e->mtime_sec = st->st_mtim.tv_sec;
	e->mtime_nsec = (uint32_t)st->st_mtim.tv_nsec;
}

static int
scan_file(struct scan *s, int at, const char *name)
{
	struct cp_entry *e;
	struct stat st;
	uint64_t size = 0;
	bool ok = true;
	int fd, ret;

	fd = openat(at, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		ret = scan_error(s,
		    fd == -1 ? strerror(errno) : "changed meanwhile");
		if (fd != -1)
			close(fd);
		return ret;
	}
	e = cp_tree_add(s->tree, s->path);
	if (e == NULL) {
		close(fd);
		return -1;
	}
	fill(e, CP_FILE, &st);
	ret = cp_keep(fd, s->files, s->other, s->max, e->hash, &size);
	if (ret == -1)
		scan_error(s,
		    errno == EFBIG ? "more than may be kept: see --max-size" :
				     strerror(errno));
	e->size = size;
	s->max -= ret == -1 ? 0 : size;
	s->tree->bytes += size;
	e->xattrs = cp_xattrs_get(fd, &ok);
	if (ret == 0 && !ok)
		ret = scan_error(s, "its attributes cannot be read");
	close(fd);
	return ret;
}

static int
scan_link(struct scan *s, int at, const char *name, const struct stat *st)
{
	char target[PATH_MAX];
	struct cp_entry *e;
	ssize_t n;

	n = readlinkat(at, name, target, sizeof(target));
	if (n == -1 || n == (ssize_t)sizeof(target))
		return scan_error(s, n == -1 ? strerror(errno) : "too long");
	target[n] = '\0';
	e = cp_tree_add(s->tree, s->path);
	if (e == NULL)
		return -1;
	fill(e, CP_LINK, st);
	e->target = xstrdup(target);
	return 0;
}

static int
scan_enter(struct scan *s, int at, const char *name)
{
	struct stat st;
	int fd;

	if (s->depth == CP_MAX_DEPTH)
		return scan_error(s, "directories nested too deeply");
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return scan_error(s, strerror(errno));
	if (fstat(fd, &st) == -1 || st.st_dev != s->dev) {
		close(fd);
		return scan_error(s,
		    "another file system, which is in no checkpoint");
	}
	s->dir[s->depth] = fdopendir(fd);
	if (s->dir[s->depth] == NULL) {
		close(fd);
		return scan_error(s, strerror(errno));
	}
	s->len[s->depth++] = strlen(s->path);
	return 0;
}

static int
scan_name(struct scan *s, const char *name)
{
	DIR *d = s->dir[s->depth - 1];
	size_t len = s->len[s->depth - 1], n = strlen(name);
	struct cp_entry *e;
	struct stat st;

	s->path[len] = '\0';
	if (len + n + 2 > sizeof(s->path))
		return scan_error(s, "a path is too long");
	if (len > 0)
		s->path[len++] = '/';
	memcpy(s->path + len, name, n + 1);
	if (fstatat(dirfd(d), name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return scan_error(s, strerror(errno));
	if (S_ISREG(st.st_mode))
		return scan_file(s, dirfd(d), name);
	if (S_ISLNK(st.st_mode))
		return scan_link(s, dirfd(d), name, &st);
	e = cp_tree_add(s->tree, s->path);
	if (e == NULL)
		return -1;
	fill(e, S_ISDIR(st.st_mode) ? CP_DIR : CP_SPECIAL, &st);
	return S_ISDIR(st.st_mode) ? scan_enter(s, dirfd(d), name) : 0;
}

/* A name that is taken away and made again while its directory is read can come
 * up twice. 0, or -1 where it was not the same both times. */
static int
drop_twice(struct cp_tree *t)
{
	struct cp_entry *e, *last = NULL;
	size_t i, n = 0;

	for (i = 1; i < t->n; i++) {
		e = &t->v[i];
		if (strcmp(e[-1].path, e->path) == 0 && !cp_same(&e[-1], e)) {
			say("%s: changed meanwhile", e->path);
			return -1;
		}
	}
	for (i = 0; i < t->n; i++) {
		e = &t->v[i];
		if (last == NULL || strcmp(last->path, e->path) != 0) {
			last = &t->v[n++];
			*last = *e;
			continue;
		}
		t->bytes -= e->size;
		free(e->path);
		free(e->target);
		free(e->xattrs);
	}
	t->n = n;
	return 0;
}

int
cp_scan(int root, int files, int other, uint64_t max_bytes,
    struct cp_tree *tree)
{
	struct scan *s = xcalloc(1, sizeof(*s));
	struct dirent *de;
	struct stat st;
	int ret;

	memset(tree, 0, sizeof(*tree));
	*s = (struct scan){
		.tree = tree, .files = files, .other = other, .max = max_bytes
	};
	ret = fstat(root, &st) == -1 ? scan_error(s, strerror(errno)) : 0;
	s->dev = st.st_dev;
	if (ret == 0)
		ret = scan_enter(s, root, ".");
	while (ret == 0 && s->depth > 0) {
		errno = 0;
		de = readdir(s->dir[s->depth - 1]);
		if (de == NULL && errno != 0)
			ret = scan_error(s, strerror(errno));
		else if (de == NULL)
			closedir(s->dir[--s->depth]);
		else if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0)
			ret = scan_name(s, de->d_name);
	}
	while (s->depth > 0)
		closedir(s->dir[--s->depth]);
	free(s);
	cp_tree_sort(tree);
	if (ret == 0)
		ret = drop_twice(tree);
	if (ret == -1)
		cp_tree_free(tree);
	return ret;
}
