/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh policy mounts: what the root of a session would be put together
 * from, and which rule is the reason.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../common/event.h"
#include "../common/policytry.h"
#include "cli.h"
#include "jsonout.h"
#include "vis.h"

static void
json_cb(void *arg, const struct try_mount *m)
{
	struct jsonout *o = arg;

	jo_open(o, NULL);
	policy_ask_text(o, "path", m->path);
	jo_str(o, "mount", m->mount);
	policy_ask_text(o, "why", m->why);
	if (m->operation != NULL) {
		jo_str(o, "operation", m->operation);
		jo_str(o, "decision", decision_name(m->decision));
		if (m->example[0] != '\0')
			policy_ask_text(o, "example", m->example);
	}
	jo_close(o);
}

static void
text_cb(void *arg, const struct try_mount *m)
{
	char path[4 * AGENTSH_PATH_MAX + 1], why[4 * AGENTSH_TEXT_MAX + 1];

	(void)arg;
	vis_str(path, sizeof(path), m->path);
	vis_str(why, sizeof(why), m->why);
	printf("%s\t%s\t%s\n", path, m->mount, why);
}

static int
print_json(const struct policy_try *t, struct aerr *e)
{
	struct jsonout *o = jo_new();
	int ret;

	jo_open(o, NULL);
	jo_open_array(o, "mounts");
	ret = try_mounts(t, json_cb, o, e);
	jo_close_array(o);
	jo_close(o);
	if (ret == 0)
		ret = policy_ask_end(o);
	jo_free(o);
	return ret;
}

int
cmd_policy_mounts(struct args *a)
{
	struct policy_try *t;
	struct aerr e = { 0 };
	int ret;

	if (a->opt[OPT_SESSION] != NULL && a->argc > 0)
		return usage_error(a, "--session takes the place of NAME");
	t = policy_ask_open(a, a->argc > 0 ? a->argv[0] : "default");
	if (t == NULL)
		return EXIT_USAGE;
	if (a->opt[OPT_JSON] != NULL)
		ret = print_json(t, &e);
	else
		ret = try_mounts(t, text_cb, NULL, &e);
	try_close(t);
	if (ret == -1) {
		say("%s", e.message);
		return EXIT_FAILURE;
	}
	return ret;
}
