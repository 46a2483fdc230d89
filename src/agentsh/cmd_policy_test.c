/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh policy test: what a policy would decide; or whether it decides what a
 * table of rows expects.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../common/policytry.h"
#include "cli.h"
#include "jsonout.h"
#include "vis.h"

struct table {
	const char *file;
	struct jsonout *json; /* NULL: text */
};

static void
failed_cb(void *arg, size_t line, const char *text)
{
	struct table *t = arg;
	char safe[4 * AGENTSH_TEXT_MAX + 1], file[PATH_MAX];

	if (t->json != NULL) {
		jo_open(t->json, NULL);
		jo_num(t->json, "line", line);
		policy_ask_text(t->json, "message", text);
		jo_close(t->json);
		return;
	}
	vis_str(safe, sizeof(safe), text);
	vis_str(file, sizeof(file), t->file);
	printf("%s:%zu: %s\n", file, line, safe);
}

static int
test_table(const struct args *a, struct policy_try *p)
{
	struct table t = { .file = a->opt[OPT_TABLE] };
	struct aerr e = { 0 };
	struct try_count c;
	int ret;

	if (a->argc != policy_ask_skip(a))
		return usage_error(a, "--table takes the place of OPERATION");
	if (a->opt[OPT_EXIT_CODE] != NULL)
		return usage_error(a, "--table has a status of its own");
	if (a->opt[OPT_JSON] != NULL) {
		t.json = jo_new();
		jo_open(t.json, NULL);
		jo_open_array(t.json, "failures");
	}
	ret = try_table(p, t.file, &c, failed_cb, &t, &e);
	if (ret == -1)
		say("%s", e.message);
	ret = ret == -1 ? EXIT_USAGE : c.failed > 0 ? EXIT_FAILURE : 0;
	if (t.json != NULL && ret != EXIT_USAGE) {
		jo_close_array(t.json);
		jo_num(t.json, "passed", c.passed);
		jo_num(t.json, "failed", c.failed);
		jo_close(t.json);
		if (policy_ask_end(t.json) != 0)
			ret = EXIT_USAGE;
	} else if (ret != EXIT_USAGE) {
		printf("%zu passed, %zu failed\n", c.passed, c.failed);
	}
	if (t.json != NULL)
		jo_free(t.json);
	return ret;
}

static int
test_one(const struct args *a, struct policy_try *p)
{
	struct try_answer answer;
	struct jsonout *o;
	struct try_query *q = xcalloc(1, sizeof(*q));
	struct aerr e = { 0 };
	int ret;

	ret = policy_ask_query(a, p, q);
	if (ret == 0 && try_ask(p, q, &answer, NULL, &e) != TRY_DONE) {
		say("%s", e.message);
		ret = EXIT_INTERNAL;
	}
	free(q);
	if (ret != 0)
		return ret;
	if (a->opt[OPT_JSON] == NULL) {
		policy_ask_print(&answer);
	} else {
		o = jo_new();
		jo_open(o, NULL);
		policy_ask_json(o, &answer);
		jo_close(o);
		ret = policy_ask_end(o);
		jo_free(o);
	}
	if (ret == 0 && a->opt[OPT_EXIT_CODE] != NULL &&
	    answer.effective == DECISION_DENY)
		ret = EXIT_FAILURE;
	return ret;
}

int
cmd_policy_test(struct args *a)
{
	struct policy_try *p;
	int ret, least;

	if (policy_ask_args(a) != 0)
		return EXIT_USAGE;
	least = policy_ask_skip(a) + (a->opt[OPT_TABLE] == NULL ? 2 : 0);
	if (a->argc < least)
		return usage_error(a, "a word is missing");
	p = policy_ask_open(a, a->argv[0]);
	if (p == NULL)
		return EXIT_USAGE;
	ret = a->opt[OPT_TABLE] != NULL ? test_table(a, p) : test_one(a, p);
	try_close(p);
	return ret;
}
