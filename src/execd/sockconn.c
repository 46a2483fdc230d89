/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect(2), made by execd on the socket that it has taken of the caller: once
 * for what is there at once, and again for what is not, until the caller's own
 * time limit. Who is told of a connection to come: whose.c.
 */
#include <errno.h>
#include <fcntl.h>

#include "clock.h"
#include "execd.h"
#include "ipport.h"
#include "socket.h"
#include "whose.h"

/* On the socket of the caller, which is as it was afterwards. It has no
 * connection yet, so that nobody else can wait at it; but anybody who has it can
 * take the flag away again: then it ends as if that was there. */
static int
connect_now(struct sock *s, const struct sockaddr *sa, socklen_t len)
{
	int flags = fcntl(s->fd, F_GETFL), r, saved;

	if (flags == -1)
		return -EBADF;
	if ((flags & O_NONBLOCK) == 0 &&
	    fcntl(s->fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return -EBADF;
	hurry(true);
	r = connect(s->fd, sa, len);
	saved = errno;
	hurry(false);
	if (r == -1 && saved == EINTR)
		saved = s->domain == AF_UNIX ? EAGAIN : EINPROGRESS;
	if ((flags & O_NONBLOCK) == 0)
		(void)fcntl(s->fd, F_SETFL, flags);
	return r == 0 ? 0 : -saved;
}

static bool
is_unreached(int error)
{
	return error == ECONNREFUSED || error == ENOENT;
}

/* A connection that netd asks about next, and that may be over before its process
 * could be looked for. */
static bool
is_for_netd(const struct sock *s)
{
	return s->type == SOCK_STREAM &&
	    (s->domain == AF_INET || s->domain == AF_INET6) &&
	    execd.p.peer[ROLE_NETD] != NULL;
}

static void
tell_port(const struct sock *s, const struct sockaddr_storage *to)
{
	uint8_t addr[16], far[16];
	uint16_t port, far_port;

	if (ipport_own(s->fd, addr, &port) == 0 && port != 0 &&
	    ipport_from_sockaddr(to, far, &far_port) == 0)
		whose_bound(s->ino, port, far, far_port);
}

long
sockconn_step(struct sock *s)
{
	struct sockaddr_storage ss;
	struct dest *d = &s->to;
	socklen_t len;
	int r;

	if (!s->looked)
		return SOCKET_LOOK;
	if (!d->found) {
		r = s->look_error;
		if (r == 0)
			r = dest_find(s, d, UNIX_OP_CONNECT);
		if (r != 0)
			return r == DEST_ASKED ? SOCKET_ASKED : -r;
	}
	if (d->missing != 0 || (s->for_host && d->named && !d->host))
		return socket_ask_host(s, UNIX_OP_CONNECT);
	if (!s->begun && is_for_netd(s))
		whose_made(s->ino, &s->t);
	len = dest_address(d, &ss);
	r = connect_now(s, (const struct sockaddr *)&ss, len);
	if (!s->begun && is_for_netd(s))
		tell_port(s, &ss);
	if (is_unreached(-r) && d->named && !d->host)
		return socket_ask_host(s, UNIX_OP_CONNECT);
	/* to an address of the session, or by netd, it is there at once */
	if (r == -EINPROGRESS && !s->nonblock && !s->begun) {
		s->begun = true;
		r = connect_now(s, (const struct sockaddr *)&ss, len);
	}
	/* what this one began has ended well */
	if (r == -EISCONN && s->begun)
		return 0;
	if (s->nonblock ||
	    (r != -EAGAIN && r != -EINPROGRESS && r != -EALREADY))
		return r;
	s->begun = s->begun || r == -EINPROGRESS;
	if (s->until_us != 0 && clock_us() >= s->until_us)
		return s->domain == AF_UNIX ? -EAGAIN : -EINPROGRESS;
	return SOCKET_WAIT;
}
