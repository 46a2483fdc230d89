/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose a connection or a query is. The kernel says which socket is at the
 * session's end, by sock_diag(7) in its namespace, and execd, which sees the
 * session's processes, whose that is. Nothing is decided by it: it is for events
 * and for operators.
 */
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chan.h"
#include "clock.h"
#include "netd.h"
#include "sockdiag.h"
#include "tally.h"

#define ASKS_MAX 1024	 /* at one time; more are not asked for */
#define SYNC_WAIT_MS 100 /* for answers, before a command's end is told */

struct whose_ask {
	TAILQ_ENTRY(whose_ask) entry; /* in the order in which they came */
	uint64_t number;
	struct nsess *n;
	whose_cb cb;
	void *arg;
};

/* A command has ended: what it did is to be in the ring before execd is told. */
struct sync {
	TAILQ_ENTRY(sync) entry;
	struct nsess *n;
	uint32_t request;
	uint64_t command;
	bool looked;   /* at what had come before */
	uint64_t last; /* the last one that can be the command's */
	struct event *timer;
};

struct whose {
	TAILQ_HEAD(, whose_ask) asks;
	TAILQ_HEAD(, sync) syncs;
	size_t nasks;
	uint64_t asked; /* number of the last one */
	bool lost;
};

static void
sync_drop(struct whose *w, struct sync *s)
{
	TAILQ_REMOVE(&w->syncs, s, entry);
	event_free(s->timer);
	free(s);
}

static void
sync_answer(struct sync *s)
{
	struct msg_net_synced m = { .command = s->command };
	struct nsess *n = s->n;
	uint32_t request = s->request;
	struct tally sum;

	tally_read(n, s->command, &sum);
	m.connections = sum.connections;
	m.denied = sum.denied;
	m.sent = sum.sent;
	m.received = sum.received;
	sync_drop(n->whose, s);
	msg_send_net_synced(n->execd, request, &m, NULL);
}

/* Is it known whose everything is that can be the command's? What was asked about
 * after its end is another's. */
static bool
is_known(const struct whose *w, uint64_t last)
{
	const struct whose_ask *a = TAILQ_FIRST(&w->asks);

	return a == NULL || a->number > last;
}

/* Those that need wait for no answer any more. */
static void
sync_check(struct whose *w)
{
	struct sync *s, *next;

	for (s = TAILQ_FIRST(&w->syncs); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (s->looked && is_known(w, s->last))
			sync_answer(s);
	}
}

/* First when everything that had come was taken, then when it lasts too long. */
static void
sync_cb(evutil_socket_t fd, short what, void *arg)
{
	struct timeval tv = clock_timeval(SYNC_WAIT_MS);
	struct sync *s = arg;
	const struct whose *w = s->n->whose;

	(void)fd;
	(void)what;
	if (!s->looked) {
		refused_look(s->n);
		s->last = w->asked;
	}
	if (s->looked || is_known(w, s->last) ||
	    evtimer_add(s->timer, &tv) == -1)
		sync_answer(s);
	else
		s->looked = true;
}

int
whose_on_net_forget(struct chan *ch, struct imsg *im)
{
	struct msg_net_forget m;

	if (msg_get_net_forget(im, &m) == -1)
		return -1;
	tally_forget(ch->arg, m.command);
	return 0;
}

int
whose_on_net_sync(struct chan *ch, struct imsg *im)
{
	static const struct timeval now = { 0, 0 };
	struct nsess *n = ch->arg;
	struct msg_net_synced done = { 0 };
	struct msg_net_sync m;
	struct sync *s;

	if (msg_get_net_sync(im, &m) == -1)
		return -1;
	if (n->whose == NULL) {
		done.command = m.command;
		msg_send_net_synced(ch, im->id, &done, NULL);
		return 0;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -1;
	s->n = n;
	s->request = im->id;
	s->command = m.command;
	s->timer = evtimer_new(n->base, sync_cb, s);
	if (s->timer == NULL || evtimer_add(s->timer, &now) == -1) {
		if (s->timer != NULL)
			event_free(s->timer);
		free(s);
		return -1;
	}
	TAILQ_INSERT_TAIL(&n->whose->syncs, s, entry);
	return 0;
}

static void
ask_drop(struct whose *w, struct whose_ask *a)
{
	TAILQ_REMOVE(&w->asks, a, entry);
	w->nasks--;
	free(a);
}

/* 0: nobody's; one that its process has closed has no inode. */
static uint64_t
inode_of(struct nsess *n, int proto, const uint8_t src[16], uint16_t sport,
    const uint8_t dst[16], uint16_t dport)
{
	struct sockdiag_end own = { .port = sport }, far = { .port = dport };
	uint64_t inode;

	memcpy(own.addr, src, sizeof(own.addr));
	memcpy(far.addr, dst, sizeof(far.addr));
	return sockdiag_inode(n->diag_fd, proto, &own, &far, &inode) == -1 ?
	    0 :
	    inode;
}

bool
whose_has(struct nsess *n, int proto, const uint8_t src[16], uint16_t sport,
    const uint8_t dst[16], uint16_t dport)
{
	return inode_of(n, proto, src, sport, dst, dport) != 0;
}

struct whose_ask *
whose_ask(struct nsess *n, int proto, const uint8_t src[16], uint16_t sport,
    const uint8_t dst[16], uint16_t dport, whose_cb cb, void *arg)
{
	static const struct owner nobody;
	struct whose *w = n->whose;
	struct msg_net_whose m = { 0 };
	struct whose_ask *a = NULL;
	uint32_t id = 0;

	/* without a socket execd may still know whose it must have been */
	m.inode = inode_of(n, proto, src, sport, dst, dport);
	m.port = proto == IPPROTO_TCP ? sport : 0;
	/* by redirect it may be another one's port: the kernel gives some another,
	 * when two go to different places from the same. By hooks it is not what
	 * was asked for */
	if (n->steer != STEER_AUTO) {
		memcpy(&m.far_high, dst, sizeof(m.far_high));
		memcpy(&m.far_low, dst + sizeof(m.far_high), sizeof(m.far_low));
		m.far_port = dport;
	}
	if (!w->lost && w->nasks < ASKS_MAX)
		a = calloc(1, sizeof(*a));
	if (a != NULL)
		id = chan_request(n->execd, a);
	if (id == 0) {
		free(a);
		cb(arg, &nobody);
		return NULL;
	}
	a->n = n;
	a->cb = cb;
	a->arg = arg;
	a->number = ++w->asked;
	TAILQ_INSERT_TAIL(&w->asks, a, entry);
	w->nasks++;
	/* its failure is heard of by whose_lost(), which calls cb */
	if (msg_send_net_whose(n->execd, id, &m, NULL) == -1)
		return NULL;
	return a;
}

void
whose_forget(struct whose_ask *a)
{
	struct nsess *n = a->n;

	chan_forget(n->execd, a);
	ask_drop(n->whose, a);
	sync_check(n->whose);
}

int
whose_on_net_owner(struct chan *ch, struct imsg *im)
{
	struct nsess *n = ch->arg;
	struct whose_ask *a = im->arg;
	struct msg_net_owner m;
	struct owner *o;
	whose_cb cb;
	void *arg;

	if (msg_get_net_owner(im, &m) == -1)
		return -1;
	/* it was forgotten meanwhile */
	if (a == NULL)
		return 0;
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return -1;
	o->pid = m.pid;
	o->number = m.command;
	snprintf(o->command, sizeof(o->command), "%s", m.command_id);
	snprintf(o->exe, sizeof(o->exe), "%s", m.exe);
	cb = a->cb;
	arg = a->arg;
	ask_drop(n->whose, a);
	cb(arg, o);
	free(o);
	if (n->whose != NULL)
		sync_check(n->whose);
	return 0;
}

void
whose_lost(struct nsess *n)
{
	static const struct owner nobody;
	struct whose *w = n->whose;
	struct whose_ask *a;
	whose_cb cb;
	void *arg;

	if (w == NULL)
		return;
	w->lost = true;
	while ((a = TAILQ_FIRST(&w->asks)) != NULL) {
		cb = a->cb;
		arg = a->arg;
		chan_forget(n->execd, a);
		ask_drop(w, a);
		cb(arg, &nobody);
	}
}

int
whose_start(struct nsess *n)
{
	n->whose = calloc(1, sizeof(*n->whose));
	if (n->whose == NULL)
		return -1;
	TAILQ_INIT(&n->whose->asks);
	TAILQ_INIT(&n->whose->syncs);
	return 0;
}

void
whose_stop(struct nsess *n)
{
	struct whose *w = n->whose;
	struct whose_ask *a;
	struct sync *s;

	if (w == NULL)
		return;
	while ((a = TAILQ_FIRST(&w->asks)) != NULL) {
		chan_forget(n->execd, a);
		ask_drop(w, a);
	}
	while ((s = TAILQ_FIRST(&w->syncs)) != NULL)
		sync_drop(w, s);
	n->whose = NULL;
	free(w);
}
