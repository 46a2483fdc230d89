/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket messages, RFC 6455, over bytes that somebody else reads and
 * writes. libwslay does the frames: masks, UTF-8, fragments, control frames
 * between them, limits. Here is what both ends make of them, and the
 * handshake's two keys. A message is handed on in pieces, as it comes: nothing
 * of it is kept.
 */
#ifndef WS_H
#define WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_KEY_LEN 24	 /* of the client's key, base64 of 16 bytes */
#define WS_ACCEPT_LEN 28 /* of the server's answer to it */
/* Bytes of input that are looked at in one go: so many answers to pings are
 * kept at most, whatever a peer sends. */
#define WS_TURN 4096

enum ws_kind {
	WS_TEXT, /* UTF-8, each message as a whole */
	WS_BINARY
};

/* Each returns 0, or the status code of RFC 6455, 7.4 to close with. */
struct ws_handlers {
	int (*piece)(void *arg, enum ws_kind, const void *, size_t len);
	int (*end)(void *arg, enum ws_kind);
	int (*pong)(void *arg);
	/* Bytes for the far end, all of which must be taken. */
	void (*out)(void *arg, const void *, size_t len);
};

struct ws;

/* The far end's messages may have so many bytes. NULL: out of memory. */
struct ws *ws_new(bool server, size_t max_message, const struct ws_handlers *,
    void *arg);
void ws_free(struct ws *);

/* Takes WS_TURN bytes at most and calls the handlers; how many it took. After
 * the end, which ws_ended() tells, it takes everything and does nothing. */
size_t ws_feed(struct ws *, const void *, size_t len);
/* The far end has closed, or broke the rules: nothing more comes or goes but
 * what is with out() already. */
bool ws_ended(const struct ws *);

/* Nothing after ws_close(). 0 or -1. */
int ws_send(struct ws *, enum ws_kind, const void *, size_t len);
int ws_ping(struct ws *);
int ws_close(struct ws *, int status, const char *reason);

/* A client's key from 16 random bytes, and what a server answers to a key. */
void ws_key(char dst[WS_KEY_LEN + 1], const uint8_t random[16]);
bool ws_key_is_valid(const char *);
void ws_accept(char dst[WS_ACCEPT_LEN + 1], const char *key);

#endif
