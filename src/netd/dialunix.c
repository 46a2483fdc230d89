/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that are redirected to a unix socket of the host. netd reaches no
 * file: execd connects, with the rights of the session's user, to what fsd finds by
 * that path, and copies to there what comes from the other end of a pair of ours.
 * The last close of what somebody else opened can wait as long as he likes, and
 * here all sessions would: netd gets no descriptors of a session's processes.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "chan.h"
#include "clock.h"
#include "conn.h"
#include "dialunix.h"
#include "fdio.h"

#define AGAIN_MS 20 /* when its server, or execd, does not take any; doubled */
#define AGAIN_MAX_MS 1000

static void ask(struct conn *);

static void
forget(struct conn *c)
{
	if (c->asked)
		chan_forget(c->s->execd, c);
	c->asked = false;
}

void
dialunix_stop(struct conn *c)
{
	forget(c);
	if (c->dialling != NULL)
		event_free(c->dialling);
	c->dialling = NULL;
}

static void
finish(struct conn *c, int fd, int error)
{
	dialunix_stop(c);
	if (error != 0)
		fd_close(&c->dial_fd);
	else
		c->dial_fd = -1;
	dial_answered(c, fd, error);
}

static void
timer_cb(int fd, short ev, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)ev;
	if (c->asked || clock_ms() >= c->until)
		finish(c, -1, ETIMEDOUT);
	else
		ask(c);
}

static void
wait_ms(struct conn *c, uint64_t ms)
{
	struct timeval tv = clock_timeval(ms);

	/* without it, the timer of the state comes later */
	(void)evtimer_add(c->dialling, &tv);
}

static void
again(struct conn *c)
{
	wait_ms(c, c->again_ms);
	c->again_ms = c->again_ms * 2 < AGAIN_MAX_MS ? c->again_ms * 2 :
						       AGAIN_MAX_MS;
}

/* A pair for execd, of which one end is kept. The other, or -1. */
static int
make_pair(struct conn *c)
{
	int fd[2], off = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		fd) == -1)
		return -1;
	/* nor along with bytes (Linux 6.16) */
	(void)setsockopt(fd[0], SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off));
	c->dial_fd = fd[0];
	return fd[1];
}

static void
ask(struct conn *c)
{
	struct msg_net_unix m;
	uint64_t now = clock_ms();
	int fd = make_pair(c);
	uint32_t id = fd == -1 ? 0 : chan_request(c->s->execd, c);

	if (id == 0) {
		if (fd != -1)
			close(fd);
		fd_close(&c->dial_fd);
		again(c);
		return;
	}
	c->asked = true;
	snprintf(m.path, sizeof(m.path), "%s", c->redirected);
	wait_ms(c, c->until > now ? c->until - now : 0);
	/* when execd is gone the session ends */
	(void)msg_send_net_unix(c->s->execd, id, &m, &fd);
	close(fd);
}

void
dialunix_start(struct conn *c)
{
	c->until = clock_ms() + tcp_limits.dial_ms;
	c->again_ms = AGAIN_MS;
	conn_wait(c, CONN_DIAL, 2 * tcp_limits.dial_ms);
	c->dialling = evtimer_new(c->s->base, timer_cb, c);
	if (c->dialling != NULL)
		ask(c);
}

int
dialunix_on_net_unix_connected(struct chan *ch, struct imsg *im)
{
	struct conn *c = im->arg;

	(void)ch;
	if (c == NULL)
		return 0; /* it is gone */
	c->asked = false;
	finish(c, c->dial_fd, 0);
	return 0;
}

int
dialunix_on_net_unix_failed(struct chan *ch, struct imsg *im)
{
	struct msg_net_unix_failed m;
	struct conn *c = im->arg;

	(void)ch;
	if (msg_get_net_unix_failed(im, &m) == -1 || m.error == 0 ||
	    m.error > 4095)
		return -1;
	if (c == NULL)
		return 0;
	c->asked = false;
	if (m.error == EAGAIN) {
		fd_close(&c->dial_fd);
		again(c);
	} else {
		finish(c, -1, (int)m.error);
	}
	return 0;
}
