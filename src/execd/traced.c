/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exec of a thread that another process of the session traces, as debuggers
 * do (sandbox.ptrace). It cannot be ours meanwhile (trace.c), so that its tracer
 * is held instead: the kernel stops a traced thread at its exec before the first
 * instruction of the new program, and lets it go on when its tracer says so.
 * What is there then is looked at in /proc, by a thread; who is not what was
 * decided is killed by pid 1, and when that is done the tracer goes on. A tracer
 * that is killed in between is held at its end, before it lets go of anybody.
 *
 * Who waits for our answer is not in a stop, so that its tracer changes neither
 * its memory nor its registers, mask or options then. The stop is certain if
 * SIGTRAP is not blocked, or is that of PTRACE_O_TRACEEXEC (attach.c). More
 * threads of the process could need the tracer for their ends, for which the
 * exec waits: so there may be none.
 */
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "execd.h"
#include "hold.h"
#include "log.h"
#include "notify.h"
#include "signal_call.h"
#include "supervise.h"

#define RULE_TRACED "exec-traced"
#define WHY_LOOSE                                                              \
	"the tracer of the process has ended before the program was looked at"
#define ENDING_US 5000000 /* for a tracer that ends to be gone */
#define LIMIT_US 30000000 /* for a tracer to stop, and for an exec to be done */

struct traced {
	struct hold *hold;
	pid_t tracer;
	int dir_fd; /* of the process in /proc, by which it can be killed */
	uint64_t since_us;
	bool asks;    /* for another exec: this one is over */
	bool killing; /* it is being ended */
};

static struct event *timer; /* while one executes that others trace */
static bool waits; /* one for the end of its tracer, which is under way */

pid_t
traced_by(const struct exec *x)
{
	uint64_t n = 0;

	/* who is held is traced by us, and by nobody else */
	if (execd.p.conf.ptrace != PTRACE_CHILDREN || hold_has(x->t.tid) ||
	    target_word(x->t.dir_fd, "\nTracerPid:", 10, &n) == -1)
		return 0;
	return (pid_t)n;
}

/* The tracer has to be a process of the same command: not the keeper, and nobody
 * from outside. */
static const char *
tracer_refuses(const struct exec *x, pid_t tracer)
{
	const char *why = NULL;
	struct target t;
	struct lineage l;

	if (target_open(&t, tracer) == -1)
		why = "the tracer of the process is ending";
	else if (!lineage_find(&t, &l) || l.command != x->l.command)
		why = "the process is traced from outside of its command";
	target_close(&t);
	return why;
}

/* A tracer that ends has no memory, and so no command, before it lets go of whom
 * it traces. */
static bool
is_ending(pid_t tracer)
{
	uint64_t size;
	char name[16];
	int fd, r;

	snprintf(name, sizeof(name), "%d", (int)tracer);
	fd = openat(execd.proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return true;
	r = target_word(fd, "\nVmSize:", 10, &size);
	close(fd);
	return r == -1;
}

/* Else an exec that fails would look like one to the same program. */
static bool
is_placed_at_random(void)
{
	char c = '0';
	int fd = openat(execd.proc_fd, "sys/kernel/randomize_va_space",
	    O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd != -1) {
		n = read(fd, &c, 1);
		close(fd);
	}
	return n == 1 && c != '0';
}

/* NULL: its tracer is held; or why it may not execute. */
static const char *
begin(struct exec *x, pid_t tracer)
{
	struct traced *d = x->traced;
	uint64_t threads = 0, blocked = 0;
	const char *why;
	char name[16];

	if (!is_placed_at_random())
		return "the kernel does not place programs at random";
	why = tracer_refuses(x, tracer);
	if (why != NULL)
		return why;
	if (target_word(x->t.dir_fd, "\nThreads:", 10, &threads) == -1 ||
	    target_word(x->t.dir_fd, "\nSigBlk:", 16, &blocked) == -1)
		return "the process cannot be looked at";
	if (threads != 1 || x->t.tid != x->t.tgid)
		return "the process is traced and has several threads";
	if ((blocked & UINT64_C(1) << (SIGTRAP - 1)) != 0)
		return "the process is traced and blocks SIGTRAP";
	if (attach_is_loose(x->t.inner_tgid))
		return "the process is traced without PTRACE_O_TRACEEXEC";
	snprintf(name, sizeof(name), "%d", (int)x->t.tgid);
	d->dir_fd = openat(execd.proc_fd, name,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->dir_fd == -1)
		return "the process cannot be looked at";
	d->hold = hold_begin(tracer);
	if (d->hold == NULL)
		return "the tracer of the process is traced itself";
	return NULL;
}

static void
set_timer(unsigned ms)
{
	struct timeval tv = clock_timeval(ms);

	if (event_add(timer, &tv) == -1)
		fatalx("a time limit cannot be set");
}

/* When to look next: soon, and then less often. */
static unsigned
pause_ms(const struct exec *x)
{
	uint64_t ms = (clock_us() - x->traced->since_us) / 4000;

	return ms < 1 ? 1 : ms > 20 ? 20 : (unsigned)ms;
}

void
traced_begin(struct exec *x, pid_t tracer)
{
	const struct exec *y;
	struct traced *d;
	const char *why;

	TAILQ_FOREACH(y, supervise_execs(), entry) {
		/* ours for its own exec, and to be held after that */
		if (y->state == EXEC_RUNNING &&
		    (y->t.tid == tracer || y->t.tgid == tracer)) {
			x->state = EXEC_QUEUED;
			return;
		}
	}
	d = x->traced = calloc(1, sizeof(*d));
	if (d == NULL)
		fatal("an exec");
	d->tracer = tracer;
	d->dir_fd = -1;
	d->since_us = clock_us();
	why = begin(x, tracer);
	if (why != NULL && clock_us() - x->since_us < ENDING_US &&
	    is_ending(tracer)) {
		/* decided again soon, when nobody traces it */
		traced_free(x);
		x->state = EXEC_QUEUED;
		waits = true;
		set_timer(1);
		return;
	}
	if (why != NULL) {
		traced_free(x);
		supervise_refuse(x, RULE_TRACED, why);
		return;
	}
	x->state = EXEC_HOLDING;
	set_timer(0);
}

void
traced_free(struct exec *x)
{
	struct traced *d = x->traced;

	if (d == NULL)
		return;
	hold_end(d->hold);
	if (d->dir_fd != -1)
		close(d->dir_fd);
	free(d);
	x->traced = NULL;
}

static bool
is_late(const struct exec *x)
{
	return clock_us() - x->traced->since_us > LIMIT_US;
}

/* The tracer is being held; the process waits for our answer. true: this is
 * over, one way or the other. */
static bool
step_holding(struct exec *x)
{
	struct traced *d = x->traced;
	bool firm = hold_is_firm(d->hold);

	if (!notify_is_valid(x->req.id)) {
		supervise_over(x);
		return true;
	}
	if (hold_is_dead(d->hold) || (firm && traced_by(x) != d->tracer)) {
		traced_free(x);
		supervise_answered(x);
		supervise_queued();
		return true;
	}
	if (firm) {
		x->state = EXEC_TRACED;
		d->since_us = clock_us();
		record_exec(x, DECISION_ALLOW);
		notify_answer(x->req.id, 0);
	} else if (is_late(x)) {
		supervise_refuse(x, RULE_TRACED,
		    "the tracer of the process does not stop");
		supervise_over(x);
		return true;
	}
	return false;
}

/* It has ended. A thread may look for ever, and keeps nobody. */
static void
gone(struct exec *x)
{
	hold_end(x->traced->hold);
	x->traced->hold = NULL;
	supervise_over(x);
}

static void
killed(void *arg, int err)
{
	sigsend_ended(arg, err);
	gone(arg);
}

/* Until it has ended its tracer stays held. */
static void
kill_it(struct exec *x, const char *why)
{
	record_exec_changed(x, why);
	x->traced->killing = true;
	sigsend_end(x->traced->dir_fd, killed, x);
}

/* 't': by its tracer. 0: it is gone. */
static char
state_of(int dir_fd)
{
	char buf[512];
	const char *s;
	ssize_t n;
	int fd;

	fd = openat(dir_fd, "stat", O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return '\0';
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return '\0';
	buf[n] = '\0';
	s = strrchr(buf, ')');
	if (s == NULL || s[1] != ' ' || s[2] == 'Z' || s[2] == 'X')
		return '\0';
	return s[2];
}

/* In a thread: whichever program is there. */
static void
look(struct exec *x)
{
	trace_verify(x, x->traced->dir_fd);
}

static void
looked(struct exec *x)
{
	struct traced *d = x->traced;

	if (d->killing)
		return;
	/* with the old program in it: the exec has failed */
	if (x->ended ||
	    memcmp(&x->imprint, &x->t.imprint, sizeof(x->imprint)) == 0) {
		supervise_over(x);
	} else if (hold_is_dead(d->hold)) {
		kill_it(x, WHY_LOOSE);
	} else if (!x->verified) {
		kill_it(x, NULL);
	} else {
		lineage_add(&x->imprint, x->t.tgid, &x->l);
		exits_watch(x, x->t.tgid);
		supervise_over(x);
	}
}

/* In a call other than the exec, which must have failed then. */
static bool
is_in_call(const struct exec *x)
{
	long nr = hold_call(x->t.tid);

	return nr >= 0 && nr != SYS_execve && nr != SYS_execveat;
}

/* It executes, for as long as it is not stopped or in another call. */
static bool
step_traced(struct exec *x)
{
	struct traced *d = x->traced;
	char state;
	bool dead;

	if (d->killing)
		return false;
	dead = hold_is_dead(d->hold);
	state = state_of(d->dir_fd);
	if (state == '\0') {
		gone(x);
		return true;
	}
	if (!dead && !x->looking && (d->asks || state == 't' || is_in_call(x)))
		supervise_look(x, look, looked);
	else if (dead || is_late(x))
		kill_it(x,
		    dead ? WHY_LOOSE : "the program could not be looked at");
	return false;
}

/* Goes through them from the beginning whenever one is over. */
void
traced_step(void)
{
	struct exec *x = TAILQ_FIRST(supervise_execs());
	unsigned next_ms = 0, ms;

	while (x != NULL) {
		if (x->state != EXEC_HOLDING && x->state != EXEC_TRACED) {
			x = TAILQ_NEXT(x, entry);
			continue;
		}
		if (x->state == EXEC_HOLDING ? step_holding(x) :
					       step_traced(x)) {
			x = TAILQ_FIRST(supervise_execs());
			next_ms = 0;
			continue;
		}
		ms = pause_ms(x);
		if (next_ms == 0 || ms < next_ms)
			next_ms = ms;
		x = TAILQ_NEXT(x, entry);
	}
	if (next_ms != 0)
		set_timer(next_ms);
}

void
traced_asks(pid_t tid)
{
	struct exec *x;

	TAILQ_FOREACH(x, supervise_execs(), entry) {
		if (x->state == EXEC_TRACED && x->t.tid == tid)
			x->traced->asks = true;
	}
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (waits) {
		waits = false;
		supervise_queued();
	}
	traced_step();
}

void
traced_init(void)
{
	timer = evtimer_new(execd.base, timer_cb, NULL);
	if (timer == NULL)
		fatalx("event");
}
