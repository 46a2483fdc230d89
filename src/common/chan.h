/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel: one end of a SOCK_SEQPACKET socketpair between two processes, as
 * chan.def lists them. The far role is fixed when the channel is made; nothing
 * a peer writes can change it. Every message passes the gate before a handler
 * sees it; a violation is logged and ends the channel.
 *
 * chan.c uses poll only; chan_event.c ties a channel to libevent.
 */
#ifndef CHAN_H
#define CHAN_H

#include <sys/queue.h>
#include <sys/socket.h>

#include "msg.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

#define CHAN_MAX_PENDING 4096 /* requests without answer */
#define CHAN_MAX_QUEUE 4096   /* messages that the peer has not read */

struct chan;
struct chan_out;
struct event;
struct event_base;

/* 0, or -1: the peer broke the rules, end the channel. Descriptors not taken
 * by imsg_take_fd are closed after the handler. */
typedef int (*chan_handler)(struct chan *, struct imsg *);

struct handler {
	enum msg_type type;
	chan_handler fn;
};

struct chan_pending {
	uint32_t id;
	enum msg_type type; /* of what was sent; NONE: nothing so far */
	void *arg;
};

struct chan {
	int fd;
	enum role me;
	enum role peer;
	enum msg_state state;		/* what may be received now */
	bool takes_fds;			/* msg.def has rows that bring some */
	const struct handler *handlers; /* ends with type MSG_NONE */
	/* Called once when the channel is over, by EOF or violation. It must
	 * not free the channel: whoever called into it is still there. */
	void (*on_close)(struct chan *, const char *why);
	/* Called when the last queued message was written: who has more to say
	 * than the queue may hold goes on then. May send; must not free. */
	void (*on_drained)(struct chan *);
	void *arg; /* the owner's */

	uint32_t next_id;
	struct chan_pending *pending;
	size_t npending;
	uint8_t once[(MSG_MAX + 7) / 8];
	STAILQ_HEAD(, chan_out) queue;
	size_t nqueue;
	bool closed;
	bool peer_gone; /* that is why: it has closed its end, or died */
	struct event *ev_read;
	struct event *ev_write;
};

/* Both ends, close-on-exec and non-blocking. 0 or -1 with errno. */
int chan_pair(int fds[2]);
/* The same: a's end and b's. Where msg.def has no message that brings descriptors
 * none can be sent (Linux 6.16): who closes what another has opened may have to
 * wait. */
int chan_join(enum role a, enum role b, int fds[2]);
/* Takes fd. NULL on lack of memory. */
struct chan *chan_new(int fd, enum role me, enum role peer,
    const struct handler *, void *arg);
/* Closes the descriptor and frees; pending arguments are the caller's. */
void chan_free(struct chan *);

/*
 * Sends one message; descriptors are duplicated where they have to wait, and
 * stay the caller's. Returns 0, or -1 when the channel is over: the owner
 * hears of it through on_close. id 0 for events.
 */
int chan_send(struct chan *, enum msg_type, uint32_t id, const struct buf *body,
    const int *fds);
/* A new request id that remembers arg; 0 when too many are pending. */
uint32_t chan_request(struct chan *, void *arg);
/* Drops what a request remembered (its asker went away). */
void chan_forget(struct chan *, void *arg);

/*
 * Receives and handles one message, waiting for at most timeout_ms (-1: for
 * ever). 1 handled, 0 nothing came, -1 the channel is over.
 */
int chan_step(struct chan *, int timeout_ms);
/* Writes queued messages: 0 all written, 1 some left, -1 over. */
int chan_flush(struct chan *);
/* Waits until the queue is written or the time is up. */
int chan_drain(struct chan *, int timeout_ms);
/* What all is sent by; sendmsg(2), unless the process has a reason. */
extern ssize_t (*chan_sendmsg)(int, const struct msghdr *, int);
/* Ends the channel now (calls on_close once). */
void chan_fail(struct chan *, const char *why);

/* chan_event.c: handle messages from base's loop from now on. */
int chan_watch(struct chan *, struct event_base *);
void chan_watch_writable(struct chan *);
void chan_unwatch(struct chan *);

/* clang-format off */
/* msg_send_X(channel, id, &message, descriptors): as chan_send. */
#define MSG(N, n, from, to, fds, st, fl, fields) \
	int msg_send_##n(struct chan *, uint32_t id, const struct msg_##n *, const int *fd);
#include "msg.def"
#undef MSG
/* clang-format on */

#endif
