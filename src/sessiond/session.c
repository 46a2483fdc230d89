/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of sessions: who may see which, when one is idle or over, and who
 * waits for its end. privd makes and ends sessions; this is what clients see
 * of them.
 */
#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "clock.h"
#include "http.h"
#include "log.h"
#include "path.h"
#include "sessiond.h"

/* A DELETE that waits until the session is gone. */
struct waiter {
	struct waiter *next;
	struct session *sess;
	struct request *rq;
};

static void session_timer_cb(evutil_socket_t, short, void *);

struct session *
session_new(const char *id, uint32_t uid)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->timer = evtimer_new(sessiond.base, session_timer_cb, s);
	if (s->timer == NULL) {
		free(s);
		return NULL;
	}
	snprintf(s->id, sizeof(s->id), "%s", id);
	s->uid = uid;
	s->spool_fd = -1;
	TAILQ_INIT(&s->commands);
	TAILQ_INSERT_TAIL(&sessiond.sessions, s, entry);
	sessiond.nsessions++;
	return s;
}

void
session_free(struct session *s)
{
	struct command *cmd;

	while ((cmd = TAILQ_FIRST(&s->commands)) != NULL)
		command_free(cmd);
	if (s->execd != NULL) {
		chan_unwatch(s->execd);
		chan_free(s->execd);
	}
	spool_remove_session(s);
	event_free(s->timer);
	TAILQ_REMOVE(&sessiond.sessions, s, entry);
	sessiond.nsessions--;
	free(s->workspace);
	free(s->mount);
	vars_forget(&s->env, s->uid);
	vars_forget(&s->alias, s->uid);
	history_forget(&s->history, s->uid);
	free(s->cwd);
	free(s->last_cwd);
	free(s->home);
	free(s);
}

/* Ids are one user's: what somebody else calls a session does not matter. */
struct session *
session_find(uint32_t uid, const char *id)
{
	struct session *s;

	TAILQ_FOREACH(s, &sessiond.sessions, entry) {
		if (s->uid == uid && strcmp(s->id, id) == 0)
			return s;
	}
	return NULL;
}

struct session *
session_by_number(uint64_t number)
{
	struct session *s;

	TAILQ_FOREACH(s, &sessiond.sessions, entry) {
		if (s->number == number && s->state != SESS_CREATING)
			return s;
	}
	return NULL;
}

bool
session_uid_is_visible(uint32_t owner, uint32_t uid)
{
	return owner == uid || (uid == 0 && sessiond.proc.mode == MODE_SERVICE);
}

bool
session_is_visible(const struct session *s, uint32_t uid)
{
	/* one that there was no memory for is ending, and has no text */
	return s->state != SESS_CREATING && s->cwd != NULL &&
	    session_uid_is_visible(s->uid, uid);
}

const char *
session_name(const struct session *s, uint32_t uid)
{
	static char name[AGENTSH_SNAME_MAX + 1];

	if (s->uid == uid)
		return s->id;
	snprintf(name, sizeof(name), "%u:%s", s->uid, s->id);
	return name;
}

struct session *
session_of(struct request *rq)
{
	struct session *s = NULL;
	uint32_t uid = rq->uid;
	const char *id;

	if (session_name_split(rq->id, &uid, &id) == 0)
		s = session_find(uid, id);
	if (s == NULL || !session_is_visible(s, rq->uid)) {
		http_error(rq, 404, "session not found");
		return NULL;
	}
	return s;
}

void
session_stop(struct session *s, enum sess_reason reason)
{
	struct msg_sess_destroy m = { .session = s->number, .reason = reason };

	if (s->state != SESS_READY)
		return;
	log_debug("session %s: ends (%d)", s->id, (int)reason);
	s->state = SESS_STOPPING;
	event_del(s->timer);
	msg_send_sess_destroy(sessiond.proc.privd, 0, &m, NULL);
}

/* Ends the session if its time is up, else sleeps until the next limit. */
static void
session_check_time(struct session *s)
{
	uint64_t now = clock_ms(), due, next = 0;

	if (s->state != SESS_READY)
		return;
	event_del(s->timer);
	if (s->session_timeout_ms != 0) {
		due = s->born_ms + s->session_timeout_ms;
		if (due <= now) {
			session_stop(s, SESS_EXPIRED_LIFE);
			return;
		}
		next = due - now;
	}
	/* a session with a command is busy, however quiet */
	if (s->idle_timeout_ms != 0 && s->nrunning == 0) {
		due = s->active_ms + s->idle_timeout_ms;
		if (due <= now) {
			session_stop(s, SESS_EXPIRED_IDLE);
			return;
		}
		next = least_limit(next, due - now);
	}
	if (next != 0)
		set_timer(s->timer, next);
}

static void
session_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	session_check_time(arg);
}

void
session_touch(struct session *s)
{
	s->active_ms = clock_ms();
	session_check_time(s);
}

/* execd is gone: the session ends, and SESS_ENDED will say so. */
static void
session_execd_closed(struct chan *ch, const char *why)
{
	struct session *s = ch->arg;

	log_debug("session %s: execd: %s", s->id, why);
	session_stop(s, SESS_HELPER_DIED);
}

/* privd made it: everything it says holds, whatever was asked for. */
int
session_ready(struct session *s, const struct msg_sess_created *m, int fd)
{
	s->number = m->session;
	s->uid = m->uid;
	s->workspace = strdup(m->workspace);
	s->mount = strdup(m->mount);
	if (s->workspace != NULL && s->mount != NULL) {
		s->cwd = strdup(m->mount);
		s->home = strdup(m->home);
	}
	snprintf(s->user, sizeof(s->user), "%s", m->user);
	snprintf(s->policy, sizeof(s->policy), "%s", m->policy);
	snprintf(s->profile, sizeof(s->profile), "%s", m->profile);
	snprintf(s->digest, sizeof(s->digest), "%s", m->digest);
	snprintf(s->file_data, sizeof(s->file_data), "%s", m->file_data);
	snprintf(s->native_reads, sizeof(s->native_reads), "%s",
	    m->native_reads);
	snprintf(s->file_transport, sizeof(s->file_transport), "%s",
	    m->file_transport);
	snprintf(s->network, sizeof(s->network), "%s", m->network);
	s->command_timeout_ms = m->command_timeout_ms;
	s->session_timeout_ms = m->session_timeout_ms;
	s->idle_timeout_ms = m->idle_timeout_ms;
	s->created_ns = clock_epoch_ns();
	s->born_ms = clock_ms();
	s->state = SESS_READY;
	if (fd == -1)
		return -1;
	s->execd = chan_new(fd, ROLE_SESSIOND, ROLE_EXECD, execd_handlers, s);
	if (s->execd == NULL) {
		close(fd);
		return -1;
	}
	s->execd->on_close = session_execd_closed;
	if (s->cwd == NULL || s->home == NULL ||
	    chan_watch(s->execd, sessiond.base) == -1)
		return -1;
	session_touch(s);
	return 0;
}

void
session_set_limits(struct session *s, const struct msg_sess_limits *m)
{
	s->command_timeout_ms = m->command_timeout_ms;
	s->session_timeout_ms = m->session_timeout_ms;
	s->idle_timeout_ms = m->idle_timeout_ms;
	snprintf(s->digest, sizeof(s->digest), "%s", m->digest);
	session_check_time(s);
}

static void
session_waiter_gone(struct request *rq, void *arg)
{
	struct waiter *w = arg, **p;

	(void)rq;
	for (p = &w->sess->waiters; *p != NULL; p = &(*p)->next) {
		if (*p == w) {
			*p = w->next;
			free(w);
			return;
		}
	}
}

int
session_wait_end(struct session *s, struct request *rq)
{
	struct waiter *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return -1;
	w->sess = s;
	w->rq = rq;
	w->next = s->waiters;
	s->waiters = w;
	http_wait(rq, session_waiter_gone, w);
	return 0;
}

void
session_ended(struct session *s, const char *why)
{
	struct command *cmd;
	struct waiter *w;

	s->state = SESS_STOPPING;
	TAILQ_FOREACH(cmd, &s->commands, entry) {
		if (cmd->rq == NULL)
			continue;
		if (cmd->query != NULL)
			event_query_cancel(cmd->query);
		cmd->query = NULL;
		if (cmd->state != CMD_FINISHED) {
			cmd->outcome = OUT_LOST;
			snprintf(cmd->message, sizeof(cmd->message),
			    "the session ended: %s", why);
		}
		command_reply(cmd, NULL);
	}
	while ((w = s->waiters) != NULL) {
		s->waiters = w->next;
		http_reply_empty(w->rq, 204);
		free(w);
	}
	session_free(s);
}
