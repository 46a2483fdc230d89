/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The route that shows a command's output as it comes: server-sent events of
 * one answer in chunks. The client's connection is the measure: what it does
 * not read is not read from the command, which waits, so that little is kept
 * for it here. A client that is gone ends its command, as elsewhere.
 */
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "answer.h"
#include "clock.h"
#include "http.h"
#include "log.h"
#include "sessiond.h"
#include "utf8.h"

#define FEED_OUT_MAX 131072 /* not read by the client */
#define FEED_BEAT_MS                                                           \
	10000 /* after one of silence a line says that we are there */
#define FEED_PIECE 65536 /* bytes of a read(2) of a stream */
#define FEED_LEAST 4096	 /* the same, of a user whose share is used up */

struct feed {
	struct request *rq;
	struct command *cmd;
	struct event *timer;
	bool begun; /* the head is on its way: no other answer is possible */
	bool said;  /* something, since the last beat */
	struct {
		char data[4]; /* of a character whose end is to come */
		size_t len;
	} rest[STREAM_MAX];
};

static struct bufferevent *
feed_bev(const struct feed *f)
{
	return evhttp_connection_get_bufferevent(
	    evhttp_request_get_connection(f->rq->ev));
}

static size_t
feed_pending(const struct feed *f)
{
	return evbuffer_get_length(bufferevent_get_output(feed_bev(f)));
}

bool
feed_is_full(const struct feed *f)
{
	size_t n = feed_pending(f);

	/* also the user's other clients count; with nothing on its way nobody
	 * would tell when it is less */
	return n >= FEED_OUT_MAX || (n > 0 && share_is_over(f->rq->uid));
}

size_t
feed_room(const struct feed *f)
{
	return share_is_over(f->rq->uid) ? FEED_LEAST : FEED_PIECE;
}

/* The client has read all there was. */
static void
feed_drained_cb(struct evhttp_connection *con, void *arg)
{
	struct feed *f = arg;

	(void)con;
	if (f->cmd != NULL)
		command_resume(f->cmd);
}

/* Takes the buffer's content. */
static void
feed_send(struct feed *f, struct evbuffer *buf)
{
	struct bufferevent *bev = feed_bev(f);

	evhttp_send_reply_chunk_with_cb(f->rq->ev, buf, feed_drained_cb, f);
	/* evhttp reads on, to hear the end: http_wait() does hear it */
	bufferevent_disable(bev, EV_READ);
	/* a client may stop reading for as long as it likes */
	bufferevent_set_timeouts(bev, NULL, NULL);
	f->said = true;
}

static void
feed_event(struct feed *f, const char *name, yajl_gen g)
{
	struct evbuffer *buf = evbuffer_new();
	const unsigned char *text;
	size_t len;

	if (buf == NULL ||
	    yajl_gen_get_buf(g, &text, &len) != yajl_gen_status_ok ||
	    evbuffer_add_printf(buf, "event: %s\ndata: ", name) == -1 ||
	    evbuffer_add(buf, text, len) == -1 ||
	    evbuffer_add(buf, "\n\n", 2) == -1)
		log_warnx("out of memory: output to a client is lost");
	else
		feed_send(f, buf);
	if (buf != NULL)
		evbuffer_free(buf);
	yajl_gen_free(g);
}

/* A comment, which is no event. */
static void
feed_beat(struct feed *f)
{
	struct evbuffer *buf = evbuffer_new();

	if (buf == NULL)
		return;
	if (evbuffer_add(buf, ":\n\n", 3) == 0)
		feed_send(f, buf);
	evbuffer_free(buf);
}

static void
feed_beat_cb(evutil_socket_t fd, short what, void *arg)
{
	struct feed *f = arg;

	(void)fd;
	(void)what;
	if (!f->said && feed_pending(f) == 0)
		feed_beat(f);
	f->said = false;
	set_timer(f->timer, FEED_BEAT_MS);
}

void
feed_begin(struct feed *f)
{
	struct evkeyvalq *out = evhttp_request_get_output_headers(f->rq->ev);
	int one = 1;

	if (f->begun)
		return;
	f->begun = true;
	evhttp_add_header(out, "Content-Type", "text/event-stream");
	evhttp_add_header(out, "X-Content-Type-Options", "nosniff");
	evhttp_add_header(out, "Cache-Control", "no-store");
	if (f->rq->tcp &&
	    setsockopt(f->rq->fd, IPPROTO_TCP, TCP_NODELAY, &one,
		sizeof(one)) == -1)
		log_debug("TCP_NODELAY cannot be set");
	evhttp_send_reply_start(f->rq->ev, 200, "OK");
	feed_beat(f);
	set_timer(f->timer, FEED_BEAT_MS);
}

/* Some bytes of a stream, of whole characters where they are text. */
static void
feed_bytes(struct feed *f, const struct stream *st, const char *data,
    size_t len)
{
	const char *name = stream_name(st);
	yajl_gen g = json_new();

	if (g == NULL) {
		log_warnx("out of memory: output to a client is lost");
		return;
	}
	yajl_gen_map_open(g);
	json_put_str(g, "command_id", f->cmd->id);
	json_put_str(g, "stream", name);
	json_key(g, "data");
	if (json_text(g, data, len)) {
		json_key(g, "data_base64");
		json_base64(g, data, len);
	}
	yajl_gen_map_close(g);
	feed_event(f, name, g);
}

static void
feed_piece(struct feed *f, const struct stream *st, const char *data,
    size_t len)
{
	static char whole[FEED_PIECE + sizeof(f->rest[0].data)];
	size_t i = (size_t)(st - f->cmd->stream), n = f->rest[i].len, cut;

	memcpy(whole, f->rest[i].data, n);
	memcpy(whole + n, data, len);
	n += len;
	cut = utf8_cut(whole, n);
	if (n - cut > sizeof(f->rest[i].data))
		cut = n;
	f->rest[i].len = n - cut;
	memcpy(f->rest[i].data, whole + cut, n - cut);
	if (cut > 0)
		feed_bytes(f, st, whole, cut);
}

void
feed_output(struct feed *f, const struct stream *st, const void *data,
    size_t len)
{
	const char *p = data;
	size_t n;

	feed_begin(f);
	for (; len > 0; p += n, len -= n) {
		n = len < FEED_PIECE ? len : FEED_PIECE;
		feed_piece(f, st, p, n);
	}
}

static void
feed_free(struct feed *f)
{
	if (f->cmd != NULL)
		f->cmd->feed = NULL;
	if (f->timer != NULL)
		event_free(f->timer);
	free(f);
}

void
feed_end(struct command *cmd)
{
	if (cmd->feed != NULL)
		feed_free(cmd->feed);
	/* by others who have its streams open */
	command_resume(cmd);
}

static void
feed_done(struct feed *f, const struct event_set *set)
{
	const struct command *cmd = f->cmd;
	char hints[4096], key[32];
	const struct stream *st;
	yajl_gen g;
	size_t i;

	for (i = 0; i < STREAM_MAX; i++) {
		if (f->rest[i].len > 0)
			feed_bytes(f, &cmd->stream[i], f->rest[i].data,
			    f->rest[i].len);
	}
	if ((g = json_new()) == NULL) {
		log_warnx("out of memory: the end of %s is not told", cmd->id);
		return;
	}
	yajl_gen_map_open(g);
	json_put_str(g, "command_id", cmd->id);
	json_put_u64(g, "exit_code", (uint64_t)answer_exit_code(cmd));
	json_put_u64(g, "duration_ms", cmd->duration_ms);
	for (i = 0; i < STREAM_MAX; i++) {
		st = &cmd->stream[i];
		snprintf(key, sizeof(key), "%s_truncated", stream_name(st));
		json_put_bool(g, key, st->total > st->spooled);
		snprintf(key, sizeof(key), "%s_total_bytes", stream_name(st));
		json_put_u64(g, key, st->total);
	}
	answer_put_error(g, cmd);
	softdel_hints(hints, sizeof(hints), cmd, set);
	if (hints[0] != '\0')
		json_put_str(g, "hints", hints);
	yajl_gen_map_close(g);
	feed_event(f, "done", g);
}

void
feed_answer(struct command *cmd, struct event_set *set)
{
	struct timeval tv = clock_timeval(sessiond.proc.conf.http_timeout_ms);
	struct feed *f = cmd->feed;
	struct request *rq = cmd->rq;
	struct evhttp_request *ev = rq->ev;
	struct bufferevent *bev = feed_bev(f);

	if (!f->begun) {
		/* it never ran: the same answer as without a stream */
		feed_free(f);
		answer_send(cmd, set);
		return;
	}
	feed_done(f, set);
	cmd->rq = NULL;
	feed_free(f);
	http_end(rq);
	/* from here on it is an answer like any other */
	bufferevent_set_timeouts(bev, &tv, &tv);
	evhttp_send_reply_end(ev);
	command_resume(cmd);
}

int
feed_new(struct request *rq, struct command *cmd)
{
	struct feed *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -1;
	f->rq = rq;
	f->timer = evtimer_new(sessiond.base, feed_beat_cb, f);
	if (f->timer == NULL) {
		free(f);
		return -1;
	}
	f->cmd = cmd;
	cmd->feed = f;
	return 0;
}
