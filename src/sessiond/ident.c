/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a client is, as the kernel says: SO_PEERCRED of a unix socket, the owner
 * of the client's own end of a TCP connection by sock_diag(7). Nothing that a
 * client sends has a part in it.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "http.h"
#include "sessiond.h"
#include "sockdiag.h"

int
ident_open(void)
{
	sessiond.diag_fd = sockdiag_open();
	return sessiond.diag_fd == -1 ? -1 : 0;
}

/* The client's own end: its source is our peer. */
static int
ident_fill(struct inet_diag_sockid *id, const struct sockaddr_storage *peer,
    const struct sockaddr_storage *own)
{
	memset(id, 0, sizeof(*id));
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

static int
ident_tcp(int fd, uint32_t *uid, uint8_t *family, uint16_t *port)
{
	struct sockaddr_storage peer, own;
	socklen_t peerlen = sizeof(peer), ownlen = sizeof(own);
	struct inet_diag_sockid id;

	memset(&peer, 0, sizeof(peer));
	memset(&own, 0, sizeof(own));
	if (getpeername(fd, (struct sockaddr *)&peer, &peerlen) == -1 ||
	    getsockname(fd, (struct sockaddr *)&own, &ownlen) == -1 ||
	    ident_fill(&id, &peer, &own) == -1)
		return -1;
	*family = (uint8_t)peer.ss_family;
	*port = ntohs(id.idiag_sport);
	return sockdiag_owner(sessiond.diag_fd, peer.ss_family, &id, uid);
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
