/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of a session in the making: how they are started and joined,
 * and what each of them hears before its start is complete.
 */
#include <sys/utsname.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "path.h"
#include "privd.h"
#include "proc.h"
#include "ring.h"

/* A new channel of a to another of the session's processes; its far end. */
static int
join_end(struct child *a, enum role far, int *far_end)
{
	int pair[2], r;

	if (chan_join(a->role, far, pair) == -1)
		return -1;
	r = helper_chan(a, far, pair[0]);
	close(pair[0]);
	*far_end = pair[1];
	return r;
}

/* Each end of a new channel between two processes that are there already. */
static int
join(struct child *a, struct child *b)
{
	int end = -1, r;

	r = join_end(a, b->role, &end);
	if (r == 0)
		r = helper_chan(b, a->role, end);
	if (end != -1)
		close(end);
	return r;
}

/* By which it asks for an operator's word; policyd hears from us whose it is. */
static int
tell_policyd(struct sess *s, enum role role, int end)
{
	struct msg_approval_open m = {
		.session = s->number, .role = role, .uid = s->uid
	};

	if (privd.helper[ROLE_POLICYD] == NULL)
		return -1;
	snprintf(m.session_id, sizeof(m.session_id), "%s", s->id);
	return msg_send_approval_open(privd.helper[ROLE_POLICYD]->ch, 0, &m,
	    &end);
}

static int
join_policyd(struct sess *s, struct child *c)
{
	int end = -1, r;

	r = join_end(c, ROLE_POLICYD, &end);
	if (r == 0)
		r = tell_policyd(s, c->role, end);
	if (end != -1)
		close(end);
	return r;
}

/* What netd is to have of the session beside its sockets: NET_OPEN. */
static int
prepare_net(struct sess *s)
{
	int pair[2], r;

	if (ring_create(s->ring[ROLE_NETD]) == -1 ||
	    chan_join(ROLE_NETD, ROLE_POLICYD, pair) == -1)
		return -1;
	s->net_approvals = pair[0];
	r = tell_policyd(s, ROLE_NETD, pair[1]);
	close(pair[1]);
	return r;
}

static int
give_ring(struct sess *s, struct child *c)
{
	struct msg_sys_ring m = { .size = RING_SIZE };

	if (ring_create(s->ring[c->role]) == -1)
		return -1;
	return msg_send_sys_ring(c->ch, 0, &m, s->ring[c->role]);
}

/* Can the kernel read and write files itself? Since Linux 6.9, and for root. */
static bool
has_passthrough(void)
{
	struct utsname u;
	unsigned major, minor;

	if (privd.mode != MODE_SERVICE || uname(&u) == -1 ||
	    sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major > 6 || (major == 6 && minor >= 9);
}

static int
spawn_fusereg(struct sess *s, const struct cred *cred)
{
	static const struct msg_reg_root mr;
	static const struct msg_sys_start ms;
	const int dirs[2] = { s->workspace_fd, s->trash_fd };

	s->fusereg = child_spawn(ROLE_FUSEREG, cred, s);
	if (s->fusereg == NULL ||
	    helper_greet(s->fusereg, s->number, s->id, s->uid, s->gid) == -1 ||
	    join(s->fsd, s->fusereg) == -1 ||
	    msg_send_reg_root(s->fusereg->ch, 0, &mr, dirs) == -1)
		return -1;
	return msg_send_sys_start(s->fusereg->ch, 0, &ms, NULL);
}

int
sess_spawn_helpers(struct sess *s)
{
	struct cred cred = { s->uid, s->gid, s->groups, s->ngroups };

	s->execd = child_spawn(ROLE_EXECD, &cred, s);
	s->fsd = child_spawn(ROLE_FSD, &cred, s);
	if (s->execd == NULL || s->fsd == NULL)
		return -1;
	if (helper_greet(s->execd, s->number, s->id, s->uid, s->gid) == -1 ||
	    helper_greet(s->fsd, s->number, s->id, s->uid, s->gid) == -1 ||
	    join_end(s->execd, ROLE_SESSIOND, &s->client_sock) == -1 ||
	    join_end(s->execd, ROLE_INIT, &s->init_sock) == -1 ||
	    join(s->execd, s->fsd) == -1 || join_policyd(s, s->execd) == -1 ||
	    join_policyd(s, s->fsd) == -1)
		return -1;
	if (s->net == NET_WANTED && prepare_net(s) == -1)
		return -1;
	if (privd.conf.passthrough != PASSTHROUGH_OFF && has_passthrough() &&
	    spawn_fusereg(s, &cred) == -1)
		return -1;
	return give_ring(s, s->execd) == -1 ? -1 : give_ring(s, s->fsd);
}

static int
tell_trash(struct sess *s)
{
	const struct conf *c = &privd.conf;
	struct msg_fs_trash m = { 0 };

	m.quota = c->trash_quota;
	m.files = c->trash_entries;
	m.ttl_ms = c->trash_ttl_ms;
	m.hash_under = c->trash_hash_under;
	m.all = c->trash_mode == TRASH_ALL;
	snprintf(m.workspace, sizeof(m.workspace), "%s", s->workspace);
	/* where agentsh(1) looks, whether it is the one or not: what it finds
	 * there must not be an agent's */
	if (privd.paths.trash_usual[0] != '\0')
		snprintf(m.usual, sizeof(m.usual), "%s",
		    privd.paths.trash_usual);
	else if (path_join(m.usual, sizeof(m.usual), s->home,
		     ".local/state/agentsh/trash") == -1)
		m.usual[0] = '\0';
	snprintf(m.config, sizeof(m.config), "%s", privd.paths.config);
	return msg_send_fs_trash(s->fsd->ch, 0, &m, &s->trash_fd);
}

int
sess_tell_fsd(struct sess *s, int image)
{
	static const struct msg_policy_image mi;
	static const struct msg_sys_start ms;
	struct msg_fs_root mr = { 0 };
	struct chan *ch = s->fsd->ch;
	int fds[2] = { privd.host_root_fd, s->workspace_fd };

	mr.uid = s->uid;
	mr.gid = s->gid;
	snprintf(mr.mount, sizeof(mr.mount), "%s", s->mount);
	if (msg_send_policy_image(ch, 0, &mi, &image) == -1 ||
	    msg_send_fs_root(ch, 0, &mr, fds) == -1 ||
	    mounts_tell(s, s->fsd) == -1 || tell_trash(s) == -1)
		return -1;
	return msg_send_sys_start(ch, 0, &ms, NULL);
}

int
sess_tell_execd(struct sess *s, int image)
{
	static const struct msg_policy_image mi;

	return msg_send_policy_image(s->execd->ch, 0, &mi, &image);
}

int
sess_start_execd(struct sess *s, const int fds[3])
{
	struct msg_exec_ns mn = { 0 };
	static const struct msg_sys_start ms;
	struct chan *ch = s->execd->ch;

	mn.shares_net = s->hooked;
	snprintf(mn.mount, sizeof(mn.mount), "%s", s->mount);
	snprintf(mn.workspace, sizeof(mn.workspace), "%s", s->workspace);
	if (mounts_tell(s, s->execd) == -1 ||
	    msg_send_exec_ns(ch, 0, &mn, fds) == -1)
		return -1;
	return msg_send_sys_start(ch, 0, &ms, NULL);
}

int
sess_tell_maker(struct sess *s, const struct msg_policy_compiled *p)
{
	struct msg_make_root m = { 0 };
	int fds[2] = { privd.init_fd, s->init_sock }, r;

	m.map_root = privd.has_root;
	m.native_events = privd.conf.native_events == NATIVE_EVENTS_AUTO;
	m.network = (uint8_t)net_wish();
	m.steer = (uint8_t)privd.steer;
	m.net_mode = (uint8_t)net_mode();
	m.publish = privd.conf.publish != PUBLISH_OFF;
	snprintf(m.mount, sizeof(m.mount), "%s", s->mount);
	snprintf(m.workspace, sizeof(m.workspace), "%s", s->workspace);
	snprintf(m.hostname, sizeof(m.hostname), "agentsh");
	m.plan = p->plan;
	m.plan_len = p->plan_len;
	r = msg_send_make_root(s->maker->ch, 0, &m, fds);
	/* init's end must close with init */
	close(s->init_sock);
	s->init_sock = -1;
	return r;
}
