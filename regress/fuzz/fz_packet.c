/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: packets that were refused, by themselves and in messages of the
 * kernel. What is no UDP and no TCP has no ports.
 */
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "packet.h"

#define ROOM 8192

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
look(void *arg, const struct packet *p)
{
	(void)arg;
	if (p->proto != IPPROTO_UDP && p->proto != IPPROTO_TCP &&
	    (p->sport != 0 || p->dport != 0))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t msg[ROOM] __attribute__((aligned(8)));
	struct packet p;

	if (size == 0 || size > sizeof(msg))
		return 0;
	memcpy(msg, data, size);
	if (packet_read(msg, size, &p) == 0)
		look(NULL, &p);
	packet_each(msg, size, look, NULL);
	return 0;
}
