/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's own addresses are refused to sessions. They change while netd runs:
 * the kernel tells of that by rtnetlink(7), and they are read again. While they
 * cannot be read, every address counts as the host's.
 */
#include <sys/socket.h>

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "netdecide.h"
#include "log.h"
#include "netd.h"

#define AGAIN_MS 1000

static struct {
	int fd;
	struct event *changed, *again;
} hostaddr = { .fd = -1 };

/* Asks what the kernel would do with it. 0 or -1. */
static int
ask_route(int fd, const uint8_t addr[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool v4 = memcmp(addr, mapped, sizeof(mapped)) == 0;
	struct {
		struct nlmsghdr head;
		struct rtmsg route;
		struct rtattr attr;
		uint8_t dst[16];
	} q = { .head = { .nlmsg_type = RTM_GETROUTE,
		    .nlmsg_flags = NLM_F_REQUEST } };
	size_t len = v4 ? 4 : 16;

	q.head.nlmsg_len = (uint32_t)(sizeof(q) - sizeof(q.dst) + len);
	q.route.rtm_family = v4 ? AF_INET : AF_INET6;
	q.route.rtm_dst_len = (uint8_t)(len * 8);
	q.attr.rta_type = RTA_DST;
	q.attr.rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(q.dst, v4 ? addr + sizeof(mapped) : addr, len);
	return send(fd, &q, q.head.nlmsg_len, MSG_DONTWAIT) ==
		(ssize_t)q.head.nlmsg_len ?
	    0 :
	    -1;
}

bool
hostaddr_answers(const uint8_t addr[16])
{
	struct {
		struct nlmsghdr head;
		struct rtmsg route;
		uint8_t rest[4096];
	} a;
	ssize_t n = -1;
	int fd;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_ROUTE);
	if (fd != -1 && ask_route(fd, addr) == 0)
		n = recv(fd, &a, sizeof(a), MSG_DONTWAIT);
	if (fd != -1)
		close(fd);
	return n < (ssize_t)NLMSG_LENGTH(sizeof(a.route)) ||
	    a.head.nlmsg_type != RTM_NEWROUTE ||
	    a.route.rtm_type != RTN_UNICAST;
}

static void
read_all(void)
{
	struct timeval tv = clock_timeval(AGAIN_MS);

	if (decide_host_addresses() == 0)
		return;
	log_warn("the host's addresses cannot be read");
	if (evtimer_add(hostaddr.again, &tv) == -1)
		fatalx("cannot set a timer");
}

static void
again_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	read_all();
}

/* What has changed does not matter, nor that some of it was lost. */
static void
changed_cb(evutil_socket_t fd, short what, void *arg)
{
	char buf[8192];
	ssize_t n;

	(void)what;
	(void)arg;
	do {
		n = recv((int)fd, buf, sizeof(buf), MSG_DONTWAIT);
	} while (n > 0 || (n == -1 && (errno == EINTR || errno == ENOBUFS)));
	if (n == 0 || errno != EAGAIN)
		fatal("changes of the host's addresses");
	read_all();
}

void
hostaddr_start(struct event_base *base)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };

	hostaddr.fd = socket(AF_NETLINK,
	    SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (hostaddr.fd == -1 ||
	    bind(hostaddr.fd, (struct sockaddr *)&sa, sizeof(sa)) == -1)
		fatal("changes of the host's addresses");
	hostaddr.changed = event_new(base, hostaddr.fd, EV_READ | EV_PERSIST,
	    changed_cb, NULL);
	hostaddr.again = evtimer_new(base, again_cb, NULL);
	if (hostaddr.changed == NULL || hostaddr.again == NULL ||
	    event_add(hostaddr.changed, NULL) == -1)
		fatalx("event");
	/* what changes meanwhile is in the socket by now */
	read_all();
}
