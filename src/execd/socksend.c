/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages: sendto with an address, and sendmsg and sendmmsg where the policy
 * restricts who is sent to, whatever socket it is and whether they have an
 * address or not (memory and descriptors could be others a moment later). Bytes,
 * control messages and the descriptors in them are copied out of the target and
 * sent here.
 */
#include <sys/uio.h>

#include <sys/syscall.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "execd.h"
#include "log.h"
#include "socket.h"

#define SEND_MAX (1 << 20)    /* bytes of one message; of a stream, at once */
#define CONTROL_MAX (1 << 14) /* bytes of control messages */
#define VECTOR_MAX 1024	      /* UIO_MAXIOV */
#define FDS_MAX 253	      /* in one message: SCM_MAX_FD */
#define FDS_HELD_MAX (2 * FDS_MAX) /* in all that wait; half of one command */

/* For whom descriptors are held. */
struct holder {
	LIST_ENTRY(holder) entry;
	uint64_t command;
	size_t n;
};

static struct {
	pthread_mutex_t lock; /* threads hold them, and the main one lets go */
	LIST_HEAD(, holder) holders;
	size_t n; /* of all */
} held = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct holder *
find_holder(uint64_t command)
{
	struct holder *h;

	LIST_FOREACH(h, &held.holders, entry) {
		if (h->command == command)
			return h;
	}
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		fatal("descriptors");
	h->command = command;
	LIST_INSERT_HEAD(&held.holders, h, entry);
	return h;
}

static void
release(uint64_t command, size_t n)
{
	struct holder *h;

	if (n == 0)
		return;
	pthread_mutex_lock(&held.lock);
	h = find_holder(command);
	h->n -= n;
	held.n -= n;
	if (h->n == 0) {
		LIST_REMOVE(h, entry);
		free(h);
	}
	pthread_mutex_unlock(&held.lock);
}

/* A command never has more of them than it leaves to others: false. */
static bool
reserve(uint64_t command, size_t n)
{
	struct holder *h;
	bool fits;

	if (n == 0)
		return true;
	pthread_mutex_lock(&held.lock);
	h = find_holder(command);
	fits = h->n + held.n + 2 * n <= FDS_HELD_MAX;
	if (fits) {
		h->n += n;
		held.n += n;
	} else if (h->n == 0) {
		LIST_REMOVE(h, entry);
		free(h);
	}
	pthread_mutex_unlock(&held.lock);
	return fits;
}

void
socksend_free(struct outgoing *o)
{
	size_t i;

	for (i = 0; i < o->nfds; i++)
		drop_fd(o->fds[i]);
	release(o->command, o->nfds);
	free(o->fds);
	free(o->data);
	free(o->control);
	memset(o, 0, sizeof(*o));
}

static bool
is_stream(const struct sock *s)
{
	return s->type == SOCK_STREAM;
}

/* What one piece of memory has: 0 or an errno. */
static int
load_piece(struct sock *s, uint64_t addr, size_t len, size_t room)
{
	struct outgoing *o = &s->out;
	int err;

	if (len > room)
		len = room;
	err = target_read(&s->t, addr, o->data + o->len, len);
	if (err == 0)
		o->len += len;
	return err;
}

static int
load_data(struct sock *s, const struct iovec *iov, size_t n)
{
	struct outgoing *o = &s->out;
	size_t i, total = 0;
	int err = 0;

	for (i = 0; i < n; i++) {
		if (iov[i].iov_len > SSIZE_MAX - total)
			return EINVAL;
		total += iov[i].iov_len;
	}
	if (total > SEND_MAX) {
		if (!is_stream(s))
			return EMSGSIZE;
		total = SEND_MAX;
	}
	o->data = malloc(total + 1);
	if (o->data == NULL)
		return ENOBUFS;
	for (i = 0; err == 0 && i < n; i++)
		err = load_piece(s, (uint64_t)(uintptr_t)iov[i].iov_base,
		    iov[i].iov_len, total - o->len);
	return err;
}

/* The descriptors of one control message become ours: 0 or an errno. */
static int
take_fds(struct sock *s, struct cmsghdr *c)
{
	struct outgoing *o = &s->out;
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int), i;
	int *more, fd;

	if (n > FDS_MAX)
		return ETOOMANYREFS;
	more = reallocarray(o->fds, o->nfds + n + 1, sizeof(*more));
	if (more == NULL)
		return ENOBUFS;
	o->fds = more;
	o->command = s->look.command;
	if (!reserve(o->command, n))
		return ETOOMANYREFS;
	for (i = 0; i < n; i++) {
		memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
		fd = fd < 0 ? -1 : socket_take(s, fd);
		if (fd == -1) {
			release(o->command, n - i);
			return EBADF;
		}
		o->fds[o->nfds++] = fd;
		memcpy(CMSG_DATA(c) + i * sizeof(fd), &fd, sizeof(fd));
	}
	return 0;
}

/* As the kernel looks for it, not as a libc does: of one that only the kernel saw
 * the numbers would be those of our own descriptors. */
static struct cmsghdr *
next_control(const struct msghdr *m, struct cmsghdr *c)
{
	size_t at = (size_t)((uint8_t *)c - (uint8_t *)m->msg_control);

	at += CMSG_ALIGN(c->cmsg_len);
	if (m->msg_controllen < sizeof(*c) ||
	    at > m->msg_controllen - sizeof(*c))
		return NULL;
	return (void *)((uint8_t *)m->msg_control + at);
}

/*
 * What a process says of itself is left out: the kernel compares it with who
 * calls, which is execd, and tells the receiver of that anyway.
 */
static int
load_control(struct sock *s, uint64_t addr, size_t len)
{
	struct outgoing *o = &s->out;
	struct msghdr m = { 0 };
	struct cmsghdr *c, *next;
	size_t at;
	int err;

	if (len == 0)
		return 0;
	if (len > CONTROL_MAX)
		return ENOBUFS;
	o->control = calloc(1, len + CMSG_SPACE(0));
	if (o->control == NULL)
		return ENOBUFS;
	err = target_read(&s->t, addr, o->control, len);
	if (err != 0)
		return err;
	o->control_len = len;
	m.msg_control = o->control;
	m.msg_controllen = len;
	for (c = CMSG_FIRSTHDR(&m); c != NULL; c = next) {
		at = (size_t)((uint8_t *)c - o->control);
		if (c->cmsg_len < CMSG_LEN(0) || c->cmsg_len > len - at)
			return EINVAL;
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			err = take_fds(s, c);
			if (err != 0)
				return err;
		} else if (c->cmsg_level == SOL_SOCKET &&
		    c->cmsg_type == SCM_CREDENTIALS) {
			size_t size = CMSG_ALIGN(c->cmsg_len);

			if (size > len - at)
				size = len - at;
			memmove(c, (uint8_t *)c + size, len - at - size);
			len -= size;
			m.msg_controllen = o->control_len = len;
			next = len - at >= CMSG_LEN(0) ? c : NULL;
			continue;
		}
		next = next_control(&m, c);
	}
	return 0;
}

static int
load_address(struct sock *s, uint64_t addr, size_t len)
{
	dest_free(&s->to);
	memset(&s->to, 0, sizeof(s->to));
	s->to.fd = -1;
	if (addr == 0)
		return 0;
	/* as the kernel has it */
	if (len > sizeof(s->to.addr))
		len = sizeof(s->to.addr);
	return dest_read(&s->to, &s->t, addr, len);
}

/* The message at that address. 0 or an errno. */
static int
load_header(struct sock *s, uint64_t addr)
{
	struct msghdr m;
	struct iovec *iov;
	int err;

	err = target_read(&s->t, addr, &m, sizeof(m));
	if (err != 0)
		return err;
	if (m.msg_iovlen > VECTOR_MAX)
		return EMSGSIZE;
	if (m.msg_namelen > INT_MAX)
		return EINVAL;
	iov = calloc(m.msg_iovlen + 1, sizeof(*iov));
	if (iov == NULL)
		return ENOBUFS;
	err = target_read(&s->t, (uint64_t)(uintptr_t)m.msg_iov, iov,
	    m.msg_iovlen * sizeof(*iov));
	if (err == 0)
		err = load_address(s, (uint64_t)(uintptr_t)m.msg_name,
		    m.msg_namelen);
	if (err == 0)
		err = load_data(s, iov, m.msg_iovlen);
	free(iov);
	return err != 0 ? err :
			  load_control(s, (uint64_t)(uintptr_t)m.msg_control,
			      m.msg_controllen);
}

static uint64_t
vector_at(const struct sock *s)
{
	return s->req.data.args[1] + s->at * sizeof(struct mmsghdr);
}

static unsigned
vector_len(const struct sock *s)
{
	uint64_t n = (unsigned)s->req.data.args[2];

	return n > VECTOR_MAX ? VECTOR_MAX : (unsigned)n;
}

/* What is to be sent next, copied. 0 or an errno. */
static int
load(struct sock *s)
{
	const uint64_t *arg = (const uint64_t *)s->req.data.args;
	struct iovec iov = { (void *)(uintptr_t)arg[1], (size_t)arg[2] };
	int err;

	s->n = 1;
	switch (s->req.data.nr) {
	case SYS_sendto:
		err = (int)arg[5] < 0 ? EINVAL :
					load_address(s, arg[4], arg[5]);
		if (err == 0)
			err = load_data(s, &iov, 1);
		s->out.flags = (int)arg[3];
		break;
	case SYS_sendmsg:
		err = load_header(s, arg[1]);
		s->out.flags = (int)arg[2];
		break;
	default:
		s->n = vector_len(s);
		err = load_header(s, vector_at(s));
		s->out.flags = (int)arg[3];
		break;
	}
	return err;
}

static long
send_now(struct sock *s)
{
	struct outgoing *o = &s->out;
	struct sockaddr_storage ss;
	struct iovec iov = { o->data + o->sent, o->len - o->sent };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int flags = o->flags & ~(int)MSG_ZEROCOPY;
	ssize_t n;

	m.msg_namelen = dest_address(&s->to, &ss);
	m.msg_name = m.msg_namelen > 0 ? &ss : NULL;
	if (o->sent == 0 && o->control_len > 0) {
		m.msg_control = o->control;
		m.msg_controllen = o->control_len;
	}
	n = sendmsg(s->fd, &m, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
	return n == -1 ? -(long)errno : (long)n;
}

/* One message as far as it goes: its bytes, -errno, or SOCKET_WAIT. */
static long
send_one(struct sock *s)
{
	struct outgoing *o = &s->out;
	bool waits = !s->nonblock && (o->flags & MSG_DONTWAIT) == 0;
	long r;

	if (s->to.missing != 0 || (s->for_host && s->to.named && !s->to.host))
		return socket_ask_host(s, UNIX_OP_SENDTO);
	for (;;) {
		r = send_now(s);
		if (r >= 0)
			o->sent += (size_t)r;
		if (r < 0 || !waits || !is_stream(s) || o->sent >= o->len)
			break;
	}
	if ((r == -ECONNREFUSED || r == -ENOENT) && s->to.named && !s->to.host)
		return socket_ask_host(s, UNIX_OP_SENDTO);
	if (r == -EAGAIN && waits &&
	    (s->until_us == 0 || clock_us() < s->until_us))
		return SOCKET_WAIT;
	return r < 0 && o->sent == 0 ? r : (long)o->sent;
}

/* How many bytes of the last message of the vector went. */
static int
tell_bytes(const struct sock *s)
{
	return target_write(&s->t,
	    s->req.data.args[1] + (s->at - 1) * sizeof(struct mmsghdr) +
		offsetof(struct mmsghdr, msg_len),
	    &s->bytes, sizeof(s->bytes));
}

void
socksend_look(struct sock *s)
{
	bool vector = s->req.data.nr == SYS_sendmmsg;

	s->look_error = 0;
	if (s->tells)
		s->look_error = tell_bytes(s);
	if (s->look_error != 0)
		return; /* and tells, so that it is known which */
	s->tells = false;
	/* one that was begun again goes on where it was */
	if (vector)
		s->n = vector_len(s);
	if (vector && s->at > 0 && s->at >= s->n)
		return;
	socksend_free(&s->out);
	s->look_error = load(s);
	s->loaded = s->look_error == 0;
	/* others take no address, or only the one they have */
	if (s->loaded && s->type == SOCK_DGRAM)
		dest_look(s, &s->to);
}

long
socksend_step(struct sock *s)
{
	bool vector = s->req.data.nr == SYS_sendmmsg;
	long r;
	int err = s->look_error;

	if (vector && (unsigned)s->req.data.args[2] == 0)
		return 0;
	if (!s->looked)
		return SOCKET_LOOK;
	if (s->tells)
		s->at--; /* its bytes could not be told: it does not count */
	else if (err == 0 && s->at > 0 && s->at >= s->n)
		return (long)s->at;
	if (err == 0 && s->type == SOCK_DGRAM && !s->to.found)
		err = dest_find(s, &s->to, UNIX_OP_SENDTO);
	if (err == DEST_ASKED)
		return SOCKET_ASKED;
	r = err != 0 ? -(long)err : send_one(s);
	if (r == SOCKET_WAIT || !vector)
		return r;
	if (r < 0)
		return s->at > 0 ? (long)s->at : r;
	s->bytes = (unsigned)r;
	s->tells = true;
	s->at++;
	s->loaded = false;
	return SOCKET_LOOK;
}
