/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose a socket is, as the kernel says by sock_diag(7).
 */
#ifndef SOCKDIAG_H
#define SOCKDIAG_H

#include <linux/inet_diag.h>
#include <stdint.h>

/* A socket for questions; one that the kernel should leave without an answer
 * fails after a second. -1 with errno. */
int sockdiag_open(void);
/*
 * The uid of the process that holds the socket whose own end is id's source and
 * whose far end is its destination; addresses and ports in network order. 0, or
 * -1: there is none, or its process has closed it already.
 */
int sockdiag_owner(int fd, int family, const struct inet_diag_sockid *id,
    uint32_t *uid);

/* An IPv4 address is a mapped one; the port is in host order. */
struct sockdiag_end {
	uint8_t addr[16];
	uint16_t port;
};

/* The inode of the socket of IPPROTO_TCP or IPPROTO_UDP with these ends, in the
 * network namespace that fd was made in; as above. */
int sockdiag_inode(int fd, int proto, const struct sockdiag_end *own,
    const struct sockdiag_end *far, uint64_t *inode);
/* Its cookie (SO_COOKIE), also when its process has closed it already. 0 or -1. */
int sockdiag_cookie(int fd, int proto, const struct sockdiag_end *own,
    const struct sockdiag_end *far, uint64_t *cookie);

#endif
