/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client of SOCKS5 says, RFC 1928.
 */
#ifndef SOCKS_H
#define SOCKS_H

#include <sys/types.h>

#include "http.h"

#define SOCKS5 5
#define SOCKS_IPV4 1
#define SOCKS_NONE 0	  /* no authentication */
#define SOCKS_NO_WAY 0xff /* of those that the client offers */

/* Answers to a request. */
#define SOCKS_THROUGH 0
#define SOCKS_FAILURE 1
#define SOCKS_REFUSED 2
#define SOCKS_UNREACHABLE 4
#define SOCKS_NO_COMMAND 7
#define SOCKS_NO_ADDRESS 8

/* Each returns its length, 0: it is not whole, -1: it is no good. */
ssize_t socks_greeting(const uint8_t *, size_t len);
/* Fills in host, is_addr, addr and port, or the answer. */
ssize_t socks_request(const uint8_t *, size_t len, struct http_request *,
    uint8_t *answer);

#endif
