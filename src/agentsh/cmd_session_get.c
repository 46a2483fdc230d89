/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh session get, session info
 */
#include <stdlib.h>

#include "cli.h"

int
cmd_session_get(struct args *a)
{
	char *sid, *path;
	int r;

	sid = url_escape(a->argv[0]);
	path = xasprintf("/api/v1/sessions/%s", sid);
	r = call_show(a, "GET", path, NULL, 0);
	free(path);
	free(sid);
	return r;
}
