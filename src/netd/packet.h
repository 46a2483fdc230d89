/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that the session's namespace has refused, as nfnetlink_log of the kernel
 * tells of them: the bytes of a packet are the session's, those around it the
 * kernel's.
 */
#ifndef PACKET_H
#define PACKET_H

#include <stddef.h>
#include <stdint.h>

struct packet {
	uint8_t proto;	 /* IPPROTO_UDP or such, of the last header */
	uint8_t src[16]; /* as in netd.h */
	uint8_t dst[16];
	uint16_t sport, dport; /* of TCP and UDP; 0: has none, or is not seen */
};

/* An IP packet, of which there are the first `len` bytes. 0, or -1: it is none. */
int packet_read(const uint8_t *data, size_t len, struct packet *);

/* Each packet that a message of nfnetlink_log tells of. What is none of these, or
 * is damaged, is passed over. */
typedef void (*packet_cb)(void *arg, const struct packet *);
void packet_each(const void *msg, size_t len, packet_cb, void *arg);

#endif
