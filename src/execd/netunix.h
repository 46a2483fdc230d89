/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of the host that connections of the session are redirected to.
 */
#ifndef EXECD_NETUNIX_H
#define EXECD_NETUNIX_H

#include "chan.h"

#define CARRY_MAX 256 /* connections at one time */

int netunix_on_net_unix(struct chan *, struct imsg *);
int netunix_on_fs_unix_opened(struct chan *, struct imsg *);
int netunix_on_fs_unix_failed(struct chan *, struct imsg *);

/* carry.c: are there too many? */
bool carry_is_full(void);
/* Copies between the two, which it takes, also on failure. 0, or -1 with errno
 * EAGAIN. */
int carry_start(int netd, int server);

#endif
