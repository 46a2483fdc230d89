/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: what a client sends over a WebSocket. However the bytes are cut
 * into pieces, the messages are the same;
 * text is UTF-8; no message is longer than allowed.
 */
#include <stdlib.h>
#include <string.h>

#include "utf8.h"
#include "ws.h"

#define LIMIT 4096
#define KEEP 262144

struct end {
	struct ws *ws;
	uint8_t text[LIMIT]; /* of the message under way */
	size_t len;
	uint64_t hash; /* of the messages that were whole */
	uint8_t sent[KEEP];
	size_t nsent;
};

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
add(struct end *e, uint8_t byte)
{
	e->hash = (e->hash ^ byte) * 1099511628211U;
}

static int
piece(void *arg, enum ws_kind kind, const void *data, size_t len)
{
	struct end *e = arg;

	(void)kind;
	if (e->len + len > LIMIT)
		abort();
	memcpy(e->text + e->len, data, len);
	e->len += len;
	return 0;
}

static int
end(void *arg, enum ws_kind kind)
{
	struct end *e = arg;
	bool partial;
	uint32_t cp;
	size_t i, n;

	for (i = 0; kind == WS_TEXT && i < e->len; i += n) {
		n = utf8_char(e->text + i, e->len - i, &cp, &partial);
		if (n == 0)
			abort();
	}
	for (i = 0; i < e->len; i++)
		add(e, e->text[i]);
	add(e, (uint8_t)kind);
	e->len = 0;
	/* some messages are refused, as a handler may */
	return e->hash % 16 == 0 ? 1008 : 0;
}

static int
pong(void *arg)
{
	add(arg, 'p');
	return 0;
}

static void
out(void *arg, const void *data, size_t len)
{
	struct end *e = arg;

	if (e->nsent + len > KEEP)
		len = KEEP - e->nsent;
	memcpy(e->sent + e->nsent, data, len);
	e->nsent += len;
}

static const struct ws_handlers handlers = { piece, end, pong, out };

static void
begin(struct end *e)
{
	e->len = e->nsent = 0;
	e->hash = 14695981039346656037U;
	if ((e->ws = ws_new(true, LIMIT, &handlers, e)) == NULL)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct end whole, pieces;
	size_t i, n;

	begin(&whole);
	begin(&pieces);
	for (i = 0; i < size; i += n) {
		n = ws_feed(whole.ws, data + i, size - i);
		if (n == 0 || n > size - i)
			abort();
	}
	for (i = 0; i < size; i += n) {
		n = 1 + data[i] % 7;
		n = ws_feed(pieces.ws, data + i, n > size - i ? size - i : n);
		if (n == 0 || n > size - i)
			abort();
	}
	if (whole.hash != pieces.hash)
		abort();
	/* at the end a close takes the place of pongs that have not gone; what
	 * is wrong with half a close frame may be seen only when it is whole */
	if (!ws_ended(whole.ws) && !ws_ended(pieces.ws) &&
	    (whole.nsent != pieces.nsent ||
		memcmp(whole.sent, pieces.sent, whole.nsent) != 0))
		abort();
	ws_free(whole.ws);
	ws_free(pieces.ws);
	return 0;
}
