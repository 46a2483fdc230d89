/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network of a session: maker makes its namespace, and the sockets in there go
 * on to netd, which serves them from then on. Bytes of a session never come here.
 * What netd cannot serve is the end of the session, or its start fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cgroup.h"
#include "log.h"
#include "privd.h"
#include "ring.h"

static struct chan *
netd_chan(void)
{
	const struct child *c = privd.helper[ROLE_NETD];

	return c != NULL ? c->ch : NULL;
}

enum net_wish
net_wish(void)
{
	if (privd.conf.network == 0)
		return NET_WISH_NONE;
	return privd.conf.network_unavailable == NET_UNAVAILABLE_NONE ?
	    NET_WISH_TRIED :
	    NET_WISH_NEEDED;
}

const char *
net_name(const struct sess *s)
{
	if (s->net == NET_OFF)
		return "none";
	return s->hooked ? "ebpf" : steer_name(s->steer);
}

bool
net_may_have_hooks(void)
{
	return privd.mode == MODE_SERVICE && privd.conf.network != 0 &&
	    privd.conf.network_mode != NET_MODE_NAMESPACE;
}

enum net_mode
net_mode(void)
{
	return net_may_have_hooks() ? (enum net_mode)privd.conf.network_mode :
				      NET_MODE_NAMESPACE;
}

void
net_check_conf(void)
{
	if (privd.conf.network != 0 &&
	    privd.conf.network_mode == NET_MODE_EBPF &&
	    privd.mode != MODE_SERVICE)
		fatalx(
		    "sandbox.network.mode: ebpf is for the service of root:"
		    " an ordinary user may load no programs into the kernel");
}

void
net_probe(void)
{
	if (!net_may_have_hooks())
		return;
	privd.cgroup_fd = cgroup_open_own();
	if (privd.cgroup_fd != -1)
		cgroup_sweep(privd.cgroup_fd);
}

/* Maker makes it, and the session's first process is not there yet. */
static bool
is_being_made(const struct sess *s)
{
	return s->step == STEP_ROOT && s->init == NULL && s->net == NET_WANTED;
}

/* The session shares the host's network, and hooks keep it from that: maker has
 * made its control group, and this is the table that netd needs. */
int
sess_on_make_hooks(struct chan *ch, struct imsg *im)
{
	const struct child *c = ch->arg;
	struct sess *s = c->sess;
	struct msg_make_hooks m;

	if (msg_get_make_hooks(im, &m) == -1)
		return -1;
	if (sess_is_ending(s))
		return 0;
	if (!is_being_made(s) || s->hooked || !net_may_have_hooks())
		return -1;
	s->hooked = true;
	s->dialled_fd = imsg_take_fd(im, 0);
	log_info("session %s of uid %u: no network namespace, but hooks of a"
		 " control group: %s",
	    s->id, (unsigned)s->uid, m.why);
	return 0;
}

/* TCP and UDP of one family. */
int
sess_on_make_listen(struct chan *ch, struct imsg *im)
{
	const struct child *c = ch->arg;
	struct sess *s = c->sess;
	struct msg_make_listen m;
	int i;

	if (msg_get_make_listen(im, &m) == -1 || m.ipv6 > 1)
		return -1;
	if (sess_is_ending(s))
		return 0;
	if (!is_being_made(s) || s->listen_fd[m.ipv6][0] != -1)
		return -1;
	for (i = 0; i < 2; i++)
		s->listen_fd[m.ipv6][i] = imsg_take_fd(im, i);
	return 0;
}

int
sess_on_make_refused(struct chan *ch, struct imsg *im)
{
	const struct child *c = ch->arg;
	struct sess *s = c->sess;

	if (sess_is_ending(s))
		return 0;
	if (!is_being_made(s) || s->refused_fd != -1)
		return -1;
	s->refused_fd = imsg_take_fd(im, 0);
	return 0;
}

/* What reaches the servers of the session, of one family. */
int
sess_on_make_inward(struct chan *ch, struct imsg *im)
{
	const struct child *c = ch->arg;
	struct sess *s = c->sess;
	struct msg_make_inward m;
	int i;

	if (msg_get_make_inward(im, &m) == -1 || m.ipv6 > 1)
		return -1;
	if (sess_is_ending(s))
		return 0;
	if (!is_being_made(s) || privd.conf.publish == PUBLISH_OFF ||
	    s->inward_fd[m.ipv6][0] != -1)
		return -1;
	for (i = 0; i < 2; i++)
		s->inward_fd[m.ipv6][i] = imsg_take_fd(im, i);
	return 0;
}

/* Its end of a new channel; execd, whose start is not complete yet, hears of netd
 * only where there is a network. */
static int
join_execd(struct sess *s, int *end)
{
	int pair[2], r;

	if (s->execd == NULL || chan_join(ROLE_EXECD, ROLE_NETD, pair) == -1)
		return -1;
	r = helper_chan(s->execd, ROLE_NETD, pair[0]);
	close(pair[0]);
	if (r == -1)
		close(pair[1]);
	*end = pair[1];
	return r;
}

static int
open_net(struct sess *s, int diag, int proxy)
{
	struct msg_net_open mo = {
		.session = s->number, .uid = s->uid, .steer = (uint8_t)s->steer
	};
	struct msg_net_dialled md = { .session = s->number };
	struct msg_net_listen ml = { .session = s->number };
	struct msg_net_refused mf = { .session = s->number };
	struct msg_net_inward mi = { .session = s->number };
	struct msg_net_ring mr = { .session = s->number, .size = RING_SIZE };
	struct msg_net_start ms = { .session = s->number };
	struct chan *ch = netd_chan();
	int fds[4] = { s->image_fd, diag, -1, s->net_approvals };
	uint32_t id;
	int r;

	snprintf(mo.session_id, sizeof(mo.session_id), "%s", s->id);
	if (ch == NULL || join_execd(s, &fds[2]) == -1)
		return -1;
	r = msg_send_net_open(ch, 0, &mo, fds);
	/* they end when netd's do */
	close(fds[2]);
	close(s->net_approvals);
	s->net_approvals = -1;
	if (r == -1)
		return -1;
	s->net = NET_STARTING;
	if (s->dialled_fd != -1 &&
	    msg_send_net_dialled(ch, 0, &md, &s->dialled_fd) == -1)
		return -1;
	for (ml.ipv6 = 0; ml.ipv6 < 2; ml.ipv6++) {
		if (s->listen_fd[ml.ipv6][0] != -1 &&
		    msg_send_net_listen(ch, 0, &ml, s->listen_fd[ml.ipv6]) ==
			-1)
			return -1;
	}
	if (s->refused_fd != -1 &&
	    msg_send_net_refused(ch, 0, &mf, &s->refused_fd) == -1)
		return -1;
	for (mi.ipv6 = 0; mi.ipv6 < 2; mi.ipv6++) {
		if (s->inward_fd[mi.ipv6][0] != -1 &&
		    msg_send_net_inward(ch, 0, &mi, s->inward_fd[mi.ipv6]) ==
			-1)
			return -1;
	}
	if (msg_send_net_ring(ch, 0, &mr, s->ring[ROLE_NETD]) == -1)
		return -1;
	id = chan_request(ch, s);
	return id == 0 ? -1 : msg_send_net_start(ch, id, &ms, &proxy);
}

static void
close_pair(int fd[2])
{
	size_t i;

	for (i = 0; i < 2; i++) {
		if (fd[i] != -1)
			close(fd[i]);
		fd[i] = -1;
	}
}

static void
close_fds(struct sess *s)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		close_pair(s->listen_fd[i]);
		close_pair(s->inward_fd[i]);
	}
	if (s->refused_fd != -1)
		close(s->refused_fd);
	if (s->dialled_fd != -1)
		close(s->dialled_fd);
	s->refused_fd = s->dialled_fd = -1;
}

/* Also maker may have made a group that it could not tell of. */
void
net_gone(struct sess *s)
{
	char name[CGROUP_NAME_MAX];

	close_fds(s);
	if (privd.cgroup_fd == -1)
		return;
	cgroup_name(name, getpid(), s->number);
	if (unlinkat(privd.cgroup_fd, name, AT_REMOVEDIR) == -1 &&
	    errno != ENOENT)
		log_warn("session %s: control group %s", s->id, name);
}

/* It is ours, so that nobody else ends what it holds. */
int
sess_on_make_steer(struct chan *ch, struct imsg *im)
{
	const struct child *c = ch->arg;
	struct sess *s = c->sess;

	if (sess_is_ending(s))
		return 0;
	if (!is_being_made(s) || s->steer_fd != -1)
		return -1;
	s->steer_fd = imsg_take_fd(im, 0);
	return 0;
}

int
sess_on_make_net(struct chan *ch, struct imsg *im)
{
	const struct child *c = ch->arg;
	struct sess *s = c->sess;
	struct msg_make_net m;
	static bool told;

	if (msg_get_make_net(im, &m) == -1 || m.steer >= STEER_MAX)
		return -1;
	if (sess_is_ending(s))
		return 0;
	/* hooks steer by themselves */
	if ((m.steer == STEER_AUTO) != s->hooked)
		return -1;
	s->steer = (enum steer)m.steer;
	if (!is_being_made(s) || s->listen_fd[0][0] == -1)
		return -1;
	if (s->refused_fd == -1 && !told) {
		log_warnx("packets that sessions' networks refuse leave no"
			  " event: that needs nf_tables with nft_log, and"
			  " nfnetlink_log");
		told = true;
	}
	if (!s->hooked)
		steer_found(s->steer);
	if (open_net(s, im->fds[0], im->fds[1]) == -1)
		sess_fail(s, 500, "internal", "netd cannot be told");
	/* netd alone has them: they end with it */
	close_fds(s);
	return 0;
}

int
net_made(struct sess *s)
{
	if (s->net != NET_WANTED)
		return 0;
	if (net_wish() == NET_WISH_NEEDED)
		return -1;
	log_warnx("session %s of uid %u: has no network, as it cannot be made",
	    s->id, (unsigned)s->uid);
	close_fds(s);
	s->net = NET_OFF;
	return 0;
}

int
sess_on_net_started(struct chan *ch, struct imsg *im)
{
	struct msg_net_started m;
	struct sess *s = im->arg;

	(void)ch;
	if (msg_get_net_started(im, &m) == -1)
		return -1;
	if (s == NULL || s->net != NET_STARTING)
		return 0;
	if (m.error[0] != '\0') {
		sess_fail(s, 500, "network", "netd: %s", m.error);
		return 0;
	}
	s->net = NET_UP;
	sess_helper_ready(s);
	return 0;
}

void
net_close(struct sess *s)
{
	struct msg_net_close m = { .session = s->number };
	struct chan *ch = netd_chan();
	uint32_t id = 0;

	if (s->net != NET_STARTING && s->net != NET_UP)
		return;
	s->net = NET_CLOSING;
	if (ch != NULL)
		id = chan_request(ch, s);
	/* netd is gone, or will be: net_lost() */
	if (id != 0)
		msg_send_net_close(ch, id, &m, NULL);
	else if (ch != NULL)
		chan_fail(ch, "too many answers are missing");
}

int
sess_on_net_closed(struct chan *ch, struct imsg *im)
{
	struct msg_net_closed m;
	struct sess *s = im->arg;

	(void)ch;
	if (msg_get_net_closed(im, &m) == -1)
		return -1;
	if (s == NULL || s->net != NET_CLOSING)
		return -1;
	s->net = NET_OFF;
	sess_net_ended(s);
	return 0;
}

int
sess_on_net_broken(struct chan *ch, struct imsg *im)
{
	struct msg_net_broken m;
	struct sess *s;

	(void)ch;
	if (msg_get_net_broken(im, &m) == -1)
		return -1;
	s = sess_by_number(m.session);
	if (s == NULL)
		return 0;
	if (s->state == SESS_CREATING)
		sess_fail(s, 500, "network", "netd: %s", m.detail);
	else
		sess_end(s, SESS_HELPER_DIED, "netd: %s", m.detail);
	return 0;
}

void
net_lost(void)
{
	struct sess *s, *next;

	for (s = TAILQ_FIRST(&privd.sessions); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		s->net = NET_OFF;
		sess_net_ended(s);
	}
}
