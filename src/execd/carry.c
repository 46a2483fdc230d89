/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes between netd and a socket of the host. Who serves that can send
 * descriptors with its bytes, and whoever closes the last of one can wait as long
 * as its owner likes: so no such socket is in netd, which serves all sessions. A
 * thread for each copies what is sent, and drops what else came: if it waits, it
 * does so for its own session, and for this connection alone.
 */
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "near.h"
#include "netunix.h"

#define CARRY_BUF 65536
#define CARRY_STACK (64 << 10)

/* What one of the two sends. */
struct way {
	uint8_t buf[CARRY_BUF];
	size_t len, sent;
	bool ended; /* nothing more comes */
	bool told;  /* and the other knows */
};

struct carry {
	int fd[2];	   /* netd, the server */
	struct way way[2]; /* from fd[0], from fd[1] */
};

static atomic_uint ncarries;

/* One buffer, where there is room. 0 or -1. */
static int
take(struct carry *c, int from)
{
	struct way *w = &c->way[from];
	struct iovec iov = { w->buf, sizeof(w->buf) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = recvmsg(c->fd[from], &mh, MSG_DONTWAIT);

	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	w->len = (size_t)n;
	w->sent = 0;
	w->ended = n == 0;
	return 0;
}

/* As much as the other takes, and the end. A server that takes nothing any more may
 * still have something to say; netd is gone then. 0 or -1. */
static int
give(struct carry *c, int from)
{
	struct way *w = &c->way[from];
	struct iovec iov = { w->buf + w->sent, w->len - w->sent };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (w->sent < w->len) {
		n = sendmsg(c->fd[!from], &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0)
			w->sent += (size_t)n;
		else if (errno != EAGAIN && errno != EINTR && from == 1)
			return -1;
		else if (errno != EAGAIN && errno != EINTR)
			w->sent = w->len, w->ended = true;
	}
	if (w->ended && w->sent == w->len && !w->told) {
		w->told = true;
		(void)shutdown(c->fd[!from], SHUT_WR);
	}
	return 0;
}

/* Is it to be heard that this one is gone, though nothing else is waited for? That
 * the server is when all was read; that netd is at once, unless the server has said
 * all, and is yet to get what was sent before. */
static bool
is_heard(const struct carry *c, int i)
{
	return c->way[i].told || (i == 0 && !c->way[1].told);
}

/* 0, or -1: it is over. */
static int
step(struct carry *c)
{
	struct pollfd p[2] = { { .fd = c->fd[0] }, { .fd = c->fd[1] } };
	int i;

	for (i = 0; i < 2; i++) {
		if (c->way[i].sent < c->way[i].len)
			p[!i].events |= POLLOUT;
		else if (!c->way[i].ended)
			p[i].events |= POLLIN;
	}
	for (i = 0; i < 2; i++) {
		if (p[i].events == 0 && !is_heard(c, i))
			p[i].fd = -1;
	}
	if (poll(p, 2, -1) == -1)
		return errno == EINTR ? 0 : -1;
	for (i = 0; i < 2; i++) {
		if (p[i].events == 0 && p[i].revents != 0)
			return -1;
		if ((p[i].events & POLLIN) != 0 && p[i].revents != 0 &&
		    take(c, i) == -1)
			return -1;
	}
	return give(c, 0) == -1 || give(c, 1) == -1 ? -1 : 0;
}

static void *
carry_main(void *arg)
{
	struct carry *c = arg;

	while (!(c->way[0].told && c->way[1].told) && step(c) == 0)
		;
	close(c->fd[0]);
	close(c->fd[1]);
	free(c);
	ncarries--;
	return NULL;
}

static int
start(struct carry *c)
{
	pthread_attr_t pa;
	pthread_t id;
	sigset_t all, old;
	int r;

	if (pthread_attr_init(&pa) != 0)
		return -1;
	pthread_attr_setdetachstate(&pa, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&pa, CARRY_STACK);
	near_leave(); /* it would stay where we do */
	/* signals are for the main thread */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&id, &pa, carry_main, c);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&pa);
	return r == 0 ? 0 : -1;
}

bool
carry_is_full(void)
{
	return ncarries >= CARRY_MAX;
}

int
carry_start(int netd, int server)
{
	struct carry *c = calloc(1, sizeof(*c));

	if (c != NULL) {
		c->fd[0] = netd;
		c->fd[1] = server;
		ncarries++;
		if (start(c) == 0)
			return 0;
		ncarries--;
	}
	free(c);
	close(netd);
	close(server);
	errno = EAGAIN;
	return -1;
}
