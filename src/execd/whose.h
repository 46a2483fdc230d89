/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which process and command a socket of the session is of.
 */
#ifndef EXECD_WHOSE_H
#define EXECD_WHOSE_H

#include "chan.h"
#include "target.h"

/* A connection is being made on the socket with this inode, by who asked for it:
 * it need not be looked for. */
void whose_made(uint64_t inode, const struct target *);
/* It has this port, and goes to that end, by which it is known when nobody has the
 * socket any more. */
void whose_bound(uint64_t inode, uint16_t port, const uint8_t far[16],
    uint16_t far_port);
int whose_on_net_whose(struct chan *, struct imsg *);

#endif
