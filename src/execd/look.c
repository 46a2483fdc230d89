/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of execd. They look, and nothing else: what a look leads to is
 * decided by the main thread, which knows the rules, traces and answers. A
 * look that is stuck in the kernel keeps its thread; when too many are, those
 * that come wait here, and whose asker dies meanwhile is left out.
 */
#include <sys/eventfd.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "execd.h"
#include "log.h"
#include "look.h"
#include "notify.h"

#define LOOK_STACK (256 * 1024) /* bytes; a look has some names on it */
#define LEFT_MS 200		/* between two looks at who still asks */

struct thread {
	pthread_cond_t wake;
	struct look *look;
	struct thread *next; /* of the idle */
};

static struct {
	/* the main thread's */
	struct looks waiting;
	struct {
		struct look *look;
		uint64_t command;
	} running[LOOK_THREADS_MAX];
	unsigned nrunning;
	struct event *ev;
	struct event *timer;
	int fd; /* eventfd: some are done */
	/* everybody's */
	pthread_mutex_t lock;
	struct thread
	    *idle; /* who was idle last is first: its memory is warm */
	struct looks done;
} looks = {
	.waiting = TAILQ_HEAD_INITIALIZER(looks.waiting),
	.done = TAILQ_HEAD_INITIALIZER(looks.done),
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.fd = -1,
};

bool
look_may_start(unsigned own, unsigned all)
{
	return all < LOOK_THREADS_MAX && own < LOOK_THREADS_MAX - all;
}

/* --- in the threads */

/* Both at once, so that there are never more threads than looks. */
static void
finish(struct thread *t)
{
	const uint64_t one = 1;
	bool first;

	pthread_mutex_lock(&looks.lock);
	first = TAILQ_EMPTY(&looks.done);
	TAILQ_INSERT_TAIL(&looks.done, t->look, entry);
	t->look = NULL;
	t->next = looks.idle;
	looks.idle = t;
	pthread_mutex_unlock(&looks.lock);
	if (first && write(looks.fd, &one, sizeof(one)) != sizeof(one))
		fatal("eventfd");
}

static void *
thread_main(void *arg)
{
	struct thread *t = arg;

	for (;;) {
		t->look->run(t->look);
		finish(t);
		pthread_mutex_lock(&looks.lock);
		while (t->look == NULL)
			pthread_cond_wait(&t->wake, &looks.lock);
		pthread_mutex_unlock(&looks.lock);
	}
	return NULL;
}

/* --- in the main thread */

static void
thread_new(struct look *l)
{
	struct thread *t = calloc(1, sizeof(*t));
	pthread_attr_t pa;
	pthread_t id;
	sigset_t all, old;
	int rc;

	if (t == NULL || pthread_cond_init(&t->wake, NULL) != 0)
		fatal("a thread");
	t->look = l;
	/* signals are the main thread's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&pa);
	pthread_attr_setdetachstate(&pa, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&pa, LOOK_STACK);
	rc = pthread_create(&id, &pa, thread_main, t);
	pthread_attr_destroy(&pa);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0) {
		errno = rc;
		fatal("a thread");
	}
}

static bool
may_start(const struct look *l)
{
	unsigned i, own = 0;

	for (i = 0; i < looks.nrunning; i++)
		own += looks.running[i].command == l->command;
	return look_may_start(own, looks.nrunning);
}

static void
start(struct look *l)
{
	struct thread *t;

	looks.running[looks.nrunning].look = l;
	looks.running[looks.nrunning++].command = l->command;
	pthread_mutex_lock(&looks.lock);
	t = looks.idle;
	if (t != NULL) {
		looks.idle = t->next;
		t->look = l;
		pthread_cond_signal(&t->wake);
	}
	pthread_mutex_unlock(&looks.lock);
	if (t == NULL)
		thread_new(l);
}

static void
arm(void)
{
	struct timeval tv = clock_timeval(LEFT_MS);

	if (evtimer_add(looks.timer, &tv) == -1)
		fatalx("a timer cannot be set");
}

/* The kernel does not say when somebody who asks has died. */
static void
left_cb(evutil_socket_t fd, short what, void *arg)
{
	struct looks left = TAILQ_HEAD_INITIALIZER(left);
	struct look *l, *next;

	(void)fd;
	(void)what;
	(void)arg;
	for (l = TAILQ_FIRST(&looks.waiting); l != NULL; l = next) {
		next = TAILQ_NEXT(l, entry);
		if (l->id == 0 || notify_is_valid(l->id))
			continue;
		TAILQ_REMOVE(&looks.waiting, l, entry);
		TAILQ_INSERT_TAIL(&left, l, entry);
	}
	while ((l = TAILQ_FIRST(&left)) != NULL) {
		TAILQ_REMOVE(&left, l, entry);
		l->left = true;
		l->done(l);
	}
	if (!TAILQ_EMPTY(&looks.waiting))
		arm();
}

void
look_start(struct look *l)
{
	l->left = false;
	if (may_start(l)) {
		start(l);
		return;
	}
	if (TAILQ_EMPTY(&looks.waiting))
		arm();
	TAILQ_INSERT_TAIL(&looks.waiting, l, entry);
}

static void
start_waiting(void)
{
	struct look *l, *next;

	for (l = TAILQ_FIRST(&looks.waiting); l != NULL; l = next) {
		next = TAILQ_NEXT(l, entry);
		if (looks.nrunning == LOOK_THREADS_MAX)
			return;
		if (!may_start(l))
			continue;
		TAILQ_REMOVE(&looks.waiting, l, entry);
		start(l);
	}
}

static void
forget(const struct look *l)
{
	unsigned i;

	for (i = 0; i < looks.nrunning; i++) {
		if (looks.running[i].look == l) {
			looks.running[i] = looks.running[--looks.nrunning];
			return;
		}
	}
}

static void
done_cb(evutil_socket_t fd, short what, void *arg)
{
	struct looks done = TAILQ_HEAD_INITIALIZER(done);
	struct look *l;
	uint64_t n;

	(void)what;
	(void)arg;
	if (read(fd, &n, sizeof(n)) == -1 && errno != EAGAIN)
		fatal("eventfd");
	pthread_mutex_lock(&looks.lock);
	TAILQ_CONCAT(&done, &looks.done, entry);
	pthread_mutex_unlock(&looks.lock);
	while ((l = TAILQ_FIRST(&done)) != NULL) {
		TAILQ_REMOVE(&done, l, entry);
		forget(l);
		l->done(l);
	}
	start_waiting();
}

void
look_init(void)
{
	looks.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (looks.fd == -1)
		fatal("eventfd");
	looks.ev = event_new(execd.base, looks.fd, EV_READ | EV_PERSIST,
	    done_cb, NULL);
	looks.timer = evtimer_new(execd.base, left_cb, NULL);
	if (looks.ev == NULL || looks.timer == NULL ||
	    event_add(looks.ev, NULL) == -1)
		fatalx("event");
}
