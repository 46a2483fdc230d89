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

#include <event2/event.h>

#include "image.h"
#include "proc.h"
#include "ring.h"

#define NET_NAME_MAX 253 /* RFC 1035 without the final dot */

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
struct whose;

struct nsess {
	uint64_t number;
	uint32_t uid;
	char id[AGENTSH_ID_MAX + 1];
	struct event_base *base; /* of its worker */
	struct image image;	 /* in force; changed between operations, and
				      * what was in force stays mapped to the end */
	struct ring ring;	 /* of its events */
	int listener[NET_LISTENERS]; /* -1: the host has not that family */
	int proxy_fd;		     /* listens for clients of a proxy */
	int diag_fd;		     /* NETLINK_SOCK_DIAG of its namespace */
	bool has_ipv6;		     /* of the host: AAAA is worth answering */
	const struct dns_conf *dns_conf; /* netd.dns_conf */
	struct chan *execd, *policyd;	 /* their arg is this */
	struct names *names;		 /* names.c */
	struct held *held;		 /* held.c */
	struct dns *dns;		 /* dns.c */
	struct relays *relays;		 /* tcp.c */
	struct whose *whose;		 /* whose.c */
};

/* sess.c: the session cannot be served, or not be logged, and is to end. Its
 * parts are stopped soon, but not before the caller has returned to the loop. */
void nsess_fail(struct nsess *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* hostaddr.c: the host's addresses are known from now on. Fatal on failure. */
void hostaddr_start(struct event_base *);

/* dns.c: begins to answer on the UDP sockets. 0 or -1. A TCP connection to
 * port 53, whose fd does not block, is given to dns_take, which owns it from
 * then on. */
int dns_start(struct nsess *);
void dns_take(struct nsess *, int fd, const uint8_t peer[16],
    uint16_t peer_port);
void dns_stop(struct nsess *);

/* tcp.c: begins to accept. 0 or -1. tcp_proxy: the same for clients of a proxy on
 * a listening socket of the session, which stays the caller's. */
int tcp_start(struct nsess *);
/* Once, before all. */
void tcp_configure(const struct conf *);
int tcp_proxy(struct nsess *, int fd);
void tcp_stop(struct nsess *);

/* whose.c: who owns the socket at this end of a connection or query. */
struct owner {
	uint32_t pid; /* as the session sees it; 0: not known */
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
void whose_stop(struct nsess *);

#endif
