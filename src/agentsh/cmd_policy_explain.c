/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh policy explain: how a policy comes to a decision, rule by rule.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../common/event.h"
#include "../common/policytry.h"
#include "cli.h"
#include "jsonout.h"
#include "vis.h"

struct explained {
	struct jsonout *json; /* NULL: text */
	bool open;	      /* an object of "considered" */
};

static void
close_about(struct explained *x)
{
	if (!x->open)
		return;
	x->open = false;
	if (x->json == NULL) {
		putchar('\n');
		return;
	}
	jo_close_array(x->json);
	jo_close(x->json);
}

static void
about_cb(void *arg, const char *what)
{
	struct explained *x = arg;
	char safe[4 * AGENTSH_TEXT_MAX + 1];

	close_about(x);
	x->open = true;
	if (x->json != NULL) {
		jo_open(x->json, NULL);
		policy_ask_text(x->json, "asked", what);
		jo_open_array(x->json, "rules");
		return;
	}
	vis_str(safe, sizeof(safe), what);
	printf("%s\n", safe);
}

static void
rule_cb(void *arg, const struct try_rule *r)
{
	struct explained *x = arg;
	char safe[4 * AGENTSH_NAME_MAX + 1];

	if (x->json == NULL) {
		vis_str(safe, sizeof(safe), r->name);
		if (r->number == 0) {
			printf("     %s (built in, %s): matches\n", safe,
			    decision_name(r->decision));
			return;
		}
		printf("%4zu %s (%sline %zu, %s): %s%s\n", r->number, safe,
		    r->mount != NULL ? "of the mount, " : "", r->line,
		    decision_name(r->decision), r->differs ? "not its " : "",
		    r->why);
		return;
	}
	jo_open(x->json, NULL);
	jo_num(x->json, "number", r->number);
	policy_ask_text(x->json, "name", r->name);
	jo_num(x->json, "line", r->line);
	if (r->mount != NULL)
		policy_ask_text(x->json, "mount", r->mount);
	jo_str(x->json, "decision", decision_name(r->decision));
	jo_bool(x->json, "matches", r->matches);
	if (r->differs)
		jo_str(x->json, "differs", r->why);
	jo_close(x->json);
}

static int
explain(const struct args *a, struct policy_try *p, const struct try_query *q,
    struct explained *x)
{
	struct try_watch watch = { about_cb, rule_cb, x };
	struct try_answer answer;
	struct aerr e = { 0 };
	int ret = 0;

	if (x->json != NULL) {
		jo_open(x->json, NULL);
		jo_open_array(x->json, "considered");
	}
	if (try_ask(p, q, &answer, &watch, &e) != TRY_DONE) {
		say("%s", e.message);
		return EXIT_INTERNAL;
	}
	close_about(x);
	if (x->json != NULL) {
		jo_close_array(x->json);
		policy_ask_json(x->json, &answer);
		jo_close(x->json);
		ret = policy_ask_end(x->json);
	} else {
		policy_ask_print(&answer);
	}
	if (ret == 0 && a->opt[OPT_EXIT_CODE] != NULL &&
	    answer.effective == DECISION_DENY)
		ret = EXIT_FAILURE;
	return ret;
}

int
cmd_policy_explain(struct args *a)
{
	struct explained x = { 0 };
	struct policy_try *p;
	struct try_query *q;
	int ret;

	if (policy_ask_args(a) != 0)
		return EXIT_USAGE;
	if (a->argc < policy_ask_skip(a) + 2)
		return usage_error(a, "a word is missing");
	p = policy_ask_open(a, a->argv[0]);
	if (p == NULL)
		return EXIT_USAGE;
	q = xcalloc(1, sizeof(*q));
	ret = policy_ask_query(a, p, q);
	if (ret == 0 && a->opt[OPT_JSON] != NULL)
		x.json = jo_new();
	if (ret == 0)
		ret = explain(a, p, q, &x);
	if (x.json != NULL)
		jo_free(x.json);
	free(q);
	try_close(p);
	return ret;
}
