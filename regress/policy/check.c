/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks one policy file as agentsh policy validate does: for the goldens.
 */
#include <stdio.h>

#include "policycheck.h"

int
main(int argc, char **argv)
{
	struct aerr e = { 0 };

	if (argc != 2) {
		fprintf(stderr, "usage: check file\n");
		return 2;
	}
	if (policy_check_file(argv[1], &e) == 0)
		return 0;
	printf("%s\n", e.message);
	return 1;
}
