/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Look-ups at the host's name servers. An answer has to come from the server that
 * was asked, to the port that the kernel drew for this one question, with its
 * random number and with the question itself (RFC 5452); anything else is passed
 * over. One that was cut short is asked for again by TCP.
 */
#include <sys/random.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "conf.h"
#include "ipport.h"

#include "resolver.h"

#define UDP_MAX 4096 /* we do not ask for more than 512 */
#define UDP_STRAY 16 /* datagrams that are not the answer, at a time */
#define TRIES_MIN 3  /* of one server: a datagram may be lost */
#define TRY_MS_MIN 200

struct lookup {
	struct event_base *base;
	const struct dns_upstream *up;
	lookup_cb cb;
	void *arg;
	char name[NET_NAME_MAX + 1];
	uint16_t type;
	uint16_t id;
	size_t tries; /* so far */
	int fd;	      /* -1: none */
	bool tcp;
	struct event *event;	 /* of fd, with the time-out of this try */
	uint64_t until;		 /* this try, though some bytes come */
	struct event *done;	 /* brings the end, outside of other calls */
	struct dns_reply *reply; /* what the end is; NULL: none */
	uint8_t *msg;		 /* TCP: what goes out or comes in */
	size_t have, want; /* TCP: bytes of it, with the two of its length */
};

static void next_try(struct lookup *);
static void io_cb(evutil_socket_t, short, void *);

void
resolver_read(struct dns_upstream *up, const char *text)
{
	char word[64];
	size_t n;
	struct dns_server *s;

	for (; *text != '\0' && up->n < DNS_SERVERS_MAX;
	     text += strcspn(text, "\n"), text += *text == '\n') {
		text += strspn(text, " \t");
		if (strncmp(text, "nameserver", 10) != 0 ||
		    (text[10] != ' ' && text[10] != '\t'))
			continue;
		text += 10;
		text += strspn(text, " \t");
		n = strcspn(text, " \t\r\n");
		if (n >= sizeof(word))
			continue;
		memcpy(word, text, n);
		word[n] = '\0';
		s = &up->server[up->n];
		s->port = DNS_PORT;
		/* one with a zone (fe80::1%eth0) is none that we can ask */
		if (strchr(word, '[') == NULL &&
		    ipport_parse(word, s->addr, &s->port) == 0 &&
		    s->port == DNS_PORT)
			up->n++;
	}
}

int
resolver_parse(struct dns_upstream *up, const char *list)
{
	char word[64];
	struct dns_server *s;

	while (conf_next_word(&list, word, sizeof(word))) {
		if (up->n == DNS_SERVERS_MAX)
			return -1;
		s = &up->server[up->n];
		s->port = DNS_PORT;
		if (ipport_parse(word, s->addr, &s->port) == -1)
			return -1;
		up->n++;
	}
	return *list == '\0' ? 0 : -1;
}

static size_t
max_tries(const struct lookup *l)
{
	size_t n = l->up->n * 2;

	return l->up->n == 0 ? 0 : n < TRIES_MIN ? TRIES_MIN : n;
}

static void
close_try(struct lookup *l)
{
	if (l->event != NULL)
		event_free(l->event);
	l->event = NULL;
	if (l->fd != -1)
		close(l->fd);
	l->fd = -1;
	free(l->msg);
	l->msg = NULL;
}

void
resolver_forget(struct lookup *l)
{
	if (l == NULL)
		return;
	close_try(l);
	if (l->done != NULL)
		event_free(l->done);
	if (l->reply != NULL)
		dnsmsg_reply_free(l->reply);
	free(l->reply);
	free(l);
}

static void
done_cb(evutil_socket_t fd, short what, void *arg)
{
	struct lookup *l = arg;
	struct dns_reply *reply = l->reply;
	lookup_cb cb = l->cb;
	void *cb_arg = l->arg;

	(void)fd;
	(void)what;
	l->reply = NULL;
	resolver_forget(l);
	cb(cb_arg, reply);
}

static void
finish(struct lookup *l, struct dns_reply *reply)
{
	close_try(l);
	l->reply = reply;
	event_active(l->done, EV_TIMEOUT, 0);
}

/* What one try may take. */
static uint64_t
try_ms(const struct lookup *l)
{
	uint64_t ms = l->up->timeout_ms / max_tries(l);

	return ms < TRY_MS_MIN ? TRY_MS_MIN : ms;
}

/* Waits for the socket. 0 or -1. */
static int
wait_for(struct lookup *l, short what)
{
	struct timeval tv = clock_timeval(try_ms(l));

	if (l->event != NULL)
		event_free(l->event);
	l->event = event_new(l->base, l->fd, (short)(what | EV_PERSIST), io_cb,
	    l);
	return l->event == NULL || event_add(l->event, &tv) == -1 ? -1 : 0;
}

static int
open_try(struct lookup *l, const struct dns_server *s)
{
	struct sockaddr_storage ss;
	socklen_t len = ipport_sockaddr(s->addr, s->port, &ss);

	l->until = clock_ms() + try_ms(l);
	l->fd = socket(ss.ss_family,
	    (l->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (l->fd == -1 || getrandom(&l->id, sizeof(l->id), 0) != sizeof(l->id))
		return -1;
	/* connected: the kernel takes datagrams of this server alone */
	if (connect(l->fd, (struct sockaddr *)&ss, len) == -1 &&
	    !(l->tcp && errno == EINPROGRESS))
		return -1;
	return 0;
}

static int
start_udp(struct lookup *l, const struct dns_server *s)
{
	uint8_t msg[DNS_QUERY_MAX];
	size_t n;

	l->tcp = false;
	if (open_try(l, s) == -1)
		return -1;
	n = dnsmsg_ask(msg, l->id, l->name, l->type);
	if (send(l->fd, msg, n, MSG_NOSIGNAL) != (ssize_t)n)
		return -1;
	return wait_for(l, EV_READ);
}

static int
start_tcp(struct lookup *l)
{
	const struct dns_server *s = &l->up->server[(l->tries - 1) % l->up->n];
	size_t n;

	close_try(l);
	l->tcp = true;
	l->msg = malloc(2 + DNS_MSG_MAX);
	if (l->msg == NULL || open_try(l, s) == -1)
		return -1;
	n = dnsmsg_ask(l->msg + 2, l->id, l->name, l->type);
	l->msg[0] = (uint8_t)(n >> 8);
	l->msg[1] = (uint8_t)n;
	l->have = 0;
	l->want = n + 2;
	return wait_for(l, EV_WRITE);
}

static void
next_try(struct lookup *l)
{
	while (l->tries < max_tries(l)) {
		close_try(l);
		l->tries++;
		if (start_udp(l, &l->up->server[(l->tries - 1) % l->up->n]) ==
		    0)
			return;
	}
	finish(l, NULL);
}

/* A message of the server that was asked. Is it the answer? */
static bool
take_reply(struct lookup *l, const uint8_t *msg, size_t len)
{
	struct dns_reply *r = malloc(sizeof(*r));

	if (r == NULL)
		return false;
	if (dnsmsg_reply(msg, len, l->id, l->name, l->type, r) == -1) {
		free(r);
		return false;
	}
	if (r->truncated && !l->tcp) {
		dnsmsg_reply_free(r);
		free(r);
		if (start_tcp(l) == -1)
			next_try(l);
		return true;
	}
	/* a server that cannot say may not be the only one */
	if ((r->truncated || r->rcode == DNS_SERVFAIL) && l->tries < l->up->n) {
		dnsmsg_reply_free(r);
		free(r);
		next_try(l);
		return true;
	}
	if (r->truncated)
		r->rcode = DNS_SERVFAIL;
	finish(l, r);
	return true;
}

/* The answer is not there. What comes meanwhile makes a try no longer. */
static void
go_on(struct lookup *l)
{
	if (clock_ms() >= l->until)
		next_try(l);
}

static void
read_udp(struct lookup *l)
{
	uint8_t msg[UDP_MAX];
	ssize_t n;
	int i;

	for (i = 0; i < UDP_STRAY; i++) {
		n = recv(l->fd, msg, sizeof(msg), 0);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n == -1) { /* nobody is there */
			next_try(l);
			return;
		}
		if (take_reply(l, msg, (size_t)n))
			return;
	}
	go_on(l);
}

/* 1: more is to come; 0: it is whole; -1: the connection is no good. */
static int
move_tcp(struct lookup *l, bool out)
{
	ssize_t n;

	n = out ?
	    send(l->fd, l->msg + l->have, l->want - l->have, MSG_NOSIGNAL) :
	    recv(l->fd, l->msg + l->have, l->want - l->have, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 1;
	if (n <= 0)
		return -1;
	l->have += (size_t)n;
	return l->have < l->want;
}

static void
read_tcp(struct lookup *l)
{
	int more = move_tcp(l, false);

	if (more == 0 && l->want == 2) {
		l->want += (size_t)(l->msg[0] << 8 | l->msg[1]);
		more = l->want > 2 ? 1 : -1;
	}
	if (more == 1)
		go_on(l);
	else if (more == -1 || !take_reply(l, l->msg + 2, l->want - 2))
		next_try(l);
}

static void
io_cb(evutil_socket_t fd, short what, void *arg)
{
	struct lookup *l = arg;
	int more;

	(void)fd;
	if ((what & EV_TIMEOUT) != 0) {
		next_try(l);
		return;
	}
	if (!l->tcp) {
		read_udp(l);
		return;
	}
	if ((what & EV_READ) != 0) {
		read_tcp(l);
		return;
	}
	more = move_tcp(l, true);
	if (more == 0) {
		l->have = 0;
		l->want = 2;
		more = wait_for(l, EV_READ);
	}
	if (more == -1)
		next_try(l);
}

struct lookup *
resolver_ask(struct event_base *base, const struct dns_upstream *up,
    const char *name, uint16_t type, lookup_cb cb, void *arg)
{
	uint8_t msg[DNS_QUERY_MAX];
	struct lookup *l;

	if (dnsmsg_ask(msg, 0, name, type) == 0)
		return NULL;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return NULL;
	l->base = base;
	l->up = up;
	memcpy(l->name, name, strlen(name) + 1);
	l->type = type;
	l->cb = cb;
	l->arg = arg;
	l->fd = -1;
	l->done = event_new(base, -1, 0, done_cb, l);
	if (l->done == NULL) {
		free(l);
		return NULL;
	}
	next_try(l);
	return l;
}
