/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket messages: what a server takes from a client and what it refuses,
 * the handshake's keys, and both ends against each other.
 */
#include "t.h"

#include "ws.h"

#define MASK "\1\2\3\4"
#define LIMIT 1000

/* What the handlers saw, as text: t and b for pieces, "." the end, p a pong. */
static char seen[65536];
static size_t nseen;
static uint8_t sent[65536];
static size_t nsent;
static int refuse; /* a handler's answer */

static void
note(const void *data, size_t len)
{
	if (nseen + len < sizeof(seen)) {
		memcpy(seen + nseen, data, len);
		nseen += len;
	}
	seen[nseen] = '\0';
}

static int
piece(void *arg, enum ws_kind kind, const void *data, size_t len)
{
	(void)arg;
	note(kind == WS_TEXT ? "t:" : "b:", 2);
	note(data, len);
	return refuse;
}

static int
end(void *arg, enum ws_kind kind)
{
	(void)arg;
	note(kind == WS_TEXT ? "T" : "B", 1);
	return 0;
}

static int
pong(void *arg)
{
	(void)arg;
	note("p", 1);
	return 0;
}

static void
out(void *arg, const void *data, size_t len)
{
	(void)arg;
	if (nsent + len <= sizeof(sent)) {
		memcpy(sent + nsent, data, len);
		nsent += len;
	}
}

static const struct ws_handlers handlers = { piece, end, pong, out };

/* Puts the mask on the payload of one short frame, as written in the tables. */
static size_t
masked(uint8_t *dst, const char *head, size_t headlen, const char *data,
    size_t len)
{
	size_t i;

	memcpy(dst, head, headlen);
	memcpy(dst + headlen, MASK, 4);
	for (i = 0; i < len; i++)
		dst[headlen + 4 + i] = (uint8_t)(data[i] ^ MASK[i % 4]);
	return headlen + 4 + len;
}

static void
feed_all(struct ws *ws, const uint8_t *data, size_t len, size_t step)
{
	size_t n;

	while (len > 0) {
		n = ws_feed(ws, data, len < step ? len : step);
		if (n == 0)
			break;
		data += n;
		len -= n;
	}
	CHECK(len == 0);
}

/* One or two frames with their heads; what was seen, and the close status that
 * the server answered with (0: none). */
static const struct {
	const char *what;
	const char *head;
	size_t headlen;
	const char *data;
	const char *head2;
	size_t headlen2;
	const char *data2;
	const char *seen;
	int status;
} cases[] = {
	{ "text", "\x81\x82", 2, "hi", NULL, 0, NULL, "t:hiT", 0 },
	{ "binary", "\x82\x82", 2, "hi", NULL, 0, NULL, "b:hiB", 0 },
	{ "nothing", "\x82\x80", 2, "", NULL, 0, NULL, "B", 0 },
	{ "two pieces", "\x02\x81", 2, "a", "\x80\x81", 2, "b", "b:ab:bB", 0 },
	{ "a pong between", "\x01\x81", 2, "a", "\x8a\x80", 2, "", "t:ap", 0 },
	{ "a character in two", "\x01\x81", 2, "\xc3", "\x80\x81", 2, "\xa4",
	    "t:\xc3t:\xa4T", 0 },
	{ "half a character", "\x81\x81", 2, "\xc3", NULL, 0, NULL, "t:\xc3",
	    1007 },
	{ "no UTF-8", "\x81\x82", 2, "\xff\xfe", NULL, 0, NULL, "", 1007 },
	{ "a surrogate", "\x81\x83", 2, "\xed\xa0\x80", NULL, 0, NULL, "",
	    1007 },
	{ "bytes in binary", "\x82\x82", 2, "\xff\xfe", NULL, 0, NULL,
	    "b:\xff\xfe"
	    "B",
	    0 },
	{ "a reserved bit", "\xc1\x82", 2, "hi", NULL, 0, NULL, "", 1002 },
	{ "no such opcode", "\x83\x82", 2, "hi", NULL, 0, NULL, "", 1002 },
	{ "a piece of nothing", "\x80\x82", 2, "hi", NULL, 0, NULL, "", 1002 },
	{ "two at a time", "\x01\x81", 2, "a", "\x81\x81", 2, "b", "t:a",
	    1002 },
	{ "as large as may be", "\x82\xfe\x03\xe8", 4, "", NULL, 0, NULL, "",
	    0 },
	{ "too large", "\x82\xfe\x03\xe9", 4, "a", NULL, 0, NULL, "", 1009 },
	{ "too large in two", "\x02\x81", 2, "a", "\x80\xfe\x03\xe8", 4, "b",
	    "b:a", 1009 },
	{ "far too large", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 10, "a",
	    NULL, 0, NULL, "", 1009 },
	{ "close", "\x88\x82", 2, "\x03\xe8", NULL, 0, NULL, "", 1000 },
	{ "a status that is none", "\x88\x82", 2, "\x03\xed", NULL, 0, NULL, "",
	    1002 },
};

static int
close_status(void)
{
	size_t i;

	/* the server's frames are short here, and not masked */
	for (i = 0; i + 1 < nsent; i += 2 + (sent[i + 1] & 0x7fU))
		if (sent[i] == 0x88)
			return sent[i + 1] < 2 ? 1005 :
						 sent[i + 2] << 8 | sent[i + 3];
	return 0;
}

static void
server(void)
{
	static uint8_t frame[4096];
	struct ws *ws;
	size_t i, len, step;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = masked(frame, cases[i].head, cases[i].headlen,
		    cases[i].data, strlen(cases[i].data));
		if (cases[i].head2 != NULL)
			len += masked(frame + len, cases[i].head2,
			    cases[i].headlen2, cases[i].data2,
			    strlen(cases[i].data2));
		ws = ws_new(true, LIMIT, &handlers, NULL);
		nseen = nsent = 0;
		seen[0] = '\0';
		feed_all(ws, frame, len, sizeof(frame));
		CHECK_STR(seen, cases[i].seen);
		CHECK_INT(close_status(), cases[i].status);
		CHECK_INT(ws_ended(ws), cases[i].status != 0);
		if (t_failed_checks > 0) {
			printf("# %s\n", cases[i].what);
			return;
		}
		ws_free(ws);
		/* byte by byte the end is the same */
		for (step = 1; step < 4; step++) {
			ws = ws_new(true, LIMIT, &handlers, NULL);
			nseen = nsent = 0;
			feed_all(ws, frame, len, step);
			CHECK_INT(close_status(), cases[i].status);
			ws_free(ws);
		}
	}
}

/* What a browser's page could have a proxy take for a request of its own. */
static void
unmasked(void)
{
	struct ws *ws = ws_new(true, LIMIT, &handlers, NULL);

	nseen = nsent = 0;
	feed_all(ws, (const uint8_t *)"\x81\x02hi", 4, 4);
	CHECK_INT(nseen, 0);
	CHECK_INT(close_status(), 1002);
	CHECK(ws_ended(ws));
	/* deaf, and dumb */
	CHECK_INT(ws_feed(ws, "x", 1), 1);
	CHECK(ws_send(ws, WS_TEXT, "x", 1) == -1);
	CHECK(ws_ping(ws) == -1);
	ws_free(ws);
}

static void
refused(void)
{
	struct ws *ws = ws_new(true, LIMIT, &handlers, NULL);
	uint8_t frames[32];
	size_t len;

	len = masked(frames, "\x82\x81", 2, "a", 1);
	len += masked(frames + len, "\x82\x81", 2, "b", 1);
	nseen = nsent = 0;
	refuse = 1008;
	feed_all(ws, frames, len, len);
	refuse = 0;
	CHECK_STR(seen, "b:a");
	CHECK_INT(close_status(), 1008);
	CHECK(ws_ended(ws));
	ws_free(ws);
}

/* However much comes, no more than a turn's pings are answered at once. */
static void
pings(void)
{
	struct ws *ws = ws_new(true, LIMIT, &handlers, NULL);
	static uint8_t flood[60000];
	size_t i;

	for (i = 0; i < sizeof(flood); i += 6)
		memcpy(flood + i, "\x89\x80" MASK, 6);
	nsent = 0;
	CHECK_INT(ws_feed(ws, flood, sizeof(flood)), WS_TURN);
	CHECK_INT(nsent, WS_TURN / 6 * 2);
	CHECK(sent[0] == 0x8a && sent[1] == 0);
	ws_free(ws);
}

static void
both(void)
{
	struct ws *a = ws_new(false, LIMIT, &handlers, NULL);
	struct ws *b = ws_new(true, LIMIT, &handlers, NULL);
	static uint8_t wire[65536];
	size_t len;

	nseen = nsent = 0;
	CHECK(ws_send(a, WS_TEXT, "hello", 5) == 0);
	CHECK(ws_ping(a) == 0);
	CHECK(ws_send(a, WS_BINARY, "\0\1", 2) == 0);
	CHECK(ws_close(a, 1000, "bye") == 0);
	CHECK(ws_send(a, WS_TEXT, "no", 2) == -1);
	/* masked */
	CHECK(nsent > 6 && memcmp(sent + 6, "hello", 5) != 0);
	len = nsent;
	memcpy(wire, sent, len);
	nsent = 0;
	feed_all(b, wire, len, 7);
	CHECK(strncmp(seen, "t:hello", 7) == 0 || strncmp(seen, "t:", 2) == 0);
	CHECK(ws_ended(b));
	CHECK_INT(close_status(), 1000);
	/* the client hears the answers */
	len = nsent;
	memcpy(wire, sent, len);
	nseen = nsent = 0;
	seen[0] = '\0';
	feed_all(a, wire, len, len);
	CHECK_STR(seen, "p");
	CHECK(ws_ended(a));
	ws_free(a);
	ws_free(b);
}

static void
keys(void)
{
	char text[WS_ACCEPT_LEN + 1];

	/* RFC 6455, 1.3 */
	ws_accept(text, "dGhlIHNhbXBsZSBub25jZQ==");
	CHECK_STR(text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	ws_key(text, (const uint8_t *)"the sample nonce");
	CHECK_STR(text, "dGhlIHNhbXBsZSBub25jZQ==");
	CHECK(ws_key_is_valid("dGhlIHNhbXBsZSBub25jZQ=="));
	CHECK(!ws_key_is_valid("dGhlIHNhbXBsZSBub25jZ==="));
	CHECK(!ws_key_is_valid("dGhlIHNhbXBsZSBub25jZQ="));
	CHECK(!ws_key_is_valid("dGhlIHNhbXBsZSBub25jZQ==x"));
	CHECK(!ws_key_is_valid("dGhlIHNhbXBsZSBub25j\nQ=="));
	CHECK(!ws_key_is_valid(""));
}

int
main(void)
{
	T_RUN(server);
	T_RUN(unmasked);
	T_RUN(refused);
	T_RUN(pings);
	T_RUN(both);
	T_RUN(keys);
	return done_testing();
}
