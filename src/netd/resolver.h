/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Look-ups at the host's name servers, from the host's network: one question,
 * one answer. Nothing is kept from one to the next.
 */
#ifndef RESOLVER_H
#define RESOLVER_H

#include "dnsmsg.h"

#define DNS_SERVERS_MAX 3

struct dns_server {
	uint8_t addr[16];
	uint16_t port;
};

struct dns_upstream {
	struct dns_server server[DNS_SERVERS_MAX];
	size_t n;
	uint64_t timeout_ms; /* for all tries of a look-up */
};

/* The first servers of resolv.conf(5), as text. */
void resolver_read(struct dns_upstream *, const char *text);
/* Those of the configuration's list, with a space between two. 0 or -1. */
int resolver_parse(struct dns_upstream *, const char *list);

struct lookup;
/* reply: NULL when no server answered in time; the receiver's to free, as
 * dnsmsg_reply_free() and free(). */
typedef void (*lookup_cb)(void *arg, struct dns_reply *reply);

/* cb is called once, but never before this has returned. up is to stay until
 * then. NULL: out of memory, or name is none. */
struct lookup *resolver_ask(struct event_base *, const struct dns_upstream *up,
    const char *name, uint16_t type, lookup_cb cb, void *arg);
/* cb is not called any more. */
void resolver_forget(struct lookup *);

#endif
