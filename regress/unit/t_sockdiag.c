/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which socket has these ends: of TCP and UDP, of IPv4, IPv6 and both in one,
 * also where it is connected to nothing; and that nobody has others.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "sockdiag.h"
#include "t.h"

static int diag = -1;

static uint64_t
inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static void
end_of(const struct sockaddr_storage *ss, struct sockdiag_end *e)
{
	const struct sockaddr_in *sin = (const void *)ss;
	const struct sockaddr_in6 *sin6 = (const void *)ss;

	memset(e, 0, sizeof(*e));
	if (ss->ss_family == AF_INET) {
		e->addr[10] = e->addr[11] = 0xff;
		memcpy(e->addr + 12, &sin->sin_addr, 4);
		e->port = ntohs(sin->sin_port);
	} else {
		memcpy(e->addr, &sin6->sin6_addr, 16);
		e->port = ntohs(sin6->sin6_port);
	}
}

static socklen_t
address(int family, const char *text, struct sockaddr_storage *ss)
{
	struct sockaddr_in *sin = (void *)ss;
	struct sockaddr_in6 *sin6 = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	ss->ss_family = (sa_family_t)family;
	if (family == AF_INET) {
		inet_pton(AF_INET, text, &sin->sin_addr);
		return sizeof(*sin);
	}
	inet_pton(AF_INET6, text, &sin6->sin6_addr);
	return sizeof(*sin6);
}

/* Listens at one address and connects to it by the other; the inode of the
 * client's socket is found. server, client: families of the sockets. */
static void
tcp(int server, const char *at, int client, const char *to)
{
	struct sockaddr_storage ss, own, far;
	struct sockdiag_end o, f;
	socklen_t len = sizeof(ss);
	uint64_t inode = 0;
	int l, c;

	l = socket(server, SOCK_STREAM, 0);
	c = socket(client, SOCK_STREAM, 0);
	CHECK(bind(l, (void *)&ss, address(server, at, &ss)) == 0);
	CHECK(listen(l, 1) == 0 && getsockname(l, (void *)&ss, &len) == 0);
	address(client, to, &far);
	((struct sockaddr_in *)(void *)&far)->sin_port =
	    ((struct sockaddr_in *)(void *)&ss)->sin_port;
	len = client == AF_INET ? sizeof(struct sockaddr_in) :
				  sizeof(struct sockaddr_in6);
	CHECK(connect(c, (void *)&far, len) == 0);
	len = sizeof(own);
	CHECK(getsockname(c, (void *)&own, &len) == 0);
	end_of(&own, &o);
	end_of(&far, &f);
	CHECK(sockdiag_inode(diag, IPPROTO_TCP, &o, &f, &inode) == 0);
	CHECK_INT(inode, inode_of(c));
	/* another far end: the one that listens is not meant */
	f.port ^= 1;
	CHECK(sockdiag_inode(diag, IPPROTO_TCP, &f, &o, &inode) == -1);
	f.port ^= 1;
	close(c);
	CHECK(sockdiag_inode(diag, IPPROTO_TCP, &o, &f, &inode) == -1);
	close(l);
}

static void
udp(int family, const char *own, const char *to, bool connected)
{
	struct sockaddr_storage ss, far;
	struct sockdiag_end o, f;
	socklen_t len = sizeof(ss);
	uint64_t inode = 0;
	int c;

	c = socket(family, SOCK_DGRAM, 0);
	CHECK(bind(c, (void *)&ss, address(family, own, &ss)) == 0);
	len = address(family, to, &far);
	((struct sockaddr_in *)(void *)&far)->sin_port = htons(53);
	if (connected)
		CHECK(connect(c, (void *)&far, len) == 0);
	len = sizeof(ss);
	CHECK(getsockname(c, (void *)&ss, &len) == 0);
	/* it sends from an address, wherever it is bound */
	if (!connected)
		((struct sockaddr_in *)(void *)&ss)->sin_addr.s_addr =
		    htonl(INADDR_LOOPBACK);
	end_of(&ss, &o);
	end_of(&far, &f);
	CHECK(sockdiag_inode(diag, IPPROTO_UDP, &o, &f, &inode) == 0);
	CHECK_INT(inode, inode_of(c));
	close(c);
	CHECK(sockdiag_inode(diag, IPPROTO_UDP, &o, &f, &inode) == -1);
}

static void
tcp_of_ipv4(void)
{
	tcp(AF_INET, "127.0.0.1", AF_INET, "127.0.0.1");
}

static void
tcp_of_both(void)
{
	tcp(AF_INET, "127.0.0.1", AF_INET6, "::ffff:127.0.0.1");
}

static void
tcp_of_ipv6(void)
{
	tcp(AF_INET6, "::1", AF_INET6, "::1");
}

static void
udp_connected(void)
{
	udp(AF_INET, "127.0.0.1", "127.0.0.1", true);
}

static void
udp_not_connected(void)
{
	udp(AF_INET, "0.0.0.0", "127.0.0.1", false);
}

int
main(void)
{
	int fd;

	diag = sockdiag_open();
	if (diag == -1)
		T_SKIP_ALL("the kernel has no sock_diag");
	T_RUN(tcp_of_ipv4);
	T_RUN(udp_connected);
	T_RUN(udp_not_connected);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	if (fd != -1) {
		T_RUN(tcp_of_both);
		T_RUN(tcp_of_ipv6);
		close(fd);
	}
	close(diag);
	return done_testing();
}
