/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tracers of the session that are held: as long as one is, it makes no ptrace(2)
 * request, so that who stops for it stays stopped, and who waits for it waits.
 */
#ifndef HOLD_H
#define HOLD_H

#include <sys/types.h>

#include <stdbool.h>

struct hold;

/* The thread is stopped before it returns to its program; several may want that
 * of one. NULL with errno: it cannot be, for it is traced itself, or gone.
 * hold_end() is due. */
struct hold *hold_begin(pid_t tid);
/* It makes no request any more: it has stopped, or waits in the kernel for
 * something else. */
bool hold_is_firm(const struct hold *);
/* The call that a thread sleeps in: -1 none, -2 it does not sleep, or cannot be
 * looked at. */
long hold_call(pid_t tid);
/* It has stopped: what it did last is done. */
bool hold_has_stopped(const struct hold *);
/* It has died, and may have let go of whom it traced. */
bool hold_is_dead(const struct hold *);
/* It goes on as soon as nobody wants it held. NULL is nothing. */
void hold_end(struct hold *);
/* Does somebody want it held? */
bool hold_wants(pid_t tid);
/* Does somebody, or has it not gone on yet? */
bool hold_has(pid_t tid);
/* Nobody does, but it has not gone on yet: its trace is the caller's now, with
 * HOLD_OPTIONS, and an interrupt to come. */
bool hold_adopt(pid_t tid);
/* How many are held, or have not gone on yet. */
size_t hold_count(void);
#define HOLD_OPTIONS                                                           \
	(PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXIT |     \
	    PTRACE_O_EXITKILL)
/* What waitpid(2) told of it; false: it is of nobody who is held. */
bool hold_step(pid_t tid, int status);

#endif
