/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: requests of HTTP/1.x. However they are cut into pieces, the same
 * bytes pass as the same requests, or the same is refused at the same place. What
 * passes as a head has lines that end with CR LF, and one host.
 */
#include <stdlib.h>
#include <string.h>

#include "http.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct result {
	size_t passed;
	uint64_t hash;
	const char *why;
};

static void
add(struct result *r, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len-- > 0)
		r->hash = (r->hash ^ *p++) * 1099511628211U;
}

static void
check_head(const struct http *h, const uint8_t *p, size_t len)
{
	struct http_request again = { 0 };
	size_t i;

	if (len > HTTP_HEAD_MAX || len < 4)
		abort();
	for (i = 0; i < len; i++) {
		if (p[i] == '\0' ||
		    (p[i] == '\n' && (i == 0 || p[i - 1] != '\r')) ||
		    (p[i] == '\r' && p[i + 1] != '\n'))
			abort();
	}
	if (h->req.host[0] != '\0' && strchr(h->req.host, ':') == NULL &&
	    http_authority(h->req.host, strlen(h->req.host), &again) == -1)
		abort();
	if (h->req.form == HTTP_ABSOLUTE &&
	    h->req.authority + h->req.nauthority >= len)
		abort();
}

static void
take(const uint8_t *data, size_t size, bool pieces, struct result *r)
{
	enum http_step step;
	size_t have = pieces ? 0 : size, n;
	struct http h;

	memset(r, 0, sizeof(*r));
	http_start(&h, size % 2 == 1);
	do {
		if (pieces && have < size)
			have += 1 + data[have] % 23;
		if (have > size)
			have = size;
		while ((step = http_next(&h, data + r->passed, have - r->passed,
			    &n)) != HTTP_MORE) {
			if (step == HTTP_REFUSED) {
				r->why = h.why;
				return;
			}
			if (n == 0 || n > have - r->passed)
				abort();
			if (step == HTTP_HEAD) {
				check_head(&h, data + r->passed, n);
				add(r, h.req.host, strlen(h.req.host));
				add(r, &r->passed, sizeof(r->passed));
			}
			r->passed += n;
		}
	} while (have < size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result whole, pieces;
	struct http_guess one = { 0 }, many = { 0 };
	size_t i;
	int is = -1;

	take(data, size, false, &whole);
	take(data, size, true, &pieces);
	if (whole.passed != pieces.passed || whole.hash != pieces.hash ||
	    whole.why != pieces.why)
		abort();
	/* the same, however the bytes come */
	for (i = 1; i <= size && is == -1; i++)
		is = http_looks_like(data, i, &many);
	if (is != http_looks_like(data, size, &one))
		abort();
	return 0;
}
