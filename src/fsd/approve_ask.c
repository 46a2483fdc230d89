/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an operation waits for an operator: approve.h says when. The threads that
 * serve the device wait here; the main thread alone speaks with policyd. Nothing
 * is held meanwhile but the request itself, which the kernel can interrupt, and
 * the policy that it began with.
 */
#include <sys/eventfd.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "approval.h"
#include "approve.h"
#include "log.h"

/* Threads that may wait, half of them for one command: others must be left for
 * those who do not. */
#define APPROVE_WAITING_MAX 48

enum stage {
	STAGE_NEW,	/* to be sent */
	STAGE_SENT,	/* policyd has it */
	STAGE_DONE,	/* answered; the thread's again */
	STAGE_WITHDRAWN /* nobody waits: the main thread's to free */
};

/* One question, shared by a thread that waits and the main thread. */
struct question {
	TAILQ_ENTRY(question) entry;
	enum stage stage;
	bool interrupted;
	bool pending; /* policyd says that it waits */
	bool told;    /* that was recorded */
	uint32_t request;
	struct msg_approval_ask ask;
	char *to_path; /* its words; NULL: none */
	struct msg_approval_answer answer;
	/* once it is pending */
	char id[APPROVAL_ID_MAX + 1];
	uint64_t timeout_ms;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	TAILQ_HEAD(, question) questions;
	unsigned waiting;
	int wake_fd;
} appr = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
};

static void
put_operations(char *dst, size_t size, unsigned ops)
{
	size_t n = 0;
	unsigned op;

	dst[0] = '\0';
	for (op = 0; op < FILE_OP_MAX && n < size; op++) {
		if ((ops & 1U << op) != 0)
			n += (size_t)snprintf(dst + n, size - n, "%s%s",
			    n > 0 ? "," : "", file_op_name((enum file_op)op));
	}
}

static void
question_free(struct question *q)
{
	if (q == NULL)
		return;
	free(q->to_path);
	free(q);
}

/* What makes a second name of it asks for other things than its use, and must
 * not be let go on by what was said to that: the name is a part of the question.
 * false: no memory. */
static bool
put_second_name(struct question *q, enum file_op op, const char *to_path)
{
	struct msg_approval_ask *m = &q->ask;
	char ops[APPROVAL_OPERATION_MAX + 1];

	if (to_path == NULL)
		return true;
	snprintf(ops, sizeof(ops), "%s", m->operation);
	snprintf(m->operation, sizeof(m->operation), "%s: %.200s",
	    file_op_name(op), ops);
	q->to_path = strdup(to_path);
	if (q->to_path == NULL)
		return false;
	m->words = (const uint8_t *)q->to_path;
	m->words_len = strlen(q->to_path) + 1;
	return true;
}

static struct question *
question_new(const struct ruling *r, const struct actor *a, enum file_op op,
    const char *to_path)
{
	struct question *q = calloc(1, sizeof(*q));
	struct msg_approval_ask *m;

	if (q == NULL)
		return NULL;
	m = &q->ask;
	m->kind = APPROVAL_FILE;
	m->pid = a->pid;
	m->timeout_ms = r->timeout_ms;
	put_operations(m->operation, sizeof(m->operation), r->ops);
	snprintf(m->object, sizeof(m->object), "%s", r->path);
	if (r->id.ino != 0)
		snprintf(m->identity, sizeof(m->identity), "%llu:%llu:%lld.%u",
		    (unsigned long long)r->id.dev,
		    (unsigned long long)r->id.ino, (long long)r->id.btime_sec,
		    r->id.btime_nsec);
	snprintf(m->rule, sizeof(m->rule), "%s", r->rule);
	record_message(r, m->message, sizeof(m->message));
	snprintf(m->command_id, sizeof(m->command_id), "%s", a->id);
	if (!put_second_name(q, op, to_path)) {
		question_free(q);
		return NULL;
	}
	return q;
}

/* Has the main thread look at the questions. */
static void
wake(void)
{
	const uint64_t one = 1;

	if (write(appr.wake_fd, &one, sizeof(one)) == -1 && errno != EAGAIN)
		fatal("a word to the main thread");
}

/* libfuse holds the request's lock; the kernel wants it ended. */
static void
interrupted_cb(fuse_req_t req, void *arg)
{
	struct question *q = arg;

	(void)req;
	pthread_mutex_lock(&appr.lock);
	q->interrupted = true;
	pthread_cond_broadcast(&appr.changed);
	pthread_mutex_unlock(&appr.lock);
}

/* policyd keeps it: from now on an operator can see it. */
static void
tell_asked(const struct question *q)
{
	struct buf b;

	buf_init(&b, EVENT_MAX);
	approval_event_asked(&b, &q->ask, q->id, q->timeout_ms);
	record_event(&b);
}

/* A command never has more that wait than it leaves to others. */
static bool
has_room(const struct question *q)
{
	const struct question *o;
	unsigned n = appr.waiting;

	TAILQ_FOREACH(o, &appr.questions, entry) {
		if (o->stage != STAGE_WITHDRAWN)
			n += strcmp(o->ask.command_id, q->ask.command_id) == 0;
	}
	return n < APPROVE_WAITING_MAX;
}

/* Waits until it is answered, or interrupted. false: there was no room. */
static bool
wait_answer(fuse_req_t req, struct question *q)
{
	bool room;

	pthread_mutex_lock(&appr.lock);
	room = has_room(q);
	if (room) {
		appr.waiting++;
		TAILQ_INSERT_TAIL(&appr.questions, q, entry);
	}
	pthread_mutex_unlock(&appr.lock);
	if (!room)
		return false;
	wake();
	fuse_req_interrupt_func(req, interrupted_cb, q);
	pthread_mutex_lock(&appr.lock);
	while (q->stage != STAGE_DONE && !q->interrupted) {
		if (q->pending && !q->told) {
			q->told = true;
			pthread_mutex_unlock(&appr.lock);
			tell_asked(q);
			pthread_mutex_lock(&appr.lock);
			continue;
		}
		pthread_cond_wait(&appr.changed, &appr.lock);
	}
	appr.waiting--;
	pthread_mutex_unlock(&appr.lock);
	fuse_req_interrupt_func(req, NULL, NULL);
	return true;
}

/* Says true, and leaves q to the main thread, when nobody waits any more. */
static bool
withdraw(struct question *q)
{
	bool left;

	pthread_mutex_lock(&appr.lock);
	left = q->stage != STAGE_DONE;
	if (left)
		q->stage = STAGE_WITHDRAWN;
	pthread_mutex_unlock(&appr.lock);
	if (left)
		wake();
	return left;
}

/* The wait is over, whoever ended it. */
static void
tell_answer(const struct msg_approval_ask *m,
    const struct msg_approval_answer *answer)
{
	struct buf b;

	buf_init(&b, EVENT_MAX);
	approval_event_answered(&b, m, answer);
	record_event(&b);
}

void
approve_ask(fuse_req_t req, const struct actor *a, const struct ruling *r,
    enum file_op op, const char *to_path, struct msg_approval_answer *m)
{
	struct question *q, *copy;
	bool left;

	m->outcome = APPROVAL_REFUSED;
	q = question_new(r, a, op, to_path);
	/* once it is withdrawn, the main thread may have freed it */
	copy = question_new(r, a, op, to_path);
	if (q == NULL || copy == NULL)
		goto out;
	if (!wait_answer(req, q)) {
		snprintf(m->reason, sizeof(m->reason),
		    "too many file operations of this session wait");
		goto out;
	}
	copy->told = q->told;
	if (q->told)
		snprintf(m->id, sizeof(m->id), "%s", q->id);
	left = q->interrupted && withdraw(q);
	if (left) {
		q = NULL;
		m->outcome = APPROVAL_WITHDRAWN;
		snprintf(m->who, sizeof(m->who), "withdrawn");
	} else {
		*m = q->answer;
	}
	if (copy->told)
		tell_answer(&copy->ask, m);
out:
	question_free(q);
	question_free(copy);
}

/* --- the main thread */

static void
send_one(struct chan *ch, struct question *q)
{
	q->request = chan_request(ch, q);
	if (q->request == 0) {
		q->answer.outcome = APPROVAL_REFUSED;
		TAILQ_REMOVE(&appr.questions, q, entry);
		q->stage = STAGE_DONE;
		pthread_cond_broadcast(&appr.changed);
		return;
	}
	q->stage = STAGE_SENT;
	msg_send_approval_ask(ch, q->request, &q->ask, NULL);
}

static void
wake_cb(evutil_socket_t fd, short what, void *arg)
{
	struct chan *ch = fsd.proc.peer[ROLE_POLICYD];
	struct msg_approval_withdraw m;
	struct question *q, *next;
	uint64_t n;

	(void)what;
	(void)arg;
	if (read(fd, &n, sizeof(n)) == -1 && errno != EAGAIN)
		fatal("a word of a thread");
	pthread_mutex_lock(&appr.lock);
	for (q = TAILQ_FIRST(&appr.questions); q != NULL; q = next) {
		next = TAILQ_NEXT(q, entry);
		if (q->stage == STAGE_NEW) {
			send_one(ch, q);
		} else if (q->stage == STAGE_WITHDRAWN) {
			TAILQ_REMOVE(&appr.questions, q, entry);
			m.request = q->request;
			chan_forget(ch, q);
			if (q->request != 0)
				msg_send_approval_withdraw(ch, 0, &m, NULL);
			question_free(q);
		}
	}
	pthread_mutex_unlock(&appr.lock);
}

int
approve_on_pending(struct chan *ch, struct imsg *im)
{
	struct question *q = im->arg;
	struct msg_approval_pending m;

	(void)ch;
	if (msg_get_approval_pending(im, &m) == -1)
		return -1;
	if (q == NULL)
		return 0; /* withdrawn meanwhile */
	pthread_mutex_lock(&appr.lock);
	q->timeout_ms = m.timeout_ms;
	snprintf(q->id, sizeof(q->id), "%s", m.id);
	q->pending = true;
	pthread_cond_broadcast(&appr.changed);
	pthread_mutex_unlock(&appr.lock);
	return 0;
}

int
approve_on_answer(struct chan *ch, struct imsg *im)
{
	struct question *q = im->arg;
	struct msg_approval_answer m;

	(void)ch;
	if (msg_get_approval_answer(im, &m) == -1 ||
	    m.outcome >= APPROVAL_OUTCOME_MAX)
		return -1;
	if (q == NULL)
		return 0;
	pthread_mutex_lock(&appr.lock);
	TAILQ_REMOVE(&appr.questions, q, entry);
	/* the thread that has withdrawn it does not look again */
	if (q->stage == STAGE_WITHDRAWN) {
		question_free(q);
	} else {
		q->answer = m;
		q->stage = STAGE_DONE;
		pthread_cond_broadcast(&appr.changed);
	}
	pthread_mutex_unlock(&appr.lock);
	return 0;
}

void
approve_init(void)
{
	struct event *ev;

	TAILQ_INIT(&appr.questions);
	appr.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (appr.wake_fd == -1)
		fatal("eventfd");
	ev = event_new(fsd.base, appr.wake_fd, EV_READ | EV_PERSIST, wake_cb,
	    NULL);
	if (ev == NULL || event_add(ev, NULL) == -1)
		fatalx("event");
}
