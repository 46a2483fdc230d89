/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an answer to a question says: the decision, which rule it is and where
 * that stands, and what this build makes of it.
 */
#include <stdio.h>
#include <string.h>

#include "ipport.h"
#include "parse.h"
#include "template.h"
#include "try.h"

size_t
try_number(const struct rules *rules, size_t rule)
{
	const struct policy_mount *within = rules->rule[rule].within;
	size_t i, n = 1;

	if (rules->rule[rule].line == 0)
		return 0;
	for (i = 0; i < rule; i++)
		n += rules->rule[i].within == within;
	return n;
}

static enum schema_key
list_key(enum family family)
{
	size_t i;

	for (i = 0; i + 1 < RULEKINDS && rulekinds[i].family != family; i++)
		continue;
	return rulekinds[i].list;
}

/* The place of a rule, in words. */
static void
rule_where(char *dst, size_t size, const struct rules *rules, size_t rule,
    const char *list)
{
	const struct rule *r = &rules->rule[rule];
	int n;

	n = snprintf(dst, size, "rule %zu of %s", try_number(rules, rule),
	    list);
	if (r->within != NULL && n > 0 && (size_t)n < size)
		n += snprintf(dst + n, size - (size_t)n,
		    " of the mount's policy %.96s", r->within->policy);
	if (n > 0 && (size_t)n < size)
		snprintf(dst + n, size - (size_t)n, ", line %zu", r->line);
}

/* Beneath a mount with a policy of its own: what holds where none of its rules
 * matches. */
static void
say_default(struct try_answer *a, const struct rule *r)
{
	snprintf(a->why, sizeof(a->why),
	    "no rule of the mount's policy %.96s matches, and the default is to %s",
	    r->within->policy,
	    r->decision == DECISION_ALLOW ? "allow reads" : "deny");
}

/* Denied by the protected set, after a rule that would let it happen. */
static void
say_protected(struct asking *k)
{
	const struct rules *rules = &k->t->policy.family[FAMILY_FILE];
	const struct try_query *q = k->q;
	char where[160];
	struct verdict v;

	(void)image_eval_file_rules(&k->t->image, (enum file_op)q->op,
	    q->object, strlen(q->object), &v);
	if (v.rule < rules->n)
		rule_where(where, sizeof(where), rules, v.rule, "file_rules");
	snprintf(k->a->why, sizeof(k->a->why),
	    "built in: it is protected, and %s, does not name it",
	    v.rule < rules->n ? where : "its rule");
	if (image_is_git_config(&k->t->image, k->verdict))
		snprintf(k->a->note, sizeof(k->a->note),
		    "git can change settings of the repository that start no program");
}

/* Where the rule of a verdict is. */
static void
say_where(struct asking *k, enum family family, const struct verdict *v)
{
	const struct rules *rules = &k->t->policy.family[family];
	const char *list = schema_name(list_key(family));
	struct try_answer *a = k->a;

	if (v->rule < rules->n && rules->rule[v->rule].within != NULL &&
	    rules->rule[v->rule].line == 0)
		say_default(a, &rules->rule[v->rule]);
	else if (v->rule < rules->n)
		rule_where(a->why, sizeof(a->why), rules, v->rule, list);
	else if (family == FAMILY_FILE && v->decision == DECISION_DENY &&
	    v->rule != UINT32_MAX)
		say_protected(k);
	else if (v->rule_name[0] == '\0')
		snprintf(a->why, sizeof(a->why), "no rule of %s matches", list);
	else if (v->decision == DECISION_DENY)
		snprintf(a->why, sizeof(a->why),
		    "no rule of %s matches, and the default is to deny", list);
	else
		snprintf(a->why, sizeof(a->why),
		    "built in: no rule of %s but the last resort matches",
		    list);
}

static void
say_approval(struct try_answer *a, uint32_t timeout_ms)
{
	char how[32] = "approvals.timeout of the server";

	if (timeout_ms % 1000 == 0 && timeout_ms != 0)
		snprintf(how, sizeof(how), "%u s", timeout_ms / 1000);
	else if (timeout_ms != 0)
		snprintf(how, sizeof(how), "%u.%03u s", timeout_ms / 1000,
		    timeout_ms % 1000);
	snprintf(a->note, sizeof(a->note),
	    "waits for an operator's approval, at most %s; denied without, and where approvals.enabled is false",
	    how);
}

void
say_decision(struct asking *k, enum family family, const struct verdict *v)
{
	static const int sets[FAMILY_MAX] = { [FAMILY_FILE] = SET_FILE,
		[FAMILY_COMMAND] = SET_COMMAND,
		[FAMILY_NETWORK] = SET_NETWORK,
		[FAMILY_UNIX] = SET_UNIX,
		[FAMILY_SIGNAL] = SET_SIGNAL,
		[FAMILY_DNS] = -1,
		[FAMILY_CONNECT] = -1 };
	struct try_answer *a = k->a;
	enum schema_state state = schema_state(list_key(family));

	a->decision = a->effective = v->decision;
	snprintf(a->rule, sizeof(a->rule), "%s", v->rule_name);
	k->verdict = v;
	say_where(k, family, v);
	if (state == STATE_ENFORCED && sets[family] != -1)
		state = schema_word_state((enum schema_set)sets[family],
		    v->decision);
	if (state == STATE_ENFORCED && v->decision == DECISION_APPROVE) {
		say_approval(a, v->timeout_ms);
	} else if (state != STATE_ENFORCED) {
		snprintf(a->note, sizeof(a->note),
		    "this build does not enforce such rules");
	}
}

void
say_message(struct asking *k, const char *message)
{
	const struct try_query *q = k->q;
	const char *values[TEMPLATE_MAX] = { NULL };
	char port[8], addr[INET6_ADDRSTRLEN] = "", sig[16];

	snprintf(port, sizeof(port), "%u", q->port);
	if (q->has_addr)
		ipport_addr_text(q->addr, addr);
	signal_text(sig, sizeof(sig), q->signo);
	values[TEMPLATE_PATH] = q->object;
	values[TEMPLATE_OPERATION] = try_op_name(q);
	values[TEMPLATE_RULE] = k->a->rule;
	values[TEMPLATE_HOST] = q->kind == TRY_DNS ? q->object : q->host;
	values[TEMPLATE_PORT] = port;
	values[TEMPLATE_ADDRESS] = addr;
	values[TEMPLATE_SIGNAL] = sig;
	values[TEMPLATE_USER] = k->t->vars.user;
	template_expand(k->a->message, sizeof(k->a->message), message, values);
}
