/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits for an operator, and how: approve.h. The threads that serve the
 * device wait here; the main thread alone speaks with policyd. Nothing of a
 * request is held meanwhile but the request itself, which the kernel can
 * interrupt, and the policy that it began with.
 */
#include <sys/eventfd.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "approval.h"
#include "approve.h"
#include "log.h"

/* Threads that may wait: others must be left for those who do not. */
#define APPROVE_WAITING_MAX 32
/* Approvals that one operation may need, each for another object. */
#define APPROVE_EACH_MAX 4

/* One object of an operation, approved. */
struct approved {
	enum view view;
	unsigned ops;
	struct ident id;
	char *path;
	char *rule;
	bool used;
	bool gone; /* the path means another object by now */
	char request[APPROVAL_ID_MAX + 1];
};

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

/* Of the operation that this thread is at. */
struct own {
	bool noted;
	bool late; /* it was done, and must not be again */
	bool again;
	struct ruling r; /* that stopped it */
	/* of its record, if it is refused */
	enum event_type type;
	enum file_op op;
	char *path;
	struct extra x[2];
	size_t nx;
	char *text[2];
	struct approved approved[APPROVE_EACH_MAX];
	size_t n;
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

static __thread struct own *own;

/* --- which object a path means */

static bool
is_ident(const struct ident *a, const struct ident *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* What is at that path now, without following links; all 0: nothing. */
static void
look(enum view view, const char *path, struct ident *id)
{
	char text[AGENTSH_PATH_MAX + 1];
	struct statx stx;
	int at, dir = -1, fd;
	size_t n;

	memset(id, 0, sizeof(*id));
	at = view == VIEW_WORKSPACE ? fsd.work_fd : fsd.root_fd;
	if (view == VIEW_WORKSPACE)
		path += strlen(fsd.mount);
	fd = backing_stat(at, &stx) == 0 ? at : -1;
	for (path += strspn(path, "/"); *path != '\0' && fd != -1;
	     path += strspn(path, "/")) {
		n = strcspn(path, "/");
		memcpy(text, path, n);
		text[n] = '\0';
		path += n;
		fd = backing_open(at, text, &stx);
		if (dir != -1)
			close(dir);
		at = dir = fd;
	}
	if (fd != -1)
		backing_ident(id, &stx);
	if (dir != -1)
		close(dir);
}

/* The object that a question is about: what asked knows it, or looks. */
static void
ident_of(const struct ruling *r, enum view view, const char *path, size_t len,
    struct ident *id)
{
	char text[AGENTSH_PATH_MAX + 1];

	memset(id, 0, sizeof(*id));
	if (r->about != NULL) {
		*id = r->about->id;
		return;
	}
	if (len > AGENTSH_PATH_MAX)
		return;
	memcpy(text, path, len);
	text[len] = '\0';
	look(view, text, id);
}

/* Our own commands' renames are in the graph; those of others are not. What is
 * renamed after this is still the object that was approved. */
static void
look_again(void)
{
	struct approved *a;
	struct ident id;
	size_t i;

	for (i = 0; i < own->n; i++) {
		a = &own->approved[i];
		look(a->view, a->path, &id);
		a->gone = !is_ident(&id, &a->id);
	}
}

bool
approve_has(const struct ruling *r, enum file_op op, enum view view,
    const char *path, size_t len, const char *rule)
{
	struct approved *a;
	struct ident id;
	size_t i;

	for (i = 0; own != NULL && i < own->n; i++) {
		a = &own->approved[i];
		if (a->gone || a->view != view || (a->ops & 1U << op) == 0 ||
		    strlen(a->path) != len || memcmp(a->path, path, len) != 0 ||
		    strcmp(a->rule, rule) != 0)
			continue;
		ident_of(r, view, path, len, &id);
		if (!is_ident(&id, &a->id))
			continue;
		a->used = true;
		return true;
	}
	return false;
}

bool
approve_is_moved(const struct ruling *r, enum view view, const char *path,
    size_t len)
{
	static const struct ident nothing;
	const struct approved *a;
	struct ident id;
	size_t i;

	for (i = 0; own != NULL && i < own->n; i++) {
		a = &own->approved[i];
		if (a->used || is_ident(&a->id, &nothing) ||
		    (strlen(a->path) == len && memcmp(a->path, path, len) == 0))
			continue;
		ident_of(r, view, path, len, &id);
		if (is_ident(&id, &a->id))
			return true;
	}
	return false;
}

const char *
approve_id(const struct ruling *r)
{
	size_t i;

	for (i = 0; own != NULL && i < own->n; i++) {
		if (own->approved[i].used &&
		    strcmp(own->approved[i].path, r->path) == 0)
			return own->approved[i].request;
	}
	return "";
}

/* --- the operation of this thread */

static void
forget(void)
{
	if (own == NULL || !own->noted)
		return;
	free(own->path);
	free(own->text[0]);
	free(own->text[1]);
	own->path = NULL;
	own->late = false;
	memset(own->x, 0, sizeof(own->x));
	own->text[0] = own->text[1] = NULL;
	own->noted = false;
}

void
approve_note(enum event_type type, const struct ruling *r, enum file_op op,
    const char *path, const struct extra *x)
{
	size_t n;

	forget();
	if (own == NULL)
		own = calloc(1, sizeof(*own));
	if (own == NULL)
		return; /* then it is denied at once */
	own->type = type;
	own->op = op;
	own->path = strdup(path);
	own->r = *r;
	own->r.about = NULL;
	for (n = 0; x != NULL && n < 2; x = x->next, n++) {
		own->text[n] = x->str != NULL ? strdup(x->str) : NULL;
		own->x[n].field = x->field;
		own->x[n].str = own->text[n];
		own->x[n].num = x->num;
		own->x[n].next = NULL;
		if (n > 0)
			own->x[n - 1].next = &own->x[n];
	}
	own->nx = n;
	own->noted = true;
}

void
approve_late(void)
{
	if (own != NULL && own->noted)
		own->late = true;
}

bool
approve_again(void)
{
	if (own == NULL)
		return false;
	if (own->again) {
		own->again = false;
		look_again();
		return true;
	}
	forget();
	while (own->n > 0) {
		own->n--;
		free(own->approved[own->n].path);
		free(own->approved[own->n].rule);
	}
	free(own);
	own = NULL;
	return false;
}

/* The operation may find it allowed from now on. */
static bool
take(const struct question *q, const struct ruling *r)
{
	struct approved *a = &own->approved[own->n];

	a->path = strdup(r->path);
	a->rule = strdup(r->rule);
	if (a->path == NULL || a->rule == NULL) {
		free(a->path);
		free(a->rule);
		return false;
	}
	a->view = r->view;
	a->ops = r->ops;
	a->id = r->id;
	a->used = a->gone = false;
	snprintf(a->request, sizeof(a->request), "%s",
	    q != NULL ? q->answer.id : "");
	own->n++;
	return true;
}

/* --- the question */

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
put_second_name(struct question *q)
{
	struct msg_approval_ask *m = &q->ask;
	char ops[APPROVAL_OPERATION_MAX + 1];

	if (own->nx == 0 || own->x[0].field != EVF_TO_PATH ||
	    own->x[0].str == NULL)
		return true;
	snprintf(ops, sizeof(ops), "%s", m->operation);
	snprintf(m->operation, sizeof(m->operation), "%s: %.200s",
	    file_op_name(own->op), ops);
	q->to_path = strdup(own->x[0].str);
	if (q->to_path == NULL)
		return false;
	m->words = (const uint8_t *)q->to_path;
	m->words_len = strlen(q->to_path) + 1;
	return true;
}

static struct question *
question_new(const struct ruling *r, const struct actor *a)
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
	if (!put_second_name(q)) {
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

/* Waits until it is answered, or interrupted. false: there was no room. */
static bool
wait_answer(fuse_req_t req, struct question *q)
{
	bool room;

	pthread_mutex_lock(&appr.lock);
	room = appr.waiting < APPROVE_WAITING_MAX;
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

static void
refuse_noted(const struct actor *a, const struct msg_approval_answer *m)
{
	char why[AGENTSH_TEXT_MAX];
	struct extra x = { EVF_ERROR, why, 0, own->nx > 0 ? own->x : NULL };
	struct extra id = { EVF_APPROVAL, m->id, 0, &x };

	own->r.op = own->op;
	if (own->path != NULL)
		snprintf(own->r.path, sizeof(own->r.path), "%s", own->path);
	approval_describe(why, sizeof(why), m);
	record_refused(a, own->type, &own->r, m->id[0] != '\0' ? &id : &x);
}

/* Was something approved that this try has not come upon? */
static bool
has_unused(void)
{
	size_t i;

	for (i = 0; i < own->n; i++) {
		if (!own->approved[i].used)
			return true;
	}
	return false;
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

static void
refuse_because(struct msg_approval_answer *m, const char *why)
{
	m->outcome = APPROVAL_REFUSED;
	snprintf(m->reason, sizeof(m->reason), "%s", why);
}

/* Asks, and waits. The outcome in *m; an interrupted wait is WITHDRAWN. */
static void
ask(fuse_req_t req, const struct actor *a, struct msg_approval_answer *m)
{
	struct question *q, *copy;
	bool left;

	m->outcome = APPROVAL_REFUSED;
	q = question_new(&own->r, a);
	/* once it is withdrawn, the main thread may have freed it */
	copy = question_new(&own->r, a);
	if (q == NULL || copy == NULL)
		goto out;
	if (!wait_answer(req, q)) {
		refuse_because(m,
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
		if (m->outcome == APPROVAL_GRANTED && !take(q, &own->r))
			m->outcome = APPROVAL_REFUSED;
	}
	if (copy->told)
		tell_answer(&copy->ask, m);
out:
	question_free(q);
	question_free(copy);
}

bool
approve_settle(fuse_req_t req)
{
	struct msg_approval_answer m = { 0 };
	struct actor a;

	if (own == NULL || !own->noted)
		return false;
	attr_actor((uint32_t)fuse_req_ctx(req)->pid, &a);
	if (own->r.id.ino == 0)
		look(own->r.view, own->r.path, &own->r.id);
	if (own->late)
		refuse_because(&m,
		    "what was made needs an approval to be looked at");
	else if (has_unused())
		m.outcome = APPROVAL_CHANGED;
	else if (own->n == APPROVE_EACH_MAX)
		refuse_because(&m, "it needs approvals of too many objects");
	else if (a.pid == 0)
		/* execd looks at what a process is about to execute: the
		 * process asks for itself when it does */
		m.outcome = take(NULL, &own->r) ? APPROVAL_GRANTED :
						  APPROVAL_REFUSED;
	else if (fsd.proc.conf.approvals == 0)
		m.outcome = APPROVAL_OFF;
	else
		ask(req, &a, &m);
	if (m.outcome == APPROVAL_GRANTED) {
		forget();
		own->again = true;
		fuse_reply_none(req);
		return true;
	}
	refuse_noted(&a, &m);
	forget();
	if (m.outcome != APPROVAL_WITHDRAWN)
		return false;
	fuse_reply_err(req, EINTR);
	return true;
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
