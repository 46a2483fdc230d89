/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is let execute stops again very soon, for us to look at its program. The
 * kernel would wake us up on a processor that is idle then, and who waits for us
 * goes on somewhere else in turn: to wake up an idle processor takes longer than
 * what we do. So the main thread waits for that on the processor on which it has
 * answered, and on which the kernel lets who asked go on. It is free again when
 * it has been woken up once, whatever for.
 */
#include <sched.h>
#include <stdbool.h>

#include "log.h"
#include "near.h"

static struct {
	bool works;
	cpu_set_t all; /* that we may run on */
} near;

enum stay {
	STAY_NOT,
	STAY_NEXT, /* while it sleeps next */
	STAY_LAST  /* it was set for the sleep that is over */
};

static _Thread_local enum stay stay;

void
near_init(void)
{
	near.works = sched_getaffinity(0, sizeof(near.all), &near.all) == 0 &&
	    CPU_COUNT(&near.all) > 1;
}

/* Where several work at one time none is to wait for our processor. Those that
 * come of one parent, or of each other, work one after the other, mostly. */
static bool
is_next(pid_t tgid, pid_t ppid)
{
	static pid_t last_tgid, last_ppid;
	bool is = tgid == last_tgid || ppid == last_tgid || ppid == last_ppid;

	last_tgid = tgid;
	last_ppid = ppid;
	return is;
}

void
near_stay(pid_t tgid, pid_t ppid)
{
	int cpu = is_next(tgid, ppid) && near.works ? sched_getcpu() : -1;
	cpu_set_t here;

	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return;
	CPU_ZERO(&here);
	CPU_SET((size_t)cpu, &here);
	if (sched_setaffinity(0, sizeof(here), &here) == 0)
		stay = STAY_NEXT;
}

void
near_leave(void)
{
	if (stay == STAY_NOT)
		return;
	stay = STAY_NOT;
	/* it may have been taken from us meanwhile, all of it */
	if (sched_setaffinity(0, sizeof(near.all), &near.all) == -1)
		log_debug("the processors that were ours are not any more");
}

void
near_turn(void)
{
	if (stay == STAY_LAST)
		near_leave();
	else if (stay == STAY_NEXT)
		stay = STAY_LAST;
}
