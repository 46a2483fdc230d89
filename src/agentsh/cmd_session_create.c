/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh session create
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "path.h"

int
cmd_session_create(struct args *a)
{
	const char *id = a->opt[OPT_ID], *dir = a->opt[OPT_WORKSPACE];
	char root[PATH_MAX], *safe;
	struct call c;
	int r = 0;

	if (id != NULL && !session_id_is_valid(id))
		return usage_error(a, "%s is not a session id", id);
	if (session_root(dir == NULL ? "." : dir, root) == -1 ||
	    session_create(a, id, root, &c) == -1)
		return EXIT_FAILURE;
	id = c.json == NULL ? NULL : jv_str(c.json->root, "id");
	if (c.status != 201 || id == NULL)
		r = call_error(&c);
	else if (a->opt[OPT_JSON] != NULL)
		print_body(&c);
	else {
		safe = vis_dup(id);
		puts(safe);
		free(safe);
	}
	call_free(&c);
	return r;
}
