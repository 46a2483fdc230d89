/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells netd whose a socket of the session is: by its inode, in the descriptors of
 * the session's processes. All who are asked for at one time are looked for at
 * once, in a thread, and what is looked at is bounded: a session that hides its
 * sockets among many is told of without a process.
 */
#include <sys/types.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "execd.h"
#include "look.h"
#include "supervise.h"
#include "whose.h"

#define BATCH 64       /* sockets looked for at once */
#define QUEUE_MAX 4096 /* that wait; others are answered at once */
#define PIDS_MAX 8192  /* processes looked at */
#define FDS_MAX 65536  /* descriptors, of all of them */
#define MADE 256       /* connections that passed here, to be asked for soon */
#define RECENT 8       /* who was found last is likely to be next */

struct asked {
	uint32_t request;
	uint64_t inode; /* 0: not known */
	uint16_t port;	/* of one that passed here; 0: not known */
	uint16_t far_port;
	uint8_t far[16];
	/* found: */
	uint32_t pid; /* as the session sees it; 0: none */
	uint32_t ppid;
	struct imprint imprint;
	char exe[AGENTSH_PATH_MAX + 1];
};

/* While a thread looks it is the thread's. */
static struct {
	struct look look;
	bool looking;
	struct asked batch[BATCH];
	size_t n, left; /* of the batch; not found yet */
	size_t fds;	/* that may still be looked at */
	uint32_t recent[RECENT];
	size_t at;
	uint32_t pid[PIDS_MAX];
	size_t npids;
} whose;

/* Connections whose connect(2) was a question to execd anyway, by the inode of the
 * socket, whose number is not used again for a long time. */
static struct asked made[MADE];
static struct asked *made_at[MADE]; /* by the port */

/* What waits for the next look, in order. */
static struct {
	struct {
		uint32_t request;
		uint64_t inode;
	} q[QUEUE_MAX];
	size_t first, n;
} waiting;

/* --- in a thread */

static void
found(struct asked *a, uint32_t pid, int dir)
{
	pid_t ppid;
	ssize_t n;

	if (target_imprint(dir, &a->imprint, &ppid) == -1)
		return;
	n = readlinkat(dir, "exe", a->exe, sizeof(a->exe) - 1);
	a->exe[n > 0 ? n : 0] = '\0';
	a->ppid = (uint32_t)ppid;
	a->pid = pid;
	whose.left--;
}

static uint64_t
socket_of(int dir, const char *name)
{
	unsigned long long inode;
	char text[64];
	ssize_t n;

	n = readlinkat(dir, name, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return sscanf(text, "socket:[%llu]", &inode) == 1 ? inode : 0;
}

static void
look_at_fd(uint32_t pid, int dir, uint64_t inode)
{
	size_t i;

	for (i = 0; inode != 0 && i < whose.n; i++) {
		if (whose.batch[i].inode == inode && whose.batch[i].pid == 0)
			found(&whose.batch[i], pid, dir);
	}
}

static void
look_at_process(int proc, uint32_t pid)
{
	struct dirent *de;
	char name[16];
	DIR *fds;
	int dir, fd;

	snprintf(name, sizeof(name), "%u", pid);
	dir = openat(proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1)
		return;
	fd = openat(dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds = fd == -1 ? NULL : fdopendir(fd);
	if (fds == NULL) {
		if (fd != -1)
			close(fd);
		close(dir);
		return;
	}
	while (whose.left > 0 && whose.fds > 0 && (de = readdir(fds)) != NULL) {
		if (de->d_name[0] == '.')
			continue;
		whose.fds--;
		look_at_fd(pid, dir, socket_of(dirfd(fds), de->d_name));
	}
	closedir(fds);
	close(dir);
}

/* 1 is init, which has no socket of the network. */
static void
list_pids(DIR *proc)
{
	struct dirent *de;
	unsigned long pid;

	whose.npids = 0;
	while (whose.npids < PIDS_MAX && (de = readdir(proc)) != NULL) {
		if (de->d_name[0] < '1' || de->d_name[0] > '9')
			continue;
		pid = strtoul(de->d_name, NULL, 10);
		if (pid > 1 && pid <= UINT32_MAX)
			whose.pid[whose.npids++] = (uint32_t)pid;
	}
}

/* Who asks for the network is mostly young: from the end. */
static void
run(struct look *l)
{
	DIR *proc;
	size_t i;
	int fd;

	(void)l;
	/* a command can lock the one that it sees */
	fd = openat(execd.sess_proc_fd, ".",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	proc = fd == -1 ? NULL : fdopendir(fd);
	if (proc == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	whose.fds = FDS_MAX;
	for (i = 0; i < RECENT && whose.left > 0; i++) {
		if (whose.recent[i] != 0)
			look_at_process(dirfd(proc), whose.recent[i]);
	}
	if (whose.left > 0)
		list_pids(proc);
	for (i = whose.npids; whose.left > 0 && i > 0; i--)
		look_at_process(dirfd(proc), whose.pid[i - 1]);
	closedir(proc);
}

/* --- in the main thread */

/* Where there is but one command, it is that one's. */
static const struct command *
only_command(void)
{
	const struct command *c = TAILQ_FIRST(&execd.commands);

	return c != NULL && TAILQ_NEXT(c, entry) == NULL ? c : NULL;
}

static const struct command *
command_of(const struct asked *a)
{
	struct target t = { .dir_fd = -1,
		.imprint = a->imprint,
		.inner_tgid = a->pid,
		.inner_ppid = a->ppid };
	const struct command *c = a->pid == 0 ? NULL : lineage_command(&t);

	return c != NULL ? c : only_command();
}

static void
remember(uint32_t pid)
{
	size_t i;

	for (i = 0; i < RECENT; i++) {
		if (whose.recent[i] == pid)
			return;
	}
	whose.recent[whose.at++ % RECENT] = pid;
}

static void
answer(const struct asked *a)
{
	const struct command *c = command_of(a);
	struct msg_net_owner m = { .pid = a->pid };

	m.command = c != NULL ? c->number : 0;
	if (c != NULL)
		snprintf(m.command_id, sizeof(m.command_id), "%s", c->id);
	snprintf(m.exe, sizeof(m.exe), "%s", a->exe);
	msg_send_net_owner(execd.p.peer[ROLE_NETD], a->request, &m, NULL);
}

static void next(void);

static void
done(struct look *l)
{
	size_t i;

	(void)l;
	whose.looking = false;
	for (i = 0; i < whose.n; i++) {
		answer(&whose.batch[i]);
		if (whose.batch[i].pid != 0)
			remember(whose.batch[i].pid);
	}
	next();
}

static void
take(struct asked *a)
{
	memset(a, 0, offsetof(struct asked, exe) + 1);
	a->request = waiting.q[waiting.first].request;
	a->inode = waiting.q[waiting.first].inode;
	waiting.first = (waiting.first + 1) % QUEUE_MAX;
	waiting.n--;
}

static void
next(void)
{
	if (whose.looking || waiting.n == 0)
		return;
	for (whose.n = 0; whose.n < BATCH && waiting.n > 0; whose.n++)
		take(&whose.batch[whose.n]);
	whose.left = whose.n;
	whose.npids = 0;
	whose.looking = true;
	whose.look.run = run;
	whose.look.done = done;
	look_start(&whose.look);
}

void
whose_made(uint64_t inode, const struct target *t)
{
	struct asked *a = &made[inode % MADE];
	ssize_t n = readlinkat(t->dir_fd, "exe", a->exe, sizeof(a->exe) - 1);

	a->exe[n > 0 ? n : 0] = '\0';
	a->inode = inode;
	a->pid = t->inner_tgid;
	a->ppid = t->inner_ppid;
	a->imprint = t->imprint;
	a->port = 0;
}

void
whose_bound(uint64_t inode, uint16_t port, const uint8_t far[16],
    uint16_t far_port)
{
	struct asked *a = &made[inode % MADE];

	if (a->inode != inode)
		return;
	a->port = port;
	memcpy(a->far, far, sizeof(a->far));
	a->far_port = far_port;
	made_at[port % MADE] = a;
}

/* Does it go where netd says? 0: netd does not say. */
static bool
is_to(const struct asked *a, const struct msg_net_whose *m)
{
	return m->far_port == 0 ||
	    (a->far_port == m->far_port &&
		memcmp(a->far, &m->far_high, sizeof(m->far_high)) == 0 &&
		memcmp(a->far + sizeof(m->far_high), &m->far_low,
		    sizeof(m->far_low)) == 0);
}

/* Of the connections that passed here, or NULL. */
static struct asked *
find_made(const struct msg_net_whose *m)
{
	struct asked *a = m->inode != 0 ? &made[m->inode % MADE] :
					  made_at[m->port % MADE];

	if (m->inode != 0)
		return a->inode == m->inode ? a : NULL;
	if (m->port == 0 || a == NULL || a->port != m->port || !is_to(a, m))
		return NULL;
	return a;
}

int
whose_on_net_whose(struct chan *ch, struct imsg *im)
{
	struct asked nobody = { .request = im->id };
	struct msg_net_whose m;
	struct asked *known;
	size_t i;

	(void)ch;
	if (msg_get_net_whose(im, &m) == -1)
		return -1;
	known = find_made(&m);
	if (known != NULL) {
		known->request = im->id;
		/* which may be another's from now on */
		known->port = 0;
		answer(known);
		return 0;
	}
	if (m.inode == 0 || waiting.n == QUEUE_MAX) {
		answer(&nobody);
		return 0;
	}
	i = (waiting.first + waiting.n++) % QUEUE_MAX;
	waiting.q[i].request = im->id;
	waiting.q[i].inode = m.inode;
	next();
	return 0;
}
