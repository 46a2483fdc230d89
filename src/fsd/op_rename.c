/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renames. A new name must not give more, or take more away, than the policy
 * does: what is denied at either end is not moved, and neither is a directory
 * with such a thing beneath it. The names, and what is made beneath them, are
 * claimed from the first look to the last, so that nothing slips in between.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backing.h"
#include "decide.h"
#include "node.h"
#include "ops.h"
#include "record.h"
#include "redirect.h"
#include "serve.h"
#include "trashing.h"

#define WALK_MAX 65536 /* objects beneath a directory that is renamed */
#define WALK_DEPTH 128

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#define RENAME_EXCHANGE (1 << 1)
#endif

/* One end of a rename. */
struct end {
	struct node *parent;
	const char *text;
	int pfd;
	struct node *node; /* when the kernel knows it */
	int fd;		   /* of the node, kept while names change */
	mode_t type;	   /* 0: nothing there */
	struct ident id;
	bool pinned; /* the trash lies there */
	char path[AGENTSH_PATH_MAX + 1];
	size_t len;
};

/* A walk of what lies beneath: its path at both ends. */
struct walk {
	struct ruling *r;
	enum view view;
	size_t count;
	int depth;
	DIR *dir[WALK_DEPTH];
	size_t old_len[WALK_DEPTH];
	size_t new_len[WALK_DEPTH];
	char old[AGENTSH_PATH_MAX + 1];
	char new[AGENTSH_PATH_MAX + 1];
};

static int
end_open(struct end *e)
{
	struct statx stx;
	int len;

	len = node_child_path(e->parent, e->text, e->path);
	if (len == -1)
		return -1;
	e->len = (size_t)len;
	e->pfd = node_use_at(e->parent);
	if (e->pfd == -1)
		return -1;
	if (e->node != NULL)
		e->fd = node_use(e->node);
	if (backing_stat_at(e->pfd, e->text, &stx) == -1)
		return errno == ENOENT ? 0 : -1;
	e->type = stx.stx_mode & S_IFMT;
	e->pinned = trash_is_beneath(&stx);
	backing_ident(&e->id, &stx);
	return 0;
}

static void
end_init(struct end *e, struct node *parent, const char *text)
{
	memset(e, 0, sizeof(*e));
	e->parent = parent;
	e->text = text;
	e->fd = -1;
	e->pfd = -1;
}

/* Looks up what the kernel knows by the name, before it is claimed. */
static void
end_aim(struct end *e, struct claim *c, size_t i)
{
	e->node = node_by_name(e->parent, e->text);
	c->name[i].parent = e->parent;
	c->name[i].text = e->text;
	c->tree[i] = e->node != NULL && e->node->type == S_IFDIR ? e->node :
								   NULL;
}

static void
end_unaim(struct end *e)
{
	if (e->node != NULL)
		node_release(e->node, false);
	e->node = NULL;
}

/* Is it still the same, now that it is claimed? */
static bool
end_holds(const struct end *e)
{
	struct node *n;

	n = node_by_name(e->parent, e->text);
	if (n != NULL)
		node_release(n, false);
	return n == e->node;
}

/* What is claimed must be known, and what is known may change until it is
 * claimed. */
static void
claim_ends(struct claim *c, struct end *from, struct end *to)
{
	for (;;) {
		memset(c, 0, sizeof(*c));
		c->kind = CLAIM_CHANGE;
		end_aim(from, c, 0);
		end_aim(to, c, 1);
		claim_begin(c);
		if (end_holds(from) && end_holds(to))
			return;
		claim_end(c);
		end_unaim(from);
		end_unaim(to);
	}
}

static void
end_done(struct end *e)
{
	if (e->fd != -1)
		node_done(e->node);
	end_unaim(e);
	if (e->pfd != -1)
		node_done(e->parent);
}

static void
walk_refuse(struct walk *w, const char *rule, const char *message)
{
	refuse(w->r, rule, message);
	w->r->op = FILE_OP_RENAME;
	memcpy(w->r->path, w->old, sizeof(w->r->path));
}

/* What cannot be looked at is not moved. */
static void
walk_refuse_dir(struct walk *w)
{
	walk_refuse(w, "rename-unreadable",
	    "a directory beneath it cannot be read");
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
		if (fd != -1)
			close(fd);
		walk_refuse_dir(w);
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
	    put_part(w->new, w->new_len[d], de->d_name) == -1 ||
	    fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		walk_refuse(w, "rename-unreadable",
		    "a name beneath it cannot be looked at");
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
	if (S_ISDIR(st.st_mode) && !ruling_denies(w->r))
		walk_enter(w, fd, de->d_name);
}

/* Asks for everything beneath a directory, at both its names. */
static void
ask_beneath(struct ruling *r, const struct end *from, const struct end *to)
{
	struct walk *w;
	struct dirent *de;

	w = calloc(1, sizeof(*w));
	if (w == NULL) {
		refuse(r, "out-of-memory", "");
		return;
	}
	w->r = r;
	w->view = from->parent->view;
	memcpy(w->old, from->path, from->len + 1);
	memcpy(w->new, to->path, to->len + 1);
	walk_enter(w, from->pfd, from->text);
	while (w->depth > 0 && !ruling_denies(r)) {
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
	free(w);
}

/* May what is at from be at to? */
static void
ask_move(struct ruling *r, const struct end *from, const struct end *to)
{
	enum view fv = from->parent->view, tv = to->parent->view;

	if (from->pinned) {
		refuse(r, "trash", "the trash lies beneath it");
		r->op = FILE_OP_RENAME;
		memcpy(r->path, from->path, from->len + 1);
	}
	ask_path(r, FILE_OP_RENAME, fv, from->path, from->len);
	ask_path(r, FILE_OP_RENAME, tv, to->path, to->len);
	ask_made(r, from->type, tv, to->path, to->len);
	ask_other_name(r, from->type, fv, from->path, to->path);
	ask_use(r, from->type, fv, from->path, from->len);
	ask_use(r, from->type, tv, to->path, to->len);
	/* other names of the object bind it as well */
	if (from->node != NULL && node_has_aliases(from->node) &&
	    from->type == S_IFREG) {
		ask_node(r, FILE_OP_READ, from->node);
		ask_node(r, FILE_OP_WRITE, from->node);
	}
	if (from->type == S_IFDIR && !ruling_denies(r))
		ask_beneath(r, from, to);
}

/* What the name means until now, and what becomes of it. */
struct replaced {
	struct ruling r; /* decision SOFT_DELETE: it goes to the trash */
	struct trashing k;
};

static void
ask_replaced(struct ruling *r, const struct end *from, const struct end *to,
    struct replaced *old)
{
	enum file_op op = to->type == S_IFDIR ? FILE_OP_RMDIR : FILE_OP_DELETE;

	ask_path(&old->r, op, to->parent->view, to->path, to->len);
	if (old->r.decision != DECISION_SOFT_DELETE)
		ask_path(r, op, to->parent->view, to->path, to->len);
	/* of two names of one file rename(2) takes none away */
	else if (memcmp(&from->id, &to->id, sizeof(to->id)) == 0)
		ruling_init(&old->r);
}

/* 0 or an error number; EACCES with a denial in r. */
static int
rename_now(fuse_req_t req, struct ruling *r, const struct end *from,
    const struct end *to, unsigned flags, struct replaced *old)
{
	bool soft = old->r.decision == DECISION_SOFT_DELETE;
	int error = 0, rc;

	if (soft) {
		error = trash_begin(req, &old->k, to->pfd, to->text, &old->r);
		if (error == 0) {
			error = trash_keep(&old->k, &old->r);
			if (error != 0)
				trash_finish(&old->k, false);
		}
		if (ruling_denies(&old->r))
			*r = old->r;
	}
	if (error != 0)
		return error;
	rc = renameat2(from->pfd, from->text, to->pfd, to->text, flags);
	error = rc == -1 ? errno : 0;
	if (soft)
		trash_finish(&old->k, rc == 0);
	return error;
}

static int
rename_ends(fuse_req_t req, struct ruling *r, const struct end *from,
    const struct end *to, unsigned flags, struct replaced *old)
{
	bool exchange = (flags & RENAME_EXCHANGE) != 0;
	int error;

	ask_path(r, FILE_OP_RENAME, from->parent->view, from->path, from->len);
	if (!ruling_denies(r) && from->type == 0)
		return ENOENT;
	if (!ruling_denies(r) && !exchange && from->type == S_IFREG &&
	    (to->type == 0 || to->type == S_IFREG) &&
	    gitsettings_may_rename(from->node, from->pfd, from->text, to->pfd,
		to->text, to->type != 0, to->path))
		r->settings = to->path;
	ask_move(r, from, to);
	if (exchange && to->type == 0 && !ruling_denies(r))
		return ENOENT;
	if (exchange)
		ask_move(r, to, from);
	else if (to->type != 0 && (flags & RENAME_NOREPLACE) == 0)
		ask_replaced(r, from, to, old);
	if (ruling_denies(r))
		return EACCES;
	/* as between two mounts, wherever their files are */
	if (from->parent->top != to->parent->top)
		return EXDEV;
	error = rename_now(req, r, from, to, flags, old);
	if (error != 0)
		return error;
	name_moved(from->parent, from->text, to->parent, to->text, exchange);
	return 0;
}

void
op_rename(fuse_req_t req, fuse_ino_t ino, const char *old, fuse_ino_t newino,
    const char *new, unsigned flags)
{
	struct end from, to;
	struct claim c;
	struct extra x = { EVF_TO_PATH, to.path, 0, NULL };
	struct replaced gone;
	struct ruling r;
	struct place here, there;
	int error;

	if ((flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0) {
		reply_error(req, EINVAL);
		return;
	}
	error = redirect_existing(req, node_of(ino), old, &here);
	if (error == 0) {
		error = redirect_new(req, node_of(newino), new, &there);
		if (error != 0)
			place_done(&here);
	}
	if (error != 0) {
		reply_error(req, error);
		return;
	}
	ruling_init(&r);
	ruling_init(&gone.r);
	end_init(&from, here.parent, here.text);
	end_init(&to, there.parent, there.text);
	claim_ends(&c, &from, &to);
	error = end_open(&from) == -1 ? errno : 0;
	if (end_open(&to) == -1 && error == 0)
		error = errno;
	if (error == 0)
		error = rename_ends(req, &r, &from, &to, flags, &gone);
	end_done(&to);
	end_done(&from);
	claim_end(&c);
	place_done(&there);
	place_done(&here);
	if (r.decision != DECISION_MAX &&
	    record_denied_pair(req, EV_FILE_RENAME, &r, FILE_OP_RENAME,
		from.path, to.path)) {
		reply_error(req, EACCES);
		return;
	}
	if (error == 0) {
		memcpy(r.path, from.path, from.len + 1);
		record_done(req, EV_FILE_RENAME, &r, &x);
		if (gone.r.decision == DECISION_SOFT_DELETE)
			trash_record(req, &gone.k, &gone.r);
	}
	reply_error(req, error);
}
