/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions of the kernel that wait until an operator has said something: an
 * exec, a signal, an operation on a socket.
 */
#ifndef ASKING_H
#define ASKING_H

#include <sys/queue.h>

#include "msg.h"

struct chan;
struct imsg;

enum approve_say {
	APPROVE_NO,
	APPROVE_YES,
	APPROVE_WAIT
};

/* One that waits, or is answered. */
struct asking {
	TAILQ_ENTRY(asking) entry; /* while it waits */
	uint64_t id;		   /* of the question of seccomp */
	uint32_t request;
	bool waits;
	bool told; /* that it waits was recorded */
	bool answered;
	struct msg_approval_ask m; /* words: ours */
	struct msg_approval_answer answer;
	/* of these exactly one is called, and asking_end() is due */
	void (*on_answer)(void *);
	void (*on_gone)(void *); /* who asked does not wait any more */
	void *arg;
};

/* Before the sandbox is closed. */
void asking_init(void);
/* m.words become a copy of these. 0, or -1: they are too long to be shown. */
int asking_words(struct asking *, const void *words, size_t len);
/* Sends it. id, m, on_answer, on_gone and arg are set. 0, or -1: too many of its
 * kind wait, or of its command. */
int asking_start(struct asking *);
/* Withdraws what is not answered. Its memory is the caller's. */
void asking_end(struct asking *);
/* Is it the same that an operator would be shown, by the same rule? */
bool asking_is_same(const struct asking *, const struct asking *);
/* An answer without an operator. */
void asking_refuse(struct msg_approval_answer *, enum approval_outcome,
    const char *reason);
/* By which request it was let go on, or why not: into execd.event. */
void asking_record(const struct msg_approval_answer *);

int asking_on_pending(struct chan *, struct imsg *);
int asking_on_answer(struct chan *, struct imsg *);

#endif
