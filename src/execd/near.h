/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On which processor the main thread waits: see near.c.
 */
#ifndef NEAR_H
#define NEAR_H

#include <sys/types.h>

/* Before the sandbox is closed. */
void near_init(void);
/* Main thread: it sleeps here next, if the process with that parent, which
 * executes now, may be the only one that does. */
void near_stay(pid_t tgid, pid_t ppid);
/* And now wherever the kernel likes. */
void near_leave(void);
/* It has done what it was woken up for. */
void near_turn(void);

#endif
