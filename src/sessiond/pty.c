/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The route of terminals: a client at a command's terminal, over a WebSocket.
 * What the client types goes to the terminal, what that shows goes to the
 * client, and each waits for the other: neither a client that does not read
 * nor a command that does not makes us keep more than a little. Everything
 * from the client is hostile; the command is started as any other is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "answer.h"
#include "clock.h"
#include "http.h"
#include "log.h"
#include "pty.h"

#define PTY_MESSAGE_MAX 10000000 /* bytes of a message; binary is not kept */
#define PTY_START_MAX 1048576	 /* of the first one */
#define PTY_TEXT_MAX 4096	 /* of the others that are text */
#define PTY_IN_MAX 65536	 /* typed, and not read by the command */
#define PTY_OUT_MAX 131072	 /* shown, and not read by the client */
#define PTY_OUT_LOW 32768
#define PTY_PONG_MS 6000  /* after the ping: 60 s after the last pong */
#define PTY_LAST_MS 10000 /* for a client to read the end */

/* Both buffers are the client's share of memory. */
static void
pty_charge_cb(struct evbuffer *buf, const struct evbuffer_cb_info *info,
    void *arg)
{
	struct pty *p = arg;

	(void)buf;
	share_add(p->rq->uid, info->n_added);
	share_give(p->rq->uid, info->n_deleted);
}

static size_t
pty_pending(const struct pty *p)
{
	return evbuffer_get_length(bufferevent_get_output(p->bev));
}

/* The last words: the client reads them, closes, and is gone. */
static void
pty_over(struct pty *p, int status)
{
	p->state = PTY_OVER;
	p->cmd = NULL;
	if (p->writable != NULL)
		event_free(p->writable);
	p->writable = NULL;
	evbuffer_drain(p->in, evbuffer_get_length(p->in));
	evbuffer_drain(p->text, evbuffer_get_length(p->text));
	ws_close(p->ws, status, NULL);
	p->left = pty_pending(p);
	set_timer(p->timer, PTY_LAST_MS);
}

/* Nobody is at its terminal any more. */
static void
pty_leave(struct pty *p)
{
	struct command *cmd = p->cmd;

	p->cmd = NULL;
	if (cmd == NULL)
		return;
	cmd->rq = NULL;
	cmd->pty = NULL;
	if (cmd->state == CMD_RUNNING || cmd->state == CMD_ASKED) {
		log_debug("%s: its client is gone", cmd->id);
		command_kill(cmd);
	}
	command_resume(cmd);
}

static void
pty_send(struct pty *p, yajl_gen g)
{
	const unsigned char *text;
	size_t len;

	if (yajl_gen_get_buf(g, &text, &len) == yajl_gen_status_ok)
		ws_send(p->ws, WS_TEXT, text, len);
	yajl_gen_free(g);
}

/* Of what has not become a command's answer. */
void
pty_error(struct pty *p, int code, const char *fmt, ...)
{
	char text[AGENTSH_TEXT_MAX];
	yajl_gen g;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if ((g = json_new()) != NULL) {
		yajl_gen_map_open(g);
		json_put_str(g, "type", "error");
		json_put_u64(g, "code", (uint64_t)code);
		json_put_str(g, "message", text);
		yajl_gen_map_close(g);
		pty_send(p, g);
	}
	pty_leave(p);
	pty_over(p, 1008);
}

/* The code of the error frame, as the status would be; 0: it has run. */
static int
pty_code(const struct command *cmd)
{
	switch (cmd->outcome) {
	case OUT_EXITED:
		return 0;
	case OUT_DENIED:
		return 403;
	case OUT_FAILED:
		return cmd->error == ENOENT ? 404 : 400;
	case OUT_REFUSED:
		return 400;
	case OUT_LOST:
		return 410;
	}
	return 500;
}

static const char *
pty_message(const struct command *cmd)
{
	if (cmd->outcome != OUT_DENIED)
		return cmd->message;
	return cmd->approval == APPROVAL_NONE ? "command denied by policy" :
						"command was not approved";
}

void
pty_answer(struct command *cmd, struct event_set *set)
{
	struct pty *p = cmd->pty;
	int code = pty_code(cmd);
	char hints[4096];
	yajl_gen g = json_new();

	cmd->pty = NULL;
	cmd->rq = NULL;
	if (g != NULL) {
		yajl_gen_map_open(g);
		json_put_str(g, "type", code == 0 ? "exit" : "error");
		if (code == 0) {
			json_put_u64(g, "exit_code",
			    (uint64_t)answer_exit_code(cmd));
			json_put_u64(g, "duration_ms", cmd->duration_ms);
			json_put_bool(g, "timed_out", cmd->timed_out);
			softdel_hints(hints, sizeof(hints), cmd, set);
			if (hints[0] != '\0')
				json_put_str(g, "hints", hints);
		} else {
			json_put_u64(g, "code", (uint64_t)code);
			json_put_str(g, "message", pty_message(cmd));
		}
		json_put_str(g, "command_id", cmd->id);
		if (code != 0) {
			json_key(g, "response");
			answer_put(g, cmd, set);
		}
		yajl_gen_map_close(g);
		pty_send(p, g);
	}
	pty_over(p, 1000);
	/* by others who have it open */
	command_resume(cmd);
}

int
pty_fd(const struct pty *p)
{
	return p->cmd == NULL ? -1 : p->cmd->stream[STREAM_STDOUT].fd;
}

/* What was typed, as far as the terminal takes it. */
static void
pty_write(struct pty *p)
{
	int fd = pty_fd(p), n;

	while (fd != -1 && evbuffer_get_length(p->in) > 0) {
		n = evbuffer_write_atmost(p->in, fd, WS_TURN);
		if (n == -1 && errno == EINTR)
			continue;
		if (n > 0)
			continue;
		if (n == -1 && errno == EAGAIN && p->writable != NULL &&
		    event_add(p->writable, NULL) == 0)
			return;
		/* nobody has it open any more */
		evbuffer_drain(p->in, evbuffer_get_length(p->in));
	}
}

static int
pty_piece(void *arg, enum ws_kind kind, const void *data, size_t len)
{
	struct pty *p = arg;
	size_t max = p->state == PTY_WAITS ? PTY_START_MAX : PTY_TEXT_MAX;

	if (p->state == PTY_OVER)
		return 0;
	if (kind == WS_TEXT) {
		if (evbuffer_get_length(p->text) + len > max)
			pty_error(p, 413, "the message is too large");
		else if (share_is_over(p->rq->uid))
			pty_error(p, 429, "%s", SHARE_TEXT);
		else if (evbuffer_add(p->text, data, len) == -1)
			pty_error(p, 500, "out of memory");
	} else if (p->state == PTY_WAITS)
		pty_error(p, 400, "the first message must be a start");
	else if (evbuffer_add(p->in, data, len) == -1)
		pty_error(p, 500, "out of memory");
	return 0;
}

static int
pty_end_of_message(void *arg, enum ws_kind kind)
{
	struct pty *p = arg;
	size_t len = evbuffer_get_length(p->text);
	char *text;

	if (kind == WS_BINARY || p->state == PTY_OVER)
		return 0;
	if ((text = malloc(len + 1)) == NULL ||
	    evbuffer_remove(p->text, text, len) == -1)
		pty_error(p, 500, "out of memory");
	else if (p->state != PTY_WAITS)
		pty_on_text(p, text, len);
	else if (!share_take(p->rq->uid, 2 * len))
		pty_error(p, 429, "%s", SHARE_TEXT);
	else {
		p->held = 2 * len;
		pty_on_start(p, text, len);
	}
	free(text);
	return 0;
}

static int
pty_pong(void *arg)
{
	struct pty *p = arg;

	p->heard = true;
	return 0;
}

static void
pty_out(void *arg, const void *data, size_t len)
{
	struct pty *p = arg;

	if (evbuffer_add(bufferevent_get_output(p->bev), data, len) == -1)
		log_warnx("out of memory: output to a client is lost");
}

static const struct ws_handlers pty_handlers = { pty_piece, pty_end_of_message,
	pty_pong, pty_out };

bool
pty_is_full(const struct pty *p)
{
	return pty_pending(p) >= PTY_OUT_MAX;
}

void
pty_output(struct pty *p, const void *data, size_t len)
{
	ws_send(p->ws, WS_BINARY, data, len);
}

void
pty_hungup(struct pty *p)
{
	if (p->writable != NULL)
		event_free(p->writable);
	p->writable = NULL;
	evbuffer_drain(p->in, evbuffer_get_length(p->in));
}

/*
 * What the client sent, as long as there is room for what it may lead to: the
 * rest is left where it is, and then in the kernel. Ends the pty at the end.
 */
static void
pty_take(struct pty *p)
{
	struct evbuffer *in = bufferevent_get_input(p->bev);
	size_t len;
	bool room;

	for (;;) {
		room = evbuffer_get_length(p->in) < PTY_IN_MAX &&
		    pty_pending(p) < 2 * PTY_OUT_MAX;
		len = evbuffer_get_length(in);
		if (!room || len == 0 || ws_ended(p->ws))
			break;
		if (len > WS_TURN)
			len = WS_TURN;
		len = ws_feed(p->ws, evbuffer_pullup(in, (ev_ssize_t)len), len);
		evbuffer_drain(in, len);
		pty_write(p);
	}
	if (ws_ended(p->ws)) {
		pty_leave(p);
		if (p->state != PTY_OVER)
			pty_over(p, 1000);
		if (pty_pending(p) == 0) {
			http_hangup(p->rq);
			return;
		}
	}
	if (room == p->reading)
		return;
	p->reading = room;
	if (room)
		bufferevent_enable(p->bev, EV_READ);
	else
		bufferevent_disable(p->bev, EV_READ);
}

static void
pty_read_cb(struct bufferevent *bev, void *arg)
{
	/* evhttp sets its own once more, after the request was handled */
	bufferevent_set_timeouts(bev, NULL, NULL);
	pty_take(arg);
}

/* The client has read most of what there was. */
static void
pty_write_cb(struct bufferevent *bev, void *arg)
{
	struct pty *p = arg;

	(void)bev;
	if (p->cmd != NULL)
		command_resume(p->cmd);
	pty_take(p);
}

static void
pty_event_cb(struct bufferevent *bev, short what, void *arg)
{
	struct pty *p = arg;

	(void)bev;
	(void)what;
	http_hangup(p->rq);
}

static void
pty_writable_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	pty_write(arg);
	pty_take(arg);
}

void
pty_terminal(struct pty *p)
{
	p->writable = event_new(sessiond.base, pty_fd(p), EV_WRITE,
	    pty_writable_cb, p);
	if (p->writable == NULL)
		log_warnx("%s: its terminal is not written to", p->cmd->id);
	/* it began with what the start said */
	if (p->rows != p->cmd->rows || p->cols != p->cmd->cols)
		pty_resize(p);
	pty_write(p);
	pty_take(p);
}

static void
pty_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct pty *p = arg;

	(void)fd;
	(void)what;
	/* who is not read from cannot be heard */
	if (p->state == PTY_COMMAND && p->pinged && !p->heard && p->reading)
		log_debug("%s: its client is silent", p->cmd->id);
	else if (p->state == PTY_COMMAND && p->pinged) {
		p->pinged = false;
		set_timer(p->timer, PTY_PING_MS - PTY_PONG_MS);
		return;
	} else if (p->state == PTY_COMMAND) {
		p->pinged = true;
		p->heard = false;
		ws_ping(p->ws);
		set_timer(p->timer, PTY_PONG_MS);
		return;
	} else if (p->state == PTY_OVER && pty_pending(p) < p->left) {
		p->left = pty_pending(p);
		set_timer(p->timer, PTY_LAST_MS);
		return;
	}
	http_hangup(p->rq);
}

static void
pty_free(struct pty *p)
{
	if (p->writable != NULL)
		event_free(p->writable);
	if (p->timer != NULL)
		event_free(p->timer);
	if (p->in != NULL)
		evbuffer_free(p->in);
	if (p->text != NULL)
		evbuffer_free(p->text);
	ws_free(p->ws);
	free(p);
}

/* The client is gone, and with it what it ran. */
static void
pty_gone(struct request *rq, void *arg)
{
	struct pty *p = arg;

	pty_leave(p);
	share_give(rq->uid, p->held);
	evbuffer_drain(p->in, evbuffer_get_length(p->in));
	evbuffer_drain(p->text, evbuffer_get_length(p->text));
	pty_free(p);
}

static struct pty *
pty_new(struct request *rq, struct session *s)
{
	struct pty *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->rq = rq;
	p->session = s->number;
	p->ws = ws_new(true, PTY_MESSAGE_MAX, &pty_handlers, p);
	p->timer = evtimer_new(sessiond.base, pty_timer_cb, p);
	p->text = evbuffer_new();
	p->in = evbuffer_new();
	if (p->ws == NULL || p->timer == NULL || p->text == NULL ||
	    p->in == NULL ||
	    evbuffer_add_cb(p->text, pty_charge_cb, p) == NULL ||
	    evbuffer_add_cb(p->in, pty_charge_cb, p) == NULL) {
		pty_free(p);
		return NULL;
	}
	return p;
}

void
api_pty(struct request *rq)
{
	struct session *s = session_of(rq);
	struct pty *p;

	if (s == NULL)
		return;
	if (s->state != SESS_READY) {
		http_error(rq, 409, "the session is ending");
		return;
	}
	if ((p = pty_new(rq, s)) == NULL) {
		http_error(rq, 500, "out of memory");
		return;
	}
	if ((p->bev = websock_take(rq, pty_gone, p)) == NULL) {
		pty_free(p);
		return;
	}
	bufferevent_setcb(p->bev, pty_read_cb, pty_write_cb, pty_event_cb, p);
	bufferevent_setwatermark(p->bev, EV_READ, 0, PTY_IN_MAX);
	bufferevent_setwatermark(p->bev, EV_WRITE, PTY_OUT_LOW, 0);
	bufferevent_enable(p->bev, EV_READ | EV_WRITE);
	p->reading = true;
	set_timer(p->timer, sessiond.proc.conf.http_timeout_ms);
	/* who did not wait for our answer */
	if (evbuffer_get_length(bufferevent_get_input(p->bev)) > 0)
		bufferevent_trigger(p->bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
}
