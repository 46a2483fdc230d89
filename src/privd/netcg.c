/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network of a session that shares the host's namespace: hooks of a control
 * group of its own (netcg.bpf.c) send what it dials to sockets that netd has on
 * the loopback. They are attached to the group itself, so that they are in force
 * until it is removed, whoever dies before; and the session's first process is
 * born in it (ns_clone).
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpfobj.h"
#include "cgroup.h"
#include "landlock.h"
#include "maker.h"

#ifdef HAVE_BPF

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "netcg.h"

#define BACKLOG 4096
#define ABSTRACT_ABI 6 /* of Landlock, that keeps abstract sockets apart */

static const unsigned char programs[] __attribute__((aligned(8))) = {
#include <netcg_bpf.h>
};

/* What netd is to have. */
struct netcg {
	int tcp[2], udp[2]; /* of IPv4, IPv6; -1 */
	int proxy;
	struct netcg_ports ports;
};

/* --- sockets */

static int
loopback_bind(int fd, int af)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin6.sin6_addr = in6addr_loopback;
	if (af == AF_INET)
		return bind(fd, (struct sockaddr *)&sin, sizeof(sin));
	return bind(fd, (struct sockaddr *)&sin6, sizeof(sin6));
}

static int
loopback_port(int fd, __u16 *port)
{
	struct sockaddr_in6 sa;
	socklen_t len = sizeof(sa);

	/* the port is at the same place of both families' addresses */
	memset(&sa, 0, sizeof(sa));
	if (getsockname(fd, (struct sockaddr *)&sa, &len) == -1)
		return -1;
	*port = sa.sin6_port;
	return 0;
}

/* At a port that the kernel chooses. Nobody can share it: it has neither
 * SO_REUSEADDR nor SO_REUSEPORT. -1 with errno. */
static int
loopback_socket(int af, int type, __u16 *port)
{
	static const int on = 1;
	int fd, saved, r = 0;

	fd = socket(af, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (af == AF_INET6)
		r = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (r == 0 && type == SOCK_DGRAM)
		r = af == AF_INET ?
		    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) :
		    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on,
			sizeof(on));
	if (r == 0 && loopback_bind(fd, af) == 0 &&
	    (type == SOCK_DGRAM || listen(fd, BACKLOG) == 0) &&
	    loopback_port(fd, port) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int
sockets(struct netcg *n, struct aerr *e)
{
	n->tcp[1] = n->udp[1] = -1;
	n->tcp[0] = loopback_socket(AF_INET, SOCK_STREAM, &n->ports.tcp4);
	n->udp[0] = loopback_socket(AF_INET, SOCK_DGRAM, &n->ports.udp4);
	n->proxy = loopback_socket(AF_INET, SOCK_STREAM, &n->ports.proxy);
	if (n->tcp[0] == -1 || n->udp[0] == -1 || n->proxy == -1)
		return make_error(e, "sockets of the session's network");
	if (!ns_host_has_ipv6())
		return 0;
	n->tcp[1] = loopback_socket(AF_INET6, SOCK_STREAM, &n->ports.tcp6);
	n->udp[1] = loopback_socket(AF_INET6, SOCK_DGRAM, &n->ports.udp6);
	/* without a loopback of IPv6 there is none of it in the session */
	if (n->tcp[1] == -1 || n->udp[1] == -1)
		n->ports.tcp6 = n->ports.udp6 = 0;
	return 0;
}

/* --- programs */

static int
set_ports(struct bpf_object *obj, const struct netcg_ports *ports)
{
	struct bpf_map *m;

	bpf_object__for_each_map(m, obj)
	{
		if (bpf_map__is_internal(m) &&
		    bpf_map__value_size(m) == sizeof(*ports))
			return bpf_map__set_initial_value(m, ports,
			    sizeof(*ports));
	}
	errno = ENOENT;
	return -1;
}

/* Also what the group above has attached holds (ALLOW_MULTI): more than one
 * program may refuse. */
static int
attach(struct bpf_object *obj, int group, struct aerr *e)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, obj)
	{
		if (bpf_prog_attach(bpf_program__fd(p), group,
			bpf_program__expected_attach_type(p),
			BPF_F_ALLOW_MULTI) != 0)
			return make_error(e,
			    "attach %s to the session's control group",
			    bpf_program__name(p));
	}
	return 0;
}

/* The table that netd reads, or -1. */
static int
load(const struct netcg_ports *ports, int group, struct aerr *e)
{
	struct bpf_object *obj;
	int table = -1, fd;

	obj = bpfobj_open(programs, sizeof(programs));
	if (obj == NULL)
		return make_error(e, "programs for the kernel");
	if (set_ports(obj, ports) != 0 || bpf_object__load(obj) != 0) {
		make_error(e, "load programs into the kernel");
	} else if (attach(obj, group, e) == 0) {
		fd = bpf_object__find_map_fd_by_name(obj, "dialled");
		/* from here on only the programs write to it */
		if (fd >= 0 && bpf_map_freeze(fd) == 0)
			table = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (table == -1)
			make_error(e, "table of what the session dials");
	}
	bpf_object__close(obj);
	return table;
}

/* --- the whole */

static int
make_group(const char *name, struct aerr *e)
{
	int own, fd = -1;

	own = cgroup_open_own();
	if (own == -1)
		return make_errorx(e, 500,
		    "no control group of version 2 can be seen (mount -t"
		    " cgroup2)");
	if (mkdirat(own, name, 0755) == 0)
		fd = openat(own, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 && errno == EACCES)
		make_errorx(e, 500,
		    "agentshd may make no control groups where it is: let the"
		    " service manager start it in one of its own");
	else if (fd == -1)
		make_error(e, "control group of the session");
	close(own);
	return fd;
}

static int
hand_over(struct chan *privd, const struct netcg *n, int table, const char *why)
{
	static const struct msg_make_net mn;
	struct msg_make_hooks mh = { 0 };
	struct msg_make_listen ml;
	int fds[2], r = 0;

	snprintf(mh.why, sizeof(mh.why), "%s", why);
	if (msg_send_make_hooks(privd, 0, &mh, &table) == -1)
		return -1;
	for (ml.ipv6 = 0; ml.ipv6 < 2 && r == 0; ml.ipv6++) {
		fds[0] = n->tcp[ml.ipv6];
		fds[1] = n->udp[ml.ipv6];
		if (fds[0] != -1 && fds[1] != -1)
			r = msg_send_make_listen(privd, 0, &ml, fds);
	}
	fds[0] = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_SOCK_DIAG);
	fds[1] = n->proxy;
	if (r == -1 || fds[0] == -1)
		return -1;
	return msg_send_make_net(privd, 0, &mn, fds);
}

int
netcg_make(struct chan *privd, const char *name, const char *why, int *group,
    struct aerr *e)
{
	struct netcg n = { 0 };
	int table;

	if (bpfobj_may(e) == -1)
		return -1;
	if (landlock_abi() < ABSTRACT_ABI)
		return make_errorx(e, 500,
		    "the kernel keeps no abstract sockets of the host away"
		    " (Landlock of Linux 6.12)");
	if (sockets(&n, e) == -1)
		return -1;
	*group = make_group(name, e);
	if (*group == -1)
		return -1;
	table = load(&n.ports, *group, e);
	if (table == -1)
		return -1;
	if (hand_over(privd, &n, table, why) == -1)
		return make_error(e, "tell agentshd");
	close(table);
	close(n.proxy);
	close(n.tcp[0]);
	close(n.udp[0]);
	if (n.tcp[1] != -1)
		close(n.tcp[1]);
	if (n.udp[1] != -1)
		close(n.udp[1]);
	return 0;
}

#else

int
netcg_make(struct chan *privd, const char *name, const char *why, int *group,
    struct aerr *e)
{
	(void)privd;
	(void)name;
	(void)why;
	*group = -1;
	return bpfobj_may(e);
}

#endif
