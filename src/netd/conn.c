/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of one connection: it is decided about, looked at, dialled, relayed and
 * written down. What comes from the client is from the sandbox, what comes from
 * the server from anywhere.
 */
#include <sys/socket.h>

#include <netinet/in.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "approve.h"
#include "clock.h"
#include "conn.h"
#include "netlog.h"
#include "template.h"

struct tcp_limits tcp_limits = {
	.total = 65536,
	.conns = 2048,
	.waiting = 256,
	.speak_ms = 300,
	.hello_ms = 30000,
	.dial_ms = 30000,
	.idle_ms = 7200000,
	.half_ms = 600000,
	.crowd_ms = 1000,
};

int
conn_rule(struct conn *c, const struct net_ruling *r)
{
	char *rule = strdup(r->v.rule_name);
	char *message = strdup(r->v.message);

	if (rule == NULL || message == NULL) {
		free(rule);
		free(message);
		return -1;
	}
	free(c->rule);
	free(c->message);
	c->ruling = *r;
	c->ruling.v.rule_name = c->rule = rule;
	c->ruling.v.message = c->message = message;
	return 0;
}

int
conn_refuse(struct conn *c, const char *why)
{
	c->denied = true;
	if (why != NULL)
		c->ruling.reason = why;
	return -1;
}

void
conn_wait(struct conn *c, enum conn_state state, uint64_t ms)
{
	struct timeval tv = clock_timeval(ms);

	if (c->state < CONN_OPEN && state >= CONN_OPEN)
		c->rs->nwaiting--;
	/* a connection that is open stays so, whatever it waits for */
	if (c->state < CONN_OPEN)
		c->state = state;
	/* without, it would only wait for longer */
	(void)evtimer_add(c->timer, &tv);
}

static void
event_of(const struct conn *c, struct net_connect_event *e)
{
	*e = (struct net_connect_event){
		.owner = c->owner,
		.addr = c->addr,
		.port = c->port,
		.ruling = &c->ruling,
		.allowed = !c->denied,
		.duration_ms = clock_ms() - c->born,
		.bytes_sent = c->relay.flow[RELAY_CLIENT].bytes,
		.bytes_received = c->relay.flow[RELAY_SERVER].bytes,
	};
	if (c->name[0] != '\0')
		e->domain = c->name;
	if (c->in.hello.sni[0] != '\0')
		e->sni = c->in.hello.sni;
	if (c->in.hello.alpn[0] != '\0')
		e->alpn = c->in.hello.alpn;
	if (c->in.http.req.host[0] != '\0')
		e->host = c->in.http.req.host;
	if (!c->silent && c->is_unix)
		e->redirected_unix = c->redirected;
	else if (!c->silent)
		e->redirected = c->redirected;
	if (c->error != 0)
		e->error = strerrordesc_np(c->error);
}

/* It is open, and it is known whose it is. */
static void
tell_open(struct conn *c)
{
	struct net_connect_event e;

	if (c->told || c->denied || c->rs->failed)
		return;
	event_of(c, &e);
	c->told = true;
	if (netlog_connect(c->s, &e) == -1)
		tcp_fail(c->rs);
}

static void
add_up(const struct conn *c)
{
	struct tally *t = c->tally;

	t->denied += c->denied;
	if (!c->opened)
		return;
	t->connections++;
	t->sent += c->relay.flow[RELAY_CLIENT].bytes;
	t->received += c->relay.flow[RELAY_SERVER].bytes;
}

/* The end. One that was open can have been refused afterwards. */
static void
write_down(struct conn *c)
{
	struct net_connect_event e;
	const char *error;
	int r = 0;

	if (c->tally != NULL)
		add_up(c);
	if (c->rs->failed)
		return;
	event_of(c, &e);
	/* the client is gone, before there was a server */
	if (!c->opened && !c->denied && e.error == NULL)
		e.error = strerrordesc_np(ECONNABORTED);
	error = e.error;
	if (!c->told || c->denied) {
		if (c->opened && !c->denied)
			e.error = NULL; /* of the end */
		r = netlog_connect(c->s, &e);
	}
	e.error = error;
	if (c->opened && r == 0)
		r = netlog_close(c->s, &e);
	if (r == -1)
		tcp_fail(c->rs);
}

/* Nothing happens to it any more. */
static void
stop(struct conn *c, bool reset)
{
	if (c->state == CONN_DEAD)
		return;
	if (c->state < CONN_OPEN)
		c->rs->nwaiting--;
	c->state = CONN_DEAD;
	if (c->resolve != NULL)
		resolve_forget(c->resolve);
	c->resolve = NULL;
	approve_forget(c->approval);
	c->approval = NULL;
	dial_stop(c);
	if (c->timer != NULL)
		event_free(c->timer);
	c->timer = NULL;
	inspect_stop(&c->in);
	relay_stop(&c->relay, reset);
}

static void
release(struct conn *c)
{
	TAILQ_REMOVE(&c->rs->conns, c, entry);
	c->rs->n--;
	tcp_total--;
	tcp_count(c->rs);
	tally_leave(c->tally);
	free(c->redirected);
	free(c->owner);
	free(c->rule);
	free(c->message);
	free(c);
}

void
conn_free(struct conn *c)
{
	stop(c, true);
	if (c->ask != NULL)
		whose_forget(c->ask);
	c->ask = NULL;
	write_down(c);
	release(c);
}

void
conn_say(struct conn *c, const char *status)
{
	struct relay *r = &c->relay;
	char port[8], message[AGENTSH_TEXT_MAX + 1];
	char body[sizeof(message) + 256], text[sizeof(body) + 256];
	const char *const values[TEMPLATE_MAX] = {
		[TEMPLATE_RULE] = c->rule,
		[TEMPLATE_HOST] = c->name,
		[TEMPLATE_PORT] = port,
	};
	uint8_t rest[4096];
	int i, n;

	if (r->fd[RELAY_CLIENT] == -1 || r->flow[RELAY_SERVER].bytes > 0)
		return;
	snprintf(port, sizeof(port), "%u", c->port);
	(void)template_expand(message, sizeof(message), c->message, values);
	n = snprintf(body, sizeof(body), "agentsh: %s%s%s\n",
	    c->ruling.reason != NULL ? c->ruling.reason : c->rule,
	    message[0] != '\0' ? ": " : "", message);
	if (n < 0 || (size_t)n >= sizeof(body))
		n = (int)strlen(body);
	n = snprintf(text, sizeof(text),
	    "HTTP/1.1 %s\r\nContent-Type: text/plain\r\n"
	    "Content-Length: %d\r\nConnection: close\r\n\r\n%s",
	    status, n, body);
	(void)send(r->fd[RELAY_CLIENT], text, (size_t)n,
	    MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(r->fd[RELAY_CLIENT], SHUT_WR);
	/* what is not read makes the kernel take back the answer */
	for (i = 0; i < 64; i++) {
		if (recv(r->fd[RELAY_CLIENT], rest, sizeof(rest),
			MSG_DONTWAIT) <= 0)
			break;
	}
	r->polite = true;
}

/* It is refused, and the client is told where its protocol has words for it. */
static void
say_refused(struct conn *c)
{
	if (c->by == BY_ADDRESS || c->answered) {
		if (c->in.kind == INSPECT_HTTP)
			conn_say(c, "403 Forbidden");
	} else {
		proxy_answer(c, true, false);
	}
}

void
conn_end(struct conn *c, int error)
{
	if (c->state == CONN_DEAD)
		return;
	if (c->denied)
		say_refused(c);
	stop(c, error != 0);
	if (c->owned) {
		write_down(c);
		release(c);
	} else {
		tcp_count(c->rs);
	}
}

static void
ended(void *arg, int error)
{
	conn_end(arg, error);
}

static void
owner_cb(void *arg, const struct owner *owner)
{
	struct conn *c = arg;

	c->ask = NULL;
	c->owned = true;
	if (owner != NULL && (c->owner = malloc(sizeof(*owner))) != NULL)
		*c->owner = *owner;
	if (owner != NULL && owner->number != 0 &&
	    (c->tally = tally_use(c->s, owner->number)) == NULL)
		tcp_fail(c->rs);
	if (c->state == CONN_DEAD) {
		write_down(c);
		release(c);
	} else if (c->opened) {
		tell_open(c);
	} else if (c->state == CONN_APPROVE) {
		allow_owned(c);
	}
}

static int
heard(void *arg)
{
	struct conn *c = arg;
	struct relay *r = &c->relay;

	if (!inspect_heard(&c->in, &r->flow[RELAY_SERVER]))
		return 0;
	r->look[RELAY_SERVER] = NULL;
	return conn_look(c);
}

/* What the client has said is right. 0 or -1. */
static int
go(struct conn *c)
{
	inspect_take(&c->in, &c->relay.flow[RELAY_CLIENT]);
	if (c->in.waits)
		c->relay.look[RELAY_SERVER] = heard;
	return c->settled ? 0 : dial_start(c);
}

void
conn_resume(struct conn *c)
{
	if (go(c) == -1 || conn_look(c) == -1)
		conn_end(c, EPERM);
	else
		relay_go(&c->relay);
}

/* 0, 1: later, or -1 */
static int
judge_hello(struct conn *c)
{
	const struct hello *h = &c->in.hello;
	struct net_ruling r;

	if (h->ech) {
		/* the name that can be read is not the one that is meant: this
		 * is no worse only where the name does not matter */
		decide_connect(&c->s->image, NULL, c->addr, c->port, &r);
		if (!net_ruling_allows(&r))
			return conn_refuse(c, "encrypted ClientHello");
	}
	return h->sni[0] == '\0' ? 0 : confirm_said(c, h->sni, NULL);
}

static int
judge_request(struct conn *c)
{
	const struct http_request *r = &c->in.http.req;

	if (c->in.proxy)
		return proxy_request(c);
	if (r->port != 0 && r->port != c->port)
		return conn_refuse(c, "Host names another port");
	return r->host[0] == '\0' ?
	    0 :
	    confirm_said(c, r->host, r->is_addr ? r->addr : NULL);
}

int
conn_look(void *arg)
{
	struct conn *c = arg;
	struct flow *f = &c->relay.flow[RELAY_CLIENT];
	int r = -1;

	for (;;) {
		switch (inspect_look(&c->in, f)) {
		case INSPECT_MORE:
			return c->state == CONN_LOOK && f->clear > 0 &&
				!c->settled ?
			    dial_start(c) :
			    0;
		case INSPECT_PASS:
			c->relay.look[RELAY_CLIENT] = NULL;
			return c->settled ? 0 : dial_start(c);
		case INSPECT_HELLO:
			r = judge_hello(c);
			break;
		case INSPECT_REQUEST:
			r = judge_request(c);
			break;
		case INSPECT_REFUSED:
			return conn_refuse(c, c->in.why);
		}
		if (r != 0 || (r = go(c)) != 0)
			return r == 1 ? 0 : -1;
	}
}

void
conn_begin(struct conn *c)
{
	inspect_start(&c->in, c->port, false);
	c->relay.look[RELAY_CLIENT] = conn_look;
}

void
conn_dialled(struct conn *c, int fd, int error)
{
	int r = 0;

	if (error == 0 && relay_join(&c->relay, fd) == -1)
		error = ENOMEM;
	c->error = error;
	if (c->by != BY_ADDRESS)
		r = proxy_answer(c, false, error == 0);
	if (error != 0) {
		conn_end(c, error);
		return;
	}
	conn_wait(c, CONN_OPEN, tcp_limits.half_ms);
	tcp_count(c->rs);
	c->opened = true;
	if (c->owned)
		tell_open(c);
	if (r == -1)
		conn_end(c, EPERM);
	else
		relay_go(&c->relay);
}

/* Has it been idle for too long? Else the timer is set for when it will be. */
static void
look_idle(struct conn *c)
{
	uint64_t left = relay_left(&c->relay, tcp_limits.idle_ms,
	    tcp_limits.half_ms);

	if (left == 0) {
		c->error = ETIMEDOUT;
		conn_end(c, ETIMEDOUT);
		return;
	}
	conn_wait(c, CONN_OPEN,
	    left < tcp_limits.half_ms ? left : tcp_limits.half_ms);
}

static void
timer_cb(int fd, short ev, void *arg)
{
	struct conn *c = arg;
	uint64_t age = clock_ms() - c->born;
	int r = -1;

	(void)fd;
	(void)ev;
	switch (c->state) {
	case CONN_OPEN:
		look_idle(c);
		return;
	case CONN_DIAL:
		conn_dialled(c, -1, ETIMEDOUT);
		return;
	case CONN_LOOK:
		if (c->denied)
			r = -1;
		else if (c->in.kind == INSPECT_UNKNOWN && !c->in.strict &&
		    c->port != 443)
			r = dial_start(c);
		else if (age >= tcp_limits.hello_ms)
			r = conn_refuse(c, "client that says nothing");
		else {
			conn_wait(c, CONN_LOOK, tcp_limits.hello_ms - age);
			return;
		}
		break;
	case CONN_PROXY:
		r = conn_refuse(c, "client that says nothing");
		break;
	case CONN_APPROVE:
		r = allow_waits(c);
		break;
	case CONN_RESOLVE:
		r = conn_refuse(c, "look-up without an answer");
		break;
	case CONN_DEAD:
		return;
	}
	if (r == -1)
		conn_end(c, EPERM);
}

void
conn_hurry(struct conn *c)
{
	if (c->state != CONN_LOOK && c->state != CONN_PROXY)
		return;
	(void)conn_refuse(c, "client that says nothing");
	conn_end(c, EPERM);
}

/* Does it go to a listener itself? */
static bool
is_self(const struct conn *c)
{
	int i;

	for (i = 0; i < c->rs->nself; i++) {
		if (memcmp(c->addr, c->rs->self[i], 16) == 0)
			return true;
	}
	return false;
}

/* 0: it waits for more of what may be a request */
static int
look_refused(void *arg)
{
	struct conn *c = arg;
	struct flow *f = &c->relay.flow[RELAY_CLIENT];

	if (f->ended || inspect_look(&c->in, f) != INSPECT_MORE)
		return -1;
	return c->in.kind == INSPECT_UNKNOWN || c->in.kind == INSPECT_HTTP ? 0 :
									     -1;
}

/* A client of HTTP that a rule refuses has asked before it hears of it: by a reset
 * it could not tell from a network that fails, and some try again for minutes.
 * Others are reset when they say something, or nothing for as long as a server
 * that speaks first is waited for. 0 or -1. */
static int
start_refused(struct conn *c)
{
	/* whose an address is, is not told */
	if (c->ruling.reason != NULL)
		return -1;
	inspect_start(&c->in, c->port, false);
	c->relay.look[RELAY_CLIENT] = look_refused;
	conn_wait(c, CONN_LOOK, tcp_limits.speak_ms);
	return 0;
}

static int
start(struct conn *c, const struct conn_ends *e, bool proxy)
{
	c->ruling.v.rule_name = c->ruling.v.message = "";
	c->rule = strdup("");
	c->message = strdup("");
	c->timer = evtimer_new(c->s->base, timer_cb, c);
	if (c->rule == NULL || c->message == NULL || c->timer == NULL)
		return conn_refuse(c, "out of memory");
	if (proxy) {
		c->relay.look[RELAY_CLIENT] = proxy_look;
		conn_wait(c, CONN_PROXY, tcp_limits.hello_ms);
		return 0;
	}
	memcpy(c->addr, e->addr, sizeof(c->addr));
	c->port = e->port;
	if (is_self(c))
		return conn_refuse(c, "address of netd itself");
	if (confirm_address(c) == -1)
		return start_refused(c);
	conn_begin(c);
	conn_wait(c, CONN_LOOK, tcp_limits.speak_ms);
	return 0;
}

void
conn_start(struct relays *rs, int fd, const struct conn_ends *e, bool proxy)
{
	struct conn *c = calloc(1, sizeof(*c));
	bool started;

	if (c == NULL) {
		/* no event can tell of it */
		close(fd);
		tcp_fail(rs);
		return;
	}
	c->rs = rs;
	c->s = rs->s;
	c->dial_fd = -1;
	c->ends = *e;
	c->born = clock_ms();
	c->state = proxy ? CONN_PROXY : CONN_LOOK;
	TAILQ_INSERT_TAIL(&rs->conns, c, entry);
	rs->n++;
	tcp_total++;
	rs->nwaiting++;
	started = relay_start(&c->relay, rs->s->share, fd, ended, c) == 0;
	c->ask = whose_ask(rs->s, IPPROTO_TCP, e->peer, e->peer_port, e->local,
	    e->local_port, owner_cb, c);
	if (!started)
		conn_end(c, ENOMEM);
	else if (start(c, e, proxy) == -1)
		conn_end(c, EPERM);
}
