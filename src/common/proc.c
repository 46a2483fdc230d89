/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start of a helper. It trusts who started it: what comes on fd 3 before
 * SYS_START is privd's. The gate holds all the same, so that a mix of builds
 * or a programming error ends at once.
 */
#include <sys/prctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "log.h"
#include "proc.h"
#include "start.h"

#define PROC_MAX_HANDLERS 64

/* clang-format off */
const struct proc_row proc_rows[ROLE_MAX] = {
#define PROC(id, name, usr, scp, ttl) [ROLE_##id] = \
	{ .file = name, .user = usr, .scope = SCOPE_##scp, .title = ttl },
#include "proc.def"
#undef PROC
};

/* Rows of chan.def, as pairs. */
static const struct {
	enum role a, b;
} proc_edges[] = {
#define CHAN(x, y, scope, what) { ROLE_##x, ROLE_##y },
#include "chan.def"
#undef CHAN
};
/* clang-format on */

static struct {
	bool hello;
	bool started;
	/* the role's handlers behind our own */
	struct handler handlers[PROC_MAX_HANDLERS];
} start;

static bool
has_edge(enum role a, uint32_t b)
{
	size_t i;

	for (i = 0; i < sizeof(proc_edges) / sizeof(proc_edges[0]); i++) {
		if ((proc_edges[i].a == a && (uint32_t)proc_edges[i].b == b) ||
		    (proc_edges[i].b == a && (uint32_t)proc_edges[i].a == b))
			return true;
	}
	return false;
}

static int
proc_on_sys_hello(struct chan *ch, struct imsg *im)
{
	struct proc *p = ch->arg;
	struct msg_sys_hello m;

	if (start_hello(p->role, im, &m) == -1)
		return -1;
	p->mode = (enum run_mode)m.run_mode;
	p->uid = m.uid;
	p->gid = m.gid;
	p->session = m.session;
	memcpy(p->session_id, m.session_id, sizeof(p->session_id));
	start.hello = true;
	return 0;
}

static int
proc_on_sys_conf(struct chan *ch, struct imsg *im)
{
	struct proc *p = ch->arg;
	struct msg_sys_conf m;
	struct buf b;

	if (!start.hello || msg_get_sys_conf(im, &m) == -1)
		return -1;
	buf_read_from(&b, m.conf, m.conf_len);
	return conf_get(&b, &p->conf);
}

static int
proc_on_sys_chan(struct chan *ch, struct imsg *im)
{
	struct proc *p = ch->arg;
	struct msg_sys_chan m;

	if (!start.hello || msg_get_sys_chan(im, &m) == -1)
		return -1;
	if (m.peer >= ROLE_MAX || m.peer == ROLE_PRIVD ||
	    !has_edge(p->role, m.peer) || p->peer[m.peer] != NULL)
		return -1;
	p->peer[m.peer] = chan_new(imsg_take_fd(im, 0), p->role,
	    (enum role)m.peer, start.handlers, p);
	return p->peer[m.peer] == NULL ? -1 : 0;
}

static int
proc_on_sys_ring(struct chan *ch, struct imsg *im)
{
	struct proc *p = ch->arg;
	struct msg_sys_ring m;
	int fds[3];

	if (!start.hello || msg_get_sys_ring(im, &m) == -1)
		return -1;
	fds[0] = imsg_take_fd(im, 0);
	fds[1] = imsg_take_fd(im, 1);
	fds[2] = imsg_take_fd(im, 2);
	return ring_map(&p->ring, fds, m.size);
}

static int
proc_on_sys_listen(struct chan *ch, struct imsg *im)
{
	struct proc *p = ch->arg;

	if (!start.hello)
		return -1;
	p->listen_fd = imsg_take_fd(im, 0);
	return 0;
}

static int
proc_on_sys_dir(struct chan *ch, struct imsg *im)
{
	struct proc *p = ch->arg;
	struct msg_sys_dir m;

	if (!start.hello || msg_get_sys_dir(im, &m) == -1)
		return -1;
	if (m.kind >= DIR_MAX || p->dir_fd[m.kind] != -1)
		return -1;
	p->dir_fd[m.kind] = imsg_take_fd(im, 0);
	return 0;
}

static int
proc_on_sys_start(struct chan *ch, struct imsg *im)
{
	(void)ch;
	(void)im;
	if (!start.hello)
		return -1;
	start.started = true;
	return 0;
}

static int
proc_on_sys_log(struct chan *ch, struct imsg *im)
{
	struct msg_sys_log m;

	(void)ch;
	if (msg_get_sys_log(im, &m) == -1)
		return -1;
	log_set_verbose((int)m.verbose);
	return 0;
}

static const struct handler proc_handlers[] = {
	{ MSG_SYS_HELLO, proc_on_sys_hello },
	{ MSG_SYS_CONF, proc_on_sys_conf },
	{ MSG_SYS_CHAN, proc_on_sys_chan },
	{ MSG_SYS_RING, proc_on_sys_ring },
	{ MSG_SYS_LISTEN, proc_on_sys_listen },
	{ MSG_SYS_DIR, proc_on_sys_dir },
	{ MSG_SYS_START, proc_on_sys_start },
	{ MSG_SYS_LOG, proc_on_sys_log },
};

static void
join_handlers(const struct handler *h)
{
	size_t n = sizeof(proc_handlers) / sizeof(proc_handlers[0]);

	memcpy(start.handlers, proc_handlers, sizeof(proc_handlers));
	for (; h->type != MSG_NONE; h++) {
		if (n + 1 >= PROC_MAX_HANDLERS)
			fatalx("PROC_MAX_HANDLERS is too small");
		start.handlers[n++] = *h;
	}
}

void
proc_start(struct proc *p, enum role role, const struct handler *handlers,
    int argc, char **argv)
{
	size_t i;

	memset(p, 0, sizeof(*p));
	p->role = role;
	p->listen_fd = -1;
	for (i = 0; i < DIR_MAX; i++)
		p->dir_fd[i] = -1;
	log_init(proc_rows[role].file);
	start_options(role, argc, argv);
	/* libc reads the time zone on first use: no file later */
	setenv("TZ", "UTC0", 1);
	tzset();
	signal(SIGPIPE, SIG_IGN);
	/* the terminal's signals are privd's to act upon */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	join_handlers(handlers);
	p->privd = chan_new(AGENTSH_PARENT_FD, role, ROLE_PRIVD, start.handlers,
	    p);
	if (p->privd == NULL)
		fatal("start");
	p->privd->state = ST_START;
	while (!start.started) {
		if (chan_step(p->privd, -1) == -1)
			fatalx(
			    "agentshd is gone before the start was complete");
	}
	p->privd->state = ST_RUN;
}

static void
peer_closed(struct chan *ch, const char *why)
{
	if (ch->peer == ROLE_PRIVD) {
		log_debug("agentshd is gone: %s", why);
		_exit(1);
	}
	/* how every session ends, and privd says who was the first to go */
	if (proc_rows[ch->me].scope == SCOPE_SESSION && ch->peer_gone) {
		log_debug("channel to %s is over: %s", proc_rows[ch->peer].file,
		    why);
		exit(AGENTSH_EXIT_PEER + (int)ch->peer);
	}
	fatalx("channel to %s is over: %s", proc_rows[ch->peer].file, why);
}

static void
watch_one(struct chan *ch, struct event_base *base)
{
	if (ch == NULL)
		return;
	if (ch->on_close == NULL)
		ch->on_close = peer_closed;
	if (chan_watch(ch, base) == -1)
		fatalx("cannot watch a channel");
}

void
proc_watch(struct proc *p, struct event_base *base)
{
	size_t i;

	watch_one(p->privd, base);
	for (i = 0; i < ROLE_MAX; i++)
		watch_one(p->peer[i], base);
}

void
proc_ready(struct proc *p, const char *detail)
{
	struct msg_sys_ready m = { 0 };

	snprintf(m.detail, sizeof(m.detail), "%s", detail);
	msg_send_sys_ready(p->privd, 0, &m, NULL);
}

void
proc_free(struct proc *p)
{
	size_t i;

	chan_free(p->privd);
	for (i = 0; i < ROLE_MAX; i++)
		chan_free(p->peer[i]);
	if (p->ring.size != 0)
		ring_unmap(&p->ring);
	for (i = 0; i < DIR_MAX; i++) {
		if (p->dir_fd[i] != -1)
			close(p->dir_fd[i]);
	}
	if (p->listen_fd != -1)
		close(p->listen_fd);
	memset(p, 0, sizeof(*p));
}
