/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of commands, as replies carry them: "x" is text, "x_base64" what is
 * not text, and what did not fit an answer is fetched piece by piece.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "../common/fdio.h"

static int
put(int fd, const void *data, size_t len)
{
	if (write_all(fd, data, len) == 0)
		return 0;
	/* a reader like head(1) that has seen enough is nothing to report */
	if (errno != EPIPE)
		say("cannot write: %s", strerror(errno));
	return -1;
}

/* Writes member name of v; *len is its length. */
int
output_put(int fd, const struct jval *v, const char *name, uint64_t *len)
{
	const struct jval *s;
	char key[64];
	size_t n;
	void *raw;
	int r;

	*len = 0;
	snprintf(key, sizeof(key), "%s_base64", name);
	s = jv_at(v, key);
	if (s != NULL && s->type == J_STRING) {
		raw = xcalloc(s->len / 4 + 1, 3);
		if (base64_decode(s->str, s->len, raw, &n) == -1) {
			say("the server's answer cannot be read: %s", key);
			free(raw);
			return -1;
		}
		r = put(fd, raw, n);
		free(raw);
		*len = n;
		return r;
	}
	s = jv_at(v, name);
	if (s == NULL || s->type != J_STRING)
		return 0;
	*len = s->len;
	return put(fd, s->str, s->len);
}

int
output_get(const struct args *a, struct call *c, const char *sid,
    const char *cmdid, const char *stream, uint64_t offset, uint64_t limit)
{
	char *s, *m, *path;
	int r;

	s = url_escape(sid);
	m = url_escape(cmdid);
	path = xasprintf(
	    "/api/v1/sessions/%s/output/%s?stream=%s&offset=%llu&limit=%llu", s,
	    m, stream, (unsigned long long)offset, (unsigned long long)limit);
	r = call(a, c, "GET", path, NULL, 0);
	free(path);
	free(m);
	free(s);
	return r;
}

/* From offset to the end. What the server did not keep is said, not hidden. */
int
output_rest(const struct args *a, int fd, const char *sid, const char *cmdid,
    const char *stream, uint64_t offset, uint64_t total)
{
	struct call c;
	uint64_t len;

	while (offset < total) {
		if (output_get(a, &c, sid, cmdid, stream, offset, CLI_CHUNK) ==
		    -1)
			return -1;
		if (c.status != 200 || c.json == NULL) {
			call_error(&c);
			call_free(&c);
			return -1;
		}
		if (output_put(fd, c.json->root, "data", &len) == -1) {
			call_free(&c);
			return -1;
		}
		call_free(&c);
		if (len == 0)
			break;
		offset += len;
	}
	if (offset < total)
		say("%s: %llu more bytes were not kept by the server", stream,
		    (unsigned long long)(total - offset));
	return 0;
}
