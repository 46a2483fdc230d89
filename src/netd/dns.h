/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dns.c (datagrams), dnsconn.c (connections), dnsask.c (the life of a
 * question) and dnsanswer.c (how it ends) share.
 */
#ifndef DNS_H
#define DNS_H

#include <sys/queue.h>
#include <sys/socket.h>

#include "netdecide.h"
#include "dnsbudget.h"
#include "dnsmsg.h"
#include "netd.h"
#include "resolver.h"

struct conf;
struct dns_conn;
struct dns_kept;

/* What the configuration says, for all sessions. */
struct dns_conf {
	struct dns_upstream upstream;
	struct dns_limits limits;
	uint64_t idle_ms; /* of a connection */
};

/* resolv: the text of resolv.conf(5), for a configuration without servers. 0, or
 * -1: the configuration's are malformed. */
int dns_configure(struct dns_conf *, const struct conf *, const char *resolv);

/* Who asked, and how the answer gets there. */
struct dns_client {
	struct dns_conn *conn; /* NULL: by a datagram */
	bool gone;	       /* nobody waits for the answer */
	int fd;
	struct sockaddr_storage peer;
	socklen_t peer_len;
	/* the address that was asked, which the answer has to come from */
	uint8_t control[CMSG_SPACE(32)] __attribute__((aligned(8)));
	size_t control_len;
	uint8_t src[16], dst[16];
	uint16_t sport, dport;
};

/* A question of a client that was not answered so far. */
struct dns_asked {
	TAILQ_ENTRY(dns_asked) entry;
	TAILQ_ENTRY(dns_asked) waiting; /* of pending */
	struct dns *dns;
	struct dns_pending *pending;
	struct whose_ask *whose;
	bool owned; /* owner is as good as it gets */
	/* the look-up came back before that, with this, or NULL: it failed */
	bool answered;
	struct dns_shared *reply;
	struct dns_client client;
	struct dns_query q;
	struct owner owner;
};

TAILQ_HEAD(dns_askeds, dns_asked);

/* A reply, of all who have asked for it. */
struct dns_shared {
	size_t users;
	struct dns_reply *reply;
};

/* A look-up upstream, and who wait for it. */
struct dns_pending {
	TAILQ_ENTRY(dns_pending) entry;
	struct dns *dns;
	struct lookup *lookup;
	struct dns_askeds waiting;
	uint16_t type;
	char name[NET_NAME_MAX + 1];
};

TAILQ_HEAD(dns_conns, dns_conn);

struct dns {
	struct nsess *s;
	struct event *udp[2];
	uint16_t udp_port[2];
	struct dns_budget *budget;
	struct dns_kept *kept;
	struct dns_askeds asked;
	size_t nasked;
	TAILQ_HEAD(, dns_pending) pending;
	size_t npending;
	struct dns_conns conns;
	size_t nconns;
	TAILQ_HEAD(, resolve_ask) resolving;
	size_t nresolving;
	bool ending; /* nothing is looked up any more, nor waited for */
};

/* dns.c: to who asked, however that was. len 0: nothing is to be said. */
void dns_send(const struct dns_client *, const uint8_t *msg, size_t len);

/* dnsconn.c */
void dnsconn_send(struct dns_conn *, const uint8_t *msg, size_t len);
void dnsconn_stop(struct dns *);

/* dnsask.c: answers at once, or later. */
void dnsask_hear(struct dns *, const uint8_t *msg, size_t len,
    const struct dns_client *);
/* One user less; NULL is none. */
void dnsask_release(struct dns_shared *);
/* The client is gone. What it has asked goes on without an answer, as the name may
 * be upstream already, and is written down. */
void dnsask_forget(struct dns *, const struct dns_conn *);
/* What is under way, also at name servers, ends now, and is written down. */
void dnsask_stop(struct dns *);

/* dnsanswer.c. Is an alias one that the policy denies by a rule that is about it?
 * One that denies all that no other rule names is not: a name that is allowed may
 * be kept anywhere. */
bool dns_alias_denied(const struct image *, const char *name,
    struct net_ruling *);

/* resolve.c */
void dnsresolve_stop(struct dns *);

#endif
