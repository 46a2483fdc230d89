/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request to the server that the arguments name, or to the nearest one: the
 * user's own, the system's, or one that is started now.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autostart.h"
#include "cli.h"
#include "clock.h"
#include "units.h"

#define CALL_TIMEOUT_MS 30000

static const char *
explicit_server(const struct args *a)
{
	const char *s = a->opt[OPT_SERVER];

	if (s == NULL)
		s = getenv("AGENTSH_SERVER");
	return s != NULL && s[0] != '\0' ? s : NULL;
}

/* A command may run for days, so exec waits for ever unless told otherwise. */
static int
timeout_ms(const struct args *a, uint64_t *ms)
{
	const char *s = a->opt[OPT_CLIENT_TIMEOUT];

	if (s == NULL)
		s = getenv("AGENTSH_CLIENT_TIMEOUT");
	*ms = a->cmd == CMD_EXEC ? 0 : CALL_TIMEOUT_MS;
	if (s == NULL || s[0] == '\0' || units_duration(s, ms) == 0)
		return 0;
	say("client timeout %s is not a duration such as 30s", s);
	return -1;
}

struct request {
	const char *method;
	const char *path;
	const void *body;
	size_t len;
	uint64_t ms;
	int *fd; /* not NULL: it is to become a WebSocket */
	int (*take)(void *, const void *, size_t); /* or NULL: events */
	void *arg;
};

static enum client_result
ask(const struct server *s, const struct request *q, struct hr *h,
    struct client_error *e)
{
	hr_free(h);
	if (q->fd != NULL)
		return client_websocket(s,
		    clock_ms() + (q->ms == 0 ? CALL_TIMEOUT_MS : q->ms),
		    q->path, q->fd, h, e);
	if (q->take != NULL)
		return client_events(s, q->ms == 0 ? 0 : clock_ms() + q->ms,
		    q->path, q->body, q->len, q->take, q->arg, h, e);
	return client_request(s, q->ms == 0 ? 0 : clock_ms() + q->ms, q->method,
	    q->path, q->body, q->len, h, e);
}

static enum client_result
ask_default(const struct request *q, struct hr *h, struct client_error *e)
{
	enum client_result r = CLIENT_UNREACHABLE;
	struct server s;
	char dir[4096];

	if (server_own_dir(dir, sizeof(dir)) == 0 &&
	    server_own_dir_check(dir) == 1 && server_own(&s, e) == 0)
		r = ask(&s, q, h, e);
	if (r == CLIENT_UNREACHABLE && server_system(&s) == 0 &&
	    access(s.path, F_OK) == 0)
		r = ask(&s, q, h, e);
	return r;
}

static enum client_result
ask_any(const struct args *a, const struct request *q, struct hr *h,
    struct client_error *e)
{
	const char *url = explicit_server(a);
	enum client_result r;
	struct server s;

	if (url != NULL) {
		if (server_parse(&s, url, e) == -1)
			return CLIENT_FAILED;
		return ask(&s, q, h, e);
	}
	snprintf(e->text, sizeof(e->text), "no server runs");
	r = ask_default(q, h, e);
	if (r != CLIENT_UNREACHABLE)
		return r;
	if (autostart(e) == -1)
		return CLIENT_FAILED;
	return ask_default(q, h, e);
}

/* What came of the request, in c. */
static int
take_reply(struct call *c, enum client_result r, const struct client_error *e)
{
	const char *why;

	if (r != CLIENT_OK) {
		if (e->text[0] != '\0')
			say("%s", e->text);
		call_free(c);
		return -1;
	}
	c->status = c->reply.status;
	if (c->reply.body.len == 0)
		return 0;
	c->json = json_parse(c->reply.body.data, c->reply.body.len, &why);
	if (c->json == NULL && c->status < 400) {
		say("the server's answer cannot be read: %s", why);
		call_free(c);
		return -1;
	}
	return 0;
}

static int
call_request(const struct args *a, struct call *c, struct request *q)
{
	struct client_error e;
	enum client_result r;

	memset(c, 0, sizeof(*c));
	if (timeout_ms(a, &q->ms) == -1)
		return -1;
	r = ask_any(a, q, &c->reply, &e);
	return take_reply(c, r, &e);
}

int
call(const struct args *a, struct call *c, const char *method, const char *path,
    const void *body, size_t len)
{
	struct request q = {
		.method = method, .path = path, .body = body, .len = len
	};

	return call_request(a, c, &q);
}

int
call_events(const struct args *a, struct call *c, const char *path,
    const void *body, size_t len, int (*take)(void *, const void *, size_t),
    void *arg)
{
	struct request q = { .method = "POST",
		.path = path,
		.body = body,
		.len = len,
		.take = take,
		.arg = arg };

	return call_request(a, c, &q);
}

int
call_running(const struct args *a, struct call *c, const char *path)
{
	struct request q = { .method = "GET", .path = path };
	struct client_error e = { .text = "" };
	const char *url = explicit_server(a);
	enum client_result r;
	struct server s;

	memset(c, 0, sizeof(*c));
	if (timeout_ms(a, &q.ms) == -1)
		return -1;
	if (url == NULL)
		r = ask_default(&q, &c->reply, &e);
	else
		r = server_parse(&s, url, &e) == -1 ?
		    CLIENT_FAILED :
		    ask(&s, &q, &c->reply, &e);
	if (r == CLIENT_UNREACHABLE && a->opt[OPT_SERVER] == NULL) {
		call_free(c);
		return 0;
	}
	return take_reply(c, r, &e) == -1 ? -1 : 1;
}

int
call_websocket(const struct args *a, struct call *c, const char *path, int *fd)
{
	struct request q = { .method = "GET", .path = path, .fd = fd };

	*fd = -1;
	return call_request(a, c, &q);
}

void
call_free(struct call *c)
{
	json_free(c->json);
	hr_free(&c->reply);
	memset(c, 0, sizeof(*c));
}

/* Says what the server refused, or that it said nothing; for "return". */
int
call_error(const struct call *c)
{
	const char *text = NULL;

	if (c->json != NULL)
		text = jv_str(c->json->root, "error");
	if (text != NULL)
		say("%s (HTTP %d)", text, c->status);
	else
		say("the server answered HTTP %d without a reason", c->status);
	return EXIT_FAILURE;
}

void
print_body(const struct call *c)
{
	json_print(c->reply.body.data, c->reply.body.len);
}

/* For one segment of a path, or a value of a query. */
char *
url_escape(const char *s)
{
	static const char plain[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_~";
	size_t n = 0, i = 0;
	char *p;

	p = xcalloc(strlen(s) + 1, 3);
	for (; s[i] != '\0'; i++)
		if (strchr(plain, s[i]) != NULL ||
		    (s[i] == '.' && strcmp(s, ".") != 0 &&
			strcmp(s, "..") != 0))
			p[n++] = s[i];
		else
			n += (size_t)snprintf(p + n, 4, "%%%02X",
			    (unsigned char)s[i]);
	return p;
}

int
call_show(const struct args *a, const char *method, const char *path,
    const void *body, size_t len)
{
	struct call c;
	int r = EXIT_SUCCESS;

	if (call(a, &c, method, path, body, len) == -1)
		return EXIT_FAILURE;
	if (c.status != 200 || c.json == NULL)
		r = call_error(&c);
	else
		print_body(&c);
	call_free(&c);
	return r;
}
