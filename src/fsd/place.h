/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where requests are served.
 */
#ifndef FSD_PLACE_H
#define FSD_PLACE_H

#include <stddef.h>
#include <stdint.h>

/* Before the sandbox. */
void place_init(void);
/* A request of that thread, 0: of none, has come to this one, for so many bytes
 * to be read or written. */
void place_request(uint32_t tid, size_t size);
/* The same, of one on that processor. */
void place_request_at(int cpu, size_t size);

#endif
