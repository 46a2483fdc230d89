/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of HTTP/1.x as they pass, RFC 9112: where each begins and ends, and
 * whom it is for. Strict: a request that two readers could understand in two
 * ways is refused.
 */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netd.h"

#define HTTP_HEAD_MAX 32768 /* bytes of request line and header */
#define HTTP_METHOD_MAX 32

enum http_step {
	HTTP_MORE,   /* nothing can be said yet */
	HTTP_HEAD,   /* the first *n bytes are the head of a request */
	HTTP_PASS,   /* the first *n bytes belong to one that is taken */
	HTTP_REFUSED /* for the reason why */
};

enum http_form {
	HTTP_ORIGIN,	/* /path */
	HTTP_ABSOLUTE,	/* http://host/path */
	HTTP_AUTHORITY, /* CONNECT host:port */
	HTTP_ASTERISK	/* OPTIONS * */
};

struct http_request {
	char method[HTTP_METHOD_MAX + 1];
	enum http_form form;
	char host[NET_NAME_MAX + 1]; /* lower case; "" without: of HTTP/1.0 */
	bool is_addr;		     /* host is an address, addr */
	uint8_t addr[16];
	uint16_t port;	/* 0: it names none */
	bool websocket; /* it asks for another protocol, which is that */
	/* of the absolute form, where the part that an origin does not get is */
	size_t authority, nauthority;
};

struct http {
	bool connect; /* CONNECT may be: we are a proxy */
	int state;
	size_t scanned;	 /* bytes of the head that are looked at */
	uint64_t left;	 /* of a body or chunk */
	unsigned nlines; /* of what follows the chunks */
	const char *why;
	struct http_request req;
};

void http_start(struct http *, bool connect);
/* Looks at bytes that did not pass yet; *n of them are meant, and the next call is
 * about those behind them. */
enum http_step http_next(struct http *, const uint8_t *, size_t len, size_t *n);

/* How far http_looks_like has come; all zero before the first call. */
struct http_guess {
	size_t word, at;
	int part;
};

/* Could a server take this for the beginning of a request, however bad? 1 yes, 0
 * no, -1: it is not said until the first line ends, and the next call has the same
 * bytes and more. */
int http_looks_like(const uint8_t *, size_t len, struct http_guess *);
/* host, host:port or [address]:port. 0 or -1. */
int http_authority(const char *, size_t len, struct http_request *);

#endif
