/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a client is, as the kernel says. sessiond passes the socket, or names
 * the port; it cannot choose the answer: a socket that was not accepted from
 * the API's listening socket is refused, because the far end of its other
 * sockets is privd itself.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "loopback.h"
#include "privd.h"

static int
sock_int(int fd, int opt)
{
	socklen_t len = sizeof(int);
	int v = -1;

	if (getsockopt(fd, SOL_SOCKET, opt, &v, &len) == -1)
		return -1;
	return v;
}

static bool
is_accepted_api_socket(int fd)
{
	struct sockaddr_un sun;
	socklen_t len = sizeof(sun);

	memset(&sun, 0, sizeof(sun));
	if (sock_int(fd, SO_DOMAIN) != AF_UNIX ||
	    sock_int(fd, SO_TYPE) != SOCK_STREAM ||
	    sock_int(fd, SO_ACCEPTCONN) != 0)
		return false;
	/* an accepted socket has the name of the one that listens; the
	 * connecting end of such a pair has none */
	if (getsockname(fd, (struct sockaddr *)&sun, &len) == -1 ||
	    len > sizeof(sun))
		return false;
	return strncmp(sun.sun_path, privd.conf.api_socket,
		   sizeof(sun.sun_path)) == 0;
}

int
peer_unix(int fd, uid_t *uid, gid_t *gid, struct aerr *e)
{
	struct ucred uc;
	socklen_t len = sizeof(uc);

	if (!is_accepted_api_socket(fd) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &uc, &len) == -1 ||
	    len != sizeof(uc) || uc.uid == (uid_t)-1)
		return aerr_set(e, 403, "forbidden",
		    "the client cannot be identified");
	*uid = uc.uid;
	*gid = uc.gid;
	return 0;
}

struct diag_query {
	struct nlmsghdr nlh;
	struct inet_diag_req_v2 req;
};

/* The client's own socket: its local end is client_port. */
static void
fill_query(struct diag_query *q, int family, uint16_t client, uint16_t server)
{
	struct inet_diag_sockid *id = &q->req.id;

	memset(q, 0, sizeof(*q));
	q->nlh.nlmsg_len = sizeof(*q);
	q->nlh.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	q->nlh.nlmsg_flags = NLM_F_REQUEST;
	q->req.sdiag_family = (uint8_t)family;
	q->req.sdiag_protocol = IPPROTO_TCP;
	q->req.idiag_states = ~0U;
	id->idiag_sport = htons(client);
	id->idiag_dport = htons(server);
	id->idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	if (family == AF_INET) {
		id->idiag_src[0] = htonl(INADDR_LOOPBACK);
		id->idiag_dst[0] = htonl(INADDR_LOOPBACK);
	} else {
		id->idiag_src[3] = htonl(1);
		id->idiag_dst[3] = htonl(1);
	}
}

static int
query(int fd, const struct diag_query *q, uid_t *uid)
{
	union {
		struct nlmsghdr nlh;
		uint8_t bytes[8192];
	} reply;
	const struct inet_diag_msg *dm;
	ssize_t n;

	if (send(fd, q, sizeof(*q), 0) != (ssize_t)sizeof(*q))
		return -1;
	/* the answer is in the socket when send returns */
	n = recv(fd, reply.bytes, sizeof(reply.bytes), MSG_DONTWAIT);
	if (n < (ssize_t)NLMSG_LENGTH(sizeof(*dm)) ||
	    reply.nlh.nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return -1;
	dm = NLMSG_DATA(&reply.nlh);
	/* a socket without inode has no process any more */
	if (dm->idiag_family != q->req.sdiag_family || dm->idiag_inode == 0 ||
	    dm->idiag_state != TCP_ESTABLISHED ||
	    dm->id.idiag_sport != q->req.id.idiag_sport ||
	    dm->id.idiag_dport != q->req.id.idiag_dport ||
	    memcmp(dm->id.idiag_src, q->req.id.idiag_src,
		sizeof(dm->id.idiag_src)) != 0)
		return -1;
	*uid = dm->idiag_uid;
	return 0;
}

int
peer_tcp(int family, uint16_t client_port, uid_t *uid, struct aerr *e)
{
	struct diag_query q;
	uint16_t server;
	int fd, r, own;

	if (loopback_parse(privd.conf.http_addr, &own, &server) == -1 ||
	    own == AF_UNSPEC || own != family || client_port == 0)
		return aerr_set(e, 403, "forbidden",
		    "the client cannot be identified");
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd == -1)
		return aerr_set(e, 500, "internal", "sock_diag: %s",
		    strerror(errno));
	fill_query(&q, family, client_port, server);
	r = query(fd, &q, uid);
	close(fd);
	if (r == -1)
		return aerr_set(e, 403, "forbidden",
		    "the client cannot be identified: its connection from port"
		    " %u is not known to the kernel",
		    (unsigned)client_port);
	return 0;
}
