/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening sockets of a session: what it dials arrives there, and where that
 * was to go is found out by the way that it came. How many there may be.
 */
#include <sys/resource.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "conn.h"
#include "ipport.h"
#include "log.h"
#include "loopback.h"
#include "netlog.h"

/* connections of a listener that are told of at a session's end */
#define LAST_WORDS 256
#define NOTE_MS 60000 /* one event, then none for so long */
#define TICK_MS 10    /* more than the loop's clock may be behind clock_ms() */

atomic_size_t tcp_total;

static void
listen_on(struct relays *rs, bool on)
{
	struct event *ev[] = { rs->accept[0], rs->accept[1], rs->accept_proxy };
	size_t i;

	if (rs->paused != on)
		return;
	rs->paused = !on;
	for (i = 0; i < sizeof(ev) / sizeof(ev[0]); i++) {
		if (ev[i] != NULL && on)
			(void)event_add(ev[i], NULL);
		else if (ev[i] != NULL)
			(void)event_del(ev[i]);
	}
}

static bool
is_due(const struct relays *rs, enum tcp_excess what)
{
	return !rs->failed &&
	    (rs->noted[what] == 0 || clock_ms() - rs->noted[what] >= NOTE_MS);
}

static void
note(struct relays *rs, enum tcp_excess what)
{
	static const char *const reason[TCP_EXCESS_MAX] = {
		[TCP_TOO_MANY] = "too-many-connections",
		[TCP_TOO_MANY_NEW] = "too-many-waiting",
		[TCP_TOO_MANY_DNS] = "too-many-dns-connections",
		[TCP_NO_ROOM] = "no-room-in-netd",
		[TCP_LOST] = "destination-lost",
	};
	bool refused = what == TCP_TOO_MANY_DNS || what == TCP_LOST;

	if (!is_due(rs, what))
		return;
	rs->noted[what] = clock_ms();
	if (netlog_limit(rs->s, reason[what], refused) == -1)
		tcp_fail(rs);
}

bool
tcp_has_half(size_t n)
{
	size_t all = tcp_total, others = all > n ? all - n : 0;

	return others >= tcp_limits.total ||
	    n >= (tcp_limits.total - others + 1) / 2;
}

void
tcp_count(struct relays *rs)
{
	bool many = rs->n >= tcp_limits.conns;
	bool crowd = rs->nwaiting >= tcp_limits.waiting;
	bool half = tcp_has_half(rs->n);
	struct timeval tv;

	listen_on(rs, !rs->failed && !rs->stopping && !many && !crowd && !half);
	if (rs->failed || rs->stopping)
		return;
	if (many)
		note(rs, TCP_TOO_MANY);
	if (crowd)
		note(rs, TCP_TOO_MANY_NEW);
	if (half)
		note(rs, TCP_NO_ROOM);
	/* nobody says when others have given something back, and those that are
	 * silent do not keep the rest out */
	if ((!half && !crowd) || evtimer_pending(rs->resume, NULL))
		return;
	/* hurry() is to find all of those who are there now, the last one too */
	(void)event_base_update_cache_time(rs->s->base);
	tv = clock_timeval(half ? RESUME_MS : tcp_limits.crowd_ms + TICK_MS);
	(void)evtimer_add(rs->resume, &tv);
}

static void
hurry(struct relays *rs)
{
	uint64_t now = clock_ms();
	struct conn *c, *next;

	for (c = TAILQ_FIRST(&rs->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (now - c->born >= tcp_limits.crowd_ms)
			conn_hurry(c);
	}
}

static void
resume_cb(int fd, short ev, void *arg)
{
	struct relays *rs = arg;
	struct conn *c;

	(void)fd;
	(void)ev;
	if (!rs->failed && rs->nwaiting >= tcp_limits.waiting)
		hurry(rs);
	while (rs->failed && (c = TAILQ_FIRST(&rs->conns)) != NULL)
		conn_free(c);
	tcp_count(rs);
}

static void
pause_for(struct relays *rs, uint64_t ms)
{
	struct timeval tv = clock_timeval(ms);

	listen_on(rs, false);
	(void)evtimer_add(rs->resume, &tv);
}

void
tcp_fail(struct relays *rs)
{
	if (rs->failed)
		return;
	rs->failed = true;
	nsess_fail(rs->s, "events of its network cannot be written");
	pause_for(rs, 0);
}

static void
lost_cb(void *arg, const struct owner *owner)
{
	struct relays *rs = arg;

	rs->lost = NULL;
	if (owner != NULL && owner->pid != 0)
		note(rs, TCP_LOST);
}

/* Where it was to go cannot be found out: it is reset, and the event tells of it
 * where it is the session's. Anybody may dial at the host's loopback. */
static void
refuse_lost(struct relays *rs, int fd, const struct conn_ends *e)
{
	struct linger now = { .l_onoff = 1 };

	if (rs->s->dialled == NULL)
		note(rs, TCP_LOST);
	else if (rs->lost == NULL && is_due(rs, TCP_LOST))
		rs->lost = whose_ask(rs->s, IPPROTO_TCP, e->peer, e->peer_port,
		    e->local, e->local_port, lost_cb, rs);
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

/* One connection. 0; -1: no more of them now. */
static int
take(struct relays *rs, int listener, bool proxy)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct conn_ends e = { 0 };
	int fd;

	memset(&ss, 0, sizeof(ss));
	fd = accept4(listener, (struct sockaddr *)&ss, &len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1) {
		if (errno == ECONNABORTED || errno == EINTR)
			return 0;
		if (errno != EAGAIN) {
			pause_for(rs, RESUME_MS);
			note(rs, TCP_NO_ROOM);
		}
		return -1;
	}
	if (ipport_from_sockaddr(&ss, e.peer, &e.peer_port) == -1)
		close(fd);
	else if (dest_of(rs->s, fd, proxy, &e) == -1)
		refuse_lost(rs, fd, &e);
	else if (proxy || e.port != DNS_PORT)
		conn_start(rs, fd, &e, proxy);
	else if (dns_take(rs->s, fd, &e) == -1)
		note(rs, TCP_TOO_MANY_DNS);
	return 0;
}

static void
accept_all(struct relays *rs, int fd, bool proxy)
{
	int i;

	for (i = 0; i < ACCEPT_TURN && !rs->paused; i++) {
		if (take(rs, fd, proxy) == -1)
			break;
		tcp_count(rs);
	}
}

static void
accept_cb(int fd, short ev, void *arg)
{
	(void)ev;
	accept_all(arg, fd, false);
}

static void
accept_proxy_cb(int fd, short ev, void *arg)
{
	(void)ev;
	accept_all(arg, fd, true);
}

void
tcp_configure(const struct conf *c)
{
	struct rlimit files;
	uint16_t port = 0;
	int family;

	if (getrlimit(RLIMIT_NOFILE, &files) == -1)
		fatal("getrlimit");
	/* two each, and some for all else */
	tcp_limits.total = files.rlim_cur / 4 * 3 / 2;
	if (loopback_parse(c->http_addr, &family, &port) == 0)
		tcp_limits.api_port = port;
	tcp_limits.conns = c->tcp_conns;
	tcp_limits.waiting = c->tcp_conns / 8;
	tcp_limits.speak_ms = c->tcp_speak_ms;
	tcp_limits.hello_ms = tcp_limits.dial_ms = c->tcp_dial_ms;
	tcp_limits.idle_ms = c->tcp_idle_ms;
	tcp_limits.half_ms = c->tcp_idle_ms / 12;
}

int
tcp_start(struct nsess *s)
{
	struct relays *rs = calloc(1, sizeof(*rs));
	uint16_t port;
	int i;

	if (rs == NULL)
		return -1;
	TAILQ_INIT(&rs->conns);
	rs->s = s;
	rs->paused = true;
	s->relays = rs;
	rs->resume = evtimer_new(s->base, resume_cb, rs);
	if (rs->resume == NULL)
		goto fail;
	for (i = NET_TCP4; i <= NET_TCP6; i++) {
		if (s->listener[i] == -1)
			continue;
		relay_options(s->listener[i]);
		rs->accept[i] = event_new(s->base, s->listener[i],
		    EV_READ | EV_PERSIST, accept_cb, rs);
		if (rs->accept[i] == NULL ||
		    ipport_own(s->listener[i], rs->self[rs->nself], &port) ==
			-1)
			goto fail;
		/* a port of the loopback is not an address of ours */
		rs->nself += s->dialled == NULL;
	}
	tcp_count(rs);
	return 0;
fail:
	tcp_stop(s);
	return -1;
}

int
tcp_proxy(struct nsess *s, int fd)
{
	struct relays *rs = s->relays;

	relay_options(fd);
	rs->accept_proxy = event_new(s->base, fd, EV_READ | EV_PERSIST,
	    accept_proxy_cb, rs);
	if (rs->accept_proxy == NULL)
		return -1;
	return rs->paused ? 0 : event_add(rs->accept_proxy, NULL);
}

static void
end_all(struct relays *rs)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&rs->conns)) != NULL)
		conn_free(c);
}

/* What has come and was not taken so far is made no more, and told of, or that it
 * is not all. Who has come to the proxy has not said where to. */
static void
last_words(struct relays *rs)
{
	int i, n;

	for (i = NET_TCP4; i <= NET_TCP6; i++) {
		for (n = 0; n < LAST_WORDS && rs->accept[i] != NULL &&
		     !rs->failed && take(rs, rs->s->listener[i], false) == 0;
		     n++)
			end_all(rs);
		if (n == LAST_WORDS)
			(void)netlog_limit(rs->s, "session-ended", true);
	}
}

void
tcp_stop(struct nsess *s)
{
	struct relays *rs = s->relays;
	int i;

	if (rs == NULL)
		return;
	rs->stopping = true;
	listen_on(rs, false);
	end_all(rs);
	last_words(rs);
	for (i = 0; i < 2; i++) {
		if (rs->accept[i] != NULL)
			event_free(rs->accept[i]);
	}
	if (rs->accept_proxy != NULL)
		event_free(rs->accept_proxy);
	if (rs->resume != NULL)
		event_free(rs->resume);
	if (rs->lost != NULL)
		whose_forget(rs->lost);
	free(rs);
	s->relays = NULL;
}
