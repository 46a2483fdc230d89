/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One exec that was allowed, watched by ptrace(2) until the new program is
 * there. Paths, links, files and memory can change after the decision: so the
 * file that runs and the words that it was given are looked at once more,
 * before its first instruction, and what is not what was decided dies.
 */
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "execd.h"
#include "hold.h"
#include "log.h"
#include "notify.h"
#include "signal_call.h"
#include "supervise.h"

int
trace_begin(struct exec *x)
{
	/* what was held a moment ago is still ours, and will be interrupted */
	if (hold_adopt(x->t.tid)) {
		x->state = EXEC_RUNNING;
		x->adopted = true;
		return notify_is_valid(x->req.id) ? 0 : ESRCH;
	}
	if (ptrace(PTRACE_SEIZE, x->t.tid, 0,
		PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD |
		    PTRACE_O_EXITKILL) == -1)
		return errno;
	x->state = EXEC_RUNNING;
	/*
	 * Seized is who asked, if the question still stands. The interrupt
	 * stops an exec that fails when it returns to the program; until then
	 * it waits in the kernel for our answer, which it cannot disturb.
	 */
	if (ptrace(PTRACE_INTERRUPT, x->t.tid, 0, 0) == -1 ||
	    !notify_is_valid(x->req.id))
		return ESRCH;
	return 0;
}

int
trace_interrupt(const struct exec *x)
{
	return ptrace(PTRACE_INTERRUPT, x->t.tid, 0, 0) == -1 ? errno : 0;
}

void
trace_release(pid_t pid, int status)
{
	long signo = 0;

	if (!WIFSTOPPED(status))
		return; /* dead */
	/* else it would be lost: an event carries none, a call's stop has 0x80 */
	if (status >> 16 == 0 && (WSTOPSIG(status) & 0x80) == 0)
		signo = WSTOPSIG(status);
	(void)ptrace(PTRACE_DETACH, pid, 0, signo);
}

/* What runs in the end: the program, or the last interpreter. */
static const struct link *
last_link(const struct exec *x)
{
	return &x->link[x->nlinks - 1];
}

static bool
is_file_right(const struct exec *x, int dir_fd)
{
	const struct link *l = last_link(x);
	struct stat st;

	return fstatat(dir_fd, "exe", &st, 0) == 0 &&
	    st.st_dev == l->file.st.st_dev && st.st_ino == l->file.st.st_ino;
}

/* One byte more is asked for, so that a longer list is not taken for a beginning
 * of it. */
static bool
are_words_listed(const struct exec *x, int dir_fd)
{
	const struct words *w = &last_link(x)->argv;
	size_t len = 0;
	ssize_t n;
	char *buf;
	bool ok;
	int fd;

	buf = malloc(w->len + 1);
	fd = openat(dir_fd, "cmdline", O_RDONLY | O_CLOEXEC);
	while (buf != NULL && fd != -1 && len <= w->len) {
		n = read(fd, buf + len, w->len + 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (fd != -1)
		close(fd);
	ok = buf != NULL && (x->truncated ? len > w->len : len == w->len) &&
	    memcmp(buf, w->bytes, w->len) == 0;
	free(buf);
	return ok;
}

/* The words as the kernel has copied them onto the new stack, of one that we have
 * stopped. -1: they cannot be read. */
static int
compare_words(const struct exec *x)
{
	const struct words *w = &last_link(x)->argv;
	struct target t = { .tid = x->stopped };
	uint64_t start = x->imprint.word[IMPRINT_ARGS],
		 len = x->imprint.word[IMPRINT_ARGS_END] - start;
	char *buf;
	int r = -1;

	if (x->truncated ? len <= w->len : len != w->len)
		return 0;
	buf = malloc(w->len);
	if (buf != NULL && target_read(&t, start, buf, w->len) == 0)
		r = memcmp(buf, w->bytes, w->len) == 0;
	free(buf);
	return r;
}

static bool
are_words_right(const struct exec *x, int dir_fd)
{
	int r = x->state == EXEC_RUNNING ? compare_words(x) : -1;

	return r == -1 ? are_words_listed(x, dir_fd) : r == 1;
}

void
trace_verify(struct exec *x, int dir_fd)
{
	pid_t ppid;

	/* a program has an imprint, who has ended none */
	x->ended = target_imprint(dir_fd, &x->imprint, &ppid) == -1;
	x->verified = !x->ended && is_file_right(x, dir_fd) &&
	    are_words_right(x, dir_fd);
}

void
trace_look(struct exec *x)
{
	char name[16];
	int fd;

	x->verified = false;
	x->ended = true;
	/* the first thread of a process is it still */
	if (x->stopped == x->t.tid) {
		trace_verify(x, x->t.dir_fd);
		return;
	}
	snprintf(name, sizeof(name), "%d", (int)x->stopped);
	fd = openat(execd.proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return;
	trace_verify(x, fd);
	close(fd);
}

/* By its number, which is its own until waitpid(2) has told its end. It does
 * nothing until it has ended: it stays stopped, by us. */
static void
end_process(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd == -1)
		fatal("a program that was not decided");
	sigsend_end(fd, sigsend_ended, NULL);
	close(fd);
}

static void
looked(struct exec *x)
{
	if (!x->verified) {
		log_debug("process %u: not the program that was decided",
		    x->t.inner_tgid);
		if (!x->ended)
			record_exec_changed(x, NULL);
		end_process(x->stopped);
		return;
	}
	lineage_add(&x->imprint, x->stopped, &x->l);
	exits_watch(x, x->stopped);
	look_detach(&x->look, x->stopped);
	supervise_over(x);
}

bool
trace_step(struct exec *x, pid_t pid, int status)
{
	int event = status >> 16;

	if (!WIFSTOPPED(status))
		return true; /* dead */
	if (x->replacement != NULL && event != PTRACE_EVENT_EXEC)
		return replace_step(x, pid, status);
	if (event == PTRACE_EVENT_EXEC) {
		x->stopped = pid;
		supervise_look(x, trace_look, looked);
		return false;
	}
	/* it returns to its old program: the exec failed */
	trace_release(pid, status);
	return true;
}
