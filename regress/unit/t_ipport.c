/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses with a port: every spelling, and what is none.
 */
#include <arpa/inet.h>

#include "t.h"

#include "ipport.h"

static void
good(const char *text, const char *want, unsigned want_port)
{
	struct sockaddr_storage ss;
	uint8_t addr[16], again[16];
	char have[INET6_ADDRSTRLEN];
	uint16_t port = 53;

	CHECK_INT(ipport_parse(text, addr, &port), 0);
	CHECK_STR(inet_ntop(AF_INET6, addr, have, sizeof(have)), want);
	CHECK_INT(port, want_port);
	ipport_sockaddr(addr, port, &ss);
	CHECK_INT(ss.ss_family, strchr(want, '.') != NULL ? AF_INET : AF_INET6);
	port = 0;
	CHECK_INT(ipport_from_sockaddr(&ss, again, &port), 0);
	CHECK(memcmp(addr, again, 16) == 0);
	CHECK_INT(port, want_port);
}

static void
spellings(void)
{
	good("192.0.2.1", "::ffff:192.0.2.1", 53);
	good("192.0.2.1:5353", "::ffff:192.0.2.1", 5353);
	good("2001:db8::1", "2001:db8::1", 53);
	good("[2001:db8::1]", "2001:db8::1", 53);
	good("[2001:db8::1]:65535", "2001:db8::1", 65535);
	good("::1", "::1", 53);
}

static void
none(void)
{
	static const char too_long[] =
	    "11111111111111111111111111111111111111111111111111111111111111111";
	static const char *const bad[] = { "", "x", "192.0.2",
		"192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:53x",
		"[::1", "[::1]5", "[::1]:", "[::1]:0", "[192.0.2.1]:53",
		"::1%lo", "192.0.2.1 ", " 192.0.2.1", "host:53",
		"192.0.2.1:53:53", "[]", too_long };
	struct sockaddr_storage ss = { .ss_family = AF_UNIX };
	uint8_t addr[16];
	uint16_t port;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		port = 53;
		if (ipport_parse(bad[i], addr, &port) != -1)
			t_fail(__FILE__, __LINE__, bad[i]);
		CHECK_INT(port, 53);
	}
	CHECK_INT(ipport_from_sockaddr(&ss, addr, &port), -1);
}

int
main(void)
{
	T_RUN(spellings);
	T_RUN(none);
	return done_testing();
}
