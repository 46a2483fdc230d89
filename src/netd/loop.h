/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netd's threads: the main one, which hears agentshd, and a worker for each
 * processor. Each has an event loop of its own; what one wants of another is a
 * job, a function that is called there, in the order in which they were sent.
 */
#ifndef LOOP_H
#define LOOP_H

#include <sys/queue.h>

#include <pthread.h>

struct event;
struct event_base;
struct job;

struct loop {
	struct event_base *base;
	struct event *wake;
	int wake_fd;
	size_t nsess; /* the main thread's: sessions that it has */
	pthread_t thread;
	pthread_mutex_t lock;
	STAILQ_HEAD(, job) jobs;
};

/* The event base, and what wakes it. Fatal on failure. */
void loop_init(struct loop *);
/* A thread that runs it, for ever. Fatal on failure. */
void loop_start(struct loop *);
/* Has fn called in the loop's thread. Fatal without memory: a session would be
 * in two states. */
void loop_post(struct loop *, void (*fn)(void *arg), void *arg);

#endif
