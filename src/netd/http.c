/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The framing of HTTP/1.x requests. Bytes are from the sandbox; what is not
 * plainly right is refused, because the server behind may read it otherwise.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "hello.h"
#include "http.h"

#define LINE_MAX 4096 /* of a chunk's size, or what follows the chunks */
#define TRAILERS_MAX 64

enum state {
	IN_HEAD,
	IN_BODY,       /* left bytes */
	IN_CHUNK_LINE, /* its size */
	IN_CHUNK,      /* left bytes */
	IN_CHUNK_END,  /* the line end behind it */
	IN_TRAILER
};

/* What the header says, while it is read. */
struct fields {
	unsigned nhost, nlength, ncoding, nupgrade;
	bool chunked, old; /* old: HTTP/1.0 */
	bool upgrades;	   /* Connection has that word */
	uint64_t length;
	const char *host;
	size_t host_len;
};

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

void
http_start(struct http *h, bool connect)
{
	memset(h, 0, sizeof(*h));
	h->connect = connect;
}

static bool
is_token(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z') ||
	    (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static size_t
token_len(const char *p, size_t len)
{
	size_t n = 0;

	while (n < len && is_token((uint8_t)p[n]))
		n++;
	return n;
}

static bool
is_word(const char *p, size_t len, const char *word)
{
	return len == strlen(word) && strncasecmp(p, word, len) == 0;
}

/* Digits alone. 0 or -1. */
static int
number(const char *p, size_t len, uint64_t max, uint64_t *v)
{
	size_t i;

	*v = 0;
	if (len == 0 || len > 19)
		return -1;
	for (i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		*v = *v * 10 + (uint64_t)(p[i] - '0');
	}
	return *v <= max ? 0 : -1;
}

int
http_authority(const char *p, size_t len, struct http_request *r)
{
	const char *end = p, *colon;
	char text[INET6_ADDRSTRLEN];
	size_t n;
	uint64_t port;

	r->is_addr = false;
	r->port = 0;
	r->host[0] = '\0';
	if (len > 0 && p[0] == '[') {
		end = memchr(p, ']', len);
		n = end == NULL ? 0 : (size_t)(end - p) - 1;
		if (n == 0 || n >= sizeof(text))
			return -1;
		memcpy(text, p + 1, n);
		text[n] = '\0';
		if (memchr(text, '\0', n) != NULL ||
		    inet_pton(AF_INET6, text, r->addr) != 1)
			return -1;
		memcpy(r->host, text, n + 1);
		r->is_addr = true;
		end++;
	}
	colon = memchr(end, ':', len - (size_t)(end - p));
	n = colon == NULL ? len : (size_t)(colon - p);
	if (colon != NULL) {
		if (number(colon + 1, len - n - 1, 65535, &port) == -1 ||
		    port == 0)
			return -1;
		r->port = (uint16_t)port;
	}
	if (r->is_addr)
		return end == p + n ? 0 : -1;
	if (hello_name(p, n, r->host) == -1)
		return -1;
	memcpy(r->addr, mapped, sizeof(mapped));
	r->is_addr = inet_pton(AF_INET, r->host, r->addr + 12) == 1;
	return 0;
}

/* The target of the request line. A reason, or NULL. */
static const char *
read_target(struct http *h, const char *line, const char *p, size_t len)
{
	struct http_request *r = &h->req;
	const char *slash;

	if (strcmp(r->method, "CONNECT") == 0) {
		r->form = HTTP_AUTHORITY;
		return h->connect ? NULL : "HTTP CONNECT";
	}
	if (len == 1 && p[0] == '*') {
		r->form = HTTP_ASTERISK;
		return strcmp(r->method, "OPTIONS") == 0 ?
		    NULL :
		    "malformed request target";
	}
	if (p[0] == '/') {
		r->form = HTTP_ORIGIN;
		return NULL;
	}
	r->form = HTTP_ABSOLUTE;
	if (len < 8 || strncasecmp(p, "http://", 7) != 0)
		return "malformed request target";
	slash = memchr(p + 7, '/', len - 7);
	if (slash == NULL)
		return "malformed request target";
	r->authority = (size_t)(p - line);
	r->nauthority = (size_t)(slash - p);
	return NULL;
}

static const char *
read_request_line(struct http *h, const char *p, size_t len, struct fields *f)
{
	size_t n = token_len(p, len), i, from;

	if (n == 0 || n > HTTP_METHOD_MAX || n == len || p[n] != ' ')
		return "malformed request line";
	memcpy(h->req.method, p, n);
	h->req.method[n] = '\0';
	from = n + 1;
	for (i = from; i < len && p[i] != ' '; i++) {
		if ((uint8_t)p[i] < ' ' || p[i] == 0x7f || p[i] == '\\')
			return "malformed request target";
	}
	if (strcmp(h->req.method, "PRI") == 0)
		return "HTTP/2 without TLS";
	if (i == from || len - i != 9 || memcmp(p + i, " HTTP/1.", 8) != 0 ||
	    (p[i + 8] != '1' && p[i + 8] != '0'))
		return "malformed HTTP version";
	f->old = p[i + 8] == '0';
	return read_target(h, p, p + from, i - from);
}

/* The words of a list, one after the other. false: no more. */
static bool
next_word(const char **p, size_t *len, const char **word, size_t *n)
{
	while (*len > 0 && (**p == ',' || **p == ' ' || **p == '\t')) {
		(*p)++;
		(*len)--;
	}
	*word = *p;
	*n = 0;
	while (*len > 0 && **p != ',') {
		(*p)++;
		(*len)--;
		(*n)++;
	}
	while (*n > 0 && ((*word)[*n - 1] == ' ' || (*word)[*n - 1] == '\t'))
		(*n)--;
	return *n > 0;
}

static const char *
read_field(struct http *h, const char *name, size_t nname, const char *p,
    size_t len, struct fields *f)
{
	const char *word;
	size_t n;

	if (is_word(name, nname, "host")) {
		f->host = p;
		f->host_len = len;
		return f->nhost++ > 0 ? "two Host lines" : NULL;
	}
	if (is_word(name, nname, "content-length")) {
		if (f->nlength++ > 0 ||
		    number(p, len, INT64_MAX, &f->length) == -1)
			return "malformed Content-Length";
		return NULL;
	}
	if (is_word(name, nname, "transfer-encoding")) {
		f->chunked = is_word(p, len, "chunked");
		return f->ncoding++ > 0 || !f->chunked ?
		    "unknown Transfer-Encoding" :
		    NULL;
	}
	if (is_word(name, nname, "upgrade")) {
		h->req.websocket = is_word(p, len, "websocket");
		return f->nupgrade++ > 0 || !h->req.websocket ? "HTTP Upgrade" :
								NULL;
	}
	if (is_word(name, nname, "http2-settings"))
		return "HTTP Upgrade";
	if (is_word(name, nname, "connection")) {
		while (next_word(&p, &len, &word, &n))
			f->upgrades |= is_word(word, n, "upgrade");
	}
	return NULL;
}

static const char *
read_line(struct http *h, const char *p, size_t len, struct fields *f)
{
	size_t n = token_len(p, len), i, to = len;

	/* also what folds a line: it begins with a space */
	if (n == 0 || n == len || p[n] != ':')
		return p[0] == ' ' || p[0] == '\t' ? "folded header line" :
						     "malformed header name";
	for (i = n + 1; i < len; i++) {
		if (((uint8_t)p[i] < ' ' && p[i] != '\t') || p[i] == 0x7f)
			return "malformed header value";
	}
	for (i = n + 1; i < to && (p[i] == ' ' || p[i] == '\t');)
		i++;
	while (to > i && (p[to - 1] == ' ' || p[to - 1] == '\t'))
		to--;
	return read_field(h, p, n, p + i, to - i, f);
}

/* What the parts mean together. */
static const char *
read_whole(struct http *h, const char *head, const struct fields *f)
{
	struct http_request *r = &h->req, target;
	bool absolute = r->form == HTTP_ABSOLUTE;
	const char *at = head;
	size_t len;

	if (f->nhost == 0 && !f->old)
		return "no Host line";
	if (f->nhost > 0 && http_authority(f->host, f->host_len, r) == -1)
		return "malformed Host";
	if (absolute || r->form == HTTP_AUTHORITY) {
		at = absolute ? head + r->authority + 7 :
				head + strlen(r->method) + 1;
		len = absolute ? r->nauthority - 7 : strcspn(at, " ");
		memset(&target, 0, sizeof(target));
		if (http_authority(at, len, &target) == -1 ||
		    (!absolute && target.port == 0))
			return "malformed request target";
		if (absolute && f->nhost > 0 &&
		    (strcmp(target.host, r->host) != 0 ||
			(target.port == 0 ? 80 : target.port) !=
			    (r->port == 0 ? 80 : r->port)))
			return "Host differs from the request target";
		/* of CONNECT it is the target that counts */
		memcpy(r->host, target.host, sizeof(r->host));
		memcpy(r->addr, target.addr, sizeof(r->addr));
		r->is_addr = target.is_addr;
		r->port = target.port;
	}
	if (f->ncoding > 0 && (f->nlength > 0 || f->old))
		return "two lengths of a body";
	if (r->form == HTTP_AUTHORITY && (f->ncoding > 0 || f->length > 0))
		return "HTTP CONNECT";
	if (r->websocket &&
	    (f->old || !f->upgrades || f->chunked || f->length > 0 ||
		strcmp(r->method, "GET") != 0))
		return "HTTP Upgrade";
	h->left = f->length;
	return NULL;
}

/* len bytes that end with an empty line. */
static const char *
read_head(struct http *h, const char *head, size_t len)
{
	struct fields f = { 0 };
	const char *p = head, *nl, *why = NULL;
	size_t n, line;

	memset(&h->req, 0, sizeof(h->req));
	for (line = 0;; line++) {
		nl = memchr(p, '\n', len);
		if (nl == NULL || nl == p || nl[-1] != '\r')
			return "line end other than CR LF";
		n = (size_t)(nl - p) - 1;
		if (n == 0)
			break;
		if (memchr(p, '\r', n) != NULL)
			return "line end other than CR LF";
		why = line == 0 ? read_request_line(h, p, n, &f) :
				  read_line(h, p, n, &f);
		if (why != NULL)
			return why;
		len -= n + 2;
		p = nl + 1;
	}
	if (line == 0)
		return "malformed request line";
	why = read_whole(h, head, &f);
	if (why == NULL)
		h->state = f.chunked ? IN_CHUNK_LINE :
		    h->left > 0	     ? IN_BODY :
				       IN_HEAD;
	return why;
}

/* Can a request begin so? What cannot is not waited for the end of. */
static bool
is_beginning(const uint8_t *p, size_t len)
{
	size_t n = token_len((const char *)p,
	    len <= HTTP_METHOD_MAX ? len : HTTP_METHOD_MAX + 1);

	return n == len ? n <= HTTP_METHOD_MAX : n > 0 && p[n] == ' ';
}

static enum http_step
refuse(struct http *h, const char *why)
{
	h->why = why;
	return HTTP_REFUSED;
}

/* The head ends with the first empty line, whose ends may be as they like:
 * read_head refuses what is not CR LF. */
static enum http_step
next_head(struct http *h, const uint8_t *p, size_t len, size_t *n)
{
	size_t i;
	const char *why;

	for (i = h->scanned; i < len; i++) {
		if (p[i] != '\n')
			continue;
		/* a bare LF is seen before more is waited for */
		if (i == 0 || p[i - 1] != '\r')
			return refuse(h, "line end other than CR LF");
		if (i == 1 || (i >= 3 && p[i - 2] == '\n'))
			break;
	}
	if (i >= HTTP_HEAD_MAX)
		return refuse(h, "request head too long");
	h->scanned = i;
	if (i == len)
		return is_beginning(p, len) ?
		    HTTP_MORE :
		    refuse(h, "malformed request line");
	h->scanned = 0;
	*n = i + 1;
	why = read_head(h, (const char *)p, *n);
	return why == NULL ? HTTP_HEAD : refuse(h, why);
}

static enum http_step
next_counted(struct http *h, size_t len, size_t *n)
{
	*n = len < h->left ? len : (size_t)h->left;
	h->left -= *n;
	if (h->left == 0)
		h->state = h->state == IN_BODY ? IN_HEAD : IN_CHUNK_END;
	return HTTP_PASS;
}

/* The size in hexadecimal digits; what follows it is of no meaning to us. */
static int
read_chunk_line(struct http *h, const uint8_t *p, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const char *d;
	size_t i;

	h->left = 0;
	for (i = 0; i < len && p[i] != '\0' && i < 16; i++) {
		d = strchr(digits,
		    p[i] >= 'A' && p[i] <= 'F' ? p[i] | 0x20 : p[i]);
		if (d == NULL)
			break;
		h->left = h->left << 4 | (uint64_t)(d - digits);
	}
	if (i == 0 || i > 15 || (i < len && p[i] != ';'))
		return -1;
	for (; i < len; i++) {
		if ((p[i] < ' ' && p[i] != '\t') || p[i] == 0x7f)
			return -1;
	}
	return 0;
}

static enum http_step
next_line(struct http *h, const uint8_t *p, size_t len, size_t *n)
{
	const uint8_t *nl = memchr(p, '\n', len);
	struct fields f = { 0 };
	size_t line;

	if (nl == NULL)
		return len < LINE_MAX ? HTTP_MORE :
					refuse(h, "malformed chunk");
	line = (size_t)(nl - p);
	if (line == 0 || line > LINE_MAX || nl[-1] != '\r' ||
	    memchr(p, '\r', --line) != NULL)
		return refuse(h, "malformed chunk");
	*n = (size_t)(nl - p) + 1;
	if (h->state == IN_CHUNK_LINE) {
		if (read_chunk_line(h, p, line) == -1)
			return refuse(h, "malformed chunk");
		h->state = h->left > 0 ? IN_CHUNK : IN_TRAILER;
		h->nlines = 0;
	} else if (h->state == IN_CHUNK_END) {
		if (line > 0)
			return refuse(h, "malformed chunk");
		h->state = IN_CHUNK_LINE;
	} else if (line == 0) {
		h->state = IN_HEAD;
	} else if (h->nlines++ >= TRAILERS_MAX ||
	    read_line(h, (const char *)p, line, &f) != NULL ||
	    f.nhost + f.nlength + f.ncoding + f.nupgrade > 0) {
		/* what has a meaning has none there */
		return refuse(h, "malformed trailer");
	}
	return HTTP_PASS;
}

enum http_step
http_next(struct http *h, const uint8_t *p, size_t len, size_t *n)
{
	*n = 0;
	if (h->why != NULL)
		return HTTP_REFUSED;
	if (len == 0)
		return HTTP_MORE;
	switch ((enum state)h->state) {
	case IN_HEAD:
		return next_head(h, p, len, n);
	case IN_BODY:
	case IN_CHUNK:
		return next_counted(h, len, n);
	case IN_CHUNK_LINE:
	case IN_CHUNK_END:
	case IN_TRAILER:
		return next_line(h, p, len, n);
	}
	return refuse(h, "malformed chunk");
}

/* What some servers take for the space between words, RFC 9112, 3. */
static bool
is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r' && c != '\n');
}

/* Is what has no version the request of HTTP/0.9? Some servers read a header
 * behind it. */
static bool
is_old_get(const uint8_t *p, size_t len)
{
	size_t i = 3;

	if (len < 4 || strncasecmp((const char *)p, "get", 3) != 0 ||
	    !is_blank(p[3]))
		return false;
	while (i < len && is_blank(p[i]))
		i++;
	return i < len &&
	    (p[i] == '/' ||
		(len - i >= 7 &&
		    strncasecmp((const char *)p + i, "http://", 7) == 0));
}

static bool
has_version(const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i + 5 <= len; i++) {
		if (strncasecmp((const char *)p + i, "http/", 5) == 0)
			return true;
	}
	return false;
}

int
http_looks_like(const uint8_t *p, size_t len, struct http_guess *g)
{
	const uint8_t *nl;
	size_t end;

	if (g->part == 0) {
		while (g->at < len && (is_blank(p[g->at]) || p[g->at] == '\n'))
			g->at++;
		g->word = g->at;
		g->part = g->at < len;
	}
	if (g->part == 1) {
		while (g->at < len && is_token(p[g->at]))
			g->at++;
		if (g->at - g->word > HTTP_HEAD_MAX)
			return 0;
		if (g->at == len)
			return -1;
		/* a header of the PROXY protocol hides what is behind it */
		if (g->at == g->word)
			return g->at == 4 && memcmp(p, "\r\n\r\n", 5) == 0;
		if (!is_blank(p[g->at]))
			return 0;
		if (g->at - g->word == 5 &&
		    memcmp(p + g->word, "PROXY", 5) == 0)
			return 1;
		g->part = 2;
	}
	/* whatever bytes are in the line: servers take them, too */
	nl = memchr(p + g->at, '\n', len - g->at);
	end = nl == NULL ? len : (size_t)(nl - p);
	if (has_version(p + g->at, end - g->at))
		return 1;
	if (nl != NULL)
		return is_old_get(p + g->word, end - g->word);
	/* the last bytes may be the beginning of it */
	if (g->at + 4 < len)
		g->at = len - 4;
	return -1;
}
