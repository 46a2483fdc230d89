/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the goldens of regress/policy cannot show: what is parsed into which
 * member, and that warnings and the search for hidden rules have bounds.
 */
#include <stdio.h>
#include <time.h>

#include "policyd/policy.h"
#include "t.h"

#define HEAD "version: 1\nname: t\n"

static const struct vars vars = { "/w*", "/h", "u", NULL };
static struct policy p;
static struct aerr e;

static int
parse(const char *text)
{
	return policy_parse(&p, "t", (const uint8_t *)text, strlen(text), &vars,
	    &e);
}

static void
members(void)
{
	const struct rule *r;
	static const uint8_t v4[16] = { [10] = 0xff, 0xff, 10, 1 };

	CHECK(parse(HEAD
		  "network_rules:\n"
		  "- {name: n, cidrs: [10.1.0.0/16], ports: [5], decision: "
		  "approve, timeout: 2s, domains: [A.]}\n"
		  "command_rules:\n"
		  "- {name: c, context: {min_depth: 1}, decision: redirect, "
		  "redirect_to: {command: x, environment: {A: b}}}\n"
		  "file_rules:\n"
		  "- {name: f, paths: ['${WORKSPACE}/x'], decision: Audit}\n"
		  "env_policy: {allow: []}\n"
		  "resource_limits: {command_timeout: 5s}\n") == 0);
	r = p.family[FAMILY_NETWORK].rule;
	CHECK_INT(p.family[FAMILY_NETWORK].n, 1);
	CHECK_INT(r->decision, DECISION_APPROVE);
	CHECK_INT(r->timeout_ms, 2000);
	CHECK_INT(r->line, 4);
	CHECK_INT(r->network.cidr->bits, 96 + 16);
	CHECK(memcmp(r->network.cidr->addr, v4, 16) == 0);
	CHECK_INT(r->network.port[0], 5);
	CHECK_STR(r->network.domains.v[0], "a");
	r = p.family[FAMILY_COMMAND].rule;
	CHECK_INT(r->command.min_depth, 1);
	CHECK_INT(r->command.max_depth, UINT32_MAX);
	CHECK(!r->command.redirect_has_args);
	CHECK(!r->command.env.given);
	CHECK_STR(r->command.redirect_env.v[0], "A=b");
	r = p.family[FAMILY_FILE].rule;
	CHECK_STR(r->globs[0], "/w\\*/x");
	CHECK_INT(r->decision, DECISION_AUDIT);
	CHECK(p.env.given && p.env.has_allow && p.env.allow.n == 0);
	CHECK(!p.reads_allowed && !p.has_signal_rules);
	CHECK_INT(p.command_timeout_ms, 5000);
	policy_free(&p);
}

static void
signal_defaults(void)
{
	const struct signal_part *s;

	CHECK(parse(HEAD "allow_unenforced: true\n"
			 "signal_rules:\n"
			 "- {name: s, signals: ['@job', 63], target: {type: "
			 "session}, decision: absorb}\n") == 0);
	CHECK(p.has_signal_rules);
	s = &p.family[FAMILY_SIGNAL].rule[0].signal;
	/* nothing said is the strictest */
	CHECK_INT(s->fallback, DECISION_DENY);
	CHECK_INT(s->target, SIGNAL_SESSION);
	CHECK((s->signals & ~(UINT64_C(1) << 63)) ==
	    (1U << 19 | 1U << 18 | 1U << 20 | 1U << 21 | 1U << 22));
	CHECK((s->signals >> 63) == 1);
	policy_free(&p);
}

/* A value that a session need not have is no empty text. */
static void
no_uid(void)
{
	CHECK(parse(HEAD "env_inject: {A: '${UID}'}\n") == -1);
	CHECK_STR(e.message, "t:3:17: env_inject: ${UID}: unknown variable");
	CHECK(parse(HEAD "env_inject: {A: '${UID:-x}'}\n") == 0);
	CHECK_STR(p.env_inject.v[0], "A=x");
	policy_free(&p);
}

/* n rules, the same paths in each. */
static char *
many(size_t n)
{
	size_t i, len = 0, size = n * 96 + 256;
	char *text = malloc(size);

	if (text == NULL)
		exit(1);
	len += (size_t)snprintf(text, size, HEAD "file_rules:\n");
	for (i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, size - len,
		    "- {name: r%zu, paths: [/a%s], decision: deny}\n", i,
		    n < 1000 ? "" : "{b,c}*");
	return text;
}

static void
warnings_have_a_bound(void)
{
	char *text = many(100);

	CHECK(parse(text) == 0);
	CHECK_INT(p.warnings.n, WARNINGS_MAX);
	CHECK_INT(p.warnings.more, 99 - WARNINGS_MAX);
	CHECK_STR(p.warnings.text[0],
	    "t:5:3: rule r1 is never reached: r0 on line 4 matches all that it "
	    "does");
	policy_free(&p);
	free(text);
}

/* Many ports in many rules: a number of comparisons, not their product. */
static void
search_has_a_bound(void)
{
	enum {
		RULES = 60,
		PORTS = 1000
	};
	size_t i, j, len = 0, size = RULES * (PORTS * 7 + 64) + 64;
	char *text = malloc(size);
	clock_t begin;

	if (text == NULL)
		exit(1);
	len += (size_t)snprintf(text, size, HEAD "network_rules:\n");
	for (i = 0; i < RULES; i++) {
		len += (size_t)snprintf(text + len, size - len,
		    "- {name: r%zu, decision: deny, ports: [%zu", i, 60000 + i);
		for (j = 1; j < PORTS; j++)
			len += (size_t)snprintf(text + len, size - len, ",%zu",
			    j);
		len += (size_t)snprintf(text + len, size - len, "]}\n");
	}
	begin = clock();
	CHECK(parse(text) == 0);
	CHECK((clock() - begin) / CLOCKS_PER_SEC < 5);
	policy_free(&p);
	free(text);
}

int
main(void)
{
	T_RUN(members);
	T_RUN(signal_defaults);
	T_RUN(no_uid);
	T_RUN(warnings_have_a_bound);
	T_RUN(search_has_a_bound);
	return done_testing();
}
