/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How programs end. Their parents reap them, which nobody else sees; but a
 * pidfd that was open before tells the status afterwards, since Linux 6.15. One
 * is opened for each process while it is stopped at its exec, so that it is of
 * that process; older kernels have none of this, and no event.
 */
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "execd.h"
#include "log.h"
#include "pidfdinfo.h"
#include "supervise.h"

#define EXITS_MAX 4096	  /* processes */
#define EXITS_BATCH 64	  /* ends that are taken before others get their turn */
#define EXITS_BUCKETS 512 /* of processes, by number */
#define EXITS_CLOSE_US 5000 /* between two programs that follow each other */
#define EXITS_LATE_MS 20    /* the end of such a one may be taken so late */

struct watch {
	LIST_ENTRY(watch) bucket;
	TAILQ_ENTRY(watch) entry;
	pid_t tgid;	/* as we see it */
	uint32_t inner; /* as the session does */
	int fd;		/* pidfd */
	uint64_t command;
	uint32_t depth;
	char id[AGENTSH_CMDID_MAX + 1];
	char *file; /* of the program that runs in it */
};

static struct {
	bool works;
	size_t n;
	int epoll_fd;
	struct event *ev;    /* at once: somebody has ended */
	struct event *timer; /* or soon, while that is not waited for */
	bool came;	     /* a program, since the timer was set */
	uint64_t last_us;    /* when one came last */
	TAILQ_HEAD(, watch) watches;
	LIST_HEAD(, watch) bucket[EXITS_BUCKETS];
} exits = { .epoll_fd = -1 };

/* 1 and the status, 0 it is not reaped yet, -1 the kernel does not tell. */
static int
ask_status(int fd, int *status)
{
	struct pidfdinfo info = { .mask = PIDFDINFO_EXIT };

	if (ioctl(fd, PIDFDINFO_GET, &info) == -1)
		return -1;
	*status = info.exit_code;
	return (info.mask & PIDFDINFO_EXIT) != 0;
}

/* A process of our own tells whether the kernel does. */
static bool
probe(void)
{
	int fd, status, r = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(7);
	if (pid == -1)
		return false;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	while (waitpid(pid, &status, 0) == -1)
		continue;
	if (fd != -1) {
		r = ask_status(fd, &status);
		close(fd);
	}
	return r == 1 && WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

static void
forget(struct watch *w)
{
	/* the last descriptor of it: it leaves the set as well */
	close(w->fd);
	LIST_REMOVE(w, bucket);
	TAILQ_REMOVE(&exits.watches, w, entry);
	exits.n--;
	free(w->file);
	free(w);
}

/* true: it has ended, and that is recorded. */
static bool
look(struct watch *w)
{
	int status, r = ask_status(w->fd, &status);

	if (r == 0)
		return false;
	if (r == 1)
		record_process_exit(w->id, w->inner, w->file, w->depth, status);
	forget(w);
	return true;
}

static void
take(void)
{
	struct epoll_event got[EXITS_BATCH];
	int i, n;

	n = epoll_wait(exits.epoll_fd, got, EXITS_BATCH, 0);
	for (i = 0; i < n; i++)
		look(got[i].data.ptr);
}

static void
exits_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	take();
}

static void
set_timer(void)
{
	struct timeval tv = clock_timeval(EXITS_LATE_MS);

	exits.came = false;
	if (event_add(exits.timer, &tv) == -1)
		fatalx("a time limit cannot be set");
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	take();
	if (exits.came)
		set_timer();
	else if (event_add(exits.ev, NULL) == -1)
		fatalx("event");
}

/* Where one program follows the other closely, the end of each would wake us up
 * once more: it is taken with the next program, or EXITS_LATE_MS later. */
static void
program_came(void)
{
	uint64_t now = clock_us(), since = now - exits.last_us;

	exits.last_us = now;
	if (event_pending(exits.timer, EV_TIMEOUT, NULL)) {
		exits.came = true;
		take();
	} else if (since < EXITS_CLOSE_US) {
		event_del(exits.ev);
		set_timer();
	}
}

static struct watch *
find(pid_t tgid)
{
	struct watch *w;

	LIST_FOREACH(w, &exits.bucket[(size_t)tgid % EXITS_BUCKETS], bucket) {
		if (w->tgid == tgid)
			return w;
	}
	return NULL;
}

/* Another program in a process that is watched already, or a new watch. */
static struct watch *
watch_of(pid_t tgid)
{
	/* EPOLLHUP, which always counts: it was reaped */
	struct epoll_event ev = { .events = EPOLLET };
	struct watch *w = find(tgid);

	/* a number that was used before */
	if (w != NULL && look(w))
		w = NULL;
	if (w != NULL)
		return w;
	if (exits.n >= EXITS_MAX || (w = calloc(1, sizeof(*w))) == NULL)
		return NULL;
	w->tgid = tgid;
	w->fd = (int)syscall(SYS_pidfd_open, tgid, 0);
	ev.data.ptr = w;
	if (w->fd == -1 ||
	    epoll_ctl(exits.epoll_fd, EPOLL_CTL_ADD, w->fd, &ev) == -1) {
		if (w->fd != -1)
			close(w->fd);
		free(w);
		return NULL;
	}
	LIST_INSERT_HEAD(&exits.bucket[(size_t)tgid % EXITS_BUCKETS], w,
	    bucket);
	TAILQ_INSERT_TAIL(&exits.watches, w, entry);
	exits.n++;
	return w;
}

void
exits_watch(const struct exec *x, pid_t tgid)
{
	struct command *c = command_find(x->l.command);
	struct watch *w;

	if (!exits.works || c == NULL)
		return;
	program_came();
	w = watch_of(tgid);
	if (w == NULL) {
		c->unwatched++;
		return;
	}
	w->inner = x->t.inner_tgid;
	w->command = c->number;
	w->depth = x->l.depth;
	memcpy(w->id, c->id, sizeof(w->id));
	free(w->file);
	w->file = strdup(x->link[0].file.name);
	if (w->file == NULL)
		fatal("an exec");
}

void
exits_collect(uint64_t command)
{
	struct watch *w, *next;

	if (exits.works)
		take(); /* in the order in which they have ended */
	for (w = TAILQ_FIRST(&exits.watches); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entry);
		if (w->command == command)
			look(w);
	}
}

void
exits_forget(uint64_t command)
{
	struct watch *w, *next;

	exits_collect(command);
	for (w = TAILQ_FIRST(&exits.watches); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entry);
		if (w->command == command)
			forget(w);
	}
}

void
exits_init(void)
{
	TAILQ_INIT(&exits.watches);
	if (!probe()) {
		log_debug("the kernel does not tell how processes end");
		return;
	}
	exits.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (exits.epoll_fd == -1)
		fatal("epoll_create1");
	exits.ev = event_new(execd.base, exits.epoll_fd, EV_READ | EV_PERSIST,
	    exits_cb, NULL);
	exits.timer = evtimer_new(execd.base, timer_cb, NULL);
	if (exits.ev == NULL || exits.timer == NULL ||
	    event_add(exits.ev, NULL) == -1)
		fatalx("event");
	exits.works = true;
}
