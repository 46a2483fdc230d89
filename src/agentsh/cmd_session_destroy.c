/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh session destroy
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"

int
cmd_session_destroy(struct args *a)
{
	struct call c;
	char *sid, *path;
	int r;

	sid = url_escape(a->argv[0]);
	path = xasprintf("/api/v1/sessions/%s", sid);
	r = call(a, &c, "DELETE", path, NULL, 0);
	free(path);
	free(sid);
	if (r == -1)
		return EXIT_FAILURE;
	if (c.status != 204 && c.status != 200)
		r = call_error(&c);
	else
		puts("ok");
	call_free(&c);
	return r;
}
