/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of sessions, and what sessiond may ask about them: make one for
 * the client that the kernel names, end one. Every field of a request is
 * sessiond's and is checked here.
 */
#include <sys/socket.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "path.h"
#include "privd.h"

/* What the two requests have in common. */
struct wanted {
	uint32_t request;
	const char *id;
	const char *workspace;
	const char *policy;
	const char *profile;
	uint32_t flags;
	uid_t uid;
	gid_t gid;
};

int
aerr_vset(struct aerr *e, int http, const char *code, const char *fmt,
    va_list ap)
{
	e->http = http;
	snprintf(e->code, sizeof(e->code), "%s", code);
	vsnprintf(e->message, sizeof(e->message), fmt, ap);
	return -1;
}

int
aerr_set(struct aerr *e, int http, const char *code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	aerr_vset(e, http, code, fmt, ap);
	va_end(ap);
	return -1;
}

struct sess *
sess_by_number(uint64_t number)
{
	struct sess *s;

	TAILQ_FOREACH(s, &privd.sessions, entry) {
		if (s->number == number)
			return s;
	}
	return NULL;
}

/* An id is one of its user's: two users may have the same. */
static struct sess *
sess_by_id(uid_t uid, const char *id)
{
	struct sess *s;

	TAILQ_FOREACH(s, &privd.sessions, entry) {
		if (s->uid == uid && strcmp(s->id, id) == 0)
			return s;
	}
	return NULL;
}

/* No session runs as one of our own processes, or as nobody's id. */
static int
check_uid(uid_t uid, struct aerr *e)
{
	size_t i;

	if (privd.mode == MODE_USER) {
		if (uid == privd.uid)
			return 0;
		return aerr_set(e, 403, "forbidden",
		    "this agentshd serves uid %u alone", (unsigned)privd.uid);
	}
	for (i = 0; i < ROLE_MAX; i++) {
		if (uid != 0 && uid == privd.user[i].uid)
			return aerr_set(e, 403, "forbidden",
			    "uid %u is a part of agentsh", (unsigned)uid);
	}
	if (uid == AGENTSH_ROOT_ID)
		return aerr_set(e, 403, "forbidden", "uid %u is reserved",
		    (unsigned)uid);
	return 0;
}

/* What one user takes must leave something for the others. */
static bool
is_over_share(uid_t uid)
{
	const struct sess *s;
	uint64_t n = 0;

	if (privd.mode == MODE_USER || uid == 0)
		return false;
	TAILQ_FOREACH(s, &privd.sessions, entry) {
		if (s->uid == uid)
			n++;
	}
	return n >= privd.conf.max_user_sessions;
}

static int
check_wanted(const struct wanted *w, struct aerr *e)
{
	const struct sess *other;

	if (privd.stopping)
		return aerr_set(e, 503, "stopping", "agentshd is stopping");
	if (!session_id_is_valid(w->id))
		return aerr_set(e, 400, "invalid_id",
		    "a session id is 1 to 128 of A-Z a-z 0-9 . _ -, a letter or"
		    " digit first");
	if (w->policy[0] != '\0' && !policy_name_is_valid(w->policy))
		return aerr_set(e, 400, "invalid_policy",
		    "a policy name is 1 to 128 of A-Z a-z 0-9 _ -");
	if (w->profile[0] != '\0' && w->policy[0] != '\0')
		return aerr_set(e, 400, "invalid_profile",
		    "a profile brings its policy");
	if (w->workspace[0] != '/')
		return aerr_set(e, 400, "invalid_workspace",
		    "the workspace must be an absolute path");
	if ((w->flags & ~(uint32_t)SESS_REAL_PATHS) != 0)
		return aerr_set(e, 400, "invalid_flags", "unknown flags");
	other = sess_by_id(w->uid, w->id);
	if (other != NULL && other->state == SESS_STUCK)
		return aerr_set(e, 409, "exists",
		    "a session of this name has ended, but not all of its"
		    " processes");
	if (other != NULL)
		return aerr_set(e, 409, "exists", "session already exists");
	if (privd.nsessions >= privd.conf.max_sessions)
		return aerr_set(e, 400, "limit",
		    "there are %zu sessions already (sessions.max_sessions)",
		    privd.nsessions);
	if (is_over_share(w->uid))
		return aerr_set(e, 400, "limit",
		    "uid %u has %llu sessions already"
		    " (sessions.max_user_sessions)",
		    (unsigned)w->uid,
		    (unsigned long long)privd.conf.max_user_sessions);
	return check_uid(w->uid, e);
}

static struct sess *
sess_new(const struct wanted *w)
{
	static uint64_t last_number;
	struct sess *s;
	size_t i;

	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->number = ++last_number;
	s->request = w->request;
	snprintf(s->id, sizeof(s->id), "%s", w->id);
	snprintf(s->workspace, sizeof(s->workspace), "%s", w->workspace);
	snprintf(s->policy, sizeof(s->policy), "%s",
	    w->policy[0] != '\0' ? w->policy : privd.conf.policy_default);
	s->flags = w->flags;
	if (privd.conf.real_paths != 0)
		s->flags |= SESS_REAL_PATHS;
	s->uid = w->uid;
	s->gid = w->gid;
	s->created = (uint64_t)clock_epoch_s();
	s->workspace_fd = s->trash_fd = s->client_sock = s->init_sock =
	    s->abort_fd = s->dialled_fd = -1;
	s->image_fd = s->net_approvals = s->steer_fd = -1;
	memset(s->listen_fd, -1, sizeof(s->listen_fd));
	s->refused_fd = -1;
	memset(s->inward_fd, -1, sizeof(s->inward_fd));
	s->net = net_wish() == NET_WISH_NONE ? NET_OFF : NET_WANTED;
	for (i = 0; i < ROLE_MAX; i++)
		s->ring[i][0] = s->ring[i][1] = s->ring[i][2] = -1;
	TAILQ_INSERT_TAIL(&privd.sessions, s, entry);
	privd.nsessions++;
	return s;
}

int
sess_answer_failed(struct chan *ch, uint32_t request, const struct aerr *e)
{
	struct msg_sess_failed m = { 0 };

	m.http_status = (uint32_t)e->http;
	snprintf(m.code, sizeof(m.code), "%s", e->code);
	snprintf(m.message, sizeof(m.message), "%s", e->message);
	msg_send_sess_failed(ch, request, &m, NULL);
	return 0;
}

static int
create(struct chan *ch, const struct wanted *w, struct aerr *e)
{
	struct sess *s;

	if (check_wanted(w, e) == -1)
		return sess_answer_failed(ch, w->request, e);
	s = sess_new(w);
	if (s == NULL) {
		aerr_set(e, 500, "internal", "out of memory");
		return sess_answer_failed(ch, w->request, e);
	}
	if (mounts_choose(s, w->profile, e) == -1)
		sess_fail(s, e->http, e->code, "%s", e->message);
	else if (sess_make_start(s) == -1)
		sess_fail(s, 500, "internal", "cannot start maker");
	return 0;
}

int
sess_on_create_unix(struct chan *ch, struct imsg *im)
{
	struct msg_sess_create_unix m;
	struct wanted w = { 0 };
	struct aerr e = { 0 };

	if (msg_get_sess_create_unix(im, &m) == -1)
		return -1;
	w.request = im->id;
	w.id = m.id;
	w.workspace = m.workspace;
	w.policy = m.policy;
	w.profile = m.profile;
	w.flags = m.flags;
	if (im->lost) {
		(void)aerr_set(&e, 503, "busy",
		    "agentshd has no descriptor left");
		return sess_answer_failed(ch, w.request, &e);
	}
	if (peer_unix(im->fds[0], &w.uid, &w.gid, &e) == -1)
		return sess_answer_failed(ch, w.request, &e);
	return create(ch, &w, &e);
}

int
sess_on_create_tcp(struct chan *ch, struct imsg *im)
{
	struct msg_sess_create_tcp m;
	struct wanted w = { 0 };
	struct aerr e = { 0 };

	if (msg_get_sess_create_tcp(im, &m) == -1)
		return -1;
	w.request = im->id;
	w.id = m.id;
	w.workspace = m.workspace;
	w.policy = m.policy;
	w.profile = m.profile;
	w.flags = m.flags;
	w.gid = (gid_t)-1; /* the account says */
	if (peer_tcp(m.family, m.client_port, &w.uid, &e) == -1)
		return sess_answer_failed(ch, w.request, &e);
	return create(ch, &w, &e);
}

int
sess_on_destroy(struct chan *ch, struct imsg *im)
{
	struct msg_sess_destroy m;
	struct sess *s;

	(void)ch;
	if (msg_get_sess_destroy(im, &m) == -1)
		return -1;
	/* the end of the service is ours to declare */
	if (m.reason >= SESS_REASON_MAX || m.reason == SESS_SHUTDOWN)
		return -1;
	s = sess_by_number(m.session);
	/* it may have ended while the message was on its way */
	if (s == NULL || s->state != SESS_READY)
		return 0;
	if (m.reason == SESS_HELPER_DIED)
		sess_lost_execd(s);
	else
		sess_end(s, (enum sess_reason)m.reason, "%s", "");
	return 0;
}

int
sess_on_event_broken(struct chan *ch, struct imsg *im)
{
	struct msg_event_broken m;
	struct sess *s;

	(void)ch;
	if (msg_get_event_broken(im, &m) == -1)
		return -1;
	s = sess_by_number(m.session);
	if (s != NULL)
		sess_end(s, SESS_HELPER_DIED, "event log: %s", m.detail);
	return 0;
}
