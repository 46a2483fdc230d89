/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process has made of its last files; through.c, under its lock.
 */
#ifndef FSD_HABIT_H
#define FSD_HABIT_H

#include <stdbool.h>
#include <stdint.h>

/* So many small new files in a row, and the next one is taken to be small. */
#define HABIT_FILES 8

bool habit_is_small(uint32_t pid);
/* A new file of the process is closed, and was large or not. */
void habit_made(uint32_t pid, bool large);

#endif
