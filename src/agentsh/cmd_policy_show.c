/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh policy show: the normal form of a policy, which is what a session at
 * /workspace would be under.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/buf.h"
#include "../common/policycheck.h"
#include "../common/vis.h"
#include "cli.h"

int
cmd_policy_show(struct args *a)
{
	char path[PATH_MAX], safe[PATH_MAX];
	const char *file = a->argv[0];
	struct warnings w = { 0 };
	struct aerr e = { 0 };
	struct buf out;
	int ret = 0;

	file = policy_find(file, path);
	if (file == NULL)
		return EXIT_FAILURE;
	if (policy_show_file(file, &w, &out, &e) == -1) {
		say("%s", e.message);
		return EXIT_FAILURE;
	}
	vis_str(safe, sizeof(safe), file);
	if (printf("# %s\n", safe) < 0 ||
	    fwrite(out.data, 1, out.len, stdout) != out.len ||
	    fflush(stdout) == EOF) {
		say("standard output: %s", strerror(errno));
		ret = EXIT_FAILURE;
	}
	policy_warnings(&w);
	warnings_free(&w);
	buf_free(&out);
	return ret;
}
