/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and their clients.
 *
 * A request lives from its dispatch until http_reply*(), or until its client
 * is gone; then its cancel function is called, once, and nothing may touch it
 * again. Sessions and commands never own a request: they point to it until
 * one of both happens.
 */
#ifndef HTTP_H
#define HTTP_H

#include <event2/event.h>
#include <event2/http.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agentsh.h"
#include "json.h"

/* A body is in the connection's buffer, in one piece, and decoded. */
#define BODY_COPIES 3

struct bufferevent;
struct listener;

struct request {
	struct evhttp_request *ev;
	struct listener *listener;
	int fd;	      /* of the connection, not ours */
	uint32_t uid; /* of the client, as the kernel says */
	bool tcp;
	uint8_t family; /* of a TCP client */
	uint16_t client_port;
	char id[AGENTSH_SNAME_MAX + 1];		/* {id}: ID or UID:ID */
	char command_id[AGENTSH_CMDID_MAX + 1]; /* {cmdID} */
	char place[64];				/* {port} */
	struct event *gone;			/* the client closed its end */
	void (*cancel)(struct request *, void *);
	void *arg;
};

/* bind.c: the TCP listener */
int http_bind(const char *addr, bool may_miss);
/* For privd's log: where TCP clients can connect. */
void http_describe(char *dst, size_t size);

/* http.c: listeners and dispatch */
void http_start(void);
void http_stop(void);
/* Waits with the request: cancel is called when the client goes away. */
void http_wait(struct request *, void (*cancel)(struct request *, void *),
    void *arg);

/* websock.c: a request that becomes a WebSocket */
/* The connection is the caller's until http_hangup(), and is watched as by
 * http_wait(). NULL: the request was answered. */
struct bufferevent *websock_take(struct request *,
    void (*cancel)(struct request *, void *), void *arg);
/* Ends connection and request; calls cancel. */
void http_hangup(struct request *);

/* reply.c: each ends the request */
void http_reply(struct request *, int status, yajl_gen);
void http_reply_empty(struct request *, int status);
void http_reply_plain(struct request *, const char *text);
void http_error(struct request *, int status, const char *, ...)
    __attribute__((format(printf, 3, 4)));
/* With a word for programs, for the routes that have one in agentsh-api(7). */
void http_error_code(struct request *, int status, const char *code,
    const char *, ...) __attribute__((format(printf, 4, 5)));
void http_end(struct request *);
/* The body, in one piece; NULL when empty. */
const char *http_body(struct request *, size_t *len);

/* ident.c: who the client is. 0 or -1. */
int ident_open(void);
int ident_request(struct request *);
int ident_fd(int fd, uint32_t *uid);

/* conns.c: how many clients there are, and how slow */
struct bufferevent *conns_new(struct event_base *, void *);
void conns_start(size_t max, void (*pause)(bool));
void conns_stop(void);
/* false: the request's copies are more than the user's share of memory. */
bool conns_request(int fd, const struct bufferevent *, size_t body_len);
void conns_reply(int fd);
/* No request any more: what is read and drained is the user's share. */
void conns_stream(int fd);

/* route.def's handlers */
#define ROUTE(method, pattern, body, handler, help)                            \
	void handler(struct request *);
#include "route.def"
#undef ROUTE

#endif
