/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network of a session: a namespace in which there is nothing but a loopback,
 * by which every address is reached, and sockets that get what goes to any but
 * the session's own. netd has those sockets, in the host's namespace, and there
 * is no other way out. It is made before the session's user namespace, so nobody
 * inside may change it, and it is the same for every session.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <net/if.h>
#include <netinet/in.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "maker.h"

#define BACKLOG 4096

struct net_family {
	int af;
	uint8_t len; /* of an address */
	uint8_t self[16];
	uint8_t netd[16];
};

static const struct net_family ipv4 = { AF_INET, 4, { NS_SELF4 },
	{ NS_NETD4 } };
static const struct net_family ipv6 = { AF_INET6, 16, { NS_SELF6 },
	{ NS_NETD6 } };

/* --- loopback, address, route */

static int
loopback_up(struct aerr *e)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return make_error(e, "socket in the network namespace");
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) == -1) {
		make_error(e, "bring up the loopback");
		close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

/* Sends and waits for the kernel's word. 0, or -1 with errno. */
static int
talk(struct mnl_socket *nl, const struct nlmsghdr *h)
{
	char data[8192];
	const struct nlmsghdr *a = (const struct nlmsghdr *)(const void *)data;
	const struct nlmsgerr *err;
	ssize_t n;

	if (mnl_socket_sendto(nl, h, h->nlmsg_len) == -1)
		return -1;
	n = mnl_socket_recvfrom(nl, data, sizeof(data));
	if (n == -1)
		return -1;
	if (!mnl_nlmsg_ok(a, (int)n) || a->nlmsg_type != NLMSG_ERROR) {
		errno = EPROTO;
		return -1;
	}
	err = mnl_nlmsg_get_payload(a);
	errno = -err->error;
	return err->error == 0 ? 0 : -1;
}

static struct nlmsghdr *
begin(char *data, uint16_t type)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(data);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	return h;
}

static int
add_address(struct mnl_socket *nl, const struct net_family *f)
{
	char data[256];
	struct nlmsghdr *h = begin(data, RTM_NEWADDR);
	struct ifaddrmsg *a = mnl_nlmsg_put_extra_header(h, sizeof(*a));

	a->ifa_family = (uint8_t)f->af;
	a->ifa_prefixlen = (uint8_t)(f->len * 8);
	a->ifa_flags = f->af == AF_INET6 ? IFA_F_NODAD : 0;
	a->ifa_scope = RT_SCOPE_UNIVERSE;
	a->ifa_index = NS_LO_INDEX;
	mnl_attr_put(h, IFA_LOCAL, f->len, f->self);
	return talk(nl, h);
}

/* Every address is one of this host: what is sent to it comes back in by the
 * loopback, and can be received. Without PREFSRC a sender would have the address
 * that it sends to. */
static int
add_route(struct mnl_socket *nl, const struct net_family *f)
{
	char data[256];
	struct nlmsghdr *h = begin(data, RTM_NEWROUTE);
	struct rtmsg *r = mnl_nlmsg_put_extra_header(h, sizeof(*r));

	r->rtm_family = (uint8_t)f->af;
	r->rtm_table = RT_TABLE_LOCAL;
	r->rtm_protocol = RTPROT_STATIC;
	r->rtm_scope = RT_SCOPE_HOST;
	r->rtm_type = RTN_LOCAL;
	mnl_attr_put_u32(h, RTA_OIF, NS_LO_INDEX);
	mnl_attr_put(h, RTA_PREFSRC, f->len, f->self);
	return talk(nl, h);
}

/* 0, or -1 with errno. */
static int
add_family(const struct net_family *f)
{
	struct mnl_socket *nl;
	int r = -1, saved;

	nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (nl == NULL)
		return -1;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 &&
	    add_address(nl, f) == 0)
		r = add_route(nl, f);
	saved = errno;
	mnl_socket_close(nl);
	errno = saved;
	return r;
}

/* Has the host an address that others could reach it by? Asked before there is
 * a namespace. A session without would only waste tries on it. */
static bool
host_has_ipv6(void)
{
	char line[128];
	unsigned scope;
	bool found = false;
	FILE *fp;

	fp = fopen("/proc/net/if_inet6", "re");
	if (fp == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), fp) != NULL)
		found = sscanf(line, "%*s %*x %*x %x", &scope) == 1 &&
		    scope == 0;
	fclose(fp);
	return found;
}

/* --- sockets */

static int
set(int fd, int level, int name)
{
	static const int on = 1;

	return setsockopt(fd, level, name, &on, sizeof(on));
}

static int
set_options(int fd, int af, int type)
{
	if (set(fd, SOL_SOCKET, SO_REUSEADDR) == -1)
		return -1;
	if (af == AF_INET)
		return set(fd, IPPROTO_IP, IP_TRANSPARENT) == -1 ||
			set(fd, IPPROTO_IP, IP_FREEBIND) == -1 ||
			(type == SOCK_DGRAM &&
			    set(fd, IPPROTO_IP, IP_PKTINFO) == -1) ?
		    -1 :
		    0;
	return set(fd, IPPROTO_IPV6, IPV6_V6ONLY) == -1 ||
		set(fd, IPPROTO_IPV6, IPV6_TRANSPARENT) == -1 ||
		set(fd, IPPROTO_IPV6, IPV6_FREEBIND) == -1 ||
		(type == SOCK_DGRAM &&
		    set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO) == -1) ?
	    -1 :
	    0;
}

static int
bind_to(int fd, const struct net_family *f, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };

	sin.sin_port = sin6.sin6_port = htons(port);
	if (f->af == AF_INET) {
		memcpy(&sin.sin_addr, f->netd, sizeof(sin.sin_addr));
		return bind(fd, (struct sockaddr *)&sin, sizeof(sin));
	}
	memcpy(&sin6.sin6_addr, f->netd, sizeof(sin6.sin6_addr));
	return bind(fd, (struct sockaddr *)&sin6, sizeof(sin6));
}

/* -1 with errno. Bound to an address of its own: the session can have the same
 * ports on its loopback. */
static int
make_socket(const struct net_family *f, int type, uint16_t port)
{
	int fd, saved;

	fd = socket(f->af, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (set_options(fd, f->af, type) == 0 && bind_to(fd, f, port) == 0 &&
	    (type == SOCK_DGRAM || listen(fd, BACKLOG) == 0))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int
hand_over_family(struct chan *privd, const struct net_family *f, struct aerr *e)
{
	struct msg_make_listen m = { .ipv6 = f->af == AF_INET6 };
	int fds[2], r;

	fds[0] = make_socket(f, SOCK_STREAM, NS_TCP_PORT);
	fds[1] = make_socket(f, SOCK_DGRAM, NS_UDP_PORT);
	if (fds[0] == -1 || fds[1] == -1)
		return make_error(e, "sockets of the session's network");
	r = msg_send_make_listen(privd, 0, &m, fds);
	close(fds[0]);
	close(fds[1]);
	return r == -1 ? make_error(e, "tell agentshd") : 0;
}

/* A socket belongs to the namespace that it was made in, and so do those that a
 * listening one accepts. With one of each netd can have as many as it needs to
 * reach the session's servers by (netd/inward.c); nobody listens before. The
 * port is one that the session has no right to. -1 with errno. */
static int
make_inward(const struct net_family *f, int fds[2])
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	int i;

	for (i = 0; i < 2; i++) {
		fds[i] = socket(f->af,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fds[i] == -1)
			return -1;
	}
	sin.sin_port = sin6.sin6_port = htons(NS_INWARD_PORT);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin6.sin6_addr = in6addr_loopback;
	if (set(fds[0], SOL_SOCKET, SO_REUSEADDR) == -1)
		return -1;
	if (f->af == AF_INET)
		return bind(fds[0], (struct sockaddr *)&sin, sizeof(sin));
	return bind(fds[0], (struct sockaddr *)&sin6, sizeof(sin6));
}

/* 0, or -1 with errno. */
static int
hand_over_inward(struct chan *privd, const struct net_family *f)
{
	struct msg_make_inward m = { .ipv6 = f->af == AF_INET6 };
	int fds[2] = { -1, -1 }, r, i, saved;

	r = make_inward(f, fds);
	if (r == 0)
		r = msg_send_make_inward(privd, 0, &m, fds);
	saved = errno;
	for (i = 0; i < 2; i++) {
		if (fds[i] != -1)
			close(fds[i]);
	}
	errno = saved;
	return r;
}

/* By the first netd finds out whose connection it is; the other one is for
 * clients that speak to a proxy. */
static int
hand_over_rest(struct chan *privd, struct aerr *e)
{
	static const struct msg_make_net m;
	int fds[2], r;

	fds[0] = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_SOCK_DIAG);
	if (fds[0] == -1)
		return make_error(e, "sock_diag of the session's network");
	fds[1] = make_socket(&ipv4, SOCK_STREAM, NS_PROXY_PORT);
	if (fds[1] == -1)
		return make_error(e, "sockets of the session's network");
	r = msg_send_make_net(privd, 0, &m, fds);
	close(fds[0]);
	close(fds[1]);
	return r == -1 ? make_error(e, "tell agentshd") : 0;
}

static int
connect_to_netd(struct chan *privd, bool has_ipv6, bool publish, struct aerr *e)
{
	if (add_family(&ipv4) == -1)
		return make_error(e, "address of the session's network");
	/* the host may have it, and not let new namespaces have it */
	if (has_ipv6 && add_family(&ipv6) == -1)
		has_ipv6 = false;
	if (nft_steer(e) == -1 || hand_over_family(privd, &ipv4, e) == -1 ||
	    (has_ipv6 && hand_over_family(privd, &ipv6, e) == -1))
		return -1;
	if (publish && hand_over_inward(privd, &ipv4) == -1)
		return make_error(e, "sockets to the session's servers");
	/* the loopback has that address where the kernel knows the family */
	if (publish && hand_over_inward(privd, &ipv6) == -1)
		log_debug("no servers at ::1: %s", strerror(errno));
	return hand_over_rest(privd, e);
}

static int
enter_new(struct aerr *e)
{
	if (unshare(CLONE_NEWNET) == -1)
		return make_error(e, "make a network namespace");
	return loopback_up(e);
}

int
ns_make_net(struct chan *privd, enum net_wish wish, bool publish,
    struct aerr *e)
{
	bool has_ipv6 = wish != NET_WISH_NONE && host_has_ipv6();

	if (enter_new(e) == -1)
		return -1;
	if (wish == NET_WISH_NONE)
		return 0;
	if (connect_to_netd(privd, has_ipv6, publish, e) == 0)
		return 1;
	if (wish == NET_WISH_NEEDED)
		return -1;
	/* nothing that was half made is left behind */
	log_warnx("%s", e->message);
	return enter_new(e);
}
