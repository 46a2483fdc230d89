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
