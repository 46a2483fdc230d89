/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at what may not answer: files of the session, whose directories can be
 * locked by somebody who waits for an operator, or which are on a file system
 * that hangs, and memory that is such a file. Threads take them, so that execd
 * itself waits for none.
 */
#ifndef LOOK_H
#define LOOK_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#define LOOK_THREADS_MAX 32

/*
 * One look. While it is under way what it is about belongs to the thread that
 * takes it: run() touches that and what never changes after the start, and
 * done() is called afterwards where look_start() was.
 */
struct look {
	TAILQ_ENTRY(look) entry;
	void (*run)(struct look *);
	void (*done)(struct look *);
	uint64_t command; /* for whom */
	uint64_t id;	  /* of the question of seccomp; 0: none */
	bool left;	  /* nobody asks any more, and run() was not called */
};

TAILQ_HEAD(looks, look);

/* Before the sandbox is closed. */
void look_init(void);
/* run, done and command are set; id is. */
void look_start(struct look *);
/*
 * May one more of that command be taken, when `own` of it and `all` together are
 * under way? One command never has more than it leaves to others: those that are
 * stuck do not stop it all.
 */
bool look_may_start(unsigned own, unsigned all);

#endif
