/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that reach the servers of a session. One that connects to the session's
 * loopback has to be of its namespace, which nobody here can enter; but a socket
 * is of the namespace of the one that accepted it, and may be disconnected and
 * connected again.
 */
#ifndef INWARD_H
#define INWARD_H

#include "netd.h"

struct inward_wait;

/* There can be sockets from now on. 0, or -1 with errno. */
int inward_start(struct nsess *);
/* Can servers at ::1 be reached, or only those at 127.0.0.1? */
bool inward_has_ipv6(const struct nsess *);
/* Is that the port that these sockets are made at? */
bool inward_is_own(const struct nsess *, uint16_t port);
/* A socket that does not block and is not connected, bound to 127.0.0.1 or ::1.
 * At once in *fd, and NULL; or later, by got, which is called once, with -1 where
 * there is none. Both NULL and -1: there is none. */
struct inward_wait *inward_get(struct nsess *, bool ipv6, int *fd,
    void (*got)(void *arg, int fd), void *arg);
/* got is not called any more. */
void inward_forget(struct inward_wait *);
/* Nobody may wait any more. */
void inward_stop(struct nsess *);

#endif
