/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the sockets of a session without a network namespace wanted to go: a
 * table in memory that the kernel's part writes and netd reads. The place of a
 * socket is its cookie modulo DIALLED_SLOTS; of two with the same place the later
 * one is there, and a connection that is not found in it is refused.
 */
#ifndef DIALLED_H
#define DIALLED_H

#include <linux/types.h>

#define DIALLED_SLOTS 8192

struct dialled {
	__u64 cookie;	/* of the socket; 0: nobody */
	__u8 addr[16];	/* network byte order; IPv4 as a mapped one */
	__u16 port;	/* host byte order */
	__u16 protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	__u32 pad;
};

#endif
