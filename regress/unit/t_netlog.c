/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events of the network: what is in each, and what of an address that is
 * refused a session is not told.
 */
#include <fcntl.h>
#include <unistd.h>

#include "event.h"
#include "netlog.h"
#include "t.h"

static struct ring reader;
static struct nsess ns;
static struct owner owner = {
	.pid = 7, .command = "cmd-1", .exe = "/usr/bin/curl"
};
static struct net_ruling ruling;

static uint8_t out[16] = { [10] = 0xff, [11] = 0xff, 198, 51, 100, 7 };
static uint8_t inside[16] = { [10] = 0xff, [11] = 0xff, 10, 0, 0, 1 };
static uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };

const char *
addr_class(const uint8_t addr[16])
{
	return addr[12] == 10 ? "private" : NULL;
}

static void add(char *text, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
add(char *text, size_t size, const char *fmt, ...)
{
	size_t n = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + n, size - n, fmt, ap);
	va_end(ap);
}

/* The next event, but for its time: name, command, pid, then its fields. */
static const char *
next(void)
{
	static char text[65536];
	static uint8_t rec[EVENT_MAX];
	struct event_head head;
	enum event_field field;
	const char *str;
	struct buf b;
	uint64_t num;
	size_t n;
	int r;

	text[0] = '\0';
	if (ring_get(&reader, rec, sizeof(rec), &n) != 1)
		return "none";
	buf_read_from(&b, rec, n);
	if (ev_get_head(&b, &head) == -1)
		return "malformed";
	add(text, sizeof(text), "%s %s %u", event_rows[head.type].name,
	    head.command_id, head.pid);
	while ((r = ev_get_field(&b, &field, &num, &str, &n)) == 1) {
		add(text, sizeof(text), "\n%s=", event_field_rows[field].key);
		if (str != NULL)
			add(text, sizeof(text), "%.*s", (int)n, str);
		else
			add(text, sizeof(text), "%llu",
			    (unsigned long long)num);
	}
	return r == 0 ? text : "malformed";
}

static void
says(enum decision said, const char *rule, const char *message)
{
	memset(&ruling, 0, sizeof(ruling));
	ruling.said = ruling.v.decision = said;
	ruling.v.rule_name = rule;
	ruling.v.message = message;
}

static void
queries(void)
{
	const char *answers[] = { "198.51.100.7", "198.51.100.8" };
	struct net_query_event e = {
		.owner = &owner,
		.name = "a.test",
		.type = "A",
		.answer = answers,
		.nanswer = 2,
		.ruling = &ruling,
		.allowed = true,
	};

	says(DECISION_ALLOW, "names", "");
	CHECK_INT(netlog_query(&ns, &e), 0);
	CHECK_STR(next(),
	    "dns_query cmd-1 7\n"
	    "fields.executable=/usr/bin/curl\n"
	    "domain=a.test\n"
	    "operation=dns_query\n"
	    "policy.decision=allow\n"
	    "policy.effective_decision=allow\n"
	    "policy.rule=names\n"
	    "fields.query_type=A\n"
	    "fields.answers=198.51.100.7\n"
	    "fields.answers=198.51.100.8");
	says(DECISION_DENY, "none", "not {{.Host}}");
	ruling.reason = "too-many-names";
	e.owner = NULL;
	e.nanswer = 0;
	e.allowed = false;
	e.error = "NXDOMAIN";
	CHECK_INT(netlog_query(&ns, &e), 0);
	CHECK_STR(next(),
	    "dns_query  0\n"
	    "domain=a.test\n"
	    "operation=dns_query\n"
	    "policy.decision=deny\n"
	    "policy.effective_decision=deny\n"
	    "policy.rule=none\n"
	    "policy.message=not a.test\n"
	    "fields.blocked=1\n"
	    "fields.reason=too-many-names\n"
	    "fields.query_type=A\n"
	    "fields.error=NXDOMAIN");
	says(DECISION_REDIRECT, "mirror", "");
	e.allowed = true;
	e.error = NULL;
	e.redirected = "198.51.100.9";
	CHECK_INT(netlog_query(&ns, &e), 0);
	CHECK_STR(next(),
	    "dns_query  0\n"
	    "domain=a.test\n"
	    "operation=dns_query\n"
	    "policy.decision=redirect\n"
	    "policy.effective_decision=redirect\n"
	    "policy.rule=mirror\n"
	    "fields.query_type=A\n"
	    "fields.redirect_to=198.51.100.9");
}

static void
connections(void)
{
	struct net_connect_event e = {
		.owner = &owner,
		.addr = out,
		.port = 443,
		.domain = "a.test",
		.sni = "a.test",
		.alpn = "h2",
		.ruling = &ruling,
		.allowed = true,
	};

	says(DECISION_AUDIT, "names", "");
	CHECK_INT(netlog_connect(&ns, &e), 0);
	CHECK_STR(next(),
	    "net_connect cmd-1 7\n"
	    "fields.executable=/usr/bin/curl\n"
	    "domain=a.test\n"
	    "remote=198.51.100.7:443\n"
	    "operation=connect\n"
	    "policy.decision=audit\n"
	    "policy.effective_decision=allow\n"
	    "policy.rule=names\n"
	    "fields.port=443\n"
	    "fields.sni=a.test\n"
	    "fields.alpn=h2");
	says(DECISION_DENY, "r", "{{.Rule}}: {{.Host}} {{.Address}} {{.Port}}");
	e.addr = v6;
	e.domain = e.sni = e.alpn = NULL;
	e.host = "b.test";
	e.allowed = false;
	CHECK_INT(netlog_connect(&ns, &e), 0);
	CHECK_STR(next(),
	    "net_connect cmd-1 7\n"
	    "fields.executable=/usr/bin/curl\n"
	    "remote=[2001:db8::1]:443\n"
	    "operation=connect\n"
	    "policy.decision=deny\n"
	    "policy.effective_decision=deny\n"
	    "policy.rule=r\n"
	    "policy.message=r: 2001:db8::1 2001:db8::1 443\n"
	    "fields.blocked=1\n"
	    "fields.port=443\n"
	    "fields.http_host=b.test");
}

/* Where a name leads to in the host's networks is told when it is allowed, or was
 * said by the session itself. */
static void
places(void)
{
	struct net_connect_event e = {
		.addr = inside,
		.port = 22,
		.domain = "db.test",
		.ruling = &ruling,
	};

	says(DECISION_DENY, "r", "no {{.Address}}");
	CHECK_INT(netlog_connect(&ns, &e), 0);
	CHECK_STR(next(),
	    "net_connect  0\n"
	    "domain=db.test\n"
	    "remote=db.test:22\n"
	    "operation=connect\n"
	    "policy.decision=deny\n"
	    "policy.effective_decision=deny\n"
	    "policy.rule=r\n"
	    "policy.message=no private address\n"
	    "fields.blocked=1\n"
	    "fields.port=22");
	e.domain = NULL;
	CHECK_INT(netlog_connect(&ns, &e), 0);
	CHECK(strstr(next(), "remote=10.0.0.1:22\n") != NULL);
	e.domain = "db.test";
	e.allowed = true;
	e.error = "Connection refused";
	says(DECISION_ALLOW, "r", "");
	CHECK_INT(netlog_connect(&ns, &e), 0);
	CHECK_STR(next(),
	    "net_connect  0\n"
	    "domain=db.test\n"
	    "remote=10.0.0.1:22\n"
	    "operation=connect\n"
	    "policy.decision=allow\n"
	    "policy.effective_decision=allow\n"
	    "policy.rule=r\n"
	    "fields.port=22\n"
	    "fields.error=Connection refused");
}

static void
ends(void)
{
	struct net_connect_event e = {
		.owner = &owner,
		.addr = out,
		.port = 80,
		.domain = "a.test",
		.ruling = &ruling,
		.allowed = true,
		.bytes_sent = 1ULL << 40,
		.bytes_received = 0,
		.duration_ms = 1234,
		.error = "Connection timed out",
	};

	says(DECISION_ALLOW, "r", "");
	CHECK_INT(netlog_close(&ns, &e), 0);
	CHECK_STR(next(),
	    "net_close cmd-1 7\n"
	    "fields.executable=/usr/bin/curl\n"
	    "domain=a.test\n"
	    "remote=198.51.100.7:80\n"
	    "fields.bytes_sent=1099511627776\n"
	    "fields.bytes_received=0\n"
	    "fields.duration_ms=1234\n"
	    "fields.error=Connection timed out");
	CHECK_INT(netlog_limit(&ns, "too-many-waiting", false), 0);
	CHECK_STR(next(),
	    "net_limit  0\n"
	    "operation=connect\n"
	    "fields.reason=too-many-waiting");
	CHECK_INT(netlog_limit(&ns, "too-many-dns-connections", true), 0);
	CHECK_STR(next(),
	    "net_limit  0\n"
	    "operation=connect\n"
	    "fields.blocked=1\n"
	    "fields.reason=too-many-dns-connections");
	/* who cannot write is told so */
	ring_abandon(&ns.ring);
	while (netlog_limit(&ns, "too-many-waiting", false) == 0)
		;
	CHECK_INT(netlog_close(&ns, &e), -1);
	CHECK_INT(netlog_connect(&ns, &e), -1);
}

int
main(void)
{
	int fds[3], again[3], i;

	if (ring_create(fds) == -1)
		return 1;
	for (i = 0; i < 3; i++)
		again[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
	if (ring_map(&ns.ring, fds, RING_SIZE) == -1 ||
	    ring_map(&reader, again, RING_SIZE) == -1)
		return 1;
	T_RUN(queries);
	T_RUN(connections);
	T_RUN(places);
	T_RUN(ends);
	ring_unmap(&ns.ring);
	ring_unmap(&reader);
	return done_testing();
}
