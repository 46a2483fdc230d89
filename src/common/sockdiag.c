/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to NETLINK_SOCK_DIAG about one connection, and its answer, which
 * must be the kernel's and about that connection.
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

/* A socket that its process closed already belongs to nobody and is reported
 * with uid 0 and inode 0: that is no identity. Where there is none the kernel
 * may find one that listens on the port, which has no far end. */
static int
answer(int fd, const struct diag_query *q, uint32_t *uid)
{
	union {
		struct nlmsghdr head;
		char bytes[4096];
	} a;
	const struct inet_diag_sockid *id = &q->req.id;
	const struct inet_diag_msg *m;
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
	m = NLMSG_DATA(&a.head);
	if (m->idiag_family != q->req.sdiag_family || m->idiag_inode == 0 ||
	    m->id.idiag_sport != id->idiag_sport ||
	    m->id.idiag_dport != id->idiag_dport ||
	    !same_address(m->idiag_family, m->id.idiag_src, id->idiag_src) ||
	    !same_address(m->idiag_family, m->id.idiag_dst, id->idiag_dst))
		return -1;
	*uid = m->idiag_uid;
	return 0;
}

int
sockdiag_owner(int fd, int family, const struct inet_diag_sockid *id,
    uint32_t *uid)
{
	static uint32_t seq;
	struct diag_query q;

	memset(&q, 0, sizeof(q));
	q.head.nlmsg_len = sizeof(q);
	q.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	q.head.nlmsg_flags = NLM_F_REQUEST;
	q.head.nlmsg_seq = ++seq;
	q.req.sdiag_family = (uint8_t)family;
	q.req.sdiag_protocol = IPPROTO_TCP;
	q.req.idiag_states = (uint32_t)-1;
	q.req.id = *id;
	q.req.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	q.req.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	if (send(fd, &q, sizeof(q), 0) != (ssize_t)sizeof(q))
		return -1;
	return answer(fd, &q, uid);
}
