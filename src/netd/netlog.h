/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events of the network: dns_query, net_connect, net_accept, net_close,
 * net_refused, net_limit, port_publish.
 */
#ifndef NETLOG_H
#define NETLOG_H

#include "netdecide.h"
#include "netd.h"

struct net_query_event {
	const struct owner *owner;
	const char *name, *type;   /* "A" or such */
	const char *const *answer; /* as text */
	size_t nanswer;
	const struct net_ruling *ruling;
	bool allowed;		/* what was done */
	const char *error;	/* NXDOMAIN or such, or NULL */
	const char *redirected; /* address of a dns redirect, or NULL */
};

struct net_connect_event {
	const struct owner *owner;
	const uint8_t *addr;
	uint16_t port;
	const char *domain;	       /* the name that decided, or NULL */
	const char *sni, *alpn, *host; /* NULL: there was none */
	const char *redirected;	       /* where it was sent instead, or NULL */
	const char *redirected_unix; /* a socket of the host instead, or NULL */
	const struct net_ruling *ruling;
	bool allowed;
	const char *error; /* of the host's connect, or NULL */
	uint64_t bytes_sent, bytes_received, duration_ms;
};

/* Packets of which none went out. */
struct net_refused_event {
	const struct owner *owner; /* NULL: of several, or not known */
	const uint8_t *addr;	   /* NULL: of several */
	uint16_t port;		   /* 0: has none */
	uint8_t proto;		   /* IPPROTO_UDP or such */
	uint64_t count;
	bool incomplete; /* there were more */
};

struct net_accept_event {
	const uint8_t *peer; /* the client, of the host */
	uint16_t peer_port;
	const char *published; /* where it is published, as text */
	uint16_t port;	       /* of the session */
	const char *error;     /* or NULL */
	uint64_t bytes_sent, bytes_received, duration_ms;
};

/* All wait while the ring is full. 0, or -1: the session is to end. A connection
 * is told of when it is decided about and made, or refused, or failed; and the one
 * that was made once more when it has ended, with what follows `error`. */
int netlog_query(struct nsess *, const struct net_query_event *);
int netlog_connect(struct nsess *, const struct net_connect_event *);
int netlog_close(struct nsess *, const struct net_connect_event *);
int netlog_refused(struct nsess *, const struct net_refused_event *);
/* The session has as much as it may have, and more waits, or is refused. */
int netlog_limit(struct nsess *, const char *reason, bool refused);
/* The same of a client of a published port: when it is connected to the server
 * in the session, or is not, and when that has ended. */
int netlog_accept(struct nsess *, const struct net_accept_event *);
int netlog_accept_close(struct nsess *, const struct net_accept_event *);
/* A port is published (or was to be: error), or not any more. */
int netlog_publish(struct nsess *, bool on, const char *published,
    uint16_t port, const char *error);

#endif
