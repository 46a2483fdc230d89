/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process has made of its last files. To give a file to the kernel costs
 * more than fsd's writing of a small one, and how large a new one becomes nobody
 * knows when it is opened: one that makes nothing but small ones, one after the
 * other, as what unpacks or copies a tree does, is taken to go on so. It is about
 * speed only. A number that another process has by now does no harm.
 */
#include <string.h>

#include "habit.h"

#define HABIT_SLOTS 256

struct habit {
	uint32_t pid;
	unsigned small; /* new files in a row */
	uint64_t at;	/* the last one */
};

static struct habit slots[HABIT_SLOTS];

static struct habit *
slot_of(uint32_t pid)
{
	return &slots[pid % HABIT_SLOTS];
}

bool
habit_is_small(uint32_t pid, uint64_t now)
{
	const struct habit *h = slot_of(pid);

	return h->pid == pid && h->small >= HABIT_FILES &&
	    now - h->at < HABIT_MS;
}

void
habit_made(uint32_t pid, uint64_t now, bool large)
{
	struct habit *h = slot_of(pid);

	if (h->pid != pid || now - h->at >= HABIT_MS) {
		memset(h, 0, sizeof(*h));
		h->pid = pid;
	}
	h->at = now;
	if (large)
		h->small = 0;
	else if (h->small < HABIT_FILES)
		h->small++;
}
