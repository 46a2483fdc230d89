/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two clocks of the kernel that are used here, as whole numbers.
 */
#include <time.h>

#include "clock.h"
#include "log.h"

static uint64_t
read_ns(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) == -1)
		fatal("clock_gettime");
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t
clock_ms(void)
{
	return read_ns(CLOCK_MONOTONIC) / 1000000;
}

uint64_t
clock_us(void)
{
	return read_ns(CLOCK_MONOTONIC) / 1000;
}

uint64_t
clock_epoch_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

int64_t
clock_epoch_s(void)
{
	return (int64_t)(read_ns(CLOCK_REALTIME) / 1000000000);
}

struct timeval
clock_timeval(uint64_t ms)
{
	return (struct timeval){ .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };
}
