/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that go from socket to socket by a pipe, between TCP sockets and between
 * sockets of the machine: all of them, in their order, and never to another.
 */
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "t.h"
#include "tcppair.h"

#include "../../src/netd/bulk.h"

#define MAX 65536
#define MUCH (32 << 20)

static uint8_t buf[MAX], block[MAX];

/* fd[0] is the test's end. */
static void
pair(int fd[2], bool tcp)
{
	if (tcp)
		tcp_pair(fd, 0);
	else if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == -1)
		abort();
}

/* The byte at this place of a stream; a period that no size here divides. */
static uint8_t
byte_at(size_t at)
{
	return (uint8_t)(at % 251);
}

static size_t
put(int fd, size_t at)
{
	size_t i;
	ssize_t n;

	for (i = 0; i < sizeof(block); i++)
		block[i] = byte_at(at + i);
	n = send(fd, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL);
	return n == -1 ? 0 : (size_t)n;
}

/* Bytes that came, all of which must be right. */
static size_t
take(int fd, size_t at, size_t want)
{
	ssize_t n = recv(fd, block, want < MAX ? want : MAX, MSG_DONTWAIT);
	size_t i, wrong = 0;

	for (i = 0; n > 0 && i < (size_t)n; i++)
		wrong += block[i] != byte_at(at + i);
	CHECK_INT(wrong, 0);
	return n == -1 ? 0 : (size_t)n;
}

/* As a relay does it: what was not taken goes before anything else. */
static void
all_of_it(bool tcp)
{
	struct bulk b = { .buf = buf };
	int from[2], to[2], rests = 0;
	size_t put_at = 0, at = 0, done = 0, rest = 0, i;
	ssize_t n;

	pair(from, tcp);
	pair(to, tcp);
	for (i = 0; at < MUCH; i++) {
		put_at += put(from[0], put_at);
		if (rest == 0) {
			n = bulk_move(from[1], to[1], MAX, &b);
			CHECK(n > 0 || errno == EAGAIN);
			CHECK_INT(b.error, 0);
			CHECK(n == -1 || b.sent + b.rest == (size_t)n);
			rest = b.rest;
			done = 0;
			rests += rest > 0;
		}
		/* the reader is slow at times */
		if (i / 64 % 2 == 1)
			at += take(to[0], at, MAX);
		n = rest == 0 ?
		    0 :
		    send(to[1], buf + done, rest, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			done += (size_t)n;
			rest -= (size_t)n;
		}
	}
	CHECK(rests > 0);
	for (i = 0; i < 2; i++) {
		close(from[i]);
		close(to[i]);
	}
}

static void
whole(void)
{
	all_of_it(true);
	all_of_it(false);
}

static void
ends(void)
{
	struct bulk b = { .buf = buf };
	int from[2], to[2];

	pair(from, true);
	pair(to, true);
	CHECK_INT(bulk_move(from[1], to[1], MAX, &b), -1);
	CHECK_INT(errno, EAGAIN);
	if (send(from[0], "last", 4, 0) != 4)
		abort();
	shutdown(from[0], SHUT_WR);
	CHECK_INT(bulk_move(from[1], to[1], MAX, &b), 4);
	CHECK_INT(b.sent, 4);
	CHECK_INT(bulk_move(from[1], to[1], MAX, &b), 0);
	CHECK_INT(recv(to[0], block, MAX, 0), 4);
	CHECK_INT(memcmp(block, "last", 4), 0);
	close(from[0]);
	close(from[1]);
	close(to[0]);
	close(to[1]);
}

/* A reset is one, and not the end. */
static void
reset(void)
{
	struct linger now = { .l_onoff = 1 };
	struct bulk b = { .buf = buf };
	int from[2], to[2];

	pair(from, true);
	pair(to, true);
	setsockopt(from[0], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(from[0]);
	CHECK_INT(bulk_move(from[1], to[1], MAX, &b), -1);
	CHECK_INT(errno, ECONNRESET);
	close(from[1]);
	close(to[0]);
	close(to[1]);
}

/* What could not go anywhere is nobody else's. */
static void
nobody_elses(void)
{
	struct bulk b = { .buf = buf };
	int from[2], to[2], i;
	ssize_t n;

	for (i = 0; i < 20; i++) {
		pair(from, i % 2 == 0);
		pair(to, i % 2 == 0);
		shutdown(to[1], SHUT_WR);
		if (send(from[0], "secret", 6, 0) != 6)
			abort();
		CHECK_INT(bulk_move(from[1], to[1], MAX, &b), 6);
		CHECK_INT(b.error, EPIPE);
		CHECK_INT(b.sent, 0);
		close(to[0]);
		close(to[1]);
		pair(to, i % 2 == 0);
		if (send(from[0], "plain", 5, 0) != 5)
			abort();
		CHECK_INT(bulk_move(from[1], to[1], MAX, &b), 5);
		CHECK_INT(b.error, 0);
		n = recv(to[0], block, MAX, MSG_DONTWAIT);
		CHECK_INT(n, 5);
		CHECK_INT(memcmp(block, "plain", 5), 0);
		close(from[0]);
		close(from[1]);
		close(to[0]);
		close(to[1]);
	}
}

/* What cannot be had so is said. */
static void
not_at_all(void)
{
	struct bulk b = { .buf = buf };
	int from = eventfd(1, EFD_NONBLOCK), to[2];

	pair(to, false);
	CHECK_INT(bulk_move(from, to[1], MAX, &b), -1);
	CHECK_INT(errno, EINVAL);
	close(from);
	close(to[0]);
	close(to[1]);
}

int
main(void)
{
	/* as netd does */
	signal(SIGPIPE, SIG_IGN);
	T_RUN(whole);
	T_RUN(ends);
	T_RUN(reset);
	T_RUN(nobody_elses);
	T_RUN(not_at_all);
	return done_testing();
}
