/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sklookup.bpf.c and who loads it agree on: the places of netd's sockets in
 * the table of sockets.
 */
#ifndef SKLOOKUP_H
#define SKLOOKUP_H

enum sklookup_socket {
	SKLOOKUP_TCP4,
	SKLOOKUP_TCP6,
	SKLOOKUP_UDP4,
	SKLOOKUP_UDP6,
	SKLOOKUP_SOCKETS
};

#endif
