/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of HTTP/1.x as netd lets them pass: whom they are for, where they end,
 * and what is refused. Each is read whole and byte by byte.
 */
#include <stdint.h>

#include "http.h"
#include "socks.h"
#include "t.h"

#define E "\r\n"
#define H "Host: a.example" E
#define GET "GET / HTTP/1.1" E

static struct http h;
static unsigned heads;
static const char *why;
static char hosts[1024];

/* Feeds so many bytes more each time; how many have passed. */
static size_t
read_in(const char *text, size_t len, size_t piece, bool connect)
{
	enum http_step step = HTTP_MORE;
	size_t have, done = 0, n, len_hosts;

	http_start(&h, connect);
	heads = 0;
	why = NULL;
	hosts[0] = '\0';
	for (have = piece < len ? piece : len;; have += piece) {
		if (have > len)
			have = len;
		while ((step = http_next(&h, (const uint8_t *)text + done,
			    have - done, &n)) != HTTP_MORE) {
			if (step == HTTP_REFUSED) {
				why = h.why;
				return done;
			}
			if (step == HTTP_HEAD) {
				heads++;
				len_hosts = strlen(hosts);
				snprintf(hosts + len_hosts,
				    sizeof(hosts) - len_hosts, "%s ",
				    h.req.host);
			}
			if (n == 0 || n > have - done) {
				CHECK(false && "a step within what is there");
				return done;
			}
			done += n;
		}
		if (have == len)
			return done;
	}
}

/* All of it passes, as so many requests, for these hosts. */
static void
passes(const char *text, unsigned n, const char *want)
{
	size_t piece, n_one;

	for (piece = 1; piece <= 4096; piece *= 8) {
		CHECK_INT(read_in(text, strlen(text), piece, false),
		    strlen(text));
		CHECK_STR(why == NULL ? "" : why, "");
		CHECK_INT(heads, n);
		CHECK_STR(hosts, want);
		/* what comes next is the beginning of another one */
		CHECK(http_next(&h, (const uint8_t *)"\1", 1, &n_one) ==
		    HTTP_REFUSED);
	}
}

static void
refused_len(const char *text, size_t len, const char *want, bool connect)
{
	size_t piece;

	for (piece = 1; piece <= 65536; piece *= 16) {
		read_in(text, len, piece, connect);
		CHECK_STR(why == NULL ? "passes" : why, want);
	}
}

static void
refused(const char *text, const char *want)
{
	refused_len(text, strlen(text), want, false);
}

static void
plain(void)
{
	passes(GET H E, 1, "a.example ");
	passes("GET /x?y=z%20 HTTP/1.1" E "hOsT:A.Example:8080 " E E, 1,
	    "a.example ");
	CHECK_INT(h.req.port, 8080);
	CHECK(h.req.form == HTTP_ORIGIN);
	passes("GET / HTTP/1.0" E E, 1, " ");
	passes("OPTIONS * HTTP/1.1" E H E, 1, "a.example ");
	passes("GET http://A.example/x HTTP/1.1" E H E, 1, "a.example ");
	CHECK(h.req.form == HTTP_ABSOLUTE);
	CHECK_INT(h.req.authority, 4);
	CHECK_INT(h.req.nauthority, 16);
	passes("GET http://a.example:80/x HTTP/1.1" E H E, 1, "a.example ");
	passes(GET "Host: [2001:DB8::1]:81" E E, 1, "2001:DB8::1 ");
	CHECK(h.req.is_addr && h.req.addr[0] == 0x20 && h.req.addr[15] == 1);
	passes(GET "Host: 192.0.2.1" E E, 1, "192.0.2.1 ");
	CHECK(h.req.is_addr && h.req.addr[11] == 0xff && h.req.addr[12] == 192);
	passes(GET H "X:" E "Y: \ta\xc3\xa4 b" E E, 1, "a.example ");
	CHECK_STR(h.req.method, "GET");
}

/* What cannot be a request is refused as soon as that is seen. */
static void
beginnings(void)
{
	static const char word[] = "abcdefghijklmnopqrstuvwxyz01234567";
	const char *const none[] = { "\1", " GET", "\r", "G\xff", "GET\t/",
		"GET/ ", "SSH-2.0-x\r", "{\"a\"", "=" };
	const char *const some[] = { "G", "GET", "GET ", "M-SEARCH * HTTP",
		"GET /\r" };
	size_t i;

	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		refused(none[i], "malformed request line");
	refused_len("\0\0", 2, "malformed request line", false);
	refused_len("GET\0", 4, "malformed request line", false);
	refused_len(word, HTTP_METHOD_MAX + 1, "malformed request line", false);
	refused_len(word, HTTP_METHOD_MAX, "passes", false);
	for (i = 0; i < sizeof(some) / sizeof(some[0]); i++)
		refused(some[i], "passes");
	/* also behind a first one */
	refused("GET / HTTP/1.1" E H E "\1", "malformed request line");
}

static void
bodies(void)
{
	passes("POST / HTTP/1.1" E H "Content-Length: 5" E E "12345" GET H E, 2,
	    "a.example a.example ");
	passes("POST / HTTP/1.1" E H "Content-Length: 0" E E GET "Host: b" E E,
	    2, "a.example b ");
	passes("POST / HTTP/1.1" E H "Transfer-Encoding: Chunked" E E "5" E
	       "12345" E "A;x=\"y\"" E "0123456789" E "0" E E GET H E,
	    2, "a.example a.example ");
	passes("POST / HTTP/1.1" E H "Transfer-Encoding: chunked" E E "0" E
	       "X: y" E E GET H E,
	    2, "a.example a.example ");
	/* requests that look like a body, and bodies like requests */
	passes("POST / HTTP/1.1" E H "Content-Length: 29" E E GET
	       "Host: b.c" E E GET H E,
	    2, "a.example a.example ");
}

static void
websocket(void)
{
	static const char ws[] = GET H "Connection: keep-alive, Upgrade" E
				       "Upgrade: WebSocket" E E;

	passes(ws, 1, "a.example ");
	CHECK(h.req.websocket);
	passes(GET H E, 1, "a.example ");
	CHECK(!h.req.websocket);
	refused(GET H "Upgrade: websocket" E E, "HTTP Upgrade");
	refused(GET H "Connection: Upgrade, HTTP2-Settings" E
		      "Upgrade: h2c" E E,
	    "HTTP Upgrade");
	refused(GET H "Upgrade: websocket, h2c" E E, "HTTP Upgrade");
	refused(GET H "Upgrade: websocket" E "Upgrade: h2c" E E,
	    "HTTP Upgrade");
	refused(GET H "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA" E E,
	    "HTTP Upgrade");
	refused("POST / HTTP/1.1" E H "Connection: Upgrade" E
		"Upgrade: websocket" E E,
	    "HTTP Upgrade");
	refused(GET H "Connection: Upgrade" E "Upgrade: websocket" E
		      "Content-Length: 3" E E,
	    "HTTP Upgrade");
	refused("PRI * HTTP/2.0" E E "SM" E E, "HTTP/2 without TLS");
}

static void
hosts_of(void)
{
	refused(GET E, "no Host line");
	refused(GET H H E, "two Host lines");
	refused(GET H "hOST: b.example" E E, "two Host lines");
	refused(GET "Host:" E E, "malformed Host");
	refused(GET "Host: a b" E E, "malformed Host");
	refused(GET "Host: a,b" E E, "malformed Host");
	refused(GET "Host: a@b" E E, "malformed Host");
	refused(GET "Host: a/b" E E, "malformed Host");
	refused(GET "Host: a:" E E, "malformed Host");
	refused(GET "Host: a:0" E E, "malformed Host");
	refused(GET "Host: a:65537" E E, "malformed Host");
	refused(GET "Host: a:80:80" E E, "malformed Host");
	refused(GET "Host: a:+80" E E, "malformed Host");
	refused(GET "Host: [::1" E E, "malformed Host");
	refused(GET "Host: [::1]x" E E, "malformed Host");
	refused(GET "Host: [a.example]" E E, "malformed Host");
	refused(GET "Host: a.example\xc3\xa4" E E, "malformed Host");
	refused("GET http://b.example/ HTTP/1.1" E H E,
	    "Host differs from the request target");
	refused("GET http://a.example:81/ HTTP/1.1" E H E,
	    "Host differs from the request target");
	refused("GET http://u@a.example/ HTTP/1.1" E H E,
	    "malformed request target");
	refused("GET https://a.example/ HTTP/1.1" E H E,
	    "malformed request target");
	refused("GET http://a.example HTTP/1.1" E H E,
	    "malformed request target");
	refused("GET a.example HTTP/1.1" E H E, "malformed request target");
	refused("GET * HTTP/1.1" E H E, "malformed request target");
	refused("CONNECT a.example:443 HTTP/1.1" E H E, "HTTP CONNECT");
}

static void
lines(void)
{
	refused("GET / HTTP/1.1\n" H E, "line end other than CR LF");
	refused(GET "Host: a.example\n" E, "line end other than CR LF");
	refused(GET H "\n", "line end other than CR LF");
	refused(GET H "X: a\rb" E E, "line end other than CR LF");
	refused(GET H " folded" E E, "folded header line");
	refused(GET H "\tfolded" E E, "folded header line");
	refused(GET " X: y" E H E, "folded header line");
	refused(GET "Host : a.example" E E, "malformed header name");
	refused(GET ": x" E H E, "malformed header name");
	refused(GET "X" E H E, "malformed header name");
	refused(GET H "X: \x01" E E, "malformed header value");
	refused_len(GET H "X: \0" E E, sizeof(GET H "X: \0" E E) - 1,
	    "malformed header value", false);
	refused(E GET H E, "malformed request line");
	refused("GET  / HTTP/1.1" E H E, "malformed HTTP version");
	refused("GET / HTTP/1.1 " E H E, "malformed HTTP version");
	refused("GET /  HTTP/1.1" E H E, "malformed HTTP version");
	refused("GET /" E E, "malformed HTTP version");
	refused("GET / HTTP/2.0" E H E, "malformed HTTP version");
	refused("GET / HTTP/1.10" E H E, "malformed HTTP version");
	refused("GET / http/1.1" E H E, "malformed HTTP version");
	refused("GET\t/ HTTP/1.1" E H E, "malformed request line");
	refused("G@T / HTTP/1.1" E H E, "malformed request line");
	refused("GET /\x01 HTTP/1.1" E H E, "malformed request target");
	refused("GET \\a HTTP/1.1" E H E, "malformed request target");
}

static void
lengths(void)
{
	static char head[HTTP_HEAD_MAX + 100];

#define P "POST / HTTP/1.1" E H
	refused(P "Content-Length: 1" E "Transfer-Encoding: chunked" E E,
	    "two lengths of a body");
	refused(P "Transfer-Encoding: chunked" E "Content-Length: 1" E E,
	    "two lengths of a body");
	refused(P "Content-Length: 1" E "Content-Length: 1" E E,
	    "malformed Content-Length");
	refused(P "Content-Length: 1, 1" E E, "malformed Content-Length");
	refused(P "Content-Length: +1" E E, "malformed Content-Length");
	refused(P "Content-Length: -1" E E, "malformed Content-Length");
	refused(P "Content-Length: 0x1" E E, "malformed Content-Length");
	refused(P "Content-Length:" E E, "malformed Content-Length");
	refused(P "Content-Length: 9999999999999999999" E E,
	    "malformed Content-Length");
	refused(P "Content-Length: 99999999999999999999999" E E,
	    "malformed Content-Length");
	refused(P "Transfer-Encoding: gzip, chunked" E E,
	    "unknown Transfer-Encoding");
	refused(P "Transfer-Encoding: xchunked" E E,
	    "unknown Transfer-Encoding");
	refused(P "Transfer-Encoding: chunked" E
		  "Transfer-Encoding: chunked" E E,
	    "unknown Transfer-Encoding");
	refused("POST / HTTP/1.0" E H "Transfer-Encoding: chunked" E E,
	    "two lengths of a body");
#define C P "Transfer-Encoding: chunked" E E
	refused(C "x" E, "malformed chunk");
	refused(C E, "malformed chunk");
	refused(C "5\n12345", "malformed chunk");
	refused(C " 5" E, "malformed chunk");
	refused(C "5 " E, "malformed chunk");
	refused(C "0x5" E, "malformed chunk");
	refused(C "5;a\rb" E, "malformed chunk");
	refused(C "1000000000000000" E, "malformed chunk");
	refused(C "5" E "123456" E, "malformed chunk");
	refused(C "0" E "Host: b" E E, "malformed trailer");
	refused(C "0" E "Content-Length: 5" E E, "malformed trailer");
	refused(C "0" E " x" E E, "malformed trailer");
	memset(head, 'a', sizeof(head));
	memcpy(head, "GET /", 5);
	refused_len(head, sizeof(head), "request head too long", false);
	memcpy(head, C, sizeof(C) - 1);
	memset(head + sizeof(C) - 1, '0', 4200);
	refused_len(head, 5000, "malformed chunk", false);
}

static void
proxied(void)
{
	static const char c[] = "CONNECT B.example:443 HTTP/1.1" E H E;

	CHECK_INT(read_in(c, sizeof(c) - 1, 4096, true), sizeof(c) - 1);
	CHECK_STR(hosts, "b.example ");
	CHECK(h.req.form == HTTP_AUTHORITY);
	CHECK_INT(h.req.port, 443);
#define REFUSED(t, w) refused_len(t, sizeof(t) - 1, w, true)
	REFUSED("CONNECT b HTTP/1.1" E H E, "malformed request target");
	REFUSED("CONNECT b:0 HTTP/1.1" E H E, "malformed request target");
	REFUSED("CONNECT b:65979 HTTP/1.1" E H E, "malformed request target");
	REFUSED("CONNECT b\0.a:443 HTTP/1.1" E H E, "malformed request target");
	REFUSED("CONNECT http://b:443/ HTTP/1.1" E H E,
	    "malformed request target");
	REFUSED("CONNECT b:443 HTTP/1.1" E H "Content-Length: 3" E E,
	    "HTTP CONNECT");
}

/* By pieces it is what it is as a whole. */
static int
like(const char *text)
{
	struct http_guess whole = { 0 }, pieces = { 0 };
	const uint8_t *p = (const uint8_t *)text;
	size_t i, len = strlen(text);
	int is = http_looks_like(p, len, &whole), r = -1;

	for (i = 1; i <= len && r == -1; i++)
		r = http_looks_like(p, i, &pieces);
	CHECK_INT(r, is);
	return is;
}

static void
looks(void)
{
	CHECK_INT(like(GET), 1);
	CHECK_INT(like(E "\t get x HtTp/9"), 1);
	CHECK_INT(like("GET"), -1);
	CHECK_INT(like("GET / HTTP"), -1);
	CHECK_INT(like(""), -1);
	CHECK_INT(like("POST / \n HTTP/1.1"), 0);
	CHECK_INT(like("PING\r\n"), 0);
	CHECK_INT(like("SSH-2.0-x\r\n"), 0);
	CHECK_INT(like("EHLO a\r\n"), 0);
	CHECK_INT(like("{\"a\":"), 0);
	CHECK_INT(like("a \x01"), -1);
	CHECK_INT(like("a \x01\n"), 0);
	/* what lenient servers take for one */
	CHECK_INT(like("GET /\x01 HTTP/1.1\r\n"), 1);
	CHECK_INT(like("GET\v/\fHTTP/1.1\r\n"), 1);
	CHECK_INT(like("\v\fGET\r/ HTTP/1.1\r\n"), 1);
	CHECK_INT(like("GET /\r\n"), 1);
	CHECK_INT(like("get  HTTP://a/\n"), 1);
	CHECK_INT(like("PROXY TCP4 192.0.2.1 192.0.2.2 1 443\r\n"), 1);
	CHECK_INT(http_looks_like((const uint8_t *)"\r\n\r\n\0\r\nQUIT\n", 12,
		      &(struct http_guess){ 0 }),
	    1);
	CHECK_INT(like("PROXYX a\r\n"), 0);
	CHECK_INT(like("GET key\r\n"), 0);
	CHECK_INT(like("RETR /key\r\n"), 0);
	CHECK_INT(like("\x01"), 0);
}

static void
socks(void)
{
	static const uint8_t name[] = "\5\1\0\3\011a.eXample\1\273x";
	static const uint8_t nul[] = "\5\1\0\3\011a\0eXample\1\273";
	static const uint8_t v4[] = "\5\1\0\1\300\0\2\1\0\120";
	static const uint8_t text[] = "\5\1\0\3\011192.0.2.1\0\120";
	static const uint8_t v6[] =
	    "\5\1\0\4\x20\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1\0\120";
	struct http_request to;
	uint8_t code;
	size_t i;

	for (i = 0; i < 16; i++)
		CHECK_INT(socks_request(name, i, &to, &code), 0);
	CHECK_INT(socks_request(name, 17, &to, &code), 16);
	CHECK_STR(to.host, "a.example");
	CHECK_INT(to.port, 443);
	CHECK(!to.is_addr);
	CHECK_INT(socks_request(nul, 16, &to, &code), -1);
	CHECK_INT(code, SOCKS_NO_ADDRESS);
	CHECK_INT(socks_request(v4, 10, &to, &code), 10);
	CHECK(to.is_addr && to.addr[11] == 0xff && to.addr[15] == 1);
	CHECK_INT(socks_request(text, 16, &to, &code), 16);
	CHECK(to.is_addr && to.addr[11] == 0xff && to.addr[12] == 192);
	CHECK_INT(socks_request(v6, 21, &to, &code), 0);
	CHECK_INT(socks_request(v6, 22, &to, &code), 22);
	CHECK(to.is_addr && to.addr[0] == 0x20 && to.port == 80);
	CHECK_INT(socks_request((const uint8_t *)"\5\2\0\1\1\1\1\1\1\1", 10,
		      &to, &code),
	    -1);
	CHECK_INT(code, SOCKS_NO_COMMAND);
	CHECK_INT(socks_request((const uint8_t *)"\5\1\0\1\1\1\1\1\0\0", 10,
		      &to, &code),
	    -1);
	CHECK_INT(socks_request((const uint8_t *)"\5\1\0\3\0\1\1", 7, &to,
		      &code),
	    -1);
	CHECK_INT(socks_greeting((const uint8_t *)"\5\2\2\0", 3), 0);
	CHECK_INT(socks_greeting((const uint8_t *)"\5\2\2\0x", 5), 4);
	CHECK_INT(socks_greeting((const uint8_t *)"\5\1\2", 3), -1);
	CHECK_INT(socks_greeting((const uint8_t *)"\4\1", 2), -1);
}

int
main(void)
{
	T_RUN(plain);
	T_RUN(beginnings);
	T_RUN(bodies);
	T_RUN(websocket);
	T_RUN(hosts_of);
	T_RUN(lines);
	T_RUN(lengths);
	T_RUN(proxied);
	T_RUN(looks);
	T_RUN(socks);
	return done_testing();
}
