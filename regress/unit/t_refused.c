/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hearing of refused packets begins, or it does not: where an event cannot be made
 * nothing is heard, and nothing is left.
 */
#include <sys/socket.h>

#include <event2/event.h>
#include <unistd.h>

#include "netlog.h"
#include "packet.h"
#include "t.h"

static int left; /* events that can be made */
static int heard, told, incomplete;

struct event *__real_event_new(struct event_base *, evutil_socket_t, short,
    event_callback_fn, void *);
struct event *__wrap_event_new(struct event_base *, evutil_socket_t, short,
    event_callback_fn, void *);

struct event *
__wrap_event_new(struct event_base *base, evutil_socket_t fd, short what,
    event_callback_fn fn, void *arg)
{
	return left-- > 0 ? __real_event_new(base, fd, what, fn, arg) : NULL;
}

void
packet_each(const void *msg, size_t len, packet_cb fn, void *arg)
{
	static const struct packet p = { .dport = 9 };

	(void)msg, (void)len;
	heard++;
	fn(arg, &p);
}

struct whose_ask *
whose_ask(struct nsess *n, int proto, const uint8_t src[16], uint16_t sport,
    const uint8_t dst[16], uint16_t dport, whose_cb cb, void *arg)
{
	static const struct owner nobody;

	(void)n, (void)proto, (void)src, (void)sport, (void)dst, (void)dport;
	cb(arg, &nobody);
	return NULL;
}

void
whose_forget(struct whose_ask *a)
{
	(void)a;
}

int
netlog_refused(struct nsess *n, const struct net_refused_event *e)
{
	(void)n;
	told++;
	incomplete += e->incomplete;
	return 0;
}

void
nsess_fail(struct nsess *n, const char *fmt, ...)
{
	(void)n, (void)fmt;
}

/* With so many events. */
static void
begin(int events, int want)
{
	struct nsess n = { 0 };
	int fd[2];

	heard = told = 0;
	n.base = event_base_new();
	if (n.base == NULL ||
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fd) == -1)
		abort();
	n.refused_fd = fd[0];
	CHECK_INT(send(fd[1], "packet", 6, 0), 6);
	left = events;
	CHECK_INT(refused_start(&n), want);
	CHECK((n.refused == NULL) == (want == -1));
	CHECK_INT(heard, 0);
	refused_stop(&n);
	CHECK_INT(heard, want == 0);
	CHECK_INT(told, want == 0);
	CHECK(n.refused == NULL);
	event_base_free(n.base);
	close(fd[0]);
	close(fd[1]);
}

static void
without_memory(void)
{
	int i;

	for (i = 0; i < 3; i++)
		begin(i, -1);
	begin(3, 0);
}

/* What the kernel has told by the end of the session is told, and of more that
 * there was more. */
static void
at_the_end(int sent, int want)
{
	struct nsess n = { 0 };
	int fd[2], i, room = 1 << 20;

	heard = told = incomplete = 0;
	n.base = event_base_new();
	if (n.base == NULL ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) == -1 ||
	    setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) == -1)
		abort();
	n.refused_fd = fd[0];
	left = 3;
	CHECK_INT(refused_start(&n), 0);
	for (i = 0; i < sent; i++)
		CHECK_INT(send(fd[1], "packet", 6, MSG_DONTWAIT), 6);
	refused_stop(&n);
	CHECK_INT(heard, want);
	/* the first, those behind it, and that it is not all */
	CHECK_INT(told, want < sent ? 3 : 2);
	CHECK_INT(incomplete, want < sent);
	event_base_free(n.base);
	close(fd[0]);
	close(fd[1]);
}

static void
last_words(void)
{
	at_the_end(200, 200);
	at_the_end(300, 256);
}

int
main(void)
{
	T_RUN(without_memory);
	T_RUN(last_words);
	return done_testing();
}
