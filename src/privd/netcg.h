/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs of netcg.bpf.c are told, and what they tell netd: where each
 * socket of a session wanted to go. Also compiled for the kernel's machine, so
 * there is nothing of libc here.
 */
#ifndef NETCG_H
#define NETCG_H

#include "dialled.h"

/* Ports of netd's sockets on the loopback, in network byte order; 0: it has none
 * of that family. */
struct netcg_ports {
	__u16 tcp4, udp4;
	__u16 tcp6, udp6;
	__u16 proxy; /* by IPv4 */
	__u16 pad[3];
};

#endif
