/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decisions about names and destinations, as a session's network makes them and
 * agentsh policy test tells of them: the rules of the session's image, and the
 * classes of addresses (addrclass.def) that nothing but a rule with cidrs opens.
 *
 * Addresses are 16 bytes in network byte order, those of IPv4 as mapped ones
 * (::ffff:a.b.c.d, RFC 4291); ports are in host byte order.
 */
#ifndef NETDECIDE_H
#define NETDECIDE_H

#include "image.h"

#define NET_NAME_MAX 253 /* RFC 1035 without the final dot */

struct net_ruling {
	struct verdict v;   /* decision: what is to be done */
	enum decision said; /* what the rule says, for the event */
	const char *reason; /* static words for the event; NULL: the rule's */
};

/* Has an operator to be asked before a name is looked up, which decide_name let
 * happen? */
static inline bool
net_ruling_asks(const struct net_ruling *r)
{
	return r->said == DECISION_APPROVE && r->v.decision == DECISION_ALLOW;
}

/* AUDIT does. All else is a denial, but for APPROVE, which only decide_connect
 * says: then an operator may still allow it. */
static inline bool
net_ruling_allows(const struct net_ruling *r)
{
	return r->v.decision == DECISION_ALLOW ||
	    r->v.decision == DECISION_AUDIT;
}

/* May the name be looked up: can a connection to it, on any port, be had? What
 * is no name of a host, an address in whatever spelling too, may not. See
 * net_ruling_asks. */
void decide_name(const struct image *, const char *name, struct net_ruling *);
/* May this answer to a look-up be given, and used? */
void decide_answer(const struct image *, const char *name,
    const uint8_t addr[16], struct net_ruling *);
/* name: NULL for an address that was given for none; then a rule has to have
 * cidrs, or no selector at all. */
void decide_connect(const struct image *, const char *name,
    const uint8_t addr[16], uint16_t port, struct net_ruling *);
/* The same of an address that has turned out to be the host's own. */
void decide_own(const struct image *, const char *name, const uint8_t addr[16],
    uint16_t port, struct net_ruling *);

/* The class of an address that is refused, "metadata" or such, or NULL; of forms
 * that carry an IPv4 address (mapped, translated, tunnelled) it is that one's.
 * Before the host's addresses were read, every address is refused ("host"). */
const char *addr_class(const uint8_t addr[16]);
/* Reads the host's own addresses, which are a class; to be called again when
 * they changed, by any thread. 0, or -1 with errno: every address is refused. */
int decide_host_addresses(void);

#endif
