/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sockets a session may make: local ones, routing questions, TCP and UDP.
 * No raw sockets, no ICMP, no MPTCP, SCTP, DCCP or UDP-Lite, no other family. The
 * filter (front.c) decides by these lists; all else it asks execd about, which
 * refuses it, and writes it down.
 */
#ifndef SOCKMAKE_H
#define SOCKMAKE_H

#include <sys/socket.h>
#include <netinet/in.h>

#include <stdbool.h>
#include <stdint.h>

#define SOCKMAKE_TYPE 0xf /* SOCK_TYPE_MASK of the kernel */

static const uint32_t sockmake_families[] = { AF_UNIX, AF_INET, AF_INET6,
	AF_NETLINK };
static const uint32_t sockmake_pairs[] = { AF_UNIX }; /* TIPC has it too */
/* of AF_INET and AF_INET6 */
static const uint32_t sockmake_types[] = { SOCK_STREAM, SOCK_DGRAM };
static const uint32_t sockmake_protocols[] = { 0, IPPROTO_TCP, IPPROTO_UDP };
static const uint32_t sockmake_netlink[] = { 0 /* NETLINK_ROUTE */ };

/* The error that socket(2), or socketpair(2), with these arguments has. 0: the
 * lists have it. */
int sockmake_error(bool pair, const uint64_t arg[3]);

#endif
