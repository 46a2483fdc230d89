/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions by TCP (RFC 7766): one after the other on a connection, the next is
 * read when the one before was answered.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#include "dns.h"

struct dns_conn {
	TAILQ_ENTRY(dns_conn) entry;
	struct dns *dns;
	struct dns_client client;
	struct event *event;
	uint8_t in[2 + DNS_QUERY_MAX];
	size_t nin;
	uint8_t *out; /* being sent; NULL: none */
	size_t nout, sent;
	bool hearing; /* inside of dnsask_hear: is not freed */
	bool ended;
};

static void io_cb(evutil_socket_t, short, void *);

static void
client_close(struct dns_conn *c)
{
	c->ended = true;
	if (c->hearing)
		return;
	dnsask_forget(c->dns, c);
	TAILQ_REMOVE(&c->dns->conns, c, entry);
	c->dns->nconns--;
	if (c->event != NULL)
		event_free(c->event);
	close(c->client.fd);
	free(c->out);
	free(c);
}

void
dnsconn_stop(struct dns *d)
{
	while (!TAILQ_EMPTY(&d->conns))
		client_close(TAILQ_FIRST(&d->conns));
}

/* what 0: only the time-out, while a question is under way. */
static void
client_wait(struct dns_conn *c, short what)
{
	struct timeval tv = clock_timeval(c->dns->s->dns_conf->idle_ms);

	if (c->event != NULL)
		event_free(c->event);
	c->event = event_new(c->dns->s->base, c->client.fd,
	    (short)(what | EV_PERSIST), io_cb, c);
	if (c->event == NULL || event_add(c->event, &tv) == -1)
		client_close(c);
}

/* A whole message is there: the question, and what comes behind it stays. */
static void
client_hear(struct dns_conn *c, size_t len)
{
	uint8_t msg[DNS_QUERY_MAX];

	memcpy(msg, c->in + 2, len);
	c->nin -= 2 + len;
	memmove(c->in, c->in + 2 + len, c->nin);
	c->hearing = true;
	dnsask_hear(c->dns, msg, len, &c->client);
	c->hearing = false;
	if (c->ended)
		client_close(c);
	else
		client_wait(c, c->out != NULL ? EV_WRITE : 0);
}

/* Is there a whole message, or one that never will be? */
static void
client_look(struct dns_conn *c)
{
	size_t len;

	if (c->nin >= 2) {
		len = (size_t)(c->in[0] << 8 | c->in[1]);
		if (len > DNS_QUERY_MAX) {
			client_close(c);
			return;
		}
		if (c->nin >= 2 + len) {
			client_hear(c, len);
			return;
		}
	}
	client_wait(c, EV_READ);
}

static void
client_read(struct dns_conn *c)
{
	ssize_t n;

	n = recv(c->client.fd, c->in + c->nin, sizeof(c->in) - c->nin,
	    MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_close(c);
		return;
	}
	c->nin += (size_t)n;
	client_look(c);
}

static void
client_write(struct dns_conn *c)
{
	ssize_t n;

	n = send(c->client.fd, c->out + c->sent, c->nout - c->sent,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1) {
		client_close(c);
		return;
	}
	c->sent += (size_t)n;
	if (c->sent < c->nout)
		return;
	free(c->out);
	c->out = NULL;
	client_look(c);
}

static void
io_cb(evutil_socket_t fd, short what, void *arg)
{
	struct dns_conn *c = arg;

	(void)fd;
	if ((what & EV_TIMEOUT) != 0)
		client_close(c);
	else if (c->out != NULL)
		client_write(c);
	else
		client_read(c);
}

void
dnsconn_send(struct dns_conn *c, const uint8_t *msg, size_t len)
{
	c->out = len == 0 ? NULL : malloc(2 + len);
	if (c->out == NULL) {
		client_close(c);
		return;
	}
	c->out[0] = (uint8_t)(len >> 8);
	c->out[1] = (uint8_t)len;
	memcpy(c->out + 2, msg, len);
	c->nout = 2 + len;
	c->sent = 0;
	if (!c->hearing)
		client_wait(c, EV_WRITE);
}

int
dns_take(struct nsess *s, int fd, const struct conn_ends *e)
{
	struct dns_conn *c;

	if (s->dns->nconns == DNS_CONNS ||
	    (c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return -1;
	}
	c->dns = s->dns;
	c->client.conn = c;
	c->client.fd = fd;
	c->client.sport = e->peer_port;
	memcpy(c->client.src, e->peer, 16);
	/* the address that was asked, though nobody has it here */
	c->client.dport = e->local_port;
	memcpy(c->client.dst, e->local, 16);
	TAILQ_INSERT_TAIL(&s->dns->conns, c, entry);
	s->dns->nconns++;
	client_wait(c, EV_READ);
	return 0;
}
