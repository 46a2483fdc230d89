/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations that an operator has to approve. Such an operation is refused by
 * decide.c like any other, and noted; where its refusal would be told to the
 * kernel it waits instead, with no name claimed and nothing of the host held. When
 * the operator has approved, it is done again from its beginning, so that
 * everything is decided anew by what is there then, and what was approved is one
 * thing that the rules may find allowed: that object, by that path, for those
 * operations, once.
 */
#ifndef APPROVE_H
#define APPROVE_H

#include "decide.h"
#include "record.h"

/* approve.c */
/* What an operator has approved of this thread's operation. */
bool approve_has(const struct ruling *, enum file_op, enum view,
    const char *path, size_t len, const char *rule);
/* Is it the object of an approval, but by another path? */
bool approve_is_moved(const struct ruling *, enum view, const char *path,
    size_t len);
/* Id of the request that let it through, or "". */
const char *approve_id(const struct ruling *);

/* The operation was stopped by a rule that wants it approved. Should it be
 * refused, its record is of that operation on that path. Copies all. */
void approve_note(enum event_type, const struct ruling *, enum file_op,
    const char *path, const struct extra *);
/* The operation is done: what was noted is about a look at what it has made,
 * which cannot be waited for by doing all of it again. */
void approve_late(void);
/* In place of EACCES. true: it is answered, or is to be done again. */
bool approve_settle(fuse_req_t);
/* Is the request that was just processed to be processed once more? */
bool approve_again(void);

/* approve_ask.c */
void approve_init(void);
/* Asks an operator for what the ruling is about, and waits. to_path: a second name
 * that the object would get, by op; or NULL. The outcome in *m, preset 0; an
 * interrupted wait is WITHDRAWN. */
void approve_ask(fuse_req_t, const struct actor *, const struct ruling *,
    enum file_op op, const char *to_path, struct msg_approval_answer *m);
int approve_on_pending(struct chan *, struct imsg *);
int approve_on_answer(struct chan *, struct imsg *);

#endif
