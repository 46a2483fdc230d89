/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients are told of a command: its events, as eventd has them, and the
 * answer that is made of them.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "json.h"
#include "proc.h"

struct command;
struct event_query;
struct msg_event_query;

/* What an answer wants to know of one event. */
struct event_info {
	char *type;
	char *path;
	char *remote;
	char *domain;
	char *operation;
	char *effective;
	char *decision;
	char *error;
	char *to_command; /* of a redirect */
	char *target;	  /* of a signal */
	char *trash_token;
	char *rule;
	char *message;
	enum json_bool blocked;
};

struct event_line {
	const char *text; /* one JSON object */
	size_t len;
	struct event_info info;
	enum event_bucket bucket;
	bool blocked;
};

/* Events as eventd answered. */
struct event_set {
	char *text;
	struct event_line *line;
	size_t n;
	bool incomplete; /* eventd could not be asked */
	bool no_log;	 /* eventd has none of that id */
	bool refused;	 /* no room in the user's share: there are no lines */
	uint32_t uid;
	uint64_t charged; /* to that user */
};

/* evquery.c: asks eventd for a client of this uid; the callback owns the set */
struct event_query *event_query_start(const struct msg_event_query *,
    uint32_t uid, void (*done)(struct event_set *, void *), void *arg);
void event_query_cancel(struct event_query *);
void event_set_free(struct event_set *);
int sessiond_on_event_result(struct chan *, struct imsg *);

/* answer.c: the ExecResponse. The set may be NULL. */
void answer_send(struct command *, struct event_set *);
/* It as a member's value; and what its result says of the exit. */
void answer_put(yajl_gen, const struct command *, const struct event_set *);
int answer_exit_code(const struct command *);
/* The member error, where there is one to tell. */
void answer_put_error(yajl_gen, const struct command *);
/* guidance.c: the object's content */
void guidance_put(yajl_gen, const struct command *, const struct event_set *);

/* softdel.c: what a command deleted softly */
/* Lines for its stderr; "" when there is nothing. */
void softdel_hints(char *dst, size_t size, const struct command *,
    const struct event_set *);
bool softdel_any(const struct event_set *);
/* Members of the array that is open. */
void softdel_suggest(yajl_gen, const struct event_set *);

/* api_update.c: the answer of a command that only changes the session */
void update_answer(struct command *);

#endif
