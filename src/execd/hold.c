/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tracer is held by tracing it. Interrupted, it stops when it returns to its
 * program; killed, it stops before it lets go of whom it traces. Only a call
 * that it is in at that moment is still made. Who has begun to trace one can let
 * go of it, and no other thread of ours: so the main thread waits for nothing
 * while somebody is held (look.c).
 */
#include <sys/ptrace.h>
#include <sys/queue.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "execd.h"
#include "hold.h"
#include "log.h"
#include "supervise.h"

struct hold {
	LIST_ENTRY(hold) entry;
	pid_t tid;
	unsigned users;
	bool stopped;
	bool dead;
	long signo; /* that it has stopped with, and goes on with */
};

static LIST_HEAD(, hold) holds = LIST_HEAD_INITIALIZER(holds);

static struct hold *
find(pid_t tid)
{
	struct hold *h;

	LIST_FOREACH(h, &holds, entry) {
		if (h->tid == tid && !h->dead)
			return h;
	}
	return NULL;
}

static void
forget(struct hold *h)
{
	LIST_REMOVE(h, entry);
	free(h);
}

struct hold *
hold_begin(pid_t tid)
{
	struct hold *h = find(tid);

	if (h == NULL) {
		h = calloc(1, sizeof(*h));
		if (h == NULL)
			fatal("a tracer");
		h->tid = tid;
		if (ptrace(PTRACE_SEIZE, tid, 0, HOLD_OPTIONS) == -1 ||
		    ptrace(PTRACE_INTERRUPT, tid, 0, 0) == -1) {
			free(h);
			return NULL;
		}
		LIST_INSERT_HEAD(&holds, h, entry);
	}
	h->users++;
	return h;
}

long
hold_call(pid_t tid)
{
	char name[32], buf[32];
	ssize_t n = -1;
	int fd;

	snprintf(name, sizeof(name), "%d/syscall", (int)tid);
	fd = openat(execd.proc_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		n = read(fd, buf, sizeof(buf) - 1);
		close(fd);
	}
	if (n <= 0 || (buf[0] != '-' && (buf[0] < '0' || buf[0] > '9')))
		return -2;
	buf[n] = '\0';
	return strtol(buf, NULL, 10);
}

/* A parent in vfork(2) waits for the very exec that it is held for, and stops
 * after it. */
bool
hold_is_firm(const struct hold *h)
{
	long nr;

	if (h->stopped)
		return true;
	nr = hold_call(h->tid);
	return nr >= 0 && nr != SYS_ptrace;
}

bool
hold_has_stopped(const struct hold *h)
{
	return h->stopped;
}

bool
hold_is_dead(const struct hold *h)
{
	return h->dead;
}

static void
let_go(struct hold *h)
{
	(void)ptrace(PTRACE_DETACH, h->tid, 0, h->signo);
	forget(h);
}

void
hold_end(struct hold *h)
{
	if (h == NULL || --h->users > 0)
		return;
	if (h->dead)
		forget(h);
	else if (h->stopped)
		let_go(h);
}

bool
hold_wants(pid_t tid)
{
	struct hold *h = find(tid);

	return h != NULL && h->users > 0;
}

bool
hold_has(pid_t tid)
{
	return find(tid) != NULL;
}

bool
hold_adopt(pid_t tid)
{
	struct hold *h = find(tid);

	if (h == NULL || h->users > 0 || h->stopped)
		return false;
	forget(h);
	return true;
}

size_t
hold_count(void)
{
	const struct hold *h;
	size_t n = 0;

	LIST_FOREACH(h, &holds, entry)
		n += !h->dead;
	return n;
}

bool
hold_step(pid_t tid, int status)
{
	struct hold *h = find(tid);

	if (h == NULL)
		return false;
	if (!WIFSTOPPED(status)) {
		h->dead = true;
		if (h->users == 0)
			forget(h);
		return true;
	}
	h->stopped = true;
	h->signo = status >> 16 == 0 ? WSTOPSIG(status) : 0;
	if (h->users == 0)
		let_go(h);
	return true;
}
