/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session sends that is neither TCP nor a question to a name server is
 * refused by the rules of its namespace, and the kernel tells of it here. The
 * first packet to a place is an event, and what follows within a second is counted
 * in one; of more places than PLACES only that there were.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "netlog.h"
#include "packet.h"

#define PLACES 32	  /* of a second */
#define MESSAGES 16	  /* of one session, before others have their turn */
#define LAST_MESSAGES 256 /* that are heard at its end */
#define MESSAGE_MAX 8192  /* they have the first bytes of a packet each */
#define SECOND_MS 1000
#define ANSWER_MS 100 /* to whose they are */
#define PAUSE_MS 20   /* a flood waits in the kernel, or is lost there */

struct place {
	struct refused *r;
	struct packet packet; /* the first one */
	struct whose_ask *ask;
	bool told;     /* the first one */
	uint64_t more; /* packets that are not told of */
};

struct refused {
	struct nsess *n;
	struct event *read, *second, *pause;
	struct place place[PLACES];
	size_t nplace;
	uint64_t elsewhere; /* to places that there is no room for */
	bool lost;	    /* and some that the kernel did not tell of */
	bool waited;	    /* for who they are of */
};

static void
tell(struct refused *r, const struct packet *p, const struct owner *o,
    uint64_t count, bool lost)
{
	struct net_refused_event e = {
		.owner = o, .count = count, .incomplete = lost
	};

	if (p != NULL) {
		e.addr = p->dst;
		e.port = p->dport;
		e.proto = p->proto;
	}
	if (netlog_refused(r->n, &e) == -1)
		nsess_fail(r->n, "its events cannot be written");
}

static void
owned_cb(void *arg, const struct owner *o)
{
	struct place *p = arg;

	p->ask = NULL;
	p->told = true;
	tell(p->r, &p->packet, o, 1, false);
}

static bool
is_same(const struct packet *a, const struct packet *b)
{
	return a->proto == b->proto && a->sport == b->sport &&
	    a->dport == b->dport && memcmp(a->dst, b->dst, 16) == 0;
}

static void
packet_seen(void *arg, const struct packet *packet)
{
	struct refused *r = arg;
	struct timeval tv = { .tv_sec = SECOND_MS / 1000 };
	struct place *p;
	size_t i;

	for (i = 0; i < r->nplace; i++) {
		if (is_same(&r->place[i].packet, packet)) {
			r->place[i].more++;
			return;
		}
	}
	if (r->nplace == PLACES) {
		r->elsewhere++;
		return;
	}
	p = &r->place[r->nplace++];
	memset(p, 0, sizeof(*p));
	p->r = r;
	p->packet = *packet;
	if (!evtimer_pending(r->second, NULL) &&
	    evtimer_add(r->second, &tv) == -1)
		nsess_fail(r->n, "no timer");
	p->ask = whose_ask(r->n,
	    packet->proto == IPPROTO_TCP ? IPPROTO_TCP : IPPROTO_UDP,
	    packet->src, packet->sport, packet->dst, packet->dport, owned_cb,
	    p);
}

/* Up to `most` messages. Were there as many? */
static bool
hear(struct refused *r, size_t most)
{
	uint8_t msg[MESSAGE_MAX] __attribute__((aligned(8)));
	struct timeval tv = { .tv_sec = SECOND_MS / 1000 };
	ssize_t len;
	size_t i;

	for (i = 0; i < most; i++) {
		len = recv(r->n->refused_fd, msg, sizeof(msg), MSG_DONTWAIT);
		if (len > 0) {
			packet_each(msg, (size_t)len, packet_seen, r);
		} else if (len == -1 && errno == ENOBUFS) {
			r->lost = true;
			if (!evtimer_pending(r->second, NULL))
				(void)evtimer_add(r->second, &tv);
		} else {
			return false;
		}
	}
	return true;
}

static void
read_cb(evutil_socket_t fd, short what, void *arg)
{
	struct timeval tv = { .tv_usec = PAUSE_MS * 1000 };
	struct refused *r = arg;

	(void)fd;
	(void)what;
	if (!hear(r, MESSAGES))
		return;
	if (event_del(r->read) == -1 || evtimer_add(r->pause, &tv) == -1)
		nsess_fail(r->n, "no timer");
}

static void
pause_cb(evutil_socket_t fd, short what, void *arg)
{
	struct refused *r = arg;

	(void)fd;
	(void)what;
	if (event_add(r->read, NULL) == -1)
		nsess_fail(r->n, "what is refused cannot be heard of");
}

static void
place_forget(struct place *p)
{
	if (p->ask != NULL)
		whose_forget(p->ask);
	p->ask = NULL;
}

/* The second is over: what is not told of yet. Whose the rest was is not asked. */
static void
settle(struct refused *r)
{
	struct place *p;
	size_t i;

	for (i = 0; i < r->nplace; i++) {
		p = &r->place[i];
		place_forget(p);
		if (!p->told)
			p->more++;
		if (p->more > 0)
			tell(r, &p->packet, NULL, p->more, false);
	}
	if (r->elsewhere > 0 || r->lost)
		tell(r, NULL, NULL, r->elsewhere, r->lost);
	r->nplace = 0;
	r->elsewhere = 0;
	r->lost = false;
	r->waited = false;
}

static bool
is_asking(const struct refused *r)
{
	size_t i;

	for (i = 0; i < r->nplace; i++) {
		if (r->place[i].ask != NULL)
			return true;
	}
	return false;
}

static void
second_cb(evutil_socket_t fd, short what, void *arg)
{
	struct timeval tv = { .tv_usec = ANSWER_MS * 1000 };
	struct refused *r = arg;

	(void)fd;
	(void)what;
	/* the last one has come just now */
	if (!r->waited && is_asking(r) && evtimer_add(r->second, &tv) == 0) {
		r->waited = true;
		return;
	}
	settle(r);
}

void
refused_look(struct nsess *n)
{
	if (n->refused != NULL)
		(void)hear(n->refused, MESSAGES);
}

static void
refused_free(struct refused *r)
{
	if (r->read != NULL)
		event_free(r->read);
	if (r->second != NULL)
		event_free(r->second);
	if (r->pause != NULL)
		event_free(r->pause);
	r->n->refused = NULL;
	free(r);
}

int
refused_start(struct nsess *n)
{
	struct refused *r;

	if (n->refused_fd == -1)
		return 0;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return -1;
	r->n = n;
	n->refused = r;
	r->read = event_new(n->base, n->refused_fd, EV_READ | EV_PERSIST,
	    read_cb, r);
	r->second = evtimer_new(n->base, second_cb, r);
	r->pause = evtimer_new(n->base, pause_cb, r);
	if (r->read != NULL && r->second != NULL && r->pause != NULL &&
	    event_add(r->read, NULL) == 0)
		return 0;
	refused_free(r);
	return -1;
}

void
refused_stop(struct nsess *n)
{
	struct refused *r = n->refused;

	if (r == NULL)
		return;
	/* the session's last words */
	if (hear(r, LAST_MESSAGES))
		r->lost = true;
	settle(r);
	refused_free(r);
}
