/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netd's own interfaces. A session belongs to one worker, a thread with an event
 * loop of its own, from its start to its end: everything that has to do with it
 * runs there, and nothing of it is locked.
 *
 * Addresses are 16 bytes in network byte order, those of IPv4 as mapped ones
 * (::ffff:a.b.c.d, RFC 4291); ports are in host byte order; names are in lower
 * case, without the final dot, at most NET_NAME_MAX bytes.
 */
#ifndef NETD_H
#define NETD_H

#include <sys/queue.h>

#include <event2/event.h>

#include "image.h"
#include "netdecide.h"
#include "proc.h"
#include "ring.h"
#include "steer.h"

#define DNS_PORT 53

struct dns_conf;

struct netd {
	struct proc p; /* conf is for all threads, the rest the main one's */
	const struct dns_conf *dns_conf;
};

extern struct netd netd;

/* The listening sockets of a session; privd made them in its namespace. */
enum net_listener {
	NET_TCP4,
	NET_TCP6,
	NET_UDP4,
	NET_UDP6,
	NET_LISTENERS
};

struct chan;
struct imsg;
struct held;
struct names;
struct relays;
struct dns;
struct share;
struct whose;
struct refused;
struct inward;
struct publish;

struct nsess {
	uint64_t number;
	uint32_t uid;
	char id[AGENTSH_ID_MAX + 1];
	struct event_base *base; /* of its worker */
	enum steer steer;	 /* how what it dials gets here; _AUTO: hooks */
	struct image image;	 /* in force; changed between operations, and
				      * what was in force stays mapped to the end */
	struct ring ring;	 /* of its events */
	int listener[NET_LISTENERS];   /* -1: the host has not that family */
	int proxy_fd;		       /* listens for clients of a proxy */
	int diag_fd;		       /* NETLINK_SOCK_DIAG of its namespace */
	int refused_fd;		       /* nfnetlink_log of it, or -1 */
	int inward_fd[2][2];	       /* inward.c, of IPv4 and IPv6; or -1 */
	const struct dialled *dialled; /* NULL: it has a namespace */
	bool has_ipv6; /* of the host: AAAA is worth answering */
	const struct dns_conf *dns_conf; /* netd.dns_conf */
	struct chan *execd, *policyd;	 /* their arg is this */
	struct share *share;		 /* share.c */
	struct names *names;		 /* names.c */
	struct held *held;		 /* held.c */
	struct dns *dns;		 /* dns.c */
	struct relays *relays;		 /* tcp.c */
	struct whose *whose;		 /* whose.c */
	struct refused *refused;	 /* refused.c */
	LIST_HEAD(, tally) tallies;	 /* tally.c */
	struct inward *inward;		 /* inward.c */
	struct publish *publish;	 /* publish.c; NULL: nothing ever was */
};

/* sess.c: the session cannot be served, or not be logged, and is to end. Its
 * parts are stopped soon, but not before the caller has returned to the loop. */
void nsess_fail(struct nsess *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* hostaddr.c: the host's addresses are known from now on. Fatal on failure. */
void hostaddr_start(struct event_base *);
/* Is it the host itself that has this address, by whatever route, and not somebody
 * that it would send to? Any thread; true also when that cannot be asked. */
bool hostaddr_answers(const uint8_t addr[16]);

/* The ends of a connection that was accepted. */
struct conn_ends {
	uint8_t peer[16], addr[16]; /* addr and port: where it was to go */
	uint16_t peer_port, port;
	/* where it arrived, which is the same where there is a namespace */
	uint8_t local[16];
	uint16_t local_port;
};

/* dns.c: begins to answer on the UDP sockets. 0 or -1. A TCP connection to
 * port 53, whose fd does not block, is given to dns_take, which owns it from
 * then on; -1: it was closed, there are too many. */
int dns_start(struct nsess *);
int dns_take(struct nsess *, int fd, const struct conn_ends *);
void dns_stop(struct nsess *);

/* dest.c: where a connection, which was accepted, was to go; by it, not by
 * getsockname(2), whatever way it came. peer is filled in already. Who came to the
 * proxy wanted no other address. 0, or -1: it is not known, or the connection is
 * none of the session; where there is no namespace local is filled in all the same.
 */
int dest_of(const struct nsess *, int fd, bool proxy, struct conn_ends *);

/* tcp.c: what the configuration says, for all sessions; once, before all. */
void tcp_configure(const struct conf *);
/* Begins to accept. 0 or -1. tcp_proxy: the same for clients of a proxy on a
 * listening socket of the session, which stays the caller's. */
int tcp_start(struct nsess *);
int tcp_proxy(struct nsess *, int fd);
void tcp_stop(struct nsess *);

/* dialled.c: the table of a session without a namespace. NULL: cannot be had. */
struct dialled;
struct sockdiag_end;
const struct dialled *dialled_map(int fd);
void dialled_unmap(const struct dialled *);
/* Where the socket with these ends wanted to go. 0, or -1: it is none of the
 * session. */
int dialled_find(const struct nsess *, int proto,
    const struct sockdiag_end *own, const struct sockdiag_end *far,
    uint8_t addr[16], uint16_t *port);

/* whose.c: who owns the socket at this end of a connection or query. */
struct owner {
	uint32_t pid;	 /* as the session sees it; 0: not known */
	uint64_t number; /* of the command; 0: not known */
	char command[AGENTSH_CMDID_MAX + 1];
	char exe[AGENTSH_PATH_MAX + 1]; /* "" when not known */
};
typedef void (*whose_cb)(void *arg, const struct owner *);
struct whose_ask;
/* proto: IPPROTO_TCP or IPPROTO_UDP. cb is called exactly once, also when nobody
 * is found. NULL: it was called already. */
struct whose_ask *whose_ask(struct nsess *, int proto, const uint8_t src[16],
    uint16_t sport, const uint8_t dst[16], uint16_t dport, whose_cb, void *arg);
/* Is that socket still somebody's? */
bool whose_has(struct nsess *, int proto, const uint8_t src[16], uint16_t sport,
    const uint8_t dst[16], uint16_t dport);
/* cb is not called any more. */
void whose_forget(struct whose_ask *);
int whose_start(struct nsess *);
/* execd is gone: nobody is found any more. */
void whose_lost(struct nsess *);
int whose_on_net_owner(struct chan *, struct imsg *);
int whose_on_net_sync(struct chan *, struct imsg *);
int whose_on_net_forget(struct chan *, struct imsg *);
void whose_stop(struct nsess *);

/* refused.c: hears what the namespace refuses, where the kernel tells of it. 0 or
 * -1. refused_look takes now what has come. */
int refused_start(struct nsess *);
void refused_look(struct nsess *);
void refused_stop(struct nsess *);

#endif
