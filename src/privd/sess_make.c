/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session in the making. Each step is entered by a message of the process
 * that did the one before; what comes out of order ends the session. The steps:
 * maker opens the workspace; policyd compiles while execd and fsd load; maker
 * clones pid 1, which mounts the root; execd and fsd are ready.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "privd.h"
#include "ring.h"

#define MAKE_TIMEOUT_MS 10000 /* for all steps */
#define BACKSTOP_MS 2000 /* sessiond ends a session that is too old first */

static struct sess *
sess_of(struct chan *ch)
{
	struct child *c = ch->arg;

	return c->sess;
}

int
sess_make_start(struct sess *s)
{
	struct msg_make_open m = { 0 };

	s->step = STEP_WORKSPACE;
	sess_timer(s, MAKE_TIMEOUT_MS);
	s->maker = child_spawn(ROLE_MAKER, NULL, s);
	if (s->maker == NULL)
		return -1;
	if (helper_greet(s->maker, s->number, s->id, s->uid, s->gid) == -1)
		return -1;
	if (mounts_tell(s, s->maker) == -1)
		return -1;
	m.uid = s->uid;
	m.gid = privd.mode == MODE_USER ? privd.gid : s->gid;
	snprintf(m.workspace, sizeof(m.workspace), "%s", s->workspace);
	return msg_send_make_open(s->maker->ch, 0, &m, &privd.trash_fd);
}

int
sess_ask_policy(struct sess *s)
{
	struct msg_policy_compile m = { 0 };
	struct chan *ch;
	uint32_t id;

	if (privd.helper[ROLE_POLICYD] == NULL)
		return -1;
	ch = privd.helper[ROLE_POLICYD]->ch;
	snprintf(m.name, sizeof(m.name), "%s", s->policy);
	if (s->profile != NULL)
		snprintf(m.profile, sizeof(m.profile), "%s", s->profile->name);
	snprintf(m.project_root, sizeof(m.project_root), "%s", s->mount);
	snprintf(m.home, sizeof(m.home), "%s", s->home);
	snprintf(m.user, sizeof(m.user), "%s", s->user);
	m.uid = s->uid;
	id = chan_request(ch, s);
	if (id == 0)
		return -1;
	return msg_send_policy_compile(ch, id, &m, NULL);
}

int
sess_on_make_opened(struct chan *ch, struct imsg *im)
{
	struct sess *s = sess_of(ch);
	struct msg_make_opened m;
	struct aerr e = { 0 };

	if (msg_get_make_opened(im, &m) == -1 ||
	    m.groups_len % sizeof(gid_t) != 0)
		return -1;
	if (sess_is_ending(s))
		return 0;
	if (s->step != STEP_WORKSPACE || !mounts_are_open(s))
		return -1;
	s->workspace_fd = imsg_take_fd(im, 0);
	s->trash_fd = imsg_take_fd(im, 1);
	s->gid = m.gid;
	snprintf(s->workspace, sizeof(s->workspace), "%s", m.workspace);
	snprintf(s->home, sizeof(s->home), "%s", m.home);
	snprintf(s->user, sizeof(s->user), "%s", m.user);
	snprintf(s->mount, sizeof(s->mount), "%s",
	    (s->flags & SESS_REAL_PATHS) != 0 ? s->workspace : "/workspace");
	if (mounts_check(s, &e) == -1) {
		sess_fail(s, e.http, e.code, "%s", e.message);
		return 0;
	}
	if (m.groups_len > 0) {
		s->groups = malloc(m.groups_len);
		if (s->groups == NULL) {
			sess_fail(s, 500, "internal", "out of memory");
			return 0;
		}
		memcpy(s->groups, m.groups, m.groups_len);
		s->ngroups = m.groups_len / sizeof(gid_t);
	}
	s->step = STEP_POLICY;
	if (sess_ask_policy(s) == -1 || sess_spawn_helpers(s) == -1)
		sess_fail(s, 500, "internal",
		    "cannot start the session's"
		    " processes");
	return 0;
}

static uint64_t
lesser_limit(uint64_t a, uint64_t b)
{
	/* 0 is none */
	if (a == 0 || b == 0)
		return a + b;
	return a < b ? a : b;
}

static void
get_limits(const struct msg_policy_compiled *m, struct limits *l)
{
	l->command_ms = lesser_limit(m->command_timeout_ms,
	    privd.conf.command_timeout_ms);
	l->session_ms = lesser_limit(m->session_timeout_ms,
	    privd.conf.session_timeout_ms);
	l->idle_ms = lesser_limit(m->idle_timeout_ms,
	    privd.conf.idle_timeout_ms);
}

/* There is no policy for a session, or no new one. */
static void
refused(struct sess *s, int status, const char *why)
{
	if (s != NULL && s->state == SESS_CREATING)
		sess_fail(s, status, "policy", "%s", why);
	else if (s != NULL && s->state == SESS_READY && s->reload != NULL)
		reload_refused(s, why);
}

int
sess_on_policy_compiled(struct chan *ch, struct imsg *im)
{
	struct msg_policy_compiled m;
	struct sess *s = im->arg;
	struct limits limits;
	struct plan plan;
	struct buf b;

	(void)ch;
	if (msg_get_policy_compiled(im, &m) == -1)
		return -1;
	buf_read_from(&b, m.plan, m.plan_len);
	if (plan_get(&b, &plan) == -1)
		return -1;
	if (im->lost) {
		refused(s, 503, "agentshd has no descriptor left");
		return 0;
	}
	get_limits(&m, &limits);
	if (s != NULL && s->state == SESS_READY && s->reload != NULL) {
		reload_compiled(s, &limits, imsg_take_fd(im, 0), &plan,
		    m.digest, m.warning);
		return 0;
	}
	/* the session failed meanwhile */
	if (s == NULL || s->state != SESS_CREATING)
		return 0;
	s->limits = limits;
	s->plan = plan;
	s->image_fd = imsg_take_fd(im, 0);
	snprintf(s->policy, sizeof(s->policy), "%s", m.name);
	snprintf(s->warning, sizeof(s->warning), "%s", m.warning);
	snprintf(s->digest, sizeof(s->digest), "%s", m.digest);
	s->step = STEP_ROOT;
	/* a process that is gone has its own way of ending the session */
	if (s->maker == NULL || s->fsd == NULL || s->execd == NULL)
		return 0;
	if (sess_tell_maker(s, &m) == -1 ||
	    sess_tell_fsd(s, s->image_fd) == -1 ||
	    sess_tell_execd(s, s->image_fd) == -1)
		log_debug("session %s: a process went away", s->id);
	return 0;
}

int
sess_on_policy_refused(struct chan *ch, struct imsg *im)
{
	struct msg_policy_refused m;
	struct sess *s = im->arg;

	(void)ch;
	if (msg_get_policy_refused(im, &m) == -1 || m.http_status < 400 ||
	    m.http_status > 599)
		return -1;
	refused(s, (int)m.http_status, m.message);
	return 0;
}

/* Pid 1 takes over maker's channel, until its exec; maker has to end. */
int
sess_on_make_cloned(struct chan *ch, struct imsg *im)
{
	struct child *maker = ch->arg;
	struct sess *s = maker->sess;
	struct msg_make_cloned m;

	if (msg_get_make_cloned(im, &m) == -1 || maker->role != ROLE_MAKER ||
	    (s->state == SESS_CREATING && s->step != STEP_ROOT))
		return -1;
	if (!child_is_pidfd(im->fds[0]) ||
	    (s->state == SESS_CREATING && net_made(s) == -1))
		return -1;
	s->init = child_adopt(ROLE_INIT, (pid_t)m.pid, imsg_take_fd(im, 0), s);
	s->init->ch = ch;
	ch->arg = s->init;
	maker->ch = NULL;
	child_expect_end(maker);
	if (sess_is_ending(s))
		child_kill(s->init);
	return 0;
}

/* What is written into it ends the session's file system, whoever holds it. */
int
sess_on_make_abort(struct chan *ch, struct imsg *im)
{
	struct sess *s = sess_of(ch);

	if (sess_is_ending(s))
		return 0;
	if (s->step != STEP_ROOT || s->init == NULL || s->abort_fd != -1)
		return -1;
	s->abort_fd = imsg_take_fd(im, 0);
	return 0;
}

/* fsd hears from the kernel itself what is opened there. */
int
sess_on_make_native(struct chan *ch, struct imsg *im)
{
	struct sess *s = sess_of(ch);
	struct msg_make_native m;
	struct msg_fs_native mf = { 0 };

	if (msg_get_make_native(im, &m) == -1)
		return -1;
	if (sess_is_ending(s) || s->fsd == NULL)
		return 0;
	if (s->step != STEP_ROOT || s->init == NULL)
		return -1;
	memcpy(mf.path, m.path, sizeof(mf.path));
	msg_send_fs_native(s->fsd->ch, 0, &mf, im->fds);
	return 0;
}

int
sess_on_make_reads(struct chan *ch, struct imsg *im)
{
	struct sess *s = sess_of(ch);
	struct msg_make_reads m;

	if (msg_get_make_reads(im, &m) == -1)
		return -1;
	snprintf(s->native_reads, sizeof(s->native_reads), "%s",
	    m.native_reads);
	return 0;
}

int
sess_on_make_device(struct chan *ch, struct imsg *im)
{
	static const struct msg_fs_device m;
	static const struct msg_reg_device mr;
	struct sess *s = sess_of(ch);

	if (sess_is_ending(s) || s->fsd == NULL)
		return 0;
	if (s->step != STEP_ROOT || s->init == NULL)
		return -1;
	if (s->fusereg != NULL)
		msg_send_reg_device(s->fusereg->ch, 0, &mr, im->fds);
	msg_send_fs_device(s->fsd->ch, 0, &m, im->fds);
	return 0;
}

int
sess_on_make_done(struct chan *ch, struct imsg *im)
{
	static const struct msg_fs_procfs m;
	struct sess *s = sess_of(ch);

	if (sess_is_ending(s) || s->fsd == NULL || s->execd == NULL)
		return 0;
	if (s->step != STEP_ROOT || s->init == NULL)
		return -1;
	msg_send_fs_procfs(s->fsd->ch, 0, &m, im->fds);
	sess_start_execd(s, im->fds + 1);
	s->rooted = true;
	s->step = STEP_HELPERS;
	chan_fail(ch, "all is said");
	sess_helper_ready(s);
	return 0;
}

int
sess_on_make_failed(struct chan *ch, struct imsg *im)
{
	struct sess *s = sess_of(ch);
	struct msg_make_failed m;

	if (msg_get_make_failed(im, &m) == -1 || m.http_status < 400 ||
	    m.http_status > 599)
		return -1;
	if (s->state == SESS_CREATING)
		sess_fail(s, (int)m.http_status,
		    m.http_status >= 500    ? "sandbox" :
			!mounts_are_open(s) ? "invalid_profile" :
					      "invalid_workspace",
		    "%s", m.message);
	return 0;
}

/* Registers it with eventd, before anything of it can be asked for. */
static int
tell_eventd(struct sess *s)
{
	static const enum role producers[] = { ROLE_EXECD, ROLE_FSD,
		ROLE_NETD };
	struct chan *ch = privd.helper[ROLE_EVENTD]->ch;
	struct msg_event_open mo = { 0 };
	struct msg_event_ring mr = { 0 };
	size_t i;

	mo.session = s->number;
	mo.uid = s->uid;
	snprintf(mo.session_id, sizeof(mo.session_id), "%s", s->id);
	snprintf(mo.policy, sizeof(mo.policy), "%s", s->policy);
	snprintf(mo.warning, sizeof(mo.warning), "%s", s->warning);
	if (s->profile != NULL)
		snprintf(mo.profile, sizeof(mo.profile), "%s",
		    s->profile->name);
	snprintf(mo.workspace, sizeof(mo.workspace), "%s", s->workspace);
	if (msg_send_event_open(ch, 0, &mo, NULL) == -1)
		return -1;
	s->logged = true;
	for (i = 0; i < sizeof(producers) / sizeof(producers[0]); i++) {
		if (producers[i] == ROLE_NETD && s->net != NET_UP)
			continue;
		mr.session = s->number;
		mr.role = producers[i];
		mr.size = RING_SIZE;
		if (msg_send_event_ring(ch, 0, &mr, s->ring[producers[i]]) ==
		    -1)
			return -1;
	}
	return 0;
}

static int
tell_sessiond(struct sess *s)
{
	struct msg_sess_created m = { 0 };
	uint32_t request = s->request;
	int r;

	m.session = s->number;
	m.uid = s->uid;
	m.command_timeout_ms = s->limits.command_ms;
	m.session_timeout_ms = s->limits.session_ms;
	m.idle_timeout_ms = s->limits.idle_ms;
	snprintf(m.home, sizeof(m.home), "%s", s->home);
	snprintf(m.digest, sizeof(m.digest), "%s", s->digest);
	snprintf(m.id, sizeof(m.id), "%s", s->id);
	snprintf(m.workspace, sizeof(m.workspace), "%s", s->workspace);
	snprintf(m.mount, sizeof(m.mount), "%s", s->mount);
	snprintf(m.user, sizeof(m.user), "%s", s->user);
	snprintf(m.policy, sizeof(m.policy), "%s", s->policy);
	snprintf(m.file_data, sizeof(m.file_data), "%s", s->file_data);
	if (s->profile != NULL)
		snprintf(m.profile, sizeof(m.profile), "%s", s->profile->name);
	snprintf(m.native_reads, sizeof(m.native_reads), "%s", s->native_reads);
	snprintf(m.file_transport, sizeof(m.file_transport), "%s",
	    s->file_transport);
	snprintf(m.network, sizeof(m.network), "%s", net_name(s));
	s->request = 0;
	r = msg_send_sess_created(privd.helper[ROLE_SESSIOND]->ch, request, &m,
	    &s->client_sock);
	close(s->client_sock);
	s->client_sock = -1;
	return r;
}

static void
close_parts(struct sess *s)
{
	size_t i, j;

	for (i = 0; i < ROLE_MAX; i++) {
		for (j = 0; j < 3; j++) {
			if (s->ring[i][j] != -1)
				close(s->ring[i][j]);
			s->ring[i][j] = -1;
		}
	}
	close(s->workspace_fd);
	s->workspace_fd = -1;
	close(s->trash_fd);
	s->trash_fd = -1;
	mounts_close(s);
}

void
sess_set_life(struct sess *s)
{
	uint64_t lived = clock_ms() - s->ready_ms, limit;

	limit = s->limits.session_ms;
	if (limit == 0)
		sess_timer(s, 0);
	else
		sess_timer(s,
		    (limit > lived ? limit - lived : 0) + BACKSTOP_MS);
}

void
sess_helper_ready(struct sess *s)
{
	if (s->state != SESS_CREATING || !s->rooted || s->execd == NULL ||
	    !s->execd->ready || s->fsd == NULL || !s->fsd->ready ||
	    (s->fusereg != NULL && !s->fusereg->ready) ||
	    (s->net != NET_UP && s->net != NET_OFF))
		return;
	s->state = SESS_READY;
	s->ready_ms = clock_ms();
	sess_set_life(s);
	if (tell_eventd(s) == -1 || tell_sessiond(s) == -1)
		return; /* their end is ours */
	close_parts(s);
	log_info("session %s of uid %u: ready, policy %s, workspace %s, file"
		 " data by %s, requests by %s, native reads %s, network %s",
	    s->id, (unsigned)s->uid, s->policy, s->workspace, s->file_data,
	    s->file_transport, s->native_reads, net_name(s));
	reload_sess_ready(s);
}
