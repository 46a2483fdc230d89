/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the readers, hello.c or http.c, a client's bytes are for, and what may
 * go on before they have said something. Bytes are from the sandbox.
 */
#include <string.h>

#include "inspect.h"

#define TLS_HANDSHAKE 0x16
#define TLS_MAJOR 3

void
inspect_start(struct inspect *in, uint16_t port, bool proxy)
{
	memset(in, 0, sizeof(*in));
	in->port = port;
	in->proxy = proxy;
	in->strict = proxy || port == 80;
	http_start(&in->http, false);
}

void
inspect_stop(struct inspect *in)
{
	hello_stop(&in->hello);
}

static enum inspect_step
refuse(struct inspect *in, const char *why)
{
	in->why = why;
	return INSPECT_REFUSED;
}

/* A reason, or NULL. */
static const char *
look_unknown(struct inspect *in, struct flow *f)
{
	int http;

	if (f->len == 0)
		return NULL;
	if (!in->proxy && f->buf[0] == TLS_HANDSHAKE) {
		if (f->len == 1)
			return NULL;
		in->kind = f->buf[1] == TLS_MAJOR ? INSPECT_TLS :
		    in->strict			  ? INSPECT_HTTP :
						    INSPECT_OPAQUE;
		if (in->kind == INSPECT_TLS && hello_start(&in->hello) == -1)
			return "out of memory";
		return in->kind == INSPECT_HTTP ? "malformed request line" :
						  NULL;
	}
	http = in->strict ? 1 : http_looks_like(f->buf, f->len);
	if (http == -1) {
		/* a request is none until its line has ended, so that others do
		 * not wait for an end that never comes */
		f->clear = f->len;
		return f->len == RELAY_BUF ? "first line too long" : NULL;
	}
	in->kind = http == 1 ? INSPECT_HTTP : INSPECT_OPAQUE;
	return NULL;
}

static enum inspect_step
look_tls(struct inspect *in, struct flow *f)
{
	size_t fed = in->hello.fed;

	switch (hello_feed(&in->hello, f->buf + fed, f->len - fed)) {
	case HELLO_MORE:
		if (f->ended || f->len == RELAY_BUF)
			return refuse(in, "incomplete ClientHello");
		return INSPECT_MORE;
	case HELLO_DONE:
		in->asked = true;
		return INSPECT_HELLO;
	case HELLO_BAD:
		break;
	}
	return refuse(in, in->hello.why);
}

static uint16_t
port_of(const struct http_request *r)
{
	return r->port == 0 ? 80 : r->port;
}

/* A request after the first, on the same connection. A reason, or NULL. */
static const char *
judge_next(const struct inspect *in)
{
	const struct http_request *r = &in->http.req;

	if (strcmp(r->host, in->host) != 0 || port_of(r) != in->host_port)
		return "request for a second host";
	/* the answer to it could not be told from those before */
	if (r->websocket)
		return "HTTP Upgrade";
	return in->proxy && r->form != HTTP_ABSOLUTE ?
	    "malformed request target" :
	    NULL;
}

static enum inspect_step
look_http(struct inspect *in, struct flow *f)
{
	const char *why;
	size_t n;

	for (;;) {
		if (in->upgrade)
			return INSPECT_MORE;
		switch (http_next(&in->http, f->buf + f->pos, f->len - f->pos,
		    &n)) {
		case HTTP_MORE:
			if (f->ended && f->pos < f->len)
				return refuse(in, "incomplete request");
			return INSPECT_MORE;
		case HTTP_REFUSED:
			return refuse(in, in->http.why);
		case HTTP_PASS:
			f->pos += n;
			break;
		case HTTP_HEAD:
			in->head = n;
			if (!in->first) {
				in->asked = true;
				return INSPECT_REQUEST;
			}
			if ((why = judge_next(in)) != NULL)
				return refuse(in, why);
			inspect_take(in, f);
			break;
		}
		if (f->clear < f->pos)
			f->clear = f->pos;
	}
}

enum inspect_step
inspect_look(struct inspect *in, struct flow *f)
{
	const char *why;

	if (in->asked)
		return INSPECT_MORE;
	if (in->kind == INSPECT_UNKNOWN) {
		if ((why = look_unknown(in, f)) != NULL)
			return refuse(in, why);
		if (in->kind == INSPECT_UNKNOWN && f->ended) {
			/* a proxy's client has asked for nothing */
			if (in->proxy)
				return refuse(in, "incomplete request");
			in->kind = INSPECT_OPAQUE;
		}
	}
	switch (in->kind) {
	case INSPECT_UNKNOWN:
		return INSPECT_MORE;
	case INSPECT_TLS:
		return look_tls(in, f);
	case INSPECT_HTTP:
		return look_http(in, f);
	case INSPECT_OPAQUE:
		break;
	}
	return INSPECT_PASS;
}

/* To an origin goes its own part of the target. */
static void
strip_authority(struct inspect *in, struct flow *f)
{
	const struct http_request *r = &in->http.req;
	size_t at = f->pos + r->authority, end = at + r->nauthority;

	memmove(f->buf + at, f->buf + end, f->len - end);
	f->len -= r->nauthority;
	in->head -= r->nauthority;
}

void
inspect_take(struct inspect *in, struct flow *f)
{
	const struct http_request *r = &in->http.req;

	in->asked = false;
	if (in->kind != INSPECT_HTTP) {
		in->kind = INSPECT_OPAQUE;
		hello_stop(&in->hello);
		return;
	}
	if (!in->first) {
		in->first = true;
		memcpy(in->host, r->host, sizeof(in->host));
		in->host_port = port_of(r);
		in->upgrade = r->websocket;
	}
	if (in->proxy)
		strip_authority(in, f);
	f->pos += in->head;
	f->clear = f->pos;
}

bool
inspect_heard(struct inspect *in, struct flow *f)
{
	static const char switching[] = "HTTP/1.1 101";
	const size_t want = sizeof(switching) - 1, len = f->len - f->pos;

	if (in->upgrade && len <= want && !f->ended)
		return false;
	if (in->upgrade && len > want && f->buf[f->pos + want] <= ' ' &&
	    memcmp(f->buf + f->pos, switching, want) == 0)
		in->kind = INSPECT_OPAQUE;
	in->upgrade = false;
	return true;
}
