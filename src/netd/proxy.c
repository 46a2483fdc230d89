/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proxies for programs that want one: CONNECT and the absolute form of HTTP/1.x,
 * and SOCKS5 (RFC 1928), on one port of the session's loopback. They open nothing
 * that a connection of the program's own would not: the same rules decide, and
 * what goes through a tunnel is looked at as if there were none.
 */
#include <sys/socket.h>

#include <errno.h>
#include <string.h>

#include "conn.h"
#include "socks.h"

/* A few bytes to a client that waits for them: its buffer has room. 0 or -1. */
static int
say(struct conn *c, const void *text, size_t len)
{
	return send(c->relay.fd[RELAY_CLIENT], text, len,
		   MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len ?
	    0 :
	    conn_refuse(c, "client of a proxy that does not read");
}

static int
say_socks(struct conn *c, uint8_t code)
{
	uint8_t reply[10] = { SOCKS5, code, 0, SOCKS_IPV4 };

	return say(c, reply, sizeof(reply));
}

/* The client's first bytes are dealt with, and go nowhere. */
static void
drop(struct conn *c, size_t len)
{
	struct flow *f = &c->relay.flow[RELAY_CLIENT];

	memmove(f->buf, f->buf + len, f->len - len);
	f->len -= len;
}

/* Nothing passes yet. */
static int
hold(void *arg)
{
	(void)arg;
	return 0;
}

int
proxy_answer(struct conn *c, bool refused, bool through)
{
	static const char ok[] = "HTTP/1.1 200 Connection established\r\n\r\n";

	if (c->answered)
		return 0;
	c->answered = true;
	if (!through) {
		c->relay.polite = true;
		if (c->by == BY_SOCKS)
			(void)say_socks(c,
			    refused ? SOCKS_REFUSED : SOCKS_UNREACHABLE);
		else if (c->by != BY_ADDRESS)
			conn_say(c,
			    refused ? "403 Forbidden" : "502 Bad Gateway");
		return 0;
	}
	if (c->by == BY_REQUEST)
		return 0;
	if ((c->by == BY_SOCKS ? say_socks(c, SOCKS_THROUGH) :
				 say(c, ok, sizeof(ok) - 1)) == -1)
		return -1;
	conn_begin(c);
	return conn_look(c);
}

/* Where it goes is decided. */
static void
proceed(struct conn *c)
{
	if (c->by == BY_REQUEST)
		conn_resume(c);
	else if (dial_start(c) == -1)
		conn_end(c, EPERM);
}

/* Of the name's addresses those that may be connected to. */
static void
resolved(void *arg, const uint8_t (*addr)[16], size_t n)
{
	struct conn *c = arg;
	struct net_ruling r;
	size_t i;

	c->resolve = NULL;
	for (i = 0; i < n && c->nto < RESOLVE_MAX; i++) {
		decide_connect(&c->s->image, c->name, addr[i], c->port, &r);
		if (c->nto == 0 && conn_rule(c, &r) == -1)
			break;
		if (c->nto == 0)
			memcpy(c->addr, addr[i], sizeof(c->addr));
		/* what one is approved for is not for others */
		if (confirm_may(&r) && r.v.decision == c->ruling.v.decision)
			memcpy(c->to[c->nto++], addr[i], 16);
	}
	if (c->nto > 0) {
		proceed(c);
	} else if (n == 0) {
		c->error = EHOSTUNREACH;
		(void)proxy_answer(c, false, false);
		conn_end(c, EHOSTUNREACH);
	} else {
		(void)conn_refuse(c, NULL);
		conn_end(c, EPERM);
	}
}

/* 0, 1: a look-up is under way, or -1 */
static int
destination(struct conn *c, const struct http_request *to)
{
	struct net_ruling r;

	c->port = to->port;
	/* questions of DNS are netd's to answer, wherever they are sent */
	if (c->port == DNS_PORT)
		return conn_refuse(c, "name servers by a proxy");
	if (to->is_addr) {
		memcpy(c->addr, to->addr, sizeof(c->addr));
		return confirm_address(c);
	}
	decide_name(&c->s->image, to->host, &r);
	if (net_ruling_asks(&r))
		return confirm_held(c, to->host);
	memcpy(c->name, to->host, sizeof(c->name));
	if (conn_rule(c, &r) == -1)
		return conn_refuse(c, "out of memory");
	if (!net_ruling_allows(&r))
		return conn_refuse(c, NULL);
	c->resolve = resolve_start(c->s, c->name, resolved, c);
	if (c->resolve == NULL)
		return conn_refuse(c, RESOLVE_TOO_MANY);
	conn_wait(c, CONN_RESOLVE, tcp_limits.dial_ms);
	return 1;
}

/* A tunnel is asked for by the first len bytes. 0 or -1. */
static int
tunnel(struct conn *c, const struct http_request *to, size_t len)
{
	int r;

	c->relay.look[RELAY_CLIENT] = hold;
	drop(c, len);
	r = destination(c, to);
	if (r != 0)
		return r == 1 ? 0 : -1;
	return dial_start(c);
}

int
proxy_request(struct conn *c)
{
	struct http_request to = c->in.http.req;

	if (to.form == HTTP_AUTHORITY) {
		c->by = BY_CONNECT;
		/* 1: nothing more is to be done with this request */
		return tunnel(c, &to, c->in.head) == -1 ? -1 : 1;
	}
	if (to.form != HTTP_ABSOLUTE)
		return conn_refuse(c, "malformed request target");
	/* tunnels are for a connection of their own */
	c->in.http.connect = false;
	if (to.port == 0)
		to.port = 80;
	return destination(c, &to);
}

static int
look_socks(struct conn *c)
{
	struct flow *f = &c->relay.flow[RELAY_CLIENT];
	struct http_request to;
	uint8_t reply[2] = { SOCKS5, SOCKS_NONE };
	uint8_t code;
	ssize_t len;

	c->by = BY_SOCKS;
	if (!c->greeted) {
		if ((len = socks_greeting(f->buf, f->len)) == 0)
			return 0;
		if (len == -1) {
			reply[1] = SOCKS_NO_WAY;
			c->answered = c->relay.polite = true;
			(void)say(c, reply, sizeof(reply));
			return conn_refuse(c, "SOCKS authentication");
		}
		if (say(c, reply, sizeof(reply)) == -1)
			return -1;
		c->greeted = true;
		drop(c, (size_t)len);
	}
	len = socks_request(f->buf, f->len, &to, &code);
	if (len == -1) {
		c->answered = c->relay.polite = true;
		(void)say_socks(c, code);
		return conn_refuse(c, "malformed SOCKS request");
	}
	if (len == 0)
		return 0;
	return tunnel(c, &to, (size_t)len);
}

int
proxy_look(void *arg)
{
	struct conn *c = arg;
	struct flow *f = &c->relay.flow[RELAY_CLIENT];
	int r;

	if (c->greeted || (f->len > 0 && f->buf[0] == SOCKS5)) {
		r = look_socks(c);
		if (r == 0 && f->ended && c->state == CONN_PROXY)
			return conn_refuse(c, "malformed SOCKS request");
		return r;
	}
	if (f->len == 0)
		return f->ended ? conn_refuse(c, "incomplete proxy request") :
				  0;
	c->by = BY_REQUEST;
	inspect_start(&c->in, 0, true);
	c->in.http.connect = true;
	c->relay.look[RELAY_CLIENT] = conn_look;
	return conn_look(c);
}
