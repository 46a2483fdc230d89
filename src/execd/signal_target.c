/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets of signals, and what they are to who sends one. A target is held by
 * its directory in the session's /proc, which stays with the process: what is
 * read there, and the signal that is sent by it, are of one process, whatever
 * becomes of its number. Parents are read twice: whose parent is the same
 * before and after that one was looked at had it all the time.
 */
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "execd.h"
#include "signal_call.h"

/* Generations that are looked at: a deeper nest of processes gets no signals. */
#define ANCESTORS_MAX 256
#define NEAR_MAX 8   /* of these, when others wait for their turn */
#define LOOKS_MAX 16 /* at one whose ancestors die meanwhile */

#define BIT(relation) (UINT32_C(1) << (relation))

static ssize_t
read_at(int dir_fd, const char *name, char *buf, size_t size)
{
	ssize_t n;
	int fd;

	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return -1;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n <= 0)
		return -1;
	buf[n] = '\0';
	return n;
}

/* The first number of a line, or the last. -1: there is no such line. */
static int
number_of(const char *buf, const char *title, bool last, uint32_t *dst)
{
	const char *s = strstr(buf, title);
	unsigned long n = 0;
	bool any = false;
	char *end;

	if (s == NULL)
		return -1;
	for (s += strlen(title); *s == '\t' || *s == ' '; s = end) {
		n = strtoul(s, &end, 10);
		if (end == s)
			break;
		any = true;
		if (!last)
			break;
	}
	*dst = (uint32_t)n;
	return any ? 0 : -1;
}

/* A newline in its name is shown as \n, proc_pid_status(5): a line is a line. */
static int
read_status(int dir_fd, struct sigtarget *t)
{
	char buf[4096];
	const char *state;

	if (read_at(dir_fd, "status", buf, sizeof(buf)) == -1 ||
	    number_of(buf, "\nTgid:", false, &t->pid) == -1 ||
	    number_of(buf, "\nPPid:", false, &t->ppid) == -1 ||
	    number_of(buf, "\nUid:", false, &t->uid) == -1 ||
	    number_of(buf, "\nNSpgid:", true, &t->pgid) == -1 || t->pid == 0)
		return ESRCH;
	state = strstr(buf, "\nState:\t");
	t->dead = state != NULL && (state[8] == 'Z' || state[8] == 'X');
	return 0;
}

static void
read_name(int dir_fd, struct sigtarget *t)
{
	if (read_at(dir_fd, "comm", t->name, sizeof(t->name)) == -1)
		t->name[0] = '\0';
	/* the kernel's newline; one in the name stays */
	else if (t->name[strlen(t->name) - 1] == '\n')
		t->name[strlen(t->name) - 1] = '\0';
}

void
sigtarget_close(struct sigtarget *t)
{
	if (t->dir_fd != -1)
		close(t->dir_fd);
	t->dir_fd = t->fd = -1;
}

int
sigtarget_open(struct sigtarget *t, uint32_t pid)
{
	char name[32];

	memset(t, 0, sizeof(*t));
	snprintf(name, sizeof(name), "%u", pid);
	t->fd = t->dir_fd = openat(execd.sess_proc_fd, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (t->dir_fd == -1)
		return ESRCH;
	return read_status(t->dir_fd, t);
}

/* By the host's number: is this the process with that directory in the
 * session's /proc? The places of a program in its memory are random, and no
 * process outside of the session came of a fork of one inside. */
static bool
is_same_process(uint32_t host_pid, int dir_fd)
{
	struct imprint a, b;
	char name[16];
	pid_t ppid;
	bool same;
	int fd;

	snprintf(name, sizeof(name), "%u", host_pid);
	fd = openat(execd.proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return false;
	same = target_imprint(fd, &a, &ppid) == 0 &&
	    target_imprint(dir_fd, &b, &ppid) == 0 &&
	    memcmp(&a, &b, sizeof(a)) == 0;
	close(fd);
	return same;
}

/* "Pid:" and "NSpid:" of a pidfd of ours: 0; ESRCH; EBADF: it is none. */
static int
pidfd_numbers(int fd, uint32_t *host_pid, uint32_t *pid)
{
	char name[48], buf[2048];

	snprintf(name, sizeof(name), "self/fdinfo/%d", fd);
	if (read_at(execd.proc_fd, name, buf, sizeof(buf)) == -1)
		return EBADF;
	if (strstr(buf, "\nPid:\t-1") != NULL)
		return ESRCH;
	if (number_of(buf, "\nPid:", false, host_pid) == -1 ||
	    number_of(buf, "\nNSpid:", true, pid) == -1)
		return EBADF;
	return 0;
}

static bool
is_of_our_proc(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_dev == execd.own_proc;
}

/* The process whose directory in the session's /proc the caller has. It is looked
 * at in ours: nobody keeps the kernel's lock of that one. */
static int
open_by_dir(struct sigtarget *t, int fd, unsigned flags)
{
	char link[32], name[64];
	const char *number;
	char *end;
	unsigned long pid;
	ssize_t n;

	snprintf(link, sizeof(link), "self/fd/%d", fd);
	n = readlinkat(execd.proc_fd, link, name, sizeof(name) - 1);
	if (n <= 0)
		return EBADF;
	name[n] = '\0';
	number = strrchr(name, '/');
	pid = number == NULL ? 0 : strtoul(number + 1, &end, 10);
	if (pid == 0 || pid > UINT32_MAX || *end != '\0' ||
	    sigtarget_open(t, (uint32_t)pid) != 0)
		return ESRCH;
	/* there still: then the number was its own all the time */
	return syscall(SYS_pidfd_send_signal, fd, 0, NULL, flags) == -1 ?
	    errno :
	    0;
}

int
sigtarget_of_fd(struct sigtarget *t, int fd, unsigned flags)
{
	uint32_t host_pid = 0, pid = 0;
	int err;

	memset(t, 0, sizeof(*t));
	t->dir_fd = -1;
	/* is it one by which signals are sent, and are the flags right? */
	if (syscall(SYS_pidfd_send_signal, fd, 0, NULL, flags) == -1)
		return errno;
	err = pidfd_numbers(fd, &host_pid, &pid);
	if (err == EBADF && is_of_our_proc(fd)) {
		err = open_by_dir(t, fd, flags);
	} else if (err == EBADF) {
		err = 0; /* of no process here */
	} else if (err == 0) {
		if (sigtarget_open(t, pid) != 0 ||
		    (!t->dead && !is_same_process(host_pid, t->dir_fd)))
			t->pid = 0;
		/* alive now: then the numbers were its own all the time */
		err = pidfd_numbers(fd, &host_pid, &pid);
	}
	t->fd = fd;
	t->flags = flags;
	return err;
}

int
sigtarget_dir(const struct sigtarget *t)
{
	return t->dir_fd != -1 ? t->dir_fd : t->fd;
}

bool
sigtarget_is_ours(const struct sigtarget *t)
{
	/* who has pid 1 as its parent keeps a command, or has lost its keeper
	 * and is being ended; nobody else comes to pid 1 */
	return t->pid == 1 || (t->pid != 0 && t->ppid == 1);
}

static int
status_of(uint32_t pid, struct sigtarget *t)
{
	char name[32];
	int fd, err;

	snprintf(name, sizeof(name), "%u", pid);
	fd = openat(execd.sess_proc_fd, name,
	    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	err = read_status(fd, t);
	close(fd);
	return err == 0 ? 0 : -1;
}

/* 1 it is, 0 it is not, -1 somebody on the way has died meanwhile, -2 it is too
 * far. */
static int
is_descendant(const struct sigtarget *self, const struct sigtarget *t, int max)
{
	struct sigtarget child = *t, parent, again;
	int i;

	for (i = 0; i < max; i++) {
		if (child.ppid == self->pid)
			return 1;
		if (child.ppid <= 1)
			return 0;
		if (status_of(child.ppid, &parent) == -1 ||
		    status_of(child.pid, &again) == -1 ||
		    again.ppid != child.ppid)
			return -1;
		child = parent;
	}
	return -2;
}

/* Who is held by that number is the parent and not its successor. */
static bool
is_still_parent(const struct sigtarget *self)
{
	struct sigtarget now;

	return read_status(self->dir_fd, &now) == 0 && now.ppid == self->ppid;
}

/* Its parent may be another one by now. */
static int
look_again(struct sigtarget *t)
{
	struct sigtarget now;

	if (read_status(sigtarget_dir(t), &now) != 0)
		return -1;
	t->ppid = now.ppid;
	t->dead = now.dead;
	return 0;
}

int
sigtarget_relate(const struct sigtarget *self, struct sigtarget *t, bool quick)
{
	int max = quick ? NEAR_MAX : ANCESTORS_MAX, r, i;

	t->relations = 0;
	if (t->pid == 0) {
		t->relations = BIT(SIGNAL_EXTERNAL);
		return 0;
	}
	read_name(sigtarget_dir(t), t);
	if (sigtarget_is_ours(t)) {
		t->relations = BIT(SIGNAL_SYSTEM);
		return 0;
	}
	t->relations = BIT(SIGNAL_SESSION);
	if (t->uid == self->uid)
		t->relations |= BIT(SIGNAL_USER);
	if (t->pid == self->pid) {
		t->relations |= BIT(SIGNAL_SELF);
		return 0;
	}
	if (t->pid == self->ppid && is_still_parent(self))
		t->relations |= BIT(SIGNAL_PARENT);
	if (t->ppid == self->ppid)
		t->relations |= BIT(SIGNAL_SIBLINGS);
	if (t->ppid == self->pid) {
		t->relations |= BIT(SIGNAL_CHILDREN) | BIT(SIGNAL_DESCENDANTS);
		return 0;
	}
	for (i = 0; (r = is_descendant(self, t, max)) == -1; i++) {
		if (quick)
			return 1;
		if (i == LOOKS_MAX || look_again(t) == -1)
			return -1;
	}
	if (r == 1)
		t->relations |= BIT(SIGNAL_DESCENDANTS);
	if (r < 0)
		return quick ? 1 : -1;
	return 0;
}
