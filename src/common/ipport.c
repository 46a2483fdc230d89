/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses with a port as text, and as the kernel has them.
 */
#include <arpa/inet.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ipport.h"
#include "units.h"

#define TEXT_MAX 63

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static bool
is_mapped(const uint8_t addr[16])
{
	return memcmp(addr, mapped, sizeof(mapped)) == 0;
}

int
ipport_parse(const char *text, uint8_t addr[16], uint16_t *port)
{
	char host[TEXT_MAX + 1], *p = NULL, *h = host;
	uint64_t n = *port;

	if (strlen(text) > TEXT_MAX)
		return -1;
	memcpy(host, text, strlen(text) + 1);
	if (host[0] == '[') {
		h++;
		p = strchr(h, ']');
		if (p == NULL || (p[1] != '\0' && p[1] != ':'))
			return -1;
		*p++ = '\0';
	} else if (strchr(host, '.') != NULL &&
	    strspn(host, "0123456789.") == strcspn(host, ":")) {
		p = host + strcspn(host, ":");
	}
	if (p != NULL && *p == ':') {
		*p = '\0';
		if (units_int(p + 1, 10, &n) == -1 || n == 0 || n > UINT16_MAX)
			return -1;
	}
	if (h == host && inet_pton(AF_INET, h, addr + 12) == 1)
		memcpy(addr, mapped, sizeof(mapped));
	else if (inet_pton(AF_INET6, h, addr) != 1)
		return -1;
	*port = (uint16_t)n;
	return 0;
}

socklen_t
ipport_sockaddr(const uint8_t addr[16], uint16_t port,
    struct sockaddr_storage *ss)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	if (is_mapped(addr)) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, addr + 12, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, addr, 16);
	return sizeof(*v6);
}

int
ipport_from_sockaddr(const struct sockaddr_storage *ss, uint8_t addr[16],
    uint16_t *port)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)ss;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)ss;

	if (ss->ss_family == AF_INET) {
		memcpy(addr, mapped, sizeof(mapped));
		memcpy(addr + 12, &v4->sin_addr, 4);
		*port = ntohs(v4->sin_port);
		return 0;
	}
	if (ss->ss_family == AF_INET6) {
		memcpy(addr, &v6->sin6_addr, 16);
		*port = ntohs(v6->sin6_port);
		return 0;
	}
	return -1;
}

int
ipport_own(int fd, uint8_t addr[16], uint16_t *port)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	memset(&ss, 0, sizeof(ss));
	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		return -1;
	return ipport_from_sockaddr(&ss, addr, port);
}

void
ipport_addr_text(const uint8_t addr[16], char text[INET6_ADDRSTRLEN])
{
	if (is_mapped(addr))
		(void)inet_ntop(AF_INET, addr + sizeof(mapped), text,
		    INET6_ADDRSTRLEN);
	else
		(void)inet_ntop(AF_INET6, addr, text, INET6_ADDRSTRLEN);
}

void
ipport_text(const uint8_t addr[16], uint16_t port, char text[IPPORT_TEXT])
{
	char a[INET6_ADDRSTRLEN];

	ipport_addr_text(addr, a);
	snprintf(text, IPPORT_TEXT, is_mapped(addr) ? "%s:%u" : "[%s]:%u", a,
	    port);
}
