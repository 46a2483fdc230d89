/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh events: of the session that is named, or that exec would use.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const struct {
	enum opt_id opt;
	const char *key;
} params[] = {
	{ OPT_COMMAND, "command_id" },
	{ OPT_TYPE, "type" },
	{ OPT_DECISION, "decision" },
	{ OPT_LIMIT, "limit" },
	{ OPT_ORDER, "order" },
};

static char *
make_path(const struct args *a, const char *sid)
{
	char *path, *old, *value;
	const char *sep = "?";
	size_t i;

	value = url_escape(sid);
	path = xasprintf("/api/v1/sessions/%s/history", value);
	free(value);
	for (i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
		if (a->opt[params[i].opt] == NULL)
			continue;
		value = url_escape(a->opt[params[i].opt]);
		old = path;
		path = xasprintf("%s%s%s=%s", old, sep, params[i].key, value);
		sep = "&";
		free(old);
		free(value);
	}
	if (a->opt[OPT_EARLIER] != NULL) {
		old = path;
		path = xasprintf("%s%searlier=true", old, sep);
		free(old);
	}
	return path;
}

int
cmd_events(struct args *a)
{
	const char *order = a->opt[OPT_ORDER];
	char id[AGENTSH_ID_MAX + 1], root[PATH_MAX], *path;
	const char *sid = a->argc > 0 ? a->argv[0] :
					getenv("AGENTSH_SESSION_ID");
	struct call c;
	uint64_t n;
	int r;

	if (a->opt[OPT_LIMIT] != NULL &&
	    (parse_num(a->opt[OPT_LIMIT], 5000, &n) == -1 || n == 0))
		return usage_error(a, "--limit is a number from 1 to 5000");
	if (order != NULL && strcmp(order, "asc") != 0 &&
	    strcmp(order, "desc") != 0)
		return usage_error(a, "--order is asc or desc");
	if (sid == NULL || sid[0] == '\0') {
		if (session_root(NULL, root) == -1)
			return EXIT_FAILURE;
		session_default_id(root, id, sizeof(id));
		sid = id;
	}
	path = make_path(a, sid);
	r = call(a, &c, "GET", path, NULL, 0);
	free(path);
	if (r == -1)
		return EXIT_FAILURE;
	if (c.status != 200 || c.json == NULL)
		r = call_error(&c);
	else if (c.json->root->type == J_NULL)
		puts("[]");
	else
		print_body(&c);
	call_free(&c);
	return r;
}
