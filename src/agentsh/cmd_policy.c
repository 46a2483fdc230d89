/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh policy validate: the compiler's own reader, run here on a file.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#ifdef HAVE_POLICYCHECK
#include "policycheck.h"
#endif

int
cmd_policy_validate(struct args *a)
{
#ifdef HAVE_POLICYCHECK
	struct aerr e = { 0 };

	if (policy_check_file(a->argv[0], &e) == -1) {
		say("%s", e.message);
		return EXIT_FAILURE;
	}
	puts("ok");
	return 0;
#else
	say("%s: this build cannot check policies", a->argv[0]);
	return EXIT_FAILURE;
#endif
}
