/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which names a session's addresses were given for: what netd answered a look-up
 * with, for as long as it said. Bounded; of what is too much the oldest goes.
 */
#ifndef NAMES_H
#define NAMES_H

#include <stddef.h>
#include <stdint.h>

#define NAMES_OF_MAX 16 /* names that one address is known by */

struct names;

struct names *names_new(size_t max);
void names_free(struct names *);
/* Copies. until: a time of clock_ms(). 0, or -1 without memory. */
int names_bind(struct names *, const char *name, const uint8_t addr[16],
    uint64_t until);
/* The names of an address that are not out of date, latest first; they are valid
 * until the next call of names_bind or names_free. */
size_t names_of(struct names *, const uint8_t addr[16], uint64_t now,
    const char *name[NAMES_OF_MAX]);

#endif
