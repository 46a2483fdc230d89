/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies beneath a directory that gets another path: everything is asked for,
 * at both. What cannot be looked at is not moved.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decide.h"
#include "node.h"
#include "ops.h"

#define WALK_MAX 65536 /* objects beneath a directory that is renamed */
#define WALK_DEPTH 128

/* A walk of what lies beneath: its path at both ends. */
struct walk {
	struct ruling *r;
	enum view view;
	size_t count;
	bool missed; /* what had been there a moment before */
	int depth;
	DIR *dir[WALK_DEPTH];
	size_t old_len[WALK_DEPTH];
	size_t new_len[WALK_DEPTH];
	char old[AGENTSH_PATH_MAX + 1];
	char new[AGENTSH_PATH_MAX + 1];
};

static void
walk_refuse(struct walk *w, const char *rule, const char *message)
{
	refuse(w->r, rule, message);
	w->r->op = FILE_OP_RENAME;
	memcpy(w->r->path, w->old, sizeof(w->r->path));
}

/* What cannot be looked at is not moved; errno is why. */
static void
walk_refuse_look(struct walk *w, const char *message)
{
	w->missed = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
	walk_refuse(w, "rename-unreadable", message);
}

static void
walk_refuse_dir(struct walk *w)
{
	walk_refuse_look(w, "a directory beneath it cannot be read");
}

/* Opens the directory text beneath at, and goes into it. */
static void
walk_enter(struct walk *w, int at, const char *text)
{
	int fd;

	if (w->depth == WALK_DEPTH) {
		walk_refuse(w, "rename-too-deep",
		    "the directory is nested too deeply to be renamed");
		return;
	}
	fd = openat(at, text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	w->dir[w->depth] = fd == -1 ? NULL : fdopendir(fd);
	if (w->dir[w->depth] == NULL) {
		walk_refuse_dir(w);
		if (fd != -1)
			close(fd);
		return;
	}
	w->old_len[w->depth] = strlen(w->old);
	w->new_len[w->depth] = strlen(w->new);
	w->depth++;
}

static int
put_part(char *path, size_t at, const char *text)
{
	size_t len = strlen(text);

	if (at + 1 + len > AGENTSH_PATH_MAX)
		return -1;
	path[at] = '/';
	memcpy(path + at + 1, text, len + 1);
	return 0;
}

static void
walk_entry(struct walk *w, const struct dirent *de)
{
	struct stat st;
	int d = w->depth - 1, fd = dirfd(w->dir[d]);

	if (put_part(w->old, w->old_len[d], de->d_name) == -1 ||
	    put_part(w->new, w->new_len[d], de->d_name) == -1) {
		walk_refuse(w, "rename-unreadable",
		    "the path of a name beneath it is too long");
		return;
	}
	if (fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		walk_refuse_look(w, "a name beneath it cannot be looked at");
		return;
	}
	if (++w->count > WALK_MAX) {
		walk_refuse(w, "rename-too-large",
		    "too much lies beneath the directory to be renamed");
		return;
	}
	ask_use(w->r, st.st_mode, w->view, w->old, strlen(w->old));
	ask_use(w->r, st.st_mode, w->view, w->new, strlen(w->new));
	ask_made(w->r, st.st_mode, w->view, w->new, strlen(w->new));
	ask_other_name(w->r, st.st_mode, w->view, w->old, w->new);
	if (S_ISDIR(st.st_mode) && w->r->decision != DECISION_DENY)
		walk_enter(w, fd, de->d_name);
}

bool
ask_beneath(struct ruling *r, enum view view, int dir_fd, const char *text,
    const char *old, const char *new)
{
	struct walk *w;
	struct dirent *de;
	bool missed;

	w = calloc(1, sizeof(*w));
	if (w == NULL) {
		refuse(r, "out-of-memory", "");
		return true;
	}
	w->r = r;
	w->view = view;
	memcpy(w->old, old, strlen(old) + 1);
	memcpy(w->new, new, strlen(new) + 1);
	walk_enter(w, dir_fd, text);
	/* behind what an operator may approve there can be what nobody may */
	while (w->depth > 0 && r->decision != DECISION_DENY) {
		errno = 0;
		de = readdir(w->dir[w->depth - 1]);
		if (de == NULL && errno != 0)
			walk_refuse_dir(w);
		else if (de == NULL)
			closedir(w->dir[--w->depth]);
		else if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0)
			walk_entry(w, de);
	}
	while (w->depth > 0)
		closedir(w->dir[--w->depth]);
	missed = w->missed;
	free(w);
	return !missed;
}
