/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that an operator has to approve: policyd is asked, and who wants to
 * connect waits. An answer lets nothing go on by itself: the connection is decided
 * once more, as the policy can have changed meanwhile.
 */
#ifndef NETD_APPROVE_H
#define NETD_APPROVE_H

#include "msg.h"
#include "netd.h"

struct approve_wait;

struct approve_what {
	const char *place; /* host:port, or an address and a port */
	const struct verdict *v;
	const struct owner *owner;
};

/* Called once, never from within approve_ask. */
typedef void (*approve_cb)(void *arg, const struct msg_approval_answer *);

/* NULL: nobody was asked, and *no says why it is refused. */
struct approve_wait *approve_ask(struct nsess *, const struct approve_what *,
    approve_cb, void *arg, struct msg_approval_answer *no);
/* Nobody waits any more; the callback is not called. */
void approve_forget(struct approve_wait *);
int approve_on_pending(struct chan *, struct imsg *);
int approve_on_answer(struct chan *, struct imsg *);

#endif
