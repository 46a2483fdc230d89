/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TCP address of the API as the configuration has it. There are two, and
 * no others, so that who a client is can be asked of the kernel.
 */
#ifndef LOOPBACK_H
#define LOOPBACK_H

#include <stdint.h>

/*
 * "127.0.0.1:80", "localhost:80" or "[::1]:80" into an address family and a
 * port above 0; "none" is AF_UNSPEC and 0. 0 or -1.
 */
int loopback_parse(const char *text, int *family, uint16_t *port);

#endif
