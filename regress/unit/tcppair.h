/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ends of a TCP connection on the loopback.
 */
#ifndef TCPPAIR_H
#define TCPPAIR_H

#include <sys/socket.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

/* fd[1] does not block. room: bytes that one may send before they are read, or 0:
 * as the kernel has it. */
static inline void
tcp_pair(int fd[2], int room)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (room > 0) {
		setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
		setsockopt(l, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	}
	if (bind(l, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(l, 1) == -1 ||
	    getsockname(l, (struct sockaddr *)&sin, &len) == -1 ||
	    connect(fd[0], (struct sockaddr *)&sin, len) == -1 ||
	    (fd[1] = accept4(l, NULL, NULL, SOCK_NONBLOCK)) == -1)
		abort();
	close(l);
}

#endif
