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
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "loopback.h"
#include "privd.h"
#include "sockdiag.h"

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

/* The client's own socket: its local end is client_port. */
static void
fill_id(struct inet_diag_sockid *id, int family, uint16_t client,
    uint16_t server)
{
	memset(id, 0, sizeof(*id));
	id->idiag_sport = htons(client);
	id->idiag_dport = htons(server);
	if (family == AF_INET) {
		id->idiag_src[0] = htonl(INADDR_LOOPBACK);
		id->idiag_dst[0] = htonl(INADDR_LOOPBACK);
	} else {
		id->idiag_src[3] = htonl(1);
		id->idiag_dst[3] = htonl(1);
	}
}

int
peer_tcp(int family, uint16_t client_port, uid_t *uid, struct aerr *e)
{
	struct inet_diag_sockid id;
	uint16_t server;
	int fd, r, own;

	if (loopback_parse(privd.conf.http_addr, &own, &server) == -1 ||
	    own == AF_UNSPEC || own != family || client_port == 0)
		return aerr_set(e, 403, "forbidden",
		    "the client cannot be identified");
	fd = sockdiag_open();
	if (fd == -1)
		return aerr_set(e, 500, "internal", "sock_diag: %s",
		    strerror(errno));
	fill_id(&id, family, client_port, server);
	r = sockdiag_owner(fd, family, &id, uid);
	close(fd);
	if (r == -1)
		return aerr_set(e, 403, "forbidden",
		    "the client cannot be identified: its connection from port"
		    " %u is not known to the kernel",
		    (unsigned)client_port);
	return 0;
}
