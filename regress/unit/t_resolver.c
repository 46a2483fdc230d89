/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which name servers are asked: those of resolv.conf(5), or of a configuration.
 */
#include "t.h"

#include "../../src/netd/resolver.h"

static struct dns_upstream up;

static const char *
read_conf(const char *text)
{
	static char out[100];
	size_t i, n = 0;

	memset(&up, 0, sizeof(up));
	resolver_read(&up, text);
	out[0] = '\0';
	for (i = 0; i < up.n; i++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%u:%u",
		    i > 0 ? " " : "", up.server[i].addr[15], up.server[i].port);
	return out;
}

static void
of_the_host(void)
{
	CHECK_STR(read_conf(""), "");
	CHECK_STR(read_conf("nameserver 192.0.2.1"), "1:53");
	CHECK_STR(read_conf("# nameserver 192.0.2.9\n"
			    "search corp.test\n"
			    "nameserver\t192.0.2.1 # office\r\n"
			    "  nameserver ::2\n"
			    "options edns0\n"
			    "nameserver 192.0.2.3\n"
			    "nameserver 192.0.2.4\n"),
	    "1:53 2:53 3:53");
	/* what is no address we can ask */
	CHECK_STR(read_conf("nameserver fe80::1%eth0\n"
			    "nameserver\n"
			    "nameserver 192.0.2.1:5353\n"
			    "nameserver [::1]\n"
			    "nameserverx 192.0.2.1\n"
			    "nameserver ns.test\n"
			    "nameserver 11111111111111111111111111111111111111"
			    "1111111111111111111111111111111111111\n"
			    "nameserver 192.0.2.7"),
	    "7:53");
}

static void
of_a_list(void)
{
	memset(&up, 0, sizeof(up));
	CHECK_INT(resolver_parse(&up, "192.0.2.1:5353 ::2"), 0);
	CHECK_INT(up.n, 2);
	CHECK_INT(up.server[0].port, 5353);
	CHECK_INT(up.server[1].port, 53);
	memset(&up, 0, sizeof(up));
	CHECK_INT(resolver_parse(&up, ""), 0);
	CHECK_INT(up.n, 0);
	CHECK_INT(resolver_parse(&up, "::1 ns.test"), -1);
	memset(&up, 0, sizeof(up));
	CHECK_INT(resolver_parse(&up, "::1 ::1 ::1 ::1"), -1);
}

int
main(void)
{
	T_RUN(of_the_host);
	T_RUN(of_a_list);
	return done_testing();
}
