/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh events: of a session, or of all sessions of the user.
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
make_path(const struct args *a)
{
	char *path, *old, *value;
	const char *sep = "?";
	size_t i;

	if (a->argc > 0) {
		value = url_escape(a->argv[0]);
		path = xasprintf("/api/v1/sessions/%s/history", value);
		free(value);
	} else
		path = xstrdup("/api/v1/events/search");
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
	return path;
}

int
cmd_events(struct args *a)
{
	const char *order = a->opt[OPT_ORDER];
	struct call c;
	uint64_t n;
	char *path;
	int r;

	if (a->opt[OPT_LIMIT] != NULL &&
	    (parse_num(a->opt[OPT_LIMIT], 5000, &n) == -1 || n == 0))
		return usage_error(a, "--limit is a number from 1 to 5000");
	if (order != NULL && strcmp(order, "asc") != 0 &&
	    strcmp(order, "desc") != 0)
		return usage_error(a, "--order is asc or desc");
	path = make_path(a);
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
