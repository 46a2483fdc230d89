/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another policy for sessions that run. Every session asks policyd anew for its
 * policy, with its own variables; what comes is taken by fsd, execd and netd, or
 * by none of them: they prepare it, and when all have, they put it in place. What
 * cannot be read, does not parse or does not fit the session's root leaves the
 * old one. A helper that does not say whether it has the new one ends its
 * session.
 *
 * One round at a time, a few sessions at a time. Who asks during a round waits
 * for the next, as the files may have changed behind the sessions that were
 * looked at already.
 */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "ctl.h"
#include "log.h"
#include "privd.h"
#include "proc.h"

/* Sessions at a time: each has a descriptor on its way. */
#define RELOAD_ACTIVE 8
/* Operators that policyd has at one time. */
#define RELOAD_ASKERS 16
#define COMPILE_MS 60000
#ifndef RELOAD_HELPER_MS /* a test does not wait so long */
#define RELOAD_HELPER_MS 30000
#endif

enum reload_step {
	RELOAD_WAIT, /* the session is being made, from a file of before */
	RELOAD_COMPILE,
	RELOAD_PREPARE,
	RELOAD_COMMIT
};

static const char *const step_names[] = {
	[RELOAD_WAIT] = "making the session",
	[RELOAD_COMPILE] = "compiling the policy",
	[RELOAD_PREPARE] = "preparing the policy",
	[RELOAD_COMMIT] = "taking the policy",
};

/* Of one session, while it is under way. */
struct reload {
	enum reload_step step;
	uint64_t generation;
	bool done[ROLE_MAX]; /* who has answered */
	int image;
	char digest[AGENTSH_DIGEST_MAX + 1];
	struct limits limits;
	bool partly;			 /* text says what stays as it is */
	char text[AGENTSH_TEXT_MAX + 1]; /* about the new policy, "": nothing */
	struct event *timer;
};

struct askers {
	size_t n;
	uint32_t request[RELOAD_ASKERS]; /* policyd's */
};

static struct {
	bool running;
	bool again;
	bool walking;
	/* sessions up to this number were begun */
	uint64_t last;
	/* those after this one were made from the files as they are */
	uint64_t until;
	size_t nactive;
	size_t count[RELOAD_RESULT_MAX];
	struct askers askers;
	struct askers waiting;
} reload;

static const enum role holders[] = { ROLE_FSD, ROLE_EXECD, ROLE_NETD };

static void walk(void);

static struct child *
holder(const struct sess *s, enum role role)
{
	if (role == ROLE_NETD)
		return s->net == NET_UP ? privd.helper[ROLE_NETD] : NULL;
	return role == ROLE_FSD ? s->fsd : s->execd;
}

static struct chan *
policyd_chan(void)
{
	const struct child *c = privd.helper[ROLE_POLICYD];

	return c != NULL ? c->ch : NULL;
}

/* --- a round */

static void
end_round(void)
{
	static const struct msg_ctl_done ok, failed = { .status = 1 };
	size_t i;

	reload.running = false;
	log_info("policies reloaded: %zu sessions changed, %zu unchanged, %zu"
		 " in part, %zu keep the old one",
	    reload.count[RELOAD_CHANGED], reload.count[RELOAD_UNCHANGED],
	    reload.count[RELOAD_PARTLY], reload.count[RELOAD_KEPT]);
	for (i = 0; i < reload.askers.n && policyd_chan() != NULL; i++)
		msg_send_ctl_done(policyd_chan(), reload.askers.request[i],
		    privd.stopping ? &failed : &ok, NULL);
	reload.askers.n = 0;
}

static void
begin_round(void)
{
	const struct sess *s = TAILQ_LAST(&privd.sessions, sess_list);

	reload.running = true;
	reload.again = false;
	reload.askers = reload.waiting;
	reload.waiting.n = 0;
	reload.last = 0;
	reload.until = s != NULL ? s->number : 0;
	memset(reload.count, 0, sizeof(reload.count));
	walk();
}

void
reload_ask(uint32_t request)
{
	static const struct msg_ctl_done full = { .status = 1 };

	if (request != 0 && reload.waiting.n == RELOAD_ASKERS) {
		if (policyd_chan() != NULL)
			msg_send_ctl_done(policyd_chan(), request, &full, NULL);
		return;
	}
	if (request != 0)
		reload.waiting.request[reload.waiting.n++] = request;
	if (reload.running)
		reload.again = true;
	else
		begin_round();
}

int
reload_on_policy_stale(struct chan *ch, struct imsg *im)
{
	(void)ch;
	(void)im;
	log_info("a policy file has changed");
	reload_ask(0);
	return 0;
}

static void
tell_askers(const struct sess *s, enum reload_result result, const char *text)
{
	struct msg_ctl_reloaded m = { 0 };
	size_t i;

	m.uid = s->uid;
	m.result = result;
	snprintf(m.id, sizeof(m.id), "%s", s->id);
	snprintf(m.policy, sizeof(m.policy), "%s", s->policy);
	snprintf(m.message, sizeof(m.message), "%s", text);
	for (i = 0; i < reload.askers.n && policyd_chan() != NULL; i++)
		msg_send_ctl_reloaded(policyd_chan(), reload.askers.request[i],
		    &m, NULL);
}

static void
tell_events(const struct sess *s, bool changed, const char *text)
{
	struct msg_event_policy m = { 0 };

	if (!s->logged || privd.helper[ROLE_EVENTD] == NULL)
		return;
	m.session = s->number;
	m.changed = changed;
	snprintf(m.policy, sizeof(m.policy), "%s", s->policy);
	snprintf(m.text, sizeof(m.text), "%s", text);
	msg_send_event_policy(privd.helper[ROLE_EVENTD]->ch, 0, &m, NULL);
}

/* The session is through. */
static void
finish(struct sess *s, enum reload_result result, const char *text)
{
	struct reload *r = s->reload;

	s->reload = NULL;
	event_free(r->timer);
	if (r->image != -1)
		close(r->image);
	free(r);
	reload.nactive--;
	reload.count[result]++;
	if (result == RELOAD_KEPT)
		log_warnx("session %s of uid %u: keeps its policy: %s", s->id,
		    (unsigned)s->uid, text);
	else if (result == RELOAD_CHANGED || result == RELOAD_PARTLY)
		log_info("session %s of uid %u: policy %s has changed%s%s",
		    s->id, (unsigned)s->uid, s->policy,
		    text[0] != '\0' ? ": " : "", text);
	tell_askers(s, result, text);
	walk();
}

static void
keep(struct sess *s, const char *text)
{
	tell_events(s, false, text);
	finish(s, RELOAD_KEPT, text);
}

void
reload_sess_gone(struct sess *s)
{
	if (s->reload != NULL)
		finish(s, RELOAD_ENDED, "");
}

/* --- one session */

static void
abandon(const struct sess *s)
{
	struct msg_policy_abandon m = { .session = s->number,
		.generation = s->reload->generation };
	const struct child *c;
	size_t i;

	for (i = 0; i < sizeof(holders) / sizeof(holders[0]); i++) {
		c = holder(s, holders[i]);
		if (c != NULL)
			msg_send_policy_abandon(c->ch, 0, &m, NULL);
	}
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct sess *s = arg;
	char text[96];

	(void)fd;
	(void)what;
	snprintf(text, sizeof(text), "time ran out while %s",
	    step_names[s->reload->step]);
	switch (s->reload->step) {
	case RELOAD_WAIT:
		break; /* its creation has a limit of its own */
	case RELOAD_COMPILE:
		if (policyd_chan() != NULL)
			chan_forget(policyd_chan(), s);
		keep(s, text);
		break;
	case RELOAD_PREPARE:
		abandon(s);
		keep(s, text);
		break;
	case RELOAD_COMMIT:
		/* one may have the new policy and one the old */
		sess_end(s, SESS_HELPER_DIED, "%s", text);
		break;
	}
}

static void
set_step(struct sess *s, enum reload_step step, unsigned ms)
{
	struct timeval tv = clock_timeval(ms);

	s->reload->step = step;
	memset(s->reload->done, 0, sizeof(s->reload->done));
	s->reload->done[ROLE_NETD] = s->net != NET_UP;
	if (evtimer_add(s->reload->timer, &tv) == -1)
		fatalx("cannot set a timer");
}

static void
compile(struct sess *s)
{
	set_step(s, RELOAD_COMPILE, COMPILE_MS);
	if (sess_ask_policy(s) == -1)
		keep(s, "policyd cannot be asked");
}

static void
begin(struct sess *s)
{
	s->reload = calloc(1, sizeof(*s->reload));
	if (s->reload == NULL)
		fatal("reload");
	s->reload->image = -1;
	s->reload->timer = evtimer_new(privd.base, timer_cb, s);
	if (s->reload->timer == NULL)
		fatalx("cannot make a timer");
	reload.nactive++;
	if (s->state == SESS_READY)
		compile(s);
}

void
reload_sess_ready(struct sess *s)
{
	if (s->reload != NULL)
		compile(s);
}

/* The next session that may have a policy of before. */
static struct sess *
next_session(void)
{
	struct sess *s;

	TAILQ_FOREACH(s, &privd.sessions, entry) {
		if (s->number <= reload.last || s->number > reload.until)
			continue;
		reload.last = s->number;
		/* what has not asked yet will read the file as it is */
		if (!sess_is_ending(s) &&
		    (s->state == SESS_READY || s->step != STEP_WORKSPACE))
			return s;
	}
	return NULL;
}

static void
walk(void)
{
	struct sess *s;

	/* what is through at once comes back here */
	if (reload.walking || !reload.running)
		return;
	reload.walking = true;
	while (!privd.stopping && reload.nactive < RELOAD_ACTIVE &&
	    (s = next_session()) != NULL)
		begin(s);
	reload.walking = false;
	if (reload.nactive > 0)
		return;
	end_round();
	if (reload.again && !privd.stopping)
		begin_round();
}

/* --- the answers */

static bool
same_file(int a, int b)
{
	static char abuf[65536], bbuf[65536];
	struct stat ast, bst;
	ssize_t an, bn;
	off_t at = 0;

	if (fstat(a, &ast) == -1 || fstat(b, &bst) == -1)
		return false;
	if (ast.st_dev == bst.st_dev && ast.st_ino == bst.st_ino)
		return true;
	if (ast.st_size != bst.st_size)
		return false;
	do {
		an = pread(a, abuf, sizeof(abuf), at);
		bn = pread(b, bbuf, sizeof(bbuf), at);
		if (an == -1 || an != bn || memcmp(abuf, bbuf, (size_t)an) != 0)
			return false;
		at += an;
	} while (an > 0);
	return true;
}

/* What the root that is mounted means for the new policy. 0 with text, which
 * may be empty, or -1: it cannot be taken. */
static int
check_plan(const struct sess *s, const struct plan *wanted, char *text,
    size_t size)
{
	const char *path;

	text[0] = '\0';
	switch (plan_compare(&s->plan, wanted, &path)) {
	case PLAN_FITS:
		return 0;
	case PLAN_STRICTER:
		snprintf(text, size, "%.256s stays hidden until a new session",
		    path);
		return 0;
	case PLAN_UNFIT:
		break;
	}
	snprintf(text, size,
	    "%.256s is mounted natively, and the new policy decides beneath"
	    " it; a new session is needed",
	    path);
	return -1;
}

/* Asks its helpers; what cannot be sent is the end of the session anyway. */
static int
prepare(struct sess *s)
{
	struct msg_policy_prepare m;
	struct child *c;
	uint32_t id;
	size_t i;

	m.session = s->number;
	m.generation = s->reload->generation = ++s->generation;
	set_step(s, RELOAD_PREPARE, RELOAD_HELPER_MS);
	for (i = 0; i < sizeof(holders) / sizeof(holders[0]); i++) {
		c = holder(s, holders[i]);
		if (c == NULL)
			continue;
		id = chan_request(c->ch, s);
		if (id == 0)
			return -1;
		msg_send_policy_prepare(c->ch, id, &m, &s->reload->image);
	}
	return 0;
}

/* Once begun there is no way back. */
static void
commit(struct sess *s)
{
	struct msg_policy_commit m = { .session = s->number,
		.generation = s->reload->generation };
	struct child *c;
	uint32_t id;
	size_t i;

	set_step(s, RELOAD_COMMIT, RELOAD_HELPER_MS);
	for (i = 0; i < sizeof(holders) / sizeof(holders[0]); i++) {
		c = holder(s, holders[i]);
		if (c == NULL)
			continue;
		id = chan_request(c->ch, s);
		if (id == 0) {
			sess_end(s, SESS_HELPER_DIED,
			    "the new policy cannot be put in place");
			return;
		}
		msg_send_policy_commit(c->ch, id, &m, NULL);
	}
}

void
reload_compiled(struct sess *s, const struct limits *limits, int image,
    const struct plan *plan, const char *digest, const char *warning)
{
	struct reload *r = s->reload;
	char text[AGENTSH_TEXT_MAX];

	if (check_plan(s, plan, text, sizeof(text)) == -1) {
		close(image);
		keep(s, text);
		return;
	}
	r->image = image;
	snprintf(r->digest, sizeof(r->digest), "%s", digest);
	if (same_file(s->image_fd, image) &&
	    memcmp(limits, &s->limits, sizeof(*limits)) == 0) {
		finish(s, text[0] != '\0' ? RELOAD_PARTLY : RELOAD_UNCHANGED,
		    text);
		return;
	}
	r->limits = *limits;
	r->partly = text[0] != '\0';
	snprintf(r->text, sizeof(r->text), "%.600s%s%.400s", text,
	    text[0] != '\0' && warning[0] != '\0' ? "; " : "", warning);
	if (prepare(s) == -1) {
		abandon(s);
		keep(s, "too many answers are missing");
	}
}

void
reload_refused(struct sess *s, const char *text)
{
	keep(s, text);
}

/* Have the others answered too? */
static bool
all_done(const struct sess *s, enum role role)
{
	size_t i;

	s->reload->done[role] = true;
	for (i = 0; i < sizeof(holders) / sizeof(holders[0]); i++) {
		if (!s->reload->done[holders[i]])
			return false;
	}
	return true;
}

int
reload_on_policy_prepared(struct chan *ch, struct imsg *im)
{
	const struct child *c = ch->arg;
	struct sess *s = im->arg;
	struct msg_policy_prepared m;
	char text[AGENTSH_TEXT_MAX + 32];

	if (msg_get_policy_prepared(im, &m) == -1)
		return -1;
	/* it may have been given up */
	if (s == NULL || s->reload == NULL ||
	    s->reload->step != RELOAD_PREPARE ||
	    m.generation != s->reload->generation)
		return 0;
	if (m.error[0] != '\0') {
		snprintf(text, sizeof(text), "%s: %s", proc_rows[c->role].file,
		    m.error);
		abandon(s);
		keep(s, text);
	} else if (all_done(s, c->role)) {
		commit(s);
	}
	return 0;
}

/* What the service knows of the policy follows. */
static void
take(struct sess *s)
{
	struct reload *r = s->reload;
	struct msg_sess_limits m = { .session = s->number,
		.command_timeout_ms = r->limits.command_ms,
		.session_timeout_ms = r->limits.session_ms,
		.idle_timeout_ms = r->limits.idle_ms };

	close(s->image_fd);
	s->image_fd = r->image;
	r->image = -1;
	s->limits = r->limits;
	memcpy(s->digest, r->digest, sizeof(s->digest));
	memcpy(m.digest, r->digest, sizeof(m.digest));
	sess_set_life(s);
	if (privd.helper[ROLE_SESSIOND] != NULL)
		msg_send_sess_limits(privd.helper[ROLE_SESSIOND]->ch, 0, &m,
		    NULL);
	tell_events(s, true, r->text);
}

int
reload_on_policy_committed(struct chan *ch, struct imsg *im)
{
	const struct child *c = ch->arg;
	struct sess *s = im->arg;
	struct msg_policy_committed m;
	char text[sizeof(s->reload->text)];

	if (msg_get_policy_committed(im, &m) == -1)
		return -1;
	if (s == NULL || sess_is_ending(s))
		return 0;
	if (s->reload == NULL || s->reload->step != RELOAD_COMMIT ||
	    m.generation != s->reload->generation)
		return -1;
	if (!all_done(s, c->role))
		return 0;
	take(s);
	memcpy(text, s->reload->text, sizeof(text));
	finish(s, s->reload->partly ? RELOAD_PARTLY : RELOAD_CHANGED, text);
	return 0;
}
