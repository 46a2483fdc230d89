/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients in a session that say something else to netd than the server will
 * understand, or than is true.
 */
#include <netinet/tcp.h>

#include <time.h>

#include "tcp_t.h"

/* What of these bytes comes to the server at n, and what becomes of it? */
static struct seen
send_all(int n, const void *bytes, size_t len, size_t *came)
{
	char got[8192];
	int c = client_of(n), s;
	struct seen e;

	*came = 0;
	put(c, bytes, len);
	s = arrived(n, 300);
	shutdown(c, SHUT_WR);
	if (s == -1)
		s = arrived(n, 200);
	if (s != -1) {
		ssize_t r;

		while ((r = recv(s, got, sizeof(got), 0)) > 0)
			*came += (size_t)r;
		close(s);
	}
	(void)rest_of(c, NULL, 0);
	close(c);
	e = next_event();
	return e;
}

/* A ClientHello whose records are of another version, as some servers take it. */
static void
record_versions(void)
{
	static const char alert[] = "\x15\x02\x00\x00\x02\x01\x5a";
	static const char ninep[] = "\x15\x00\x00\x00\x64\xff\xff\x18\x20\x00"
				    "\x00\x08\x00"
				    "9P2000.L";
	static const char empty[] = "\x16\x02\x00\x00\x00";
	static const uint8_t major[] = { 0, 1, 2, 4, 15, 16, 127, 255 };
	uint8_t hello[4096], text[4096];
	size_t len, came, i;
	struct seen e;

	serve(30, 443, "a.ok", NULL);
	len = hello_of("c.no", false, hello, sizeof(hello));
	for (i = 0; i < sizeof(major); i++) {
		hello[1] = major[i];
		e = send_all(30, hello, len, &came);
		CHECK(!e.allowed);
		CHECK_STR(e.reason, "malformed ClientHello");
		CHECK_INT(came, 0);
	}
	/* behind what such servers read past */
	memcpy(text, alert, sizeof(alert) - 1);
	memcpy(text + sizeof(alert) - 1, hello, len);
	CHECK(!send_all(30, text, sizeof(alert) - 1 + len, &came).allowed);
	CHECK_INT(came, 0);
	memcpy(text, empty, sizeof(empty) - 1);
	memcpy(text + sizeof(empty) - 1, hello, len);
	CHECK(!send_all(30, text, sizeof(empty) - 1 + len, &came).allowed);
	CHECK_INT(came, 0);
	/* in its own time, of which the beginning may pass */
	serve(31, 9000, "a.ok", NULL);
	hello[1] = 2;
	for (i = 1; i <= 5; i++) {
		int c = client_of(31), s;

		put(c, hello, i);
		usleep(100000);
		(void)send(c, hello + i, len - i, MSG_NOSIGNAL);
		s = arrived(31, 1000);
		came = 0;
		if (s != -1) {
			ssize_t r = recv(s, text, sizeof(text), 0);

			came = r > 0 ? (size_t)r : 0;
			close(s);
		}
		CHECK(came <= 5);
		CHECK(is_reset(c));
		close(c);
		CHECK(!next_event().allowed);
	}
	/* which is no record */
	e = send_all(31, ninep, sizeof(ninep) - 1, &came);
	CHECK(e.allowed);
	CHECK_INT(came, sizeof(ninep) - 1);
	/* MongoDB's: a length, and the number of a request */
	for (i = 0; i < 5; i++) {
		memcpy(text, "\x14\x01\0\0\0\0\0\0\0\0\0\0", 12);
		text[0] = (uint8_t)(0x14 + i);
		text[4] = (uint8_t)(i % 3);
		e = send_all(31, text, 12, &came);
		CHECK(e.allowed);
		CHECK_INT(came, 12);
	}
	e = send_all(31, ninep, 4, &came);
	CHECK(e.allowed);
	CHECK_INT(came, 4);
}

/* A server that warns before it asks for a second hello, which then has another
 * name. */
static void
warned(void)
{
	static const char alert[] = "\x15\x03\x03\x00\x02\x01\x70";
	static const char retry[] =
	    "\x16\x03\x03\x00\x4b\x02\x00\x00\x47\x03\x03"
	    "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c"
	    "\x02\x1e\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb"
	    "\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";
	uint8_t hello[4096], got[4096];
	size_t len = hello_of("a.ok", false, hello, sizeof(hello));
	struct seen e;
	int c, s, i;

	serve(34, 443, "a.ok", NULL);
	for (i = 0; i < 2; i++) {
		c = client_of(34);
		put(c, hello, len);
		s = arrived(34, 5000);
		CHECK_INT(recv(s, got, len, MSG_WAITALL), len);
		put(s, alert, 3);
		usleep(20000);
		put(s, alert + 3, sizeof(alert) - 4);
		put(s, alert, sizeof(alert) - 1);
		/* it goes on to the client in any case */
		if (i == 0) {
			shutdown(s, SHUT_WR);
			CHECK_INT(recv(c, got, 14, MSG_WAITALL), 14);
			close(s);
			close(c);
			CHECK(next_event().allowed);
			continue;
		}
		put(s, retry, sizeof(retry) - 1);
		CHECK_INT(recv(c, got, 14 + sizeof(retry) - 1, MSG_WAITALL),
		    14 + sizeof(retry) - 1);
		len = hello_of("c.no", false, hello, sizeof(hello));
		put(c, hello, len);
		CHECK(is_reset(s));
		close(s);
		close(c);
		e = next_event();
		CHECK(!e.allowed);
		CHECK_STR(e.reason, "another name in a second ClientHello");
	}
}

/* Requests that a lenient server reads, of a port where others are possible. */
static void
odd_requests(void)
{
	static const char *const line[] = { "GET /\x01 HTTP/1.1",
		"GET\v/ HTTP/1.1", "GET\r/\fHTTP/1.1", "\v\fGET / HTTP/1.1",
		"GET /", "get http://a.no/" };
	char text[256];
	size_t i, came;
	struct seen e;

	serve(32, 8080, "a.ok", NULL);
	for (i = 0; i < sizeof(line) / sizeof(line[0]); i++) {
		snprintf(text, sizeof(text), "%s\r\nHost: a.no\r\n\r\n",
		    line[i]);
		e = send_all(32, text, strlen(text), &came);
		CHECK(!e.allowed);
		CHECK(came < strlen(line[i]));
	}
	/* others are none */
	e = send_all(32, "GET key\r\n", 9, &came);
	CHECK(e.allowed);
	CHECK_INT(came, 9);
}

/* A client of TLS at host n, which an operator has to allow. */
static struct seen
tls(int n, const char *sni, bool ech, int say_, bool *came)
{
	uint8_t hello[4096];
	size_t len = hello_of(sni, ech, hello, sizeof(hello));
	int c, s;

	tt.asked = 0;
	tt.place[0] = '\0';
	tt.say = say_;
	c = client_of(n);
	put(c, hello, len);
	s = arrived(n, 300);
	*came = s != -1;
	if (s != -1)
		close(s);
	close(c);
	return next_event();
}

/* A name that is allowed is not the word of the operator who has to allow the
 * address: for the name, or for itself. */
static void
unasked(void)
{
	struct seen e;
	bool came;

	serve(190, 443, NULL, NULL);
	/* c.ok is allowed, and is not there */
	e = tls(190, "c.ok", false, APPROVAL_DENIED, &came);
	CHECK(!came);
	CHECK(!e.allowed);
	CHECK_INT(tt.asked, 1);
	CHECK_STR(tt.place, "203.0.113.190:443");
	CHECK_STR(e.domain, "");
	CHECK_STR(e.sni, "c.ok");
	/* the operator is told of what he has to allow */
	e = tls(190, "c.ask", false, APPROVAL_GRANTED, &came);
	CHECK(came);
	CHECK(e.allowed);
	CHECK_STR(tt.place, "203.0.113.190:443");
	/* where it is there nobody has to */
	host[190].also = "c.ok";
	e = tls(190, "c.ok", false, APPROVAL_DENIED, &came);
	CHECK(came);
	CHECK_INT(tt.asked, 0);
	CHECK_STR(e.domain, "c.ok");
	host[190].also = NULL;
	/* a name that is denied is denied */
	e = tls(190, "c.no", false, APPROVAL_GRANTED, &came);
	CHECK(!came);
	CHECK_INT(tt.asked, 0);
	/* nor does a name that can be read, in the place of one that cannot */
	host[190].name[0] = "c.ok";
	e = tls(190, "c.ok", true, APPROVAL_DENIED, &came);
	CHECK(!came);
	CHECK_STR(e.reason, "encrypted ClientHello");
}

/* The same by a proxy: what was approved is the address, and then its client
 * says a name. */
static void
approved_tunnel(void)
{
	static const char ask[] = "CONNECT 203.0.113.191:443 HTTP/1.1\r\n"
				  "Host: 203.0.113.191:443\r\n\r\n";
	uint8_t hello[4096];
	size_t len = hello_of("c.ok", false, hello, sizeof(hello));
	char got[4096];
	struct seen e;
	int c, s;

	serve(191, 443, NULL, NULL);
	tt.asked = 0;
	tt.say = APPROVAL_GRANTED;
	c = dial_at(INADDR_LOOPBACK, tt.proxy_port);
	put(c, ask, sizeof(ask) - 1);
	s = arrived(191, 5000);
	CHECK(s != -1);
	hears(c, "HTTP/1.1 200 Connection established\r\n\r\n");
	put(c, hello, len);
	CHECK_INT(recv(s, got, len, MSG_WAITALL), len);
	close(s);
	close(c);
	e = next_event();
	CHECK(e.allowed);
	CHECK_INT(tt.asked, 1);
	CHECK_STR(tt.place, "203.0.113.191:443");
}

/* Name servers of others are asked by no proxy, as they are not without. */
static void
proxied_questions(void)
{
	static const char ask[] = "CONNECT 203.0.113.210:53 HTTP/1.1\r\n"
				  "Host: a.ok:53\r\n\r\n";
	static const char request[] = "GET http://a.ok:53/ HTTP/1.1\r\n"
				      "Host: a.ok:53\r\n\r\n";
	static const char socks[] = "\5\1\0\5\1\0\1\xcb\0\x71\xd2\0\x35";
	struct seen e;
	char text[512];
	int c;

	serve(210, 53, "a.ok", NULL);
	c = dial_at(INADDR_LOOPBACK, tt.proxy_port);
	put(c, ask, sizeof(ask) - 1);
	(void)rest_of(c, text, sizeof(text));
	CHECK(strncmp(text, "HTTP/1.1 403", 12) == 0);
	close(c);
	e = next_event();
	CHECK(!e.allowed);
	CHECK_STR(e.reason, "name servers by a proxy");
	c = dial_at(INADDR_LOOPBACK, tt.proxy_port);
	put(c, request, sizeof(request) - 1);
	(void)rest_of(c, text, sizeof(text));
	CHECK(strncmp(text, "HTTP/1.1 403", 12) == 0);
	close(c);
	CHECK(!next_event().allowed);
	c = dial_at(INADDR_LOOPBACK, tt.proxy_port);
	put(c, socks, sizeof(socks) - 1);
	hears(c, "\5");
	(void)rest_of(c, NULL, 0);
	close(c);
	CHECK(!next_event().allowed);
	CHECK(arrived(210, 0) == -1);
}

/* The host itself has the address that it is connected to. */
static void
own_address(void)
{
	struct seen e;
	char text[8];
	int c, s;

	serve(67, 9000, "a.ok", NULL);
	c = client_of(67);
	say(c, "x");
	s = arrived(67, 5000);
	CHECK(recv(s, text, 1, 0) <= 0);
	CHECK(is_reset(c));
	close(c);
	close(s);
	e = next_event();
	CHECK(!e.allowed);
	CHECK_STR(e.rule, "the-rest");
	/* a rule of the policy, which may be another one by then, that has it
	 * approved: of nobody who was not */
	tt.own = DECISION_APPROVE;
	c = client_of(67);
	say(c, "x");
	s = arrived(67, 5000);
	CHECK(recv(s, text, 1, 0) <= 0);
	CHECK(is_reset(c));
	close(c);
	close(s);
	e = next_event();
	CHECK(!e.allowed);
	CHECK_STR(e.rule, "the-ok");
	tt.own = DECISION_ALLOW;
	c = client_of(67);
	say(c, "x");
	s = arrived(67, 5000);
	hears(s, "x");
	close(s);
	close(c);
	CHECK(next_event().allowed);
	tt.own = 0;
}

static double
seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One byte at a time costs no more than it has to: a worker is that of many. */
static void
dribble(void)
{
	static const char *const begin[] = { "", "a " };
	static const size_t count[] = { 20000, 50000 };
	clockid_t clock;
	double used;
	size_t i, n;
	int c, s;
	char byte;

	CHECK_INT(pthread_getcpuclockid(tt.thread, &clock), 0);
	for (i = 0; i < 2; i++) {
		serve(33, 9000, "a.ok", NULL);
		c = client_of(33);
		setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 },
		    sizeof(int));
		say(c, begin[i]);
		say(c, "x");
		s = arrived(33, 5000);
		used = seconds(clock);
		hears(s, begin[i]);
		hears(s, "x");
		for (n = 0; n < count[i]; n++) {
			say(c, "x");
			if (recv(s, &byte, 1, 0) != 1)
				break;
		}
		shutdown(c, SHUT_WR);
		CHECK_INT(rest_of(s, NULL, 0), 0);
		used = seconds(clock) - used;
		printf("# %zu bytes: %.2f s\n", count[i], used);
		CHECK(used < 2);
		close(s);
		close(c);
		CHECK(next_event().allowed);
	}
}

int
main(void)
{
	start_worker();
	T_RUN(record_versions);
	T_RUN(warned);
	T_RUN(odd_requests);
	T_RUN(unasked);
	T_RUN(approved_tunnel);
	T_RUN(proxied_questions);
	T_RUN(own_address);
	T_RUN(dribble);
	stop_worker();
	return done_testing();
}
