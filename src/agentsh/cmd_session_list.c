/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh session list
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"

static void
print_row(const struct jval *v)
{
	static const char *const keys[] = { "id", "state", "policy",
		"workspace" };
	static const int width[] = { -26, -6, -14, 0 };
	const char *s;
	char *safe;
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		s = jv_str(v, keys[i]);
		safe = vis_dup(s == NULL || s[0] == '\0' ? "-" : s);
		printf("%s%*s", i == 0 ? "" : " ", width[i], safe);
		free(safe);
	}
	putchar('\n');
}

int
cmd_session_list(struct args *a)
{
	const struct jval *v;
	struct call c;
	int r = 0;

	if (call(a, &c, "GET", "/api/v1/sessions", NULL, 0) == -1)
		return EXIT_FAILURE;
	if (c.status != 200 || c.json == NULL)
		r = call_error(&c);
	else if (a->opt[OPT_JSON] != NULL)
		print_body(&c);
	else if (c.json->root->type == J_ARRAY)
		for (v = c.json->root->child; v != NULL; v = v->next)
			print_row(v);
	call_free(&c);
	return r;
}
