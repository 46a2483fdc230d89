/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh session get, session info
 */
#include <stdlib.h>

#include "cli.h"

int
cmd_session_get(struct args *a)
{
	struct call c;
	char *sid, *path;
	int r;

	sid = url_escape(a->argv[0]);
	path = xasprintf("/api/v1/sessions/%s", sid);
	r = call(a, &c, "GET", path, NULL, 0);
	free(path);
	free(sid);
	if (r == -1)
		return EXIT_FAILURE;
	if (c.status != 200 || c.json == NULL)
		r = call_error(&c);
	else
		print_body(&c);
	call_free(&c);
	return r;
}
