/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes between netd and a socket of the host: what was sent arrives, also behind an
 * end, and nothing is kept for who has gone.
 */
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "netunix.h"
#include "t.h"

#define WAIT_MS 20000

/* The two that talk by it. */
static int netd, server;

static void
begin(void)
{
	int a[2], b[2];

	/* whether they block is not for carry to rely on */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a) == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b) == -1)
		abort();
	netd = a[0];
	server = b[0];
	CHECK_INT(carry_start(a[1], b[1]), 0);
}

static void
end(void)
{
	if (netd != -1)
		close(netd);
	close(server);
}

/* Until there are these events; false: they do not come. */
static bool
await(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, WAIT_MS) == 1 && (p.revents & events) != 0;
}

/* As many bytes as fit, until for a moment no more do. */
static size_t
fill(int fd)
{
	static const char block[65536];
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	size_t sum = 0;
	ssize_t n;

	do {
		n = send(fd, block, sizeof(block), MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			sum += (size_t)n;
	} while (n > 0 || poll(&p, 1, 500) == 1);
	return sum;
}

/* Bytes until the end. */
static size_t
rest(int fd)
{
	static char block[65536];
	size_t sum = 0;
	ssize_t n;

	for (;;) {
		n = recv(fd, block, sizeof(block), MSG_DONTWAIT);
		if (n > 0)
			sum += (size_t)n;
		else if (n == 0 || errno != EAGAIN || !await(fd, POLLIN))
			return n == 0 ? sum : 0;
	}
}

static void
both_ways(void)
{
	size_t n;

	begin();
	CHECK_INT(send(netd, "there", 5, MSG_NOSIGNAL), 5);
	CHECK_INT(shutdown(netd, SHUT_WR), 0);
	CHECK_INT(rest(server), 5);
	n = fill(server);
	CHECK_INT(shutdown(server, SHUT_WR), 0);
	CHECK_INT(rest(netd), n);
	CHECK(await(server, POLLHUP));
	end();
}

/* Nobody hears what a server would still say: it is told, though it reads nothing. */
static void
netd_goes(void)
{
	begin();
	CHECK(fill(netd) > 0);
	close(netd);
	netd = -1;
	CHECK(await(server, POLLHUP));
	end();
	/* the same of one that has said more than was taken */
	begin();
	CHECK(fill(server) > 0);
	CHECK(fill(netd) > 0);
	close(netd);
	netd = -1;
	CHECK(await(server, POLLHUP));
	end();
}

/* One that has said all gets what was sent to it, when it likes. */
static void
server_reads_late(void)
{
	size_t n;

	begin();
	CHECK_INT(shutdown(server, SHUT_WR), 0);
	CHECK_INT(rest(netd), 0);
	n = fill(netd);
	close(netd);
	netd = -1;
	CHECK_INT(rest(server), n);
	end();
}

/* And what a server has sent arrives when it is gone. */
static void
server_goes(void)
{
	size_t n;

	begin();
	n = fill(server);
	close(server);
	server = -1;
	CHECK_INT(rest(netd), n);
	close(netd);
}

int
main(void)
{
	T_RUN(both_ways);
	T_RUN(netd_goes);
	T_RUN(server_reads_late);
	T_RUN(server_goes);
	return done_testing();
}
