/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See ws.h. libwslay asks for bytes and is told here that there are no more;
 * what it queues is sent at once. Its own buffering is off, so that a message
 * costs no memory, and its check of UTF-8 works all the same.
 */
#include <sys/random.h>

#include <sha1.h>
#include <stdlib.h>
#include <string.h>

#include <wslay/wslay.h>

#include "ws.h"

#define WS_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, 1.3 */

struct ws {
	wslay_event_context_ptr ctx;
	const struct ws_handlers *h;
	void *arg;
	const uint8_t *in; /* of the ws_feed() under way */
	size_t inlen;
	bool data; /* the frame under way is of a message */
	enum ws_kind kind;
	uint64_t total; /* bytes of the message under way, as announced */
	uint64_t max;
	int status; /* a handler's, to close with */
	bool closing;
	bool ended;
};

static ssize_t
ws_recv_cb(wslay_event_context_ptr ctx, uint8_t *dst, size_t len, int flags,
    void *arg)
{
	struct ws *ws = arg;

	(void)flags;
	/* after a handler's refusal nothing more is looked at */
	if (ws->inlen == 0 || ws->status != 0) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	if (len > ws->inlen)
		len = ws->inlen;
	memcpy(dst, ws->in, len);
	ws->in += len;
	ws->inlen -= len;
	return (ssize_t)len;
}

static ssize_t
ws_send_cb(wslay_event_context_ptr ctx, const uint8_t *data, size_t len,
    int flags, void *arg)
{
	struct ws *ws = arg;

	(void)ctx;
	(void)flags;
	ws->h->out(ws->arg, data, len);
	return (ssize_t)len;
}

static int
ws_mask_cb(wslay_event_context_ptr ctx, uint8_t *dst, size_t len, void *arg)
{
	(void)arg;
	if (getrandom(dst, len, 0) == (ssize_t)len)
		return 0;
	wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

static void
ws_start_cb(wslay_event_context_ptr ctx,
    const struct wslay_event_on_frame_recv_start_arg *frame, void *arg)
{
	struct ws *ws = arg;

	(void)ctx;
	ws->data = !wslay_is_ctrl_frame(frame->opcode);
	if (!ws->data)
		return;
	if (frame->opcode != WSLAY_CONTINUATION_FRAME) {
		ws->kind = frame->opcode == WSLAY_TEXT_FRAME ? WS_TEXT :
							       WS_BINARY;
		ws->total = 0;
	}
	/* libwslay counts over frames only what it keeps */
	if (ws->status == 0 && frame->payload_length > ws->max - ws->total)
		ws->status = WSLAY_CODE_MESSAGE_TOO_BIG;
	else
		ws->total += frame->payload_length;
}

static void
ws_chunk_cb(wslay_event_context_ptr ctx,
    const struct wslay_event_on_frame_recv_chunk_arg *chunk, void *arg)
{
	struct ws *ws = arg;

	(void)ctx;
	if (ws->data && ws->status == 0 && chunk->data_length > 0)
		ws->status = ws->h->piece(ws->arg, ws->kind, chunk->data,
		    chunk->data_length);
}

static void
ws_message_cb(wslay_event_context_ptr ctx,
    const struct wslay_event_on_msg_recv_arg *msg, void *arg)
{
	struct ws *ws = arg;

	(void)ctx;
	if (ws->status != 0)
		return;
	if (msg->opcode == WSLAY_PONG)
		ws->status = ws->h->pong(ws->arg);
	else if (!wslay_is_ctrl_frame(msg->opcode))
		ws->status = ws->h->end(ws->arg, ws->kind);
}

struct ws *
ws_new(bool server, size_t max_message, const struct ws_handlers *h, void *arg)
{
	static const struct wslay_event_callbacks cbs = {
		.recv_callback = ws_recv_cb,
		.send_callback = ws_send_cb,
		.genmask_callback = ws_mask_cb,
		.on_frame_recv_start_callback = ws_start_cb,
		.on_frame_recv_chunk_callback = ws_chunk_cb,
		.on_msg_recv_callback = ws_message_cb,
	};
	struct ws *ws = calloc(1, sizeof(*ws));
	int r;

	if (ws == NULL)
		return NULL;
	ws->max = max_message;
	ws->h = h;
	ws->arg = arg;
	r = server ? wslay_event_context_server_init(&ws->ctx, &cbs, ws) :
		     wslay_event_context_client_init(&ws->ctx, &cbs, ws);
	if (r != 0) {
		free(ws);
		return NULL;
	}
	wslay_event_config_set_no_buffering(ws->ctx, 1);
	wslay_event_config_set_max_recv_msg_length(ws->ctx, max_message);
	return ws;
}

void
ws_free(struct ws *ws)
{
	if (ws == NULL)
		return;
	wslay_event_context_free(ws->ctx);
	free(ws);
}

/* Nothing stays in libwslay's queue: out() takes all. */
static int
ws_flush(struct ws *ws)
{
	if (wslay_event_send(ws->ctx) == 0)
		return 0;
	ws->ended = true;
	return -1;
}

size_t
ws_feed(struct ws *ws, const void *data, size_t len)
{
	size_t turn = len < WS_TURN ? len : WS_TURN;
	int r;

	if (ws->ended)
		return len;
	ws->in = data;
	ws->inlen = turn;
	r = wslay_event_recv(ws->ctx);
	turn -= ws->inlen;
	ws->in = NULL;
	ws->inlen = 0;
	if (ws->status != 0)
		ws_close(ws, ws->status, NULL);
	ws_flush(ws);
	/* it reads no more after a close, or what it takes for an attack */
	if (r != 0 || ws->status != 0 || !wslay_event_want_read(ws->ctx))
		ws->ended = true;
	return ws->ended ? len : turn;
}

bool
ws_ended(const struct ws *ws)
{
	return ws->ended;
}

int
ws_send(struct ws *ws, enum ws_kind kind, const void *data, size_t len)
{
	struct wslay_event_msg m = {
		.opcode = kind == WS_TEXT ? WSLAY_TEXT_FRAME :
					    WSLAY_BINARY_FRAME,
		.msg = data,
		.msg_length = len,
	};

	if (ws->ended || ws->closing || wslay_event_queue_msg(ws->ctx, &m) != 0)
		return -1;
	return ws_flush(ws);
}

int
ws_ping(struct ws *ws)
{
	struct wslay_event_msg m = { .opcode = WSLAY_PING };

	if (ws->ended || ws->closing || wslay_event_queue_msg(ws->ctx, &m) != 0)
		return -1;
	return ws_flush(ws);
}

int
ws_close(struct ws *ws, int status, const char *reason)
{
	size_t len = reason == NULL ? 0 : strlen(reason);

	if (ws->ended || ws->closing)
		return -1;
	ws->closing = true;
	if (wslay_event_queue_close(ws->ctx, (uint16_t)status,
		(const uint8_t *)reason, len) != 0)
		return -1;
	return ws_flush(ws);
}

static void
ws_base64(char *dst, const uint8_t *src, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t v;
	size_t i, k, n;

	for (i = 0; i < len; i += 3) {
		n = len - i < 3 ? len - i : 3;
		for (v = 0, k = 0; k < 3; k++)
			v = v << 8 | (k < n ? src[i + k] : 0);
		for (k = 0; k < 4; k++)
			*dst++ = k <= n ? digits[v >> (18 - 6 * k) & 63] : '=';
	}
	*dst = '\0';
}

void
ws_key(char dst[WS_KEY_LEN + 1], const uint8_t random[16])
{
	ws_base64(dst, random, 16);
}

/* 22 digits of base64 and "==". */
bool
ws_key_is_valid(const char *key)
{
	return strlen(key) == WS_KEY_LEN &&
	    strspn(key,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz0123456789+/") == WS_KEY_LEN - 2 &&
	    strcmp(key + WS_KEY_LEN - 2, "==") == 0;
}

void
ws_accept(char dst[WS_ACCEPT_LEN + 1], const char *key)
{
	uint8_t digest[SHA1_DIGEST_LENGTH];
	SHA1_CTX ctx;

	SHA1Init(&ctx);
	SHA1Update(&ctx, (const uint8_t *)key, strlen(key));
	SHA1Update(&ctx, (const uint8_t *)WS_GUID, strlen(WS_GUID));
	SHA1Final(digest, &ctx);
	ws_base64(dst, digest, sizeof(digest));
}
