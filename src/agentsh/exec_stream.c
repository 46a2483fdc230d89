/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh exec --stream: what the command writes, as the server tells of it,
 * in server-sent events. A line of them is bounded; output goes on to ours
 * byte for byte, and while that does not take it nothing more is read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define LINE_MAX_LEN                                                           \
	4194304 /* bytes: one read(2) of a pipe, as JSON and base64 */

struct stream {
	struct buf line;
	char name[16];
	struct json *data;
	struct json *end;
	bool bad;     /* not what a server of ours sends */
	bool stopped; /* nobody reads our output */
};

struct stream *
exec_stream_new(void)
{
	struct stream *s = xcalloc(1, sizeof(*s));

	buf_init(&s->line, LINE_MAX_LEN);
	return s;
}

void
exec_stream_free(struct stream *s)
{
	buf_free(&s->line);
	json_free(s->data);
	json_free(s->end);
	free(s);
}

/* The event is whole. */
static int
on_event(struct stream *s)
{
	uint64_t len;
	int r = 0,
	    fd = strcmp(s->name, "stderr") == 0 ? STDERR_FILENO : STDOUT_FILENO;

	if (s->data == NULL || s->end != NULL)
		r = s->name[0] == '\0' && s->data == NULL ? 0 : -1;
	else if (strcmp(s->name, "done") == 0) {
		s->end = s->data;
		s->data = NULL;
	} else if (strcmp(s->name, "stdout") != 0 &&
	    strcmp(s->name, "stderr") != 0)
		r = -1;
	else if (output_put(fd, s->data->root, "data", &len) == -1)
		s->stopped = true;
	json_free(s->data);
	s->data = NULL;
	s->name[0] = '\0';
	return r;
}

/* Without its newline. */
static int
on_line(struct stream *s, const char *p, size_t len)
{
	const char *why;

	if (len == 0)
		return on_event(s);
	if (p[0] == ':')
		return 0;
	if (len > 7 && len - 7 < sizeof(s->name) &&
	    memcmp(p, "event: ", 7) == 0) {
		memcpy(s->name, p + 7, len - 7);
		s->name[len - 7] = '\0';
		return 0;
	}
	if (len <= 6 || memcmp(p, "data: ", 6) != 0 || s->data != NULL)
		return -1;
	s->data = json_parse(p + 6, len - 6, &why);
	return s->data == NULL ? -1 : 0;
}

int
exec_stream_take(void *arg, const void *data, size_t len)
{
	struct stream *s = arg;
	const char *p = data, *nl;
	size_t n;

	for (; len > 0 && !s->bad && !s->stopped; p += n, len -= n) {
		nl = memchr(p, '\n', len);
		n = nl == NULL ? len : (size_t)(nl - p) + 1;
		buf_put(&s->line, p, nl == NULL ? n : n - 1);
		if (s->line.bad)
			s->bad = true;
		if (nl == NULL || s->bad)
			continue;
		if (on_line(s, (const char *)s->line.data, s->line.len) == -1)
			s->bad = true;
		buf_reset(&s->line);
	}
	return s->bad || s->stopped ? -1 : 0;
}

void
exec_stream_say_bad(const struct stream *s)
{
	if (s->bad)
		say("the server's answer is no stream of output with an end");
}

int
exec_stream_end(struct stream *s)
{
	const struct jval *end = s->end == NULL ? NULL : s->end->root;
	const char *message = jv_str(end, "error.message");
	uint64_t code;

	if (jv_u64(end, "exit_code", &code) == -1 || code > 255) {
		s->bad = true;
		exec_stream_say_bad(s);
		return EXIT_FAILURE;
	}
	if (message != NULL)
		say("%s", message);
	exec_say_hints(jv_str(end, "hints"));
	return (int)code;
}
