/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The questions of the commands' filter, seccomp_unotify(2): each call with a
 * NOTIFY row in sandbox.def waits in the kernel until it is answered here. The
 * row names the function of this file that gets it.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <linux/seccomp.h>

#include <stdbool.h>
#include <stdint.h>

#include "conf.h"

void notify_start(int listener);
/* Does who asked still wait, so that what was read of it is its own? */
bool notify_is_valid(uint64_t id);
/* error 0 lets the call go on as it is. Who is gone meanwhile needs no answer. */
void notify_answer(uint64_t id, int error);
/* The call does not happen, and returns this. */
void notify_return(uint64_t id, int64_t value);
/* No more questions are taken until as many notify_resume() were called: they
 * wait in the kernel. */
void notify_pause(void);
void notify_resume(void);

/* The functions of NOTIFY rows of all kinds; each answers once, now or later. */
void supervise_asked(const struct seccomp_notif *);
void signal_asked(const struct seccomp_notif *);
void signal_owner_asked(const struct seccomp_notif *);
void socket_asked(const struct seccomp_notif *);
void socket_refused(const struct seccomp_notif *); /* what sockmake.h has not */
/* What the configuration refuses, and nothing that is asked about otherwise. */
void call_refused(const struct seccomp_notif *);
/* The errno of a call of sandbox.seccomp.syscalls.block that is asked about, or 0. */
int callrefused_error(int nr);
void callrefused_start(const struct conf *);
void ptrace_asked(const struct seccomp_notif *); /* ASK_PTRACE rows */

#endif
