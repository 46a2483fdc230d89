/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh policy validate: the compiler's own reader, run here on a file.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../common/policycheck.h"
#include "cli.h"

void
policy_warnings(const struct warnings *w)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		say("warning: %s", w->text[i]);
	if (w->more > 0)
		say("warning: %zu more", w->more);
}

int
cmd_policy_validate(struct args *a)
{
	struct warnings w = { 0 };
	struct aerr e = { 0 };
	bool any;

	if (policy_check_file(a->argv[0], &w, &e) == -1) {
		say("%s", e.message);
		return EXIT_FAILURE;
	}
	policy_warnings(&w);
	any = w.n > 0;
	warnings_free(&w);
	if (any && a->opt[OPT_STRICT] != NULL)
		return EXIT_FAILURE;
	puts("ok");
	return 0;
}
