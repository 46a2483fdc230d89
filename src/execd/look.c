/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of execd. They look, and nothing else: what a look leads to is
 * decided by the main thread, which knows the rules, traces and answers. A
 * look that is stuck in the kernel keeps its thread; when too many are, those
 * that come wait here, and whose asker dies meanwhile is left out.
 *
 * Who is the main thread is passed on under the lock: by the watch, a thread
 * that waits until a look of the main thread's takes too long. Only the thread
 * that has begun to trace a process can let it go (ptrace(2)): who was the main
 * one does that when it is told.
 */
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/timerfd.h>

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
#include "near.h"
#include "notify.h"
#include "supervise.h"

#define LOOK_STACK (1024 * 1024) /* bytes: it may become the main thread's */
#define LEFT_MS 200		 /* between two looks at who still asks */
#define HERE_US 5000 /* a look of the main thread's takes no longer */

struct thread {
	pthread_cond_t wake;
	struct look *look;
	struct thread *next; /* of the idle */
	bool told;	     /* what becomes of who it traces */
	pid_t detach;	     /* 0: it has ended */
};

static struct {
	/* the main thread's */
	struct looks waiting;
	struct looks here; /* that it is about to begin */
	struct {
		struct look *look;
		uint64_t command;
	} running[LOOK_THREADS_MAX];
	unsigned nrunning;
	struct thread *untold; /* of the look that is concluded */
	struct event *ev;
	struct event *timer;
	/* what never changes */
	int fd;	      /* eventfd: some are done */
	int watch_fd; /* timerfd: for the watch */
	sigset_t mask;
	/* everybody's */
	pthread_mutex_t lock;
	struct thread
	    *idle; /* who was idle last is first: its memory is warm */
	struct looks done;
	struct look *begun; /* by the main thread */
	uint64_t begun_us;
	uint64_t turn; /* how often another became the main thread */
} looks = {
	.waiting = TAILQ_HEAD_INITIALIZER(looks.waiting),
	.here = TAILQ_HEAD_INITIALIZER(looks.here),
	.done = TAILQ_HEAD_INITIALIZER(looks.done),
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.fd = -1,
	.watch_fd = -1,
};

static _Thread_local struct thread *self;

bool
look_may_start(unsigned own, unsigned all)
{
	return all < LOOK_THREADS_MAX && own < LOOK_THREADS_MAX - all;
}

/* --- in the threads */

static void
wake_main(void)
{
	const uint64_t one = 1;

	if (write(looks.fd, &one, sizeof(one)) != sizeof(one))
		fatal("eventfd");
}

static void
put_done(struct look *l)
{
	if (TAILQ_EMPTY(&looks.done))
		wake_main();
	TAILQ_INSERT_TAIL(&looks.done, l, entry);
}

/* Waits for the next look; this one is handed over at once with that, so that
 * there are never more threads than looks. */
static void
next_look(struct look *l)
{
	pthread_mutex_lock(&looks.lock);
	if (l != NULL)
		put_done(l);
	self->look = NULL;
	self->next = looks.idle;
	looks.idle = self;
	while (self->look == NULL)
		pthread_cond_wait(&self->wake, &looks.lock);
	pthread_mutex_unlock(&looks.lock);
}

static void watch_run(struct look *);

static void
work(struct look *l)
{
	sigset_t all;

	sigfillset(&all);
	for (;;) {
		if (l != NULL)
			l->run(l);
		/* this one was the main thread meanwhile, and has done that */
		if (l == NULL || l->run == watch_run) {
			pthread_sigmask(SIG_SETMASK, &all, NULL);
			l = NULL;
		}
		next_look(l);
		l = self->look;
	}
}

static void *
thread_main(void *arg)
{
	self = arg;
	work(self->look);
	return NULL;
}

static struct thread *
thread_new(void)
{
	struct thread *t = calloc(1, sizeof(*t));

	if (t == NULL || pthread_cond_init(&t->wake, NULL) != 0)
		fatal("a thread");
	return t;
}

static void
thread_start(struct look *l)
{
	struct thread *t = thread_new();
	pthread_attr_t pa;
	pthread_t id;
	sigset_t all, old;
	int rc;

	t->look = l;
	near_leave(); /* it would stay where we do */
	/* from its first moment on */
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

static void
give(struct look *l)
{
	struct thread *t;

	pthread_mutex_lock(&looks.lock);
	t = looks.idle;
	if (t != NULL) {
		looks.idle = t->next;
		t->look = l;
		pthread_cond_signal(&t->wake);
	}
	pthread_mutex_unlock(&looks.lock);
	if (t == NULL)
		thread_start(l);
}

static void
set_watch(uint64_t us)
{
	struct itimerspec it = { .it_value = { .tv_sec = 0,
				     .tv_nsec = (long)us * 1000 } };

	if (timerfd_settime(looks.watch_fd, 0, &it, NULL) == -1)
		fatal("timerfd");
}

static void
watch_start(void)
{
	static struct look watch = { .run = watch_run };

	give(&watch);
}

static void
put_running(struct look *l)
{
	looks.running[looks.nrunning].look = l;
	looks.running[looks.nrunning++].command = l->command;
}

static void
watch_run(struct look *l)
{
	uint64_t n, now;
	bool mine = false;

	(void)l;
	while (!mine) {
		if (read(looks.watch_fd, &n, sizeof(n)) == -1 && errno != EINTR)
			fatal("timerfd");
		pthread_mutex_lock(&looks.lock);
		now = clock_us();
		mine = looks.begun != NULL && now - looks.begun_us >= HERE_US;
		if (mine) {
			put_running(looks.begun);
			looks.begun = NULL;
			looks.turn++;
		} else if (looks.begun != NULL)
			set_watch(looks.begun_us + HERE_US - now);
		pthread_mutex_unlock(&looks.lock);
	}
	log_debug("a look takes long: another thread goes on");
	pthread_sigmask(SIG_SETMASK, &looks.mask, NULL);
	watch_start();
	look_loop();
}

/* --- in the main thread */

static bool
may_start(const struct look *l)
{
	unsigned i, own = 0;

	for (i = 0; i < looks.nrunning; i++)
		own += looks.running[i].command == l->command;
	return look_may_start(own, looks.nrunning);
}

/* What it traces would wait with the main thread. */
static bool
may_begin(const struct look *l)
{
	return supervise_traced() == (l->traces ? 1 : 0);
}

static void
start(struct look *l)
{
	put_running(l);
	give(l);
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

/* Another thread takes it, or will. */
static void
pass_on(struct look *l)
{
	if (may_start(l)) {
		start(l);
		return;
	}
	if (TAILQ_EMPTY(&looks.waiting))
		arm();
	TAILQ_INSERT_TAIL(&looks.waiting, l, entry);
}

void
look_start(struct look *l)
{
	l->left = false;
	l->by = NULL;
	if (TAILQ_EMPTY(&looks.here) && may_begin(l))
		TAILQ_INSERT_TAIL(&looks.here, l, entry);
	else
		pass_on(l);
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

/* Who traces and is not the main thread any more gets on. */
static void
tell(struct thread *t, pid_t pid)
{
	pthread_mutex_lock(&looks.lock);
	t->told = true;
	t->detach = pid;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&looks.lock);
}

void
look_detach(struct look *l, pid_t pid)
{
	if (l->by == NULL) {
		ptrace(PTRACE_DETACH, pid, 0, 0);
		return;
	}
	tell(l->by, pid);
	looks.untold = NULL;
}

static void
conclude(struct look *l)
{
	looks.untold = l->by;
	l->done(l);
	/* l may be gone; whom it was about has ended, or will */
	if (looks.untold != NULL)
		tell(looks.untold, 0);
	looks.untold = NULL;
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
		conclude(l);
	}
	start_waiting();
}

/* true: it is done. Else another thread is the main one by now, and this one has
 * handed it over. */
static bool
begin(struct look *l)
{
	uint64_t turn;
	bool mine;

	pthread_mutex_lock(&looks.lock);
	looks.begun = l;
	looks.begun_us = clock_us();
	turn = looks.turn;
	pthread_mutex_unlock(&looks.lock);
	set_watch(HERE_US);
	l->run(l);
	pthread_mutex_lock(&looks.lock);
	mine = looks.turn == turn;
	if (!mine)
		near_leave();
	if (mine) {
		looks.begun = NULL;
		pthread_mutex_unlock(&looks.lock);
		return true;
	}
	if (!l->traces) {
		put_done(l);
		pthread_mutex_unlock(&looks.lock);
		return false;
	}
	self->told = false;
	l->by = self;
	put_done(l);
	while (!self->told)
		pthread_cond_wait(&self->wake, &looks.lock);
	pthread_mutex_unlock(&looks.lock);
	if (self->detach != 0)
		ptrace(PTRACE_DETACH, self->detach, 0, 0);
	return false;
}

void
look_loop(void)
{
	struct look *l;

	while (event_base_loop(execd.base, EVLOOP_ONCE) == 0) {
		while ((l = TAILQ_FIRST(&looks.here)) != NULL) {
			TAILQ_REMOVE(&looks.here, l, entry);
			if (!may_begin(l) || !may_start(l)) {
				pass_on(l);
				continue;
			}
			if (!begin(l)) {
				if (self->look == NULL)
					work(NULL); /* main() does not return */
				return;
			}
			conclude(l);
		}
		near_turn();
	}
	fatalx("there is nothing left to wait for");
}

void
look_init(void)
{
	self = thread_new();
	looks.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	looks.watch_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (looks.fd == -1 || looks.watch_fd == -1)
		fatal("a descriptor for threads");
	looks.ev = event_new(execd.base, looks.fd, EV_READ | EV_PERSIST,
	    done_cb, NULL);
	looks.timer = evtimer_new(execd.base, left_cb, NULL);
	if (looks.ev == NULL || looks.timer == NULL ||
	    event_add(looks.ev, NULL) == -1)
		fatalx("event");
}

void
look_ready(void)
{
	pthread_sigmask(SIG_SETMASK, NULL, &looks.mask);
	watch_start();
}
