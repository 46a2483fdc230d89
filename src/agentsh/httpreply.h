/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parser of an HTTP/1.1 reply. It is fed as bytes arrive and does no I/O. It
 * is strict: CRLF line ends, one way of saying the length and a length at all,
 * so that a reply that was cut off is never taken for a whole one.
 */
#ifndef HTTPREPLY_H
#define HTTPREPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define HR_MAX_LINE 8192  /* bytes of one line of the head */
#define HR_MAX_HEAD 65536 /* bytes of all of them, trailers included */
#define HR_MAX_INTERIM 8  /* 1xx replies before the real one */

enum hr_state {
	HR_STATUS,
	HR_HEADER,
	HR_BODY,
	HR_CHUNK_SIZE,
	HR_CHUNK_DATA,
	HR_CHUNK_END,
	HR_TRAILER,
	HR_DONE,
	HR_BAD
};

struct hr {
	enum hr_state state;
	int status;
	struct buf body;
	/* takes the body of server-sent events in its place: 0, or -1 to end */
	int (*events)(void *arg, const void *, size_t);
	void *arg;
	const char *err; /* why HR_BAD; NULL: events() did not want more */
	uint64_t left;	 /* bytes of the body, or of the chunk, to come */
	bool has_length;
	bool chunked;
	bool is_events; /* the reply is */
	unsigned int interim;
	size_t head; /* bytes of the head so far */
	size_t line_len;
	char line[HR_MAX_LINE];
};

void hr_init(struct hr *, size_t max_body);
void hr_free(struct hr *);
/* 1 the reply is whole (bytes after it are ignored), 0 more is needed, -1 bad */
int hr_feed(struct hr *, const void *, size_t);

#endif
