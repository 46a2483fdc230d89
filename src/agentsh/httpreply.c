/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reply parser: lines of the head are collected whole, the body is copied
 * as it comes. RFC 9112; message bodies after section 6.3, but a reply whose
 * length is "until the connection closes" is refused.
 */
#include <string.h>
#include <strings.h>

#include "httpreply.h"

void
hr_init(struct hr *h, size_t max_body)
{
	memset(h, 0, sizeof(*h));
	buf_init(&h->body, max_body);
}

void
hr_free(struct hr *h)
{
	buf_free(&h->body);
}

static int
hr_bad(struct hr *h, const char *why)
{
	h->state = HR_BAD;
	h->err = why;
	return -1;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* RFC 9110 section 5.6.2 */
static bool
is_token(const char *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!is_digit(p[i]) && !(p[i] >= 'a' && p[i] <= 'z') &&
		    !(p[i] >= 'A' && p[i] <= 'Z') &&
		    (p[i] == '\0' || strchr("!#$%&'*+-.^_`|~", p[i]) == NULL))
			return false;
	return len > 0;
}

/* Digits only, nothing around them; 16 of them cannot overflow. */
static int
get_number(const char *p, size_t len, unsigned int base, uint64_t *v)
{
	static const char digits[] = "0123456789abcdef";
	const char *d;
	size_t i;

	if (len == 0 || len > 15)
		return -1;
	*v = 0;
	for (i = 0; i < len; i++) {
		d = p[i] == '\0' ?
		    NULL :
		    strchr(digits,
			p[i] >= 'A' && p[i] <= 'F' ? p[i] | 0x20 : p[i]);
		if (d == NULL || (unsigned int)(d - digits) >= base)
			return -1;
		*v = *v * base + (unsigned int)(d - digits);
	}
	return 0;
}

/* "HTTP/1.1 200 OK" */
static int
on_status(struct hr *h, const char *p, size_t len)
{
	uint64_t v;

	if (len < 12 || memcmp(p, "HTTP/1.", 7) != 0 || !is_digit(p[7]) ||
	    p[8] != ' ' || (len > 12 && p[12] != ' ') ||
	    get_number(p + 9, 3, 10, &v) == -1 || v < 100 || v > 599)
		return hr_bad(h, "not an HTTP reply");
	h->status = (int)v;
	h->has_length = false;
	h->chunked = false;
	h->is_events = false;
	h->left = 0;
	h->state = HR_HEADER;
	return 0;
}

static int
on_header(struct hr *h, const char *p, size_t len)
{
	const char *colon, *val;
	size_t nlen, vlen;
	uint64_t v;

	colon = memchr(p, ':', len);
	if (colon == NULL || !is_token(p, (size_t)(colon - p)))
		return hr_bad(h, "malformed header");
	nlen = (size_t)(colon - p);
	val = colon + 1;
	vlen = len - nlen - 1;
	while (vlen > 0 && (*val == ' ' || *val == '\t')) {
		val++;
		vlen--;
	}
	while (vlen > 0 && (val[vlen - 1] == ' ' || val[vlen - 1] == '\t'))
		vlen--;
	if (nlen == 14 && strncasecmp(p, "content-length", nlen) == 0) {
		if (get_number(val, vlen, 10, &v) == -1)
			return hr_bad(h, "malformed Content-Length");
		if (h->chunked || (h->has_length && v != h->left))
			return hr_bad(h, "two lengths");
		if (v > h->body.max)
			return hr_bad(h, "larger than this client takes");
		h->has_length = true;
		h->left = v;
	} else if (nlen == 17 &&
	    strncasecmp(p, "transfer-encoding", nlen) == 0) {
		if (h->has_length || h->chunked)
			return hr_bad(h, "two lengths");
		if (vlen != 7 || strncasecmp(val, "chunked", vlen) != 0)
			return hr_bad(h, "unknown Transfer-Encoding");
		h->chunked = true;
	} else if (nlen == 12 && strncasecmp(p, "content-type", nlen) == 0)
		h->is_events = h->events != NULL && h->status == 200 &&
		    vlen == 17 &&
		    strncasecmp(val, "text/event-stream", vlen) == 0;
	return 0;
}

static int
on_head_end(struct hr *h)
{
	if (h->status < 200) {
		if (h->status == 101 || ++h->interim > HR_MAX_INTERIM)
			return hr_bad(h, "unexpected interim reply");
		h->state = HR_STATUS;
	} else if (h->status == 204 || h->status == 304)
		h->state = HR_DONE;
	else if (h->chunked)
		h->state = HR_CHUNK_SIZE;
	else if (!h->has_length)
		return hr_bad(h, "a body of unknown length");
	else
		h->state = h->left == 0 ? HR_DONE : HR_BODY;
	return 0;
}

static int
on_chunk_size(struct hr *h, const char *p, size_t len)
{
	const char *semi;

	semi = memchr(p, ';', len);
	if (semi != NULL)
		len = (size_t)(semi - p);
	while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	if (get_number(p, len, 16, &h->left) == -1)
		return hr_bad(h, "malformed chunk");
	if (h->left > h->body.max - h->body.len)
		return hr_bad(h, "larger than this client takes");
	h->state = h->left == 0 ? HR_TRAILER : HR_CHUNK_DATA;
	/* a chunk's line is not a part of the head, which has its own limit */
	h->head = 0;
	return 0;
}

static int
on_line(struct hr *h, const char *p, size_t len)
{
	if (memchr(p, '\0', len) != NULL || memchr(p, '\r', len) != NULL)
		return hr_bad(h, "control byte in the head");
	switch (h->state) {
	case HR_STATUS:
		return on_status(h, p, len);
	case HR_HEADER:
		return len == 0 ? on_head_end(h) : on_header(h, p, len);
	case HR_CHUNK_SIZE:
		return on_chunk_size(h, p, len);
	case HR_CHUNK_END:
		if (len != 0)
			return hr_bad(h, "malformed chunk");
		h->state = HR_CHUNK_SIZE;
		return 0;
	case HR_TRAILER:
		if (len == 0)
			h->state = HR_DONE;
		return 0;
	case HR_BODY:
	case HR_CHUNK_DATA:
	case HR_DONE:
	case HR_BAD:
		break;
	}
	return hr_bad(h, "internal error");
}

static int
feed_line_byte(struct hr *h, char c)
{
	size_t len;

	if (++h->head > HR_MAX_HEAD || h->line_len == sizeof(h->line))
		return hr_bad(h, "too large a head");
	h->line[h->line_len++] = c;
	if (c != '\n')
		return 0;
	len = h->line_len;
	h->line_len = 0;
	if (len < 2 || h->line[len - 2] != '\r')
		return hr_bad(h, "a line without CRLF");
	return on_line(h, h->line, len - 2);
}

int
hr_feed(struct hr *h, const void *data, size_t len)
{
	const char *p = data;
	size_t n;

	while (len > 0 && h->state != HR_DONE && h->state != HR_BAD) {
		if (h->state != HR_BODY && h->state != HR_CHUNK_DATA) {
			feed_line_byte(h, *p);
			p++;
			len--;
			continue;
		}
		n = len < h->left ? len : (size_t)h->left;
		if (h->is_events) {
			if (h->events(h->arg, p, n) == -1)
				return hr_bad(h, NULL);
		} else
			buf_put(&h->body, p, n);
		if (h->body.bad)
			return hr_bad(h, "out of memory");
		h->left -= n;
		p += n;
		len -= n;
		if (h->left == 0)
			h->state = h->state == HR_BODY ? HR_DONE : HR_CHUNK_END;
	}
	if (h->state == HR_BAD)
		return -1;
	return h->state == HR_DONE ? 1 : 0;
}
