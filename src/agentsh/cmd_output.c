/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh output: a piece of what a command wrote, byte for byte.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static int
show(const struct args *a, const struct call *c, const char *stream,
    uint64_t offset)
{
	uint64_t len;

	if (output_put(STDOUT_FILENO, c->json->root, "data", &len) == -1)
		return EXIT_FAILURE;
	if (jv_true(c->json->root, "has_more"))
		say("more: agentsh output %s %s --stream %s --offset %llu",
		    a->argv[0], a->argv[1], stream,
		    (unsigned long long)(offset + len));
	return 0;
}

int
cmd_output(struct args *a)
{
	const char *stream = a->opt[OPT_STREAM];
	uint64_t offset = 0, limit = 65536;
	struct call c;
	int r;

	if (stream == NULL)
		stream = "stdout";
	if (strcmp(stream, "stdout") != 0 && strcmp(stream, "stderr") != 0)
		return usage_error(a, "--stream is stdout or stderr");
	if (a->opt[OPT_OFFSET] != NULL &&
	    parse_num(a->opt[OPT_OFFSET], INT64_MAX, &offset) == -1)
		return usage_error(a, "--offset is not a number");
	if (a->opt[OPT_LIMIT] != NULL &&
	    (parse_num(a->opt[OPT_LIMIT], 10485760, &limit) == -1 ||
		limit == 0))
		return usage_error(a, "--limit is a number from 1 to 10485760");
	if (output_get(a, &c, a->argv[0], a->argv[1], stream, offset, limit) ==
	    -1)
		return EXIT_FAILURE;
	r = c.status != 200 || c.json == NULL ? call_error(&c) :
						show(a, &c, stream, offset);
	call_free(&c);
	return r;
}
