/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What time it is. No result is an error: a process that may not read a clock
 * ends, since limits and records would mean nothing.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <sys/time.h>

#include <stdint.h>

/* For limits and durations: since some time in the past, never backwards. */
uint64_t clock_ms(void);
uint64_t clock_us(void);
/* For what people read: nanoseconds since the epoch, as the machine is set. */
uint64_t clock_epoch_ns(void);
/* The same in seconds, as files of others hold it. */
int64_t clock_epoch_s(void);
/* A duration as timers take it. */
struct timeval clock_timeval(uint64_t ms);

#endif
