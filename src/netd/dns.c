/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name server of a session: the sockets that its questions arrive on. They
 * are asked at any address, and answer from that address.
 */
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "ipport.h"

#include "dns.h"
#include "dnskept.h"
#include "sockdiag.h"

#define DATAGRAMS 32  /* of one session, before others have their turn */
#define IDLE_MS 20000 /* of a connection */

static const enum net_listener udp_listener[2] = { NET_UDP4, NET_UDP6 };

int
dns_configure(struct dns_conf *d, const struct conf *c, const char *resolv)
{
	memset(d, 0, sizeof(*d));
	d->upstream.timeout_ms = c->dns_timeout_ms;
	d->idle_ms = IDLE_MS;
	d->limits.rate = c->dns_rate;
	d->limits.names = c->dns_names;
	d->limits.name_max = c->dns_name_max;
	if (c->dns_upstream[0] != '\0')
		return resolver_parse(&d->upstream, c->dns_upstream);
	resolver_read(&d->upstream, resolv);
	return 0;
}

/* Keeps what the kernel is to be told with the answer. */
static bool
asked_address(struct dns_client *c, struct msghdr *m)
{
	struct cmsghdr *h;
	struct in_pktinfo v4;
	struct in6_pktinfo v6;

	for (h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
			memcpy(&v4, CMSG_DATA(h), sizeof(v4));
			memset(c->dst, 0, sizeof(c->dst));
			c->dst[10] = c->dst[11] = 0xff;
			memcpy(c->dst + 12, &v4.ipi_addr, 4);
			v4.ipi_spec_dst = v4.ipi_addr;
			v4.ipi_ifindex = 0;
			memcpy(CMSG_DATA(h), &v4, sizeof(v4));
		} else if (h->cmsg_level == IPPROTO_IPV6 &&
		    h->cmsg_type == IPV6_PKTINFO) {
			memcpy(&v6, CMSG_DATA(h), sizeof(v6));
			memcpy(c->dst, &v6.ipi6_addr, 16);
			v6.ipi6_ifindex = 0;
			memcpy(CMSG_DATA(h), &v6, sizeof(v6));
		} else {
			continue;
		}
		/* alone: the answer takes nothing else along */
		c->control_len = CMSG_SPACE(h->cmsg_len - CMSG_LEN(0));
		memmove(c->control, h, h->cmsg_len);
		return true;
	}
	return false;
}

/* Anybody may ask who shares the loopback with the session. */
static bool
is_of_session(const struct nsess *s, const struct dns_client *c)
{
	struct sockdiag_end own = { .port = c->sport },
			    far = { .port = c->dport };
	uint8_t addr[16];
	uint16_t port;

	if (s->dialled == NULL)
		return true;
	memcpy(own.addr, c->src, sizeof(own.addr));
	memcpy(far.addr, c->dst, sizeof(far.addr));
	return dialled_find(s, IPPROTO_UDP, &own, &far, addr, &port) == 0 &&
	    port == DNS_PORT;
}

static bool
receive(struct dns *d, int fd)
{
	uint8_t msg[DNS_QUERY_MAX + 1];
	struct iovec iov = { .iov_base = msg, .iov_len = sizeof(msg) };
	struct dns_client c = { .fd = fd };
	struct msghdr m = {
		.msg_name = &c.peer,
		.msg_namelen = sizeof(c.peer),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = c.control,
		.msg_controllen = sizeof(c.control),
	};
	ssize_t n;

	n = recvmsg(fd, &m, MSG_DONTWAIT);
	if (n == -1)
		return false;
	c.peer_len = m.msg_namelen;
	c.dport = d->udp_port[fd == d->s->listener[NET_UDP6]];
	if (asked_address(&c, &m) &&
	    ipport_from_sockaddr(&c.peer, c.src, &c.sport) == 0 &&
	    is_of_session(d->s, &c))
		dnsask_hear(d, msg, (size_t)n, &c);
	return true;
}

static void
udp_cb(evutil_socket_t fd, short what, void *arg)
{
	struct dns *d = arg;
	int i;

	(void)what;
	for (i = 0; i < DATAGRAMS && receive(d, fd); i++)
		;
}

/* What the session has sent by UDP is written down, as far as it is not known yet:
 * not where it has no namespace, as its sockets are gone by now, and whose it was
 * with them. What a connection has, and nobody has read, is not. */
static void
last_words(struct dns *d, int fd)
{
	int i;

	for (i = 0; i < DNS_ASKED && receive(d, fd); i++)
		;
}

void
dns_send(const struct dns_client *c, const uint8_t *msg, size_t len)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)msg,
		.iov_len = len };
	struct msghdr m = {
		.msg_name = (void *)(uintptr_t)&c->peer,
		.msg_namelen = c->peer_len,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = (void *)(uintptr_t)c->control,
		.msg_controllen = c->control_len,
	};

	if (c->gone)
		return;
	if (c->conn != NULL)
		dnsconn_send(c->conn, msg, len);
	else if (len > 0) /* an answer that is lost is asked for again */
		(void)sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int
dns_start(struct nsess *s)
{
	struct dns *d = calloc(1, sizeof(*d));
	uint8_t addr[16];
	size_t i;
	int fd;

	if (d == NULL)
		return -1;
	d->s = s;
	TAILQ_INIT(&d->asked);
	TAILQ_INIT(&d->pending);
	TAILQ_INIT(&d->conns);
	TAILQ_INIT(&d->resolving);
	s->dns = d;
	d->budget = dnsbudget_new(&s->dns_conf->limits);
	d->kept = dnskept_new();
	if (d->budget == NULL || d->kept == NULL)
		goto fail;
	for (i = 0; i < 2; i++) {
		fd = s->listener[udp_listener[i]];
		if (fd == -1)
			continue;
		if (ipport_own(fd, addr, &d->udp_port[i]) == -1)
			goto fail;
		d->udp[i] = event_new(s->base, fd, EV_READ | EV_PERSIST, udp_cb,
		    d);
		if (d->udp[i] == NULL || event_add(d->udp[i], NULL) == -1)
			goto fail;
	}
	return 0;
fail:
	dns_stop(s);
	return -1;
}

void
dns_stop(struct nsess *s)
{
	struct dns *d = s->dns;
	size_t i;

	if (d == NULL)
		return;
	d->ending = true;
	/* there is room then, and nothing waits any more */
	dnsask_stop(d);
	for (i = 0; i < 2; i++) {
		if (d->udp[i] == NULL)
			continue;
		last_words(d, s->listener[udp_listener[i]]);
		event_free(d->udp[i]);
	}
	dnsconn_stop(d);
	dnsresolve_stop(d);
	dnsbudget_free(d->budget);
	dnskept_free(d->kept);
	free(d);
	s->dns = NULL;
}
