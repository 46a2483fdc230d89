/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses with a port: every spelling, and what is none.
 */
#include <arpa/inet.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "t.h"

#include "ipport.h"

static void
good(const char *text, const char *want, unsigned want_port)
{
	struct sockaddr_storage ss;
	uint8_t addr[16], again[16];
	char have[INET6_ADDRSTRLEN], whole[IPPORT_TEXT], want_whole[64];
	const char *v4 = strrchr(want, '.') != NULL ? strrchr(want, ':') : NULL;
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
	ipport_addr_text(addr, have);
	CHECK_STR(have, v4 != NULL ? v4 + 1 : want);
	ipport_text(addr, port, whole);
	snprintf(want_whole, sizeof(want_whole),
	    v4 != NULL ? "%s:%u" : "[%s]:%u", have, want_port);
	CHECK_STR(whole, want_whole);
}

/* The longest text there is, and a socket's own end. */
static void
ends(void)
{
	static const uint8_t longest[16] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	static const uint8_t loopback[16] = { [10] = 0xff, 0xff, 127, 0, 0, 1 };
	struct sockaddr_storage ss;
	socklen_t len = ipport_sockaddr(loopback, 0, &ss);
	char text[IPPORT_TEXT];
	uint8_t addr[16];
	uint16_t port = 0;
	int fd, pair[2];

	ipport_text(longest, 65535, text);
	CHECK_STR(text, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(bind(fd, (struct sockaddr *)&ss, len) == 0);
	CHECK_INT(ipport_own(fd, addr, &port), 0);
	CHECK(memcmp(addr, loopback, 16) == 0 && port != 0);
	close(fd);
	CHECK_INT(ipport_own(fd, addr, &port), -1);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK_INT(ipport_own(pair[0], addr, &port), -1);
	close(pair[0]);
	close(pair[1]);
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
	T_RUN(ends);
	return done_testing();
}
