/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies. Each of them ends its request: the caller must not touch it again.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "http.h"
#include "log.h"
#include "sessiond.h"

static const char *
reply_phrase(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 201:
		return "Created";
	case 204:
		return "No Content";
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 409:
		return "Conflict";
	case 413:
		return "Request Entity Too Large";
	case 417:
		return "Expectation Failed";
	case 426:
		return "Upgrade Required";
	case 429:
		return "Too Many Requests";
	case 500:
		return "Internal Server Error";
	case 501:
		return "Not Implemented";
	case 503:
		return "Service Unavailable";
	case 504:
		return "Gateway Timeout";
	default:
		return "Error";
	}
}

static void
reply_free_gen(const void *data, size_t len, void *gen)
{
	(void)data;
	(void)len;
	yajl_gen_free(gen);
}

/* The generator's text becomes the buffer's, without a copy. */
static struct evbuffer *
reply_buffer(yajl_gen g)
{
	struct evbuffer *buf = evbuffer_new();
	const unsigned char *text;
	size_t len;

	if (buf == NULL ||
	    yajl_gen_get_buf(g, &text, &len) != yajl_gen_status_ok ||
	    evbuffer_add_reference(buf, text, len, reply_free_gen, g) == -1) {
		yajl_gen_free(g);
		if (buf != NULL)
			evbuffer_free(buf);
		return NULL;
	}
	evbuffer_add(buf, "\n", 1);
	return buf;
}

static yajl_gen
reply_error_gen(const char *code, const char *text)
{
	yajl_gen g = json_new();

	if (g == NULL)
		return NULL;
	yajl_gen_map_open(g);
	json_put_str(g, "error", text);
	if (code != NULL)
		json_put_str(g, "code", code);
	yajl_gen_map_close(g);
	return g;
}

static void
reply_send(struct evhttp_request *ev, int status, const char *type,
    struct evbuffer *buf)
{
	struct evkeyvalq *out = evhttp_request_get_output_headers(ev);

	if (type != NULL)
		evhttp_add_header(out, "Content-Type", type);
	evhttp_add_header(out, "X-Content-Type-Options", "nosniff");
	evhttp_add_header(out, "Cache-Control", "no-store");
	evhttp_send_reply(ev, status, reply_phrase(status), buf);
	if (buf != NULL)
		evbuffer_free(buf);
}

/*
 * Takes the place of libevent's function of this name, which libevent itself
 * calls for what never reaches a route (a malformed request, a body over the
 * limit) and which answers in HTML. Where the linker binds libevent's calls
 * to its own, clients get that HTML instead; nothing else changes.
 */
void
evhttp_send_error(struct evhttp_request *ev, int error, const char *reason)
{
	struct evkeyvalq *out = evhttp_request_get_output_headers(ev);
	yajl_gen g;

	(void)reason;
	if (error < 400 || error > 599)
		error = 400;
	evhttp_clear_headers(out);
	evhttp_add_header(out, "Connection", "close");
	g = reply_error_gen(NULL,
	    error == 413     ? "request body too large" :
		error == 400 ? "malformed request" :
			       reply_phrase(error));
	reply_send(ev, error, "application/json",
	    g == NULL ? NULL : reply_buffer(g));
}

void
http_end(struct request *rq)
{
	struct evhttp_connection *con = evhttp_request_get_connection(rq->ev);

	conns_reply(rq->fd);
	evhttp_connection_set_closecb(con, NULL, NULL);
	if (rq->gone != NULL)
		event_free(rq->gone);
	free(rq);
}

void
http_reply(struct request *rq, int status, yajl_gen g)
{
	struct evhttp_request *ev = rq->ev;
	struct evbuffer *buf;

	http_end(rq);
	buf = reply_buffer(g);
	reply_send(ev, buf == NULL ? 500 : status, "application/json", buf);
}

void
http_reply_empty(struct request *rq, int status)
{
	struct evhttp_request *ev = rq->ev;

	http_end(rq);
	reply_send(ev, status, NULL, NULL);
}

void
http_reply_plain(struct request *rq, const char *text)
{
	struct evhttp_request *ev = rq->ev;
	struct evbuffer *buf = evbuffer_new();

	http_end(rq);
	if (buf != NULL)
		evbuffer_add(buf, text, strlen(text));
	reply_send(ev, buf == NULL ? 500 : 200, "text/plain; charset=utf-8",
	    buf);
}

static void __attribute__((format(printf, 4, 0)))
http_verror(struct request *rq, int status, const char *code, const char *fmt,
    va_list ap)
{
	char text[AGENTSH_TEXT_MAX];
	yajl_gen g;

	vsnprintf(text, sizeof(text), fmt, ap);
	log_trace(LOG_HTTP, "error %d", status);
	if ((g = reply_error_gen(code, text)) == NULL)
		http_reply_empty(rq, 500);
	else
		http_reply(rq, status, g);
}

void
http_error(struct request *rq, int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	http_verror(rq, status, NULL, fmt, ap);
	va_end(ap);
}

void
http_error_code(struct request *rq, int status, const char *code,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	http_verror(rq, status, code, fmt, ap);
	va_end(ap);
}

const char *
http_body(struct request *rq, size_t *len)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(rq->ev);

	*len = evbuffer_get_length(in);
	return *len == 0 ? NULL : (const char *)evbuffer_pullup(in, -1);
}
