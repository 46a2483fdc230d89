/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renames. A new name must not give more, or take more away, than the policy
 * does: what is denied at either end is not moved, and neither is a directory
 * with such a thing beneath it. The names, and what is made beneath them, are
 * claimed from the first look to the last, so that nothing slips in between. Of
 * other sessions that is not so: what was renamed is looked at once more, and
 * goes back where something has slipped in.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backing.h"
#include "clock.h"
#include "decide.h"
#include "node.h"
#include "ops.h"
#include "record.h"
#include "redirect.h"
#include "serve.h"
#include "trashing.h"

#define STAY_MS 50 /* and what the last look takes */
#define STAY_PAUSE_NS 1000000

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

static int
end_open(struct end *e)
{
	struct statx stx;
	int len;

	len = node_child_path(e->parent, e->text, e->path);
	if (len == -1)
		return -1;
	e->len = (size_t)len;
	e->pfd = stand_use(e->parent, e->path);
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
		(void)ask_beneath(r, fv, from->pfd, from->text, from->path,
		    to->path);
}

/* What the name means until now, and what becomes of it. */
struct replaced {
	struct ruling r; /* decision SOFT_DELETE: it goes to the trash */
	struct trashing k;
	bool gone;    /* there, also when the rename was taken back */
	bool swapped; /* it is where the new one was */
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
	/* settings that are replaced come back when this is taken back */
	rc = -1;
	if (!soft && flags == 0 && r->settings != NULL && to->type != 0)
		rc = renameat2(from->pfd, from->text, to->pfd, to->text,
		    RENAME_EXCHANGE);
	old->swapped = rc == 0;
	if (rc == -1)
		rc = renameat2(from->pfd, from->text, to->pfd, to->text, flags);
	error = rc == -1 ? errno : 0;
	if (soft)
		trash_finish(&old->k, rc == 0);
	return error;
}

/* What now has to's name is asked for again: in a directory there may be more
 * than when it was looked at, and another object may have come by the name. One
 * that has left it is another's business. */
static void
ask_again(struct ruling *r, const struct end *from, const struct end *to)
{
	struct statx stx;
	struct end moved = *from;

	if (backing_stat_at(to->pfd, to->text, &stx) == -1) {
		if (errno != ENOENT)
			refuse(r, "rename-unreadable",
			    "it cannot be looked at");
		return;
	}
	moved.type = stx.stx_mode & S_IFMT;
	if (!backing_same(&from->id, &stx)) {
		moved.node = NULL;
		moved.pinned = trash_is_beneath(&stx);
	} else if (moved.type != S_IFDIR) {
		return;
	}
	moved.pfd = to->pfd;
	moved.text = to->text;
	ask_move(r, &moved, to);
}

/* May this be at the path now? false in *all: something went meanwhile. */
static bool
may_be_at(const struct end *e, mode_t mode, const char *now, bool *all)
{
	struct ruling r;

	*all = true;
	ruling_init(&r);
	ask_made(&r, mode, e->parent->view, now, strlen(now));
	ask_use(&r, mode, e->parent->view, now, strlen(now));
	if (S_ISDIR(mode) && r.decision != DECISION_DENY)
		*all = ask_beneath(&r, e->parent->view, e->pfd, e->text,
		    e->path, now);
	/* nobody is asked for what was there before */
	return r.decision == DECISION_APPROVE || !ruling_denies(&r);
}

/* May it be where it was put back? What was there before is, but for what came
 * to be in it meanwhile. Whoever made that takes it back himself, perhaps at this
 * moment: it is looked at again then. */
static bool
may_stay(const struct end *e)
{
	static const struct timespec pause = { 0, STAY_PAUSE_NS };
	char now[AGENTSH_PATH_MAX + 1];
	struct statx stx;
	uint64_t until = clock_ms() + STAY_MS;
	bool may, all;

	if (backing_stat_at(e->pfd, e->text, &stx) == -1)
		return true;
	if (!S_ISDIR(stx.stx_mode) && stand_holds(e->parent, e->pfd, e->path))
		return true;
	if (undo_place(e->parent, e->pfd, e->path, e->text, now) == -1)
		return true;
	may = may_be_at(e, stx.stx_mode, now, &all);
	while (!all && clock_ms() < until) {
		nanosleep(&pause, NULL);
		may = may_be_at(e, stx.stx_mode, now, &all);
	}
	return may;
}

static void
put_aside(const struct end *e)
{
	undo_aside(e->path, e->pfd, e->text);
	name_gone(e->parent, e->text);
}

/* Back to where it was; aside where that is no place for it either. */
static void
take_back(const struct end *from, const struct end *to, bool exchange)
{
	if (renameat2(to->pfd, to->text, from->pfd, from->text,
		exchange ? RENAME_EXCHANGE : RENAME_NOREPLACE) == -1) {
		put_aside(to);
		if (exchange)
			put_aside(from);
		return;
	}
	name_moved(to->parent, to->text, from->parent, from->text, exchange);
	if (!may_stay(from))
		put_aside(from);
	if (exchange && !may_stay(to))
		put_aside(to);
}

/* It is renamed. Is that as it was decided, now that who acts at the same moment
 * sees it? 0, or an error number, and it is not renamed. */
static int
look_again(struct ruling *r, const struct end *from, const struct end *to,
    bool exchange, bool swapped, const struct settings *s)
{
	struct ruling again;
	int error = EACCES;

	ruling_init(&again);
	again.settings = r->settings;
	if (!stand_holds(from->parent, from->pfd, from->path) ||
	    (to->parent != from->parent &&
		!stand_holds(to->parent, to->pfd, to->path)) ||
	    (s != NULL && !gitsettings_hold(s))) {
		undo_refuse(&again);
		error = ESTALE;
	}
	if (!ruling_objects(&again))
		ask_again(&again, from, to);
	if (exchange && !ruling_objects(&again))
		ask_again(&again, to, from);
	if (!ruling_objects(&again))
		return 0;
	take_back(from, to, exchange || swapped);
	*r = again;
	return error;
}

/* What was replaced goes, as rename(2) would have it. */
static void
end_swapped(const struct end *from, const struct end *to)
{
	struct statx stx;

	if (backing_stat_at(from->pfd, from->text, &stx) == 0 &&
	    backing_same(&to->id, &stx))
		(void)unlinkat(from->pfd, from->text, 0);
	name_gone(from->parent, from->text);
}

static int
rename_ends(fuse_req_t req, struct ruling *r, const struct end *from,
    const struct end *to, unsigned flags, struct replaced *old,
    struct settings *s)
{
	bool exchange = (flags & RENAME_EXCHANGE) != 0;
	int error;

	ask_path(r, FILE_OP_RENAME, from->parent->view, from->path, from->len);
	if (!ruling_denies(r) && from->type == 0)
		return ENOENT;
	if (!ruling_denies(r) && !exchange && from->type == S_IFREG &&
	    (to->type == 0 || to->type == S_IFREG) &&
	    gitsettings_may_rename(s, from->node, from->pfd, from->text,
		to->pfd, to->text, to->type != 0, to->path))
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
	old->gone = old->r.decision == DECISION_SOFT_DELETE;
	/* who looks something up beneath it finds it where it is */
	name_moved(from->parent, from->text, to->parent, to->text,
	    exchange || old->swapped);
	error = look_again(r, from, to, exchange, old->swapped,
	    r->settings != NULL ? s : NULL);
	if (error == 0 && old->swapped)
		end_swapped(from, to);
	return error;
}

void
op_rename(fuse_req_t req, fuse_ino_t ino, const char *old, fuse_ino_t newino,
    const char *new, unsigned flags)
{
	struct end from, to;
	struct claim c;
	struct extra x = { EVF_TO_PATH, to.path, 0, NULL };
	struct settings s = { .fd = -1 };
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
	gone.gone = gone.swapped = false;
	end_init(&from, here.parent, here.text);
	end_init(&to, there.parent, there.text);
	claim_ends(&c, &from, &to);
	error = end_open(&from) == -1 ? errno : 0;
	if (end_open(&to) == -1 && error == 0)
		error = errno;
	if (error == 0)
		error = rename_ends(req, &r, &from, &to, flags, &gone, &s);
	gitsettings_done(&s, error == 0);
	end_done(&to);
	end_done(&from);
	claim_end(&c);
	place_done(&there);
	place_done(&here);
	if (r.decision != DECISION_MAX &&
	    record_denied_pair(req, EV_FILE_RENAME, &r, FILE_OP_RENAME,
		from.path, to.path)) {
		if (gone.gone)
			trash_record(req, &gone.k, &gone.r);
		reply_error(req, error);
		return;
	}
	if (error == 0) {
		memcpy(r.path, from.path, from.len + 1);
		record_done(req, EV_FILE_RENAME, &r, &x);
		if (gone.gone)
			trash_record(req, &gone.k, &gone.r);
	}
	reply_error(req, error);
}
