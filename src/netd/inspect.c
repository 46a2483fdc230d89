/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the readers, hello.c or http.c, a client's bytes are for, and what may
 * go on before they have said something. Bytes are from the sandbox.
 */
#include <string.h>

#include "inspect.h"

/* RFC 8446, 5.1: a record's type, version and length, and what is in it */
#define TLS_FIRST 0x14
#define TLS_CHANGE_CIPHER 0x14
#define TLS_ALERT 0x15
#define TLS_HANDSHAKE 0x16
#define TLS_APPLICATION 0x17
#define TLS_LAST 0x18
#define TLS_MAJOR 3
#define TLS_HEADER 5
#define TLS_RANDOM_AT (TLS_HEADER + 6) /* of a ServerHello */
#define TLS_SERVER_HELLO 2

/* The random of a HelloRetryRequest, RFC 8446, 4.1.3. */
static const uint8_t retry[32] = { 0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61,
	0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
	0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33,
	0x9c };

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
	hello_stop(&in->again);
}

static enum inspect_step
refuse(struct inspect *in, const char *why)
{
	in->why = why;
	return INSPECT_REFUSED;
}

/* Could a server read a ClientHello (1) there, or past this (a warning, which is 1,
 * an empty record) to one? Some (s2n, Go's, GnuTLS) do not care for the version in
 * the first record. 1, 0, or -1: more has to come. OpenSSL refuses what has another
 * one. */
static int
is_record(const uint8_t *p, size_t len)
{
	size_t n;

	if (p[0] < TLS_FIRST || p[0] > TLS_LAST)
		return 0;
	if (len >= 2 && p[1] == TLS_MAJOR)
		return 1;
	if (len <= TLS_HEADER)
		return -1;
	n = (size_t)(p[3] << 8 | p[4]);
	/* other protocols have bytes like these: the next one tells */
	if (n == 0)
		return p[TLS_HEADER] >= TLS_FIRST && p[TLS_HEADER] <= TLS_LAST;
	return p[TLS_HEADER] == 1 &&
	    (p[0] == TLS_HANDSHAKE || (p[0] == TLS_ALERT && n == 2) ||
		(p[0] == TLS_CHANGE_CIPHER && n == 1));
}

/* A reason, or NULL. */
static const char *
look_unknown(struct inspect *in, struct flow *f)
{
	int tls, http;

	if (f->len == 0)
		return NULL;
	tls = in->proxy ? 0 : is_record(f->buf, f->len);
	if (tls == 1) {
		in->kind = INSPECT_TLS;
		return hello_start(&in->hello) == -1 ? "out of memory" : NULL;
	}
	if (tls == -1) {
		/* too short to hide a hello, and perhaps all that comes */
		if (!in->strict && f->len > 1)
			f->clear = f->len;
		return NULL;
	}
	if (in->strict && f->buf[0] >= TLS_FIRST && f->buf[0] <= TLS_LAST) {
		in->kind = INSPECT_HTTP;
		return "malformed request line";
	}
	http = in->strict ? 1 : http_looks_like(f->buf, f->len, &in->guess);
	if (http == -1) {
		/* a request is none until its line has ended, so that others do
		 * not wait for an end that never comes */
		f->clear = f->len;
		return f->len == RELAY_BUF ? "first line too long" : NULL;
	}
	in->kind = http == 1 ? INSPECT_HTTP : INSPECT_OPAQUE;
	return NULL;
}

/* What was not looked at yet. */
static const uint8_t *
rest_of(const struct flow *f)
{
	return f->buf == NULL ? (const uint8_t *)"" : f->buf + f->pos;
}

/* What a client may send between two ClientHellos: data that a server reads past
 * when it wants another, and a record that means nothing. Passes them. */
static void
pass_between(struct inspect *in, struct flow *f)
{
	const uint8_t *p;
	size_t left, len;

	if (!in->second || in->again.fed > 0)
		return;
	for (;;) {
		p = rest_of(f);
		left = f->len - f->pos;
		if (left < TLS_HEADER ||
		    (p[0] != TLS_CHANGE_CIPHER && p[0] != TLS_APPLICATION))
			return;
		len = TLS_HEADER + (size_t)(p[3] << 8 | p[4]);
		if (len > left)
			return;
		f->pos += len;
		f->clear = f->pos;
	}
}

static enum inspect_step
look_tls(struct inspect *in, struct flow *f)
{
	struct hello *h = in->second ? &in->again : &in->hello;
	size_t left;

	if (in->waits)
		return INSPECT_MORE;
	pass_between(in, f);
	left = f->len - f->pos;
	if (in->second && h->fed == 0 && left > 0 &&
	    (*rest_of(f) == TLS_CHANGE_CIPHER ||
		*rest_of(f) == TLS_APPLICATION))
		return f->ended || f->len == RELAY_BUF ?
		    refuse(in, "incomplete ClientHello") :
		    INSPECT_MORE;
	switch (hello_feed(h, rest_of(f) + h->fed, left - h->fed)) {
	case HELLO_MORE:
		if ((f->ended && left > 0) || f->len == RELAY_BUF)
			return refuse(in, "incomplete ClientHello");
		return INSPECT_MORE;
	case HELLO_DONE:
		if (in->second) {
			if (strcmp(h->sni, in->hello.sni) != 0 ||
			    h->ech != in->hello.ech)
				return refuse(in,
				    "another name in a second ClientHello");
			in->kind = INSPECT_OPAQUE;
			return INSPECT_PASS;
		}
		in->asked = true;
		return INSPECT_HELLO;
	case HELLO_BAD:
		break;
	}
	return refuse(in, h->why);
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
		if (in->waits)
			return INSPECT_MORE;
		switch (http_next(&in->http, rest_of(f), f->len - f->pos, &n)) {
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
		hello_stop(&in->hello);
		f->pos += in->hello.used;
		f->clear = f->pos;
		in->waits = true;
		return;
	}
	if (!in->first) {
		in->first = true;
		memcpy(in->host, r->host, sizeof(in->host));
		in->host_port = port_of(r);
		in->waits = r->websocket;
	}
	if (in->proxy)
		strip_authority(in, f);
	f->pos += in->head;
	f->clear = f->pos;
}

/* The answer to a request for a WebSocket. */
static bool
heard_http(struct inspect *in, const uint8_t *p, size_t len, bool ended)
{
	static const char switching[] = "HTTP/1.1 101";
	const size_t want = sizeof(switching) - 1;

	if (len <= want && !ended)
		return false;
	if (len > want && p[want] <= ' ' && memcmp(p, switching, want) == 0)
		in->kind = INSPECT_OPAQUE;
	return true;
}

/* Alerts that the client reads past, as of a name that the server does not know. */
static void
skip_warnings(const uint8_t **p, size_t *len)
{
	static const uint8_t warning[] = { TLS_ALERT, TLS_MAJOR };

	while (*len >= TLS_HEADER + 2 &&
	    memcmp(*p, warning, sizeof(warning)) == 0 && (*p)[3] == 0 &&
	    (*p)[4] == 2 && (*p)[TLS_HEADER] == 1) {
		*p += TLS_HEADER + 2;
		*len -= TLS_HEADER + 2;
	}
}

/* The answer to a ClientHello: a HelloRetryRequest asks for another, and what
 * cannot be told from one counts as one. */
static bool
heard_tls(struct inspect *in, const uint8_t *p, size_t len, bool ended)
{
	const size_t want = TLS_RANDOM_AT + sizeof(retry);

	skip_warnings(&p, &len);
	if (len == 0 || p[0] != TLS_HANDSHAKE) {
		/* an alert is not told from a warning by its beginning */
		if (!ended &&
		    (len == 0 || (p[0] == TLS_ALERT && len < TLS_HEADER + 2)))
			return false;
		in->kind = INSPECT_OPAQUE;
		return true;
	}
	if (len < want && !ended)
		return false;
	if (len >= want && (size_t)(p[3] << 8 | p[4]) >= want - TLS_HEADER &&
	    (p[TLS_HEADER] != TLS_SERVER_HELLO ||
		memcmp(p + TLS_RANDOM_AT, retry, sizeof(retry)) != 0)) {
		in->kind = INSPECT_OPAQUE;
		return true;
	}
	in->second = true;
	return true;
}

bool
inspect_heard(struct inspect *in, struct flow *f)
{
	const uint8_t *p = rest_of(f);
	size_t len = f->len - f->pos;

	if (in->waits &&
	    !(in->kind == INSPECT_HTTP ? heard_http(in, p, len, f->ended) :
					 heard_tls(in, p, len, f->ended)))
		return false;
	in->waits = false;
	if (in->second && hello_start(&in->again) == -1) {
		/* which is no hello, and refused */
		in->again.state = HELLO_BAD;
		in->again.why = "out of memory";
	}
	return true;
}
