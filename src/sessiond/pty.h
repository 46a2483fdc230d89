/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pty.c and pty_text.c share: a client at a command's terminal.
 */
#ifndef PTY_H
#define PTY_H

#include "sessiond.h"
#include "ws.h"

#define PTY_PING_MS 54000 /* from one ping to the next */

enum pty_state {
	PTY_WAITS,   /* for the first message */
	PTY_COMMAND, /* there is one, or it is being decided on */
	PTY_OVER     /* all was said; the client has yet to read it */
};

struct pty {
	enum pty_state state;
	struct request *rq;
	uint64_t session; /* by number: it may end before the first message */
	struct command *cmd;
	struct bufferevent *bev;
	struct ws *ws;
	bool reading;	       /* from the client */
	struct evbuffer *text; /* of the message under way */
	struct evbuffer *in;   /* for the terminal */
	struct event *writable;
	struct event *timer;
	bool pinged;
	bool heard;  /* since the ping */
	size_t left; /* of the end, when the timer was last set */
	uint64_t
	    held; /* charged for the first message, which the command has */
	uint16_t rows, cols;
};

/* pty.c */
/* The master of the terminal, -1: there is none yet, or any more. */
int pty_fd(const struct pty *);
/* Tells it, ends the command and then the client. */
void pty_error(struct pty *, int code, const char *, ...)
    __attribute__((format(printf, 3, 4)));

/* pty_text.c: the client's messages that are text; the first one and others */
void pty_on_start(struct pty *, const char *text, size_t len);
void pty_on_text(struct pty *, const char *text, size_t len);
/* Tells the terminal, where it is there. */
void pty_resize(struct pty *);

#endif
