/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SOCKS5, RFC 1928, as far as it is offered: CONNECT without authentication.
 * Bytes are from the sandbox.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <string.h>

#include "hello.h"
#include "socks.h"

#define COMMAND_CONNECT 1
#define ADDRESS_NAME 3
#define ADDRESS_IPV6 4

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

ssize_t
socks_greeting(const uint8_t *p, size_t len)
{
	if (len > 0 && p[0] != SOCKS5)
		return -1;
	if (len < 2 || len < (size_t)p[1] + 2)
		return 0;
	return memchr(p + 2, SOCKS_NONE, p[1]) == NULL ? -1 : p[1] + 2;
}

ssize_t
socks_request(const uint8_t *p, size_t len, struct http_request *to,
    uint8_t *answer)
{
	size_t n, at = 4;

	memset(to, 0, sizeof(*to));
	*answer = SOCKS_FAILURE;
	if (len < 5)
		return 0;
	if (p[0] != SOCKS5 || p[2] != 0)
		return -1;
	*answer = SOCKS_NO_COMMAND;
	if (p[1] != COMMAND_CONNECT)
		return -1;
	*answer = SOCKS_NO_ADDRESS;
	n = p[3] == SOCKS_IPV4	 ? 4 :
	    p[3] == ADDRESS_IPV6 ? 16 :
	    p[3] == ADDRESS_NAME ? p[at++] :
				   0;
	if (n == 0)
		return -1;
	if (len < at + n + 2)
		return 0;
	to->is_addr = p[3] != ADDRESS_NAME;
	memcpy(to->addr, mapped, sizeof(mapped));
	if (p[3] == SOCKS_IPV4)
		memcpy(to->addr + 12, p + at, 4);
	if (p[3] == ADDRESS_IPV6)
		memcpy(to->addr, p + at, 16);
	/* a name has no byte that ends it early, or changes where it ends */
	if (p[3] == ADDRESS_NAME) {
		if (hello_name(p + at, n, to->host) == -1)
			return -1;
		to->is_addr = inet_pton(AF_INET, to->host, to->addr + 12) == 1;
	}
	at += n;
	to->port = (uint16_t)(p[at] << 8 | p[at + 1]);
	return to->port == 0 ? -1 : (ssize_t)at + 2;
}
