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

#include <stdio.h>
#include <stdlib.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "clock.h"
#include "http.h"
#include "log.h"
#include "sessiond.h"

#define CONNS_LOOK_MS 500
#define CONNS_PAUSED_MS 50   /* the same, while nobody gets in */
#define CONNS_LINGER_MS 2000 /* for a refused client to read why */
#define CONNS_AHEAD                                                            \
	65536 /* bytes behind a request, before its answer is read */

/* All clients that the kernel cannot name share one share. */
#define CONNS_NOBODY ((uint32_t)-1)

struct conn {
	TAILQ_ENTRY(conn) entry;
	struct bufferevent *bev;
	uint64_t since_ms; /* first byte of a request not yet complete, or 0 */
	bool working;	   /* between a request and its reply */
	bool stream;	   /* a WebSocket, and no request any more */
	bool known;	   /* the kernel was asked for the uid */
	uint32_t uid;	   /* CONNS_NOBODY when it did not say */
	uint64_t in;	   /* charged for the request under way */
	uint64_t out;	   /* charged for what the client has not read */
	uint64_t refused_ms;
	bufferevent_data_cb rd, wr; /* evhttp's, while the client is refused */
	bufferevent_event_cb evcb;
	void *arg;
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

static void conns_input_cb(struct evbuffer *, const struct evbuffer_cb_info *,
    void *);
static void conns_output_cb(struct evbuffer *, const struct evbuffer_cb_info *,
    void *);

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
	evbuffer_remove_cb(bufferevent_get_input(c->bev), conns_input_cb, c);
	evbuffer_remove_cb(bufferevent_get_output(c->bev), conns_output_cb, c);
	share_give(c->uid, c->in + c->out);
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

/* Once a connection: for TCP it is a question to the kernel. A request's own
 * client is asked for again, this only says whose share it takes. */
static void
conns_know(struct conn *c)
{
	if (c->known)
		return;
	c->known = true;
	if (ident_fd(bufferevent_getfd(c->bev), &c->uid) == -1)
		c->uid = CONNS_NOBODY;
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
		conns_know(c);
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
		} else if (c->refused_ms != 0 &&
		    now - c->refused_ms > CONNS_LINGER_MS)
			shutdown(bufferevent_getfd(c->bev), SHUT_RDWR);
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

/* What a refused client still sends. */
static void
conns_discard_cb(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);

	(void)arg;
	evbuffer_drain(in, evbuffer_get_length(in));
}

/* The end of a refused client is evhttp's again. */
static void
conns_refused_cb(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;

	bufferevent_setcb(bev, c->rd, c->wr, c->evcb, c->arg);
	c->evcb(bev, what, c->arg);
}

/*
 * A request that is not yet complete is over the user's share. evhttp has no
 * way to answer it now: the answer goes past it, and what the client still
 * sends is read and thrown away, so that it does not lose the answer by a reset.
 */
static void
conns_refuse(struct conn *c)
{
	static const char text[] = "{\"error\":\"" SHARE_TEXT "\"}\n";
	char reply[512];
	int fd = bufferevent_getfd(c->bev), n;

	n = snprintf(reply, sizeof(reply),
	    "HTTP/1.1 429 Too Many Requests\r\n"
	    "Content-Type: application/json\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "Cache-Control: no-store\r\nConnection: close\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    sizeof(text) - 1, text);
	/* nothing of ours is on its way to this client, so it fits */
	if (send(fd, reply, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) != n ||
	    shutdown(fd, SHUT_WR) == -1)
		log_debug("a client that was refused did not hear it");
	c->refused_ms = clock_ms();
	c->since_ms = 0;
	bufferevent_getcb(c->bev, &c->rd, &c->wr, &c->evcb, &c->arg);
	bufferevent_setcb(c->bev, conns_discard_cb, NULL, conns_refused_cb, c);
}

/* Bytes came from the client. */
static void
conns_input_cb(struct evbuffer *in, const struct evbuffer_cb_info *info,
    void *arg)
{
	struct conn *c = arg;

	(void)in;
	if (c->stream) {
		/* little: nothing is read while more waits to be dealt with */
		share_add(c->uid, info->n_added);
		share_give(c->uid, info->n_deleted);
		c->in += info->n_added;
		c->in -= info->n_deleted;
		return;
	}
	if (info->n_added == 0 || c->refused_ms != 0)
		return;
	/* nobody is there to take it, or to be told of an end */
	if (conns_is_freed(c)) {
		bufferevent_disable(c->bev, EV_READ);
		return;
	}
	conns_know(c);
	if (c->working || c->out > 0)
		share_add(c->uid, info->n_added); /* little: see http_wait() */
	else if (!share_take(c->uid, info->n_added)) {
		conns_refuse(c);
		return;
	}
	c->in += info->n_added;
	if (c->since_ms != 0)
		return;
	if (conns_put_fd(bufferevent_getfd(c->bev), c) == 0)
		c->since_ms = clock_ms();
}

/* Bytes for the client, or to it. When all are gone the request is done with. */
static void
conns_output_cb(struct evbuffer *out, const struct evbuffer_cb_info *info,
    void *arg)
{
	struct conn *c = arg;

	(void)out;
	share_add(c->uid, info->n_added);
	c->out += info->n_added;
	share_give(c->uid, info->n_deleted);
	c->out -= info->n_deleted;
	if (c->out == 0 && !c->working) {
		share_give(c->uid, c->in);
		c->in = 0;
		if (!c->stream)
			bufferevent_setwatermark(c->bev, EV_READ, 0, 0);
	}
}

/* The connection's request is complete. */
bool
conns_request(int fd, const struct bufferevent *bev, size_t body_len)
{
	struct conn *c = conns_by_fd(fd);
	uint64_t copies = (BODY_COPIES - 1) * (uint64_t)body_len;

	if (c == NULL || c->bev != bev)
		return true;
	c->since_ms = 0;
	c->working = true;
	/* evhttp reads while it writes an answer, whatever comes */
	bufferevent_setwatermark(c->bev, EV_READ, 0, CONNS_AHEAD);
	if (share_is_over(c->uid) || !share_take(c->uid, copies))
		return false;
	c->in += copies;
	return true;
}

/* Its reply was given to evhttp. */
void
conns_reply(int fd)
{
	struct conn *c = conns_by_fd(fd);

	if (c != NULL)
		c->working = false;
}

void
conns_stream(int fd)
{
	struct conn *c = conns_by_fd(fd);

	if (c == NULL)
		return;
	/* what the request took; what came after it is in the buffer */
	share_give(c->uid, c->in);
	c->in = evbuffer_get_length(bufferevent_get_input(c->bev));
	share_add(c->uid, c->in);
	c->stream = true;
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
	c->uid = CONNS_NOBODY;
	evbuffer_add_cb(bufferevent_get_input(bev), conns_input_cb, c);
	evbuffer_add_cb(bufferevent_get_output(bev), conns_output_cb, c);
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
