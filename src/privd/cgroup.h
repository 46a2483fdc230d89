/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups (version 2) of sessions without a network namespace: privd and
 * maker find the one that agentshd runs in, and one of each such session is
 * beneath it.
 */
#ifndef CGROUP_H
#define CGROUP_H

#include <stdint.h>
#include <sys/types.h>

#define CGROUP_NAME_MAX 64

/* The directory of our own group, O_PATH; -1 with errno, ENOENT: there is no
 * version 2 here that we can see. */
int cgroup_open_own(void);
/* The name of a session's, of the agentshd with that pid. */
void cgroup_name(char name[CGROUP_NAME_MAX], pid_t agentshd, uint64_t session);
/* Removes those beneath dir that an agentshd which is gone has left. */
void cgroup_sweep(int dir);

#endif
