/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: a client of SOCKS5. A request is the same however much follows it,
 * is none before it is whole, and names one place.
 */
#include <stdlib.h>
#include <string.h>

#include "hello.h"
#include "socks.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_request to, again;
	char name[NET_NAME_MAX + 1];
	ssize_t n = socks_greeting(data, size);
	uint8_t code;

	if (n < -1 || n > (ssize_t)size)
		abort();
	n = socks_request(data, size, &to, &code);
	if (n < -1 || n > (ssize_t)size)
		abort();
	if (n <= 0)
		return 0;
	if (to.port == 0 || (!to.is_addr && to.host[0] == '\0') ||
	    (to.host[0] != '\0' &&
		hello_name(to.host, strlen(to.host), name) == -1))
		abort();
	if (socks_request(data, (size_t)n, &again, &code) != n ||
	    memcmp(&again, &to, sizeof(to)) != 0 ||
	    socks_request(data, (size_t)n - 1, &again, &code) != 0)
		abort();
	return 0;
}
