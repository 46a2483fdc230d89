/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh policy validate: the compiler's own reader, run here on a file.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "policycheck.h"

int
cmd_policy_validate(struct args *a)
{
	struct aerr e = { 0 };

	if (policy_check_file(a->argv[0], &e) == -1) {
		say("%s", e.message);
		return EXIT_FAILURE;
	}
	puts("ok");
	return 0;
}
