/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses are of 198.18.0.0/16, for measurements in a laboratory (RFC 2544):
 * nobody's, and refused to sessions where no rule's cidrs name them (addrclass.def).
 * One is used again only after 65535 others, so that a client that kept it means no
 * other name by it.
 */
#include <stdlib.h>
#include <string.h>

#include "held.h"

static const uint8_t prefix[14] = { [10] = 0xff, 0xff, 198, 18 };

struct held {
	struct {
		char *name; /* NULL: not in use */
		uint16_t number;
	} slot[HELD_MAX];
	uint16_t last;
	bool all; /* numbers were given out */
};

struct held *
held_new(void)
{
	return calloc(1, sizeof(struct held));
}

void
held_free(struct held *h)
{
	size_t i;

	if (h == NULL)
		return;
	for (i = 0; i < HELD_MAX; i++)
		free(h->slot[i].name);
	free(h);
}

static void
address(uint16_t number, uint8_t addr[16])
{
	memcpy(addr, prefix, sizeof(prefix));
	addr[14] = (uint8_t)(number >> 8);
	addr[15] = (uint8_t)number;
}

int
held_address(struct held *h, const char *name, uint8_t addr[16])
{
	char *copy;
	size_t i;

	for (i = 0; i < HELD_MAX; i++) {
		if (h->slot[i].name != NULL &&
		    strcmp(h->slot[i].name, name) == 0) {
			address(h->slot[i].number, addr);
			return 0;
		}
	}
	copy = strdup(name);
	if (copy == NULL)
		return -1;
	/* 0 is the network's */
	if (++h->last == 0) {
		h->last = 1;
		h->all = true;
	}
	i = h->last % HELD_MAX;
	free(h->slot[i].name);
	h->slot[i].name = copy;
	h->slot[i].number = h->last;
	address(h->last, addr);
	return 0;
}

const char *
held_name(const struct held *h, const uint8_t addr[16])
{
	uint16_t number = (uint16_t)(addr[14] << 8 | addr[15]);
	size_t i = number % HELD_MAX;

	return memcmp(addr, prefix, sizeof(prefix)) == 0 &&
		h->slot[i].number == number ?
	    h->slot[i].name :
	    NULL;
}

bool
held_stood(const struct held *h, const uint8_t addr[16])
{
	uint16_t number = (uint16_t)(addr[14] << 8 | addr[15]);

	return memcmp(addr, prefix, sizeof(prefix)) == 0 && number != 0 &&
	    (h->all || number <= h->last) && held_name(h, addr) == NULL;
}
