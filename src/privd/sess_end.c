/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a session, whatever began it: pid 1 is killed, and with it every
 * process inside; then fsd and execd, so that what they still have to log is
 * logged; when all are reaped, whoever has to know is told.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "event.h"
#include "log.h"
#include "privd.h"
#include "proc.h"

/* Pid 1 may wait for fsd in the kernel, where only the end of fsd, or of the
 * FUSE connection when fsd itself cannot end, wakes it. */
#define KILL_HELPERS_MS 1000
/* For fsd to delete what the session has in the trash, where that is wanted. */
#define PURGE_MS 5000
/* A process that waits for somebody else's file system may never end: after
 * so long the service goes on without. */
#define GIVE_UP_MS 4000

static const char *const step_names[] = {
	[STEP_WORKSPACE] = "opening the workspace",
	[STEP_POLICY] = "compiling the policy",
	[STEP_ROOT] = "making the root",
	[STEP_HELPERS] = "starting execd, fsd and its network",
};

static void announce(struct sess *);

bool
sess_is_ending(const struct sess *s)
{
	return s->state == SESS_STOPPING || s->state == SESS_STUCK;
}

static void
abort_fuse(struct sess *s)
{
	if (s->abort_fd == -1)
		return;
	/* it fails when the connection is gone already */
	if (write(s->abort_fd, "1", 1) == -1)
		log_debug("session %s: no FUSE connection to abort", s->id);
	close(s->abort_fd);
	s->abort_fd = -1;
}

/* Whoever has to know is told now; it keeps its name and its place among the
 * sessions until the last of its processes is gone. */
static void
give_up(struct sess *s)
{
	child_give_up(s->maker);
	child_give_up(s->init);
	child_give_up(s->fsd);
	child_give_up(s->execd);
	child_give_up(s->fusereg);
	s->state = SESS_STUCK;
	if (s->detail[0] == '\0')
		snprintf(s->detail, sizeof(s->detail),
		    "not all of its processes");
	announce(s);
	privd_stop_step();
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct sess *s = arg;

	(void)fd;
	(void)what;
	switch (s->state) {
	case SESS_CREATING:
		sess_fail(s, 504, "timeout", "time ran out while %s",
		    step_names[s->step]);
		break;
	case SESS_READY:
		sess_end(s, SESS_EXPIRED_LIFE, "%s", "");
		break;
	case SESS_STOPPING:
		if (s->late) {
			give_up(s);
			break;
		}
		s->late = true;
		net_close(s);
		child_kill(s->fsd);
		child_kill(s->execd);
		child_kill(s->fusereg);
		abort_fuse(s);
		sess_timer(s, GIVE_UP_MS);
		break;
	case SESS_STUCK:
	case SESS_STATE_MAX:
		break;
	}
}

void
sess_timer(struct sess *s, uint64_t ms)
{
	struct timeval tv = clock_timeval(ms);

	if (s->timer == NULL)
		s->timer = evtimer_new(privd.base, timer_cb, s);
	if (s->timer == NULL)
		fatalx("cannot make a timer");
	if (ms == 0) {
		evtimer_del(s->timer);
		return;
	}
	if (evtimer_add(s->timer, &tv) == -1)
		fatalx("cannot set a timer");
}

static void
close_if_open(int fd)
{
	if (fd != -1)
		close(fd);
}

/* Forgets it, when no process is left. */
static void
finish(struct sess *s)
{
	size_t i, j;

	if (s->maker != NULL || s->init != NULL || s->fsd != NULL ||
	    s->execd != NULL || s->fusereg != NULL || s->net == NET_CLOSING)
		return;
	/* it is gone for good before anybody hears so */
	TAILQ_REMOVE(&privd.sessions, s, entry);
	privd.nsessions--;
	if (s->state == SESS_STUCK)
		log_info("session %s: the last of its processes ended", s->id);
	else
		announce(s);
	if (privd.helper[ROLE_NETD] != NULL)
		chan_forget(privd.helper[ROLE_NETD]->ch, s);
	mounts_close(s);
	net_gone(s);
	close_if_open(s->net_approvals);
	close_if_open(s->steer_fd);
	close_if_open(s->workspace_fd);
	close_if_open(s->trash_fd);
	close_if_open(s->client_sock);
	close_if_open(s->init_sock);
	close_if_open(s->abort_fd);
	close_if_open(s->image_fd);
	for (i = 0; i < ROLE_MAX; i++) {
		for (j = 0; j < 3; j++)
			close_if_open(s->ring[i][j]);
	}
	if (s->timer != NULL)
		event_free(s->timer);
	free(s->groups);
	free(s->profile);
	free(s);
	privd_stop_step();
}

static void
kill_helpers(struct sess *s)
{
	child_kill(s->fsd);
	child_kill(s->execd);
	child_kill(s->fusereg);
}

/* Nobody is inside any more. fsd ends by itself when its device is closed, and
 * what it has yet to do needs the others' channels. */
static void
end_helpers(struct sess *s)
{
	net_close(s);
	if (privd.conf.trash_at_end != TRASH_PURGE || s->fsd == NULL ||
	    s->late) {
		kill_helpers(s);
		return;
	}
	abort_fuse(s);
	sess_timer(s, PURGE_MS);
}

static void
stop(struct sess *s)
{
	s->state = SESS_STOPPING;
	reload_sess_gone(s);
	/* it may be policyd's own death that ends the session */
	if (privd.helper[ROLE_POLICYD] != NULL)
		chan_forget(privd.helper[ROLE_POLICYD]->ch, s);
	child_kill(s->maker);
	child_kill(s->init);
	if (s->init == NULL) {
		net_close(s);
		kill_helpers(s);
	}
	sess_timer(s, KILL_HELPERS_MS);
	finish(s);
}

void
sess_end(struct sess *s, enum sess_reason reason, const char *fmt, ...)
{
	va_list ap;

	if (sess_is_ending(s))
		return;
	s->reason = reason;
	va_start(ap, fmt);
	vsnprintf(s->detail, sizeof(s->detail), fmt, ap);
	va_end(ap);
	if (s->request != 0 && s->error.http == 0)
		aerr_set(&s->error, 500, "ended", "the session ended: %s%s%s",
		    sess_reason_name(reason), s->detail[0] != '\0' ? ": " : "",
		    s->detail);
	stop(s);
}

void
sess_fail(struct sess *s, int http, const char *code, const char *fmt, ...)
{
	va_list ap;

	if (s->state != SESS_CREATING)
		return;
	va_start(ap, fmt);
	aerr_vset(&s->error, http, code, fmt, ap);
	va_end(ap);
	stop(s);
}

/* Who has ended, as it was seen; the first of them begins the end of the session.
 * blamed: who was gone before it, or ROLE_MAX. */
static void
note_end(struct sess *s, enum role role, const char *how, enum role blamed)
{
	if (!s->died)
		s->first = role;
	s->died = true;
	s->ended[role].is = true;
	s->ended[role].blamed = blamed;
	snprintf(s->ended[role].how, sizeof(s->ended[role].how), "%s", how);
}

/* Whoever has lost a channel can be seen before who was at the other end of it. */
static enum role
find_cause(const struct sess *s)
{
	enum role r = s->first, to;
	size_t i;

	for (i = 0; i < ROLE_MAX; i++) {
		to = s->ended[r].blamed;
		if (to == ROLE_MAX || !s->ended[to].is)
			break;
		r = to;
	}
	return r;
}

/* Into what is told: who was the first, and who ended because of that. */
static void
name_cause(struct sess *s)
{
	const char *before = "; because of that: ";
	enum role cause;
	size_t len, i;

	if (!s->died)
		return;
	cause = find_cause(s);
	if (s->request != 0) {
		aerr_set(&s->error, 500, "sandbox", "%s ended while %s: %s",
		    proc_rows[cause].file, step_names[s->step],
		    s->ended[cause].how);
		return;
	}
	len = (size_t)snprintf(s->detail, sizeof(s->detail), "%s: %s",
	    proc_rows[cause].file, s->ended[cause].how);
	for (i = 0; i < ROLE_MAX && len < sizeof(s->detail); i++) {
		/* sessiond goes on */
		if (i == cause || i == ROLE_SESSIOND || !s->ended[i].is ||
		    s->ended[i].blamed == ROLE_MAX)
			continue;
		len += (size_t)snprintf(s->detail + len,
		    sizeof(s->detail) - len, "%s%s", before, proc_rows[i].file);
		before = ", ";
	}
}

/* Forgets the child; true when one was lost that the session needs. */
static bool
forget(struct sess *s, struct child *c)
{
	if (c == s->maker) {
		s->maker = NULL;
		/* its end is expected once pid 1 is known */
		return s->init == NULL;
	}
	if (c == s->init)
		s->init = NULL;
	else if (c == s->fsd)
		s->fsd = NULL;
	else if (c == s->execd)
		s->execd = NULL;
	else if (c == s->fusereg)
		s->fusereg = NULL;
	return true;
}

void
sess_net_ended(struct sess *s)
{
	if (sess_is_ending(s))
		finish(s);
}

void
sess_child_died(struct sess *s, struct child *c, const char *how,
    enum role blamed)
{
	bool lost = forget(s, c);

	if (sess_is_ending(s)) {
		if (s->died)
			note_end(s, c->role, how, blamed);
		if (c->role == ROLE_INIT)
			end_helpers(s);
		else if (c->role == ROLE_FSD)
			kill_helpers(s);
		finish(s);
		return;
	}
	if (!lost)
		return;
	note_end(s, c->role, how, blamed);
	if (s->state == SESS_CREATING)
		sess_fail(s, 500, "sandbox", "%s ended while %s: %s",
		    proc_rows[c->role].file, step_names[s->step], how);
	else
		sess_end(s, SESS_HELPER_DIED, "%s: %s", proc_rows[c->role].file,
		    how);
}

void
sess_lost_execd(struct sess *s)
{
	if (sess_is_ending(s))
		return;
	note_end(s, ROLE_SESSIOND, "its channel to execd was closed",
	    ROLE_EXECD);
	sess_end(s, SESS_HELPER_DIED, "%s", "");
}

static void
tell_end(const struct sess *s)
{
	struct msg_event_close mc = { 0 };
	struct msg_sess_ended me = { 0 };

	if (s->logged && privd.helper[ROLE_EVENTD] != NULL) {
		mc.session = s->number;
		mc.reason = s->reason;
		snprintf(mc.detail, sizeof(mc.detail), "%.*s",
		    (int)sizeof(mc.detail) - 1, s->detail);
		msg_send_event_close(privd.helper[ROLE_EVENTD]->ch, 0, &mc,
		    NULL);
	}
	if (s->request == 0 && privd.helper[ROLE_SESSIOND] != NULL) {
		me.session = s->number;
		me.reason = s->reason;
		snprintf(me.detail, sizeof(me.detail), "%.*s",
		    (int)sizeof(me.detail) - 1, s->detail);
		msg_send_sess_ended(privd.helper[ROLE_SESSIOND]->ch, 0, &me,
		    NULL);
	}
}

static void
announce(struct sess *s)
{
	name_cause(s);
	if (s->request != 0)
		log_info("session %s of uid %u: not made: %s", s->id,
		    (unsigned)s->uid, s->error.message);
	else
		log_info("session %s of uid %u: ended: %s%s%s", s->id,
		    (unsigned)s->uid, sess_reason_name(s->reason),
		    s->detail[0] != '\0' ? ": " : "", s->detail);
	tell_end(s);
	if (s->request != 0 && privd.helper[ROLE_SESSIOND] != NULL)
		sess_answer_failed(privd.helper[ROLE_SESSIOND]->ch, s->request,
		    &s->error);
}
