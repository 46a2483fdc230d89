/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that an operator has to approve first. Nothing of them is looked up: what
 * a look-up answers is an address that stands for the name, and leads nowhere but
 * to netd, which asks when it is connected to, and looks the name up then.
 */
#ifndef NETD_HELD_H
#define NETD_HELD_H

#include <stdbool.h>
#include <stdint.h>

#define HELD_MAX 1024 /* names at one time, of a session; the oldest goes */

struct held;

struct held *held_new(void);
void held_free(struct held *);
/* The address of a name, the same as long as it is held. 0, or -1 without
 * memory. */
int held_address(struct held *, const char *name, uint8_t addr[16]);
/* The name of an address, valid until the next is held; NULL: of none. */
const char *held_name(const struct held *, const uint8_t addr[16]);
/* Did it stand for a name that is not held any more? Then it leads nowhere. */
bool held_stood(const struct held *, const uint8_t addr[16]);

#endif
