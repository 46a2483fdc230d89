/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes between a client in the sandbox and a server: both ways, each with its
 * own end. What one side does not take is not read from the other, so that a
 * slow reader costs RELAY_BUF bytes and no more.
 */
#ifndef RELAY_H
#define RELAY_H

#include <event2/event.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "share.h"

#define RELAY_BUF 65536

enum relay_side {
	RELAY_CLIENT,
	RELAY_SERVER,
	RELAY_SIDES
};

/* What one side sends. */
struct flow {
	uint8_t *buf;	/* NULL while nothing is kept */
	size_t len;	/* bytes in it */
	size_t sent;	/* of these, the first that are gone */
	size_t clear;	/* the first that may go; sent <= clear <= len */
	size_t pos;	/* the first that need not be looked at any more */
	bool bulk;	/* much came at a time: the next goes without a copy */
	bool copies;	/* but of such a socket it cannot */
	bool ended;	/* nothing more comes */
	bool told;	/* and the other side knows */
	uint64_t bytes; /* that went */
};

struct relay {
	struct share *share;
	struct share_place place; /* in the line for it */
	bool held;		  /* until then it sends nothing either */
	int fd[RELAY_SIDES];	  /* -1: not there (yet) */
	struct event *in[RELAY_SIDES], *out[RELAY_SIDES];
	bool reading[RELAY_SIDES], writing[RELAY_SIDES];
	struct flow flow[RELAY_SIDES];
	/* Looks at what a side sent, in flow[].buf from pos on: raises clear and
	 * pos, may set itself to NULL, and then the rest passes. -1: both ends
	 * are to be reset, which ended() tells. NULL: all passes. */
	int (*look[RELAY_SIDES])(void *arg);
	/* The last call, from within the relay's own and never from relay_stop:
	 * both have sent their end, or error says what happened (EPERM: look
	 * returned -1). The relay is to be stopped then. */
	void (*ended)(void *arg, int error);
	void *arg;
	uint64_t active; /* clock_ms() of the last byte */
	bool polite; /* the client gets what was sent to it, also by a reset */
};

/* What a relay wants of a socket. Those that a listening one accepts have what that
 * one has. */
void relay_options(int fd);
/* Takes fd, which is connected and has these options, and reads from it as much as
 * the session's share has room for: all that a session receives and sends is to pass
 * by it. 0 or -1. */
int relay_start(struct relay *, struct share *, int client_fd,
    void (*ended)(void *arg, int error), void *arg);
/* The server is there: takes fd. 0 or -1. */
int relay_join(struct relay *, int server_fd);
/* For how long nothing more may come on it, in ms: idle_ms after the last byte, or
 * half_ms when one side has ended; 0: that is over. */
uint64_t relay_left(const struct relay *, uint64_t idle_ms, uint64_t half_ms);
/* Goes on after clear was raised, or a look removed, by others than look. May
 * call ended. */
void relay_go(struct relay *);
/* Closes what is open; reset: without sending what is left, so that both sides
 * see an error. */
void relay_stop(struct relay *, bool reset);

#endif
