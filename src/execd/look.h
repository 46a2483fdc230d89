/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at what may not answer: files of the session, whose directories can be
 * locked by somebody who waits for an operator, or which are on a file system
 * that hangs, and memory that is such a file. Threads take them, so that execd
 * itself waits for none.
 *
 * Most looks take a few microseconds, and to wake a thread takes longer. So the
 * main thread begins one itself where it traces nobody else; if that takes too
 * long, another thread becomes the main one, with all that is its own, and who
 * was it looks on and is a thread like the others afterwards.
 */
#ifndef LOOK_H
#define LOOK_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#define LOOK_THREADS_MAX 32

struct thread;

/*
 * One look. While it is under way what it is about belongs to the thread that
 * takes it: run() touches that and what never changes after the start, and
 * done() is called afterwards in the main thread.
 */
struct look {
	TAILQ_ENTRY(look) entry;
	void (*run)(struct look *);
	void (*done)(struct look *);
	uint64_t command;  /* for whom */
	uint64_t id;	   /* of the question of seccomp; 0: none */
	bool traces;	   /* it is about who is traced, and stopped */
	bool left;	   /* nobody asks any more, and run() was not called */
	struct thread *by; /* who was the main thread and traces it; or NULL */
};

TAILQ_HEAD(looks, look);

/* Before the sandbox is closed. */
void look_init(void);
/* After that. */
void look_ready(void);
/* In the main thread, as all below. run, done, command, id and traces are set. */
void look_start(struct look *);
/* The events of execd, in whichever thread is the main one. */
void look_loop(void);
/* In done() of one that traces: that process goes on without us. */
void look_detach(struct look *, pid_t);
/*
 * May one more of that command be taken, when `own` of it and `all` together are
 * under way? One command never has more than it leaves to others: those that are
 * stuck do not stop it all.
 */
bool look_may_start(unsigned own, unsigned all);

#endif
