/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the policy says of an operation. Every question adds to a ruling, which
 * keeps the strictest answer; one that was never asked anything denies. It
 * trusts nothing but the image and the paths of node.c.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "approve.h"
#include "decide.h"
#include "node.h"
#include "own.h"
#include "redirect.h"
#include "trashing.h"

#define RULE_HOST "host-read-only"
#define RULE_HOST_TEXT                                                         \
	"only the workspace, and what its profile adds, can be changed"
#define RULE_RO "mount-read-only"
#define RULE_RO_TEXT "the session's profile has this directory read-only"
#define RULE_SOFT "rename-from-soft-delete"
#define RULE_SOFT_TEXT                                                         \
	"what goes to the trash when it is deleted is not renamed to where it would not"
#define RULE_TRASH "trash"
#define RULE_TRASH_TEXT "agentsh looks there for the trash"
#define RULE_PATH "path-too-long"
#define RULE_MOVED "approval-object-moved"
#define RULE_MOVED_TEXT "the object was approved by another path"

static const bool op_changes[FILE_OP_MAX] = {
	[FILE_OP_WRITE] = true,
	[FILE_OP_CREATE] = true,
	[FILE_OP_DELETE] = true,
	[FILE_OP_RMDIR] = true,
	[FILE_OP_MKDIR] = true,
	[FILE_OP_RENAME] = true,
	[FILE_OP_LINK] = true,
	[FILE_OP_SYMLINK] = true,
	[FILE_OP_CHMOD] = true,
	[FILE_OP_CHOWN] = true,
	[FILE_OP_MKNOD] = true,
};

void
ruling_init(struct ruling *r)
{
	r->decision = DECISION_MAX;
	r->op = FILE_OP_STAT;
	r->view = VIEW_HOST;
	r->rule = "";
	r->message = "";
	r->settings = NULL;
	r->approved = false;
	r->logs = false;
	r->ops = 0;
	r->timeout_ms = 0;
	memset(&r->id, 0, sizeof(r->id));
	r->about = NULL;
	r->path[0] = '\0';
}

static int
evaluate(const struct ruling *r, enum file_op op, const char *path, size_t len,
    struct verdict *v)
{
	if (policy_image() == NULL)
		return -1;
	if (r->settings != NULL && strlen(r->settings) == len &&
	    memcmp(r->settings, path, len) == 0)
		return image_eval_file_rules(policy_image(), op, path, len, v);
	return image_eval_file(policy_image(), op, path, len, v);
}

bool
ruling_denies(const struct ruling *r)
{
	return r->decision != DECISION_ALLOW && r->decision != DECISION_AUDIT &&
	    r->decision != DECISION_SOFT_DELETE &&
	    !(r->decision == DECISION_APPROVE && r->approved);
}

bool
ruling_objects(const struct ruling *r)
{
	return r->decision != DECISION_MAX && ruling_denies(r);
}

static int
strictness(enum decision d, bool approved)
{
	switch (d) {
	case DECISION_MAX:
		return 0;
	case DECISION_ALLOW:
		return 1;
	case DECISION_AUDIT:
		return 2;
	case DECISION_SOFT_DELETE:
		return 4; /* also of what was approved */
	case DECISION_APPROVE:
		return approved ? 3 : 5;
	case DECISION_REDIRECT:
	case DECISION_ABSORB:
	case DECISION_DENY:
		break;
	}
	return 6;
}

/* The same rule, of the same object, for a further operation of this one. */
static bool
is_same_approval(const struct ruling *r, enum view view, const char *path,
    size_t len, const struct verdict *v)
{
	return r->decision == DECISION_APPROVE &&
	    v->decision == DECISION_APPROVE && r->view == view &&
	    strlen(r->path) == len && memcmp(r->path, path, len) == 0 &&
	    strcmp(r->rule, v->rule_name) == 0;
}

/* What fsd cannot do is refused, never done in another way. */
static enum decision
what_is_done(enum decision said, enum file_op op, enum view view,
    const char *path)
{
	bool deletes = op == FILE_OP_DELETE || op == FILE_OP_RMDIR;

	switch (said) {
	case DECISION_ALLOW:
	case DECISION_AUDIT:
		if (!deletes || view != VIEW_WORKSPACE || !trash_takes_all())
			return said;
		break;
	case DECISION_SOFT_DELETE:
		if (!deletes)
			return DECISION_ALLOW;
		break;
	case DECISION_APPROVE:
		return said;
	case DECISION_REDIRECT:
		/* only a directory keeps such a name: it is the way */
		return (op == FILE_OP_STAT || op == FILE_OP_ACCESS) &&
			redirect_covers(path) ?
		    DECISION_ALLOW :
		    DECISION_DENY;
	default:
		return DECISION_DENY;
	}
	return trash_is_there() ? DECISION_SOFT_DELETE : DECISION_DENY;
}

/* One answer more. The first of equal ones stays. */
static void
answer(struct ruling *r, enum file_op op, enum view view, const char *path,
    size_t len, const struct verdict *v, bool approved)
{
	if (!approved && !r->approved &&
	    is_same_approval(r, view, path, len, v))
		r->ops |= 1U << op;
	if (strictness(v->decision, approved) <=
	    strictness(r->decision, r->approved))
		return;
	r->decision = v->decision;
	r->approved = approved;
	r->ops = 1U << op;
	r->timeout_ms = v->timeout_ms;
	memset(&r->id, 0, sizeof(r->id));
	if (r->about != NULL)
		r->id = r->about->id;
	r->op = op;
	r->view = view;
	r->rule = v->rule_name;
	r->message = v->message;
	if (len > AGENTSH_PATH_MAX)
		len = AGENTSH_PATH_MAX;
	memcpy(r->path, path, len);
	r->path[len] = '\0';
}

static void
deny_by(struct verdict *v, const char *rule, const char *message)
{
	v->decision = DECISION_DENY;
	v->rule_name = rule;
	v->message = message;
}

/* What is denied whatever the policy says. */
static void
hold_back(struct verdict *v, enum file_op op, enum view view, const char *path,
    size_t len)
{
	bool changes = op_changes[op];

	if (changes && view != VIEW_WORKSPACE)
		deny_by(v, RULE_HOST, RULE_HOST_TEXT);
	else if (changes && mounts_are_ro(path, len))
		deny_by(v, RULE_RO, RULE_RO_TEXT);
	else if (changes && trash_guards(op, path))
		deny_by(v, RULE_TRASH, RULE_TRASH_TEXT);
	else if (own_guards(op, changes, path))
		deny_by(v, OWN_RULE, OWN_TEXT);
}

void
ask_path(struct ruling *r, enum file_op op, enum view view, const char *path,
    size_t len)
{
	struct verdict v = { 0 };
	bool approved = false;
	enum decision done;

	if (r->decision == DECISION_DENY)
		return; /* it cannot become stricter */
	v.rule_name = "";
	v.message = "";
	if (evaluate(r, op, path, len, &v) == -1)
		v.decision = DECISION_DENY;
	else if (image_file_logs(policy_image(), &v))
		r->logs = true;
	v.decision = what_is_done(v.decision, op, view, path);
	if (v.decision != DECISION_DENY)
		hold_back(&v, op, view, path, len);
	if (v.decision == DECISION_APPROVE) {
		approved = approve_has(r, op, view, path, len, v.rule_name);
		done = what_is_done(DECISION_ALLOW, op, view, path);
		/* where all that is deleted goes to the trash */
		if (approved && done != DECISION_ALLOW)
			v.decision = done;
	} else if (v.decision != DECISION_DENY &&
	    approve_is_moved(r, view, path, len)) {
		deny_by(&v, RULE_MOVED, RULE_MOVED_TEXT);
	}
	answer(r, op, view, path, len, &v, approved);
}

void
refuse(struct ruling *r, const char *rule, const char *message)
{
	r->decision = DECISION_DENY;
	r->rule = rule;
	r->message = message;
}

void
refuse_node(struct ruling *r, enum file_op op, struct node *n, const char *rule,
    const char *message)
{
	r->op = op;
	r->view = n->view;
	(void)node_path(n, r->path);
	refuse(r, rule, message);
}

struct question {
	struct ruling *r;
	enum file_op op;
	enum view view;
};

static int
ask_one(void *arg, const char *path, size_t len)
{
	struct question *q = arg;

	ask_path(q->r, q->op, q->view, path, len);
	return q->r->decision == DECISION_DENY;
}

void
ask_node(struct ruling *r, enum file_op op, struct node *n)
{
	struct question q = { r, op, n->view };

	if (r->decision == DECISION_DENY)
		return;
	r->about = n;
	if (node_each_path(n, ask_one, &q) == -1)
		refuse_node(r, op, n, RULE_PATH, "");
	r->about = NULL;
}

void
ask_child(struct ruling *r, enum file_op op, struct node *parent,
    const char *text)
{
	char path[AGENTSH_PATH_MAX + 1];

	ask_at(r, op, parent, text, path);
}

void
ask_at(struct ruling *r, enum file_op op, struct node *parent, const char *text,
    char path[AGENTSH_PATH_MAX + 1])
{
	int len;

	len = node_child_path(parent, text, path);
	if (len == -1)
		refuse_node(r, op, parent, RULE_PATH, "");
	else
		ask_path(r, op, parent->view, path, (size_t)len);
}

void
ask_open(struct ruling *r, struct node *n, int flags)
{
	int mode = flags & O_ACCMODE;

	/* the main question first: an event names it */
	if (mode != O_RDONLY || (flags & O_TRUNC) != 0)
		ask_node(r, FILE_OP_WRITE, n);
	if (mode != O_WRONLY)
		ask_node(r, FILE_OP_READ, n);
	ask_node(r, FILE_OP_OPEN, n);
}

void
ask_use(struct ruling *r, mode_t type, enum view view, const char *path,
    size_t len)
{
	ask_path(r, FILE_OP_STAT, view, path, len);
	switch (type & S_IFMT) {
	case S_IFDIR:
		ask_path(r, FILE_OP_LIST, view, path, len);
		break;
	case S_IFLNK:
		ask_path(r, FILE_OP_READLINK, view, path, len);
		break;
	default:
		ask_path(r, FILE_OP_OPEN, view, path, len);
		ask_path(r, FILE_OP_READ, view, path, len);
		ask_path(r, FILE_OP_WRITE, view, path, len);
		break;
	}
}

void
ask_made(struct ruling *r, mode_t type, enum view view, const char *path,
    size_t len)
{
	type &= S_IFMT;
	ask_path(r, type == S_IFDIR ? FILE_OP_MKDIR : FILE_OP_CREATE, view,
	    path, len);
	if (type == S_IFLNK)
		ask_path(r, FILE_OP_SYMLINK, view, path, len);
	else if (type != S_IFDIR && type != S_IFREG)
		ask_path(r, FILE_OP_MKNOD, view, path, len);
}

/* What is to be approved and is not yet counts as denied. */
static enum decision
decided(enum file_op op, enum view view, const char *path)
{
	struct ruling r;

	ruling_init(&r);
	ask_path(&r, op, view, path, strlen(path));
	return ruling_denies(&r) ? DECISION_DENY : r.decision;
}

void
ask_second_name(struct ruling *r, struct node *n, const char *path)
{
	static const enum file_op ops[] = { FILE_OP_CHMOD, FILE_OP_CHOWN };
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (decided(ops[i], n->view, path) != DECISION_DENY)
			ask_node(r, ops[i], n);
	}
}

void
ask_other_name(struct ruling *r, mode_t type, enum view view, const char *old,
    const char *new)
{
	const enum file_op ops[] = { FILE_OP_CHMOD, FILE_OP_CHOWN,
		FILE_OP_RENAME, FILE_OP_LINK,
		(type & S_IFMT) == S_IFDIR ? FILE_OP_RMDIR : FILE_OP_DELETE };
	enum decision then;
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		then = decided(ops[i], view, new);
		if (then == DECISION_DENY)
			continue;
		if (decided(ops[i], view, old) != DECISION_SOFT_DELETE) {
			ask_path(r, ops[i], view, old, strlen(old));
		} else if (then != DECISION_SOFT_DELETE && !ruling_denies(r)) {
			/* moved there, and then deleted for good */
			r->op = ops[i];
			snprintf(r->path, sizeof(r->path), "%s", old);
			refuse(r, RULE_SOFT, RULE_SOFT_TEXT);
		}
	}
}
