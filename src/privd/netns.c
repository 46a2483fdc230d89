/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network of a session: a namespace in which there is nothing but a loopback,
 * by which every address is reached, and sockets that get what goes to any but
 * the session's own, by one of the ways of steer.def. netd has those sockets, in
 * the host's namespace, and there is no other way out. It is made before the
 * session's user namespace, so nobody inside may change it, and it is the same
 * for every session.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <net/if.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "log.h"
#include "maker.h"

#define BACKLOG 4096

struct net_family {
	int af;
	uint8_t len; /* of an address */
	uint8_t self[16];
	uint8_t netd[16];
};

/* Which address netd's sockets have. */
enum address {
	AT_NETD,
	AT_ANY
};

/* clang-format off */
static const struct {
	const char *name;
	enum address at;
	int (*set_up)(struct net_sockets *, struct aerr *);
	const char *needs;
} ways[STEER_MAX] = {
#define STEER(id, name, at, dst, needs) \
	[STEER_##id] = { #name, AT_##at, steer_##name, needs },
#include "steer.def"
#undef STEER
};
/* clang-format on */

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
bool
ns_host_has_ipv6(void)
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
	/* of UDP it would let others have the same port */
	if (type == SOCK_STREAM && set(fd, SOL_SOCKET, SO_REUSEADDR) == -1)
		return -1;
	if (af == AF_INET)
		return set(fd, IPPROTO_IP, IP_FREEBIND) == -1 ||
			(type == SOCK_DGRAM &&
			    set(fd, IPPROTO_IP, IP_PKTINFO) == -1) ?
		    -1 :
		    0;
	return set(fd, IPPROTO_IPV6, IPV6_V6ONLY) == -1 ||
		set(fd, IPPROTO_IPV6, IPV6_FREEBIND) == -1 ||
		(type == SOCK_DGRAM &&
		    set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO) == -1) ?
	    -1 :
	    0;
}

static int
bind_to(int fd, const struct net_family *f, const uint8_t *addr, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };

	sin.sin_port = sin6.sin6_port = htons(port);
	if (f->af == AF_INET) {
		memcpy(&sin.sin_addr, addr, sizeof(sin.sin_addr));
		return bind(fd, (struct sockaddr *)&sin, sizeof(sin));
	}
	memcpy(&sin6.sin6_addr, addr, sizeof(sin6.sin6_addr));
	return bind(fd, (struct sockaddr *)&sin6, sizeof(sin6));
}

/* -1 with errno. */
static int
make_socket(const struct net_family *f, int type, const uint8_t *addr,
    uint16_t port)
{
	int fd, saved;

	fd = socket(f->af, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (set_options(fd, f->af, type) == 0 &&
	    bind_to(fd, f, addr, port) == 0 &&
	    (type == SOCK_DGRAM || listen(fd, BACKLOG) == 0))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
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

static void
sockets_init(struct net_sockets *n)
{
	n->tcp[0] = n->tcp[1] = n->udp[0] = n->udp[1] = -1;
	n->diag = n->proxy = n->refused = n->steer = -1;
}

static void
sockets_close(struct net_sockets *n)
{
	int *const fd[] = { &n->tcp[0], &n->tcp[1], &n->udp[0], &n->udp[1],
		&n->diag, &n->proxy, &n->refused, &n->steer };
	size_t i;

	for (i = 0; i < sizeof(fd) / sizeof(fd[0]); i++)
		fd_close(fd[i]);
}

static int
open_family(struct net_sockets *n, const struct net_family *f, enum steer how)
{
	static const uint8_t any[16];
	const uint8_t *addr = ways[how].at == AT_ANY ? any : f->netd;
	size_t i = f->af == AF_INET6;

	n->tcp[i] = make_socket(f, SOCK_STREAM, addr, NS_TCP_PORT);
	n->udp[i] = make_socket(f, SOCK_DGRAM, addr, NS_UDP_PORT);
	return n->tcp[i] == -1 || n->udp[i] == -1 ? -1 : 0;
}

/* By the first of the other two netd finds out whose connection it is; the second
 * is for clients that speak to a proxy. */
static int
open_sockets(struct net_sockets *n, bool has_ipv6, enum steer how,
    struct aerr *e)
{
	if (open_family(n, &ipv4, how) == -1 ||
	    (has_ipv6 && open_family(n, &ipv6, how) == -1))
		return make_error(e, "sockets of the session's network");
	n->diag = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_SOCK_DIAG);
	if (n->diag == -1)
		return make_error(e, "sock_diag of the session's network");
	n->proxy = make_socket(&ipv4, SOCK_STREAM, ipv4.netd, NS_PROXY_PORT);
	return n->proxy == -1 ?
	    make_error(e, "sockets of the session's network") :
	    0;
}

void
ns_set(const char *file, const char *value)
{
	size_t len = strlen(value);
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	if (fd == -1 || write(fd, value, len) != (ssize_t)len)
		log_debug("%s: %s", file, strerror(errno));
	if (fd != -1)
		close(fd);
}

static int
enter_new(struct aerr *e)
{
	if (unshare(CLONE_NEWNET) == -1)
		return make_error(e, "make a network namespace");
	/* what is sent here stays on the loopback, and gains nothing from what
	 * the host has for its own network: BBR, for one, sends it little by
	 * little, by timers. This one every kernel has. */
	ns_set("/proc/sys/net/ipv4/tcp_congestion_control", "reno");
	/* a connection is made by connect(2), where execd sees whose it is: who
	 * would send the first bytes with it (MSG_FASTOPEN, TCP_FASTOPEN_CONNECT)
	 * is told EOPNOTSUPP, after which clients call that */
	ns_set("/proc/sys/net/ipv4/tcp_fastopen", "0");
	return loopback_up(e);
}

/* A namespace, and all that there is to be in it. */
static int
set_up(enum steer how, bool has_ipv6, struct net_sockets *n, struct aerr *e)
{
	sockets_init(n);
	if (enter_new(e) == -1)
		return -1;
	if (add_family(&ipv4) == -1)
		return make_error(e, "address of the session's network");
	/* the host may have it, and not let new namespaces have it */
	if (has_ipv6 && add_family(&ipv6) == -1)
		has_ipv6 = false;
	if (open_sockets(n, has_ipv6, how, e) == 0 &&
	    ways[how].set_up(n, e) == 0)
		return 0;
	sockets_close(n);
	return -1;
}

/* Appends what became of one way. */
static void
add_reason(struct aerr *e, enum steer how, const struct aerr *why)
{
	size_t len = strlen(e->message);

	snprintf(e->message + len, sizeof(e->message) - len,
	    "%s%s: %s (it needs %s)", len == 0 ? "" : "; ", ways[how].name,
	    why->message, ways[how].needs);
}

/* The way that is named, or the first that works; STEER_AUTO: none does. *why:
 * what became of those before it. */
static enum steer
find_way(enum steer wanted, bool has_ipv6, struct net_sockets *n,
    struct aerr *why)
{
	struct aerr e = { 0 };
	enum steer how;

	why->message[0] = '\0';
	for (how = STEER_AUTO + 1; how < STEER_MAX; how++) {
		if (wanted != STEER_AUTO && wanted != how)
			continue;
		if (set_up(how, has_ipv6, n, &e) == 0)
			return how;
		add_reason(why, how, &e);
	}
	return STEER_AUTO;
}

static int
hand_over(struct chan *privd, struct net_sockets *n, enum steer how,
    bool publish, struct aerr *e)
{
	static const struct msg_make_steer ms;
	static const struct msg_make_refused mr;
	struct msg_make_listen ml = { 0 };
	struct msg_make_net mn = { .steer = (uint8_t)how };
	int fds[2], r = 0;

	if (n->steer != -1)
		r = msg_send_make_steer(privd, 0, &ms, &n->steer);
	if (n->refused != -1 && r == 0)
		r = msg_send_make_refused(privd, 0, &mr, &n->refused);
	for (ml.ipv6 = 0; ml.ipv6 < 2 && r == 0; ml.ipv6++) {
		if (n->tcp[ml.ipv6] == -1)
			continue;
		fds[0] = n->tcp[ml.ipv6];
		fds[1] = n->udp[ml.ipv6];
		r = msg_send_make_listen(privd, 0, &ml, fds);
	}
	if (publish && r == 0)
		r = hand_over_inward(privd, &ipv4);
	/* the loopback has that address where the kernel knows the family */
	if (publish && r == 0 && hand_over_inward(privd, &ipv6) == -1)
		log_debug("no servers at ::1: %s", strerror(errno));
	fds[0] = n->diag;
	fds[1] = n->proxy;
	if (r == 0)
		r = msg_send_make_net(privd, 0, &mn, fds);
	sockets_close(n);
	return r == -1 ? make_error(e, "hand over the session's network") : 0;
}

int
ns_make_net(struct chan *privd, const struct net_want *w, enum net_wish wish,
    struct aerr *e)
{
	bool has_ipv6 = wish != NET_WISH_NONE && ns_host_has_ipv6();
	struct net_sockets n;
	struct aerr why;
	enum steer how;

	if (wish == NET_WISH_NONE)
		return enter_new(e);
	how = find_way(w->steer, has_ipv6, &n, &why);
	if (how != STEER_AUTO)
		return hand_over(privd, &n, how, w->publish, e) == -1 ? -1 : 1;
	if (wish == NET_WISH_NEEDED)
		return make_errorx(e, 500,
		    "sessions cannot reach netd: %s"
		    " (sandbox.network.unavailable: none does without a"
		    " network)",
		    why.message);
	/* nothing that was half made is left behind */
	log_warnx("%s", why.message);
	return enter_new(e);
}

enum steer
ns_probe(enum steer wanted, struct aerr *why)
{
	bool has_ipv6 = ns_host_has_ipv6();
	struct net_sockets n;
	enum steer how;

	how = find_way(wanted, has_ipv6, &n, why);
	if (how != STEER_AUTO)
		sockets_close(&n);
	return how;
}
