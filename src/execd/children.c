/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waitpid(2) tells: execd has no children, but those that it traces are
 * told of as such.
 */
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <event2/event.h>

#include "execd.h"
#include "hold.h"
#include "log.h"
#include "notify.h"
#include "supervise.h"

static struct {
	int signal_fd;
	struct event *ev;
	size_t loose; /* seized for nothing, until they stop */
} children = { .signal_fd = -1 };

size_t
supervise_traced(void)
{
	const struct exec *x;
	size_t n = children.loose + hold_count();

	TAILQ_FOREACH(x, supervise_execs(), entry) {
		if (x->state == EXEC_RUNNING)
			/* who stops at its end, too, needs who traces it */
			n += x->adopted ? 2 : 1;
	}
	return n;
}

void
children_let_loose(const struct exec *x)
{
	children.loose++;
	notify_answer(x->req.id, EACCES);
}

static struct exec *
find_traced(pid_t pid)
{
	struct exec *x;

	TAILQ_FOREACH(x, supervise_execs(), entry) {
		/* a thread that has executed is the process by now */
		if (x->state == EXEC_RUNNING &&
		    (x->t.tid == pid || x->t.tgid == pid))
			return x;
	}
	return NULL;
}

static void
child_cb(evutil_socket_t fd, short what, void *arg)
{
	struct signalfd_siginfo info[16];
	struct exec *x;
	pid_t pid;
	int status;

	(void)what;
	(void)arg;
	/* less than that: there are no more */
	while (read(fd, info, sizeof(info)) == sizeof(info))
		continue;
	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
		if (hold_step(pid, status)) {
			attach_step();
			traced_step();
			supervise_queued();
			continue;
		}
		x = find_traced(pid);
		if (x == NULL) {
			/* who is killed just then makes these at will */
			log_debug("process %d is traced by nobody", (int)pid);
			if (children.loose > 0)
				children.loose--;
			trace_release(pid, status);
			continue;
		}
		if (trace_step(x, pid, status))
			supervise_over(x);
	}
}

void
children_init(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		fatal("sigprocmask");
	children.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (children.signal_fd == -1)
		fatal("signalfd");
	children.ev = event_new(execd.base, children.signal_fd,
	    EV_READ | EV_PERSIST, child_cb, NULL);
	if (children.ev == NULL || event_add(children.ev, NULL) == -1)
		fatalx("event");
}
