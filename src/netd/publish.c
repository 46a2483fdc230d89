/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where clients of the host reach a session's servers. What may be listened on is
 * the configuration's to say, whoever asks; below 1024 nothing is, as nobody here
 * has a right to that.
 */
#include <sys/socket.h>

#include <netinet/in.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "conn.h"
#include "inward.h"
#include "log.h"
#include "netlog.h"
#include "publish.h"

#define BACKLOG 512

static void __attribute__((format(printf, 3, 4)))
say(struct port_answer *a, uint32_t status, const char *fmt, ...)
{
	va_list ap;

	a->status = status;
	va_start(ap, fmt);
	vsnprintf(a->message, sizeof(a->message), fmt, ap);
	va_end(ap);
}

static void
tell(struct nsess *s, bool on, const char *where, uint16_t port,
    const char *error)
{
	if (s->publish != NULL && !s->publish->failed &&
	    netlog_publish(s, on, where, port, error) == -1)
		publish_fail(s);
}

static void
say_row(struct port_answer *a, const struct published *p)
{
	memcpy(a->row[a->nrows].addr, p->addr, sizeof(p->addr));
	a->row[a->nrows].host_port = p->host_port;
	a->row[a->nrows].port = p->port;
	a->row[a->nrows].nconns = (uint32_t)p->nconns;
	a->nrows++;
}

/* --- clients */

static void
listen_on(struct publish *pub, bool on)
{
	struct published *p;

	if (pub->paused != on)
		return;
	pub->paused = !on;
	TAILQ_FOREACH(p, &pub->all, entry) {
		if (on)
			(void)event_add(p->accept, NULL);
		else
			(void)event_del(p->accept);
	}
}

/* Others wait, until there is room for them. */
void
publish_count(struct publish *pub)
{
	struct timeval tv = clock_timeval(RESUME_MS);
	bool half = tcp_has_half(pub->nconns);

	listen_on(pub, !pub->failed && !half && pub->nconns < tcp_limits.conns);
	/* nobody says when other sessions have given something back */
	if (half && !pub->failed && !evtimer_pending(pub->resume, NULL))
		(void)evtimer_add(pub->resume, &tv);
}

static void
resume_cb(int fd, short ev, void *arg)
{
	(void)fd;
	(void)ev;
	publish_count(arg);
}

void
publish_fail(struct nsess *s)
{
	if (s->publish != NULL && s->publish->failed)
		return;
	if (s->publish != NULL) {
		s->publish->failed = true;
		listen_on(s->publish, false);
	}
	nsess_fail(s, "events of its network cannot be written");
}

/* One client. 0; -1: no more of them now. */
static int
take(struct published *p)
{
	struct publish *pub = p->s->publish;
	struct timeval tv = clock_timeval(RESUME_MS);
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	uint8_t peer[16];
	uint16_t port;
	int fd;

	memset(&ss, 0, sizeof(ss));
	fd = accept4(p->fd, (struct sockaddr *)&ss, &len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1) {
		if (errno == ECONNABORTED || errno == EINTR)
			return 0;
		if (errno != EAGAIN) {
			listen_on(pub, false);
			(void)evtimer_add(pub->resume, &tv);
		}
		return -1;
	}
	if (ipport_from_sockaddr(&ss, peer, &port) == -1)
		close(fd);
	else
		inbound_start(p, fd, peer, port);
	return 0;
}

static void
accept_cb(int fd, short ev, void *arg)
{
	struct published *p = arg;
	int i;

	(void)fd;
	(void)ev;
	for (i = 0; i < ACCEPT_TURN && !p->s->publish->paused; i++) {
		if (take(p) == -1)
			break;
		publish_count(p->s->publish);
	}
}

/* --- ports */

static struct published *
find(struct nsess *s, const uint8_t addr[16], uint16_t host_port)
{
	struct published *p;

	if (s->publish == NULL)
		return NULL;
	TAILQ_FOREACH(p, &s->publish->all, entry) {
		if (p->host_port == host_port &&
		    memcmp(p->addr, addr, sizeof(p->addr)) == 0)
			return p;
	}
	return NULL;
}

/* Those alone: addr_class() also has what only leads there. */
static bool
is_loopback(const uint8_t addr[16])
{
	static const uint8_t mapped[13] = {
		[10] = 0xff, [11] = 0xff, [12] = 127
	};
	static const uint8_t one[16] = { [15] = 1 };

	return memcmp(addr, mapped, sizeof(mapped)) == 0 ||
	    memcmp(addr, one, sizeof(one)) == 0;
}

/* 0, or -1 with errno; *host_port is the one that it is. */
static int
listen_at(const uint8_t addr[16], uint16_t *host_port, int *fd)
{
	struct sockaddr_storage ss;
	socklen_t len = ipport_sockaddr(addr, *host_port, &ss);
	uint8_t own[16];
	int on = 1, saved;

	*fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (*fd == -1)
		return -1;
	if (setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    (ss.ss_family == AF_INET ||
		setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) ==
		    0) &&
	    bind(*fd, (const struct sockaddr *)&ss, len) == 0 &&
	    listen(*fd, BACKLOG) == 0 && ipport_own(*fd, own, host_port) == 0)
		return 0;
	saved = errno;
	close(*fd);
	*fd = -1;
	errno = saved;
	return -1;
}

static void
published_free(struct published *p)
{
	if (p->accept != NULL)
		event_free(p->accept);
	if (p->fd != -1)
		close(p->fd);
	free(p);
}

/* NULL with errno. */
static struct published *
published_new(struct nsess *s, const uint8_t addr[16], uint16_t host_port,
    uint16_t port)
{
	struct published *p = calloc(1, sizeof(*p));
	int saved;

	if (p == NULL)
		return NULL;
	p->s = s;
	p->fd = -1;
	p->host_port = host_port;
	p->port = port;
	memcpy(p->addr, addr, sizeof(p->addr));
	if (listen_at(addr, &p->host_port, &p->fd) == -1)
		goto fail;
	errno = ENOMEM;
	p->accept = event_new(s->base, p->fd, EV_READ | EV_PERSIST, accept_cb,
	    p);
	if (p->accept == NULL ||
	    (!s->publish->paused && event_add(p->accept, NULL) == -1))
		goto fail;
	ipport_text(p->addr, p->host_port, p->text);
	return p;
fail:
	saved = errno;
	published_free(p);
	errno = saved;
	return NULL;
}

/* What is needed for the first one. 0 or -1 with errno. */
static int
begin(struct nsess *s)
{
	if (inward_start(s) == -1)
		return -1;
	if (s->publish != NULL)
		return 0;
	s->publish = calloc(1, sizeof(*s->publish));
	if (s->publish == NULL)
		return -1;
	TAILQ_INIT(&s->publish->all);
	TAILQ_INIT(&s->publish->conns);
	s->publish->resume = evtimer_new(s->base, resume_cb, s->publish);
	if (s->publish->resume != NULL)
		return 0;
	free(s->publish);
	s->publish = NULL;
	errno = ENOMEM;
	return -1;
}

/* May that be published? Else the answer says why not. */
static bool
may(const struct nsess *s, const uint8_t addr[16], uint16_t host_port,
    uint16_t port, struct port_answer *a)
{
	uint64_t where = netd.p.conf.publish;

	if (s->dialled != NULL)
		say(a, 409,
		    "this session shares the host's loopback"
		    " (sandbox.network.mode: ebpf): its servers are reached"
		    " there as they are, and no port can be published");
	else if (where == PUBLISH_OFF)
		say(a, 403,
		    "sandbox.network.publish of the server is off: no port is published");
	else if (where == PUBLISH_LOOPBACK && !is_loopback(addr))
		say(a, 403,
		    "sandbox.network.publish of the server lets ports be published at the loopback alone");
	else if (host_port != 0 && host_port < PUBLISH_LEAST_PORT)
		say(a, 400,
		    "port %u of the host: those below %d take a right that netd does not have",
		    host_port, PUBLISH_LEAST_PORT);
	else if (port == 0 || inward_is_own(s, port))
		say(a, 400, "port %u is none of a session's server", port);
	else if (s->publish != NULL && s->publish->nports == PUBLISH_MAX)
		say(a, 409, "the session has published %d ports", PUBLISH_MAX);
	else
		return true;
	return false;
}

static void
refused(struct nsess *s, const char *text, uint16_t port, const char *why)
{
	if (netlog_publish(s, true, text, port, why) == -1)
		publish_fail(s);
}

void
publish_add(struct nsess *s, const uint8_t addr[16], uint16_t host_port,
    uint16_t port, struct port_answer *a)
{
	struct published *p;
	char text[IPPORT_TEXT];
	int error;

	ipport_text(addr, host_port, text);
	if (s->dialled == NULL && netd.p.conf.publish != PUBLISH_OFF &&
	    begin(s) == -1) {
		error = errno;
		say(a, 500, "ports cannot be published: %s", strerror(error));
		refused(s, text, port, strerror(error));
		return;
	}
	if (!may(s, addr, host_port, port, a)) {
		refused(s, text, port, a->message);
		return;
	}
	p = published_new(s, addr, host_port, port);
	error = errno;
	if (p == NULL) {
		say(a, error == EADDRINUSE ? 409 : 400, "%s: %s", text,
		    strerror(error));
		refused(s, text, port, strerror(error));
		return;
	}
	TAILQ_INSERT_TAIL(&s->publish->all, p, entry);
	s->publish->nports++;
	a->status = 201;
	say_row(a, p);
	tell(s, true, p->text, port, NULL);
}

static void
end(struct published *p)
{
	struct publish *pub = p->s->publish;

	inbound_end(p->s, p);
	tell(p->s, false, p->text, p->port, NULL);
	TAILQ_REMOVE(&pub->all, p, entry);
	pub->nports--;
	published_free(p);
}

void
publish_remove(struct nsess *s, const uint8_t addr[16], uint16_t host_port,
    struct port_answer *a)
{
	struct published *p = find(s, addr, host_port);

	if (p == NULL) {
		say(a, 404, "the session has not published that port");
		return;
	}
	a->status = 204;
	end(p);
}

void
publish_list(struct nsess *s, struct port_answer *a)
{
	const struct published *p;

	a->status = 200;
	if (s->publish == NULL)
		return;
	TAILQ_FOREACH(p, &s->publish->all, entry)
		say_row(a, p);
}

void
publish_stop(struct nsess *s)
{
	struct published *p;

	if (s->publish != NULL) {
		while ((p = TAILQ_FIRST(&s->publish->all)) != NULL)
			end(p);
		event_free(s->publish->resume);
		free(s->publish);
		s->publish = NULL;
	}
	inward_stop(s);
}
