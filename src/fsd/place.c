/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where requests are served. Who asks sleeps until the answer, and to wake one
 * processor from another costs more than most requests do. While one thread of a
 * command asks for one thing after the other, those who serve it stay on its
 * processor. As soon as somebody else asks they go where the kernel puts them,
 * and so they do where much is moved: that is asked for ahead, and two processors
 * do more than one. It is about speed only.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "clock.h"
#include "place.h"
#include "record.h"

#define ALONE_MIN 16	 /* requests in a row of one thread */
#define LOOK_MS 4	 /* where it is may be another place by then */
#define MUCH (64 * 1024) /* bytes */

static struct {
	bool on;
	cpu_set_t all; /* where this process may be */
	_Atomic uint32_t tid;
	_Atomic unsigned in_a_row;
	_Atomic uint64_t looked_ms;
	_Atomic int wanted; /* a processor, or -1 */
} place = { .wanted = -1 };

static _Thread_local int here = -1;

void
place_init(void)
{
	/* more of them than fit in the set: they are left alone */
	place.on = sched_getaffinity(0, sizeof(place.all), &place.all) == 0 &&
	    CPU_COUNT(&place.all) > 1;
}

/* From now on this thread shall be on that processor, or anywhere, -1. */
static void
stay(int cpu)
{
	cpu_set_t set;

	if (!place.on || here == cpu ||
	    (cpu != -1 && (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &place.all))))
		return;
	here = cpu;
	set = place.all;
	if (cpu != -1) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
	}
	/* where it may not be any more it is not put: it is as good elsewhere */
	(void)sched_setaffinity(0, sizeof(set), &set);
}

void
place_request(uint32_t tid, size_t size)
{
	uint64_t t;

	/* nobody waits for the answer to what the kernel asks by itself */
	if (tid == 0)
		return;
	if (place.tid != tid || size >= MUCH) {
		place.tid = tid;
		place.in_a_row = 0;
		place.wanted = -1;
	} else if (++place.in_a_row >= ALONE_MIN) {
		t = clock_ms();
		if (t - place.looked_ms >= LOOK_MS) {
			place.looked_ms = t;
			place.wanted = attr_processor(tid);
		}
	}
	stay(place.wanted);
}

void
place_request_at(int cpu, size_t size)
{
	stay(size < MUCH ? cpu : -1);
}
