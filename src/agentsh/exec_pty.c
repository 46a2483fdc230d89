/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh exec --pty, session attach: the caller's terminal in front of the
 * command's. What the command shows is copied byte for byte, as any terminal
 * does; what the server and we say ourselves is made safe first.
 */
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jsonout.h"
#include "tty.h"
#include "../common/fdio.h"
#include "../common/ws.h"

#define PTY_OUT_MAX 65536	 /* typed, and not read by the server */
#define PTY_END_MAX 16777216	 /* of the server's last message */
#define PTY_MESSAGE_MAX 67108864 /* of any */

struct pty {
	int fd;
	struct ws *ws;
	struct buf out;
	struct buf text; /* of the message under way */
	struct json *end;
	int error; /* errno of standard output */
};

static int
pty_piece(void *arg, enum ws_kind kind, const void *data, size_t len)
{
	struct pty *p = arg;

	if (kind == WS_TEXT)
		buf_put(&p->text, data, len);
	else if (p->error == 0 && write_all(STDOUT_FILENO, data, len) == -1)
		p->error = errno;
	return p->text.bad ? 1009 : 0;
}

static int
pty_message(void *arg, enum ws_kind kind)
{
	struct pty *p = arg;
	const char *why;

	if (kind == WS_BINARY)
		return 0;
	/* the last one is the end */
	json_free(p->end);
	p->end = json_parse(p->text.data, p->text.len, &why);
	buf_reset(&p->text);
	return p->end == NULL ? 1007 : 0;
}

static int
pty_pong(void *arg)
{
	(void)arg;
	return 0;
}

static void
pty_out(void *arg, const void *data, size_t len)
{
	struct pty *p = arg;

	buf_put(&p->out, data, len);
}

static const struct ws_handlers pty_handlers = { pty_piece, pty_message,
	pty_pong, pty_out };

static void
pty_send_size(struct pty *p)
{
	uint16_t rows, cols;
	char text[64];
	int n;

	tty_size(&rows, &cols);
	n = snprintf(text, sizeof(text),
	    "{\"type\":\"resize\",\"rows\":%u,\"cols\":%u}", rows, cols);
	ws_send(p->ws, WS_TEXT, text, (size_t)n);
}

/* 0, or -1: the connection is over. */
static int
pty_flush(struct pty *p)
{
	ssize_t n;

	while (buf_left(&p->out) > 0) {
		n = send(p->fd, p->out.data + p->out.pos, buf_left(&p->out),
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN ? 0 : -1;
		p->out.pos += (size_t)n;
	}
	buf_reset(&p->out);
	return p->out.bad ? -1 : 0;
}

static int
pty_hear(struct pty *p)
{
	static uint8_t data[65536];
	ssize_t n;
	size_t at = 0;

	n = recv(p->fd, data, sizeof(data), MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	while (at < (size_t)n)
		at += ws_feed(p->ws, data + at, (size_t)n - at);
	return ws_ended(p->ws) ? -1 : 0;
}

static int
pty_type(struct pty *p)
{
	char keys[4096];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return 0;
	/* in raw mode no key is the end: the terminal is gone */
	if (n <= 0)
		return -1;
	return ws_send(p->ws, WS_BINARY, keys, (size_t)n);
}

static void
pty_loop(struct pty *p)
{
	struct pollfd pfd[2] = { { .fd = p->fd }, { .events = POLLIN } };

	for (;;) {
		if (tty_changed())
			pty_send_size(p);
		if (pty_flush(p) == -1 || p->error != 0)
			return;
		pfd[0].events = POLLIN;
		if (buf_left(&p->out) > 0)
			pfd[0].events |= POLLOUT;
		pfd[1].fd = buf_left(&p->out) < PTY_OUT_MAX && p->end == NULL ?
		    STDIN_FILENO :
		    -1;
		pfd[1].revents = 0;
		if (ppoll(pfd, 2, NULL, tty_mask()) == -1) {
			if (errno != EINTR)
				return;
			continue;
		}
		if ((pfd[0].revents & ~POLLOUT) != 0 && pty_hear(p) == -1) {
			pty_flush(p);
			return;
		}
		if (pfd[1].revents != 0 && pty_type(p) == -1)
			return;
	}
}

/* The exit status. */
static int
pty_ended(const struct pty *p)
{
	const struct jval *end = p->end == NULL ? NULL : p->end->root;
	const char *type = jv_str(end, "type"), *message;
	uint64_t code = 0;

	if (p->error != 0 && p->error != EPIPE)
		say("cannot write: %s", strerror(p->error));
	if (type != NULL && strcmp(type, "exit") == 0 &&
	    jv_u64(end, "exit_code", &code) == 0 && code <= 255) {
		if (jv_true(end, "timed_out"))
			say("command timed out");
		exec_say_hints(jv_str(end, "hints"));
		return (int)code;
	}
	if (type == NULL || strcmp(type, "error") != 0) {
		if (p->error == 0)
			say("the connection to the server was lost, and the "
			    "command is ended");
		return EXIT_FAILURE;
	}
	jv_u64(end, "code", &code);
	message = jv_str(end, "message");
	if (code == 403 && jv_at(end, "response") != NULL) {
		exec_say_denied(jv_at(end, "response"));
		return EXIT_DENIED;
	}
	say("%s", message == NULL ? "the server gave no reason" : message);
	if (jv_u64(end, "response.result.exit_code", &code) == 0 && code <= 255)
		return code == 0 ? EXIT_FAILURE : (int)code;
	return EXIT_FAILURE;
}

static int
pty_run(int fd, const char *body, size_t len)
{
	struct pty p = { .fd = fd };
	int r = EXIT_FAILURE;

	buf_init(&p.out, 2 * PTY_OUT_MAX + 2 * len);
	buf_init(&p.text, PTY_END_MAX);
	p.ws = ws_new(false, PTY_MESSAGE_MAX, &pty_handlers, &p);
	if (p.ws == NULL || ws_send(p.ws, WS_TEXT, body, len) == -1)
		say("out of memory");
	else if (tty_raw() == 0) {
		pty_loop(&p);
		tty_restore();
		r = pty_ended(&p);
	}
	ws_free(p.ws);
	json_free(p.end);
	buf_free(&p.out);
	buf_free(&p.text);
	return r;
}

int
exec_pty(const struct args *a, const struct exec_plan *p, const char *body,
    size_t len)
{
	struct call c;
	char *path, *sid = url_escape(p->id);
	int fd, r = -1;

	path = xasprintf("/api/v1/sessions/%s/pty", sid);
	free(sid);
	if (call_websocket(a, &c, path, &fd) == -1)
		goto out;
	if (fd == -1 && c.status == 404 && p->root[0] != '\0') {
		call_free(&c);
		if (session_ensure(a, p->id, p->root) == -1 ||
		    call_websocket(a, &c, path, &fd) == -1)
			goto out;
	}
	if (fd == -1)
		r = call_error(&c);
	else
		r = pty_run(fd, body, len);
	if (fd != -1)
		close(fd);
	call_free(&c);
out:
	free(path);
	return r == -1 ? EXIT_FAILURE : r;
}
