/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copying. An event moves at most RELAY_TURNS buffers, then the next of the
 * worker's connections has its turn; of one session all together no more than its
 * share, behind which they stand in a line.
 */
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bulk.h"
#include "clock.h"
#include "relay.h"

#define RELAY_TURNS 4
#define BULK_MIN (RELAY_BUF / 4) /* bytes of who sends much, at a time */
#define KEEPALIVE_IDLE 60	 /* seconds */
#define KEEPALIVE_INTERVAL 20
#define KEEPALIVE_COUNT 6

static _Thread_local uint8_t scratch[RELAY_BUF];

static void in_cb(int, short, void *);
static void out_cb(int, short, void *);

static enum relay_side
other(enum relay_side s)
{
	return s == RELAY_CLIENT ? RELAY_SERVER : RELAY_CLIENT;
}

void
relay_options(int fd)
{
	int on = 1, idle = KEEPALIVE_IDLE, interval = KEEPALIVE_INTERVAL,
	    count = KEEPALIVE_COUNT;

	/* a relay works without each of them */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval,
	    sizeof(interval));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

static int
add_side(struct relay *r, enum relay_side side, int fd)
{
	r->in[side] = event_new(r->share->base, fd, EV_READ | EV_PERSIST, in_cb,
	    r);
	r->out[side] = event_new(r->share->base, fd, EV_WRITE | EV_PERSIST,
	    out_cb, r);
	r->fd[side] = fd;
	return r->in[side] == NULL || r->out[side] == NULL ? -1 : 0;
}

static bool
want_read(const struct relay *r, enum relay_side side)
{
	const struct flow *f = &r->flow[side];

	if (r->fd[side] == -1 || f->ended)
		return false;
	if (r->look[side] == NULL && r->fd[other(side)] != -1)
		return f->len == f->sent;
	return f->len < RELAY_BUF;
}

static int
watch(struct event *ev, bool want, bool *now)
{
	if (ev == NULL || want == *now)
		return 0;
	*now = want;
	return want ? event_add(ev, NULL) : event_del(ev);
}

/* Waits for what can be done next. 0 or -1. */
static int
arm(struct relay *r)
{
	const struct flow *f;
	enum relay_side s;

	for (s = RELAY_CLIENT; s < RELAY_SIDES; s++) {
		f = &r->flow[other(s)];
		if (watch(r->in[s], want_read(r, s) && !r->place.waits,
			&r->reading[s]) == -1 ||
		    watch(r->out[s],
			r->fd[s] != -1 && f->sent < f->clear && !r->held,
			&r->writing[s]) == -1)
			return -1;
	}
	return 0;
}

static void
forget_sent(struct flow *f)
{
	size_t n = f->sent < f->pos ? f->sent : f->pos;

	if (n == f->len) {
		free(f->buf);
		f->buf = NULL;
	} else if (n > 0) {
		memmove(f->buf, f->buf + n, f->len - n);
	}
	f->len -= n;
	f->sent -= n;
	f->clear -= n;
	f->pos -= n;
}

/* Sends what may go of what a side has sent, and its end. 0 or an errno. */
static int
flush(struct relay *r, enum relay_side side)
{
	struct flow *f = &r->flow[side];
	int to = r->fd[other(side)];
	ssize_t n;

	if (r->look[side] == NULL)
		f->clear = f->pos = f->len;
	if (to == -1)
		return 0;
	while (f->sent < f->clear) {
		n = send(to, f->buf + f->sent, f->clear - f->sent,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == ENOBUFS))
			break;
		if (n == -1)
			return errno;
		f->sent += (size_t)n;
		f->bytes += (uint64_t)n;
		r->active = clock_ms();
	}
	forget_sent(f);
	if (f->ended && f->sent == f->len && !f->told) {
		f->told = true;
		if (shutdown(to, SHUT_WR) == -1)
			return errno;
	}
	return 0;
}

static int
keep(struct flow *f, const uint8_t *data, size_t len)
{
	if (f->buf == NULL && (f->buf = malloc(RELAY_BUF)) == NULL)
		return ENOMEM;
	if (data != NULL)
		memcpy(f->buf + f->len, data, len);
	f->len += len;
	return 0;
}

static int
look(struct relay *r, enum relay_side side)
{
	return r->look[side] != NULL && r->look[side](r->arg) == -1 ? EPERM : 0;
}

/* What can pass at once without being kept does. */
static int
pass(struct relay *r, enum relay_side side, size_t len)
{
	struct flow *f = &r->flow[side];
	ssize_t n;

	do {
		n = send(r->fd[other(side)], scratch, len,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n == -1 && errno == EINTR);
	if (n == -1 && errno != EAGAIN && errno != ENOBUFS)
		return errno;
	if (n == -1)
		n = 0;
	f->bytes += (uint64_t)n;
	return (size_t)n == len ? 0 : keep(f, scratch + n, len - (size_t)n);
}

/* The same for one that sends much, without a copy. Bytes, or -1 with errno;
 * *error: of the other side. */
static ssize_t
move(struct relay *r, enum relay_side side, size_t len, int *error)
{
	struct flow *f = &r->flow[side];
	struct bulk b = { .buf = scratch };
	ssize_t n;

	n = bulk_move(r->fd[side], r->fd[other(side)], len, &b);
	f->bulk = n >= BULK_MIN;
	/* such a socket has to be copied, or there is no pipe */
	if (n == -1 &&
	    (errno == EINVAL || errno == EMFILE || errno == ENFILE)) {
		f->copies = true;
		errno = EAGAIN;
	}
	/* or what stands first is urgent, which recv(2) leaves out; it says
	 * whether that is the end */
	if (n == 0) {
		errno = EAGAIN;
		n = -1;
	}
	f->bytes += b.sent;
	*error = b.error;
	if (b.error == 0 && b.rest > 0)
		*error = keep(f, scratch, b.rest);
	return n;
}

/* At most room bytes of a side, which are sent or kept. 0 when it has ended, -1
 * with errno; *error: of the other side. */
static ssize_t
fetch(struct relay *r, enum relay_side side, size_t room, int *error)
{
	struct flow *f = &r->flow[side];
	bool direct = r->look[side] == NULL && f->len == 0 &&
	    r->fd[other(side)] != -1;
	ssize_t n;

	if (direct && f->bulk)
		return move(r, side, room, error);
	/* nothing is read, and *error counts */
	if (!direct && (*error = keep(f, NULL, 0)) != 0)
		return 1;
	n = recv(r->fd[side], direct ? scratch : f->buf + f->len, room,
	    MSG_DONTWAIT);
	if (n <= 0)
		return n;
	if (direct)
		*error = pass(r, side, (size_t)n);
	else
		f->len += (size_t)n;
	f->bulk = direct && n == RELAY_BUF && !f->copies;
	return n;
}

/* One buffer from a side. 0 or an errno; *more: there may be another. */
static int
take(struct relay *r, enum relay_side side, bool *more)
{
	struct flow *f = &r->flow[side];
	size_t room = RELAY_BUF - f->len, may = share_may(r->share);
	int error = 0;
	ssize_t n;

	*more = false;
	if (may == 0) {
		share_wait(r->share, &r->place);
		return 0;
	}
	if (room > may)
		room = may;
	n = fetch(r, side, room, &error);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : errno;
	if (error != 0)
		return error;
	share_took(r->share, (size_t)n);
	if (n > 0)
		r->active = clock_ms();
	f->ended = n == 0;
	*more = (size_t)n == room || f->bulk;
	if ((error = look(r, side)) != 0)
		return error;
	/* a look at one side may have let the other go on */
	error = flush(r, side);
	return error != 0 ? error : flush(r, other(side));
}

static void
finish(struct relay *r, int error)
{
	if (error == 0 && arm(r) == -1)
		error = ENOMEM;
	if (error != 0 ||
	    (r->flow[RELAY_CLIENT].told && r->flow[RELAY_SERVER].told))
		r->ended(r->arg, error);
}

/* What a side has sent. 0 or an errno. */
static int
take_some(struct relay *r, enum relay_side side)
{
	bool more = true;
	int i, error = 0;

	for (i = 0; i < RELAY_TURNS && error == 0 && more && want_read(r, side);
	     i++)
		error = take(r, side, &more);
	return error;
}

static void
in_cb(int fd, short ev, void *arg)
{
	struct relay *r = arg;

	(void)ev;
	finish(r,
	    take_some(r,
		fd == r->fd[RELAY_CLIENT] ? RELAY_CLIENT : RELAY_SERVER));
}

static void
out_cb(int fd, short ev, void *arg)
{
	struct relay *r = arg;
	enum relay_side from = fd == r->fd[RELAY_CLIENT] ? RELAY_SERVER :
							   RELAY_CLIENT;
	uint64_t before = r->flow[from].bytes;
	int error;

	(void)ev;
	if (share_is_over(r->share)) {
		r->held = true;
		share_wait(r->share, &r->place);
		finish(r, 0);
		return;
	}
	error = flush(r, from);
	share_sent(r->share, (size_t)(r->flow[from].bytes - before));
	finish(r, error);
}

/* It had to wait, and may not know any more who has something for it. */
static void
turn(void *arg)
{
	struct relay *r = arg;
	enum relay_side s;
	int error = 0;

	r->held = false;
	for (s = RELAY_CLIENT; s < RELAY_SIDES && error == 0; s++)
		error = flush(r, s);
	for (s = RELAY_CLIENT; s < RELAY_SIDES && error == 0; s++)
		error = take_some(r, s);
	finish(r, error);
}

int
relay_start(struct relay *r, struct share *share, int client_fd,
    void (*ended)(void *arg, int error), void *arg)
{
	memset(r, 0, sizeof(*r));
	r->share = share;
	r->place.go = turn;
	r->place.arg = r;
	r->fd[RELAY_SERVER] = -1;
	r->ended = ended;
	r->arg = arg;
	r->active = clock_ms();
	return add_side(r, RELAY_CLIENT, client_fd) == -1 ? -1 : arm(r);
}

int
relay_join(struct relay *r, int server_fd)
{
	relay_options(server_fd);
	return add_side(r, RELAY_SERVER, server_fd) == -1 ? -1 : arm(r);
}

uint64_t
relay_left(const struct relay *r, uint64_t idle_ms, uint64_t half_ms)
{
	const struct flow *f = r->flow;
	uint64_t quiet = clock_ms() - r->active;
	uint64_t may = f[RELAY_CLIENT].told || f[RELAY_SERVER].told ? half_ms :
								      idle_ms;

	return quiet < may ? may - quiet : 0;
}

void
relay_go(struct relay *r)
{
	int error = flush(r, RELAY_CLIENT);

	finish(r, error != 0 ? error : flush(r, RELAY_SERVER));
}

void
relay_stop(struct relay *r, bool reset)
{
	struct linger now = { .l_onoff = 1 };
	enum relay_side s;

	share_leave(r->share, &r->place);
	for (s = RELAY_CLIENT; s < RELAY_SIDES; s++) {
		if (r->in[s] != NULL)
			event_free(r->in[s]);
		if (r->out[s] != NULL)
			event_free(r->out[s]);
		r->in[s] = r->out[s] = NULL;
		free(r->flow[s].buf);
		r->flow[s].buf = NULL;
		if (r->fd[s] == -1)
			continue;
		if (reset && !(r->polite && s == RELAY_CLIENT))
			(void)setsockopt(r->fd[s], SOL_SOCKET, SO_LINGER, &now,
			    sizeof(now));
		close(r->fd[s]);
		r->fd[s] = -1;
	}
}
