/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the host has a way to.
 */
#ifndef REACH_H
#define REACH_H

#include <stdbool.h>
#include <stdint.h>

/* Has the host a route to it, and an address of its own to come from, now? Nothing
 * is sent. What cannot be found out counts as yes: a dial will say. */
bool reach_has_route(const uint8_t addr[16]);

#endif
