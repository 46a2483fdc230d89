/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh policy diff: what two policies decide differently, by the rules that
 * decide it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/event.h"
#include "../common/policytry.h"
#include "cli.h"
#include "jsonout.h"
#include "vis.h"

#define SHOWN 8 /* of a group, in text */

/* Changes between the same two rules. */
struct group {
	enum decision from, to;
	char *rule_from, *rule_to;
	char **text;
	size_t n;
};

struct groups {
	struct group *v;
	size_t n;
	size_t changes;
};

static void *
grow(void *p, size_t n, size_t size)
{
	/* by doubling, from 16 */
	if (n != 0 && (n < 16 || (n & (n - 1)) != 0))
		return p;
	p = reallocarray(p, n == 0 ? 16 : 2 * n, size);
	if (p == NULL) {
		say("out of memory");
		exit(EXIT_USAGE);
	}
	return p;
}

static struct group *
find_group(struct groups *g, const struct try_change *c)
{
	struct group *x;
	size_t i;

	for (i = 0; i < g->n; i++) {
		x = &g->v[i];
		if (x->from == c->from && x->to == c->to &&
		    strcmp(x->rule_from, c->rule_from) == 0 &&
		    strcmp(x->rule_to, c->rule_to) == 0)
			return x;
	}
	g->v = grow(g->v, g->n, sizeof(*g->v));
	x = &g->v[g->n++];
	memset(x, 0, sizeof(*x));
	x->from = c->from;
	x->to = c->to;
	x->rule_from = xstrdup(c->rule_from);
	x->rule_to = xstrdup(c->rule_to);
	return x;
}

static void
change_cb(void *arg, const struct try_change *c)
{
	struct groups *g = arg;
	struct group *x = find_group(g, c);

	x->text = grow(x->text, x->n, sizeof(*x->text));
	x->text[x->n++] = xasprintf("%s %s", c->operation, c->object);
	g->changes++;
}

static void
print_groups(const struct groups *g, size_t asked)
{
	char safe[4 * AGENTSH_TEXT_MAX + 1], from[4 * AGENTSH_NAME_MAX + 1],
	    to[4 * AGENTSH_NAME_MAX + 1];
	const struct group *x;
	size_t i, k;

	for (i = 0; i < g->n; i++) {
		x = &g->v[i];
		vis_str(from, sizeof(from), x->rule_from);
		vis_str(to, sizeof(to), x->rule_to);
		printf("%s by %s -> %s by %s: %zu\n", decision_name(x->from),
		    from[0] == '\0' ? "no rule" : from, decision_name(x->to),
		    to[0] == '\0' ? "no rule" : to, x->n);
		for (k = 0; k < x->n && k < SHOWN; k++) {
			vis_str(safe, sizeof(safe), x->text[k]);
			printf("\t%s\n", safe);
		}
		if (x->n > SHOWN)
			printf("\tand %zu more\n", x->n - SHOWN);
	}
	printf("%zu of %zu decisions differ\n", g->changes, asked);
}

static int
print_json(const struct groups *g, size_t asked)
{
	struct jsonout *o = jo_new();
	const struct group *x;
	size_t i, k;
	int ret;

	jo_open(o, NULL);
	jo_open_array(o, "changes");
	for (i = 0; i < g->n; i++) {
		x = &g->v[i];
		jo_open(o, NULL);
		jo_str(o, "from", decision_name(x->from));
		jo_str(o, "to", decision_name(x->to));
		policy_ask_text(o, "rule_from", x->rule_from);
		policy_ask_text(o, "rule_to", x->rule_to);
		jo_open_array(o, "operations");
		for (k = 0; k < x->n; k++)
			policy_ask_text(o, NULL, x->text[k]);
		jo_close_array(o);
		jo_close(o);
	}
	jo_close_array(o);
	jo_num(o, "differ", g->changes);
	jo_num(o, "asked", asked);
	jo_close(o);
	ret = policy_ask_end(o);
	jo_free(o);
	return ret;
}

static void
free_groups(struct groups *g)
{
	size_t i, k;

	for (i = 0; i < g->n; i++) {
		for (k = 0; k < g->v[i].n; k++)
			free(g->v[i].text[k]);
		free(g->v[i].text);
		free(g->v[i].rule_from);
		free(g->v[i].rule_to);
	}
	free(g->v);
}

int
cmd_policy_diff(struct args *a)
{
	struct policy_try *x, *y = NULL;
	struct groups g = { 0 };
	struct aerr e = { 0 };
	size_t asked = 0;
	int ret = EXIT_USAGE;

	x = policy_ask_open(a, a->argv[0]);
	if (x != NULL)
		y = policy_ask_open(a, a->argv[1]);
	if (y != NULL) {
		ret = 0;
		if (try_diff(x, y, change_cb, &g, &asked, &e) == -1) {
			say("%s", e.message);
			ret = EXIT_USAGE;
		}
	}
	if (ret == 0 && a->opt[OPT_JSON] != NULL)
		ret = print_json(&g, asked);
	else if (ret == 0)
		print_groups(&g, asked);
	if (ret == 0 && g.changes > 0)
		ret = EXIT_FAILURE;
	free_groups(&g);
	try_close(x);
	try_close(y);
	return ret;
}
