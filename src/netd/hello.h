/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TLS client says before anything is encrypted: which server it means.
 * OpenSSL reads the messages, from memory; nothing is ever answered.
 */
#ifndef HELLO_H
#define HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netd.h"

#define HELLO_MAX 65536 /* bytes of records that hold one ClientHello */
#define HELLO_ALPN_MAX 256

enum hello_state {
	HELLO_MORE, /* it is not whole yet */
	HELLO_DONE,
	HELLO_BAD /* no ClientHello, or one that is not to be trusted */
};

struct hello {
	struct ssl_st *ssl; /* OpenSSL's */
	enum hello_state state;
	const char *why; /* it is bad: static words */
	size_t fed;
	size_t used; /* of these, the records up to its end; when it is done */
	char sni[NET_NAME_MAX + 1]; /* lower case, "": it names no server */
	char alpn[HELLO_ALPN_MAX];  /* protocols, with commas between them */
	bool ech;		    /* it says that the real one is hidden */
};

/* Once in a process, before its sandbox. 0 or -1. */
int hello_init(void);
/* 0 or -1 without memory. */
int hello_start(struct hello *);
/* The next bytes. After HELLO_DONE and HELLO_BAD nothing changes any more. */
enum hello_state hello_feed(struct hello *, const void *, size_t len);
/* Lets go of all but the results. */
void hello_stop(struct hello *);

/* A name of a host as clients write it to a server, in any case and with a final
 * dot or without: len bytes into name, in lower case, without the dot. 0, or -1
 * when it is none. An IPv4 address passes as a name. */
int hello_name(const void *from, size_t len, char name[NET_NAME_MAX + 1]);

#endif
