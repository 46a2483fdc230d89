/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of execd: a look that is stuck keeps nobody else, also when the
 * main thread has begun it; who was the main thread lets go whom it traces; and
 * one command does not take all threads.
 */
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include <event2/event.h>

#include "execd/execd.h"
#include "execd/look.h"
#include "execd/near.h"
#include "execd/notify.h"
#include "execd/supervise.h"
#include "t.h"

#define MANY 40
#define GONE 77 /* the question of who is gone */
#define STEP_MS 5
#define STEPS_MAX 2000

struct execd execd;

struct job {
	struct look look;
	bool sticks;
	sem_t go;
	_Atomic bool begun;
	pthread_t ran_in, done_in;
	int processors; /* that it may run on */
	unsigned done;
};

static struct {
	pthread_t first; /* the main thread at the start */
	size_t traced;
	pid_t child;
	int pipe[2];
	struct job quick, other, stuck, after, tracer;
	struct job mine[MANY], theirs[MANY];
	int processors;
	unsigned step;
	unsigned ticks;
	struct event *timer;
} test;

/* What look.c asks of the rest. */
bool
notify_is_valid(uint64_t id)
{
	return id != GONE;
}

size_t
supervise_traced(void)
{
	return test.traced;
}

static struct job *
of_look(struct look *l)
{
	return (void *)((char *)l - offsetof(struct job, look));
}

static int
processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == -1)
		abort();
	return CPU_COUNT(&set);
}

static void
run(struct look *l)
{
	struct job *j = of_look(l);

	j->ran_in = pthread_self();
	j->processors = processors();
	j->begun = true;
	while (j->sticks && sem_wait(&j->go) == -1)
		continue;
}

static void
done(struct look *l)
{
	struct job *j = of_look(l);

	j->done++;
	j->done_in = pthread_self();
	if (l->traces) {
		look_detach(l, test.child);
		test.traced = 0;
	}
}

static void
begin(struct job *j, uint64_t command, bool sticks)
{
	sem_init(&j->go, 0, 0);
	j->sticks = sticks;
	j->look.run = run;
	j->look.done = done;
	j->look.command = command;
	j->look.id = 1;
	look_start(&j->look);
}

static unsigned
count(const struct job *j, bool begun)
{
	unsigned i, n = 0;

	for (i = 0; i < MANY; i++)
		n += begun ? j[i].begun : j[i].done;
	return n;
}

static bool
is_main(pthread_t t)
{
	return pthread_equal(t, pthread_self()) != 0;
}

static void
begin_many(void)
{
	unsigned i;

	near_stay(2, 1);
	near_stay(3, 1);
	for (i = 0; i < MANY; i++)
		begin(&test.mine[i], 1, true);
	for (i = 0; i < MANY; i++)
		begin(&test.theirs[i], 2, false);
}

/* A process that is stopped, and ends when it is let go. */
static void
trace(void)
{
	char c;
	int status;

	if (pipe(test.pipe) == -1)
		abort();
	test.child = fork();
	if (test.child == 0)
		_exit(read(test.pipe[0], &c, 1) == 1 ? 7 : 1);
	if (ptrace(PTRACE_SEIZE, test.child, 0, 0) == -1 ||
	    ptrace(PTRACE_INTERRUPT, test.child, 0, 0) == -1 ||
	    waitpid(test.child, &status, __WALL) != test.child ||
	    write(test.pipe[1], "x", 1) != 1)
		abort();
	test.traced = 1;
	test.tracer.look.traces = true;
	begin(&test.tracer, 3, true);
}

static bool
has_ended(void)
{
	int status;

	return waitpid(test.child, &status, WNOHANG | __WALL) == test.child &&
	    WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

static void
begin_others(void)
{
	test.traced = 1;
	begin(&test.other, 1, false);
}

static void
begin_stuck(void)
{
	test.traced = 0;
	begin(&test.stuck, 1, true);
}

static void
leave(void)
{
	unsigned i;

	for (i = 0; i < MANY; i++)
		test.mine[i].look.id = GONE;
}

static void
release(void)
{
	unsigned i;

	for (i = 0; i < MANY; i++)
		sem_post(&test.mine[i].go);
	sem_post(&test.stuck.go);
}

/* Those of a thread that the main one has made while it stayed where it was. */
static bool
are_free(void)
{
	unsigned i;

	for (i = 0; i < MANY; i++) {
		if (test.mine[i].begun &&
		    test.mine[i].processors != test.processors)
			return false;
	}
	return true;
}

static unsigned
count_left(void)
{
	unsigned i, n = 0;

	for (i = 0; i < MANY; i++)
		n += test.mine[i].look.left && !test.mine[i].begun;
	return n;
}

/* Each step is tried until it holds, and begins the next. */
static bool
step(void)
{
	bool ok;

	switch (test.step) {
	case 0:
		begin(&test.quick, 1, false);
		return true;
	case 1:
		ok = test.quick.done == 1;
		if (ok)
			T(is_main(test.quick.ran_in) &&
				is_main(test.quick.done_in),
			    "the main thread looks itself");
		if (ok)
			begin_others();
		return ok;
	case 2:
		ok = test.other.done == 1;
		if (ok)
			T(!is_main(test.other.ran_in) &&
				is_main(test.other.done_in),
			    "not while it traces somebody");
		if (ok)
			begin_stuck();
		return ok;
	case 3:
		T(!is_main(test.first) && test.stuck.begun &&
			test.stuck.done == 0,
		    "another goes on when that is stuck");
		begin(&test.after, 1, false);
		return true;
	case 4:
		ok = test.after.done == 1;
		if (ok)
			begin_many();
		return ok;
	case 5:
		ok = count(test.theirs, false) == MANY;
		if (ok)
			T(count(test.mine, true) + 1 == LOOK_THREADS_MAX / 2,
			    "one command takes half of the threads: %u",
			    count(test.mine, true) + 1);
		if (ok)
			T(are_free(), "each where the kernel likes");
		if (ok)
			leave();
		return ok;
	case 6:
		ok = count_left() + count(test.mine, true) == MANY;
		if (ok)
			T(true, "who is gone is left out");
		if (ok)
			trace();
		return ok;
	case 7:
		T(test.tracer.begun && is_main(test.first) == 0 && !has_ended(),
		    "another goes on, and who was traced waits");
		sem_post(&test.tracer.go);
		return true;
	case 8:
		ok = has_ended();
		if (ok)
			T(test.tracer.done == 1 && !is_main(test.tracer.ran_in),
			    "who had traced it lets it go");
		if (ok)
			release();
		return ok;
	default:
		return count(test.mine, false) == MANY && test.stuck.done == 1;
	}
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval tv = { 0, STEP_MS * 1000 };

	(void)fd;
	(void)what;
	(void)arg;
	if (step()) {
		test.step++;
		test.ticks = 0;
	}
	if (test.step == 10) {
		T(true, "all that was stuck comes back");
		exit(done_testing());
	}
	if (++test.ticks > STEPS_MAX) {
		T(false, "step %u comes to no end", test.step);
		exit(done_testing());
	}
	evtimer_add(test.timer, &tv);
}

static void
bounds(void)
{
	CHECK(look_may_start(0, 0));
	CHECK(look_may_start(15, 15));
	CHECK(!look_may_start(16, 16));
	CHECK(look_may_start(0, 31));
	CHECK(!look_may_start(1, 31));
	CHECK(!look_may_start(0, 32));
	CHECK(!look_may_start(0, 33));
	CHECK(look_may_start(7, 24));
	CHECK(!look_may_start(8, 24));
}

int
main(void)
{
	static const struct timeval now = { 0, 0 };
	sigset_t set;

	T_RUN(bounds);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	test.first = pthread_self();
	test.processors = processors();
	near_init();
	execd.base = event_base_new();
	test.timer = evtimer_new(execd.base, timer_cb, NULL);
	look_init();
	look_ready();
	evtimer_add(test.timer, &now);
	look_loop();
	return 1;
}
