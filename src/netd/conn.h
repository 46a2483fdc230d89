/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection out of a session, from its acceptance to its event, and what all
 * of a session have in common. conn.c is its life, confirm.c says whether it may
 * be, dial.c makes its other end, proxy.c hears those that name their own
 * destination.
 */
#ifndef CONN_H
#define CONN_H

#include <sys/queue.h>

#include <stdatomic.h>

#include "netdecide.h"
#include "inspect.h"
#include "netd.h"
#include "relay.h"
#include "resolve.h"
#include "tally.h"

#define ACCEPT_TURN 16 /* connections of one event */
#define RESUME_MS 100  /* when there was no descriptor or memory for one */

/* What a session's connections may be; times are in milliseconds. */
struct tcp_limits {
	size_t total;	   /* of all sessions, at one time */
	size_t conns;	   /* at one time */
	size_t waiting;	   /* of them, those that have no other end yet */
	uint64_t speak_ms; /* for a client that need not speak first */
	uint64_t hello_ms; /* for the whole of what says whom it is for */
	uint64_t dial_ms;  /* for the server to answer */
	uint64_t idle_ms;  /* without a byte either way */
	uint64_t half_ms;  /* the same, when one side has ended */
	uint64_t crowd_ms; /* to say whom it is for, where others wait */
	/* of the host's loopback, or 0: that of the API, which takes whoever a
	 * connection is of for its client, and here all are netd's */
	uint16_t api_port;
};

/* What a session can have too many of. */
enum tcp_excess {
	TCP_TOO_MANY,	  /* connections */
	TCP_TOO_MANY_NEW, /* that have no other end yet */
	TCP_TOO_MANY_DNS, /* for questions; they are refused */
	TCP_NO_ROOM,	  /* descriptors or memory of netd */
	TCP_LOST,	  /* whose destination is not known; they are refused */
	TCP_EXCESS_MAX
};

extern struct tcp_limits tcp_limits;
/* Connections that there are, of all sessions. */
extern atomic_size_t tcp_total;

enum conn_state {
	CONN_PROXY,   /* its destination is to be heard */
	CONN_LOOK,    /* whose is it, by its first bytes */
	CONN_RESOLVE, /* a look-up is under way */
	CONN_APPROVE, /* an operator is to say */
	CONN_DIAL,    /* the server is to answer */
	CONN_OPEN,
	CONN_DEAD /* waits to be written down */
};

/* How it says where it wants to go. */
enum conn_by {
	BY_ADDRESS, /* it was dialled */
	BY_CONNECT, /* HTTP's method */
	BY_REQUEST, /* HTTP's absolute form */
	BY_SOCKS
};

struct conn {
	TAILQ_ENTRY(conn) entry;
	struct relays *rs;
	struct nsess *s;
	enum conn_state state;
	enum conn_by by;
	struct relay relay;
	struct inspect in;
	struct event *timer;
	struct conn_ends ends;
	uint8_t addr[16]; /* where it wants to go */
	uint16_t port;
	char name[NET_NAME_MAX + 1]; /* that decides; "": there is none */
	/* the decision; its texts are ours, since policies come and go */
	struct net_ruling ruling;
	char *rule, *message;
	bool held;     /* its name is to be looked up when it may be */
	bool approved; /* by an operator */
	bool denied;
	bool answered; /* the client of a proxy knows what became of it */
	bool greeted;  /* by SOCKS */
	bool opened;   /* to the server */
	bool told; /* its event is written, and only its end is to be told */
	int error; /* of the connection to the server, or 0 */

	struct approve_wait *approval;
	int (*look)(void *); /* of the relay, when that is over */
	struct resolve_ask *resolve;
	struct event *dialling;
	int dial_fd;
	bool settled;		     /* where it goes */
	uint8_t to[RESOLVE_MAX][16]; /* addresses to try, from ato on */
	size_t ato, nto;
	uint16_t to_port;
	char *redirected; /* the place, or NULL */
	bool is_unix;	  /* it is a socket of the host */
	bool asked;	  /* execd, for that */
	uint64_t until, again_ms;
	bool silent; /* and the event does not tell it */
	bool retry;  /* without the redirect, when that fails */

	uint64_t born;
	struct whose_ask *ask;
	bool owned;
	struct owner *owner; /* NULL: not known */
	struct tally *tally; /* of its command; NULL: not known */
};

TAILQ_HEAD(conns, conn);

struct relays {
	struct nsess *s;
	struct conns conns;
	size_t n, nwaiting;
	struct event *accept[2], *accept_proxy, *resume;
	bool paused, failed, stopping;
	uint8_t self[2][16]; /* the addresses of the listeners */
	int nself;
	uint64_t noted[TCP_EXCESS_MAX]; /* when it was told; 0: never */
	struct whose_ask *lost;		/* whose a connection was, or NULL */
};

/* Takes fd, also on failure. proxy: the client will say where to. */
void conn_start(struct relays *, int fd, const struct conn_ends *, bool proxy);
/* Closes, writes its event down as far as it is known, and frees. */
void conn_free(struct conn *);
/* The end, by relay's rules: EPERM is a refusal. c may be gone afterwards. */
void conn_end(struct conn *, int error);
/* The client may be silent no more: it is refused. c may be gone afterwards. */
void conn_hurry(struct conn *);
/* Refuses; for the return of those who are asked by the relay: -1. */
int conn_refuse(struct conn *, const char *why);
/* It waits in this state, for so long. */
void conn_wait(struct conn *, enum conn_state, uint64_t ms);
/* The server answered (error 0) or none does. c may be gone afterwards. */
void conn_dialled(struct conn *, int fd, int error);
/* Where it goes is known: what it says there is looked at from now on. */
void conn_begin(struct conn *);
/* What the client has said is right: goes on. c may be gone afterwards. */
void conn_resume(struct conn *);
/* Tells a client of HTTP, as long as the server has said nothing. */
void conn_say(struct conn *, const char *status);
/* Has the bytes that are there looked at. 0 or -1. */
int conn_look(void *arg);
/* Keeps a copy. 0 or -1. */
int conn_rule(struct conn *, const struct net_ruling *);

/* confirm.c. May it go on, by its address and the names that were given for it?
 * 0 or -1. */
int confirm_address(struct conn *);
/* The same of one whose name is to be looked up when an operator was asked. */
int confirm_held(struct conn *, const char *name);
/* What the rules say to it as it is. */
void confirm_decide(struct conn *, struct net_ruling *);
/* The client has named its server: the same, by that name, or by the address that
 * it is the text of; NULL: of none. 0; 1: a look-up is under way, and conn_resume
 * or conn_end comes; or -1. */
int confirm_said(struct conn *, const char *name, const uint8_t *addr);

/* Is it allowed, or can an operator allow it? */
bool confirm_may(const struct net_ruling *);

/* allow.c. An operator is asked, and its end begins when he approves. 0 or -1. */
int allow_ask(struct conn *);
/* Whose it is is known now. c may be gone afterwards. */
void allow_owned(struct conn *);
/* It has waited for as long as conn_wait said. 0: it goes on, or -1. */
int allow_waits(struct conn *);

/* dial.c. Settles where it goes, and begins. 0 or -1. */
int dial_start(struct conn *);
/* What dial_start does, when what it needs was approved. */
int dial_approved(struct conn *);
void dial_stop(struct conn *);
/* What is dialled at last: fd, or an errno. c may be gone afterwards. */
void dial_answered(struct conn *, int fd, int error);
/* Would a connection to name be sent elsewhere? */
bool dial_redirects(struct conn *, const char *name);
/* "" or a place as a policy writes it. */
void conn_place(const char *name, const uint8_t addr[16], uint16_t port,
    char text[NET_NAME_MAX + 8]);

/* dialunix.c: has execd connect to the socket that c->redirected names, and tells
 * dial_answered, never from within. */
void dialunix_start(struct conn *);
void dialunix_stop(struct conn *);

/* proxy.c: looks at what a client wants of it. 0 or -1. */
int proxy_look(void *arg);
/* The same of a request of HTTP. 0, 1: later, or -1. */
int proxy_request(struct conn *);
/* Tells the client of the proxy that it is through, or that it is not, because it
 * is refused or nobody answers; and goes on. 0 or -1. */
int proxy_answer(struct conn *, bool refused, bool through);

/* tcp.c: the numbers of connections have changed. */
void tcp_count(struct relays *);
/* Has a session that has n of the connections half of what the others leave? Then
 * the rest is theirs. Those of published ports count as well. */
bool tcp_has_half(size_t n);
/* The session cannot be written down any more: nothing of it goes on. */
void tcp_fail(struct relays *);

#endif
