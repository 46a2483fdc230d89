/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that redirect files. A redirected name means another one, which is
 * looked for in the session's own view, part by part and through no symbolic
 * link, and what is done there is decided by the rules for there: a redirect
 * gives nothing that the policy does not give under the other name, and leads
 * to no second one. The kernel gets the other object's node from the lookup on,
 * so that all it asks afterwards is about that.
 *
 * A rule that redirects writing but not reading leaves the object to be seen
 * until the first opening for writing, which copies it to the other place.
 * Directories are never redirected: they stay the way to what is in them.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backing.h"
#include "decide.h"
#include "node.h"
#include "ops.h"
#include "path.h"
#include "record.h"
#include "redirect.h"
#include "trash.h"

/* What a rule says of a path. */
struct way {
	char from[AGENTSH_PATH_MAX + 1];
	char to[AGENTSH_PATH_MAX + 1];
	bool reads; /* reading is redirected too */
	enum file_op op;
	const char *rule;
	const char *message;
};

static int
way_target(struct way *w, const char *dir, bool tree)
{
	const char *below = tree ? w->from : strrchr(w->from, '/');
	int n;

	n = snprintf(w->to, sizeof(w->to), "%s%s",
	    strcmp(dir, "/") == 0 ? "" : dir, below);
	return n > 0 && (size_t)n < sizeof(w->to) && path_is_clean(w->to) ? 0 :
									    -1;
}

/* 1 when the path is redirected, 0, or -1 with errno. */
static int
way_find(struct way *w)
{
	static const enum file_op ops[] = { FILE_OP_OPEN, FILE_OP_WRITE,
		FILE_OP_CREATE };
	const struct image *im = policy_image();
	struct verdict v = { 0 };
	const char *dir;
	bool tree;
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (image_eval_file(im, ops[i], w->from, strlen(w->from), &v) ==
			-1 ||
		    v.decision != DECISION_REDIRECT)
			continue;
		w->reads = ops[i] == FILE_OP_OPEN;
		w->op = ops[i];
		w->rule = v.rule_name;
		w->message = v.message;
		dir = image_file_redirect(im, &v, &tree);
		if (dir[0] == '/' && way_target(w, dir, tree) == 0)
			return 1;
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

static int
way_of(struct way *w, struct node *parent, const char *text)
{
	if (!policy_redirects() || !fsd.settled ||
	    parent->view == VIEW_VIRTUAL || strlen(text) > NAME_MAX)
		return 0;
	if (node_child_path(parent, text, w->from) == -1)
		return -1;
	/* where something is mounted there is a directory of ours */
	if (strcmp(w->from, fsd.mount) == 0 || node_virtual(w->from) != NULL ||
	    mounts_node(w->from) != NULL)
		return 0;
	return way_find(w);
}

bool
redirect_covers(const char *path)
{
	struct way w;

	snprintf(w.from, sizeof(w.from), "%s", path);
	return policy_image() != NULL && way_find(&w) == 1;
}

bool
redirect_is(struct node *parent, const char *text)
{
	struct way w;

	return way_of(&w, parent, text) != 0;
}

/* A directory on the way that is missing, under the policy's rule for it. */
static int
make_part(fuse_req_t req, struct node *parent, const char *text)
{
	char path[AGENTSH_PATH_MAX + 1];
	struct ruling r;
	int pfd, rc, saved;

	ruling_init(&r);
	ask_at(&r, FILE_OP_MKDIR, parent, text, path);
	if (record_denied(req, EV_DIR_CREATE, &r))
		return EACCES;
	pfd = stand_use(parent, path);
	if (pfd == -1)
		return errno;
	rc = mkdirat(pfd, text,
	    masked_mode(req, pfd, S_IFDIR | 0777) & MODE_DIR);
	saved = errno;
	if (rc == 0 && !stand_holds(parent, pfd, path)) {
		undo_made(pfd, text, path, S_IFDIR, NULL);
		undo_refuse(&r);
		(void)record_denied(req, EV_DIR_CREATE, &r);
		saved = ESTALE;
		rc = -1;
	}
	node_done(parent);
	if (rc == -1)
		return saved == EEXIST ? 0 : saved;
	record_done(req, EV_DIR_CREATE, &r, NULL);
	return 0;
}

/* What is there is no way, and no file. */
static int
refuse_part(fuse_req_t req, struct node *parent, const char *text)
{
	struct ruling r;

	ruling_init(&r);
	refuse(&r, "redirect-no-file",
	    "what it is redirected to is a symbolic link, or lies beneath what"
	    " is no directory of the session's files");
	r.view = parent->view;
	(void)node_child_path(parent, text, r.path);
	(void)record_denied(req, EV_FILE_STAT, &r);
	return EACCES;
}

/* The node of one part, with one lookup for the kernel. */
static int
enter_part(fuse_req_t req, struct node *parent, const char *text, bool make,
    struct node **next)
{
	struct fuse_entry_param e;
	struct claim c;
	int error;

	claim_one(&c, make ? CLAIM_CHANGE : CLAIM_LOOK, parent, text);
	error = lookup_child(req, parent, text, &e, false);
	if (error == ENOENT && make) {
		error = make_part(req, parent, text);
		if (error == 0)
			error = lookup_child(req, parent, text, &e, false);
	}
	claim_end(&c);
	if (error != 0)
		return error;
	*next = node_of(e.ino);
	if ((*next)->type == S_IFDIR && (*next)->view != VIEW_VIRTUAL)
		return 0;
	node_forget(*next, 1);
	return refuse_part(req, parent, text);
}

/* The directory of the other place; it has one lookup more. */
static int
walk_to(fuse_req_t req, const char *path, bool make, struct place *p)
{
	const char *at = path + 1, *slash;
	struct node *n = node_of(FUSE_ROOT_ID), *next;
	char text[NAME_MAX + 1];
	int error = 0;

	if (path_is_beneath(path, fsd.mount) &&
	    path[strlen(fsd.mount)] == '/') {
		n = node_workspace();
		at = path + strlen(fsd.mount) + 1;
	}
	node_again(n);
	for (; (slash = strchr(at, '/')) != NULL; at = slash + 1) {
		if ((size_t)(slash - at) > NAME_MAX) {
			error = ENAMETOOLONG;
			break;
		}
		memcpy(text, at, (size_t)(slash - at));
		text[slash - at] = '\0';
		error = enter_part(req, n, text, make, &next);
		if (error != 0)
			break;
		node_forget(n, 1);
		n = next;
	}
	if (error == 0 && strlen(at) > NAME_MAX)
		error = ENAMETOOLONG;
	if (error != 0) {
		node_forget(n, 1);
		return error;
	}
	p->parent = n;
	p->walked = n;
	memcpy(p->text, at, strlen(at) + 1);
	return 0;
}

/* The name itself, until it is found to mean another. 0, or an error number. */
static int
place_here(struct place *p, struct node *parent, const char *text)
{
	size_t len = strlen(text);

	p->parent = parent;
	p->walked = NULL;
	if (len >= sizeof(p->text))
		return ENAMETOOLONG;
	memcpy(p->text, text, len + 1);
	return 0;
}

static void
record_way(fuse_req_t req, const struct way *w)
{
	struct extra x = { EVF_REDIRECT_TO, w->to, 0, NULL };
	struct ruling r;

	ruling_init(&r);
	r.decision = DECISION_REDIRECT;
	r.op = w->op;
	r.rule = w->rule;
	r.message = w->message;
	memcpy(r.path, w->from, sizeof(r.path));
	record_done(req, EV_FILE_REDIRECT, &r, &x);
}

void
place_done(struct place *p)
{
	if (p->walked != NULL)
		node_forget(p->walked, 1);
	p->walked = NULL;
}

/* What is at the other place, if it is there and no directory: then p is that
 * place, and e has one lookup of it. 0, ENOENT, or another error. */
static int
find_there(fuse_req_t req, const struct way *w, struct place *p,
    struct fuse_entry_param *e)
{
	struct claim c;
	struct node *n;
	int error;

	error = walk_to(req, w->to, false, p);
	if (error != 0)
		return error;
	claim_one(&c, CLAIM_LOOK, p->parent, p->text);
	error = lookup_child(req, p->parent, p->text, e, false);
	claim_end(&c);
	if (error != 0)
		return error;
	n = node_of(e->ino);
	if (n->type != S_IFDIR && n->type != S_IFLNK)
		return 0;
	error = n->type == S_IFDIR ? ENOENT :
				     refuse_part(req, p->parent, p->text);
	node_forget(n, 1);
	return error;
}

/* The object under its own name: only what may still be seen of it. */
static int
find_here(fuse_req_t req, const struct way *w, struct node *parent,
    const char *text, struct fuse_entry_param *e)
{
	struct claim c;
	int error;

	claim_one(&c, CLAIM_LOOK, parent, text);
	error = lookup_child(req, parent, text, e, true);
	claim_end(&c);
	if (error == 0 && w->reads && node_of(e->ino)->type != S_IFDIR) {
		node_forget(node_of(e->ino), 1);
		error = ENOENT;
	}
	return error;
}

int
redirect_lookup(fuse_req_t req, struct node *parent, const char *text,
    struct fuse_entry_param *e, bool *done)
{
	struct place p;
	struct way w;
	int error, rc;

	rc = way_of(&w, parent, text);
	*done = rc != 0;
	if (rc != 1)
		return rc == 0 ? 0 : errno;
	/* of a name that is too long nothing is said */
	(void)place_here(&p, parent, text);
	error = find_there(req, &w, &p, e);
	place_done(&p);
	if (error == 0)
		record_way(req, &w);
	else if (error == ENOENT)
		error = find_here(req, &w, parent, text, e);
	/* what it means may change at any time */
	e->entry_timeout = 0;
	return error;
}

int
redirect_existing(fuse_req_t req, struct node *parent, const char *text,
    struct place *p)
{
	struct fuse_entry_param e;
	struct way w;
	int error, rc;

	error = place_here(p, parent, text);
	if (error != 0)
		return error;
	rc = way_of(&w, parent, text);
	if (rc != 1)
		return rc == 0 ? 0 : errno;
	error = find_there(req, &w, p, &e);
	if (error == 0) {
		node_forget(node_of(e.ino), 1);
		return 0;
	}
	place_done(p);
	(void)place_here(p, parent, text);
	return error == ENOENT ? 0 : error;
}

int
redirect_new(fuse_req_t req, struct node *parent, const char *text,
    struct place *p)
{
	struct way w;
	int error, rc;

	error = place_here(p, parent, text);
	if (error != 0)
		return error;
	rc = way_of(&w, parent, text);
	if (rc != 1)
		return rc == 0 ? 0 : errno;
	error = walk_to(req, w.to, true, p);
	if (error == 0)
		record_way(req, &w);
	return error;
}

/* The object's data under the other name; empty is what the caller will make of
 * it. What is there by then is the caller's next lookup's. */
static int
copy_there(fuse_req_t req, struct node *n, struct place *p, bool empty)
{
	char path[AGENTSH_PATH_MAX + 1];
	struct ruling r;
	struct statx stx;
	int fd, data, pfd, copy = -1, rc = -1, saved;

	ruling_init(&r);
	ask_at(&r, FILE_OP_CREATE, p->parent, p->text, path);
	ask_path(&r, FILE_OP_WRITE, p->parent->view, path, strlen(path));
	if (record_denied(req, EV_FILE_CREATE, &r))
		return EACCES;
	fd = node_use(n);
	if (fd == -1)
		return errno;
	data = backing_reopen(fd, O_RDONLY | O_NONBLOCK);
	pfd = data == -1 ? -1 : stand_use(p->parent, path);
	if (pfd != -1 && backing_stat(data, &stx) == 0) {
		stx.stx_size = empty ? 0 : stx.stx_size;
		/* the caller's own now, as of cp(1) */
		stx.stx_mode |= S_IWUSR;
		rc = trash_copy(fd, data, &stx, UINT64_MAX, pfd, p->text,
		    &copy);
	}
	saved = errno;
	if (rc == 0 && !stand_holds(p->parent, pfd, path)) {
		undo_made(pfd, p->text, path, S_IFREG, NULL);
		undo_refuse(&r);
		(void)record_denied(req, EV_FILE_CREATE, &r);
		saved = ESTALE;
		rc = -1;
	}
	if (copy != -1)
		close(copy);
	if (pfd != -1)
		node_done(p->parent);
	if (data != -1)
		close(data);
	node_done(n);
	if (rc == 0)
		record_done(req, EV_FILE_CREATE, &r, NULL);
	return rc == 0 || saved == EEXIST ? 0 : saved;
}

/* May the caller read what is copied for him? */
static bool
may_copy(struct node *n)
{
	struct ruling r;

	ruling_init(&r);
	ask_node(&r, FILE_OP_OPEN, n);
	ask_node(&r, FILE_OP_READ, n);
	return !ruling_denies(&r);
}

int
redirect_writing(fuse_req_t req, struct node *n, bool empty)
{
	struct place p = { .walked = NULL };
	struct claim c;
	struct way w;
	int error;

	if (!policy_redirects() || n->type != S_IFREG || node_has_aliases(n) ||
	    node_path(n, w.from) == -1 || way_find(&w) != 1 || w.reads ||
	    !may_copy(n))
		return 0;
	error = walk_to(req, w.to, true, &p);
	if (error == 0) {
		claim_one(&c, CLAIM_CHANGE, p.parent, p.text);
		error = copy_there(req, n, &p, empty);
		claim_end(&c);
		place_done(&p);
	}
	if (error != 0)
		return error;
	record_way(req, &w);
	/* the kernel looks the path up once more, and finds the copy */
	return ESTALE;
}
