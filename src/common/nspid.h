/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The number that a process has in another pid namespace, ioctl_nsfs(2); of Linux
 * 6.11, later than the headers that we are built with. Each takes a number and
 * gives one, on the descriptor of the other namespace.
 */
#ifndef NSPID_H
#define NSPID_H

#include <sys/ioctl.h>

/* there, of the group's first thread: here */
#define NSPID_TGID_FROM _IOR(0xb7, 7, int)
/* here: there */
#define NSPID_PID_IN _IOR(0xb7, 8, int)
/* here, of the group's first thread: there */
#define NSPID_TGID_IN _IOR(0xb7, 9, int)

#endif
