/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP request over a unix socket or TCP, with a deadline; and which
 * server that is. The reply is checked by the parser, not believed.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "httpreply.h"

#define CLIENT_MAX_BODY 67108864 /* bytes of a reply's body */
#define CLIENT_CONNECT_MS 10000

struct server {
	bool tcp;
	bool own; /* a user's own server: its uid must be ours */
	char path[108];
	char host[256];
	char port[8];
	char name[300]; /* for messages */
};

enum client_result {
	CLIENT_OK,
	CLIENT_UNREACHABLE, /* nothing listens there */
	CLIENT_FAILED
};

struct client_error {
	char text[512];
};

int server_parse(struct server *, const char *url, struct client_error *);
/* Where a server started by this user listens, and the system's. */
int server_own(struct server *, struct client_error *);
int server_system(struct server *);
/* The directory of server_own(): 1 fit, 0 missing, -1 not to be trusted. */
int server_own_dir(char *dst, size_t size);
int server_own_dir_check(const char *dir);

enum client_result client_connect(const struct server *, uint64_t deadline,
    int *fd, struct client_error *);
/* deadline 0: wait for ever. hr is initialised here; free it in every case. */
enum client_result client_request(const struct server *, uint64_t deadline,
    const char *method, const char *path, const void *body, size_t len,
    struct hr *, struct client_error *);

/* A POST whose reply may be server-sent events: take gets these, and the error
 * has no text where it wanted no more of them. */
enum client_result client_events(const struct server *, uint64_t deadline,
    const char *path, const void *body, size_t len,
    int (*take)(void *arg, const void *, size_t), void *arg, struct hr *,
    struct client_error *);

/* GET of path as a WebSocket: *fd is the connection after a 101; else -1, and
 * hr as above. */
enum client_result client_websocket(const struct server *, uint64_t deadline,
    const char *path, int *fd, struct hr *, struct client_error *);

#endif
