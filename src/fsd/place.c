/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where requests are served that come by a processor's own queue: on that
 * processor. Who asks sleeps until the answer, and to wake one processor from
 * another costs more than most requests do. Where much is moved a thread goes
 * where the kernel puts it: that is asked for ahead, and two processors do more
 * than one. It is about speed only. For the device, which is one queue, it makes
 * things worse: whoever is woken goes to a processor that is idle.
 */
#include <sched.h>
#include <stdbool.h>

#include "place.h"

#define MUCH (64 * 1024) /* bytes */

static struct {
	bool on;
	cpu_set_t all; /* where this process may be */
} place;

static _Thread_local int here = -1;

void
place_init(void)
{
	/* more of them than fit in the set: they are left alone */
	place.on = sched_getaffinity(0, sizeof(place.all), &place.all) == 0 &&
	    CPU_COUNT(&place.all) > 1;
}

void
place_request(int cpu, size_t size)
{
	cpu_set_t set = place.all;

	if (size >= MUCH)
		cpu = -1;
	if (!place.on || here == cpu ||
	    (cpu != -1 && (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &place.all))))
		return;
	here = cpu;
	if (cpu != -1) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
	}
	/* where it may not be any more it is not put: it is as good elsewhere */
	(void)sched_setaffinity(0, sizeof(set), &set);
}
