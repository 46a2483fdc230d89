/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a client is, as the kernel says: SO_PEERCRED of a unix socket, the owner
 * of the client's own end of a TCP connection by sock_diag(7). Nothing that a
 * client sends has a part in it.
 */
#include <sys/socket.h>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "sessiond.h"

struct diag_query {
	struct nlmsghdr head;
	struct inet_diag_req_v2 req;
};

int
ident_open(void)
{
	struct timeval tv = { .tv_sec = 1 };

	sessiond.diag_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_SOCK_DIAG);
	if (sessiond.diag_fd == -1)
		return -1;
	/* the kernel answers at once; never wait for ever all the same */
	return setsockopt(sessiond.diag_fd, SOL_SOCKET, SO_RCVTIMEO, &tv,
	    sizeof(tv));
}

static int
ident_fill(struct diag_query *q, const struct sockaddr_storage *peer,
    const struct sockaddr_storage *own)
{
	struct inet_diag_sockid *id = &q->req.id;

	q->req.sdiag_family = (uint8_t)peer->ss_family;
	q->req.sdiag_protocol = IPPROTO_TCP;
	q->req.idiag_states = (uint32_t)-1;
	id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	/* the client's own end: its source is our peer */
	if (peer->ss_family == AF_INET && own->ss_family == AF_INET) {
		const struct sockaddr_in *p = (const void *)peer,
					 *o = (const void *)own;

		id->idiag_sport = p->sin_port;
		id->idiag_src[0] = p->sin_addr.s_addr;
		id->idiag_dport = o->sin_port;
		id->idiag_dst[0] = o->sin_addr.s_addr;
		return 0;
	}
	if (peer->ss_family == AF_INET6 && own->ss_family == AF_INET6) {
		const struct sockaddr_in6 *p = (const void *)peer,
					  *o = (const void *)own;

		id->idiag_sport = p->sin6_port;
		memcpy(id->idiag_src, &p->sin6_addr, sizeof(id->idiag_src));
		id->idiag_dport = o->sin6_port;
		memcpy(id->idiag_dst, &o->sin6_addr, sizeof(id->idiag_dst));
		return 0;
	}
	return -1;
}

/*
 * Reads one answer. A socket that its process closed already belongs to
 * nobody and is reported with uid 0 and inode 0: that is no identity.
 */
static int
ident_answer(const struct diag_query *q, uint32_t *uid)
{
	union {
		struct nlmsghdr head;
		char bytes[4096];
	} a;
	const struct inet_diag_msg *m;
	struct sockaddr_nl from;
	socklen_t fromlen;
	ssize_t n;

	/* answers to questions that were given up, and other senders' */
	do {
		fromlen = sizeof(from);
		memset(&a, 0, sizeof(a));
		n = recvfrom(sessiond.diag_fd, &a, sizeof(a), 0,
		    (struct sockaddr *)&from, &fromlen);
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
	    m->id.idiag_sport != q->req.id.idiag_sport ||
	    m->id.idiag_dport != q->req.id.idiag_dport ||
	    memcmp(m->id.idiag_src, q->req.id.idiag_src,
		m->idiag_family == AF_INET ? 4 : 16) != 0 ||
	    memcmp(m->id.idiag_dst, q->req.id.idiag_dst,
		m->idiag_family == AF_INET ? 4 : 16) != 0)
		return -1;
	*uid = m->idiag_uid;
	return 0;
}

static int
ident_tcp(int fd, uint32_t *uid, uint8_t *family, uint16_t *port)
{
	static uint32_t seq;
	struct sockaddr_storage peer, own;
	socklen_t peerlen = sizeof(peer), ownlen = sizeof(own);
	struct diag_query q;

	memset(&peer, 0, sizeof(peer));
	memset(&own, 0, sizeof(own));
	memset(&q, 0, sizeof(q));
	if (getpeername(fd, (struct sockaddr *)&peer, &peerlen) == -1 ||
	    getsockname(fd, (struct sockaddr *)&own, &ownlen) == -1 ||
	    ident_fill(&q, &peer, &own) == -1)
		return -1;
	q.head.nlmsg_len = sizeof(q);
	q.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	q.head.nlmsg_flags = NLM_F_REQUEST;
	q.head.nlmsg_seq = ++seq;
	*family = (uint8_t)peer.ss_family;
	*port = ntohs(q.req.id.idiag_sport);
	if (send(sessiond.diag_fd, &q, sizeof(q), 0) != (ssize_t)sizeof(q))
		return -1;
	return ident_answer(&q, uid);
}

static int
ident_unix(int fd, uint32_t *uid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1 ||
	    len != sizeof(cred) || cred.uid == (uid_t)-1)
		return -1;
	*uid = cred.uid;
	return 0;
}

int
ident_request(struct request *rq)
{
	if (rq->tcp)
		return ident_tcp(rq->fd, &rq->uid, &rq->family,
		    &rq->client_port);
	return ident_unix(rq->fd, &rq->uid);
}

int
ident_fd(int fd, uint32_t *uid)
{
	struct sockaddr_storage own;
	socklen_t len = sizeof(own);
	uint16_t port;
	uint8_t family;

	if (getsockname(fd, (struct sockaddr *)&own, &len) == -1)
		return -1;
	if (own.ss_family == AF_UNIX)
		return ident_unix(fd, uid);
	return ident_tcp(fd, uid, &family, &port);
}
