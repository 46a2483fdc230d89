/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh session attach: the caller's shell in a session that is there, on a
 * terminal.
 */
#include <stdio.h>
#include <stdlib.h>

#include "jsonout.h"
#include "path.h"
#include "tty.h"

int
cmd_session_attach(struct args *a)
{
	struct exec_plan p = { .pty = true };
	const char *shell = getenv("SHELL"), *body, *id;
	struct jsonout *o;
	uint32_t uid;
	size_t len;
	int r = EXIT_FAILURE;

	if (session_name_split(a->argv[0], &uid, &id) == -1)
		return usage_error(a, "%s is not a session id", a->argv[0]);
	snprintf(p.id, sizeof(p.id), "%s", a->argv[0]);
	if (!tty_is_there())
		return usage_error(a, "standard input is not a terminal");
	a->argv[0] = xstrdup(shell != NULL && shell[0] == '/' ? shell :
								"/bin/sh");
	o = exec_request(a, &p);
	if (o != NULL && (body = jo_text(o, &len)) != NULL)
		r = exec_pty(a, &p, body, len);
	jo_free(o);
	free(a->argv[0]);
	return r;
}
