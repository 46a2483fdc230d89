/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What execd, fsd and netd say of a request for an operator's approval: the same
 * events and the same words, whoever asks.
 */
#ifndef APPROVAL_H
#define APPROVAL_H

#include "event.h"
#include "msg.h"

/* The event of a wait that begins. id: of the request. */
void approval_event_asked(struct buf *, const struct msg_approval_ask *,
    const char *id, uint64_t timeout_ms);
/* That it is over. */
void approval_event_answered(struct buf *, const struct msg_approval_ask *,
    const struct msg_approval_answer *);
/* Why it was not let go on, in words for who asked; "" when it was. */
void approval_describe(char *dst, size_t size,
    const struct msg_approval_answer *);

#endif
