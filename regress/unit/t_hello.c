/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ClientHellos: what OpenSSL's own client says, whole and in pieces, and what no
 * client should.
 */
#include <openssl/ssl.h>

#include "hello.h"
#include "t.h"

#define ROOM 70000

static uint8_t said[ROOM];
static size_t nsaid;

static int
add_ext(SSL *ssl, unsigned type, unsigned context, const unsigned char **out,
    size_t *len, X509 *x, size_t chain, int *alert, void *arg)
{
	static const unsigned char body[900];

	(void)ssl, (void)type, (void)context, (void)x, (void)chain, (void)alert;
	*out = body;
	*len = arg == NULL ? 8 : sizeof(body);
	return 1;
}

/* What a client says: into said. extension: one of ours, or 0. */
static void
client(const char *sni, const char *alpn, size_t nalpn, unsigned extension)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	SSL *ssl;

	if (extension != 0)
		CHECK(SSL_CTX_add_custom_ext(ctx, extension,
			  SSL_EXT_CLIENT_HELLO, add_ext, NULL, NULL, NULL,
			  NULL) == 1);
	ssl = SSL_new(ctx);
	SSL_set_bio(ssl, in, out);
	if (sni != NULL)
		SSL_set_tlsext_host_name(ssl, sni);
	if (alpn != NULL)
		SSL_set_alpn_protos(ssl, (const unsigned char *)alpn,
		    (unsigned)nalpn);
	SSL_set_connect_state(ssl);
	SSL_do_handshake(ssl);
	nsaid = (size_t)BIO_read(out, said, ROOM);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

/* Feeds in pieces of so many bytes. */
static enum hello_state
feed(struct hello *h, const uint8_t *p, size_t len, size_t piece)
{
	enum hello_state st = HELLO_MORE;
	size_t n, at;

	CHECK(hello_start(h) == 0);
	for (at = 0; at < len && st == HELLO_MORE; at += n) {
		n = len - at < piece ? len - at : piece;
		st = hello_feed(h, p + at, n);
	}
	hello_stop(h);
	return st;
}

/* The handshake message in records of so many bytes. */
static size_t
cut(uint8_t *to, size_t piece)
{
	size_t at, n, len = 0;

	for (at = 5; at < nsaid; at += n) {
		n = nsaid - at < piece ? nsaid - at : piece;
		memcpy(to + len, said, 3);
		to[len + 3] = (uint8_t)(n >> 8);
		to[len + 4] = (uint8_t)n;
		memcpy(to + len + 5, said + at, n);
		len += n + 5;
	}
	return len;
}

static void
names(void)
{
	struct hello h;

	client("Www.Example.COM", "\002h2\010http/1.1", 12, 0);
	CHECK_INT(feed(&h, said, nsaid, ROOM), HELLO_DONE);
	CHECK_STR(h.sni, "www.example.com");
	CHECK_STR(h.alpn, "h2,http/1.1");
	CHECK(!h.ech);
	client(NULL, NULL, 0, 0);
	CHECK_INT(feed(&h, said, nsaid, ROOM), HELLO_DONE);
	CHECK_STR(h.sni, "");
	CHECK_STR(h.alpn, "");
	client("example.com.", NULL, 0, 0);
	CHECK_INT(feed(&h, said, nsaid, ROOM), HELLO_DONE);
	CHECK_STR(h.sni, "example.com");
}

static void
pieces(void)
{
	static uint8_t records[ROOM * 6];
	static const size_t piece[] = { 1, 2, 3, 7, 100, 1000 };
	struct hello h;
	size_t i, len;

	client("piece.example", NULL, 0, 0);
	for (i = 0; i < sizeof(piece) / sizeof(piece[0]); i++) {
		CHECK_INT(feed(&h, said, nsaid, piece[i]), HELLO_DONE);
		CHECK_STR(h.sni, "piece.example");
		len = cut(records, piece[i]);
		CHECK_INT(feed(&h, records, len, ROOM * 6), HELLO_DONE);
		CHECK_STR(h.sni, "piece.example");
		CHECK_INT(feed(&h, records, len, 1), HELLO_DONE);
		CHECK_STR(h.sni, "piece.example");
	}
	CHECK_INT(feed(&h, said, nsaid - 1, ROOM), HELLO_MORE);
}

static void
hidden(void)
{
	struct hello h;

	client("outer.example", NULL, 0, 0xfe0d);
	CHECK_INT(feed(&h, said, nsaid, ROOM), HELLO_DONE);
	CHECK(h.ech);
	CHECK_STR(h.sni, "outer.example");
	client("outer.example", NULL, 0, 0xffce);
	CHECK_INT(feed(&h, said, nsaid, ROOM), HELLO_DONE);
	CHECK(h.ech);
	client("outer.example", NULL, 0, 0xfe0e);
	CHECK_INT(feed(&h, said, nsaid, ROOM), HELLO_DONE);
	CHECK(!h.ech);
}

/* Where the name of the last hello is in said. */
static uint8_t *
find(const char *name)
{
	size_t len = strlen(name), i;

	for (i = 0; i + len <= nsaid; i++) {
		if (memcmp(said + i, name, len) == 0)
			return said + i;
	}
	return NULL;
}

static void
bad(const char *why)
{
	struct hello h;

	CHECK_INT(feed(&h, said, nsaid, ROOM), HELLO_BAD);
	CHECK(h.why != NULL);
	if (h.why != NULL)
		CHECK_STR(h.why, why);
}

static void
malformed(void)
{
	static const char name[] = "abcdef.example.com";
	uint8_t *p;

	client(name, NULL, 0, 0);
	find(name)[6] = '\0';
	bad("malformed SNI");
	client(name, NULL, 0, 0);
	find(name)[3] = '/';
	bad("malformed SNI");
	client(name, NULL, 0, 0);
	memcpy(find(name) + 3, "..", 2);
	bad("malformed SNI");
	client(name, NULL, 0, 0);
	find(name)[3] = 0xc3;
	bad("malformed SNI");
	/* a name of another type */
	client(name, NULL, 0, 0);
	find(name)[-3] = 1;
	bad("ambiguous SNI");
	/* two names: three bytes of the first are the head of the second */
	client(name, NULL, 0, 0);
	p = find(name);
	p[-1] = 8;
	p[8] = 0;
	p[9] = 0;
	p[10] = 7;
	bad("ambiguous SNI");
	/* the list is shorter than the extension */
	client(name, NULL, 0, 0);
	find(name)[-4]--;
	bad("malformed SNI");
	/* the same extension twice: the one of ECH becomes one of names */
	client(name, NULL, 0, 0xfe0d);
	p = find("\xfe\x0d");
	p[0] = p[1] = 0;
	bad("malformed ClientHello");
}

static void
no_hello(void)
{
	static uint8_t big[ROOM];
	struct hello h;
	size_t at;

	memcpy(said, "\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9);
	nsaid = 9; /* a ServerHello */
	bad("malformed ClientHello");
	memcpy(said, "\x17\x03\x01\x00\x04\x02\x00\x00\x00", 9);
	bad("malformed ClientHello");
	memcpy(said, "GET / HTTP/1.1\r\n\r\n", 18);
	nsaid = 18;
	bad("malformed ClientHello");
	/* one that never ends */
	for (at = 0; at + 1029 < ROOM; at += 1029) {
		memcpy(big + at, "\x16\x03\x01\x04\x00", 5);
		memset(big + at + 5, 0, 1024);
	}
	memcpy(big + 5, "\x01\x01\x00\x00\x03\x03", 6);
	CHECK_INT(feed(&h, big, HELLO_MAX, 512), HELLO_MORE);
	CHECK_INT(feed(&h, big, HELLO_MAX + 512, 512), HELLO_BAD);
	CHECK_STR(h.why, "ClientHello too long");
}

static bool
is_name(const char *text, const char *want)
{
	char name[NET_NAME_MAX + 1];

	return hello_name(text, strlen(text), name) ==
	    (want == NULL ? -1 : 0) &&
	    strcmp(name, want == NULL ? "" : want) == 0;
}

static void
host_names(void)
{
	char longest[300], name[NET_NAME_MAX + 1];
	int i;

	CHECK(is_name("A-b_c.9", "a-b_c.9"));
	CHECK(is_name("a.", "a"));
	CHECK(is_name(".", NULL));
	CHECK(is_name("", NULL));
	CHECK(is_name("a..", NULL));
	CHECK(is_name(".a", NULL));
	CHECK(is_name("a..b", NULL));
	CHECK(is_name("a b", NULL));
	CHECK(is_name("a@b", NULL));
	CHECK(is_name("a:1", NULL));
	CHECK(is_name("a*", NULL));
	CHECK(hello_name("a\0b", 3, name) == -1);
	memset(longest, 'a', sizeof(longest));
	CHECK(hello_name(longest, 63, name) == 0);
	CHECK(hello_name(longest, 64, name) == -1);
	for (i = 49; i < 300; i += 50)
		longest[i] = '.';
	CHECK(hello_name(longest, 253, name) == 0);
	CHECK(hello_name(longest, 254, name) == -1);
}

int
main(void)
{
	T(hello_init() == 0, "OpenSSL starts");
	T_RUN(names);
	T_RUN(pieces);
	T_RUN(hidden);
	T_RUN(malformed);
	T_RUN(no_hello);
	T_RUN(host_names);
	return done_testing();
}
