/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few spellings of the two loopback addresses.
 */
#include <sys/socket.h>

#include <string.h>

#include "loopback.h"
#include "units.h"

static const struct {
	const char *host;
	int family;
} hosts[] = {
	{ "127.0.0.1:", AF_INET },
	{ "localhost:", AF_INET },
	{ "[::1]:", AF_INET6 },
};

int
loopback_parse(const char *text, int *family, uint16_t *port)
{
	uint64_t n;
	size_t i, len;

	*family = AF_UNSPEC;
	*port = 0;
	if (strcmp(text, "none") == 0)
		return 0;
	for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		len = strlen(hosts[i].host);
		if (strncmp(text, hosts[i].host, len) != 0)
			continue;
		if (units_int(text + len, 10, &n) == -1 || n == 0 ||
		    n > UINT16_MAX)
			return -1;
		*family = hosts[i].family;
		*port = (uint16_t)n;
		return 0;
	}
	return -1;
}
