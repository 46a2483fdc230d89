/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main thread's side of the sessions: what agentshd says of them, and how they
 * come to a worker and go from it.
 */
#ifndef SESS_H
#define SESS_H

#include "chan.h"

/* The loops of all threads, workers as many as there are processors, before the
 * sandbox is closed. The main thread's, which the caller is to run. */
struct event_base *sess_init(void);
/* After it was closed. */
void sess_start_workers(void);

struct nsess;

/* Has fn called in the session's worker, or, where it is not served (any more),
 * with NULL, in that or in the main thread. */
void sess_call(uint64_t number, void (*fn)(struct nsess *, void *arg),
    void *arg);
/* From there: has fn called in the main thread. */
void sess_answer(void (*fn)(void *arg), void *arg);

int sess_on_net_open(struct chan *, struct imsg *);
int sess_on_net_dialled(struct chan *, struct imsg *);
int sess_on_net_listen(struct chan *, struct imsg *);
int sess_on_net_refused(struct chan *, struct imsg *);
int sess_on_net_inward(struct chan *, struct imsg *);
int sess_on_net_ring(struct chan *, struct imsg *);
int sess_on_net_start(struct chan *, struct imsg *);
int sess_on_net_close(struct chan *, struct imsg *);
int sess_on_policy_prepare(struct chan *, struct imsg *);
int sess_on_policy_commit(struct chan *, struct imsg *);
int sess_on_policy_abandon(struct chan *, struct imsg *);

#endif
