/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh help
 */
#include "help.h"

int
cmd_help(struct args *a)
{
	enum cmd_id id;
	int n;

	if (a->argc == 0) {
		help_all(stdout);
		return 0;
	}
	id = cmd_find(a->argc, a->argv, &n);
	if (id != CMD_MAX && n == a->argc) {
		help_command(stdout, id);
		return 0;
	}
	if (a->argc == 1)
		help_family(stdout, a->argv[0]);
	return usage_error(a, "no command %s%s%s", a->argv[0],
	    a->argc > 1 ? " " : "", a->argc > 1 ? a->argv[1] : "");
}
