/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clients as connections: how many there are, and which of them take too
 * long to say what they want. evhttp's own time limit begins anew with every
 * byte, and it tells nobody when it drops a connection that sent no request.
 * So each connection's bufferevent is held by one reference more; evhttp takes
 * its callbacks away when it frees it, which a look from time to time finds.
 */
#include <sys/queue.h>
#include <sys/socket.h>

#include <stdlib.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "log.h"
#include "sessiond.h"

#define CONNS_LOOK_MS 500
#define CONNS_PAUSED_MS 50 /* the same, while nobody gets in */

struct conn {
	TAILQ_ENTRY(conn) entry;
	struct bufferevent *bev;
	uint64_t since_ms; /* first byte of a request not yet complete, or 0 */
	bool working;	   /* between a request and its reply */
	uint32_t uid;	   /* while connections are counted by user */
};

static struct {
	TAILQ_HEAD(, conn) list;
	size_t n;
	size_t max;
	bool paused;
	void (*pause)(bool);
	struct event *timer;
	struct conn **by_fd; /* of those that have sent something */
	size_t nfds;
} conns;

static struct conn *
conns_by_fd(int fd)
{
	return fd >= 0 && (size_t)fd < conns.nfds ? conns.by_fd[fd] : NULL;
}

static int
conns_put_fd(int fd, struct conn *c)
{
	struct conn **bigger;
	size_t n = conns.nfds;

	if (fd < 0)
		return -1;
	if ((size_t)fd >= n) {
		n = (size_t)fd + 256;
		bigger = reallocarray(conns.by_fd, n, sizeof(*bigger));
		if (bigger == NULL)
			return -1;
		conns.by_fd = bigger;
		while (conns.nfds < n)
			conns.by_fd[conns.nfds++] = NULL;
	}
	conns.by_fd[fd] = c;
	return 0;
}

static void
conns_drop(struct conn *c)
{
	size_t i;

	/* the descriptor is closed by now, and maybe somebody else's */
	for (i = 0; i < conns.nfds; i++) {
		if (conns.by_fd[i] == c)
			conns.by_fd[i] = NULL;
	}
	TAILQ_REMOVE(&conns.list, c, entry);
	conns.n--;
	bufferevent_decref(c->bev);
	free(c);
}

static bool
conns_is_freed(struct conn *c)
{
	bufferevent_data_cb rd, wr;
	bufferevent_event_cb evcb;
	void *arg;

	bufferevent_getcb(c->bev, &rd, &wr, &evcb, &arg);
	return rd == NULL && wr == NULL && evcb == NULL;
}

/* Clients by TCP count as one user: none of them is known without a question
 * to the kernel each. */
static uint32_t
conns_uid(const struct conn *c)
{
	struct ucred cred = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(cred);

	if (getsockopt(bufferevent_getfd(c->bev), SOL_SOCKET, SO_PEERCRED,
		&cred, &len) == -1)
		return (uint32_t)-1;
	return cred.uid;
}

static size_t
conns_count(uint32_t uid)
{
	struct conn *c;
	size_t n = 0;

	TAILQ_FOREACH(c, &conns.list, entry)
		n += c->uid == uid;
	return n;
}

/* Nobody else gets in: the user who has the most loses the oldest of those on
 * which nothing is under way. */
static void
conns_shed(void)
{
	struct conn *c;
	uint32_t most_uid = 0;
	size_t n, most = 0, left = conns.max / 4 + 1;

	TAILQ_FOREACH(c, &conns.list, entry)
		c->uid = conns_uid(c);
	TAILQ_FOREACH(c, &conns.list, entry) {
		if (most > 0 && c->uid == most_uid)
			continue;
		n = conns_count(c->uid);
		if (n > most) {
			most = n;
			most_uid = c->uid;
		}
	}
	TAILQ_FOREACH(c, &conns.list, entry) {
		if (c->uid != most_uid || c->working)
			continue;
		/* evhttp hears the end of file and closes it */
		shutdown(bufferevent_getfd(c->bev), SHUT_RDWR);
		if (--left == 0)
			break;
	}
}

static void
conns_look(void)
{
	struct conn *c, *next;
	uint64_t now = clock_ms();

	for (c = TAILQ_FIRST(&conns.list); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (conns_is_freed(c))
			conns_drop(c);
		else if (c->since_ms != 0 &&
		    now - c->since_ms > sessiond.proc.conf.http_timeout_ms) {
			/* evhttp hears the end of file and closes it */
			c->since_ms = 0;
			shutdown(bufferevent_getfd(c->bev), SHUT_RDWR);
		}
	}
	if (conns.paused && conns.n < conns.max) {
		conns.paused = false;
		conns.pause(false);
	} else if (conns.paused)
		conns_shed();
	if (conns.paused)
		set_timer(conns.timer, CONNS_PAUSED_MS);
	else if (conns.n > 0 && !event_pending(conns.timer, EV_TIMEOUT, NULL))
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

/* Bytes came from the client. */
static void
conns_input_cb(struct evbuffer *in, const struct evbuffer_cb_info *info,
    void *arg)
{
	struct conn *c = arg;

	(void)in;
	if (info->n_added == 0 || c->since_ms != 0)
		return;
	if (conns_put_fd(bufferevent_getfd(c->bev), c) == 0)
		c->since_ms = clock_ms();
}

/* The connection's request is complete. */
void
conns_request(int fd, const struct bufferevent *bev)
{
	struct conn *c = conns_by_fd(fd);

	if (c == NULL || c->bev != bev)
		return;
	c->since_ms = 0;
	c->working = true;
}

/* Its reply was given to evhttp. */
void
conns_reply(int fd)
{
	struct conn *c = conns_by_fd(fd);

	if (c != NULL)
		c->working = false;
}

/* evhttp asks for the bufferevent of a connection it has just accepted. */
struct bufferevent *
conns_new(struct event_base *base, void *arg)
{
	struct bufferevent *bev;
	struct conn *c;

	(void)arg;
	/* with its own descriptor: evhttp would close it before the last
	 * reference, ours, goes, and libevent would keep watching a number
	 * that is soon another channel's */
	bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	c = calloc(1, sizeof(*c));
	if (bev == NULL || c == NULL) {
		/* evhttp makes one itself then; it is not counted */
		free(c);
		return bev;
	}
	bufferevent_incref(bev);
	c->bev = bev;
	evbuffer_add_cb(bufferevent_get_input(bev), conns_input_cb, c);
	TAILQ_INSERT_TAIL(&conns.list, c, entry);
	conns.n++;
	if (conns.n >= conns.max && !conns.paused) {
		log_debug("%zu clients: accepting no more", conns.n);
		conns.paused = true;
		conns.pause(true);
		set_timer(conns.timer, CONNS_PAUSED_MS);
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
	while (!TAILQ_EMPTY(&conns.list))
		conns_drop(TAILQ_FIRST(&conns.list));
	event_free(conns.timer);
	free(conns.by_fd);
}
