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

struct held {
	struct nsess n; /* the worker's */
	bool started;	/* the worker's: there is something to stop */
	bool broken;	/* the worker's */
	char why[AGENTSH_TEXT_MAX + 1]; /* empty: nothing is wrong */

	TAILQ_ENTRY(held) entry; /* the main thread's, as what follows */
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
	TAILQ_HEAD(, held) all;
} sessions = { .all = TAILQ_HEAD_INITIALIZER(sessions.all) };

static struct held *
held_of(struct nsess *n)
{
	return (struct held *)(void *)n; /* its first member */
}

static struct held *
find(uint64_t number)
{
	struct held *h;

	TAILQ_FOREACH(h, &sessions.all, entry) {
		if (h->n.number == number)
			return h;
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
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void
stop(struct held *h)
{
	if (h->started)
		serve_stop(&h->n);
	h->started = false;
}

static void started_job(void *);
static void broken_job(void *);
static void committed_job(void *);
static void closed_job(void *);

static void
start_job(void *arg)
{
	struct held *h = arg;

	h->started = serve_start(&h->n, &h->execd_fd, &h->policyd_fd) == 0;
	if (!h->started) {
		h->broken = true;
		snprintf(h->why, sizeof(h->why),
		    "the session's network cannot be served");
	}
	loop_post(&sessions.main, started_job, h);
}

static void
stop_job(void *arg)
{
	stop(arg);
}

void
nsess_fail(struct nsess *n, const char *fmt, ...)
{
	struct held *h = held_of(n);
	va_list ap;

	if (h->broken)
		return;
	h->broken = true;
	va_start(ap, fmt);
	vsnprintf(h->why, sizeof(h->why), fmt, ap);
	va_end(ap);
	loop_post(h->worker, stop_job, h);
	loop_post(&sessions.main, broken_job, h);
}

/* Verdicts of the old image may still be looked at. */
static void
commit_job(void *arg)
{
	struct held *h = arg;
	struct old_image *o = calloc(1, sizeof(*o));

	if (o == NULL)
		fatal("policy image");
	o->image = h->n.image;
	SLIST_INSERT_HEAD(&h->old, o, entry);
	h->n.image = h->next;
	memset(&h->next, 0, sizeof(h->next));
	if (h->n.share != NULL)
		share_limit(h->n.share, image_net_mbps(&h->n.image));
	loop_post(&sessions.main, committed_job, h);
}

static void
gone_job(void *arg)
{
	loop_post(&sessions.main, closed_job, arg);
}

static void
close_job(void *arg)
{
	struct held *h = arg;

	stop(h);
	serve_free(&h->n);
	/* behind what nsess_fail() has sent here */
	loop_post(h->worker, gone_job, h);
}

/* What somebody wants of a session. */
struct call {
	struct held *h;
	void (*fn)(struct nsess *, void *);
	void *arg;
};

static void
call_job(void *arg)
{
	struct call *c = arg;

	c->fn(c->h->started ? &c->h->n : NULL, c->arg);
	free(c);
}

void
sess_call(uint64_t number, void (*fn)(struct nsess *, void *), void *arg)
{
	struct held *h = find(number);
	struct call *c;

	/* what is posted here is done before the session is let go of */
	if (h == NULL || h->state != RUNNING) {
		fn(NULL, arg);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		fatal("session");
	*c = (struct call){ h, fn, arg };
	loop_post(h->worker, call_job, c);
}

void
sess_answer(void (*fn)(void *), void *arg)
{
	loop_post(&sessions.main, fn, arg);
}

/* --- the main thread: what workers say */

static void
held_free(struct held *h)
{
	struct old_image *o;
	size_t i;

	TAILQ_REMOVE(&sessions.all, h, entry);
	while ((o = SLIST_FIRST(&h->old)) != NULL) {
		SLIST_REMOVE_HEAD(&h->old, entry);
		image_unmap(&o->image);
		free(o);
	}
	image_unmap(&h->n.image);
	image_unmap(&h->next);
	for (i = 0; i < NET_LISTENERS; i++)
		close_fd(&h->n.listener[i]);
	close_fd(&h->n.diag_fd);
	close_fd(&h->n.proxy_fd);
	close_fd(&h->n.refused_fd);
	for (i = 0; i < 4; i++)
		close_fd(&h->n.inward_fd[i / 2][i % 2]);
	close_fd(&h->execd_fd);
	close_fd(&h->policyd_fd);
	dialled_unmap(h->n.dialled);
	if (h->n.ring.size != 0)
		ring_unmap(&h->n.ring);
	if (h->grace != NULL)
		event_free(h->grace);
	if (h->worker != NULL)
		h->worker->nsess--;
	free(h);
}

static void
started_job(void *arg)
{
	struct held *h = arg;
	struct msg_net_started m = { .session = h->n.number };

	if (h->state == STARTING)
		h->state = RUNNING;
	snprintf(m.error, sizeof(m.error), "%s", h->why);
	msg_send_net_started(netd.p.privd, h->start, &m, NULL);
}

static void
broken_job(void *arg)
{
	const struct held *h = arg;
	struct msg_net_broken m = { .session = h->n.number };

	log_warnx("session %s: %s", h->n.id, h->why);
	snprintf(m.detail, sizeof(m.detail), "%s", h->why);
	msg_send_net_broken(netd.p.privd, 0, &m, NULL);
}

static void
committed_job(void *arg)
{
	struct held *h = arg;
	struct msg_policy_committed m = { .generation = h->generation };
	uint32_t id = h->commit;

	h->commit = 0;
	msg_send_policy_committed(netd.p.privd, id, &m, NULL);
}

static void
tell_closed(struct held *h)
{
	struct msg_net_closed m = { .session = h->n.number };
	uint32_t id = h->close;

	held_free(h);
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
	struct held *h = arg;

	(void)fd;
	(void)what;
	log_warnx("session %s: its last events are not written", h->n.id);
	ring_abandon(&h->n.ring);
}

/* --- the main thread: what agentshd says */

int
sess_on_net_open(struct chan *ch, struct imsg *im)
{
	struct msg_net_open m;
	struct aerr e = { 0 };
	struct held *h;
	size_t i;

	(void)ch;
	if (msg_get_net_open(im, &m) == -1 || find(m.session) != NULL ||
	    m.steer >= STEER_MAX || !session_id_is_valid(m.session_id))
		return -1;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		fatal("session");
	TAILQ_INSERT_TAIL(&sessions.all, h, entry);
	SLIST_INIT(&h->old);
	h->n.number = m.session;
	h->n.uid = m.uid;
	h->n.steer = (enum steer)m.steer;
	snprintf(h->n.id, sizeof(h->n.id), "%s", m.session_id);
	for (i = 0; i < NET_LISTENERS; i++)
		h->n.listener[i] = -1;
	if (image_map(&h->n.image, im->fds[0], &e) == -1 ||
	    image_prepare(&h->n.image, &e) == -1)
		snprintf(h->why, sizeof(h->why), "policy image: %s", e.message);
	h->n.dns_conf = netd.dns_conf;
	for (i = 0; i < 4; i++)
		h->n.inward_fd[i / 2][i % 2] = -1;
	h->n.proxy_fd = h->n.refused_fd = -1;
	h->n.diag_fd = imsg_take_fd(im, 1);
	h->execd_fd = imsg_take_fd(im, 2);
	h->policyd_fd = imsg_take_fd(im, 3);
	return 0;
}

/* Before its sockets: they are where anybody may dial. */
int
sess_on_net_dialled(struct chan *ch, struct imsg *im)
{
	struct msg_net_dialled m;
	struct held *h;

	(void)ch;
	if (msg_get_net_dialled(im, &m) == -1)
		return -1;
	h = find(m.session);
	if (h == NULL || h->state != OPENING || h->n.dialled != NULL ||
	    h->n.listener[NET_TCP4] != -1)
		return -1;
	h->n.dialled = dialled_map(im->fds[0]);
	if (h->n.dialled == NULL)
		snprintf(h->why, sizeof(h->why),
		    "what it dials cannot be mapped");
	return 0;
}

int
sess_on_net_listen(struct chan *ch, struct imsg *im)
{
	struct msg_net_listen m;
	struct held *h;
	int tcp, udp;

	(void)ch;
	if (msg_get_net_listen(im, &m) == -1 || m.ipv6 > 1)
		return -1;
	h = find(m.session);
	tcp = m.ipv6 ? NET_TCP6 : NET_TCP4;
	udp = m.ipv6 ? NET_UDP6 : NET_UDP4;
	if (h == NULL || h->state != OPENING || h->n.listener[tcp] != -1)
		return -1;
	h->n.listener[tcp] = imsg_take_fd(im, 0);
	h->n.listener[udp] = imsg_take_fd(im, 1);
	return 0;
}

int
sess_on_net_refused(struct chan *ch, struct imsg *im)
{
	struct msg_net_refused m;
	struct held *h;

	(void)ch;
	if (msg_get_net_refused(im, &m) == -1)
		return -1;
	h = find(m.session);
	if (h == NULL || h->state != OPENING || h->n.refused_fd != -1)
		return -1;
	h->n.refused_fd = imsg_take_fd(im, 0);
	return 0;
}

int
sess_on_net_inward(struct chan *ch, struct imsg *im)
{
	struct msg_net_inward m;
	struct held *h;
	int i;

	(void)ch;
	if (msg_get_net_inward(im, &m) == -1 || m.ipv6 > 1)
		return -1;
	h = find(m.session);
	if (h == NULL || h->state != OPENING || h->n.inward_fd[m.ipv6][0] != -1)
		return -1;
	for (i = 0; i < 2; i++)
		h->n.inward_fd[m.ipv6][i] = imsg_take_fd(im, i);
	return 0;
}

int
sess_on_net_ring(struct chan *ch, struct imsg *im)
{
	struct msg_net_ring m;
	struct held *h;
	int fds[3], i;

	(void)ch;
	if (msg_get_net_ring(im, &m) == -1)
		return -1;
	h = find(m.session);
	if (h == NULL || h->state != OPENING || h->n.ring.size != 0)
		return -1;
	for (i = 0; i < 3; i++)
		fds[i] = im->fds[i];
	if (ring_map(&h->n.ring, fds, m.size) == -1) {
		snprintf(h->why, sizeof(h->why), "its ring cannot be mapped");
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
	struct held *h;

	(void)ch;
	if (msg_get_net_start(im, &m) == -1)
		return -1;
	h = find(m.session);
	if (h == NULL || h->state != OPENING || h->n.listener[NET_TCP4] == -1 ||
	    (h->n.ring.size == 0 && h->why[0] == '\0'))
		return -1;
	/* where it wanted to go, by hooks or by the way that is named */
	if (h->why[0] == '\0' &&
	    (h->n.steer == STEER_AUTO) != (h->n.dialled != NULL))
		return -1;
	h->state = STARTING;
	h->start = im->id;
	h->n.proxy_fd = imsg_take_fd(im, 0);
	h->n.has_ipv6 = h->n.listener[NET_TCP6] != -1;
	if (h->why[0] != '\0') {
		started_job(h); /* with why not */
		return 0;
	}
	h->worker = least_loaded();
	h->worker->nsess++;
	h->n.base = h->worker->base;
	loop_post(h->worker, start_job, h);
	return 0;
}

int
sess_on_net_close(struct chan *ch, struct imsg *im)
{
	static const struct timeval grace = { .tv_sec = CLOSE_MS / 1000 };
	struct msg_net_close m;
	struct held *h;

	(void)ch;
	if (msg_get_net_close(im, &m) == -1)
		return -1;
	h = find(m.session);
	if (h == NULL || h->state == CLOSING)
		return -1;
	h->state = CLOSING;
	h->close = im->id;
	if (h->worker == NULL) {
		tell_closed(h);
		return 0;
	}
	h->grace = evtimer_new(sessions.main.base, grace_cb, h);
	if (h->grace == NULL || evtimer_add(h->grace, &grace) == -1)
		fatalx("cannot make a timer");
	loop_post(h->worker, close_job, h);
	return 0;
}

int
sess_on_policy_prepare(struct chan *ch, struct imsg *im)
{
	struct msg_policy_prepare m;
	struct msg_policy_prepared reply = { 0 };
	struct aerr e = { 0 };
	struct held *h;

	if (msg_get_policy_prepare(im, &m) == -1)
		return -1;
	h = find(m.session);
	/* the worker looks at next between commit and its answer */
	if (h == NULL || h->commit != 0)
		return -1;
	image_unmap(&h->next);
	h->generation = m.generation;
	if (image_map(&h->next, im->fds[0], &e) == -1 ||
	    image_prepare(&h->next, &e) == -1)
		snprintf(reply.error, sizeof(reply.error), "%s", e.message);
	reply.generation = m.generation;
	msg_send_policy_prepared(ch, im->id, &reply, NULL);
	return 0;
}

int
sess_on_policy_commit(struct chan *ch, struct imsg *im)
{
	struct msg_policy_commit m;
	struct held *h;

	(void)ch;
	if (msg_get_policy_commit(im, &m) == -1)
		return -1;
	h = find(m.session);
	if (h == NULL || h->state != RUNNING || h->worker == NULL ||
	    h->commit != 0 || h->next.base == NULL ||
	    m.generation != h->generation)
		return -1;
	h->commit = im->id;
	loop_post(h->worker, commit_job, h);
	return 0;
}

int
sess_on_policy_abandon(struct chan *ch, struct imsg *im)
{
	struct msg_policy_abandon m;
	struct held *h;

	(void)ch;
	if (msg_get_policy_abandon(im, &m) == -1)
		return -1;
	h = find(m.session);
	if (h == NULL || h->commit != 0)
		return -1;
	if (m.generation == h->generation)
		image_unmap(&h->next);
	return 0;
}
