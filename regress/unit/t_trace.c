/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who was watched for an exec goes on without us, with the signal that it has
 * stopped for, and with none where it has stopped for another reason. A real
 * process is traced; the rest of execd is not there.
 */
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "execd/execd.h"
#include "execd/hold.h"
#include "execd/notify.h"
#include "execd/signal_call.h"
#include "execd/supervise.h"
#include "t.h"

struct execd execd;

static struct exec x;
static int from[2], to[2]; /* the child's words, and ours */

/* What trace.c asks of the rest. */
bool
notify_is_valid(uint64_t id)
{
	(void)id;
	return true;
}

bool
hold_adopt(pid_t tid)
{
	(void)tid;
	return false;
}

bool
replace_step(struct exec *e, pid_t pid, int status)
{
	(void)e;
	(void)pid;
	(void)status;
	return true;
}

void
record_exec_changed(const struct exec *e, const char *why)
{
	(void)e;
	(void)why;
}

void
sigsend_end(int fd, sigsent *done, void *arg)
{
	(void)fd;
	(void)done;
	(void)arg;
}

void
sigsend_ended(int err)
{
	(void)err;
}

void
supervise_look(struct exec *e, void (*run)(struct exec *),
    void (*then)(struct exec *))
{
	(void)e;
	(void)run;
	(void)then;
}

void
supervise_over(struct exec *e)
{
	(void)e;
}

void
lineage_add(const struct imprint *im, pid_t tgid, const struct lineage *l)
{
	(void)im;
	(void)tgid;
	(void)l;
}

void
exits_watch(const struct exec *e, pid_t tgid)
{
	(void)e;
	(void)tgid;
}

void
look_detach(struct look *l, pid_t pid)
{
	(void)l;
	(void)pid;
}

int
target_imprint(int dir_fd, struct imprint *im, pid_t *ppid)
{
	(void)dir_fd;
	(void)im;
	(void)ppid;
	return -1;
}

/* --- the process */

static void
on_signal(int signo)
{
	char c = signo == SIGUSR1 ? 'u' : '?';

	(void)!write(from[1], &c, 1);
}

/* Says each byte that it hears once more. */
static void
be_child(void)
{
	struct sigaction sa;
	char c;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sa.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &sa, NULL);
	close(to[1]);
	while (read(to[0], &c, 1) == 1) {
		if (write(from[1], &c, 1) != 1)
			break;
	}
	_exit(0);
}

static char
hear(void)
{
	char c = '-';

	alarm(20);
	if (read(from[0], &c, 1) != 1)
		c = '!';
	alarm(0);
	return c;
}

static char
echo(char c)
{
	return write(to[1], &c, 1) == 1 ? hear() : '!';
}

static pid_t
begin(void)
{
	pid_t pid;

	if (pipe(from) == -1 || pipe(to) == -1)
		return -1;
	pid = fork();
	if (pid == 0)
		be_child();
	close(to[0]);
	CHECK(echo('a') == 'a');
	memset(&x, 0, sizeof(x));
	x.t.tid = x.t.tgid = pid;
	CHECK_INT(trace_begin(&x), 0);
	return pid;
}

static void
end(pid_t pid)
{
	int status = 0;

	close(to[1]);
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	    WEXITSTATUS(status) == 0);
	close(from[0]);
	close(from[1]);
}

/* Until it stops; what waitpid(2) says. */
static int
stop_of(pid_t pid)
{
	int status = 0;

	CHECK(waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status));
	return status;
}

/* --- what it goes on with */

static void
test_event(void)
{
	pid_t pid = begin();
	int status = stop_of(pid);

	CHECK(status >> 16 != 0);
	CHECK(trace_step(&x, pid, status));
	CHECK(echo('b') == 'b');
	end(pid);
}

static void
test_signal(void)
{
	pid_t pid = begin();
	int status = stop_of(pid);

	CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0 && kill(pid, SIGUSR1) == 0);
	status = stop_of(pid);
	CHECK(status >> 16 == 0 && WSTOPSIG(status) == SIGUSR1);
	CHECK(trace_step(&x, pid, status));
	CHECK(hear() == 'u');
	CHECK(echo('c') == 'c');
	end(pid);
}

static void
test_call(void)
{
	pid_t pid = begin();
	int status = stop_of(pid);

	CHECK(ptrace(PTRACE_SYSCALL, pid, 0, 0) == 0);
	CHECK(write(to[1], "d", 1) == 1);
	status = stop_of(pid);
	CHECK(status >> 16 == 0 && WSTOPSIG(status) == (SIGTRAP | 0x80));
	CHECK(trace_step(&x, pid, status));
	CHECK(hear() == 'd');
	end(pid);
}

static void
test_end(void)
{
	pid_t pid = begin();
	int status = stop_of(pid);

	CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0 && kill(pid, SIGKILL) == 0);
	CHECK(waitpid(pid, &status, __WALL) == pid && WIFSIGNALED(status));
	CHECK(trace_step(&x, pid, status));
	trace_release(pid, status);
	close(to[1]);
	close(from[0]);
	close(from[1]);
}

int
main(void)
{
	T_RUN(test_event);
	T_RUN(test_signal);
	T_RUN(test_call);
	T_RUN(test_end);
	return done_testing();
}
