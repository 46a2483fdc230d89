/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FNV-1a, 64 bits: for tables whose keys nobody can choose to collide, or
 * where a collision costs time only.
 */
#ifndef FNV_H
#define FNV_H

#include <stdint.h>

#define FNV_INIT 0xcbf29ce484222325ULL
#define FNV_PRIME 0x100000001b3ULL

/* One more value of a hash, as it is: its bytes are not mixed one by one. */
static inline uint64_t
fnv_step(uint64_t h, uint64_t value)
{
	return (h ^ value) * FNV_PRIME;
}

/* The bytes of a string without its NUL. */
static inline uint64_t
fnv_str(uint64_t h, const char *s)
{
	for (; *s != '\0'; s++)
		h = fnv_step(h, (uint8_t)*s);
	return h;
}

#endif
