/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to NETLINK_SOCK_DIAG about one socket, and its answer, which must
 * be the kernel's and about that socket.
 */
#include <sys/socket.h>

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "sockdiag.h"

struct diag_query {
	struct nlmsghdr head;
	struct inet_diag_req_v2 req;
};

int
sockdiag_open(void)
{
	struct timeval tv = { .tv_sec = 1 };
	int fd, saved;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static bool
same_address(int family, const void *a, const void *b)
{
	return memcmp(a, b, family == AF_INET ? 4 : 16) == 0;
}

static int
ask(int fd, struct diag_query *q)
{
	static _Atomic uint32_t seq;

	q->head.nlmsg_len = sizeof(*q);
	q->head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	q->head.nlmsg_flags = NLM_F_REQUEST;
	q->head.nlmsg_seq = ++seq;
	q->req.idiag_states = (uint32_t)-1;
	q->req.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	q->req.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	return send(fd, q, sizeof(*q), 0) == (ssize_t)sizeof(*q) ? 0 : -1;
}

static int
answer(int fd, const struct diag_query *q, struct inet_diag_msg *m)
{
	union {
		struct nlmsghdr head;
		char bytes[4096];
	} a;
	struct sockaddr_nl from;
	socklen_t fromlen;
	ssize_t n;

	/* answers to questions that were given up, and other senders' */
	do {
		fromlen = sizeof(from);
		memset(&a, 0, sizeof(a));
		n = recvfrom(fd, &a, sizeof(a), 0, (struct sockaddr *)&from,
		    &fromlen);
		if (n == -1 && errno == EINTR)
			continue;
		if (n < (ssize_t)sizeof(a.head) || a.head.nlmsg_len > (size_t)n)
			return -1;
	} while (n == -1 || from.nl_pid != 0 ||
	    a.head.nlmsg_seq != q->head.nlmsg_seq);
	if (a.head.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    a.head.nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return -1;
	memcpy(m, NLMSG_DATA(&a.head), sizeof(*m));
	return 0;
}

/* One that its process has closed already belongs to nobody and is reported with
 * uid 0 and inode 0: that is no identity. */
static bool
is_owned(const struct inet_diag_msg *m)
{
	return m->idiag_inode != 0;
}

int
sockdiag_owner(int fd, int family, const struct inet_diag_sockid *id,
    uint32_t *uid)
{
	struct inet_diag_msg m;
	struct diag_query q;

	memset(&q, 0, sizeof(q));
	q.req.sdiag_family = (uint8_t)family;
	q.req.sdiag_protocol = IPPROTO_TCP;
	q.req.id = *id;
	/* where there is none the kernel may find one that listens on the port,
	 * which has no far end */
	if (ask(fd, &q) == -1 || answer(fd, &q, &m) == -1 || !is_owned(&m) ||
	    m.idiag_family != q.req.sdiag_family ||
	    m.id.idiag_sport != id->idiag_sport ||
	    m.id.idiag_dport != id->idiag_dport ||
	    !same_address(m.idiag_family, m.id.idiag_src, id->idiag_src) ||
	    !same_address(m.idiag_family, m.id.idiag_dst, id->idiag_dst))
		return -1;
	*uid = m.idiag_uid;
	return 0;
}

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static void
end_put(int family, const uint8_t addr[16], uint32_t *dst)
{
	memcpy(dst, family == AF_INET ? addr + sizeof(mapped) : addr,
	    family == AF_INET ? 4 : 16);
}

/* A socket of IPv6 can be one of IPv4 as well, with mapped addresses. */
static bool
is_end(const struct inet_diag_msg *m, const uint32_t *have,
    const uint8_t want[16])
{
	uint8_t addr[16];

	if (m->idiag_family == AF_INET) {
		memcpy(addr, mapped, sizeof(mapped));
		memcpy(addr + sizeof(mapped), have, 4);
	} else {
		memcpy(addr, have, 16);
	}
	return memcmp(addr, want, 16) == 0;
}

static int
find(int fd, int proto, const struct sockdiag_end *own,
    const struct sockdiag_end *far, struct inet_diag_msg *m)
{
	bool v4 = memcmp(own->addr, mapped, sizeof(mapped)) == 0;
	int family = v4 ? AF_INET : AF_INET6;
	/* of UDP the kernel takes the far end for the source */
	const struct sockdiag_end *src = proto == IPPROTO_UDP ? far : own;
	const struct sockdiag_end *dst = proto == IPPROTO_UDP ? own : far;
	struct diag_query q;

	memset(&q, 0, sizeof(q));
	q.req.sdiag_family = (uint8_t)family;
	q.req.sdiag_protocol = (uint8_t)proto;
	end_put(family, src->addr, q.req.id.idiag_src);
	end_put(family, dst->addr, q.req.id.idiag_dst);
	q.req.id.idiag_sport = htons(src->port);
	q.req.id.idiag_dport = htons(dst->port);
	if (ask(fd, &q) == -1 || answer(fd, &q, m) == -1 ||
	    m->id.idiag_sport != htons(own->port))
		return -1;
	/* one of UDP need not be connected, or bound to an address */
	if (proto == IPPROTO_TCP &&
	    (m->id.idiag_dport != htons(far->port) ||
		!is_end(m, m->id.idiag_src, own->addr) ||
		!is_end(m, m->id.idiag_dst, far->addr)))
		return -1;
	return 0;
}

int
sockdiag_inode(int fd, int proto, const struct sockdiag_end *own,
    const struct sockdiag_end *far, uint64_t *inode)
{
	struct inet_diag_msg m;

	if (find(fd, proto, own, far, &m) == -1 || !is_owned(&m))
		return -1;
	*inode = m.idiag_inode;
	return 0;
}

int
sockdiag_cookie(int fd, int proto, const struct sockdiag_end *own,
    const struct sockdiag_end *far, uint64_t *cookie)
{
	struct inet_diag_msg m;

	if (find(fd, proto, own, far, &m) == -1)
		return -1;
	*cookie = m.id.idiag_cookie[0] | (uint64_t)m.id.idiag_cookie[1] << 32;
	return 0;
}
