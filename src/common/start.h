/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first steps of every process that agentshd starts, also of those that
 * have no loop: its options and SYS_HELLO.
 */
#ifndef START_H
#define START_H

#include "msg.h"

/*
 * Options -d -v -T area, and agentshd at the far end of AGENTSH_PARENT_FD;
 * anything else ends the process with status 2.
 */
void start_options(enum role, int argc, char **argv);
/* Decodes and checks SYS_HELLO, and logs as verbosely as it says. 0, or -1: not
 * for this process. Another build of agentshd ends the process. */
int start_hello(enum role, struct imsg *, struct msg_sys_hello *);

#endif
