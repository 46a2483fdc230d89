/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections out of a session that speak HTTP, that ask a proxy, or that a policy
 * sends elsewhere, with real sockets on both sides.
 */
#include <fcntl.h>

#include "tcp_t.h"

#define E "\r\n"

/* A client at host n says this and ends. Is it refused with 403, for this? */
static void
refused_at(int n, const char *text, const char *why)
{
	char got[1024];
	struct seen e;
	int c = client_of(n);

	say(c, text);
	CHECK_INT(rest_of(c, got, sizeof(got)), 0);
	got[13] = '\0';
	CHECK_STR(got, "HTTP/1.1 403 ");
	close(c);
	e = next_event();
	CHECK(!e.allowed);
	CHECK_STR(e.reason, why);
	CHECK(arrived(n, 0) == -1);
}

static void
hosts(void)
{
	char got[1024];
	struct seen e;
	int c, s;

	serve(1, 80, "a.ok", "b.ok");
	host[1].also = "c.ok";
	c = client_of(1);
	say(c, "GET / HTTP/1.1" E "Ho");
	CHECK(arrived(1, 100) == -1);
	say(c, "st: A.ok" E E);
	s = arrived(1, 5000);
	hears(s, "GET / HTTP/1.1" E "Host: A.ok" E E);
	say(s, "HTTP/1.1 200 OK" E);
	hears(c, "HTTP/1.1 200 OK" E);
	/* the same connection again */
	say(c,
	    "POST / HTTP/1.1" E "Host: a.ok:80" E "Content-Length: 3" E E
	    "123");
	hears(s,
	    "POST / HTTP/1.1" E "Host: a.ok:80" E "Content-Length: 3" E E
	    "123");
	/* and for somebody else, although that is allowed */
	say(c, "GET / HTTP/1.1" E "Host: b.ok" E E);
	CHECK(is_reset(s));
	close(s);
	close(c);
	e = next_event();
	CHECK(!e.allowed);
	CHECK_STR(e.reason, "request for a second host");
	CHECK_STR(e.domain, "a.ok");
	refused_at(1, "GET / HTTP/1.1" E "Host: d.ok" E E,
	    "address that is not one of the name");
	refused_at(1, "GET / HTTP/1.1" E "Host: toomany.ok" E E,
	    "too many look-ups");
	refused_at(1, "GET / HTTP/1.1" E "Host: d.no" E E, "");
	c = client_of(1);
	say(c, "GET / HTTP/1.1" E "Host: d.no" E E);
	CHECK_INT(rest_of(c, got, sizeof(got)), 0);
	CHECK(strstr(got,
		  E E
		  "agentsh: the-rest: ask somebody about d.no:80\n") != NULL);
	close(c);
	next_event();
	refused_at(1, "GET / HTTP/1.1" E "Host: 203.0.113.2" E E, "");
	refused_at(1, "GET / HTTP/1.1" E "Host: a.ok:81" E E,
	    "Host names another port");
	refused_at(1, "GET / HTTP/1.1" E "Host: a.ok\n" E,
	    "line end other than CR LF");
	refused_at(1, "CONNECT a.ok:80 HTTP/1.1" E "Host: a.ok" E E,
	    "HTTP CONNECT");
	refused_at(1, "PRI * HTTP/2.0" E E "SM" E E, "HTTP/2 without TLS");
	refused_at(1, "hello" E E, "malformed request line");
	refused_at(1, "\x16\x02 no TLS", "malformed request line");
	/* by its address, by another of its names, by one that is looked up */
	c = client_of(1);
	say(c, "GET / HTTP/1.1" E "Host: 203.0.113.1" E E);
	hears(s = arrived(1, 5000), "GET /");
	close(c);
	close(s);
	CHECK(next_event().allowed);
	c = client_of(1);
	say(c, "GET / HTTP/1.1" E "Host: c.ok" E E "");
	hears(s = arrived(1, 5000), "GET / HTTP/1.1" E "Host: c.ok" E E);
	close(c);
	close(s);
	e = next_event();
	CHECK(e.allowed);
	CHECK_STR(e.domain, "c.ok");
	CHECK_STR(e.http, "c.ok");
}

static void
other_ports(void)
{
	int c, s;

	serve(2, 8080, "a.ok", NULL);
	/* what cannot be told from a request yet passes, for others wait there;
	 * its end does not */
	c = client_of(2);
	say(c, "GET /");
	hears(s = arrived(2, 5000), "GET /");
	say(c, " HTTP/1.1" E "Host: b.no" E E);
	CHECK(is_reset(s));
	close(s);
	close(c);
	CHECK_STR(next_event().domain, "b.no");
	c = client_of(2);
	say(c, "GET /");
	hears(s = arrived(2, 5000), "GET /");
	say(c, " HTTP/1.1" E "Host: a.ok:8080" E E);
	hears(s, " HTTP/1.1" E "Host: a.ok:8080" E E);
	close(s);
	close(c);
	CHECK(next_event().allowed);
	refused_at(2, E "GET / HTTP/1.1" E "Host: a.ok" E E,
	    "malformed request line");
	refused_at(2, "get / http/1.1" E "Host: a.ok" E E,
	    "malformed HTTP version");
	c = client_of(2);
	say(c, "PING" E "GET / HTTP/1.1" E "Host: b.no" E E);
	hears(s = arrived(2, 5000), "PING" E "GET / HTTP/1.1");
	close(s);
	close(c);
	CHECK(next_event().allowed);
}

static void
websocket(void)
{
	static const char ask[] = "GET / HTTP/1.1" E "Host: a.ok" E
				  "Connection: Upgrade" E
				  "Upgrade: websocket" E E;
	static const char evil[] = "GET / HTTP/1.1" E "Host: b.ok" E E;
	int c, s;

	serve(3, 80, "a.ok", "b.ok");
	c = client_of(3);
	say(c, ask);
	hears(s = arrived(3, 5000), ask);
	/* waits for what the server says */
	say(c, evil);
	say(s, "HTTP/1.1 101 Switching" E E);
	hears(c, "HTTP/1.1 101 Switching" E E);
	hears(s, evil);
	close(s);
	close(c);
	CHECK(next_event().allowed);
	c = client_of(3);
	say(c, ask);
	hears(s = arrived(3, 5000), ask);
	say(c, evil);
	say(s, "HTTP/1.1 200 OK" E E);
	CHECK(is_reset(s));
	close(s);
	close(c);
	CHECK_STR(next_event().reason, "request for a second host");
	/* after another request the answers could not be told apart */
	c = client_of(3);
	say(c, "GET / HTTP/1.1" E "Host: a.ok" E E);
	say(c, ask);
	(void)rest_of(c, NULL, 0);
	close(c);
	CHECK_STR(next_event().reason, "HTTP Upgrade");
	CHECK((s = arrived(3, 100)) == -1 || close(s) == 0);
}

static int
proxy_client(void)
{
	return dial_at(INADDR_LOOPBACK, tt.proxy_port);
}

/* The proxy answers a request with this, and why. */
static void
proxy_refuses(const char *text, const char *answer, const char *why)
{
	char got[1024];
	struct seen e;
	int c = proxy_client();

	say(c, text);
	CHECK_INT(rest_of(c, got, sizeof(got)), 0);
	got[12] = '\0';
	CHECK_STR(got, answer);
	close(c);
	e = next_event();
	CHECK_STR(e.reason, why);
}

static void
http_proxy(void)
{
	static const char ok[] = "HTTP/1.1 200 Connection established" E E;
	uint8_t hello[4096];
	size_t len;
	struct seen e;
	int c, s;

	serve(20, 443, "a.ok", NULL);
	serve(21, 80, "x.ok", "y.ok");
	c = proxy_client();
	say(c, "CONNECT A.ok:443 HTTP/1.1" E "Host: a.ok:443" E E);
	hears(c, ok);
	CHECK((s = arrived(20, 5000)) != -1);
	len = hello_of("a.ok", false, hello, sizeof(hello));
	put(c, hello, len);
	shutdown(c, SHUT_WR);
	CHECK_INT(rest_of(s, NULL, 0), 0);
	close(s);
	close(c);
	e = next_event();
	CHECK(e.allowed);
	CHECK_INT(e.sent, len);
	CHECK_STR(e.sni, "a.ok");
	/* fronting, although that name is allowed as well */
	c = proxy_client();
	say(c, "CONNECT a.ok:443 HTTP/1.1" E "Host: a.ok" E E);
	hears(c, ok);
	s = arrived(20, 5000);
	put(c, hello, hello_of("x.ok", false, hello, sizeof(hello)));
	CHECK(is_reset(s));
	close(s);
	close(c);
	CHECK_STR(next_event().reason, "address that is not one of the name");
	/* a request in a tunnel, and a tunnel in a tunnel */
	c = proxy_client();
	say(c,
	    "CONNECT x.ok:80 HTTP/1.1" E "Host: x.ok" E E
	    "CONNECT x.ok:80 HTTP/1.1" E "Host: x.ok" E E);
	hears(c, ok);
	hears(c, "HTTP/1.1 403 ");
	close(c);
	CHECK_STR(next_event().reason, "HTTP CONNECT");
	CHECK((s = arrived(21, 100)) == -1 || close(s) == 0);
	proxy_refuses("CONNECT b.no:443 HTTP/1.1" E "Host: b.no" E E,
	    "HTTP/1.1 403", "");
	proxy_refuses("CONNECT 203.0.113.22:443 HTTP/1.1" E "Host: x" E E,
	    "HTTP/1.1 403", "");
	proxy_refuses("CONNECT nowhere.ok:443 HTTP/1.1" E "Host: x" E E,
	    "HTTP/1.1 502", "");
	proxy_refuses("CONNECT a.ok:444 HTTP/1.1" E "Host: x" E E,
	    "HTTP/1.1 502", "");
	proxy_refuses("CONNECT a.ok:65979 HTTP/1.1" E "Host: x" E E,
	    "HTTP/1.1 403", "malformed request target");
	proxy_refuses("GET / HTTP/1.1" E "Host: a.ok" E E, "HTTP/1.1 403",
	    "malformed request target");
}

static void
absolute(void)
{
	int c, s;

	serve(21, 80, "x.ok", "y.ok");
	c = proxy_client();
	say(c, "GET http://x.ok/x?y HTTP/1.1" E "Host: x.ok" E E);
	hears(s = arrived(21, 5000), "GET /x?y HTTP/1.1" E "Host: x.ok" E E);
	say(s, "HTTP/1.1 200 OK" E E);
	hears(c, "HTTP/1.1 200 OK" E E);
	say(c,
	    "POST http://x.ok:80/ HTTP/1.1" E "Host: x.ok" E
	    "Content-Length: 2" E E "ab");
	hears(s,
	    "POST / HTTP/1.1" E "Host: x.ok" E "Content-Length: 2" E E "ab");
	say(c, "GET http://y.ok/ HTTP/1.1" E "Host: y.ok" E E);
	CHECK(is_reset(s));
	close(s);
	close(c);
	CHECK_STR(next_event().reason, "request for a second host");
	c = proxy_client();
	say(c, "GET http://x.ok/ HTTP/1.1" E "Host: x.ok" E E);
	hears(s = arrived(21, 5000), "GET / HTTP/1.1" E "Host: x.ok" E E);
	say(c, "CONNECT x.ok:80 HTTP/1.1" E "Host: x.ok" E E);
	CHECK(is_reset(s));
	close(s);
	close(c);
	CHECK_STR(next_event().reason, "HTTP CONNECT");
	proxy_refuses("GET http://b.no/ HTTP/1.1" E "Host: b.no" E E,
	    "HTTP/1.1 403", "");
	proxy_refuses("GET http://x.ok/ HTTP/1.1" E "Host: y.ok" E E,
	    "HTTP/1.1 403", "Host differs from the request target");
}

/* The answer to a request of SOCKS is this, and then the end. */
static void
socks_refuses(const char *request, size_t len, uint8_t code)
{
	uint8_t got[12];
	int c = proxy_client();

	put(c, "\5\1\0", 3);
	put(c, request, len);
	CHECK_INT(recv(c, got, 12, MSG_WAITALL), 12);
	CHECK_INT(got[0], 5);
	CHECK_INT(got[1], 0);
	CHECK_INT(got[3], code);
	CHECK(recv(c, got, 1, 0) <= 0);
	close(c);
	next_event();
}

static void
socks(void)
{
	char got[12];
	int c, s;

	serve(23, 9000, "s.ok", NULL);
	c = proxy_client();
	put(c, "\5", 1);
	put(c, "\2\1\0", 3);
	CHECK_INT(recv(c, got, 2, MSG_WAITALL), 2);
	CHECK(memcmp(got, "\5\0", 2) == 0);
	put(c, "\5\1\0\3\4s.o", 8);
	usleep(10000);
	put(c, "k\x23\x28hi", 5);
	CHECK_INT(recv(c, got, 10, MSG_WAITALL), 10);
	CHECK(memcmp(got, "\5\0\0\1\0\0\0\0\0\0", 10) == 0);
	hears(s = arrived(23, 5000), "hi");
	say(s, "ho");
	hears(c, "ho");
	close(s);
	close(c);
	CHECK_STR(next_event().domain, "s.ok");
	socks_refuses("\5\1\0\3\4s.no\x23\x28", 11, 2);
	socks_refuses("\5\1\0\1\xcb\0\x71\x16\x23\x28", 10, 2);
	socks_refuses("\5\1\0\3\4n.ok\x23\x28", 11, 4);
	socks_refuses("\5\1\0\3\4s.ok\x23\x29", 11, 4);
	socks_refuses("\5\1\0\3\7a\0.s.ok\x23\x28", 14, 8);
	socks_refuses("\5\2\0\1\xcb\0\x71\x16\x23\x28", 10, 7);
	c = proxy_client();
	put(c, "\5\1\2", 3);
	CHECK_INT(recv(c, got, 2, MSG_WAITALL), 2);
	CHECK(memcmp(got, "\5\xff", 2) == 0);
	close(c);
	CHECK_STR(next_event().reason, "SOCKS authentication");
}

static void
redirect(const char *from, const char *to, uint32_t tell, uint32_t fail)
{
	tt.redirect_from = from;
	tt.redirect_to = to;
	tt.redirect_tell = tell;
	tt.redirect_fail = fail;
}

static void
redirects(void)
{
	uint8_t hello[4096];
	struct seen e;
	int c, s;

	serve(30, 9000, "r.ok", "q.ok");
	serve(31, 7000, "other.no", NULL);
	serve(66, 7001, "within.no", NULL);
	redirect("r.ok:9000", "203.0.113.31:7000", 1, 0);
	c = client_of(30);
	say(c, "x");
	hears(s = arrived(31, 5000), "x");
	close(s);
	close(c);
	e = next_event();
	CHECK(e.allowed);
	CHECK_STR(e.redirected, "203.0.113.31:7000");
	CHECK_STR(e.rule, "the-redirect");
	redirect("r.ok:9000", "other.no:7000", 0, 0);
	c = client_of(30);
	say(c, "x");
	hears(s = arrived(31, 5000), "x");
	/* what was sent elsewhere for one name is not for another */
	put(c, hello, hello_of("q.ok", false, hello, sizeof(hello)));
	close(s);
	close(c);
	e = next_event();
	CHECK_STR(e.redirected, "");
	CHECK_STR(e.rule, "the-ok");
	c = client_of(30);
	s = arrived(31, 5000);
	put(c, hello, hello_of("q.ok", false, hello, sizeof(hello)));
	CHECK(is_reset(s));
	close(s);
	close(c);
	CHECK_STR(next_event().reason, "another name after a redirect");
	/* a name that leads inward does not open that */
	redirect("r.ok:9000", "within.no:7001", 1, 0);
	c = client_of(30);
	say(c, "x");
	CHECK(is_reset(c));
	close(c);
	CHECK(arrived(66, 0) == -1);
	CHECK_STR(next_event().error, "No route to host");
	/* but an address that is written there does */
	redirect("r.ok:9000", "203.0.113.66:7001", 1, 0);
	c = client_of(30);
	say(c, "x");
	hears(s = arrived(66, 5000), "x");
	close(s);
	close(c);
	CHECK(next_event().allowed);
	/* nobody is there */
	redirect("r.ok:9000", "203.0.113.31:1", 1, 0);
	c = client_of(30);
	say(c, "x");
	CHECK(is_reset(c));
	close(c);
	CHECK_STR(next_event().error, "Connection refused");
	redirect("r.ok:9000", "203.0.113.31:1", 1, 2);
	c = client_of(30);
	say(c, "x");
	hears(s = arrived(30, 5000), "x");
	close(s);
	close(c);
	e = next_event();
	CHECK(e.allowed);
	CHECK_STR(e.redirected, "");
	/* what is not allowed is not sent elsewhere either */
	redirect("other.no:7000", "203.0.113.30:9000", 1, 0);
	c = client_of(31);
	CHECK(is_reset(c));
	close(c);
	CHECK_STR(next_event().rule, "the-rest");
	redirect(NULL, NULL, 0, 0);
}

/* A name that is looked up only when the place of the redirect fails. */
static void
held_redirect(void)
{
	uint8_t addr[16];
	int c, s, lookups = tt.lookups;

	serve(30, 9000, NULL, NULL);
	host[30].also = "h.ask";
	tt.held_port = 9000;
	tt.say = APPROVAL_GRANTED;
	redirect("h.ask:9000", "203.0.113.31:7000", 1, 2);
	CHECK_INT(held_address(tt.s.held, "h.ask", addr), 0);
	c = dial_at(0x7f020000 | (uint32_t)(addr[14] << 8 | addr[15]), tt.port);
	say(c, "x");
	hears(s = arrived(31, 5000), "x");
	close(s);
	close(c);
	CHECK(next_event().allowed);
	CHECK_INT(tt.lookups, lookups);
	redirect("h.ask:9000", "203.0.113.31:1", 1, 2);
	c = dial_at(0x7f020000 | (uint32_t)(addr[14] << 8 | addr[15]), tt.port);
	say(c, "x");
	hears(s = arrived(30, 5000), "x");
	close(s);
	close(c);
	CHECK(next_event().allowed);
	CHECK_INT(tt.lookups, lookups + 1);
}

/* A client of host 30, until execd is asked for the socket. */
static int
unix_client(const char *path, uint32_t fail)
{
	int c;

	redirect("r.ok:9000", "", 1, fail);
	tt.redirect_unix = path;
	tt.wanted = 0;
	tt.path[0] = '\0';
	c = client_of(30);
	say(c, "x");
	CHECK_INT(chan_step(tt.execd, 5000), 1);
	CHECK_STR(tt.path, path);
	return c;
}

static void
unix_failed(int error)
{
	struct msg_net_unix_failed m = { .error = (uint32_t)error };

	CHECK_INT(msg_send_net_unix_failed(tt.execd, tt.wanted, &m, NULL), 0);
}

/* execd has connected: what netd has given it. */
static int
unix_connected(void)
{
	static const struct msg_net_unix_connected m;
	struct timeval tv = { 10, 0 };
	int fd = tt.given;

	tt.given = -1;
	CHECK(fd != -1);
	CHECK_INT(fcntl(fd, F_SETFL, 0), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	CHECK_INT(msg_send_net_unix_connected(tt.execd, tt.wanted, &m, NULL),
	    0);
	return fd;
}

/* By what execd has, or has been given, netd gets no descriptor: its last close
 * could make it wait. */
static void
unix_descriptors(void)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t) "y", 1 };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);
	int c, s, on;
	socklen_t len = sizeof(on);

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	serve(30, 9000, "r.ok", NULL);
	c = unix_client("/run/x", 0);
	s = unix_connected();
	hears(s, "x");
	if (getsockopt(s, SOL_SOCKET, SO_PASSRIGHTS, &on, &len) == -1) {
		printf("# the kernel has no SO_PASSRIGHTS\n");
	} else {
		memcpy(CMSG_DATA(cm), &s, sizeof(s));
		CHECK_INT(sendmsg(s, &mh, MSG_NOSIGNAL), -1);
		CHECK_INT(errno, EPERM);
	}
	close(s);
	close(c);
	CHECK(next_event().allowed);
}

static void
unix_redirects(void)
{
	struct seen e;
	int c, s;

	serve(30, 9000, "r.ok", NULL);
	c = unix_client("/run/x", 0);
	s = unix_connected();
	hears(s, "x");
	shutdown(c, SHUT_WR);
	CHECK_INT(rest_of(s, NULL, 0), 0);
	say(s, "yes");
	close(s);
	hears(c, "yes");
	CHECK_INT(rest_of(c, NULL, 0), 0);
	close(c);
	e = next_event();
	CHECK(e.allowed);
	CHECK_STR(e.redirected_unix, "/run/x");
	CHECK_STR(e.redirected, "");
	CHECK_STR(e.rule, "the-redirect");
	CHECK_INT(e.sent, 1);
	CHECK_INT(e.received, 3);
	/* nobody is there */
	c = unix_client("/run/x", 0);
	unix_failed(EACCES);
	CHECK(is_reset(c));
	close(c);
	e = next_event();
	CHECK_STR(e.error, "Permission denied");
	CHECK_STR(e.redirected_unix, "/run/x");
	/* then it goes where it was meant to */
	c = unix_client("/run/x", 2);
	unix_failed(ENOENT);
	hears(s = arrived(30, 5000), "x");
	close(s);
	close(c);
	e = next_event();
	CHECK(e.allowed);
	CHECK_STR(e.redirected_unix, "");
	/* one that has no room is asked again */
	c = unix_client("/run/x", 0);
	unix_failed(EAGAIN);
	CHECK_INT(chan_step(tt.execd, 5000), 1);
	unix_failed(EAGAIN);
	CHECK_INT(chan_step(tt.execd, 5000), 1);
	s = unix_connected();
	hears(s, "x");
	close(s);
	close(c);
	CHECK(next_event().allowed);
}

static void
unix_waits(void)
{
	uint64_t dial_ms = tcp_limits.dial_ms;
	int c, s;

	serve(30, 9000, "r.ok", NULL);
	/* but not for ever */
	tcp_limits.dial_ms = 200;
	c = unix_client("/run/x", 0);
	CHECK(is_reset(c));
	close(c);
	CHECK_STR(next_event().error, "Connection timed out");
	/* what comes then is for nobody */
	s = unix_connected();
	CHECK_INT(rest_of(s, NULL, 0), 0);
	close(s);
	tcp_limits.dial_ms = dial_ms;
	/* a client that is gone */
	c = unix_client("/run/x", 0);
	setsockopt(c, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
	    sizeof(struct linger));
	close(c);
	(void)next_event();
	s = unix_connected();
	CHECK_INT(rest_of(s, NULL, 0), 0);
	close(s);
	tt.redirect_unix = NULL;
	redirect(NULL, NULL, 0, 0);
}

/* Nothing goes on that cannot be written down. */
static void
no_log(void)
{
	int c1, c2, s1, s2;

	serve(40, 9000, "a.ok", NULL);
	c1 = client_of(40);
	say(c1, "x");
	hears(s1 = arrived(40, 5000), "x");
	c2 = client_of(40);
	say(c2, "x");
	hears(s2 = arrived(40, 5000), "x");
	tt.fail_log = true;
	close(c1);
	close(s1);
	CHECK(is_reset(c2));
	CHECK(is_reset(s2));
	CHECK(tt.failed);
	close(c2);
	close(s2);
	c1 = client_of(40);
	say(c1, "x");
	CHECK(arrived(40, 200) == -1);
	close(c1);
}

int
main(void)
{
	start_worker();
	T_RUN(hosts);
	T_RUN(other_ports);
	T_RUN(websocket);
	T_RUN(http_proxy);
	T_RUN(absolute);
	T_RUN(socks);
	T_RUN(redirects);
	T_RUN(held_redirect);
	T_RUN(unix_redirects);
	T_RUN(unix_waits);
	T_RUN(unix_descriptors);
	T_RUN(no_log);
	stop_worker();
	return done_testing();
}
