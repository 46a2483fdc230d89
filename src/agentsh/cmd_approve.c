/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh approve list, approve resolve
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "jsonout.h"

int
cmd_approve_list(struct args *a)
{
	struct call c;
	int r;

	if (call(a, &c, "GET", "/api/v1/approvals", NULL, 0) == -1)
		return EXIT_FAILURE;
	if (c.status == 200) {
		print_body(&c);
		r = EXIT_SUCCESS;
	} else {
		r = call_error(&c);
	}
	call_free(&c);
	return r;
}

int
cmd_approve_resolve(struct args *a)
{
	bool allow = a->opt[OPT_ALLOW] != NULL;
	struct jsonout *j;
	struct call c;
	char *id, *path;
	const char *body;
	size_t len;
	int r;

	if (allow == (a->opt[OPT_DENY] != NULL))
		return usage_error(a, "one of --allow and --deny");
	j = jo_new();
	jo_open(j, NULL);
	jo_str(j, "decision", allow ? "approve" : "deny");
	if (a->opt[OPT_REASON] != NULL)
		jo_str(j, "reason", a->opt[OPT_REASON]);
	jo_close(j);
	body = jo_text(j, &len);
	if (body == NULL) {
		jo_free(j);
		return EXIT_FAILURE;
	}
	id = url_escape(a->argv[0]);
	path = xasprintf("/api/v1/approvals/%s", id);
	r = call(a, &c, "POST", path, body, len);
	free(path);
	free(id);
	jo_free(j);
	if (r == -1)
		return EXIT_FAILURE;
	if (c.status == 200) {
		puts("ok");
		r = EXIT_SUCCESS;
	} else {
		r = call_error(&c);
	}
	call_free(&c);
	return r;
}
