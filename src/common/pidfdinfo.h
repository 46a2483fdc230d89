/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel tells of a process by its pidfd; of Linux 6.13, the exit of
 * 6.15: later than the headers that we are built with.
 */
#ifndef PIDFDINFO_H
#define PIDFDINFO_H

#include <sys/ioctl.h>

#include <stdint.h>

struct pidfdinfo {
	uint64_t mask; /* asked for; then what was given */
	uint64_t cgroup;
	uint32_t ids[11];
	int32_t exit_code; /* as wait(2) has it */
};

#define PIDFDINFO_EXIT 8
#define PIDFDINFO_GET _IOWR(0xff, 11, struct pidfdinfo)

#endif
