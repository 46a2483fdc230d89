/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests that wait for an operator. execd, fsd and netd ask, each
 * by a channel that agentshd has made: whose session it is says the channel, and
 * nothing that they write. The former two run as its user and may be hostile:
 * what they can take is bounded, for a session, for a user, and in all. Only an
 * operator grants (ctl.c), and every other end of a request is a denial: its
 * time, the end of who asked, and our own.
 */
#include <sys/random.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "approvals.h"
#include "clock.h"
#include "log.h"
#include "proc.h"

/* Of these two a command never has more than it leaves to others: half. */
#define PENDING_SESSION 20
#define WAITERS_SESSION 256
#define PENDING_USER 256 /* of one user, but root, of a service */
#define PENDING_MAX 1024
#define PAGE_ROWS 16 /* of a list, before the reader has taken them */

static struct {
	struct proc *p;
	struct event_base *base;
	LIST_HEAD(, asking_session) sessions;
	LIST_HEAD(, asker) askers;
	TAILQ_HEAD(requests, request) requests;
	unsigned nrequests;
	uint64_t last_number;
} appr;

static int approvals_on_ask(struct chan *, struct imsg *);
static int approvals_on_withdraw(struct chan *, struct imsg *);

static const struct handler asker_handlers[] = {
	{ MSG_APPROVAL_ASK, approvals_on_ask },
	{ MSG_APPROVAL_WITHDRAW, approvals_on_withdraw },
	{ MSG_NONE, NULL },
};

void
approvals_start(struct proc *p, struct event_base *base)
{
	appr.p = p;
	appr.base = base;
	LIST_INIT(&appr.sessions);
	LIST_INIT(&appr.askers);
	TAILQ_INIT(&appr.requests);
}

/* --- answers */

static void
answer(struct asker *a, uint32_t id, enum approval_outcome outcome,
    const char *request, const char *who, const char *reason)
{
	struct msg_approval_answer m = { .outcome = outcome };

	snprintf(m.id, sizeof(m.id), "%s", request);
	snprintf(m.who, sizeof(m.who), "%s", who);
	snprintf(m.reason, sizeof(m.reason), "%s", reason);
	msg_send_approval_answer(a->ch, id, &m, NULL);
}

static void
waiter_free(struct request *r, struct waiter *w)
{
	TAILQ_REMOVE(&r->waiters, w, entry);
	r->nwaiters--;
	r->sess->nwaiters--;
	free(w);
}

static void
request_free(struct request *r)
{
	struct waiter *w;

	while ((w = TAILQ_FIRST(&r->waiters)) != NULL)
		waiter_free(r, w);
	TAILQ_REMOVE(&appr.requests, r, entry);
	appr.nrequests--;
	r->sess->npending--;
	if (r->timer != NULL)
		event_free(r->timer);
	subject_free(&r->what);
	free(r->message);
	free(r);
}

/* Everybody who waits hears the same. A channel that ends by our sending is
 * taken apart later, out of the loop (asker_on_close). */
static void
resolve(struct request *r, enum approval_outcome outcome, const char *who,
    const char *reason)
{
	struct waiter *w;

	log_info("%s of session %s of uid %u: %s by %s", r->id, r->sess->id,
	    (unsigned)r->sess->uid,
	    outcome == APPROVAL_GRANTED ? "approved" : "denied", who);
	TAILQ_FOREACH(w, &r->waiters, entry)
		answer(w->asker, w->id, outcome, r->id, who, reason);
	request_free(r);
}

static void
timeout_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	resolve(arg, APPROVAL_TIMED_OUT, "timeout", "");
}

/* --- who asks */

static struct asking_session *
session_for(const struct msg_approval_open *m)
{
	struct asking_session *as;

	LIST_FOREACH(as, &appr.sessions, entry) {
		if (as->number == m->session)
			return as;
	}
	as = calloc(1, sizeof(*as));
	if (as == NULL)
		fatal("a session");
	as->number = m->session;
	as->uid = m->uid;
	snprintf(as->id, sizeof(as->id), "%s", m->session_id);
	LIST_INIT(&as->grants);
	LIST_INSERT_HEAD(&appr.sessions, as, entry);
	return as;
}

static void
drop_waiters(struct asker *a)
{
	struct request *r, *next_r;
	struct waiter *w, *next_w;

	for (r = TAILQ_FIRST(&appr.requests); r != NULL; r = next_r) {
		next_r = TAILQ_NEXT(r, entry);
		for (w = TAILQ_FIRST(&r->waiters); w != NULL; w = next_w) {
			next_w = TAILQ_NEXT(w, entry);
			if (w->asker == a)
				waiter_free(r, w);
		}
		if (r->nwaiters == 0)
			request_free(r);
	}
}

/* Out of the loop, where nobody is inside of the channel. */
static void
asker_free_cb(evutil_socket_t fd, short what, void *arg)
{
	struct asker *a = arg;
	struct asking_session *as = a->sess;

	(void)fd;
	(void)what;
	drop_waiters(a);
	LIST_REMOVE(a, entry);
	chan_free(a->ch);
	free(a);
	if (--as->nchans > 0)
		return;
	grant_free_all(as);
	LIST_REMOVE(as, entry);
	free(as);
}

static void
asker_on_close(struct chan *ch, const char *why)
{
	static const struct timeval now = { 0, 0 };
	struct asker *a = ch->arg;

	log_debug("%s of session %s: %s", role_name(ch->peer), a->sess->id,
	    why);
	if (event_base_once(appr.base, -1, EV_TIMEOUT, asker_free_cb, a,
		&now) == -1)
		fatalx("no memory for an event");
}

int
approvals_on_open(struct chan *ch, struct imsg *im)
{
	struct msg_approval_open m;
	struct asker *a;

	(void)ch;
	if (msg_get_approval_open(im, &m) == -1 ||
	    (m.role != ROLE_EXECD && m.role != ROLE_FSD && m.role != ROLE_NETD))
		return -1;
	/* its other end was closed: who holds that, and its session, end */
	if (im->lost)
		return 0;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		fatal("a channel");
	a->ch = chan_new(imsg_take_fd(im, 0), ROLE_POLICYD, (enum role)m.role,
	    asker_handlers, a);
	if (a->ch == NULL)
		fatal("a channel");
	a->ch->on_close = asker_on_close;
	a->sess = session_for(&m);
	a->sess->nchans++;
	LIST_INSERT_HEAD(&appr.askers, a, entry);
	if (chan_watch(a->ch, appr.base) == -1)
		fatalx("cannot watch a channel");
	return 0;
}

/* --- questions */

/* What who is at the other end of the channel decides on. Whatever else it asked
 * for, an operator's word for the session would be another's to use. */
static bool
may_ask(enum role role, uint32_t kind)
{
	switch (kind) {
	case APPROVAL_FILE:
		return role == ROLE_FSD;
	case APPROVAL_NETWORK:
		return role == ROLE_NETD;
	case APPROVAL_COMMAND:
	case APPROVAL_SIGNAL:
	case APPROVAL_SOCKET:
		return role == ROLE_EXECD;
	default:
		return false;
	}
}

/* Each word with its NUL; of a file the second name, if it is to have one. */
static bool
is_well_formed(const struct msg_approval_ask *m)
{
	if (m->object[0] == '\0' || m->operation[0] == '\0')
		return false;
	if (m->kind != APPROVAL_COMMAND && m->words_len == 0)
		return true;
	if (m->kind == APPROVAL_NETWORK)
		return false;
	return m->words_len > 0 && m->words[m->words_len - 1] == '\0';
}

static bool
is_over_share(const struct asking_session *as)
{
	const struct asking_session *other;
	unsigned n = 0;

	if (appr.p->mode == MODE_USER || as->uid == 0)
		return false;
	LIST_FOREACH(other, &appr.sessions, entry) {
		if (other->uid == as->uid)
			n += other->npending;
	}
	return n >= PENDING_USER;
}

/* Does the command of that question keep what is left for others? further: a
 * request, not only one who waits for it. */
static bool
keeps_all(const struct asking_session *as, const struct msg_approval_ask *m,
    bool further)
{
	const struct request *r;
	const struct waiter *w;
	unsigned nrequests = 0, nwaiters = 0;

	TAILQ_FOREACH(r, &appr.requests, entry) {
		if (r->sess != as)
			continue;
		w = TAILQ_FIRST(&r->waiters);
		nrequests += strcmp(w->command_id, m->command_id) == 0;
		TAILQ_FOREACH(w, &r->waiters, entry)
			nwaiters += strcmp(w->command_id, m->command_id) == 0;
	}
	return nwaiters + as->nwaiters >= WAITERS_SESSION ||
	    (further && nrequests + as->npending >= PENDING_SESSION);
}

/* NULL, or why it cannot wait. r: for which request; NULL: for a further one. */
static const char *
why_refused(struct asking_session *as, const struct msg_approval_ask *m,
    const struct request *r)
{
	if (keeps_all(as, m, r == NULL))
		return "too many requests of this session wait already";
	if (r != NULL)
		return NULL;
	if (appr.nrequests >= PENDING_MAX || is_over_share(as))
		return "too many requests wait already";
	if (!rate_take(as, m->command_id, clock_ms()))
		return "too many requests in a short time";
	return NULL;
}

static struct request *
request_find(const struct asking_session *as, const struct msg_approval_ask *m)
{
	struct request *r;

	TAILQ_FOREACH(r, &appr.requests, entry) {
		if (r->sess == as && subject_is(&r->what, m))
			return r;
	}
	return NULL;
}

/* Random, so that an id that was seen once never means something else. */
static void
make_id(char *dst, size_t size)
{
	uint64_t n;

	if (getrandom(&n, sizeof(n), 0) != sizeof(n))
		fatal("getrandom");
	snprintf(dst, size, "approval-%016" PRIx64, n);
}

/* NULL: no memory. */
static struct request *
request_new(struct asking_session *as, const struct msg_approval_ask *m)
{
	struct request *r;
	struct timeval tv;

	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return NULL;
	r->timeout_ms = m->timeout_ms != 0 ? m->timeout_ms :
					     appr.p->conf.approval_timeout_ms;
	r->message = strdup(m->message);
	r->timer = evtimer_new(appr.base, timeout_cb, r);
	tv.tv_sec = (time_t)(r->timeout_ms / 1000);
	tv.tv_usec = (suseconds_t)(r->timeout_ms % 1000 * 1000);
	if (r->message == NULL || r->timer == NULL ||
	    subject_copy(&r->what, m) == -1 ||
	    evtimer_add(r->timer, &tv) == -1) {
		if (r->timer != NULL)
			event_free(r->timer);
		subject_free(&r->what);
		free(r->message);
		free(r);
		return NULL;
	}
	r->number = ++appr.last_number;
	make_id(r->id, sizeof(r->id));
	r->sess = as;
	r->created_ms = clock_epoch_ns() / 1000000;
	r->until_ms = clock_ms() + r->timeout_ms;
	TAILQ_INIT(&r->waiters);
	TAILQ_INSERT_TAIL(&appr.requests, r, entry);
	appr.nrequests++;
	as->npending++;
	return r;
}

static uint64_t
left_ms(const struct request *r)
{
	uint64_t now = clock_ms();

	return r->until_ms > now ? r->until_ms - now : 0;
}

static void
wait_for(struct request *r, struct asker *a, uint32_t id,
    const struct msg_approval_ask *ask)
{
	struct msg_approval_pending m = { .timeout_ms = left_ms(r) };
	struct waiter *w = calloc(1, sizeof(*w));

	if (w == NULL)
		fatal("a request");
	w->asker = a;
	w->id = id;
	w->pid = ask->pid;
	snprintf(w->command_id, sizeof(w->command_id), "%s", ask->command_id);
	TAILQ_INSERT_TAIL(&r->waiters, w, entry);
	r->nwaiters++;
	r->sess->nwaiters++;
	snprintf(m.id, sizeof(m.id), "%s", r->id);
	msg_send_approval_pending(a->ch, id, &m, NULL);
}

static bool
is_waiting(const struct asker *a, uint32_t id)
{
	const struct request *r;
	const struct waiter *w;

	TAILQ_FOREACH(r, &appr.requests, entry) {
		if (r->sess != a->sess)
			continue;
		TAILQ_FOREACH(w, &r->waiters, entry) {
			if (w->asker == a && w->id == id)
				return true;
		}
	}
	return false;
}

static int
approvals_on_ask(struct chan *ch, struct imsg *im)
{
	struct asker *a = ch->arg;
	struct msg_approval_ask m;
	const struct grant *g;
	struct request *r;
	const char *why;

	if (msg_get_approval_ask(im, &m) == -1 || !may_ask(ch->peer, m.kind) ||
	    !is_well_formed(&m) || is_waiting(a, im->id))
		return -1;
	if (appr.p->conf.approvals == 0) {
		answer(a, im->id, APPROVAL_OFF, "", "agentsh", "");
		return 0;
	}
	g = grant_find(a->sess, &m);
	if (g != NULL) {
		answer(a, im->id, APPROVAL_GRANTED, g->id, g->who,
		    "for this session");
		return 0;
	}
	r = request_find(a->sess, &m);
	why = why_refused(a->sess, &m, r);
	if (why == NULL && r == NULL && (r = request_new(a->sess, &m)) == NULL)
		why = "out of memory";
	if (why != NULL) {
		answer(a, im->id, APPROVAL_REFUSED, "", "agentsh", why);
		return 0;
	}
	wait_for(r, a, im->id, &m);
	return 0;
}

/* The answer and this may have crossed. */
static int
approvals_on_withdraw(struct chan *ch, struct imsg *im)
{
	struct asker *a = ch->arg;
	struct msg_approval_withdraw m;
	struct request *r;
	struct waiter *w;

	if (msg_get_approval_withdraw(im, &m) == -1)
		return -1;
	TAILQ_FOREACH(r, &appr.requests, entry) {
		if (r->sess != a->sess)
			continue;
		TAILQ_FOREACH(w, &r->waiters, entry) {
			if (w->asker != a || w->id != m.request)
				continue;
			waiter_free(r, w);
			answer(a, m.request, APPROVAL_WITHDRAWN, r->id,
			    "withdrawn", "");
			if (r->nwaiters == 0)
				request_free(r);
			return 0;
		}
	}
	return 0;
}

/* --- operators */

/* Of those who share it the first that is there still. */
static void
put_row(struct chan *ch, uint32_t id, const struct request *r)
{
	const struct waiter *w = TAILQ_FIRST(&r->waiters);
	struct msg_ctl_approval m = { .created_ms = r->created_ms,
		.expires_ms = clock_epoch_ns() / 1000000 + left_ms(r),
		.kind = r->what.kind,
		.uid = r->sess->uid,
		.pid = w->pid,
		.waiting = r->nwaiters,
		.words = r->what.words,
		.words_len = r->what.words_len };

	snprintf(m.id, sizeof(m.id), "%s", r->id);
	snprintf(m.session_id, sizeof(m.session_id), "%s", r->sess->id);
	snprintf(m.command_id, sizeof(m.command_id), "%s", w->command_id);
	snprintf(m.operation, sizeof(m.operation), "%s", r->what.operation);
	snprintf(m.object, sizeof(m.object), "%s", r->what.object);
	snprintf(m.cwd, sizeof(m.cwd), "%s", r->what.cwd);
	snprintf(m.rule, sizeof(m.rule), "%s", r->what.rule);
	snprintf(m.message, sizeof(m.message), "%s", r->message);
	msg_send_ctl_approval(ch, id, &m, NULL);
}

uint64_t
approvals_list(struct chan *ch, uint32_t id, uint64_t after)
{
	const struct request *r;
	size_t n = 0;

	TAILQ_FOREACH(r, &appr.requests, entry) {
		if (r->number <= after)
			continue;
		if (n++ == PAGE_ROWS)
			return after;
		put_row(ch, id, r);
		after = r->number;
	}
	return 0;
}

static struct request *
request_by_id(const char *id)
{
	struct request *r;
	const size_t prefix = strlen("approval-");

	TAILQ_FOREACH(r, &appr.requests, entry) {
		if (strcmp(r->id, id) == 0 || strcmp(r->id + prefix, id) == 0)
			return r;
	}
	return NULL;
}

int
approvals_resolve(const struct msg_ctl_resolve *m, uint32_t uid, char *text,
    size_t size)
{
	struct request *r = request_by_id(m->id);
	struct subject what;
	char who[APPROVAL_WHO_MAX + 1];

	text[0] = '\0';
	if (r == NULL) {
		snprintf(text, size,
		    "no such request: it was answered, withdrawn, or its time is up");
		return -1;
	}
	snprintf(who, sizeof(who), "operator uid %u", (unsigned)uid);
	if (m->grant != 0 && m->for_session != 0) {
		what = r->what;
		memset(&r->what, 0, sizeof(r->what));
		if (grant_add(r->sess, &what, r->id, who) == -1) {
			subject_free(&what);
			snprintf(text, size,
			    "approved this once: the session has as many standing approvals as it may have");
		}
	}
	resolve(r, m->grant != 0 ? APPROVAL_GRANTED : APPROVAL_DENIED, who,
	    m->reason);
	return 0;
}
