/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published ports: sockets of the host that netd listens on for the owner of a
 * session, and what its clients are connected to, a server in the session.
 * ports.c hears sessiond, publish.c listens, inbound.c is the life of a
 * connection.
 */
#ifndef PUBLISH_H
#define PUBLISH_H

#include <sys/queue.h>

#include "chan.h"
#include "ipport.h"
#include "netd.h"

#define PUBLISH_MAX 32 /* ports of a session */
#define PUBLISH_LEAST_PORT 1024

struct inbound;

struct published {
	TAILQ_ENTRY(published) entry;
	struct nsess *s;
	uint8_t addr[16];
	uint16_t host_port, port;
	char text[IPPORT_TEXT]; /* of addr and host_port */
	int fd;
	struct event *accept;
	size_t nconns;
};

struct publish {
	TAILQ_HEAD(, published) all;
	TAILQ_HEAD(, inbound) conns;
	size_t nports, nconns;
	struct event *resume;
	bool paused, failed;
};

/* What an answer to sessiond says. */
struct port_answer {
	uint32_t status; /* of HTTP */
	char message[AGENTSH_TEXT_MAX + 1];
	struct {
		uint8_t addr[16];
		uint16_t host_port, port;
		uint32_t nconns;
	} row[PUBLISH_MAX];
	size_t nrows;
};

/* publish.c; in the session's worker. */
/* host_port 0: any that is free. */
void publish_add(struct nsess *, const uint8_t addr[16], uint16_t host_port,
    uint16_t port, struct port_answer *);
/* Its connections end as well. */
void publish_remove(struct nsess *, const uint8_t addr[16], uint16_t host_port,
    struct port_answer *);
void publish_list(struct nsess *, struct port_answer *);
void publish_stop(struct nsess *);
/* The number of connections has changed. */
void publish_count(struct publish *);
/* Nothing more can be written down. */
void publish_fail(struct nsess *);

/* inbound.c: takes fd; it goes on from the loop. */
void inbound_start(struct published *, int fd, const uint8_t peer[16],
    uint16_t peer_port);
/* Those of one port. */
void inbound_end(struct nsess *, const struct published *);

/* ports.c */
int ports_on_port_publish(struct chan *, struct imsg *);
int ports_on_port_unpublish(struct chan *, struct imsg *);
int ports_on_port_list(struct chan *, struct imsg *);

#endif
