/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections out of a session: whom they may reach, by name, SNI and Host, and
 * how bytes pass, with real sockets on both sides.
 */
#include <netinet/tcp.h>

#include "tcp_hello_t.h"

#define MANY 1000

static void
echo(void)
{
	struct seen e;
	static char big[1 << 20];
	int c, s, i;

	serve(1, 9000, "a.ok", NULL);
	tt.owner_later = true;
	c = client_of(1);
	say(c, "ping");
	s = arrived(1, 5000);
	tt.owner_later = false;
	hears(s, "ping");
	say(s, "pong");
	hears(c, "pong");
	for (i = 0; i < 1000 && tt.made != 1; i++)
		usleep(1000);
	CHECK_INT(tt.made, 1);
	CHECK_INT(events(), 0);
	/* one side ends, the other goes on */
	shutdown(c, SHUT_WR);
	CHECK_INT(rest_of(s, NULL, 0), 0);
	put(s, big, sizeof(big));
	close(s);
	CHECK_INT(rest_of(c, NULL, 0), 0);
	close(c);
	e = next_event();
	CHECK(e.allowed);
	CHECK_STR(e.domain, "a.ok");
	CHECK_STR(e.rule, "the-ok");
	CHECK_STR(e.reason, "");
	CHECK_INT(e.pid, 7);
	CHECK_INT(e.sent, 4);
	CHECK_INT(e.received, 4 + sizeof(big));
}

/* Of netd, the other end of a connection. */
static int
other_end(int fd)
{
	struct sockaddr_storage own, peer;
	socklen_t len, plen;
	int i;

	for (i = 3; i < 256; i++) {
		len = plen = sizeof(own);
		memset(&own, 0, sizeof(own));
		memset(&peer, 0, sizeof(peer));
		if (getsockname(fd, (struct sockaddr *)&own, &len) == 0 &&
		    getpeername(i, (struct sockaddr *)&peer, &plen) == 0 &&
		    len == plen && memcmp(&own, &peer, len) == 0)
			return i;
	}
	return -1;
}

static int
option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	(void)getsockopt(fd, level, name, &value, &len);
	return value;
}

/* Both ends send at once what they have, and notice when nobody is there. */
static void
options(void)
{
	int c, s, end[2], i;

	serve(1, 9000, "a.ok", NULL);
	c = client_of(1);
	say(c, "ping");
	s = arrived(1, 5000);
	hears(s, "ping");
	end[0] = other_end(c);
	end[1] = other_end(s);
	for (i = 0; i < 2; i++) {
		CHECK(option(end[i], IPPROTO_TCP, TCP_NODELAY) > 0);
		CHECK(option(end[i], SOL_SOCKET, SO_KEEPALIVE) > 0);
		CHECK_INT(option(end[i], IPPROTO_TCP, TCP_KEEPIDLE), 60);
		CHECK_INT(option(end[i], IPPROTO_TCP, TCP_KEEPINTVL), 20);
		CHECK_INT(option(end[i], IPPROTO_TCP, TCP_KEEPCNT), 6);
	}
	close(c);
	close(s);
	next_event();
}

static void
server_first(void)
{
	int c, s;

	serve(2, 22, "a.ok", NULL);
	c = client_of(2);
	s = arrived(2, 5000);
	CHECK(s != -1);
	say(s, "SSH-2.0-x\r\n");
	hears(c, "SSH-2.0-x\r\n");
	say(c, "SSH-2.0-y\r\n");
	hears(s, "SSH-2.0-y\r\n");
	close(c);
	CHECK_INT(rest_of(s, NULL, 0), 0);
	close(s);
	CHECK(next_event().allowed);
	/* where a client has to say whom it means, it is waited for */
	serve(2, 443, "a.ok", NULL);
	c = client_of(2);
	CHECK(arrived(2, 200) == -1);
	close(c);
	CHECK(served(2, 5000));
	CHECK(next_event().allowed);
}

static void
denied(void)
{
	struct seen e;
	int c, i;

	serve(3, 9000, "a.no", NULL);
	serve(4, 9000, NULL, NULL);
	serve(5, 53, "a.ok", NULL);
	serve(6, 666, "a.ok", NULL);
	for (i = 3; i <= 6; i++) {
		c = client_of(i);
		if (i == 5) {
			hears(c, "DNS");
			close(c);
			continue;
		}
		CHECK(is_reset(c));
		close(c);
		e = next_event();
		CHECK(!e.allowed);
		CHECK_STR(e.rule, "the-rest");
		CHECK_STR(e.reason, "");
		CHECK(arrived(i, 0) == -1);
	}
	/* one of several names is enough, and a rule for the address */
	serve(3, 9000, "a.no", "b.ok");
	serve(200, 9000, NULL, NULL);
	c = client_of(3);
	CHECK(served(3, 5000));
	close(c);
	CHECK_STR(next_event().domain, "b.ok");
	c = client_of(200);
	CHECK(served(200, 5000));
	close(c);
	CHECK_STR(next_event().domain, "");
}

/* On port 80 as well who says what is no request hears at once that it is refused,
 * however long others are waited for. */
static void
no_request(void)
{
	uint64_t speak_ms = tcp_limits.speak_ms;
	struct seen e;
	char text[1024];
	int c, i;

	tcp_limits.speak_ms = 60000;
	serve(7, 80, "a.no", NULL);
	serve(8, 80, "a.ok", NULL);
	for (i = 7; i <= 8; i++) {
		c = client_of(i);
		say(c, "{\"a\":1");
		CHECK_INT(rest_of(c, text, sizeof(text)), 0);
		CHECK(strncmp(text, "HTTP/1.1 403 ", 13) == 0);
		close(c);
		e = next_event();
		CHECK(!e.allowed);
		CHECK_STR(e.reason, i == 7 ? "" : "malformed request line");
	}
	tcp_limits.speak_ms = speak_ms;
}

static void
sni(void)
{
	struct seen e;

	serve(10, 443, "a.ok", "b.ok");
	e = tls(10, "A.ok", false, 4096);
	CHECK(e.allowed);
	CHECK_STR(e.sni, "a.ok");
	CHECK_STR(e.alpn, "h2");
	CHECK_STR(e.domain, "a.ok");
	CHECK(tls(10, "a.ok", false, 50).allowed);
	CHECK(tls(10, NULL, false, 4096).allowed);
	e = tls(10, "b.ok", false, 4096);
	CHECK(e.allowed);
	CHECK_STR(e.domain, "b.ok");
	e = tls(10, "c.no", false, 4096);
	CHECK(!e.allowed);
	CHECK_STR(e.rule, "the-rest");
	CHECK_STR(e.domain, "c.no");
	/* allowed, but not at this address */
	e = tls(10, "c.ok", false, 4096);
	CHECK(!e.allowed);
	CHECK_STR(e.reason, "address that is not one of the name");
	host[10].also = "c.ok";
	e = tls(10, "c.ok", false, 4096);
	CHECK(e.allowed);
	CHECK_STR(e.domain, "c.ok");
	e = tls(10, "a.ok", true, 4096);
	CHECK(!e.allowed);
	CHECK_STR(e.reason, "encrypted ClientHello");
	/* an address that is allowed itself */
	serve(201, 443, NULL, NULL);
	CHECK(tls(201, "d.example", false, 4096).allowed);
	CHECK(tls(201, "d.example", true, 4096).allowed);
	CHECK(!tls(201, "bad.example", false, 4096).allowed);
	/* on any port, also when the connection is there already */
	serve(11, 9000, "a.ok", NULL);
	CHECK(tls(11, "a.ok", false, 4096).allowed);
	CHECK(!tls(11, "c.no", false, 4096).allowed);
}

/* The beginning of a HelloRetryRequest, or of a ServerHello. */
static void
answer_hello(int s, bool retry)
{
	uint8_t text[80] = "\x16\x03\x03\x00\x4b\x02\x00\x00\x47\x03\x03"
			   "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c"
			   "\x02\x1e\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb"
			   "\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";

	text[20] = (uint8_t)(text[20] ^ !retry);
	put(s, text, 5);
	usleep(10000);
	put(s, text + 5, sizeof(text) - 5);
}

/* A client that says another hello behind the first; what passes of it? */
static struct seen
two_hellos(const char *second, bool retry, bool between)
{
	static const char data[] = "\x14\x03\x03\x00\x01\x01"
				   "\x17\x03\x03\x00\x04xxxx";
	const size_t ndata = between ? sizeof(data) - 1 : 0;
	uint8_t one[4096], two[4096];
	size_t n1 = hello_of("a.ok", false, one, sizeof(one));
	size_t n2 = hello_of(second, false, two, sizeof(two));
	char got[8192];
	struct seen e;
	int c = client_of(10), s;

	put(c, one, n1);
	put(c, data, ndata);
	put(c, two, n2);
	shutdown(c, SHUT_WR);
	s = arrived(10, 5000);
	CHECK_INT(recv(s, got, n1, MSG_WAITALL), n1);
	/* the rest waits for the answer */
	CHECK(recv(s, got, 1, MSG_DONTWAIT) == -1);
	answer_hello(s, retry);
	if (rest_of(s, got, sizeof(got)) == 0) {
		CHECK(memcmp(got, data, ndata) == 0);
		CHECK(memcmp(got + ndata, two, n2) == 0);
	}
	close(s);
	(void)rest_of(c, NULL, 0);
	close(c);
	e = next_event();
	CHECK(!e.allowed || e.sent == n1 + ndata + n2);
	return e;
}

static void
second_hello(void)
{
	static const uint8_t alert[] = "\x15\x03\x01\x00\x02\x01\x5a";
	uint8_t hello[4096];
	size_t len = sizeof(alert) - 1;
	int c;

	serve(10, 443, "a.ok", "b.ok");
	CHECK(two_hellos("a.ok", true, false).allowed);
	CHECK(two_hellos("a.ok", true, true).allowed);
	CHECK_STR(two_hellos("b.ok", true, false).reason,
	    "another name in a second ClientHello");
	CHECK_STR(two_hellos("c.no", true, true).reason,
	    "another name in a second ClientHello");
	/* nobody has asked for it: it is no hello to the server */
	CHECK(two_hellos("c.no", false, false).allowed);
	/* what servers read past is none that hides one */
	memcpy(hello, alert, len);
	len += hello_of("c.no", false, hello + len, sizeof(hello) - len);
	c = client_of(10);
	put(c, hello, len);
	CHECK(is_reset(c));
	close(c);
	CHECK(!next_event().allowed);
	CHECK(arrived(10, 0) == -1);
}

static void
late_hello(void)
{
	uint8_t hello[4096];
	size_t len;
	int c, s;

	serve(12, 25, "a.ok", NULL);
	len = hello_of("c.no", false, hello, sizeof(hello));
	c = client_of(12);
	s = arrived(12, 5000);
	say(s, "220 hi\r\n");
	hears(c, "220 hi\r\n");
	put(c, hello, len);
	CHECK(is_reset(c));
	CHECK(is_reset(s));
	close(c);
	close(s);
	CHECK(!next_event().allowed);
	/* a plaintext that goes over to TLS has said whom it is for */
	c = client_of(12);
	s = arrived(12, 5000);
	say(s, "220 hi\r\n");
	hears(c, "220 hi\r\n");
	say(c, "STARTTLS\r\n");
	hears(s, "STARTTLS\r\n");
	put(c, hello, len);
	shutdown(c, SHUT_WR);
	CHECK_INT(rest_of(s, NULL, 0), 0);
	close(s);
	close(c);
	CHECK(next_event().allowed);
}

static void
resets(void)
{
	struct linger now = { 1, 0 };
	int c, s;

	serve(13, 9000, "a.ok", NULL);
	c = client_of(13);
	say(c, "x");
	s = arrived(13, 5000);
	hears(s, "x");
	setsockopt(c, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(c);
	CHECK(is_reset(s));
	close(s);
	CHECK(next_event().allowed);
	c = client_of(13);
	say(c, "x");
	s = arrived(13, 5000);
	hears(s, "x");
	setsockopt(s, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(s);
	CHECK(is_reset(c));
	close(c);
	CHECK(next_event().allowed);
	/* nobody listens */
	close(host[13].server);
	host[13].server = 0;
	c = client_of(13);
	say(c, "x");
	CHECK(is_reset(c));
	close(c);
	CHECK_STR(next_event().error, "Connection refused");
}

static void
slow_reader(void)
{
	static char block[65536];
	size_t sent = 0, got = 0;
	ssize_t n;
	int c, s;

	serve(14, 9000, "a.ok", NULL);
	c = client_of(14);
	say(c, "x");
	s = arrived(14, 5000);
	hears(s, "x");
	/* the server is stopped before it has sent what is too much to keep */
	for (;;) {
		n = send(s, block, sizeof(block), MSG_DONTWAIT);
		if (n > 0) {
			sent += (size_t)n;
			continue;
		}
		usleep(100000);
		if (send(s, block, 1, MSG_DONTWAIT) == -1)
			break;
		sent++;
	}
	CHECK(sent < 64 << 20);
	shutdown(s, SHUT_WR);
	while ((n = recv(c, block, sizeof(block), 0)) > 0)
		got += (size_t)n;
	CHECK_INT(got, sent);
	close(c);
	close(s);
	CHECK_INT(next_event().received, sent);
}

static void
parallel(void)
{
	static int c[MANY], s[MANY];
	char text[16], c1;
	size_t i, bad = 0;

	serve(15, 9000, "a.ok", NULL);
	for (i = 0; i < MANY; i++) {
		c[i] = client_of(15);
		snprintf(text, sizeof(text), "%06zu", i);
		say(c[i], text);
	}
	for (i = 0; i < MANY; i++) {
		s[i] = arrived(15, 5000);
		if (s[i] == -1)
			break;
		CHECK_INT(recv(s[i], text, 6, MSG_WAITALL), 6);
		put(s[i], text, 6);
	}
	CHECK_INT(i, MANY);
	for (i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "%06zu", i);
		hears(c[i], text);
		shutdown(c[i], SHUT_WR);
	}
	for (i = 0; i < MANY; i++) {
		bad += recv(s[i], &c1, 1, 0) != 0;
		close(s[i]);
		close(c[i]);
	}
	CHECK_INT(bad, 0);
	for (i = 0; i < MANY; i++)
		bad += !next_event().allowed;
	CHECK_INT(bad, 0);
}

static void
the_end(void)
{
	int c[3], s, i;

	serve(18, 9000, "a.ok", NULL);
	serve(19, 9000, "a.no", NULL);
	/* one more than there may be waits, and another one, to its end */
	tcp_limits.conns = 1;
	c[0] = client_of(18);
	say(c[0], "123");
	s = arrived(18, 5000);
	hears(s, "123");
	c[1] = client_of(18);
	c[2] = client_of(19);
	stop_worker();
	CHECK(is_reset(s));
	close(s);
	CHECK_INT(next_event().sent, 3);
	CHECK_STR(next_event().error, "Software caused connection abort");
	CHECK(!next_event().allowed);
	CHECK(arrived(18, 0) == -1);
	for (i = 0; i < 3; i++)
		CHECK(is_reset(c[i]));
	CHECK_INT(tt.made, 0);
}

int
main(void)
{
	start_worker();
	T_RUN(echo);
	T_RUN(options);
	T_RUN(server_first);
	T_RUN(denied);
	T_RUN(no_request);
	T_RUN(sni);
	T_RUN(second_hello);
	T_RUN(late_hello);
	T_RUN(resets);
	T_RUN(slow_reader);
	T_RUN(parallel);
	T_RUN(the_end);
	return done_testing();
}
