/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process has made of its last files. To give a file to the kernel costs
 * more than fsd's writing of a small one, and how large a new one becomes nobody
 * knows when it is opened: one that has made nothing but small ones for a while,
 * as what unpacks or copies a tree does, is taken to go on so. It is about speed
 * only. A number that another process has by now does no harm.
 */
#include <string.h>

#include "habit.h"

#define HABIT_SLOTS 256

struct habit {
	uint32_t pid;
	unsigned small; /* new files in a row */
};

static struct habit slots[HABIT_SLOTS];

static struct habit *
slot_of(uint32_t pid)
{
	return &slots[pid % HABIT_SLOTS];
}

bool
habit_is_small(uint32_t pid)
{
	const struct habit *h = slot_of(pid);

	return h->pid == pid && h->small >= HABIT_FILES;
}

void
habit_made(uint32_t pid, bool large)
{
	struct habit *h = slot_of(pid);

	if (h->pid != pid) {
		memset(h, 0, sizeof(*h));
		h->pid = pid;
	}
	if (large)
		h->small = 0;
	else if (h->small < HABIT_FILES)
		h->small++;
}
