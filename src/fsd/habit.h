/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process has made of its last files; through.c, under its lock.
 */
#ifndef FSD_HABIT_H
#define FSD_HABIT_H

#include <stdbool.h>
#include <stdint.h>

/* So many small new files in a row, none of them later than that after the one
 * before, and the next one is taken to be small. */
#define HABIT_FILES 8
#define HABIT_MS 1000

/* Times are of clock_ms(). */
bool habit_is_small(uint32_t pid, uint64_t now);
/* A new file of the process is closed, and was large or not. */
void habit_made(uint32_t pid, uint64_t now, bool large);

#endif
