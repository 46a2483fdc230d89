/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which command a process belongs to: the parents of a process, as the
 * session's /proc lists them, end at a keeper, and execd told which command a
 * keeper keeps. What /proc says of a process is the kernel's word; its name
 * is not looked at. A cached answer holds the process's directory in /proc: it
 * goes dead with the process, so that a reused number is not believed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "node.h"
#include "record.h"

#define ATTR_MAX 4096	  /* commands at one time */
#define ATTR_CACHE 128	  /* each holds a descriptor */
#define ATTR_WAYS 4	  /* places that one of them can have */
#define ATTR_WAIT_MS 1000 /* for word of a new keeper */

struct command {
	LIST_ENTRY(command) entry;
	uint64_t number;
	uint32_t keeper;
	char id[AGENTSH_CMDID_MAX + 1];
};

struct cached {
	uint32_t tid;
	int fd; /* its directory in /proc, O_PATH */
	struct actor actor;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t added;
	LIST_HEAD(, command) commands;
	size_t ncommands;
	_Atomic uint64_t alone; /* the only one's number, or 0 */
	int proc_fd;
	bool warned;
	struct cached cache[ATTR_CACHE];
} attr = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.added = PTHREAD_COND_INITIALIZER,
	.proc_fd = -1,
};

void
attr_set_proc(int fd)
{
	pthread_mutex_lock(&attr.lock);
	attr.proc_fd = fd;
	pthread_mutex_unlock(&attr.lock);
}

/* With the lock. */
static void
find_alone(void)
{
	struct command *c = LIST_FIRST(&attr.commands);

	atomic_store(&attr.alone, attr.ncommands == 1 ? c->number : 0);
}

bool
attr_is_alone(uint64_t number)
{
	return number != 0 && atomic_load(&attr.alone) == number;
}

int
attr_add(uint64_t number, uint32_t keeper, const char *id)
{
	struct command *c;

	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return -1;
	c->number = number;
	c->keeper = keeper;
	snprintf(c->id, sizeof(c->id), "%s", id);
	pthread_mutex_lock(&attr.lock);
	if (attr.ncommands >= ATTR_MAX) {
		pthread_mutex_unlock(&attr.lock);
		free(c);
		return -1;
	}
	LIST_INSERT_HEAD(&attr.commands, c, entry);
	attr.ncommands++;
	find_alone();
	pthread_cond_broadcast(&attr.added);
	pthread_mutex_unlock(&attr.lock);
	return 0;
}

void
attr_forget(uint64_t number)
{
	struct command *c;

	pthread_mutex_lock(&attr.lock);
	LIST_FOREACH(c, &attr.commands, entry) {
		if (c->number == number)
			break;
	}
	if (c != NULL) {
		LIST_REMOVE(c, entry);
		attr.ncommands--;
		find_alone();
		free(c);
	}
	pthread_mutex_unlock(&attr.lock);
}

bool
attr_is_alive(int dir_fd)
{
	struct stat st;

	return fstatat(dir_fd, "status", &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A command must not get around its events by holding all descriptors. */
static int
open_held(int dir_fd, const char *name, int flags)
{
	int fd;

	fd = openat(dir_fd, name, flags | O_CLOEXEC);
	if (fd == -1 && errno == EMFILE)
		fatal("whose operation it is cannot be found out");
	return fd;
}

/* Thread group and parent of a process. 0, or -1 with errno. */
static int
read_status(int dir_fd, uint32_t *tgid, uint32_t *ppid)
{
	char buf[2048];
	const char *s;
	unsigned a, b;
	ssize_t n;
	int fd;

	fd = open_held(dir_fd, "status", O_RDONLY);
	if (fd == -1)
		return -1;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n == 0)
		errno = ESRCH;
	if (n <= 0)
		return -1;
	buf[n] = '\0';
	errno = EINVAL;
	/* a newline in the name is shown as \n, proc_pid_status(5) */
	s = strstr(buf, "\nTgid:\t");
	if (s == NULL || sscanf(s, "\nTgid:\t%u", &a) != 1)
		return -1;
	s = strstr(buf, "\nPPid:\t");
	if (s == NULL || sscanf(s, "\nPPid:\t%u", &b) != 1)
		return -1;
	*tgid = a;
	*ppid = b;
	/* one that is just being buried has no parent */
	errno = ESRCH;
	return b == 0 ? -1 : 0;
}

static int
open_process(uint32_t pid)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", pid);
	return open_held(attr.proc_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
}

static bool
find_keeper(uint32_t pid, struct actor *a)
{
	struct command *c;

	LIST_FOREACH(c, &attr.commands, entry) {
		if (c->keeper == pid) {
			a->command = c->number;
			memcpy(a->id, c->id, sizeof(a->id));
			return true;
		}
	}
	return false;
}

/* Init forked a keeper, and execd has not heard of it yet. */
static bool
await_keeper(uint32_t pid, struct actor *a)
{
	struct timespec until;
	int rc = 0;

	/* a step of the clock must not hold it up */
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ATTR_WAIT_MS / 1000;
	while (rc != ETIMEDOUT) {
		if (find_keeper(pid, a))
			return true;
		rc = pthread_cond_clockwait(&attr.added, &attr.lock,
		    CLOCK_MONOTONIC, &until);
	}
	return find_keeper(pid, a);
}

static void
warn_once(void)
{
	if (!attr.warned)
		log_warn("no process can be looked up in the session's /proc:"
			 " file events name no command");
	attr.warned = true;
}

/* Did that fail because the process is no more? */
static bool
is_gone(int error)
{
	return error == ENOENT || error == ESRCH;
}

static struct cached *
places_of(uint32_t tid)
{
	return &attr.cache[tid % (ATTR_CACHE / ATTR_WAYS) * ATTR_WAYS];
}

/* What was found out for it before, or NULL. One whose directory is alive is the
 * same that it was then. */
static const struct cached *
cache_find(uint32_t tid)
{
	const struct cached *c = places_of(tid);
	size_t i;

	for (i = 0; i < ATTR_WAYS; i++) {
		if (c[i].tid == tid && attr_is_alive(c[i].fd))
			return &c[i];
	}
	return NULL;
}

/* Takes fd. Who is dead makes place, or the one that was there before in its
 * place: children come and go, and what starts them stays. */
static void
cache_add(uint32_t tid, int fd, const struct actor *a)
{
	struct cached *c = places_of(tid);
	size_t i;

	for (i = 0; i < ATTR_WAYS - 1; i++) {
		if (c[i].tid == 0 || c[i].tid == tid || !attr_is_alive(c[i].fd))
			break;
	}
	if (c[i].tid != 0)
		close(c[i].fd);
	c[i].tid = tid;
	c[i].fd = fd;
	c[i].actor = *a;
}

/* Is its command known already, and who keeps that? */
static bool
find_cached(uint32_t pid, struct actor *a, uint32_t *keeper)
{
	const struct cached *known = cache_find(pid);
	const struct command *c;

	if (known == NULL || known->actor.command == 0)
		return false;
	LIST_FOREACH(c, &attr.commands, entry) {
		if (c->number == known->actor.command)
			break;
	}
	if (c == NULL)
		return false;
	a->command = c->number;
	memcpy(a->id, c->id, sizeof(a->id));
	if (keeper != NULL)
		*keeper = c->keeper;
	return true;
}

/*
 * Climbs from a process, whose directory is open, to its keeper, however many
 * generations that is. Says false when a process on the way ended meanwhile:
 * its children have another parent by now. With keeper, it is only said who
 * that is, and word of a new one is not waited for.
 */
static bool
climb(int dir_fd, uint32_t tid, struct actor *a, uint32_t *keeper)
{
	uint32_t pid = tid, parent = 0;
	int error, fd = dir_fd, rc;

	a->pid = tid;
	while (pid > 1) {
		rc = fd == -1 ? -1 : read_status(fd, &pid, &parent);
		error = errno;
		if (fd != -1 && fd != dir_fd)
			close(fd);
		if (rc == -1 && is_gone(error))
			return false;
		if (rc == -1) {
			errno = error;
			warn_once();
			return true;
		}
		if (fd == dir_fd)
			a->pid = pid;
		if (keeper != NULL)
			*keeper = pid;
		if (find_keeper(pid, a))
			return true;
		if (parent == 1) {
			if (keeper == NULL)
				(void)await_keeper(pid, a);
			return true;
		}
		pid = parent;
		if (find_cached(pid, a, keeper))
			return true;
		fd = open_process(pid);
	}
	return true;
}

/* Whose the request is that this thread serves: who waits for an answer stays
 * what it is. */
static _Thread_local struct {
	bool serving;
	bool known;
	uint32_t tid;
	struct actor actor;
} asker;

void
attr_request(uint32_t tid)
{
	asker.serving = true;
	asker.known = false;
	asker.tid = tid;
}

uint32_t
attr_asker(void)
{
	return asker.tid;
}

static void
find_actor(uint32_t tid, struct actor *a)
{
	const struct cached *c;
	int fd;

	memset(a, 0, sizeof(*a));
	a->pid = tid;
	if (tid <= 1)
		return; /* the kernel itself, or init */
	pthread_mutex_lock(&attr.lock);
	if (attr.proc_fd == -1)
		goto out;
	c = cache_find(tid);
	if (c != NULL) {
		*a = c->actor;
		goto out;
	}
	fd = open_process(tid);
	if (fd == -1)
		goto out;
	/* this may let go of the lock: the cache is written afterwards. It ends:
	 * a process gets no other ancestors than those it had, only fewer */
	while (!climb(fd, tid, a, NULL) && attr_is_alive(fd))
		;
	cache_add(tid, fd, a);
out:
	pthread_mutex_unlock(&attr.lock);
}

void
attr_actor(uint32_t tid, struct actor *a)
{
	if (asker.known && asker.tid == tid) {
		*a = asker.actor;
		return;
	}
	find_actor(tid, a);
	if (!asker.serving || asker.tid != tid)
		return;
	asker.known = true;
	asker.actor = *a;
}

int
attr_keeper(uint32_t pid, uint32_t *keeper)
{
	struct actor a = { 0 };
	int fd, rc = -1;

	*keeper = 0;
	if (pid <= 1)
		return 0;
	pthread_mutex_lock(&attr.lock);
	fd = attr.proc_fd == -1 ? -1 : open_process(pid);
	if (fd != -1) {
		while ((rc = climb(fd, pid, &a, keeper) ? 0 : -1) == -1 &&
		    attr_is_alive(fd))
			;
		close(fd);
	}
	pthread_mutex_unlock(&attr.lock);
	return rc;
}

size_t
attr_command(uint64_t number, uint32_t *keeper, struct actor *a)
{
	struct command *c;
	size_t n;

	memset(a, 0, sizeof(*a));
	*keeper = 0;
	pthread_mutex_lock(&attr.lock);
	LIST_FOREACH(c, &attr.commands, entry) {
		if (c->number != number)
			continue;
		a->pid = c->keeper;
		a->command = c->number;
		memcpy(a->id, c->id, sizeof(a->id));
		*keeper = c->keeper;
	}
	n = attr.ncommands;
	pthread_mutex_unlock(&attr.lock);
	return n;
}
