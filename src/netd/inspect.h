/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first bytes of a client, or all that it sends where that is plain HTTP: what
 * protocol it is, and which server it means.
 */
#ifndef INSPECT_H
#define INSPECT_H

#include "hello.h"
#include "http.h"
#include "relay.h"

enum inspect_kind {
	INSPECT_UNKNOWN,
	INSPECT_TLS,
	INSPECT_HTTP,
	INSPECT_OPAQUE /* nothing that says whom it is for, or all is said */
};

enum inspect_step {
	INSPECT_MORE,	 /* nothing to do until more comes */
	INSPECT_HELLO,	 /* a ClientHello is whole: to be judged */
	INSPECT_REQUEST, /* the head of the first request is: to be judged */
	INSPECT_PASS,	 /* the rest passes unseen */
	INSPECT_REFUSED	 /* for the reason why */
};

struct inspect {
	enum inspect_kind kind;
	uint16_t port;
	bool proxy;  /* requests are for a proxy */
	bool asked;  /* a step is with the caller */
	bool strict; /* what is not TLS has to be HTTP */
	bool waits;  /* the server is to say what the client's next bytes are:
			 if they are a WebSocket's, or a second ClientHello */
	bool second; /* it is the second */
	bool first;  /* a request was taken */
	size_t head; /* bytes of the one that is being judged */
	struct hello hello; /* what the event tells: the first one */
	struct hello again;
	struct http http;
	struct http_guess guess;
	char host[NET_NAME_MAX + 1]; /* of the first request */
	uint16_t host_port;
	const char *why; /* static words */
};

void inspect_start(struct inspect *, uint16_t port, bool proxy);
enum inspect_step inspect_look(struct inspect *, struct flow *client);
/* What INSPECT_HELLO or INSPECT_REQUEST was about may pass. */
void inspect_take(struct inspect *, struct flow *client);
/* The server's bytes, while it waits. true: they may pass, and it does not. */
bool inspect_heard(struct inspect *, struct flow *server);
void inspect_stop(struct inspect *);

#endif
