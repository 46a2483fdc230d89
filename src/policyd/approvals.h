/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that wait for an operator, and who waits for them. For the files of
 * policyd alone.
 */
#ifndef APPROVALS_H
#define APPROVALS_H

#include <sys/queue.h>

#include "chan.h"

struct event;
struct event_base;
struct proc;
struct request;

/* Of more, the one that has used least is forgotten, and begins anew. */
#define SPENDERS_MAX 16

/* A command that has asked lately; others of the session are to have a turn. */
struct spender {
	char command_id[AGENTSH_CMDID_MAX + 1];
	double used; /* of the session's tokens, as they come again */
	uint64_t used_ms;
};

/* A session that can ask: gone with the last of its channels. */
struct asking_session {
	LIST_ENTRY(asking_session) entry;
	uint64_t number;
	uint32_t uid;
	char id[AGENTSH_ID_MAX + 1];
	unsigned nchans;
	unsigned npending; /* requests */
	unsigned nwaiters;
	double tokens; /* requests that it may make now */
	uint64_t tokens_ms;
	struct spender spender[SPENDERS_MAX];
	LIST_HEAD(, grant) grants;
	unsigned ngrants;
};

/* The channel of one execd, fsd, or netd for one session. */
struct asker {
	LIST_ENTRY(asker) entry;
	struct chan *ch;
	struct asking_session *sess;
};

/* One operation that waits. */
struct waiter {
	TAILQ_ENTRY(waiter) entry;
	struct asker *asker;
	uint32_t id; /* of its question on that channel */
	uint32_t pid;
	char command_id[AGENTSH_CMDID_MAX + 1];
};

/* What has to be the same for one answer to be the other's too. */
struct subject {
	uint32_t kind;
	char *operation;
	char *object;
	char *cwd;
	char *identity;
	char *rule;
	uint8_t *words;
	size_t words_len;
};

struct request {
	TAILQ_ENTRY(request) entry;
	uint64_t number; /* never used again; the list is in this order */
	char id[APPROVAL_ID_MAX + 1];
	struct asking_session *sess;
	struct subject what;
	char *message;
	uint64_t created_ms; /* since the epoch */
	uint64_t timeout_ms;
	uint64_t until_ms; /* on the monotonic clock */
	struct event *timer;
	/* the first of those that are left is shown; one without any is gone */
	TAILQ_HEAD(, waiter) waiters;
	unsigned nwaiters;
};

/* approvals.c */
void approvals_start(struct proc *, struct event_base *);
int approvals_on_open(struct chan *, struct imsg *);
/* Rows of requests later than the one of that number, as answers to id. The
 * number to go on with; 0: there are no more. */
uint64_t approvals_list(struct chan *, uint32_t id, uint64_t after);
/* An operator's word. 0, or -1; text for the operator, which may be "". */
int approvals_resolve(const struct msg_ctl_resolve *, uint32_t uid, char *text,
    size_t size);

/* approval_grant.c: what a request is about, and what an operator has approved
 * for the rest of a session */
/* 0, or -1: out of memory. */
int subject_copy(struct subject *, const struct msg_approval_ask *);
bool subject_is(const struct subject *, const struct msg_approval_ask *);
void subject_free(struct subject *);
/* 0, or -1: there are too many, or no memory. Takes the subject. */
int grant_add(struct asking_session *, struct subject *, const char *id,
    const char *who);
struct grant {
	LIST_ENTRY(grant) entry;
	struct subject what;
	char id[APPROVAL_ID_MAX + 1]; /* of the request that was approved */
	char who[APPROVAL_WHO_MAX + 1];
};
const struct grant *grant_find(const struct asking_session *,
    const struct msg_approval_ask *);
void grant_free_all(struct asking_session *);
/* May that command of the session make one request more? Counts it. */
bool rate_take(struct asking_session *, const char *command_id,
    uint64_t now_ms);

#endif
