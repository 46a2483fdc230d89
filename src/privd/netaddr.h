/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netd's sockets in a session's network, and the session's own address, bytes in
 * the order of the network; of the ranges for documentation and for private use.
 * Also for programs of the kernel.
 */
#ifndef NETADDR_H
#define NETADDR_H

#define NS_TCP_PORT 1	   /* which no server of a session wants */
#define NS_UDP_PORT 53	   /* answers are sent from it */
#define NS_PROXY_PORT 3128 /* for programs that are told of a proxy */
#define NS_INWARD_PORT 3   /* of the loopback; nor that */
#define NS_LO_INDEX 1
#define NS_SELF4 192, 0, 2, 2
#define NS_NETD4 192, 0, 2, 1
#define NS_PREFIX6 0xfd, 0, 0x5e, 0x55
#define NS_SELF6 NS_PREFIX6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2
#define NS_NETD6 NS_PREFIX6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1

/* Four of these bytes as a number in the order of the host. */
#define NS_BYTES(a, b, c, d) ((unsigned)(a) << 24 | (b) << 16 | (c) << 8 | (d))
#define NS_WORD(bytes) NS_BYTES(bytes)

#endif
