/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals to groups of processes and to all of them: each member is decided,
 * and execd sends it to those that may get it. All processes of the session are
 * looked at for that, so these questions wait in a queue, and with them those
 * about a process with many ancestors: as long as one has taken, the others of
 * the session, execs above all, have their turn.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "execd.h"
#include "log.h"
#include "notify.h"
#include "signal_call.h"

#define WAITING_MAX 4096 /* one a thread */
#define PASSES_MAX 8
#define TOLD_MAX 8 /* rules of which a call makes a record */

static struct {
	TAILQ_HEAD(, sigcall) waiting;
	size_t n;
	struct event *timer;
} groups = { .waiting = TAILQ_HEAD_INITIALIZER(groups.waiting) };

/* One call, over all members. */
struct round {
	struct sigcall *k;
	uint32_t group;
	uint32_t *seen; /* sorted, but for those of the pass under way */
	size_t nseen, nsorted, cap;
	size_t nfound, ndone; /* done: sent or absorbed */
	bool has_self;
	int error; /* of one that was not */
	struct {
		const char *rule;
		enum decision done;
	} told[TOLD_MAX];
	size_t ntold;
};

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* true: it was met in an earlier pass. */
static bool
mark_seen(struct round *r, uint32_t pid)
{
	if (r->nsorted > 0 &&
	    bsearch(&pid, r->seen, r->nsorted, sizeof(pid), compare) != NULL)
		return true;
	if (r->nseen == r->cap) {
		r->cap = r->cap == 0 ? 64 : r->cap * 2;
		r->seen = reallocarray(r->seen, r->cap, sizeof(pid));
		if (r->seen == NULL)
			fatal("a group of processes");
	}
	r->seen[r->nseen++] = pid;
	return false;
}

/* The first target of each rule stands for the others. */
static void
tell(struct round *r, const struct sigtarget *t, const struct sigsaid *s)
{
	size_t i;

	for (i = 0; i < r->ntold; i++) {
		if (r->told[i].rule == s->v.rule_name &&
		    r->told[i].done == s->done)
			return;
	}
	if (r->ntold == TOLD_MAX)
		return;
	r->told[r->ntold].rule = s->v.rule_name;
	r->told[r->ntold++].done = s->done;
	record_signal(r->k, t, s);
}

static void
member(struct round *r, struct sigtarget *t)
{
	struct sigsaid s = { .done = DECISION_DENY };
	int err = EPERM;

	if (sigtarget_relate(&r->k->self, t, false) == -1) {
		/* gone meanwhile, or not to be known */
		r->error = EPERM;
		return;
	}
	sigcall_decide(r->k, t, &s);
	/* ours are of no group but their own, and what is for all is for the
	 * commands: nothing that would have to be told */
	if (!sigtarget_is_ours(t) || r->k->form == SIGNAL_TO_GROUP)
		tell(r, t, &s);
	if (s.done == DECISION_ABSORB)
		err = 0;
	else if (s.done != DECISION_DENY)
		err = sigcall_send(r->k, t, &s);
	if (err == 0)
		r->ndone++;
	else
		r->error = err;
}

static bool
is_member(struct round *r, const struct sigtarget *t)
{
	if (r->k->form == SIGNAL_TO_ALL)
		return t->pid > 1 && t->pid != r->k->self.pid;
	if (t->pgid != r->group)
		return false;
	/* the last: it may be the end of who asks */
	if (t->pid == r->k->self.pid) {
		r->has_self = true;
		return false;
	}
	return true;
}

/* How many were new; -1: there is no list. */
static ssize_t
pass(struct round *r)
{
	struct sigtarget t;
	struct dirent *de;
	ssize_t n = 0;
	char *end;
	unsigned long pid;
	DIR *dir;
	int fd;

	fd = openat(execd.root_fd, "proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd == -1 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		if (fd != -1)
			close(fd);
		return -1;
	}
	while ((de = readdir(dir)) != NULL) {
		pid = strtoul(de->d_name, &end, 10);
		if (end == de->d_name || *end != '\0')
			continue;
		if (sigtarget_open(&t, (uint32_t)pid) == 0 &&
		    is_member(r, &t) && !mark_seen(r, t.pid)) {
			member(r, &t);
			n++;
		}
		sigtarget_close(&t);
	}
	closedir(dir);
	if (r->nseen > 0)
		qsort(r->seen, r->nseen, sizeof(r->seen[0]), compare);
	r->nsorted = r->nseen;
	r->nfound += (size_t)n;
	return n;
}

/* The kernel stops the world to signal a group; here a member may fork before
 * its turn. Of what ends and stops processes the children shall get it, too. */
static void
answer(struct round *r)
{
	struct sigcall *k = r->k;
	bool again = k->signo == SIGKILL || k->signo == SIGSTOP;
	ssize_t n;
	int i = 0;

	do {
		n = pass(r);
	} while (n > 0 && again && ++i < PASSES_MAX);
	if (n == -1) {
		notify_answer(k->req.id, EPERM);
		return;
	}
	if (r->has_self) {
		r->nfound++;
		member(r, &k->self);
	}
	if (r->ndone > 0)
		notify_return(k->req.id, 0);
	else
		notify_answer(k->req.id, r->nfound == 0 ? ESRCH : r->error);
}

static void
settle(struct sigcall *k)
{
	struct round r = { .k = k };

	if (k->form != SIGNAL_TO_GROUP && k->form != SIGNAL_TO_ALL) {
		sigcall_run(k, false);
		return;
	}
	if (notify_is_valid(k->req.id) && sigcall_open(k) == 0) {
		r.group = k->pid != 0 ? k->pid : k->self.pgid;
		answer(&r);
	}
	free(r.seen);
	sigcall_free(k);
}

static void
arm(uint64_t us)
{
	struct timeval tv = { .tv_sec = (time_t)(us / 1000000),
		.tv_usec = (suseconds_t)(us % 1000000) };

	if (evtimer_add(groups.timer, &tv) == -1)
		fatalx("a timer cannot be set");
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct sigcall *k = TAILQ_FIRST(&groups.waiting);
	uint64_t start_us = clock_us();

	(void)fd;
	(void)what;
	(void)arg;
	TAILQ_REMOVE(&groups.waiting, k, entry);
	groups.n--;
	settle(k);
	if (groups.n > 0)
		arm(clock_us() - start_us);
}

void
siggroup_init(void)
{
	groups.timer = evtimer_new(execd.base, timer_cb, NULL);
	if (groups.timer == NULL)
		fatalx("event");
}

void
siggroup_add(struct sigcall *k)
{
	/* descriptors are not kept while it waits: there are few */
	target_close(&k->t);
	sigtarget_close(&k->self);
	sigtarget_close(&k->to);
	drop_fd(k->pidfd);
	k->pidfd = -1;
	if (groups.n == WAITING_MAX) {
		notify_answer(k->req.id, EAGAIN);
		sigcall_free(k);
		return;
	}
	TAILQ_INSERT_TAIL(&groups.waiting, k, entry);
	if (groups.n++ == 0)
		arm(0);
}
