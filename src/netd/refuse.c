/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session has while nothing of its network is served: connections are
 * reset, and no name is found.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "names.h"
#include "netd.h"

struct relays {
	struct event *ev[2], *proxy;
};

struct dns {
	struct event *ev[2];
};

struct names {
	char none;
};

static void
accept_cb(evutil_socket_t fd, short what, void *arg)
{
	static const struct linger reset = { .l_onoff = 1 };
	int s;

	(void)what;
	(void)arg;
	s = accept4((int)fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (s == -1)
		return;
	setsockopt(s, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(s);
}

static int
watch(struct nsess *n, enum net_listener first, event_callback_fn cb,
    struct event *ev[2])
{
	int i;

	for (i = 0; i < 2; i++) {
		if (n->listener[first + i] == -1)
			continue;
		ev[i] = event_new(n->base, n->listener[first + i],
		    EV_READ | EV_PERSIST, cb, n);
		if (ev[i] == NULL || event_add(ev[i], NULL) == -1)
			return -1;
	}
	return 0;
}

static void
unwatch(struct event *ev[2])
{
	int i;

	for (i = 0; i < 2; i++) {
		if (ev[i] != NULL)
			event_free(ev[i]);
	}
}

void
tcp_stop(struct nsess *n)
{
	if (n->relays == NULL)
		return;
	unwatch(n->relays->ev);
	if (n->relays->proxy != NULL)
		event_free(n->relays->proxy);
	free(n->relays);
	n->relays = NULL;
}

int
tcp_start(struct nsess *n)
{
	n->relays = calloc(1, sizeof(*n->relays));
	if (n->relays != NULL &&
	    watch(n, NET_TCP4, accept_cb, n->relays->ev) == 0)
		return 0;
	tcp_stop(n);
	return -1;
}

int
tcp_proxy(struct nsess *n, int fd)
{
	n->relays->proxy = event_new(n->base, fd, EV_READ | EV_PERSIST,
	    accept_cb, n);
	return n->relays->proxy == NULL ? -1 :
					  event_add(n->relays->proxy, NULL);
}

/* Answers REFUSED, from the address that was asked. */
static void
query_cb(evutil_socket_t fd, short what, void *arg)
{
	union {
		struct cmsghdr align;
		char bytes[256];
	} control;
	uint8_t data[512];
	struct sockaddr_storage ss;
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct msghdr mh = { .msg_name = &ss,
		.msg_namelen = sizeof(ss),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *cm;
	struct in_pktinfo *p4;
	struct in6_pktinfo *p6;
	ssize_t len;

	(void)what;
	(void)arg;
	len = recvmsg((int)fd, &mh, MSG_DONTWAIT);
	if (len < 12)
		return;
	iov.iov_len = (size_t)len;
	data[2] |= 0x80;
	data[3] = (data[3] & 0xf0) | 5;
	for (cm = CMSG_FIRSTHDR(&mh); cm != NULL; cm = CMSG_NXTHDR(&mh, cm)) {
		if (cm->cmsg_level == IPPROTO_IP &&
		    cm->cmsg_type == IP_PKTINFO) {
			p4 = (struct in_pktinfo *)(void *)CMSG_DATA(cm);
			p4->ipi_spec_dst = p4->ipi_addr;
			p4->ipi_ifindex = 0;
		} else if (cm->cmsg_level == IPPROTO_IPV6 &&
		    cm->cmsg_type == IPV6_PKTINFO) {
			p6 = (struct in6_pktinfo *)(void *)CMSG_DATA(cm);
			p6->ipi6_ifindex = 0;
		}
	}
	sendmsg((int)fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void
dns_stop(struct nsess *n)
{
	if (n->dns == NULL)
		return;
	unwatch(n->dns->ev);
	free(n->dns);
	n->dns = NULL;
}

int
dns_start(struct nsess *n)
{
	n->dns = calloc(1, sizeof(*n->dns));
	if (n->dns != NULL && watch(n, NET_UDP4, query_cb, n->dns->ev) == 0)
		return 0;
	dns_stop(n);
	return -1;
}

int
whose_start(struct nsess *n)
{
	(void)n;
	return 0;
}

void
whose_stop(struct nsess *n)
{
	(void)n;
}

struct names *
names_new(size_t max)
{
	(void)max;
	return calloc(1, sizeof(struct names));
}

void
names_free(struct names *names)
{
	free(names);
}
