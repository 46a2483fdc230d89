/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written down. Denials and what the policy wants audited always; what
 * is allowed, in the workspace only: outside of it the files that are opened
 * are counted (summary.c). A record is in the ring before the caller
 * hears of the result, so that a command's events are complete when it ends.
 */
#include <sys/random.h>

#include <stdio.h>
#include <string.h>

#include "approve.h"
#include "decide.h"
#include "fnv.h"
#include "handle.h"
#include "log.h"
#include "node.h"
#include "record.h"
#include "template.h"

/* refusals of a kind remembered, so that a search of PATH is one event */
#define RECORD_RECENT 4096

static struct {
	pthread_mutex_t lock;
	uint64_t seed;
	uint64_t recent[RECORD_RECENT];
} record = { .lock = PTHREAD_MUTEX_INITIALIZER };

void
record_init(void)
{
	if (fsd.proc.ring.size == 0)
		fatalx("no event ring");
	if (getrandom(&record.seed, sizeof(record.seed), 0) !=
	    sizeof(record.seed))
		fatal("getrandom");
}

static uint64_t
mix(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len-- > 0) {
		h = fnv_step(h, *p++);
		h ^= h >> 29;
	}
	return h;
}

/* Was the same said a short time ago, but for numbers? */
static bool
is_repeat(const struct actor *a, enum event_type type, const struct ruling *r,
    const struct extra *x)
{
	uint64_t h;
	bool same;

	h = mix(record.seed, a->id, strlen(a->id) + 1);
	h = mix(h, &type, sizeof(type));
	h = mix(h, &r->op, sizeof(r->op));
	/* another policy may say otherwise */
	h = mix(h, &r->decision, sizeof(r->decision));
	h = mix(h, r->path, strlen(r->path));
	for (; x != NULL; x = x->next) {
		if (x->str != NULL)
			h = mix(h, x->str, strlen(x->str) + 1);
	}
	pthread_mutex_lock(&record.lock);
	same = record.recent[h % RECORD_RECENT] == h;
	record.recent[h % RECORD_RECENT] = h;
	pthread_mutex_unlock(&record.lock);
	return same;
}

/* What programs do all the time and hardly mean. */
static bool
is_noise(enum event_type type)
{
	return type == EV_FILE_STAT || type == EV_FILE_ACCESS ||
	    type == EV_SYMLINK_READ || type == EV_FILE_REDIRECT;
}

/* What programs do to a file again and again, and once tells as much. */
static bool
is_batched(enum event_type type)
{
	return type == EV_FILE_UTIMES || type == EV_XATTR_SET ||
	    type == EV_XATTR_REMOVE;
}

void
record_message(const struct ruling *r, char *dst, size_t size)
{
	const char *values[TEMPLATE_MAX] = {
		[TEMPLATE_PATH] = r->path,
		[TEMPLATE_OPERATION] = file_op_name(r->op),
		[TEMPLATE_RULE] = r->rule,
	};

	(void)template_expand(dst, size, r->message, values);
}

void
record_event(struct buf *b)
{
	/* without its record nothing may happen any more */
	if (b->bad || ev_emit(&fsd.proc.ring, b) == -1)
		fatalx("an event could not be recorded");
	buf_free(b);
}

static void
emit(const struct actor *a, enum event_type type, const struct ruling *r,
    const struct extra *x)
{
	char message[AGENTSH_TEXT_MAX + 1];
	struct buf b;

	/* of the session's processes each has a number: it is execd, which
	 * looks at what one of them is about to execute, and records that */
	if (a->pid == 0)
		return;
	record_message(r, message, sizeof(message));
	buf_init(&b, EVENT_MAX);
	ev_begin(&b, type, a->id, a->pid);
	ev_str(&b, EVF_PATH, r->path);
	ev_str(&b, EVF_OPERATION, file_op_name(r->op));
	if (type == EV_FILE_REDIRECT)
		ev_policy_done(&b, r->decision, r->decision, r->rule, message);
	else
		ev_policy_done(&b,
		    r->decision < DECISION_MAX ? r->decision : DECISION_DENY,
		    ruling_denies(r) ? DECISION_DENY : DECISION_ALLOW, r->rule,
		    message);
	if (type != EV_FILE_REDIRECT && ruling_denies(r))
		ev_u64(&b, EVF_BLOCKED, 1);
	else if (r->approved && approve_id(r)[0] != '\0')
		ev_str(&b, EVF_APPROVAL, approve_id(r));
	for (; x != NULL; x = x->next) {
		if (x->str != NULL)
			ev_str(&b, x->field, x->str);
		else
			ev_u64(&b, x->field, x->num);
	}
	record_event(&b);
}

void
record_refused(const struct actor *a, enum event_type type,
    const struct ruling *r, const struct extra *x)
{
	if (!is_noise(type) || !is_repeat(a, type, r, x))
		emit(a, type, r, x);
}

static bool
denied(fuse_req_t req, enum event_type type, const struct ruling *r,
    const struct extra *x)
{
	struct actor a;

	if (!ruling_denies(r))
		return false;
	/* recorded when it is known what the operator says */
	if (r->decision == DECISION_APPROVE) {
		approve_note(type, r, r->op, r->path, x);
		return true;
	}
	attr_actor((uint32_t)fuse_req_ctx(req)->pid, &a);
	if (!is_noise(type) || !is_repeat(&a, type, r, x))
		emit(&a, type, r, x);
	return true;
}

bool
record_denied(fuse_req_t req, enum event_type type, const struct ruling *r)
{
	return denied(req, type, r, NULL);
}

bool
record_denied_pair(fuse_req_t req, enum event_type type, struct ruling *r,
    enum file_op op, const char *path, const char *to_path)
{
	char why[AGENTSH_PATH_MAX + 16];
	struct extra cause = { EVF_ERROR, why, 0, NULL };
	struct extra x = { EVF_TO_PATH, to_path, 0, NULL };

	if (r->decision == DECISION_APPROVE && ruling_denies(r)) {
		approve_note(type, r, op, path, &x);
		return true;
	}
	r->op = op;
	if (strcmp(r->path, path) != 0 && strcmp(r->path, to_path) != 0) {
		snprintf(why, sizeof(why), "because of %s", r->path);
		x.next = &cause;
	}
	snprintf(r->path, sizeof(r->path), "%s", path);
	return denied(req, type, r, &x);
}

void
record_done(fuse_req_t req, enum event_type type, const struct ruling *r,
    const struct extra *x)
{
	struct actor a;

	approve_late();
	/* of the frequent ones only what the policy asked for */
	if (r->decision != DECISION_AUDIT && !r->approved &&
	    type != EV_FILE_REDIRECT &&
	    (is_noise(type) || (r->view != VIEW_WORKSPACE && !r->logs))) {
		if (type == EV_FILE_OPEN && r->view == VIEW_HOST) {
			attr_actor((uint32_t)fuse_req_ctx(req)->pid, &a);
			summary_opened(&a, r->path, 1);
		}
		return;
	}
	attr_actor((uint32_t)fuse_req_ctx(req)->pid, &a);
	if (!r->approved && (is_noise(type) || is_batched(type)) &&
	    is_repeat(&a, type, r, x))
		return;
	emit(&a, type, r, x);
}

static void
record_count(struct handle *h, enum event_type type, enum file_op op,
    _Atomic uint64_t *count, _Atomic bool *more)
{
	struct extra size = { EVF_SIZE, NULL, 0, NULL };
	struct ruling r;
	struct extra x = { EVF_BYTES, NULL, 0, NULL };

	x.num = atomic_exchange(count, 0);
	/* no number of which one could think that it is all */
	if (more != NULL && atomic_exchange(more, false))
		x.field = EVF_AT_LEAST;
	/* what there was to be had; who says that there may be more said it first */
	if (x.field == EVF_AT_LEAST && op == FILE_OP_READ && h->kept) {
		size.num = h->kept_size;
		x.next = &size;
	}
	if ((x.num == 0 && x.field == EVF_BYTES) ||
	    h->node->view != VIEW_WORKSPACE)
		return;
	ruling_init(&r);
	/* the opening was decided; this says under which rule */
	ask_node(&r, op, h->node);
	if (r.decision == DECISION_APPROVE) {
		r.approved = true; /* when it was opened */
	} else if (ruling_denies(&r)) {
		/* renamed since, or the policy is another: no rule of now let
		 * it through */
		r.decision = DECISION_ALLOW;
		r.rule = "";
		r.message = "";
	}
	emit(&h->actor, type, &r, &x);
}

void
record_bytes(struct handle *h)
{
	through_count(h);
	record_count(h, EV_FILE_READ, FILE_OP_READ, &h->nread, &h->more_read);
	record_count(h, EV_FILE_WRITE, FILE_OP_WRITE, &h->nwritten,
	    &h->more_written);
	record_count(h, EV_FILE_ALLOCATE, FILE_OP_WRITE, &h->nallocated, NULL);
}
