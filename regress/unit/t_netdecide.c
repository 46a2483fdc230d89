/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decisions about names and destinations: what each class of refused addresses
 * holds, in every spelling; and which rules let a session look up and connect.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include "p.h"
#include "netdecide.h"
#include "t.h"

static struct p p;

/* As the rest of netd has addresses. */
static void
addr_of(const char *text, uint8_t addr[16])
{
	memset(addr, 0, 16);
	if (inet_pton(AF_INET, text, addr + 12) == 1)
		addr[10] = addr[11] = 0xff;
	else if (inet_pton(AF_INET6, text, addr) != 1)
		t_fail(__FILE__, __LINE__, text);
}

static const struct {
	const char *addr;
	const char *class; /* NULL: none */
} classes[] = {
	/* clang-format off */
	{ "1.1.1.1", NULL }, { "8.8.8.8", NULL }, { "99.255.255.255", NULL },
	{ "2606:4700::1111", NULL }, { "2a00::1", NULL }, { "3fff:ffff::", NULL },
	{ "0.0.0.0", "unspecified" }, { "0.1.2.3", "unspecified" },
	{ "::", "unspecified" }, { "1.0.0.0", NULL },
	{ "127.0.0.1", "loopback" }, { "127.255.255.254", "loopback" },
	{ "126.255.255.255", NULL }, { "128.0.0.0", NULL }, { "::1", "loopback" },
	{ "169.254.169.254", "metadata" }, { "169.254.170.2", "metadata" },
	{ "169.254.170.23", "metadata" }, { "100.100.100.200", "metadata" },
	{ "168.63.129.16", "metadata" }, { "168.63.129.17", NULL },
	{ "192.0.0.192", "metadata" }, { "fd00:ec2::254", "metadata" },
	{ "fd00:ec2::23", "metadata" }, { "fd20:ce::254", "metadata" },
	{ "fd00:42::42", "metadata" },
	{ "169.254.0.1", "link-local" }, { "169.253.255.255", NULL },
	{ "169.255.0.0", NULL }, { "fe80::1", "link-local" },
	{ "febf::1", "link-local" }, { "fec0::1", "private" },
	{ "10.0.0.0", "private" }, { "10.255.255.255", "private" },
	{ "9.255.255.255", NULL }, { "11.0.0.0", NULL },
	{ "172.16.0.1", "private" }, { "172.31.255.255", "private" },
	{ "172.15.255.255", NULL }, { "172.32.0.0", NULL },
	{ "192.168.1.1", "private" }, { "192.167.255.255", NULL },
	{ "192.169.0.0", NULL }, { "fc00::1", "private" },
	{ "fdff:ffff::1", "private" },
	{ "100.64.0.1", "shared" }, { "100.127.255.255", "shared" },
	{ "100.63.255.255", NULL }, { "100.128.0.0", NULL },
	{ "192.0.2.2", "session" }, { "192.0.2.1", "session" },
	{ "fd00:5e55::1", "session" }, { "fd00:5e55:0:1::1", "private" },
	{ "192.0.0.1", "reserved" }, { "192.88.99.1", "reserved" },
	{ "198.18.0.1", "reserved" }, { "198.19.255.255", "reserved" },
	{ "198.20.0.0", NULL }, { "224.0.0.1", "multicast" },
	{ "239.255.255.255", "multicast" }, { "ff02::1", "multicast" },
	{ "240.0.0.1", "reserved" }, { "255.255.255.254", "reserved" },
	{ "255.255.255.255", "broadcast" }, { "100::1", "reserved" },
	{ "4000::1", "reserved" }, { "5f00::1", "reserved" },
	{ "1fff:ffff::1", "reserved" }, { "2001:2::1", "reserved" },
	{ "2001:10::1", "reserved" }, { "2001:2f:ffff::1", "reserved" },
	{ "2001:30::1", NULL },
	/* mapped, and forms that carry an address of IPv4 */
	{ "::ffff:127.0.0.1", "loopback" }, { "::ffff:169.254.169.254", "metadata" },
	{ "::ffff:8.8.8.8", NULL },
	{ "::127.0.0.1", "loopback" }, { "::10.0.0.1", "private" },
	{ "::8.8.8.8", "reserved" }, /* nobody's any more */
	{ "::ffff:0:10.0.0.1", "private" }, { "::ffff:0:8.8.8.8", "reserved" },
	{ "64:ff9b::8.8.8.8", NULL }, { "64:ff9b::10.1.2.3", "private" },
	{ "64:ff9b::169.254.169.254", "metadata" },
	{ "64:ff9b::127.0.0.1", "loopback" }, { "64:ff9b::1:808:808", "reserved" },
	{ "64:ff9b:1::169.254.169.254", "metadata" },
	{ "64:ff9b:1:ffff::10.0.0.1", "private" },
	{ "64:ff9b:1::8.8.8.8", "reserved" },
	{ "2002:0808:0808::1", NULL }, { "2002:7f00:1::1", "loopback" },
	{ "2002:a9fe:a9fe::a9fe:a9fe", "metadata" },
	{ "2002:c0a8:101::1", "private" },
	/* Teredo: server 65.54.227.120; client 192.0.2.45, 8.8.8.8 */
	{ "2001:0:4136:e378:8000:63bf:3fff:fdd2", "session" },
	{ "2001:0:4136:e378:8000:63bf:f7f7:f7f7", NULL },
	{ "2001:0:4136:e378:8000:63bf:5601:5601", "metadata" },
	{ "2001:0:a00:1:8000:63bf:f7f7:f7f7", "private" },
	{ "2a00::5efe:10.0.0.1", "private" }, { "2a00::200:5efe:127.0.0.1", "loopback" },
	{ "2a00::5efe:8.8.8.8", NULL }, { "2a00::1:5efe:10.0.0.1", NULL },
	/* clang-format on */
};

static void
host_unread(void)
{
	uint8_t addr[16];

	addr_of("8.8.8.8", addr);
	CHECK_STR(addr_class(addr), "host");
}

static void
test_classes(void)
{
	uint8_t addr[16];
	const char *have, *want;
	size_t i;

	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		addr_of(classes[i].addr, addr);
		have = addr_class(addr);
		want = classes[i].class;
		if ((have == NULL) != (want == NULL) ||
		    (have != NULL && strcmp(have, want) != 0)) {
			printf("# %s: %s, want %s\n", classes[i].addr,
			    have == NULL ? "none" : have,
			    want == NULL ? "none" : want);
			t_fail(__FILE__, __LINE__, "class");
		}
	}
}

/* Every address that the host has is refused, and its translated form. */
static void
host_addresses(void)
{
	struct ifaddrs *all, *i;
	struct sockaddr_in *sin;
	uint8_t addr[16];
	int seen = 0;

	CHECK(getifaddrs(&all) == 0);
	for (i = all; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_INET)
			continue;
		sin = (void *)i->ifa_addr;
		addr_of("0.0.0.0", addr);
		memcpy(addr + 12, &sin->sin_addr, 4);
		CHECK(addr_class(addr) != NULL);
		addr_of("64:ff9b::", addr);
		memcpy(addr + 12, &sin->sin_addr, 4);
		CHECK(addr_class(addr) != NULL);
		seen++;
	}
	freeifaddrs(all);
	printf("# %d addresses\n", seen);
}

/* "decision said rule; reason" */
static const char *
text_of(const struct net_ruling *r)
{
	static const char *const names[] = { "deny", "allow", "audit",
		"approve" };
	static char text[512];

	snprintf(text, sizeof(text), "%s %s %s%s%s", names[r->v.decision],
	    names[r->said], r->v.rule_name, r->reason == NULL ? "" : "; ",
	    r->reason == NULL ? "" : r->reason);
	return text;
}

static const char *
may_look_up(const char *name)
{
	struct net_ruling r;

	decide_name(&p.image, name, &r);
	return text_of(&r);
}

static const char *
may_answer(const char *name, const char *text)
{
	struct net_ruling r;
	uint8_t addr[16];

	addr_of(text, addr);
	decide_answer(&p.image, name, addr, &r);
	return text_of(&r);
}

static const char *
may_connect(const char *name, const char *text, uint16_t port)
{
	struct net_ruling r;
	uint8_t addr[16];

	addr_of(text, addr);
	decide_connect(&p.image, name, addr, port, &r);
	return text_of(&r);
}

static void
load(const char *rules)
{
	char text[4096];

	p_free(&p);
	snprintf(text, sizeof(text), "version: 1\nname: p\nnetwork_rules:\n%s",
	    rules);
	if (p_load(&p, text, NULL) == -1) {
		printf("Bail out! %s\n", p.e.message);
		exit(1);
	}
}

static void
names(void)
{
	char label[65], name[300];

	load("- {name: api, domains: ['api.corp.test', '**.cdn.corp.test'], "
	     "ports: [443], decision: allow}\n"
	     "- {name: bad, domains: ['bad.test'], decision: deny}\n"
	     "- {name: no-80, domains: ['half.test'], ports: [80], "
	     "decision: deny}\n"
	     "- {name: seen, domains: ['*.test'], ports: [80], "
	     "decision: audit}\n"
	     "- {name: ask, domains: ['ask.corp'], decision: approve}\n");
	CHECK_STR(may_look_up("api.corp.test"), "allow allow api");
	CHECK_STR(may_look_up("API.Corp.Test."), "allow allow api");
	CHECK_STR(may_look_up("a.b.cdn.corp.test"), "allow allow api");
	CHECK_STR(may_look_up("corp.example"),
	    "deny deny default-deny-network");
	CHECK_STR(may_look_up("evil-api.corp.test"),
	    "deny deny default-deny-network");
	CHECK_STR(may_look_up("api.corp.test.evil.org"),
	    "deny deny default-deny-network");
	CHECK_STR(may_look_up("bad.test"), "deny deny bad");
	CHECK_STR(may_look_up("half.test"), "deny deny default-deny-network");
	CHECK_STR(may_look_up("x.test"), "audit audit seen");
	CHECK_STR(may_look_up("ask.corp"), "allow approve ask");
	load("- {name: all, decision: allow}\n");
	CHECK_STR(may_look_up("a"), "allow allow all");
	CHECK_STR(may_look_up("_dmarc.a-b.c"), "allow allow all");
	CHECK_STR(may_look_up("1.2.3.4a"), "allow allow all");
	CHECK_STR(may_look_up("0xg"), "allow allow all");
	memset(label, 'a', 64);
	label[64] = '\0';
	CHECK_STR(may_look_up(label + 1), "allow allow all");
	CHECK(strstr(may_look_up(label), "no name") != NULL);
	snprintf(name, sizeof(name), "%s.%s.%s.%s", label + 1, label + 1,
	    label + 1, label + 3);
	CHECK_INT(strlen(name), 253);
	CHECK_STR(may_look_up(name), "allow allow all");
	memmove(name + 2, name, 254);
	memcpy(name, "a.", 2);
	CHECK(strstr(may_look_up(name), "no name") != NULL);
}

/* Whoever passes names on to inet_aton(3) would be led anywhere. */
static void
no_names(void)
{
	static const char *const bad[] = { "", ".", "..", "a..b", ".a", "a b",
		"a@b", "a:80", "[::1]", "::1", "a/b", "a%00b", "a\nb", "a..",
		"b\xc3\xa9", "*", "a\x01" };
	static const char *const numbers[] = { "127.0.0.1", "2130706433",
		"0x7f000001", "0X7F.1", "017700000001", "127.1", "a.1", "0x",
		"1.", "169.254.169.254.", "a.0xA9FEA9FE" };
	size_t i;

	load("- {name: all, decision: allow}\n");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(strncmp(may_look_up(bad[i]), "deny deny ", 10) == 0);
		CHECK(strstr(may_look_up(bad[i]), "; no name") != NULL);
		CHECK(strncmp(may_connect(bad[i], "8.8.8.8", 1), "deny ", 5) ==
		    0);
		CHECK(strncmp(may_answer(bad[i], "8.8.8.8"), "deny ", 5) == 0);
	}
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		CHECK(strstr(may_look_up(numbers[i]), "; an address") != NULL);
	CHECK(strncmp(may_look_up(NULL), "deny deny ", 10) == 0);
}

#define NAMED " address, which no rule names by cidrs"

static void
answers(void)
{
	load("- {name: no-10, cidrs: [10.0.0.0/8], decision: deny}\n"
	     "- {name: dev, domains: ['dev.test'], cidrs: [192.168.7.0/24], "
	     "ports: [80], decision: allow}\n"
	     "- {name: ask, domains: ['dev.test'], cidrs: [192.168.8.0/24], "
	     "decision: approve}\n"
	     "- {name: web, domains: ['*.test'], ports: [443], "
	     "decision: allow}\n");
	CHECK_STR(may_answer("a.test", "8.8.8.8"), "allow allow web");
	CHECK_STR(may_answer("a.test", "2a00::1"), "allow allow web");
	CHECK_STR(may_answer("a.org", "8.8.8.8"),
	    "deny deny default-deny-network");
	CHECK_STR(may_answer("a.test", "127.0.0.1"),
	    "deny allow web; loopback" NAMED);
	CHECK_STR(may_answer("a.test", "0.0.0.0"),
	    "deny allow web; unspecified" NAMED);
	CHECK_STR(may_answer("a.test", "64:ff9b::a9fe:a9fe"),
	    "deny allow web; metadata" NAMED);
	CHECK_STR(may_answer("a.test", "192.168.7.1"),
	    "deny allow web; private" NAMED);
	CHECK_STR(may_answer("a.test", "10.1.2.3"), "deny deny no-10");
	CHECK_STR(may_answer("dev.test", "192.168.7.1"), "allow allow dev");
	CHECK_STR(may_answer("dev.test", "192.168.8.1"), "allow approve ask");
	CHECK_STR(may_answer("dev.test", "192.168.9.1"),
	    "deny allow web; private" NAMED);
	/* the same address, but it is not what the rule's cidrs say */
	CHECK_STR(may_answer("dev.test", "64:ff9b::c0a8:701"),
	    "deny allow web; private" NAMED);
}

static void
connections(void)
{
	load("- {name: meta, cidrs: [169.254.169.254/32], ports: [80], "
	     "decision: audit}\n"
	     "- {name: api, domains: ['api.test'], ports: [443], "
	     "decision: allow}\n"
	     "- {name: lan, cidrs: [10.1.0.0/16, '2a00:1::/32'], "
	     "decision: allow}\n"
	     "- {name: ask, domains: ['ask.test'], decision: approve}\n"
	     "- {name: ssh, ports: [22], decision: allow}\n"
	     "- {name: four, cidrs: [0.0.0.0/0], ports: [99], "
	     "decision: allow}\n");
	CHECK_STR(may_connect("api.test", "8.8.8.8", 443), "allow allow api");
	CHECK_STR(may_connect("api.test", "8.8.8.8", 80),
	    "deny deny default-deny-network");
	CHECK_STR(may_connect("api.test", "127.0.0.1", 443),
	    "deny allow api; loopback" NAMED);
	CHECK_STR(may_connect(NULL, "8.8.8.8", 443),
	    "deny deny default-deny-network");
	CHECK_STR(may_connect(NULL, "10.1.2.3", 443), "allow allow lan");
	CHECK_STR(may_connect("x.test", "10.1.2.3", 443), "allow allow lan");
	CHECK_STR(may_connect(NULL, "10.2.2.3", 443),
	    "deny deny default-deny-network");
	CHECK_STR(may_connect(NULL, "2a00:1::5", 1), "allow allow lan");
	CHECK_STR(may_connect(NULL, "169.254.169.254", 80), "audit audit meta");
	CHECK_STR(may_connect(NULL, "169.254.169.254", 8080),
	    "deny deny default-deny-network");
	CHECK_STR(may_connect("ask.test", "8.8.8.8", 1), "approve approve ask");
	CHECK_STR(may_connect("ask.test", "127.0.0.1", 1),
	    "deny approve ask; loopback" NAMED);
	CHECK_STR(may_connect("x.org", "8.8.8.8", 22), "allow allow ssh");
	CHECK_STR(may_connect(NULL, "8.8.8.8", 22),
	    "deny allow ssh; address that no name was looked up for, and the "
	    "rule has no cidrs");
	/* the network of all addresses names none of those */
	CHECK_STR(may_connect(NULL, "8.8.8.8", 99), "allow allow four");
	CHECK_STR(may_connect(NULL, "10.9.9.9", 99),
	    "deny allow four; private" NAMED);
	CHECK_STR(may_connect(NULL, "192.0.2.1", 99),
	    "deny allow four; session" NAMED);
	CHECK_STR(may_connect("api.test", "8.8.8.8", 0),
	    "deny deny default-deny-network; no port");
	load("- {name: all, decision: allow}\n");
	CHECK_STR(may_connect(NULL, "8.8.8.8", 1), "allow allow all");
	CHECK_STR(may_connect(NULL, "127.0.0.1", 1),
	    "deny allow all; loopback" NAMED);
	CHECK_STR(may_connect("a", "192.168.0.1", 1),
	    "deny allow all; private" NAMED);
	load("- {name: all, decision: deny}\n");
	CHECK_STR(may_connect("a", "127.0.0.1", 1), "deny deny all");
}

int
main(void)
{
	T_RUN(host_unread);
	T(decide_host_addresses() == 0, "the host's addresses are read");
	T_RUN(test_classes);
	T_RUN(host_addresses);
	T_RUN(names);
	T_RUN(no_names);
	T_RUN(answers);
	T_RUN(connections);
	p_free(&p);
	return done_testing();
}
