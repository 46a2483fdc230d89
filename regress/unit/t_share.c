/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one session has of a worker beside another, and its limit: relays between
 * sockets of which one side writes for ever and the other reads what comes.
 */
#include <sys/resource.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "clock.h"
#include "relay.h"
#include "t.h"
#include "tcppair.h"

#define MANY 100
#define MIB 1048576ULL
#define MUCH 65536 /* as much at a time as passes without a copy from then on */

struct end {
	int fd;
	struct event *ev;
};

struct line {
	struct relay relay;
	struct end source, sink;
	uint64_t got; /* by the sink */
	bool ended;
};

static struct event_base *base;
static struct line a[MANY], b;
static uint64_t all; /* got, of all */
static uint64_t enough;

static void
source_cb(int fd, short ev, void *arg)
{
	static const uint8_t block[65536];

	int i;

	(void)ev, (void)arg;
	for (i = 0; i < 4; i++) {
		if (send(fd, block, sizeof(block),
			MSG_DONTWAIT | MSG_NOSIGNAL) == -1 &&
		    errno != EAGAIN)
			abort();
	}
}

static void
sink_cb(int fd, short ev, void *arg)
{
	static uint8_t block[65536];
	struct line *l = arg;
	ssize_t n = recv(fd, block, sizeof(block), MSG_DONTWAIT);

	(void)ev;
	if (n <= 0)
		return;
	l->got += (uint64_t)n;
	all += (uint64_t)n;
	if (enough != 0 && (l == &b ? l->got : all) >= enough)
		event_base_loopbreak(base);
}

static void
ended(void *arg, int error)
{
	struct line *l = arg;

	(void)error;
	l->ended = true;
	relay_stop(&l->relay, true);
}

static void
watch(struct end *e, int fd, short what, event_callback_fn cb, void *arg)
{
	e->fd = fd;
	e->ev = event_new(base, fd, (short)(what | EV_PERSIST), cb, arg);
	event_add(e->ev, NULL);
}

/* Its bytes go from the client to the server, or back. */
static void
line_start(struct line *l, struct share *s, bool back)
{
	int client[2], server[2];

	memset(l, 0, sizeof(*l));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, client) == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, server) == -1)
		abort();
	CHECK_INT(relay_start(&l->relay, s, client[0], ended, l), 0);
	CHECK_INT(relay_join(&l->relay, server[0]), 0);
	watch(&l->source, back ? server[1] : client[1], EV_WRITE, source_cb, l);
	watch(&l->sink, back ? client[1] : server[1], EV_READ, sink_cb, l);
}

static void
line_stop(struct line *l)
{
	if (!l->ended)
		relay_stop(&l->relay, true);
	event_free(l->source.ev);
	event_free(l->sink.ev);
	close(l->source.fd);
	close(l->sink.fd);
}

/* A hundred that take all they get, and one of another session: it is not one
 * of a hundred and one. */
static void
two_sessions(void)
{
	struct share *of_a = share_new(base), *of_b = share_new(base);
	uint64_t most[2] = { 0, 0 }, least[2] = { UINT64_MAX, UINT64_MAX };
	uint64_t of_all = 0;
	size_t i, way;

	for (i = 0; i < MANY; i++)
		line_start(&a[i], of_a, i % 2 == 1);
	line_start(&b, of_b, false);
	enough = 64 * MIB;
	event_base_dispatch(base);
	for (i = 0; i < MANY; i++) {
		of_all += a[i].got;
		way = i % 2;
		most[way] = a[i].got > most[way] ? a[i].got : most[way];
		least[way] = a[i].got < least[way] ? a[i].got : least[way];
		line_stop(&a[i]);
	}
	line_stop(&b);
	printf("# a hundred relays had %.1f times what one had\n",
	    (double)of_all / (double)b.got);
	CHECK(of_all > b.got);
	CHECK(of_all < 16 * b.got);
	for (way = 0; way < 2; way++)
		CHECK(most[way] < 2 * least[way] + MIB);
	share_free(of_a);
	share_free(of_b);
}

static uint64_t
cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	    (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* 8 Mbit/s are a million bytes a second, of which a tenth may come at once. */
static void
limit(void)
{
	struct share *s = share_new(base);
	uint64_t began = clock_us(), cpu = cpu_us(), passed, sum = 0;
	size_t i;

	share_limit(s, 8);
	for (i = 0; i < 3; i++)
		line_start(&a[i], s, i == 1);
	all = 0;
	enough = 800000;
	event_base_dispatch(base);
	passed = clock_us() - began;
	cpu = cpu_us() - cpu;
	printf("# 800000 bytes took %.3f s, and %.3f s of a processor\n",
	    (double)passed / 1e6, (double)cpu / 1e6);
	CHECK(passed >= 700000);
	/* it sleeps until there is something to do */
	CHECK(cpu < passed / 2);
	for (i = 0; i < 3; i++) {
		sum += a[i].relay.flow[RELAY_CLIENT].bytes +
		    a[i].relay.flow[RELAY_SERVER].bytes;
		CHECK(a[i].got > 800000 / 6);
	}
	CHECK(sum <= passed + 100000);
	/* another holds from then on, for those who wait already as well */
	share_limit(s, 1);
	enough = all + 60000;
	began = clock_us();
	event_base_dispatch(base);
	passed = clock_us() - began;
	CHECK(passed >= 300000);
	/* at this it would take eight minutes */
	share_limit(s, 0);
	enough = all + 60 * MIB;
	began = clock_us();
	event_base_dispatch(base);
	CHECK(clock_us() - began < 120000000);
	for (i = 0; i < 3; i++)
		line_stop(&a[i]);
	share_free(s);
}

/* What did not go for a while may go at once, to a tenth of a second's worth. */
static void
burst(void)
{
	struct share *s = share_new(base);
	uint64_t full;

	share_limit(s, 8);
	usleep(150000);
	full = clock_us();
	CHECK_INT(share_may(s), 100000);
	share_took(s, 100000);
	CHECK(share_may(s) <= clock_us() - full);
	/* and nothing of it is carried on to another limit */
	usleep(150000);
	CHECK_INT(share_may(s), 100000);
	full = clock_us();
	share_limit(s, 80);
	CHECK(share_may(s) <= 10 * (clock_us() - full));
	share_free(s);
}

/* Who is alone waits less often. */
static void
alone(void)
{
	struct share *s = share_new(base), *other;

	share_took(s, SHARE_TURN);
	CHECK(!share_is_over(s));
	share_took(s, SHARE_ALONE - SHARE_TURN);
	CHECK(share_is_over(s));
	CHECK_INT(share_may(s), 0);
	other = share_new(base);
	CHECK(!share_is_over(other));
	share_took(other, SHARE_TURN);
	CHECK(share_is_over(other));
	share_free(s);
	share_free(other);
	s = share_new(base);
	share_took(s, SHARE_TURN);
	CHECK(!share_is_over(s));
	share_free(s);
}

/* An urgent byte does not come through; it is not the end of what does. */
static void
urgent(void)
{
	static uint8_t block[MUCH];
	struct share *s = share_new(base);
	struct line *l = &a[0];
	int client[2], server[2];
	struct pollfd p = { .events = POLLRDHUP };
	ssize_t n;

	memset(l, 0, sizeof(*l));
	tcp_pair(client, 8 * MUCH);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, server) == -1 ||
	    send(client[0], block, MUCH, 0) != MUCH ||
	    send(client[0], block, MUCH, 0) != MUCH ||
	    send(client[0], "x", 1, MSG_OOB) != 1 ||
	    send(client[0], "rest", 4, 0) != 4 ||
	    shutdown(client[0], SHUT_WR) == -1)
		abort();
	/* all of it has come */
	p.fd = client[1];
	if (poll(&p, 1, 60000) != 1)
		abort();
	CHECK_INT(relay_start(&l->relay, s, client[1], ended, l), 0);
	CHECK_INT(relay_join(&l->relay, server[0]), 0);
	while ((n = recv(server[1], block, sizeof(block), MSG_DONTWAIT)) != 0) {
		if (n == -1 && errno != EAGAIN)
			abort();
		l->got += n > 0 ? (uint64_t)n : 0;
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	CHECK_INT(l->got, 2 * MUCH + 4);
	if (!l->ended)
		relay_stop(&l->relay, true);
	close(client[0]);
	close(server[1]);
	share_free(s);
}

int
main(void)
{
	base = event_base_new();
	T_RUN(two_sessions);
	T_RUN(limit);
	T_RUN(burst);
	T_RUN(alone);
	T_RUN(urgent);
	event_base_free(base);
	return done_testing();
}
