/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operation has noted, and what an operator has approved of it: approve.h.
 * It is all of one thread, from the request's first try to its last.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "approval.h"
#include "approve.h"
#include "backing.h"

/* Approvals that one operation may need, each for another object. */
#define APPROVE_EACH_MAX 4

/* One object of an operation, approved. */
struct approved {
	enum view view;
	unsigned ops;
	struct ident id;
	char *path;
	char *rule;
	bool used;
	bool gone; /* the path means another object by now */
	char request[APPROVAL_ID_MAX + 1];
};

/* Of the operation that this thread is at. */
struct own {
	bool noted;
	bool late; /* it was done, and must not be again */
	bool again;
	struct ruling r; /* that stopped it */
	/* of its record, if it is refused */
	enum event_type type;
	enum file_op op;
	char *path;
	struct extra x[2];
	size_t nx;
	char *text[2];
	struct approved approved[APPROVE_EACH_MAX];
	size_t n;
};

static __thread struct own *own;

/* --- which object a path means */

static bool
is_ident(const struct ident *a, const struct ident *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* What is at that path now, without following links; all 0: nothing. */
static void
look(enum view view, const char *path, struct ident *id)
{
	char text[AGENTSH_PATH_MAX + 1];
	struct statx stx;
	int at, dir = -1, fd;
	size_t n;

	memset(id, 0, sizeof(*id));
	at = fsd.root_fd;
	if (view == VIEW_WORKSPACE)
		path += strlen(mounts_top(path, &at));
	fd = backing_stat(at, &stx) == 0 ? at : -1;
	for (path += strspn(path, "/"); *path != '\0' && fd != -1;
	     path += strspn(path, "/")) {
		n = strcspn(path, "/");
		memcpy(text, path, n);
		text[n] = '\0';
		path += n;
		fd = backing_open(at, text, &stx);
		if (dir != -1)
			close(dir);
		at = dir = fd;
	}
	if (fd != -1)
		backing_ident(id, &stx);
	if (dir != -1)
		close(dir);
}

/* The object that a question is about: what asked knows it, or looks. */
static void
ident_of(const struct ruling *r, enum view view, const char *path, size_t len,
    struct ident *id)
{
	char text[AGENTSH_PATH_MAX + 1];

	memset(id, 0, sizeof(*id));
	if (r->about != NULL) {
		*id = r->about->id;
		return;
	}
	if (len > AGENTSH_PATH_MAX)
		return;
	memcpy(text, path, len);
	text[len] = '\0';
	look(view, text, id);
}

/* Our own commands' renames are in the graph; those of others are not. What is
 * renamed after this is still the object that was approved. */
static void
look_again(void)
{
	struct approved *a;
	struct ident id;
	size_t i;

	for (i = 0; i < own->n; i++) {
		a = &own->approved[i];
		look(a->view, a->path, &id);
		a->gone = !is_ident(&id, &a->id);
	}
}

bool
approve_has(const struct ruling *r, enum file_op op, enum view view,
    const char *path, size_t len, const char *rule)
{
	struct approved *a;
	struct ident id;
	size_t i;

	for (i = 0; own != NULL && i < own->n; i++) {
		a = &own->approved[i];
		if (a->gone || a->view != view || (a->ops & 1U << op) == 0 ||
		    strlen(a->path) != len || memcmp(a->path, path, len) != 0 ||
		    strcmp(a->rule, rule) != 0)
			continue;
		ident_of(r, view, path, len, &id);
		if (!is_ident(&id, &a->id))
			continue;
		a->used = true;
		return true;
	}
	return false;
}

bool
approve_is_moved(const struct ruling *r, enum view view, const char *path,
    size_t len)
{
	static const struct ident nothing;
	const struct approved *a;
	struct ident id;
	size_t i;

	for (i = 0; own != NULL && i < own->n; i++) {
		a = &own->approved[i];
		if (a->used || is_ident(&a->id, &nothing) ||
		    (strlen(a->path) == len && memcmp(a->path, path, len) == 0))
			continue;
		ident_of(r, view, path, len, &id);
		if (is_ident(&id, &a->id))
			return true;
	}
	return false;
}

const char *
approve_id(const struct ruling *r)
{
	size_t i;

	for (i = 0; own != NULL && i < own->n; i++) {
		if (own->approved[i].used &&
		    strcmp(own->approved[i].path, r->path) == 0)
			return own->approved[i].request;
	}
	return "";
}

/* --- the operation of this thread */

static void
forget(void)
{
	if (own == NULL || !own->noted)
		return;
	free(own->path);
	free(own->text[0]);
	free(own->text[1]);
	own->path = NULL;
	own->late = false;
	memset(own->x, 0, sizeof(own->x));
	own->text[0] = own->text[1] = NULL;
	own->noted = false;
}

void
approve_note(enum event_type type, const struct ruling *r, enum file_op op,
    const char *path, const struct extra *x)
{
	size_t n;

	forget();
	if (own == NULL)
		own = calloc(1, sizeof(*own));
	if (own == NULL)
		return; /* then it is denied at once */
	own->type = type;
	own->op = op;
	own->path = strdup(path);
	own->r = *r;
	own->r.about = NULL;
	for (n = 0; x != NULL && n < 2; x = x->next, n++) {
		own->text[n] = x->str != NULL ? strdup(x->str) : NULL;
		own->x[n].field = x->field;
		own->x[n].str = own->text[n];
		own->x[n].num = x->num;
		own->x[n].next = NULL;
		if (n > 0)
			own->x[n - 1].next = &own->x[n];
	}
	own->nx = n;
	own->noted = true;
}

void
approve_late(void)
{
	if (own != NULL && own->noted)
		own->late = true;
}

bool
approve_again(void)
{
	if (own == NULL)
		return false;
	if (own->again) {
		own->again = false;
		look_again();
		return true;
	}
	forget();
	while (own->n > 0) {
		own->n--;
		free(own->approved[own->n].path);
		free(own->approved[own->n].rule);
	}
	free(own);
	own = NULL;
	return false;
}

/* The operation may find it allowed from now on. */
static bool
take(const char *request, const struct ruling *r)
{
	struct approved *a = &own->approved[own->n];

	a->path = strdup(r->path);
	a->rule = strdup(r->rule);
	if (a->path == NULL || a->rule == NULL) {
		free(a->path);
		free(a->rule);
		return false;
	}
	a->view = r->view;
	a->ops = r->ops;
	a->id = r->id;
	a->used = a->gone = false;
	snprintf(a->request, sizeof(a->request), "%s", request);
	own->n++;
	return true;
}

static void
refuse_noted(const struct actor *a, const struct msg_approval_answer *m)
{
	char why[AGENTSH_TEXT_MAX];
	struct extra x = { EVF_ERROR, why, 0, own->nx > 0 ? own->x : NULL };
	struct extra id = { EVF_APPROVAL, m->id, 0, &x };

	own->r.op = own->op;
	if (own->path != NULL)
		snprintf(own->r.path, sizeof(own->r.path), "%s", own->path);
	approval_describe(why, sizeof(why), m);
	record_refused(a, own->type, &own->r, m->id[0] != '\0' ? &id : &x);
}

/* Was something approved that this try has not come upon? */
static bool
has_unused(void)
{
	size_t i;

	for (i = 0; i < own->n; i++) {
		if (!own->approved[i].used)
			return true;
	}
	return false;
}

static void
refuse_because(struct msg_approval_answer *m, const char *why)
{
	m->outcome = APPROVAL_REFUSED;
	snprintf(m->reason, sizeof(m->reason), "%s", why);
}

/* The second name that it would give, or NULL. */
static const char *
second_name(void)
{
	return own->nx > 0 && own->x[0].field == EVF_TO_PATH ? own->x[0].str :
							       NULL;
}

bool
approve_settle(fuse_req_t req)
{
	struct msg_approval_answer m = { 0 };
	struct actor a;

	if (own == NULL || !own->noted)
		return false;
	attr_actor((uint32_t)fuse_req_ctx(req)->pid, &a);
	if (own->r.id.ino == 0)
		look(own->r.view, own->r.path, &own->r.id);
	if (own->late)
		refuse_because(&m,
		    "what was made needs an approval to be looked at");
	else if (has_unused())
		m.outcome = APPROVAL_CHANGED;
	else if (own->n == APPROVE_EACH_MAX)
		refuse_because(&m, "it needs approvals of too many objects");
	else if (a.pid == 0)
		/* execd looks at what a process is about to execute: the
		 * process asks for itself when it does */
		m.outcome = APPROVAL_GRANTED;
	else if (fsd.proc.conf.approvals == 0)
		m.outcome = APPROVAL_OFF;
	else
		approve_ask(req, &a, &own->r, own->op, second_name(), &m);
	if (m.outcome == APPROVAL_GRANTED && !take(m.id, &own->r))
		refuse_because(&m, "out of memory");
	if (m.outcome == APPROVAL_GRANTED) {
		forget();
		own->again = true;
		fuse_reply_none(req);
		return true;
	}
	refuse_noted(&a, &m);
	forget();
	if (m.outcome != APPROVAL_WITHDRAWN)
		return false;
	fuse_reply_err(req, EINTR);
	return true;
}
