/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of one connection from the host to a server in a session: a socket of
 * the session's namespace is connected to the port at 127.0.0.1, or at ::1 where
 * nobody listens there, and then bytes are copied. What comes from the server is
 * from the sandbox, what comes from the client from whoever reaches the port.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "conn.h"
#include "fdio.h"
#include "inward.h"
#include "netlog.h"
#include "publish.h"

struct inbound {
	TAILQ_ENTRY(inbound) entry;
	struct published *p;
	struct nsess *s;
	struct relay relay;
	struct event *timer, *dialling;
	struct inward_wait *wait;
	int dial_fd;
	bool ipv6; /* the address that is tried */
	bool open, over;
	uint8_t peer[16];
	uint16_t peer_port;
	int error;
	uint64_t born;
};

static void dial(struct inbound *);

static void
event_of(const struct inbound *c, struct net_accept_event *e)
{
	*e = (struct net_accept_event){
		.peer = c->peer,
		.peer_port = c->peer_port,
		.published = c->p->text,
		.port = c->p->port,
		.error = c->error != 0 ? strerrordesc_np(c->error) : NULL,
		.bytes_received = c->relay.flow[RELAY_CLIENT].bytes,
		.bytes_sent = c->relay.flow[RELAY_SERVER].bytes,
		.duration_ms = clock_ms() - c->born,
	};
}

static void
write_down(struct inbound *c)
{
	struct net_accept_event e;
	int r;

	if (c->s->publish->failed)
		return;
	event_of(c, &e);
	r = c->over && c->open ? netlog_accept_close(c->s, &e) :
				 netlog_accept(c->s, &e);
	if (r == -1)
		publish_fail(c->s);
}

static void
free_event(struct event **ev)
{
	if (*ev != NULL)
		event_free(*ev);
	*ev = NULL;
}

/* The end; c is gone afterwards. */
static void
end(struct inbound *c, int error)
{
	struct publish *pub = c->s->publish;

	c->over = true;
	if (c->error == 0)
		c->error = error;
	if (c->wait != NULL)
		inward_forget(c->wait);
	free_event(&c->dialling);
	free_event(&c->timer);
	fd_close(&c->dial_fd);
	relay_stop(&c->relay, error != 0);
	write_down(c);
	TAILQ_REMOVE(&pub->conns, c, entry);
	pub->nconns--;
	tcp_total--;
	c->p->nconns--;
	free(c);
}

static void
ended(void *arg, int error)
{
	struct inbound *c = arg;
	struct publish *pub = c->s->publish;

	/* the client is gone, before there was a server */
	end(c, error == 0 && !c->open ? ECONNABORTED : error);
	publish_count(pub);
}

static void
wait_for(struct inbound *c, uint64_t ms)
{
	struct timeval tv = clock_timeval(ms);

	/* without, it would only wait for longer */
	(void)evtimer_add(c->timer, &tv);
}

/* Has it been idle for too long? Else the timer is set for when it will be. */
static void
timer_cb(int fd, short ev, void *arg)
{
	struct inbound *c = arg;
	struct publish *pub = c->s->publish;
	uint64_t left = relay_left(&c->relay, tcp_limits.idle_ms,
	    tcp_limits.half_ms);

	(void)fd;
	(void)ev;
	if (c->open && left > 0) {
		wait_for(c,
		    left < tcp_limits.half_ms ? left : tcp_limits.half_ms);
		return;
	}
	end(c, ETIMEDOUT);
	publish_count(pub);
}

/* It is connected. c may be gone afterwards. */
static void
opened(struct inbound *c)
{
	int fd = c->dial_fd;

	c->dial_fd = -1;
	c->open = true;
	if (relay_join(&c->relay, fd) == -1) {
		end(c, ENOMEM);
		return;
	}
	wait_for(c, tcp_limits.half_ms);
	write_down(c);
	relay_go(&c->relay);
}

/* A socket without a peer of its own port's connects to itself. */
static bool
is_itself(int fd, uint16_t port)
{
	uint8_t addr[16];
	uint16_t own;

	return ipport_own(fd, addr, &own) == -1 || own == port;
}

static void
failed(struct inbound *c, int error)
{
	free_event(&c->dialling);
	fd_close(&c->dial_fd);
	if (!c->ipv6 && error == ECONNREFUSED && inward_has_ipv6(c->s)) {
		c->ipv6 = true;
		dial(c);
	} else {
		end(c, error);
	}
}

static void
dial_cb(int fd, short ev, void *arg)
{
	struct inbound *c = arg;
	struct publish *pub = c->s->publish;
	int error = ETIMEDOUT;
	socklen_t len = sizeof(error);

	if ((ev & EV_WRITE) &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	free_event(&c->dialling);
	if (error == 0 && is_itself(fd, c->p->port))
		error = ECONNREFUSED;
	if (error == 0)
		opened(c);
	else
		failed(c, error);
	publish_count(pub);
}

/* fd: of the session's namespace. What fails at once fails from the loop. */
static void
connect_by(struct inbound *c, int fd)
{
	static const uint8_t self[2][16] = {
		{ [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 }, { [15] = 1 }
	};
	struct timeval tv = clock_timeval(tcp_limits.dial_ms);
	struct sockaddr_storage ss;
	socklen_t len = ipport_sockaddr(self[c->ipv6], c->p->port, &ss);

	c->dial_fd = fd;
	if (connect(fd, (const struct sockaddr *)&ss, len) == -1 &&
	    errno != EINPROGRESS) {
		failed(c, errno);
		return;
	}
	c->dialling = event_new(c->s->base, fd, EV_WRITE, dial_cb, c);
	if (c->dialling == NULL || event_add(c->dialling, &tv) == -1)
		end(c, ENOMEM);
}

static void
got_cb(void *arg, int fd)
{
	struct inbound *c = arg;
	struct publish *pub = c->s->publish;

	c->wait = NULL;
	if (fd == -1)
		end(c, EAGAIN);
	else
		connect_by(c, fd);
	publish_count(pub);
}

/* c may be gone afterwards. */
static void
dial(struct inbound *c)
{
	int fd;

	c->wait = inward_get(c->s, c->ipv6, &fd, got_cb, c);
	if (fd != -1)
		connect_by(c, fd);
	else if (c->wait == NULL)
		end(c, EAGAIN);
}

void
inbound_start(struct published *p, int fd, const uint8_t peer[16],
    uint16_t peer_port)
{
	struct publish *pub = p->s->publish;
	struct inbound *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		/* no event can tell of it */
		close(fd);
		publish_fail(p->s);
		return;
	}
	c->p = p;
	c->s = p->s;
	c->dial_fd = -1;
	c->born = clock_ms();
	memcpy(c->peer, peer, sizeof(c->peer));
	c->peer_port = peer_port;
	TAILQ_INSERT_TAIL(&pub->conns, c, entry);
	pub->nconns++;
	tcp_total++;
	p->nconns++;
	c->timer = evtimer_new(c->s->base, timer_cb, c);
	relay_options(fd);
	if (relay_start(&c->relay, c->s->share, fd, ended, c) == -1 ||
	    c->timer == NULL) {
		end(c, ENOMEM);
		return;
	}
	wait_for(c, 2 * tcp_limits.dial_ms);
	dial(c);
}

void
inbound_end(struct nsess *s, const struct published *p)
{
	struct inbound *c, *next;

	for (c = TAILQ_FIRST(&s->publish->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (c->p == p)
			end(c, ECONNRESET);
	}
}
