/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caller's trash: of his own server, or of the service. What lies there was
 * written by his sessions' file system, and is checked as if it were not: a
 * token is hexadecimal, a manifest is a small file of known members, and none
 * of them says where in the trash anything is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/path.h"
#include "cli.h"
#include "trash_cli.h"

#define MANIFEST_MAX (1024 * 1024)

/* The directory, if it is the caller's alone. -1; said only where it is there
 * and wrong, or was asked for. */
static int
open_own(const char *path, bool asked)
{
	struct stat st;
	int fd;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1) {
		if (asked || (errno != ENOENT && errno != ENOTDIR))
			say("%s: %s", path, strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) == -1 || st.st_uid != geteuid() ||
	    (st.st_mode & 077) != 0) {
		say("%s: it is not a directory of yours alone", path);
		close(fd);
		return -1;
	}
	return fd;
}

static void
add(struct trashes *all, const char *path, bool asked)
{
	int fd;

	fd = open_own(path, asked);
	if (fd == -1)
		return;
	if (trash_open(&all->t[all->n], fd, true) == -1)
		say("%s: %s", path, strerror(errno));
	else
		all->n++;
	close(fd);
}

/* DIR itself, or what the service has in it for the caller. */
static void
add_asked(struct trashes *all, const char *dir)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%u", dir, (unsigned)geteuid());
	add(all, lstat(path, &st) == 0 ? path : dir, true);
}

static void
add_usual(struct trashes *all)
{
	const char *state = secure_getenv("XDG_STATE_HOME");
	const char *home = secure_getenv("HOME");
	char path[PATH_MAX];

	/* who has one of the service has sessions of the service, which might
	 * have put something in the other place */
	snprintf(path, sizeof(path), "%s/trash/%u", AGENTSH_STATEDIR,
	    (unsigned)geteuid());
	add(all, path, false);
	if (all->n > 0)
		return;
	path[0] = '\0';
	if (state != NULL && state[0] == '/')
		snprintf(path, sizeof(path), "%s/agentsh/trash", state);
	else if (home != NULL && home[0] == '/')
		snprintf(path, sizeof(path), "%s/.local/state/agentsh/trash",
		    home);
	if (path[0] != '\0')
		add(all, path, false);
}

int
trashes_open(const struct args *a, struct trashes *all)
{
	const char *dir = a->opt[OPT_TRASH_PATH];

	all->n = 0;
	if (getenv("AGENTSH_IN_SESSION") != NULL) {
		say("a session does not reach the trash: run this outside of it");
		return -1;
	}
	if (dir != NULL)
		add_asked(all, dir);
	else
		add_usual(all);
	return dir != NULL && all->n == 0 ? -1 : 0;
}

void
trashes_close(struct trashes *all)
{
	while (all->n > 0)
		trash_close(&all->t[--all->n]);
}

static char *
read_small(int dir_fd, const char *name, size_t *len)
{
	struct stat st;
	char *text = NULL;
	ssize_t n = -1;
	int fd;

	fd = openat(dir_fd, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    st.st_size <= MANIFEST_MAX) {
		text = xcalloc(1, (size_t)st.st_size + 1);
		n = read(fd, text, (size_t)st.st_size);
	}
	close(fd);
	if (n <= 0) {
		free(text);
		return NULL;
	}
	*len = (size_t)n;
	return text;
}

/* A path as text, or in base64 where it is no UTF-8. NULL, or to be freed. */
static char *
note_path(const struct jval *root, const char *key)
{
	const struct jval *again;
	char name[64], *path;
	const char *s;
	size_t len;

	snprintf(name, sizeof(name), "%s_base64", key);
	again = jv_at(root, name);
	s = jv_str(root, key);
	if (again == NULL)
		return s == NULL ? NULL : xstrdup(s);
	if (again->type != J_STRING)
		return NULL;
	path = xcalloc(1, again->len + 1);
	if (base64_decode(again->str, again->len, path, &len) == -1 ||
	    memchr(path, 0, len) != NULL) {
		free(path);
		return NULL;
	}
	path[len] = '\0';
	return path;
}

static char *
note_str(const struct jval *root, const char *key)
{
	const char *s = jv_str(root, key);

	return xstrdup(s == NULL ? "" : s);
}

int
tnote_read(const struct trash *t, const char *token, struct tnote *n)
{
	char name[TRASH_NAME], *text;
	const char *err, *again;
	struct json *json;
	size_t len;

	memset(n, 0, sizeof(*n));
	trash_manifest_name(name, token);
	text = read_small(t->manifest, name, &len);
	if (text == NULL)
		return -1;
	json = json_parse(text, len, &err);
	free(text);
	if (json == NULL)
		return -1;
	again = jv_str(json->root, "token");
	n->path = note_path(json->root, "original_path");
	n->workspace = note_path(json->root, "workspace");
	n->session = note_str(json->root, "session");
	n->command = note_str(json->root, "command");
	n->type = note_str(json->root, "type");
	n->hash = note_str(json->root, "hash");
	(void)jv_u64(json->root, "size", &n->size);
	if (again != NULL && strcmp(again, token) == 0 && n->path != NULL &&
	    n->workspace != NULL && path_is_clean(n->path) &&
	    path_is_clean(n->workspace) &&
	    path_is_beneath(n->path, n->workspace) &&
	    strcmp(n->path, n->workspace) != 0) {
		json_free(json);
		return 0;
	}
	json_free(json);
	tnote_free(n);
	return -1;
}

void
tnote_free(struct tnote *n)
{
	free(n->path);
	free(n->workspace);
	free(n->session);
	free(n->command);
	free(n->type);
	free(n->hash);
	memset(n, 0, sizeof(*n));
}

static int
collect_one(void *arg, const struct trash_entry *e)
{
	struct collected *c = arg;

	if (c->n == c->cap) {
		c->cap = c->cap == 0 ? 256 : 2 * c->cap;
		c->entry = reallocarray(c->entry, c->cap, sizeof(*c->entry));
		if (c->entry == NULL) {
			fputs("agentsh: out of memory\n", stderr);
			exit(EXIT_FAILURE);
		}
	}
	c->entry[c->n++] = *e;
	return 0;
}

static int
by_age(const void *a, const void *b)
{
	const struct trash_entry *x = a, *y = b;

	if (x->deleted != y->deleted)
		return x->deleted < y->deleted ? -1 : 1;
	return strcmp(x->token, y->token);
}

int
trash_collect(const struct trash *t, struct collected *c)
{
	memset(c, 0, sizeof(*c));
	if (trash_each(t, collect_one, c) == -1) {
		say("the trash cannot be read: %s", strerror(errno));
		return -1;
	}
	if (c->n > 0)
		qsort(c->entry, c->n, sizeof(*c->entry), by_age);
	return 0;
}
