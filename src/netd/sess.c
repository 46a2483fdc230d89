/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions. The main thread collects what agentshd hands over and gives it to
 * the worker that has the fewest sessions; from then on the session is that
 * thread's, until the worker says that it has let go of it. What cannot be
 * served any more is closed at once, and agentshd ends the session.
 */
#include <sys/socket.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "chan.h"
#include "fdio.h"
#include "log.h"
#include "loop.h"
#include "netd.h"
#include "path.h"
#include "serve.h"
#include "sess.h"
#include "share.h"

/* For the last events, when the log does not take them. */
#define CLOSE_MS 2000

enum state {
	OPENING,  /* descriptors come */
	STARTING, /* the worker begins */
	RUNNING,
	CLOSING
};

/* An image that was in force: verdicts of before have words in it. */
struct old_image {
	SLIST_ENTRY(old_image) entry;
	struct image image;
};

/* A session, with what both threads need to bring it to the worker and back. */
struct served {
	struct nsess n; /* the worker's */
	bool started;	/* the worker's: there is something to stop */
	bool broken;	/* the worker's */
	char why[AGENTSH_TEXT_MAX + 1]; /* empty: nothing is wrong */

	TAILQ_ENTRY(served) entry; /* the main thread's, as what follows */
	enum state state;
	struct loop *worker;
	int execd_fd, policyd_fd;
	uint32_t start, close, commit; /* requests of agentshd */
	struct image next;
	uint64_t generation;
	SLIST_HEAD(, old_image) old; /* the worker's */
	struct event *grace;
};

static struct {
	struct loop main;
	struct loop *worker;
	size_t nworkers;
	TAILQ_HEAD(, served) all;
} sessions = { .all = TAILQ_HEAD_INITIALIZER(sessions.all) };

static struct served *
served_of(struct nsess *n)
{
	return (struct served *)(void *)n; /* its first member */
}

static struct served *
find(uint64_t number)
{
	struct served *s;

	TAILQ_FOREACH(s, &sessions.all, entry) {
		if (s->n.number == number)
			return s;
	}
	return NULL;
}

struct event_base *
sess_init(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	size_t i;

	sessions.nworkers = n < 1 ? 1 : (size_t)n;
	sessions.worker = calloc(sessions.nworkers, sizeof(struct loop));
	if (sessions.worker == NULL)
		fatal("workers");
	loop_init(&sessions.main);
	for (i = 0; i < sessions.nworkers; i++)
		loop_init(&sessions.worker[i]);
	return sessions.main.base;
}

void
sess_start_workers(void)
{
	size_t i;

	for (i = 0; i < sessions.nworkers; i++)
		loop_start(&sessions.worker[i]);
}

/* --- in the worker */

static void
stop(struct served *s)
{
	if (s->started)
		serve_stop(&s->n);
	s->started = false;
}

static void started_job(void *);
static void broken_job(void *);
static void committed_job(void *);
static void closed_job(void *);

static void
start_job(void *arg)
{
	struct served *s = arg;

	s->started = serve_start(&s->n, &s->execd_fd, &s->policyd_fd) == 0;
	if (!s->started) {
		s->broken = true;
		snprintf(s->why, sizeof(s->why),
		    "the session's network cannot be served");
	}
	loop_post(&sessions.main, started_job, s);
}

static void
stop_job(void *arg)
{
	stop(arg);
}

void
nsess_fail(struct nsess *n, const char *fmt, ...)
{
	struct served *s = served_of(n);
	va_list ap;

	if (s->broken)
		return;
	s->broken = true;
	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
	loop_post(s->worker, stop_job, s);
	loop_post(&sessions.main, broken_job, s);
}

/* Verdicts of the old image may still be looked at. */
static void
commit_job(void *arg)
{
	struct served *s = arg;
	struct old_image *o = calloc(1, sizeof(*o));

	if (o == NULL)
		fatal("policy image");
	o->image = s->n.image;
	SLIST_INSERT_HEAD(&s->old, o, entry);
	s->n.image = s->next;
	memset(&s->next, 0, sizeof(s->next));
	if (s->n.share != NULL)
		share_limit(s->n.share, image_net_mbps(&s->n.image));
	loop_post(&sessions.main, committed_job, s);
}

static void
gone_job(void *arg)
{
	loop_post(&sessions.main, closed_job, arg);
}

static void
close_job(void *arg)
{
	struct served *s = arg;

	stop(s);
	serve_free(&s->n);
	/* behind what nsess_fail() has sent here */
	loop_post(s->worker, gone_job, s);
}

/* What somebody wants of a session. */
struct call {
	struct served *s;
	void (*fn)(struct nsess *, void *);
	void *arg;
};

static void
call_job(void *arg)
{
	struct call *c = arg;

	c->fn(c->s->started ? &c->s->n : NULL, c->arg);
	free(c);
}

void
sess_call(uint64_t number, void (*fn)(struct nsess *, void *), void *arg)
{
	struct served *s = find(number);
	struct call *c;

	/* what is posted here is done before the session is let go of */
	if (s == NULL || s->state != RUNNING) {
		fn(NULL, arg);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		fatal("session");
	*c = (struct call){ s, fn, arg };
	loop_post(s->worker, call_job, c);
}

void
sess_answer(void (*fn)(void *), void *arg)
{
	loop_post(&sessions.main, fn, arg);
}

/* --- the main thread: what workers say */

static void
served_free(struct served *s)
{
	struct old_image *o;
	size_t i;

	TAILQ_REMOVE(&sessions.all, s, entry);
	while ((o = SLIST_FIRST(&s->old)) != NULL) {
		SLIST_REMOVE_HEAD(&s->old, entry);
		image_unmap(&o->image);
		free(o);
	}
	image_unmap(&s->n.image);
	image_unmap(&s->next);
	for (i = 0; i < NET_LISTENERS; i++)
		fd_close(&s->n.listener[i]);
	fd_close(&s->n.diag_fd);
	fd_close(&s->n.proxy_fd);
	fd_close(&s->n.refused_fd);
	for (i = 0; i < 4; i++)
		fd_close(&s->n.inward_fd[i / 2][i % 2]);
	fd_close(&s->execd_fd);
	fd_close(&s->policyd_fd);
	dialled_unmap(s->n.dialled);
	if (s->n.ring.size != 0)
		ring_unmap(&s->n.ring);
	if (s->grace != NULL)
		event_free(s->grace);
	if (s->worker != NULL)
		s->worker->nsess--;
	free(s);
}

static void
started_job(void *arg)
{
	struct served *s = arg;
	struct msg_net_started m = { .session = s->n.number };

	if (s->state == STARTING)
		s->state = RUNNING;
	snprintf(m.error, sizeof(m.error), "%s", s->why);
	msg_send_net_started(netd.p.privd, s->start, &m, NULL);
}

static void
broken_job(void *arg)
{
	const struct served *s = arg;
	struct msg_net_broken m = { .session = s->n.number };

	log_warnx("session %s: %s", s->n.id, s->why);
	snprintf(m.detail, sizeof(m.detail), "%s", s->why);
	msg_send_net_broken(netd.p.privd, 0, &m, NULL);
}

static void
committed_job(void *arg)
{
	struct served *s = arg;
	struct msg_policy_committed m = { .generation = s->generation };
	uint32_t id = s->commit;

	s->commit = 0;
	msg_send_policy_committed(netd.p.privd, id, &m, NULL);
}

static void
tell_closed(struct served *s)
{
	struct msg_net_closed m = { .session = s->n.number };
	uint32_t id = s->close;

	served_free(s);
	msg_send_net_closed(netd.p.privd, id, &m, NULL);
}

static void
closed_job(void *arg)
{
	tell_closed(arg);
}

static void
grace_cb(evutil_socket_t fd, short what, void *arg)
{
	struct served *s = arg;

	(void)fd;
	(void)what;
	log_warnx("session %s: its last events are not written", s->n.id);
	ring_abandon(&s->n.ring);
}

/* --- the main thread: what agentshd says */

/* There was no room for what came with a message: the session is refused. */
static bool
is_lost(struct served *s, const struct imsg *im)
{
	if (im->lost && s->why[0] == '\0')
		snprintf(s->why, sizeof(s->why), "netd has no descriptor left");
	return im->lost;
}

int
sess_on_net_open(struct chan *ch, struct imsg *im)
{
	struct msg_net_open m;
	struct aerr e = { 0 };
	struct served *s;
	size_t i;

	(void)ch;
	if (msg_get_net_open(im, &m) == -1 || find(m.session) != NULL ||
	    m.steer >= STEER_MAX || !session_id_is_valid(m.session_id))
		return -1;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		fatal("session");
	TAILQ_INSERT_TAIL(&sessions.all, s, entry);
	SLIST_INIT(&s->old);
	s->n.number = m.session;
	s->n.uid = m.uid;
	s->n.steer = (enum steer)m.steer;
	snprintf(s->n.id, sizeof(s->n.id), "%s", m.session_id);
	for (i = 0; i < NET_LISTENERS; i++)
		s->n.listener[i] = -1;
	if (!is_lost(s, im) &&
	    (image_map(&s->n.image, im->fds[0], &e) == -1 ||
		image_prepare(&s->n.image, &e) == -1))
		snprintf(s->why, sizeof(s->why), "policy image: %s", e.message);
	s->n.dns_conf = netd.dns_conf;
	for (i = 0; i < 4; i++)
		s->n.inward_fd[i / 2][i % 2] = -1;
	s->n.proxy_fd = s->n.refused_fd = -1;
	s->n.diag_fd = imsg_take_fd(im, 1);
	s->execd_fd = imsg_take_fd(im, 2);
	s->policyd_fd = imsg_take_fd(im, 3);
	return 0;
}

/* Before its sockets: they are where anybody may dial. */
int
sess_on_net_dialled(struct chan *ch, struct imsg *im)
{
	struct msg_net_dialled m;
	struct served *s;

	(void)ch;
	if (msg_get_net_dialled(im, &m) == -1)
		return -1;
	s = find(m.session);
	if (s == NULL || s->state != OPENING || s->n.dialled != NULL ||
	    s->n.listener[NET_TCP4] != -1)
		return -1;
	if (is_lost(s, im))
		return 0;
	s->n.dialled = dialled_map(im->fds[0]);
	if (s->n.dialled == NULL)
		snprintf(s->why, sizeof(s->why),
		    "what it dials cannot be mapped");
	return 0;
}

int
sess_on_net_listen(struct chan *ch, struct imsg *im)
{
	struct msg_net_listen m;
	struct served *s;
	int tcp, udp;

	(void)ch;
	if (msg_get_net_listen(im, &m) == -1 || m.ipv6 > 1)
		return -1;
	s = find(m.session);
	tcp = m.ipv6 ? NET_TCP6 : NET_TCP4;
	udp = m.ipv6 ? NET_UDP6 : NET_UDP4;
	if (s == NULL || s->state != OPENING || s->n.listener[tcp] != -1)
		return -1;
	(void)is_lost(s, im);
	s->n.listener[tcp] = imsg_take_fd(im, 0);
	s->n.listener[udp] = imsg_take_fd(im, 1);
	return 0;
}

int
sess_on_net_refused(struct chan *ch, struct imsg *im)
{
	struct msg_net_refused m;
	struct served *s;

	(void)ch;
	if (msg_get_net_refused(im, &m) == -1)
		return -1;
	s = find(m.session);
	if (s == NULL || s->state != OPENING || s->n.refused_fd != -1)
		return -1;
	(void)is_lost(s, im);
	s->n.refused_fd = imsg_take_fd(im, 0);
	return 0;
}

int
sess_on_net_inward(struct chan *ch, struct imsg *im)
{
	struct msg_net_inward m;
	struct served *s;
	int i;

	(void)ch;
	if (msg_get_net_inward(im, &m) == -1 || m.ipv6 > 1)
		return -1;
	s = find(m.session);
	if (s == NULL || s->state != OPENING || s->n.inward_fd[m.ipv6][0] != -1)
		return -1;
	(void)is_lost(s, im);
	for (i = 0; i < 2; i++)
		s->n.inward_fd[m.ipv6][i] = imsg_take_fd(im, i);
	return 0;
}

int
sess_on_net_ring(struct chan *ch, struct imsg *im)
{
	struct msg_net_ring m;
	struct served *s;
	int fds[3], i;

	(void)ch;
	if (msg_get_net_ring(im, &m) == -1)
		return -1;
	s = find(m.session);
	if (s == NULL || s->state != OPENING || s->n.ring.size != 0)
		return -1;
	if (is_lost(s, im))
		return 0;
	for (i = 0; i < 3; i++)
		fds[i] = im->fds[i];
	if (ring_map(&s->n.ring, fds, m.size) == -1) {
		snprintf(s->why, sizeof(s->why), "its ring cannot be mapped");
		return 0;
	}
	/* the ring has them now */
	for (i = 0; i < 3; i++)
		(void)imsg_take_fd(im, i);
	return 0;
}

static struct loop *
least_loaded(void)
{
	struct loop *l = &sessions.worker[0];
	size_t i;

	for (i = 1; i < sessions.nworkers; i++) {
		if (sessions.worker[i].nsess < l->nsess)
			l = &sessions.worker[i];
	}
	return l;
}

int
sess_on_net_start(struct chan *ch, struct imsg *im)
{
	struct msg_net_start m;
	struct served *s;

	(void)ch;
	if (msg_get_net_start(im, &m) == -1)
		return -1;
	s = find(m.session);
	if (s == NULL || s->state != OPENING)
		return -1;
	(void)is_lost(s, im);
	if (s->why[0] == '\0' &&
	    (s->n.listener[NET_TCP4] == -1 || s->n.ring.size == 0))
		return -1;
	/* where it wanted to go, by hooks or by the way that is named */
	if (s->why[0] == '\0' &&
	    (s->n.steer == STEER_AUTO) != (s->n.dialled != NULL))
		return -1;
	s->state = STARTING;
	s->start = im->id;
	s->n.proxy_fd = imsg_take_fd(im, 0);
	s->n.has_ipv6 = s->n.listener[NET_TCP6] != -1;
	if (s->why[0] != '\0') {
		started_job(s); /* with why not */
		return 0;
	}
	s->worker = least_loaded();
	s->worker->nsess++;
	s->n.base = s->worker->base;
	loop_post(s->worker, start_job, s);
	return 0;
}

int
sess_on_net_close(struct chan *ch, struct imsg *im)
{
	static const struct timeval grace = { .tv_sec = CLOSE_MS / 1000 };
	struct msg_net_close m;
	struct served *s;

	(void)ch;
	if (msg_get_net_close(im, &m) == -1)
		return -1;
	s = find(m.session);
	if (s == NULL || s->state == CLOSING)
		return -1;
	s->state = CLOSING;
	s->close = im->id;
	if (s->worker == NULL) {
		tell_closed(s);
		return 0;
	}
	s->grace = evtimer_new(sessions.main.base, grace_cb, s);
	if (s->grace == NULL || evtimer_add(s->grace, &grace) == -1)
		fatalx("cannot make a timer");
	loop_post(s->worker, close_job, s);
	return 0;
}

int
sess_on_policy_prepare(struct chan *ch, struct imsg *im)
{
	struct msg_policy_prepare m;
	struct msg_policy_prepared reply = { 0 };
	struct aerr e = { 0 };
	struct served *s;

	if (msg_get_policy_prepare(im, &m) == -1)
		return -1;
	s = find(m.session);
	/* the worker looks at next between commit and its answer */
	if (s == NULL || s->commit != 0)
		return -1;
	image_unmap(&s->next);
	s->generation = m.generation;
	if (image_map(&s->next, im->fds[0], &e) == -1 ||
	    image_prepare(&s->next, &e) == -1)
		snprintf(reply.error, sizeof(reply.error), "%s", e.message);
	reply.generation = m.generation;
	msg_send_policy_prepared(ch, im->id, &reply, NULL);
	return 0;
}

int
sess_on_policy_commit(struct chan *ch, struct imsg *im)
{
	struct msg_policy_commit m;
	struct served *s;

	(void)ch;
	if (msg_get_policy_commit(im, &m) == -1)
		return -1;
	s = find(m.session);
	if (s == NULL || s->state != RUNNING || s->worker == NULL ||
	    s->commit != 0 || s->next.base == NULL ||
	    m.generation != s->generation)
		return -1;
	s->commit = im->id;
	loop_post(s->worker, commit_job, s);
	return 0;
}

int
sess_on_policy_abandon(struct chan *ch, struct imsg *im)
{
	struct msg_policy_abandon m;
	struct served *s;

	(void)ch;
	if (msg_get_policy_abandon(im, &m) == -1)
		return -1;
	s = find(m.session);
	if (s == NULL || s->commit != 0)
		return -1;
	if (m.generation == s->generation)
		image_unmap(&s->next);
	return 0;
}
