/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh kill
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"

int
cmd_kill(struct args *a)
{
	struct call c;
	char *sid, *cmdid, *path;
	int r;

	sid = url_escape(a->argv[0]);
	cmdid = url_escape(a->argc > 1 ? a->argv[1] : "");
	path = xasprintf("/api/v1/sessions/%s/kill%s%s", sid,
	    a->argc > 1 ? "/" : "", cmdid);
	r = call(a, &c, "POST", path, NULL, 0);
	free(path);
	free(cmdid);
	free(sid);
	if (r == -1)
		return EXIT_FAILURE;
	if (c.status != 200)
		r = call_error(&c);
	else
		puts("ok");
	call_free(&c);
	return r;
}
