/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh exec: runs a command, in a session that is made where it is missing.
 */
#include <stdlib.h>

#include "jsonout.h"
#include "tty.h"

/* 0 with the answer in c; or -1 after a message. */
static int
ask_once(const struct args *a, const struct exec_plan *p, const char *body,
    size_t len, struct stream *s, struct call *c)
{
	char *path;
	int r;

	path = xasprintf("/api/v1/sessions/%s/exec%s", p->id,
	    s != NULL ? "/stream" : "");
	if (s != NULL)
		r = call_events(a, c, path, body, len, exec_stream_take, s);
	else
		r = call(a, c, "POST", path, body, len);
	free(path);
	return r;
}

static int
ask(const struct args *a, const struct exec_plan *p, const char *body,
    size_t len, struct stream *s, struct call *c)
{
	int r = ask_once(a, p, body, len, s, c);

	if (r != 0 || c->status != 404)
		return r;
	call_free(c);
	if (session_ensure(a, p->id, p->root) == -1)
		return -1;
	return ask_once(a, p, body, len, s, c);
}

/* What never ran, or was refused, is answered as without --stream. */
static int
run_stream(const struct args *a, const struct exec_plan *p, const char *body,
    size_t len)
{
	struct stream *s = exec_stream_new();
	struct call c;
	int r = EXIT_FAILURE;

	if (ask(a, p, body, len, s, &c) == 0) {
		r = c.reply.is_events ? exec_stream_end(s) :
					exec_show(a, p, &c);
		call_free(&c);
	} else
		exec_stream_say_bad(s);
	exec_stream_free(s);
	return r;
}

int
cmd_exec(struct args *a)
{
	struct exec_plan p;
	struct jsonout *o;
	struct call c;
	const char *body;
	size_t len;
	int r;

	r = exec_args(a, &p);
	if (r != 0)
		return r;
	o = exec_request(a, &p);
	if (o == NULL)
		return EXIT_USAGE;
	r = EXIT_FAILURE;
	body = jo_text(o, &len);
	if (body == NULL || session_check(a, p.id, p.root) == -1)
		goto out;
	if (p.pty)
		r = exec_pty(a, &p, body, len);
	else if (p.stream)
		r = run_stream(a, &p, body, len);
	else if (ask(a, &p, body, len, NULL, &c) == 0) {
		r = exec_show(a, &p, &c);
		call_free(&c);
	}
out:
	jo_free(o);
	return r;
}
