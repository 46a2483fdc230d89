/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a connection was to go, by the way that it came here (steer.def): it is
 * the accepted socket's own address, or, where destinations are rewritten before,
 * the one that the kernel's connection tracking of that namespace remembers. Of
 * sessions in the host's namespace it is only where it came to, and a table has the
 * rest (dialled.c).
 */
#include <sys/socket.h>

#include <netinet/in.h>

#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <string.h>

#include "ipport.h"
#include "netd.h"
#include "sockdiag.h"

static int
dest_SOCKNAME(int fd, struct sockaddr_storage *ss)
{
	socklen_t len = sizeof(*ss);

	return getsockname(fd, (struct sockaddr *)ss, &len);
}

static int
dest_CONNTRACK(int fd, struct sockaddr_storage *ss)
{
	socklen_t len = sizeof(*ss);
	sa_family_t af;

	if (dest_SOCKNAME(fd, ss) == -1)
		return -1;
	af = ss->ss_family;
	memset(ss, 0, sizeof(*ss));
	return af == AF_INET ?
	    getsockopt(fd, IPPROTO_IP, SO_ORIGINAL_DST, ss, &len) :
	    getsockopt(fd, IPPROTO_IPV6, IP6T_SO_ORIGINAL_DST, ss, &len);
}

/* clang-format off */
static int (*const dest[STEER_MAX])(int, struct sockaddr_storage *) = {
	[STEER_AUTO] = dest_SOCKNAME, /* hooks */
#define STEER(id, name, at, dst, needs) [STEER_##id] = dest_##dst,
#include "steer.def"
#undef STEER
};
/* clang-format on */

int
dest_of(const struct nsess *s, int fd, bool proxy, struct conn_ends *e)
{
	struct sockdiag_end own = { .port = e->peer_port }, far;
	struct sockaddr_storage ss;
	uint8_t addr[16];
	uint16_t port;

	memset(&ss, 0, sizeof(ss));
	if ((proxy ? dest_SOCKNAME : dest[s->steer])(fd, &ss) == -1 ||
	    ipport_from_sockaddr(&ss, e->local, &e->local_port) == -1)
		return -1;
	memcpy(e->addr, e->local, sizeof(e->addr));
	e->port = e->local_port;
	if (s->dialled == NULL)
		return 0;
	far.port = e->local_port;
	memcpy(own.addr, e->peer, sizeof(own.addr));
	memcpy(far.addr, e->local, sizeof(far.addr));
	if (dialled_find(s, IPPROTO_TCP, &own, &far, addr, &port) == -1)
		return -1;
	if (!proxy) {
		memcpy(e->addr, addr, sizeof(e->addr));
		e->port = port;
	}
	return 0;
}
