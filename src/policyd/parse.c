/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy file from text to struct policy. The text is its author's, who in
 * MODE_USER is the user that the policy confines: nothing in it is trusted.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"
#include "units.h"

int
parse_error(const struct parser *p, const struct ynode *at, const char *fmt,
    ...)
{
	char text[AGENTSH_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return ydoc_error(p->doc, at, p->e, "%s", text);
}

int
parse_no_memory(const struct parser *p, const struct ynode *at)
{
	return parse_error(p, at, "out of memory");
}

void
parse_warn(struct parser *p, const struct ynode *at, const char *fmt, ...)
{
	char text[AGENTSH_TEXT_MAX];
	struct aerr e;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)ydoc_error(p->doc, at, &e, "%s", text);
	warnings_add(&p->policy->warnings, e.message);
}

static int
parse_header(struct parser *p)
{
	const struct ynode *root = p->doc->root;
	const struct ynode *version = schema_value(root, KEY_TOP_version);
	const struct ynode *name = schema_value(root, KEY_TOP_name);
	const struct ynode *defaults = schema_value(root, KEY_TOP_defaults);
	uint64_t n;

	if (units_int(version->text, 10, &n) == -1 || n == 0)
		return parse_error(p, version,
		    "version: must be a whole number above 0");
	if (value_name(p, name) == -1)
		return -1;
	snprintf(p->policy->name, sizeof(p->policy->name), "%s", name->text);
	p->policy->allow_unenforced =
	    schema_bool(schema_value(root, KEY_TOP_allow_unenforced), false);
	p->policy->reads_allowed =
	    schema_choice(schema_value(defaults, KEY_DEFAULTS_reads), SET_READS,
		DECISION_DENY) == DECISION_ALLOW;
	p->policy->unprotected = schema_choice(schema_value(defaults,
						   KEY_DEFAULTS_protected),
				     SET_PROTECTED, 1) == 0;
	return 0;
}

static int
parse_timeouts(struct parser *p, const struct ynode *map)
{
	const struct {
		enum schema_key key;
		uint64_t *ms;
	} rows[] = {
		{ KEY_LIMITS_command_timeout, &p->policy->command_timeout_ms },
		{ KEY_LIMITS_session_timeout, &p->policy->session_timeout_ms },
		{ KEY_LIMITS_idle_timeout, &p->policy->idle_timeout_ms },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (value_time(p, schema_value(map, rows[i].key),
			schema_name(rows[i].key), rows[i].ms) == -1)
			return -1;
	}
	return 0;
}

static int
parse_limits(struct parser *p)
{
	const struct ynode *map = schema_value(p->doc->root,
	    KEY_TOP_resource_limits);
	struct limits *l = &p->policy->limits;
	const struct {
		enum schema_key key;
		uint64_t *value;
		uint64_t max;
	} rows[] = {
		{ KEY_LIMITS_max_memory_mb, &l->max_memory_mb, 1ULL << 30 },
		{ KEY_LIMITS_memory_swap_max_mb, &l->memory_swap_max_mb,
		    1ULL << 30 },
		{ KEY_LIMITS_cpu_quota_percent, &l->cpu_quota_percent, 100000 },
		{ KEY_LIMITS_disk_read_bps_max, &l->disk_read_bps_max,
		    1ULL << 50 },
		{ KEY_LIMITS_disk_write_bps_max, &l->disk_write_bps_max,
		    1ULL << 50 },
		{ KEY_LIMITS_net_bandwidth_mbps, &l->net_bandwidth_mbps,
		    IMG_MAX_MBPS },
		{ KEY_LIMITS_pids_max, &l->pids_max, IMG_MAX_PIDS },
	};
	size_t i;

	if (parse_timeouts(p, map) == -1)
		return -1;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (value_u64(p, schema_value(map, rows[i].key),
			schema_name(rows[i].key), rows[i].max,
			rows[i].value) == -1)
			return -1;
	}
	return 0;
}

static int
parse_environment(struct parser *p)
{
	const struct ynode *root = p->doc->root;
	const struct ynode *map = schema_value(root, KEY_TOP_env_policy);
	const struct env_keys keys = {
		.allow = schema_value(map, KEY_ENV_allow),
		.deny = schema_value(map, KEY_ENV_deny),
		.max_bytes = schema_value(map, KEY_ENV_max_bytes),
		.max_keys = schema_value(map, KEY_ENV_max_keys),
		.block_iteration = schema_value(map, KEY_ENV_block_iteration),
	};

	if (env_parse(p, &keys, &p->policy->env) == -1)
		return -1;
	return value_environment(p, schema_value(root, KEY_TOP_env_inject),
	    "env_inject", true, &p->policy->env_inject);
}

/* Names as the table of transparent commands has them. */
static int
parse_transparent(struct parser *p)
{
	const struct ynode *map = schema_value(p->doc->root,
	    KEY_TOP_transparent_commands);
	const struct ynode *lists[] = {
		schema_value(map, KEY_TRANSPARENT_add),
		schema_value(map, KEY_TRANSPARENT_remove),
	};
	static const char *const keys[] = { "add", "remove" };
	const struct ynode *v, *o;
	size_t i;

	for (i = 0; i < 2; i++) {
		for (v = lists[i] == NULL ? NULL : lists[i]->first; v != NULL;
		     v = v->next) {
			if (strpbrk(v->text, "/*?[") != NULL)
				return parse_error(p, v,
				    "%s: \"%.64s\": must be a name, without / "
				    "and globs",
				    keys[i], v->text);
			for (o = i == 0 || lists[0] == NULL ? NULL :
							      lists[0]->first;
			     o != NULL; o = o->next) {
				if (strcmp(o->text, v->text) == 0)
					return parse_error(p, v,
					    "remove: \"%.64s\" is also in add",
					    v->text);
			}
		}
	}
	if (value_words(p, lists[0], "add", &p->policy->wrappers_add) == -1)
		return -1;
	return value_words(p, lists[1], "remove", &p->policy->wrappers_remove);
}

/* Notes about rules that are not there are old notes. */
static void
check_metadata(struct parser *p)
{
	const struct ynode *root = p->doc->root, *v, *name;
	const struct rules *rules;
	size_t k, i;
	bool found;

	/* rules of databases are not among those that were parsed */
	if (schema_value(root, KEY_TOP_database_rules) != NULL ||
	    schema_value(root, KEY_TOP_database_connection_rules) != NULL)
		return;
	v = schema_value(root, KEY_TOP_metadata);
	for (v = v == NULL ? NULL : v->first; v != NULL; v = v->next) {
		name = schema_value(v, KEY_METADATA_rule_name);
		found = false;
		for (k = 0; k < FAMILY_MAX && !found; k++) {
			rules = &p->policy->family[k];
			for (i = 0; i < rules->n && !found; i++)
				found = cover_spend(&p->budget, 1) ?
				    strcmp(rules->rule[i].name, name->text) ==
					0 :
				    true;
		}
		if (!found)
			parse_warn(p, name,
			    "rule_name: there is no rule \"%.128s\"",
			    name->text);
	}
}

static int
parse_document(struct parser *p)
{
	size_t i;

	if (schema_check(p) == -1 || parse_header(p) == -1)
		return -1;
	for (i = 0; i < RULEKINDS; i++) {
		if (rules_parse(p, &rulekinds[i],
			schema_value(p->doc->root, rulekinds[i].list)) == -1)
			return -1;
	}
	p->policy->has_signal_rules = p->policy->family[FAMILY_SIGNAL].n > 0;
	if (parse_environment(p) == -1 || parse_transparent(p) == -1 ||
	    parse_limits(p) == -1)
		return -1;
	check_metadata(p);
	return 0;
}

int
policy_parse(struct policy *policy, const char *name, const uint8_t *text,
    size_t len, const struct vars *vars, struct aerr *e)
{
	struct ydoc doc;
	struct parser p = { .doc = &doc,
		.vars = vars,
		.policy = policy,
		.e = e,
		.budget = COVER_BUDGET };
	int ret;

	memset(policy, 0, sizeof(*policy));
	if (ydoc_parse(&doc, name, text, len, e) == -1)
		return -1;
	ret = parse_document(&p);
	ydoc_free(&doc);
	if (ret == -1)
		policy_free(policy);
	return ret;
}

void
policy_free(struct policy *p)
{
	size_t i;

	for (i = 0; i < RULEKINDS; i++)
		rules_free(&rulekinds[i], &p->family[rulekinds[i].family]);
	env_free(&p->env);
	words_free(&p->env_inject);
	words_free(&p->wrappers_add);
	words_free(&p->wrappers_remove);
	warnings_free(&p->warnings);
	free(p->mount);
	memset(p, 0, sizeof(*p));
}
