/* SPDX-License-Identifier: Apache-2.0 */
/*
 * landlock(7) for our own processes and for sessions. Rights that are younger
 * than the headers of Debian 12 are given here; what the kernel is too old for
 * is left out of a ruleset, so that the caller asks the ABI where that matters.
 */
#ifndef LANDLOCK_H
#define LANDLOCK_H

#include <linux/landlock.h>
#include <stdint.h>

#define LL_TRUNCATE (1ULL << 14)  /* ABI 3 */
#define LL_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#define LL_NET_ALL 3ULL		  /* bind and connect TCP, ABI 4 */
#define LL_NET_BIND 1ULL
#define LL_SCOPE_ABSTRACT (1ULL << 0) /* abstract unix sockets, ABI 6 */
#define LL_SCOPE_SIGNAL (1ULL << 1)   /* ABI 6 */
#define LL_SCOPE_ALL (LL_SCOPE_ABSTRACT | LL_SCOPE_SIGNAL)

/* The kernel's ABI, 0 without Landlock. */
int landlock_abi(void);
/* Every right on files that this ABI knows. */
uint64_t landlock_fs_all(int abi);
/* A ruleset's descriptor, the caller's; -1 with errno. */
int landlock_ruleset(int abi, uint64_t fs, uint64_t net, uint64_t scoped);
/* Allows rights beneath a directory. 0 or -1 with errno. */
int landlock_allow(int ruleset, int dir_fd, uint64_t fs);
/* For ever, for this process and what it starts. 0 or -1 with errno. */
int landlock_enter(int ruleset);

#endif
