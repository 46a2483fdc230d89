/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each command of a session has had of connections, until no process of it
 * is left.
 */
#ifndef TALLY_H
#define TALLY_H

#include "netd.h"

struct tally {
	LIST_ENTRY(tally) entry;
	uint64_t command;
	size_t nusers; /* connections of it, which have this */
	bool over;     /* nobody will ask for it any more */
	uint64_t connections, denied, sent, received;
};

/* Of a command, for one more user. NULL without memory. */
struct tally *tally_use(struct nsess *, uint64_t command);
/* One user less, which may be the last. NULL is none. */
void tally_leave(struct tally *);
/* What is known of it, with what connections that are open have had so far. */
void tally_read(const struct nsess *, uint64_t command, struct tally *sum);
/* Nothing of the command is left. */
void tally_forget(struct nsess *, uint64_t command);
/* The same, of all; there are no users. */
void tally_stop(struct nsess *);

#endif
