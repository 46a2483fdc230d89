/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a question is answered, which frees it: dnsanswer.c.
 */
#ifndef DNSANSWER_H
#define DNSANSWER_H

#include "dns.h"

/* Denied by a rule. */
void dnsanswer_deny(struct dns_asked *, const struct net_ruling *);
/* By what netd does for nobody; note: with an event. */
void dnsanswer_refuse(struct dns_asked *, const char *reason, bool note);
/* Allowed, and without records, because of what was asked for. */
void dnsanswer_none(struct dns_asked *, const struct net_ruling *);
void dnsanswer_localhost(struct dns_asked *);
/* Is there a redirect, and was it answered by that? */
bool dnsanswer_redirected(struct dns_asked *);
/* By what stands for a name that an operator has to approve first. */
void dnsanswer_hold(struct dns_asked *, struct net_ruling *);
/* By what came back, or when nothing did. why: of the event, where it is not that
 * no server has answered, or NULL. */
void dnsanswer_reply(struct dns_asked *, const struct dns_reply *);
void dnsanswer_failed(struct dns_asked *, const char *why);

/* Before anything is known of who asks: by nothing else, or refused, as there is
 * too much of it. */
void dnsanswer_rcode(const struct dns_client *, const struct dns_query *,
    int rcode);
void dnsanswer_turn_away(struct dns *, const struct dns_client *,
    const struct dns_query *, enum dns_excess, uint64_t now);

#endif
