/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels over SOCK_SEQPACKET (unix(7)): the kernel keeps the edges of
 * messages and ties descriptors to them, so there is no reassembly. What comes
 * in is from the peer and is believed only after msg_gate().
 *
 * Header: type, flags (0), request id, length of the whole; 32 bits each.
 */
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "chan.h"
#include "log.h"

struct chan_out {
	STAILQ_ENTRY(chan_out) entry;
	int fds[AGENTSH_MSG_FDS];
	int nfds;
	size_t len;
	uint8_t data[];
};

int
chan_pair(int fds[2])
{
	return socketpair(AF_UNIX,
	    SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);
}

/* Is there a message from this peer with descriptors? */
static bool
brings_fds(enum role me, enum role peer)
{
	const struct msg_row *r;

	for (r = msg_rows; r < msg_rows + MSG_MAX; r++) {
		if ((r->from & (1U << peer)) != 0 &&
		    (r->to & (1U << me)) != 0 && r->fds[0] != '\0')
			return true;
	}
	return false;
}

int
chan_join(enum role a, enum role b, int fds[2])
{
	int off = 0;

	if (chan_pair(fds) == -1)
		return -1;
	/* where the kernel has not that, what comes is dropped (chan_read) */
	if (!brings_fds(a, b))
		(void)setsockopt(fds[0], SOL_SOCKET, SO_PASSRIGHTS, &off,
		    sizeof(off));
	if (!brings_fds(b, a))
		(void)setsockopt(fds[1], SOL_SOCKET, SO_PASSRIGHTS, &off,
		    sizeof(off));
	return 0;
}

struct chan *
chan_new(int fd, enum role me, enum role peer, const struct handler *handlers,
    void *arg)
{
	struct chan *ch;

	ch = calloc(1, sizeof(*ch));
	if (ch == NULL)
		return NULL;
	ch->fd = fd;
	ch->me = me;
	ch->peer = peer;
	ch->state = ST_RUN;
	ch->takes_fds = brings_fds(me, peer);
	ch->handlers = handlers;
	ch->arg = arg;
	STAILQ_INIT(&ch->queue);
	return ch;
}

static void
close_fds(int *fds, int nfds)
{
	int i;

	for (i = 0; i < nfds; i++) {
		if (fds[i] != -1)
			close(fds[i]);
		fds[i] = -1;
	}
}

static void
chan_drop_queue(struct chan *ch)
{
	struct chan_out *out;

	while ((out = STAILQ_FIRST(&ch->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&ch->queue, entry);
		close_fds(out->fds, out->nfds);
		free(out);
	}
	ch->nqueue = 0;
}

void
chan_free(struct chan *ch)
{
	if (ch == NULL)
		return;
	chan_unwatch(ch);
	chan_drop_queue(ch);
	free(ch->pending);
	if (ch->fd != -1)
		close(ch->fd);
	free(ch);
}

void
chan_fail(struct chan *ch, const char *why)
{
	if (ch->closed)
		return;
	ch->closed = true;
	log_trace(LOG_IPC, "channel to %s is over: %s", role_name(ch->peer),
	    why);
	chan_unwatch(ch);
	/* the far end must notice even while we keep the number open */
	shutdown(ch->fd, SHUT_RDWR);
	if (ch->on_close != NULL)
		ch->on_close(ch, why);
}

/* A call on the socket has failed; 0: end of file. */
static void
fail_errno(struct chan *ch, int err)
{
	ch->peer_gone = err == 0 || err == EPIPE || err == ECONNRESET;
	chan_fail(ch, err == 0 ? "end of file" : strerror(err));
}

ssize_t (*chan_sendmsg)(int, const struct msghdr *, int) = sendmsg;

/* One message: 0, or -1 with errno. */
static int
chan_write(int fd, const void *data, size_t len, const int *fds, int nfds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * AGENTSH_MSG_FDS)];
	} control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
		.iov_len = len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cm;
	size_t fdbytes = sizeof(int) * (size_t)nfds;
	ssize_t n;

	if (nfds > 0) {
		memset(&control, 0, sizeof(control));
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(fdbytes);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(fdbytes);
		memcpy(CMSG_DATA(cm), fds, fdbytes);
	}
	do {
		n = chan_sendmsg(fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n == -1 && errno == EINTR);
	return n == -1 ? -1 : 0;
}

static int
chan_enqueue(struct chan *ch, const uint8_t *data, size_t len, const int *fds,
    int nfds)
{
	struct chan_out *out;
	int i;

	if (ch->nqueue >= CHAN_MAX_QUEUE) {
		chan_fail(ch, "the peer does not read");
		return -1;
	}
	out = calloc(1, sizeof(*out) + len);
	if (out == NULL) {
		chan_fail(ch, "out of memory");
		return -1;
	}
	out->len = len;
	memcpy(out->data, data, len);
	for (i = 0; i < nfds; i++) {
		out->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
		if (out->fds[i] == -1) {
			close_fds(out->fds, i);
			free(out);
			chan_fail(ch, "out of descriptors");
			return -1;
		}
	}
	out->nfds = nfds;
	STAILQ_INSERT_TAIL(&ch->queue, out, entry);
	ch->nqueue++;
	chan_watch_writable(ch);
	return 0;
}

/* What may be answered, and by what: arg is of that question's kind. */
static void
note_question(struct chan *ch, enum msg_type type, uint32_t id)
{
	size_t i;

	for (i = ch->npending; i > 0; i--) {
		if (ch->pending[i - 1].id == id) {
			ch->pending[i - 1].type = type;
			break;
		}
	}
}

int
chan_send(struct chan *ch, enum msg_type type, uint32_t id,
    const struct buf *body, const int *fds)
{
	uint8_t data[AGENTSH_MSG_MAX];
	uint32_t header[4];
	size_t len = MSG_HEADER_LEN + body->len;
	const char *why;
	int nfds = (int)strlen(msg_rows[type].fds);

	if (ch->closed)
		return -1;
	why = msg_gate(ch->peer, ch->me, ST_ANY, type, body->len, nfds);
	if (body->bad || why != NULL) {
		/* our own mistake: never put on the wire */
		log_warnx("not sending %s: %s", msg_name(type),
		    why != NULL ? why : "a field is too long");
		chan_fail(ch, "unsendable message");
		return -1;
	}
	if ((msg_rows[type].flags & M_REQ) != 0)
		note_question(ch, type, id);
	header[0] = type;
	header[1] = 0;
	header[2] = id;
	header[3] = (uint32_t)len;
	memcpy(data, header, MSG_HEADER_LEN);
	if (body->len > 0)
		memcpy(data + MSG_HEADER_LEN, body->data, body->len);
	log_trace(LOG_IPC, "send %s id %u to %s", msg_name(type), id,
	    role_name(ch->peer));
	if (STAILQ_EMPTY(&ch->queue)) {
		if (chan_write(ch->fd, data, len, fds, nfds) == 0)
			return 0;
		if (errno != EAGAIN && errno != ENOBUFS) {
			fail_errno(ch, errno);
			return -1;
		}
	}
	return chan_enqueue(ch, data, len, fds, nfds);
}

int
chan_flush(struct chan *ch)
{
	struct chan_out *out;
	bool was_empty = STAILQ_EMPTY(&ch->queue);

	if (ch->closed)
		return -1;
	while ((out = STAILQ_FIRST(&ch->queue)) != NULL) {
		if (chan_write(ch->fd, out->data, out->len, out->fds,
			out->nfds) == -1) {
			if (errno == EAGAIN || errno == ENOBUFS)
				return 1;
			fail_errno(ch, errno);
			return -1;
		}
		STAILQ_REMOVE_HEAD(&ch->queue, entry);
		ch->nqueue--;
		close_fds(out->fds, out->nfds);
		free(out);
	}
	if (!was_empty && ch->on_drained != NULL)
		ch->on_drained(ch);
	if (ch->closed)
		return -1;
	return STAILQ_EMPTY(&ch->queue) ? 0 : 1;
}

int
chan_drain(struct chan *ch, int timeout_ms)
{
	struct pollfd pfd = { .fd = ch->fd, .events = POLLOUT };
	int r;

	while ((r = chan_flush(ch)) == 1) {
		r = poll(&pfd, 1, timeout_ms);
		if (r == -1 && errno == EINTR)
			continue;
		if (r <= 0)
			return -1;
	}
	return r;
}

uint32_t
chan_request(struct chan *ch, void *arg)
{
	struct chan_pending *p;
	size_t i;

	if (ch->npending >= CHAN_MAX_PENDING)
		return 0;
	p = reallocarray(ch->pending, ch->npending + 1, sizeof(*p));
	if (p == NULL)
		return 0;
	ch->pending = p;
	/* never the number of a request that still waits */
	do {
		if (++ch->next_id == 0)
			ch->next_id = 1;
		for (i = 0; i < ch->npending; i++) {
			if (p[i].id == ch->next_id)
				break;
		}
	} while (i < ch->npending);
	p[ch->npending].id = ch->next_id;
	p[ch->npending].type = MSG_NONE;
	p[ch->npending].arg = arg;
	ch->npending++;
	return ch->next_id;
}

void
chan_forget(struct chan *ch, void *arg)
{
	size_t i;

	for (i = 0; i < ch->npending; i++) {
		if (ch->pending[i].arg == arg)
			ch->pending[i].arg = NULL;
	}
}

/* Finds the asker of a reply; false when nobody asked for such. */
static bool
chan_match_reply(struct chan *ch, struct imsg *im, bool last)
{
	size_t i;

	for (i = 0; i < ch->npending; i++) {
		if (ch->pending[i].id != im->id)
			continue;
		if (!msg_answers(im->type, ch->pending[i].type))
			return false;
		im->arg = ch->pending[i].arg;
		if (last)
			ch->pending[i] = ch->pending[--ch->npending];
		return true;
	}
	return false;
}

/* Of those that should have come some did. */
static void
drop_fds(struct imsg *im)
{
	close_fds(im->fds, im->nfds);
	im->nfds = 0;
}

/* There was no room here for its descriptors. 0: its handler is told so, and refuses
 * what was wanted (M_BARE); -1: it has no such handler. */
static int
check_lost(struct imsg *im, uint32_t type)
{
	static atomic_long told; /* the minute of the last one */
	long now = (long)(time(NULL) / 60);
	int i;

	if (type >= MSG_MAX || (msg_rows[type].flags & M_BARE) == 0 ||
	    msg_rows[type].fds[0] == '\0')
		return -1;
	im->nfds = (int)strlen(msg_rows[type].fds);
	for (i = 0; i < im->nfds; i++)
		im->fds[i] = -1;
	if (atomic_exchange(&told, now) != now)
		log_warnx("no room for the descriptors of %s: it is refused, "
			  "and so may others be in this minute",
		    msg_name(type));
	return 0;
}

/* recvmsg(2) into im and data: 1, 0 nothing there, -1 over or malformed. */
static int
chan_read(struct chan *ch, struct imsg *im, uint8_t *data, size_t *len)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * AGENTSH_MSG_FDS)];
	} control;
	struct iovec iov = { .iov_base = data, .iov_len = AGENTSH_MSG_MAX };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *cm;
	ssize_t n;
	size_t fdbytes;

	/* without room the kernel drops them, and nobody closes them here, which
	 * could wait for the server of a file system */
	if (!ch->takes_fds)
		mh.msg_control = NULL, mh.msg_controllen = 0;
	do {
		n = recvmsg(ch->fd, &mh, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	} while (n == -1 && errno == EINTR);
	if (n == -1 && errno == EAGAIN)
		return 0;
	if (n <= 0) {
		fail_errno(ch, n == 0 ? 0 : errno);
		return -1;
	}
	for (cm = CMSG_FIRSTHDR(&mh); cm != NULL; cm = CMSG_NXTHDR(&mh, cm)) {
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		fdbytes = cm->cmsg_len - CMSG_LEN(0);
		im->nfds = (int)(fdbytes / sizeof(int));
		memcpy(im->fds, CMSG_DATA(cm), fdbytes);
	}
	/* never acted upon; but whether there was room here for descriptors is
	 * nothing that the peer has done */
	if ((mh.msg_flags & MSG_TRUNC) != 0 ||
	    ((mh.msg_flags & MSG_CTRUNC) != 0 && im->nfds == AGENTSH_MSG_FDS)) {
		chan_fail(ch, "truncated message");
		return -1;
	}
	im->lost = (mh.msg_flags & MSG_CTRUNC) != 0;
	if (im->lost)
		drop_fds(im);
	*len = (size_t)n;
	return 1;
}

/* The gate, in full: NULL, or what is wrong with the message. */
static const char *
chan_check(struct chan *ch, struct imsg *im, const uint8_t *data, size_t len)
{
	const struct msg_row *row;
	const char *why;
	uint32_t header[4];
	int i;

	if (len < MSG_HEADER_LEN)
		return "short header";
	memcpy(header, data, MSG_HEADER_LEN);
	if (header[1] != 0 || header[3] != len)
		return "bad header";
	if (im->lost && check_lost(im, header[0]) == -1)
		return "truncated message";
	why = msg_gate(ch->me, ch->peer, ch->state, header[0],
	    len - MSG_HEADER_LEN, im->nfds);
	if (why != NULL)
		return why;
	im->type = (enum msg_type)header[0];
	im->id = header[2];
	row = &msg_rows[im->type];
	for (i = 0; i < im->nfds && !im->lost; i++) {
		if (!msg_fd_is(im->fds[i], row->fds[i]))
			return "kind of descriptor";
	}
	if ((row->flags & M_ONCE) != 0) {
		if ((ch->once[im->type / 8] & (1U << im->type % 8)) != 0)
			return "sent twice";
		ch->once[im->type / 8] |= (uint8_t)(1U << im->type % 8);
	}
	if ((row->flags & M_EVT) != 0 && im->id != 0)
		return "request id on an event";
	if ((row->flags & M_REQ) != 0 && im->id == 0)
		return "request without id";
	if ((row->flags & M_REP) != 0 &&
	    !chan_match_reply(ch, im, (row->flags & M_MORE) == 0))
		return "answer to no question";
	return NULL;
}

static int
chan_dispatch(struct chan *ch, struct imsg *im)
{
	const struct handler *h;

	for (h = ch->handlers; h != NULL && h->type != MSG_NONE; h++) {
		if (h->type == im->type)
			return h->fn(ch, im);
	}
	log_warnx("no handler for %s", msg_name(im->type));
	return -1;
}

/* Receives one message without waiting. */
static int
chan_receive(struct chan *ch)
{
	uint8_t data[AGENTSH_MSG_MAX];
	struct imsg im;
	const char *why;
	size_t len;
	int r;

	if (ch->closed)
		return -1;
	memset(&im, 0, sizeof(im));
	r = chan_read(ch, &im, data, &len);
	if (r == 1) {
		why = chan_check(ch, &im, data, len);
		if (why != NULL) {
			log_warnx("message from %s refused: %s",
			    role_name(ch->peer), why);
			r = -1;
		} else {
			log_trace(LOG_IPC, "recv %s id %u from %s",
			    msg_name(im.type), im.id, role_name(ch->peer));
			buf_read_from(&im.body, data + MSG_HEADER_LEN,
			    len - MSG_HEADER_LEN);
			if (chan_dispatch(ch, &im) == -1) {
				why = msg_name(im.type);
				r = -1;
			}
		}
		if (r == -1)
			chan_fail(ch, why);
	}
	close_fds(im.fds, im.nfds);
	return r;
}

int
chan_step(struct chan *ch, int timeout_ms)
{
	struct pollfd pfd = { .fd = ch->fd, .events = POLLIN };
	int r;

	r = chan_receive(ch);
	if (r != 0 || timeout_ms == 0)
		return r;
	r = poll(&pfd, 1, timeout_ms);
	if (r == -1 && errno != EINTR) {
		fail_errno(ch, errno);
		return -1;
	}
	return r <= 0 ? 0 : chan_receive(ch);
}

/* clang-format off */
#define MSG(N, n, from, to, d, st, fl, fields) \
int msg_send_##n(struct chan *ch, uint32_t id, const struct msg_##n *m, const int *fds) \
{ \
	struct buf b; \
	int r; \
	buf_init(&b, AGENTSH_MSG_MAX - MSG_HEADER_LEN); \
	msg_put_##n(&b, m); \
	r = chan_send(ch, MSG_##N, id, &b, fds); \
	buf_free(&b); \
	return r; \
}
#include "msg.def"
#undef MSG
/* clang-format on */
