/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh exec: runs a command, in a session that is made where it is missing.
 */
#include <stdlib.h>

#include "jsonout.h"
#include "tty.h"

/* 0 with the answer in c; or -1 after a message. */
static int
ask(const struct args *a, const struct exec_plan *p, const char *body,
    size_t len, struct call *c)
{
	char *path;
	int r;

	path = xasprintf("/api/v1/sessions/%s/exec", p->id);
	r = call(a, c, "POST", path, body, len);
	if (r == 0 && c->status == 404) {
		call_free(c);
		r = session_ensure(a, p->id, p->root);
		if (r == 0)
			r = call(a, c, "POST", path, body, len);
	}
	free(path);
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
	else if (ask(a, &p, body, len, &c) == 0) {
		r = exec_show(a, &p, &c);
		call_free(&c);
	}
out:
	jo_free(o);
	return r;
}
