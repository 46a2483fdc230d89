/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of a connection: the address that was decided on and no other, or
 * the place where connect_redirects send it. From the host's network namespace.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "conn.h"
#include "fdio.h"
#include "ipport.h"

static void dial_next(struct conn *);
static int dial_meant(struct conn *);

void
conn_place(const char *name, const uint8_t addr[16], uint16_t port,
    char text[NET_NAME_MAX + 8])
{
	if (name[0] != '\0')
		snprintf(text, NET_NAME_MAX + 8, "%s:%u", name, port);
	else
		ipport_text(addr, port, text);
}

bool
dial_redirects(struct conn *c, const char *name)
{
	char place[NET_NAME_MAX + 8];
	struct redirect rd;
	struct verdict v;

	conn_place(name, c->addr, c->port, place);
	return image_eval_redirect(&c->s->image, FAMILY_CONNECT, place, &v,
		   &rd) == -1 ||
	    v.decision != DECISION_ALLOW;
}

static void
stop_event(struct conn *c)
{
	if (c->dialling != NULL)
		event_free(c->dialling);
	c->dialling = NULL;
}

void
dial_stop(struct conn *c)
{
	dialunix_stop(c);
	fd_close(&c->dial_fd);
}

/* The place of the policy does not answer: what it says then. */
static void
dial_failed(struct conn *c)
{
	if (c->redirected == NULL || !c->retry) {
		conn_dialled(c, -1, c->error != 0 ? c->error : EHOSTUNREACH);
		return;
	}
	free(c->redirected);
	c->redirected = NULL;
	c->is_unix = false;
	c->ato = c->nto = 0;
	if (dial_meant(c) == -1)
		conn_end(c, EPERM);
}

void
dial_answered(struct conn *c, int fd, int error)
{
	c->error = error;
	if (error == 0)
		conn_dialled(c, fd, 0);
	else
		dial_failed(c);
}

static void
fail_cb(int fd, short ev, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)ev;
	stop_event(c);
	dial_failed(c);
}

/* It is connected. May it be, when it is the host itself that answers, though the
 * address is not known as one of the host's? It can have it since a moment ago, or
 * by a route alone. 0 or -1. */
static int
look_back(struct conn *c)
{
	const uint8_t *to = c->to[c->ato];
	struct net_ruling r;

	/* a policy that writes an address down means it */
	if (c->redirected != NULL || addr_class(to) != NULL ||
	    !hostaddr_answers(to))
		return 0;
	decide_own(&c->s->image, c->name[0] == '\0' ? NULL : c->name, to,
	    c->to_port, &r);
	if (net_ruling_allows(&r) ||
	    (c->approved && r.v.decision == DECISION_APPROVE))
		return 0;
	memcpy(c->addr, to, sizeof(c->addr));
	return conn_rule(c, &r) == 0 ? conn_refuse(c, NULL) :
				       conn_refuse(c, "out of memory");
}

static void
dial_cb(int fd, short ev, void *arg)
{
	struct conn *c = arg;
	socklen_t len = sizeof(c->error);

	c->error = ETIMEDOUT;
	if ((ev & EV_WRITE) &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &c->error, &len) == -1)
		c->error = errno;
	stop_event(c);
	if (c->error == 0 && look_back(c) == -1) {
		conn_end(c, EPERM);
		return;
	}
	if (c->error == 0) {
		c->dial_fd = -1;
		/* a proxy's client named no address: this is it now */
		if (c->redirected == NULL)
			memcpy(c->addr, c->to[c->ato], sizeof(c->addr));
		conn_dialled(c, fd, 0);
		return;
	}
	dial_stop(c);
	c->ato++;
	dial_next(c);
}

/* Whatever a policy opens: a session does not reach who made it. */
static bool
is_api(const uint8_t addr[16], uint16_t port)
{
	const char *class;

	if (port != tcp_limits.api_port || port == 0)
		return false;
	class = addr_class(addr);
	return class != NULL &&
	    (strcmp(class, "loopback") == 0 ||
		strcmp(class, "unspecified") == 0);
}

/* A socket that connects. 0 or -1 with errno. */
static int
dial(struct conn *c, const uint8_t addr[16])
{
	struct timeval tv = clock_timeval(tcp_limits.dial_ms);
	struct sockaddr_storage ss;
	socklen_t len = ipport_sockaddr(addr, c->to_port, &ss);

	if (is_api(addr, c->to_port)) {
		errno = EACCES;
		return -1;
	}
	c->dial_fd = socket(ss.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->dial_fd == -1)
		return -1;
	if (connect(c->dial_fd, (const struct sockaddr *)&ss, len) == -1 &&
	    errno != EINPROGRESS)
		return -1;
	c->dialling = event_new(c->s->base, c->dial_fd, EV_WRITE, dial_cb, c);
	if (c->dialling != NULL && event_add(c->dialling, &tv) == 0)
		return 0;
	errno = ENOMEM;
	return -1;
}

/* The next of the addresses. What fails at once fails from the loop: the caller
 * may be in the midst of something. */
static void
dial_next(struct conn *c)
{
	struct timeval now = { 0 };

	conn_wait(c, CONN_DIAL, 2 * tcp_limits.dial_ms);
	for (; c->ato < c->nto; c->ato++) {
		if (dial(c, c->to[c->ato]) == 0)
			return;
		c->error = errno;
		dial_stop(c);
	}
	c->dialling = evtimer_new(c->s->base, fail_cb, c);
	if (c->dialling == NULL || evtimer_add(c->dialling, &now) == -1)
		/* the timer of the state comes instead */
		stop_event(c);
}

/* Of what the place of a redirect is, only what is not refused to all: that the
 * policy names it does not open the host's own network, unless an address is
 * written there, or a rule with cidrs has it. */
static void
resolved(void *arg, const uint8_t (*addr)[16], size_t n)
{
	struct conn *c = arg;
	struct http_request to;
	struct net_ruling r;
	size_t i;

	c->resolve = NULL;
	if (http_authority(c->redirected, strlen(c->redirected), &to) == -1)
		n = 0;
	c->ato = c->nto = 0;
	for (i = 0; i < n && c->nto < RESOLVE_MAX; i++) {
		if (addr_class(addr[i]) != NULL) {
			decide_connect(&c->s->image, to.host, addr[i], to.port,
			    &r);
			if (!net_ruling_allows(&r))
				continue;
		}
		memcpy(c->to[c->nto++], addr[i], 16);
	}
	dial_next(c);
}

/* To a place of the network. 0 or -1. */
static int
redirect_to(struct conn *c)
{
	struct http_request to;

	if (http_authority(c->redirected, strlen(c->redirected), &to) == -1 ||
	    to.port == 0)
		return conn_refuse(c, "redirect that could not be decided");
	c->to_port = to.port;
	if (!to.is_addr) {
		c->resolve = resolve_start(c->s, to.host, resolved, c);
		if (c->resolve == NULL)
			return conn_refuse(c, RESOLVE_TOO_MANY);
		conn_wait(c, CONN_RESOLVE, tcp_limits.dial_ms);
		return 0;
	}
	memcpy(c->to[0], to.addr, sizeof(to.addr));
	c->nto = 1;
	dial_next(c);
	return 0;
}

static int
redirect(struct conn *c, const struct redirect *rd, const struct verdict *v)
{
	struct net_ruling r = { .v = *v, .said = DECISION_REDIRECT };

	/* the compiler refuses it; a policy may have been loaded all the same */
	if (rd->sni[0] != '\0')
		return conn_refuse(c, "redirect with another name for TLS");
	c->is_unix = rd->to_unix[0] != '\0';
	c->redirected = strdup(c->is_unix ? rd->to_unix : rd->to);
	c->silent = rd->tell == 0;
	c->retry = rd->fail != 0;
	if (c->redirected == NULL || (!c->silent && conn_rule(c, &r) == -1))
		return conn_refuse(c, "out of memory");
	if (!c->is_unix)
		return redirect_to(c);
	dialunix_start(c);
	return 0;
}

/* What an operator has approved is the name at this port: of its addresses those
 * that may be connected to. */
static void
held_resolved(void *arg, const uint8_t (*addr)[16], size_t n)
{
	struct conn *c = arg;
	struct net_ruling r;
	size_t i;

	c->resolve = NULL;
	for (i = 0; i < n && c->nto < RESOLVE_MAX; i++) {
		decide_connect(&c->s->image, c->name, addr[i], c->port, &r);
		if (c->nto == 0 && conn_rule(c, &r) == -1)
			break;
		if (!net_ruling_allows(&r) &&
		    !(c->approved && r.v.decision == DECISION_APPROVE))
			continue;
		if (c->nto == 0)
			memcpy(c->addr, addr[i], sizeof(c->addr));
		memcpy(c->to[c->nto++], addr[i], 16);
	}
	if (c->nto > 0) {
		c->held = false;
		dial_next(c);
	} else if (n == 0) {
		conn_dialled(c, -1, EHOSTUNREACH);
	} else {
		(void)conn_refuse(c, NULL);
		conn_end(c, EPERM);
	}
}

/* Where it was meant to go. 0 or -1. */
static int
dial_meant(struct conn *c)
{
	c->to_port = c->port;
	if (c->held) {
		c->resolve = resolve_start(c->s, c->name, held_resolved, c);
		if (c->resolve == NULL)
			return conn_refuse(c, RESOLVE_TOO_MANY);
		conn_wait(c, CONN_RESOLVE, tcp_limits.dial_ms);
		return 0;
	}
	if (c->nto == 0)
		memcpy(c->to[c->nto++], c->addr, sizeof(c->addr));
	dial_next(c);
	return 0;
}

int
dial_start(struct conn *c)
{
	c->settled = true;
	return net_ruling_allows(&c->ruling) ? dial_approved(c) : allow_ask(c);
}

int
dial_approved(struct conn *c)
{
	char place[NET_NAME_MAX + 8];
	struct redirect rd;
	struct verdict v;

	conn_place(c->name, c->addr, c->port, place);
	if (image_eval_redirect(&c->s->image, FAMILY_CONNECT, place, &v, &rd) ==
	    -1)
		return conn_refuse(c, "redirect that could not be decided");
	if (v.decision == DECISION_REDIRECT)
		return redirect(c, &rd, &v);
	return dial_meant(c);
}
