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

int sess_on_net_open(struct chan *, struct imsg *);
int sess_on_net_dialled(struct chan *, struct imsg *);
int sess_on_net_listen(struct chan *, struct imsg *);
int sess_on_net_refused(struct chan *, struct imsg *);
int sess_on_net_ring(struct chan *, struct imsg *);
int sess_on_net_start(struct chan *, struct imsg *);
int sess_on_net_close(struct chan *, struct imsg *);
int sess_on_policy_prepare(struct chan *, struct imsg *);
int sess_on_policy_commit(struct chan *, struct imsg *);
int sess_on_policy_abandon(struct chan *, struct imsg *);

#endif
