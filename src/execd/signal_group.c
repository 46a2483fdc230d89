/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals to groups of processes and to all of them: each member is decided,
 * and it is sent to those that may get it, some at a time. All processes of the
 * session are looked at for that, so these questions wait in a queue, and with
 * them those about a process with many ancestors: as long as one has taken, the
 * others of the session, execs above all, have their turn.
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
#define AHEAD 32   /* signals that are sent before one has arrived */

/* One call, over all members. */
struct round {
	struct sigcall *k;
	uint32_t group;
	enum {
		ROUND_ASKS,   /* through it, for who has to be approved */
		ROUND_ASKED,  /* all of them are known */
		ROUND_LOOKS,  /* through the list, for members */
		ROUND_LOOKED, /* all of them got it that are to get it */
		ROUND_ENDS    /* who asks as well */
	} state;
	DIR *dir; /* the list, or NULL: it begins */
	unsigned passes;
	size_t nnew;	   /* in this pass */
	size_t on_the_way; /* signals */
	uint64_t spent_us;
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

static struct {
	TAILQ_HEAD(, sigcall) waiting;
	size_t n;
	struct event *timer; /* not while there is a round */
	bool starved;	     /* it waits for signals to arrive */
	struct round *round;
} groups = { .waiting = TAILQ_HEAD_INITIALIZER(groups.waiting) };

static void go_on(struct round *);

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
count(struct round *r, int err)
{
	if (err == 0)
		r->ndone++;
	else
		r->error = err;
}

static void
arrived(void *arg, int err)
{
	struct round *r = arg;

	count(r, err);
	if (--r->on_the_way == 0)
		go_on(r);
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
	if (s.done == DECISION_APPROVE)
		sigask_use(r->k, t, &s);
	/* ours are of no group but their own, and what is for all is for the
	 * commands: nothing that would have to be told */
	if (!sigtarget_is_ours(t) || r->k->form == SIGNAL_TO_GROUP)
		tell(r, t, &s);
	if (s.done == DECISION_ABSORB) {
		err = 0;
	} else if (s.done != DECISION_DENY) {
		err = sigcall_send(r->k, t, &s, arrived, r);
		if (err == 0) {
			r->on_the_way++;
			return;
		}
	}
	count(r, err);
}

/* Does an operator have to be asked for this one? */
static void
consider(struct round *r, struct sigtarget *t)
{
	struct sigsaid s = { .done = DECISION_DENY };

	if (sigtarget_relate(&r->k->self, t, false) == -1)
		return;
	sigcall_decide(r->k, t, &s);
	if (s.done == DECISION_APPROVE)
		sigask_add(r->k, t, &s);
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

static int
open_list(struct round *r)
{
	int fd = openat(execd.sess_proc_fd, ".",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	r->dir = fd == -1 ? NULL : fdopendir(fd);
	if (r->dir == NULL && fd != -1)
		close(fd);
	r->nnew = 0;
	return r->dir == NULL ? -1 : 0;
}

static void
close_list(struct round *r)
{
	closedir(r->dir);
	r->dir = NULL;
	if (r->nseen > 0)
		qsort(r->seen, r->nseen, sizeof(r->seen[0]), compare);
	r->nsorted = r->nseen;
	r->nfound += r->nnew;
	r->passes++;
}

/* As far as may be sent now. */
static void
look(struct round *r)
{
	struct sigtarget t;
	struct dirent *de;
	char *end;
	unsigned long pid;

	while (r->on_the_way < AHEAD) {
		de = readdir(r->dir);
		if (de == NULL) {
			close_list(r);
			r->state = r->state == ROUND_ASKS ? ROUND_ASKED :
							    ROUND_LOOKED;
			return;
		}
		pid = strtoul(de->d_name, &end, 10);
		if (end == de->d_name || *end != '\0')
			continue;
		if (sigtarget_open(&t, (uint32_t)pid) == 0 &&
		    is_member(r, &t) && !mark_seen(r, t.pid)) {
			if (r->state == ROUND_ASKS)
				consider(r, &t);
			else
				member(r, &t);
			r->nnew++;
		}
		sigtarget_close(&t);
	}
}

/* true: the call waits for an operator, and is begun again. */
static bool
ask(struct round *r)
{
	struct sigcall *k = r->k;

	if (r->has_self)
		consider(r, &k->self);
	r->nseen = r->nsorted = r->nfound = 0;
	r->passes = 0;
	r->has_self = false;
	r->state = ROUND_LOOKS;
	if (k->ask == NULL || !sigask_start(k))
		return false;
	sigcall_close(k);
	r->k = NULL;
	return true;
}

/* true: the round is over, and answered if somebody waits for it. */
static bool
step(struct round *r)
{
	struct sigcall *k = r->k;

	/* what is known of who asks is of another soon */
	if (!notify_is_valid(k->req.id))
		return true;
	switch (r->state) {
	case ROUND_ASKED:
		return ask(r);
	case ROUND_ASKS:
	case ROUND_LOOKS:
		if (r->dir == NULL && open_list(r) == -1) {
			notify_answer(k->req.id, EPERM);
			return true;
		}
		look(r);
		return false;
	case ROUND_LOOKED:
		/* The kernel stops the world to signal a group; here a member
		 * may fork before its turn. Of what ends and stops processes
		 * the children shall get it, too. */
		if ((k->signo == SIGKILL || k->signo == SIGSTOP) &&
		    r->nnew > 0 && r->passes < PASSES_MAX) {
			r->state = ROUND_LOOKS;
			return false;
		}
		r->state = ROUND_ENDS;
		if (r->has_self) {
			r->nfound++;
			member(r, &k->self);
		}
		return false;
	case ROUND_ENDS:
		break;
	}
	if (r->ndone > 0)
		notify_return(k->req.id, 0);
	else
		notify_answer(k->req.id, r->nfound == 0 ? ESRCH : r->error);
	return true;
}

static void
arm(uint64_t us)
{
	struct timeval tv = { .tv_sec = (time_t)(us / 1000000),
		.tv_usec = (suseconds_t)(us % 1000000) };

	if (evtimer_add(groups.timer, &tv) == -1)
		fatalx("a timer cannot be set");
}

/* The next, after a while. */
static void
next(uint64_t us)
{
	if (groups.n > 0)
		arm(us);
}

static void
go_on(struct round *r)
{
	uint64_t start_us = clock_us();
	bool over;

	do {
		over = step(r);
	} while (!over && r->on_the_way == 0);
	r->spent_us += clock_us() - start_us;
	if (!over)
		return;
	groups.round = NULL;
	next(r->spent_us);
	if (r->dir != NULL)
		closedir(r->dir);
	if (r->k != NULL)
		sigcall_free(r->k);
	free(r->seen);
	free(r);
	if (!TAILQ_EMPTY(&execd.old_images))
		supervise_forget_images();
}

static void
begin(struct sigcall *k)
{
	struct round *r;

	if (!notify_is_valid(k->req.id) || sigcall_open(k) == -1) {
		sigcall_free(k);
		next(0);
		return;
	}
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		fatal("a group of processes");
	r->k = k;
	r->group = k->pid != 0 ? k->pid : k->self.pgid;
	r->state = execd.p.conf.approvals != 0 && !sigask_is_answered(k) &&
		image_asks_signals(execd_image(k->image_number)) ?
	    ROUND_ASKS :
	    ROUND_LOOKS;
	groups.round = r;
	go_on(r);
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct sigcall *k = TAILQ_FIRST(&groups.waiting);
	uint64_t start_us = clock_us();

	(void)fd;
	(void)what;
	(void)arg;
	groups.starved = !sigsend_has_room();
	if (groups.starved)
		return;
	TAILQ_REMOVE(&groups.waiting, k, entry);
	groups.n--;
	if (k->form == SIGNAL_TO_GROUP || k->form == SIGNAL_TO_ALL) {
		begin(k);
		return;
	}
	sigcall_run(k, false);
	next(clock_us() - start_us);
}

void
siggroup_resume(void)
{
	if (groups.starved && sigsend_has_room()) {
		groups.starved = false;
		arm(0);
	}
}

uint64_t
siggroup_image(void)
{
	return groups.round != NULL ? groups.round->k->image_number :
				      UINT64_MAX;
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
	sigcall_close(k);
	if (groups.n == WAITING_MAX) {
		notify_answer(k->req.id, EAGAIN);
		sigcall_free(k);
		return;
	}
	TAILQ_INSERT_TAIL(&groups.waiting, k, entry);
	if (groups.n++ == 0 && groups.round == NULL)
		arm(0);
}
