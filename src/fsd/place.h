/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where requests are served.
 */
#ifndef FSD_PLACE_H
#define FSD_PLACE_H

#include <stddef.h>

/* Before the sandbox. */
void place_init(void);
/* A request of one on that processor has come to this thread, for so many bytes
 * to be read or written. */
void place_request(int cpu, size_t size);

#endif
