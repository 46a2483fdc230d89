/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has begun to trace a process that is not the one that was decided, because
 * that one has ended meanwhile and its number may be another's, is killed before
 * it goes on, and it is held until that is done. Who traces the right one is let
 * go. The rest of execd is not there.
 */
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "execd/execd.h"
#include "execd/hold.h"
#include "execd/notify.h"
#include "execd/signal_call.h"
#include "execd/supervise.h"
#include "t.h"

#define TRACER 100 /* by the session's numbers */
#define TARGET 200

struct execd execd = { .p.conf.ptrace = PTRACE_CHILDREN };

static struct command command = { .number = 1 };
static struct {
	pid_t child;	 /* the process to be traced */
	int answer;	 /* -1: none */
	unsigned held;	 /* who is */
	bool stopped;	 /* the call is made */
	unsigned killed; /* who is being ended */
	unsigned told;	 /* events */
	unsigned queued;
	sigsent *done;
	void *arg;
} is;

/* What attach.c asks of the rest. */
bool
notify_is_valid(uint64_t id)
{
	(void)id;
	return true;
}

void
notify_answer(uint64_t id, int error)
{
	(void)id;
	is.answer = error;
}

struct hold *
hold_begin(pid_t tid)
{
	static char one;

	(void)tid;
	is.held++;
	return (struct hold *)(void *)&one;
}

void
hold_end(struct hold *h)
{
	if (h != NULL)
		is.held--;
}

bool
hold_has_stopped(const struct hold *h)
{
	(void)h;
	return is.stopped;
}

bool
hold_is_dead(const struct hold *h)
{
	(void)h;
	return false;
}

int
target_open(struct target *t, pid_t tid)
{
	t->tid = t->tgid = tid;
	t->inner_tgid = TRACER;
	t->dir_fd = -1;
	return 0;
}

void
target_close(struct target *t)
{
	(void)t;
}

int
target_word(int dir_fd, const char *title, int base, uint64_t *n)
{
	(void)dir_fd;
	(void)title;
	(void)base;
	*n = 0;
	return 0;
}

int
target_imprint(int dir_fd, struct imprint *im, pid_t *ppid)
{
	(void)dir_fd;
	memset(im, 0, sizeof(*im));
	*ppid = TRACER;
	return 0;
}

int
sigtarget_open(struct sigtarget *t, uint32_t pid)
{
	memset(t, 0, sizeof(*t));
	t->pid = pid;
	t->fd = t->dir_fd = (int)syscall(SYS_pidfd_open,
	    pid == TARGET ? is.child : getpid(), 0);
	return t->fd == -1 ? ESRCH : 0;
}

void
sigtarget_close(struct sigtarget *t)
{
	if (t->dir_fd != -1)
		close(t->dir_fd);
	t->dir_fd = t->fd = -1;
}

int
sigtarget_relate(const struct sigtarget *self, struct sigtarget *t, bool quick)
{
	(void)self;
	(void)quick;
	t->relations = UINT32_C(1) << SIGNAL_DESCENDANTS;
	return 0;
}

bool
lineage_find(const struct target *t, struct lineage *l)
{
	(void)t;
	l->command = command.number;
	l->depth = 0;
	return true;
}

struct command *
lineage_command(const struct target *t)
{
	(void)t;
	return &command;
}

void
record_emit(void)
{
	is.told++;
}

void
supervise_queued(void)
{
	is.queued++;
}

void
sigsend_end(int fd, sigsent *done, void *arg)
{
	CHECK(fd >= 0);
	is.killed++;
	is.done = done;
	is.arg = arg;
}

void
sigsend_ended(void *arg, int err)
{
	(void)arg;
	CHECK_INT(err, 0);
}

/* --- */

static void
begin(void)
{
	struct seccomp_notif req;
	unsigned told = is.told;

	memset(&is, 0, sizeof(is));
	is.told = told;
	is.answer = -1;
	is.child = fork();
	if (is.child == 0) {
		for (;;)
			pause();
	}
	memset(&req, 0, sizeof(req));
	req.pid = (uint32_t)getpid();
	req.data.args[0] = PTRACE_SEIZE;
	req.data.args[1] = TARGET;
	req.data.args[3] = PTRACE_O_TRACEEXEC;
	ptrace_asked(&req);
	CHECK_INT(is.answer, 0);
	CHECK_INT(is.held, 1);
	/* its call is not made yet */
	attach_step();
	CHECK(is.killed == 0 && is.held == 1);
}

static void
end(void)
{
	kill(is.child, SIGKILL);
	CHECK(waitpid(is.child, NULL, 0) == is.child);
}

static void
test_right(void)
{
	unsigned told = is.told;

	begin();
	is.stopped = true;
	attach_step();
	CHECK(is.killed == 0 && is.held == 0 && is.told == told);
	end();
}

static void
test_other(void)
{
	unsigned told = is.told;

	begin();
	end();
	is.stopped = true;
	attach_step();
	CHECK_INT(is.killed, 1);
	CHECK_INT(is.told, told + 1);
	/* held until it has ended, and ended once */
	CHECK(is.held == 1 && is.queued == 0);
	attach_step();
	CHECK_INT(is.killed, 1);
	if (is.done != NULL)
		is.done(is.arg, 0);
	CHECK(is.held == 0 && is.queued == 1);
}

int
main(void)
{
	buf_init(&execd.event, EVENT_MAX);
	T_RUN(test_right);
	T_RUN(test_other);
	T_RUN(test_right);
	buf_free(&execd.event);
	return done_testing();
}
