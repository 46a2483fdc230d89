/* SPDX-License-Identifier: Apache-2.0 */
/*
 * maker: one process a session, with privd's rights, for a few milliseconds.
 * It finds the account, has the workspace opened as that user, makes the
 * namespaces, and ends; its pid-1 child mounts the root and becomes init. It
 * hears privd alone.
 */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "maker.h"
#include "start.h"

static struct {
	enum run_mode mode;
	bool hello;
	uint64_t session;
	bool opened;
	bool done;
	struct account acct;
	char *mounts[PROFILE_MOUNTS]; /* to be opened before the workspace */
	size_t nmounts;
	struct plan plan;
} maker;

static int maker_on_sys_hello(struct chan *, struct imsg *);
static int maker_on_sess_mount(struct chan *, struct imsg *);
static int maker_on_make_open(struct chan *, struct imsg *);
static int maker_on_make_root(struct chan *, struct imsg *);
static int maker_on_make_probe(struct chan *, struct imsg *);

static const struct handler maker_handlers[] = {
	{ MSG_SYS_HELLO, maker_on_sys_hello },
	{ MSG_SESS_MOUNT, maker_on_sess_mount },
	{ MSG_MAKE_OPEN, maker_on_make_open },
	{ MSG_MAKE_ROOT, maker_on_make_root },
	{ MSG_MAKE_PROBE, maker_on_make_probe },
	{ MSG_NONE, NULL },
};

int
main(int argc, char **argv)
{
	struct chan *ch;

	log_init("maker");
	start_options(ROLE_MAKER, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	/* inherited by the session's private files; paths are looked up in / */
	umask(022);
	if (chdir("/") == -1)
		fatal("chdir /");
	ch = chan_new(AGENTSH_PARENT_FD, ROLE_MAKER, ROLE_PRIVD, maker_handlers,
	    NULL);
	if (ch == NULL)
		fatal("start");
	ch->state = ST_START;
	while (!maker.done) {
		if (chan_step(ch, -1) == -1)
			break;
	}
	chan_free(ch);
	return maker.done ? 0 : 1;
}

static int
maker_on_sys_hello(struct chan *ch, struct imsg *im)
{
	struct msg_sys_hello m;

	(void)ch;
	if (start_hello(ROLE_MAKER, im, &m) == -1)
		return -1;
	maker.mode = (enum run_mode)m.run_mode;
	maker.session = m.session;
	maker.hello = true;
	return 0;
}

static int
maker_on_sess_mount(struct chan *ch, struct imsg *im)
{
	struct msg_sess_mount m;

	(void)ch;
	if (!maker.hello || maker.opened || maker.nmounts == PROFILE_MOUNTS ||
	    msg_get_sess_mount(im, &m) == -1)
		return -1;
	maker.mounts[maker.nmounts] = strdup(m.path);
	if (maker.mounts[maker.nmounts] == NULL)
		fatal("strdup");
	maker.nmounts++;
	return 0;
}

static int
maker_on_make_open(struct chan *ch, struct imsg *im)
{
	struct msg_make_open m;
	struct aerr e = { 0 };
	struct to_open wanted;

	if (!maker.hello || msg_get_make_open(im, &m) == -1)
		return -1;
	if (account_lookup(&maker.acct, maker.mode, m.uid, m.gid, &e) == -1) {
		make_tell_failed(ch, &e);
		exit(1);
	}
	wanted.workspace = m.workspace;
	wanted.trash_fd = im->fds[0];
	wanted.mounts = maker.mounts;
	wanted.nmounts = maker.nmounts;
	if (workspace_open(ch, maker.mode, &maker.acct, &wanted) == -1)
		exit(1);
	maker.opened = true;
	return 0;
}

/* Pid 1 of the session. It waits for its id maps, and for privd to know it:
 * an end of file instead of a byte means that maker did not get that far. */
static void
child(struct root *r, int go_fd[2], int native[2])
{
	struct aerr e = { 0 };
	char c;

	close(go_fd[1]);
	close(native[0]);
	r->native = native[1];
	if (read(go_fd[0], &c, 1) != 1)
		_exit(1);
	close(go_fd[0]);
	if (root_enter(r, &e) == -1)
		make_tell_failed(r->privd, &e);
	_exit(1);
}

static int
release(struct chan *ch, pid_t pid, int pidfd, const struct root *r, int go_fd,
    struct aerr *e)
{
	struct msg_make_cloned m = { 0 };

	if (ns_write_maps(pid, maker.mode, r->acct, r->map_root, e) == -1)
		return -1;
	m.pid = (uint32_t)pid;
	/* privd owns the child from here on */
	if (msg_send_make_cloned(ch, 0, &m, &pidfd) == -1 ||
	    chan_drain(ch, 5000) == -1)
		return make_error(e, "tell agentshd");
	if (write(go_fd, "", 1) != 1)
		return make_error(e, "release init");
	return 0;
}

static int
make(struct chan *ch, struct root *r, const struct msg_make_root *m,
    struct aerr *e)
{
	const struct account *a = r->acct;
	struct net_want want = { .wish = (enum net_wish)m->network,
		.mode = (enum net_mode)m->net_mode,
		.steer = (enum steer)m->steer,
		.publish = m->publish != 0 };
	int go_fd[2], native[2], pidfd = -1, group, net;
	pid_t pid;

	/* the supplementary groups that init will have */
	if (maker.mode == MODE_SERVICE &&
	    setgroups(a->ngroups, a->groups) == -1)
		return make_error(e, "set the session's groups");
	cgroup_name(want.group, getppid(), maker.session);
	net = net_make(ch, &want, &group, e);
	if (net == -1)
		return -1;
	r->has_net = net == 1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, native) == -1)
		return make_error(e, "socketpair");
	pid = ns_clone(&pidfd, go_fd, group);
	if (pid == -1)
		return make_error(e, "make the session's namespaces");
	if (pid == 0)
		child(r, go_fd, native);
	close(go_fd[0]);
	close(native[1]);
	if (release(ch, pid, pidfd, r, go_fd[1], e) == -1)
		return -1;
	if (native_watch(ch, native[0], r->plan, m->native_events != 0) == -1)
		return make_error(e, "tell agentshd");
	return 0;
}

static int
maker_on_make_root(struct chan *ch, struct imsg *im)
{
	struct msg_make_root m;
	struct root r = { 0 };
	struct aerr e = { 0 };
	struct buf b;

	if (!maker.opened || msg_get_make_root(im, &m) == -1 ||
	    m.network >= NET_WISH_MAX || m.net_mode >= NET_MODE_MAX ||
	    m.steer >= STEER_MAX)
		return -1;
	buf_read_from(&b, m.plan, m.plan_len);
	if (plan_get(&b, &maker.plan) == -1)
		return -1;
	r.acct = &maker.acct;
	r.map_root = m.map_root != 0;
	r.mount = m.mount;
	r.workspace = m.workspace;
	r.hostname = m.hostname;
	r.plan = &maker.plan;
	r.privd = ch;
	r.fusectl = fusectl_open(maker.mode);
	r.init_fd = imsg_take_fd(im, 0);
	r.socket_fd = imsg_take_fd(im, 1);
	if (make(ch, &r, &m, &e) == -1) {
		make_tell_failed(ch, &e);
		exit(1);
	}
	maker.done = true;
	return 0;
}

/* In a process that makes no session, and ends when agentshd has read this. */
static int
maker_on_make_probe(struct chan *ch, struct imsg *im)
{
	struct msg_make_probe m;
	struct msg_make_probed a = { 0 };
	struct aerr why = { 0 };

	if (!maker.hello || maker.opened || msg_get_make_probe(im, &m) == -1 ||
	    m.steer >= STEER_MAX)
		return -1;
	a.steer = (uint8_t)ns_probe((enum steer)m.steer, &why);
	snprintf(a.why, sizeof(a.why), "%s", why.message);
	return msg_send_make_probed(ch, 0, &a, NULL);
}
