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

#include "log.h"
#include "sessiond.h"

#define HTTP_BACKLOG 512

/* "127.0.0.1:80", "localhost:80", "[::1]:80" */
static socklen_t
bind_parse(const char *text, struct sockaddr_storage *ss)
{
	struct sockaddr_in *in4 = (void *)ss;
	struct sockaddr_in6 *in6 = (void *)ss;
	const char *colon = strrchr(text, ':');
	char host[64], *end;
	unsigned long port;
	size_t n;

	memset(ss, 0, sizeof(*ss));
	if (colon == NULL || colon[1] < '0' || colon[1] > '9')
		return 0;
	errno = 0;
	port = strtoul(colon + 1, &end, 10);
	n = (size_t)(colon - text);
	if (*end != '\0' || errno != 0 || port > 65535 || n == 0 ||
	    n >= sizeof(host))
		return 0;
	memcpy(host, text, n);
	host[n] = '\0';
	if (strcmp(host, "localhost") == 0)
		memcpy(host, "127.0.0.1", sizeof("127.0.0.1"));
	if (host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, &in6->sin6_addr) != 1)
			return 0;
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		return sizeof(*in6);
	}
	if (inet_pton(AF_INET, host, &in4->sin_addr) != 1)
		return 0;
	in4->sin_family = AF_INET;
	in4->sin_port = htons((uint16_t)port);
	return sizeof(*in4);
}

/* The two addresses by which privd looks for a client's socket. */
static bool
bind_is_loopback(const struct sockaddr_storage *ss)
{
	const struct sockaddr_in *in4 = (const void *)ss;
	const struct sockaddr_in6 *in6 = (const void *)ss;

	if (ss->ss_family == AF_INET)
		return ntohl(in4->sin_addr.s_addr) == INADDR_LOOPBACK;
	return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
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
	int fd, on = 1;

	if (addr[0] == '\0' || strcmp(addr, "none") == 0)
		return -1;
	if ((len = bind_parse(addr, &ss)) == 0)
		fatalx("server.http.addr: \"%s\" is not an address and port",
		    addr);
	if (!bind_is_loopback(&ss))
		fatalx(
		    "server.http.addr: \"%s\" is neither 127.0.0.1 nor [::1]; "
		    "the API is for programs of this host",
		    addr);
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
