/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who was watched for an exec goes on without us, with the signal that it has
 * stopped for, and with none where it has stopped for another reason. A real
 * process is traced; the rest of execd is not there.
 */
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
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
sigsend_ended(void *arg, int err)
{
	(void)arg;
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

/* The memory of who has executed: its words, where there are any. */
static const char *memory;
static size_t memory_len, memory_said;

int
target_imprint(int dir_fd, struct imprint *im, pid_t *ppid)
{
	(void)dir_fd;
	(void)ppid;
	if (memory == NULL)
		return -1;
	memset(im, 0, sizeof(*im));
	im->word[IMPRINT_ARGS] = 0x1000;
	im->word[IMPRINT_ARGS_END] = 0x1000 + memory_said;
	return 0;
}

int
target_read(const struct target *t, uint64_t addr, void *dst, size_t size)
{
	(void)t;
	if (addr != 0x1000 || size > memory_len)
		return EFAULT;
	memcpy(dst, memory, size);
	return 0;
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

/* --- is it what was decided? */

static int proc_fd; /* a directory as a process has in /proc */

static void
put(const char *name, const char *text, size_t len)
{
	int fd = openat(proc_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd != -1 && write(fd, text, len) == (ssize_t)len);
	close(fd);
}

/* By its memory, of which the kernel says that there are `said` bytes, and by
 * the list in /proc. */
static bool
is_right(enum exec_state state, const char *has, size_t len, size_t said,
    const char *list, size_t list_len)
{
	memory = has;
	memory_len = len;
	memory_said = said;
	put("cmdline", list, list_len);
	x.state = state;
	trace_verify(&x, proc_fd);
	return x.verified;
}

static void
test_words(void)
{
	static char words[] = "a\0bc"; /* with the last NUL */
	char dir[] = "/tmp/t_trace.XXXXXX";
	size_t n = sizeof(words);
	struct link *l = &x.link[0];

	memset(&x, 0, sizeof(x));
	CHECK(mkdtemp(dir) != NULL);
	proc_fd = open(dir, O_RDONLY | O_DIRECTORY);
	put("exe", "", 0);
	CHECK(fstatat(proc_fd, "exe", &l->file.st, 0) == 0);
	x.nlinks = 1;
	l->argv.bytes = words;
	l->argv.len = n;
	/* one that we have stopped: its memory, and how much there is */
	CHECK(is_right(EXEC_RUNNING, "a\0bc", n, n, "", 0));
	CHECK(!is_right(EXEC_RUNNING, "a\0bd", n, n, words, n));
	CHECK(!is_right(EXEC_RUNNING, "a\0bc\0d", n + 2, n + 2, words, n));
	CHECK(!is_right(EXEC_RUNNING, "a\0bc", n, n - 1, words, n));
	/* which cannot be read: the list */
	CHECK(is_right(EXEC_RUNNING, "", 0, n, words, n));
	CHECK(!is_right(EXEC_RUNNING, "", 0, n, "a\0bc\0d", n + 2));
	CHECK(!is_right(EXEC_RUNNING, "", 0, n, "a\0bd", n));
	CHECK(!is_right(EXEC_RUNNING, "", 0, n, "a", 2));
	/* another's: the list */
	CHECK(is_right(EXEC_TRACED, "x", 1, 1, words, n));
	CHECK(!is_right(EXEC_TRACED, words, n, n, "a\0bd", n));
	/* there were more words than were looked at */
	x.truncated = true;
	CHECK(is_right(EXEC_RUNNING, "a\0bc\0d", n + 2, n + 2, "", 0));
	CHECK(!is_right(EXEC_RUNNING, "a\0bc", n, n, words, n));
	/* another file */
	x.truncated = false;
	l->file.st.st_ino++;
	CHECK(!is_right(EXEC_RUNNING, "a\0bc", n, n, words, n));
	unlinkat(proc_fd, "exe", 0);
	unlinkat(proc_fd, "cmdline", 0);
	close(proc_fd);
	rmdir(dir);
}

int
main(void)
{
	T_RUN(test_event);
	T_RUN(test_signal);
	T_RUN(test_call);
	T_RUN(test_end);
	T_RUN(test_words);
	return done_testing();
}
