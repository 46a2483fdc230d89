/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TCP listener: loopback only, whatever the configuration says. Runs
 * before the sandbox, which knows no bind(2).
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http.h"
#include "log.h"
#include "loopback.h"
#include "sessiond.h"

#define HTTP_BACKLOG 512

static socklen_t
bind_fill(struct sockaddr_storage *ss, int family, uint16_t port)
{
	struct sockaddr_in *in4 = (void *)ss;
	struct sockaddr_in6 *in6 = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	if (family == AF_INET) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(port);
		in4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*in4);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	in6->sin6_addr = in6addr_loopback;
	return sizeof(*in6);
}

/*
 * A listening socket, or -1 where there shall be none, or (may_miss) where
 * another program has the address.
 */
int
http_bind(const char *addr, bool may_miss)
{
	struct sockaddr_storage ss;
	socklen_t len;
	uint16_t port;
	int family, fd, on = 1;

	if (loopback_parse(addr, &family, &port) == -1)
		fatalx("server.http.addr: \"%s\"", addr);
	if (family == AF_UNSPEC)
		return -1;
	len = bind_fill(&ss, family, port);
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (fd == -1)
		fatal("socket");
	/* accepted sockets inherit TCP_NODELAY */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1)
		fatal("setsockopt");
	if (bind(fd, (struct sockaddr *)&ss, len) == -1 ||
	    listen(fd, HTTP_BACKLOG) == -1) {
		if (errno != EADDRINUSE || !may_miss)
			fatal("%s", addr);
		log_warn("%s: no TCP listener", addr);
		close(fd);
		return -1;
	}
	return fd;
}

void
http_describe(char *dst, size_t size)
{
	struct sockaddr_storage ss;
	const struct sockaddr_in *in4 = (const void *)&ss;
	const struct sockaddr_in6 *in6 = (const void *)&ss;
	socklen_t len = sizeof(ss);
	char host[64] = "";

	memset(&ss, 0, sizeof(ss));
	if (sessiond.tcp_fd == -1 ||
	    getsockname(sessiond.tcp_fd, (struct sockaddr *)&ss, &len) == -1) {
		snprintf(dst, size, "no TCP");
		return;
	}
	if (ss.ss_family == AF_INET) {
		inet_ntop(AF_INET, &in4->sin_addr, host, sizeof(host));
		snprintf(dst, size, "http://%s:%u", host, ntohs(in4->sin_port));
	} else {
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(dst, size, "http://[%s]:%u", host,
		    ntohs(in6->sin6_port));
	}
}
