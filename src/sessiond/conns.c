/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts the clients. evhttp tells nobody when it drops a connection that sent
 * no request, so each connection's bufferevent is held by one reference more;
 * evhttp takes its callbacks away when it frees it, which a look from time to
 * time finds.
 */
#include <sys/queue.h>

#include <stdlib.h>

#include <event2/bufferevent.h>

#include "log.h"
#include "sessiond.h"

#define CONNS_LOOK_MS 500

struct conn {
	TAILQ_ENTRY(conn) entry;
	struct bufferevent *bev;
};

static struct {
	TAILQ_HEAD(, conn) list;
	size_t n;
	size_t max;
	bool paused;
	void (*pause)(bool);
	struct event *timer;
} conns;

static void
conns_look(void)
{
	struct conn *c, *next;
	bufferevent_data_cb rd, wr;
	bufferevent_event_cb evcb;
	void *arg;

	for (c = TAILQ_FIRST(&conns.list); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		bufferevent_getcb(c->bev, &rd, &wr, &evcb, &arg);
		if (rd != NULL || wr != NULL || evcb != NULL)
			continue;
		TAILQ_REMOVE(&conns.list, c, entry);
		conns.n--;
		bufferevent_decref(c->bev);
		free(c);
	}
	if (conns.paused && conns.n < conns.max) {
		conns.paused = false;
		conns.pause(false);
	}
	if (conns.n > 0 && !event_pending(conns.timer, EV_TIMEOUT, NULL))
		set_timer(conns.timer, CONNS_LOOK_MS);
}

static void
conns_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	conns_look();
}

/* evhttp asks for the bufferevent of a connection it has just accepted. */
struct bufferevent *
conns_new(struct event_base *base, void *arg)
{
	struct bufferevent *bev;
	struct conn *c;

	(void)arg;
	bev = bufferevent_socket_new(base, -1, 0);
	c = calloc(1, sizeof(*c));
	if (bev == NULL || c == NULL) {
		/* evhttp makes one itself then; it is not counted */
		free(c);
		return bev;
	}
	bufferevent_incref(bev);
	c->bev = bev;
	TAILQ_INSERT_TAIL(&conns.list, c, entry);
	conns.n++;
	if (conns.n >= conns.max && !conns.paused) {
		log_debug("%zu clients: accepting no more", conns.n);
		conns.paused = true;
		conns.pause(true);
	}
	if (!event_pending(conns.timer, EV_TIMEOUT, NULL))
		set_timer(conns.timer, CONNS_LOOK_MS);
	return bev;
}

void
conns_start(size_t max, void (*pause)(bool))
{
	TAILQ_INIT(&conns.list);
	conns.max = max;
	conns.pause = pause;
	conns.timer = evtimer_new(sessiond.base, conns_timer_cb, NULL);
	if (conns.timer == NULL)
		fatalx("out of memory");
}

/* After evhttp was freed, and all connections with it. */
void
conns_stop(void)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&conns.list)) != NULL) {
		TAILQ_REMOVE(&conns.list, c, entry);
		bufferevent_decref(c->bev);
		free(c);
	}
	event_free(conns.timer);
}
