/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy file from text to struct policy. The text is its author's, who in
 * MODE_USER is the user that the policy confines: nothing in it is trusted.
 */
#include <stdio.h>
#include <string.h>

#include "policy.h"
#include "units.h"

/* Longest time that a policy can give: 30 days. */
#define TIMEOUT_MAX_MS UINT64_C(2592000000)

static int
parse_header(const struct ydoc *doc, const struct ynode *const v[KEY_MAX],
    struct policy *p, struct aerr *e)
{
	const struct ynode *version = v[KEY_TOP_version];
	const struct ynode *name = v[KEY_TOP_name];
	uint64_t n;
	int len;

	if (!version->plain || units_int(version->text, 10, &n) == -1 || n == 0)
		return ydoc_error(doc, version, e,
		    "version: must be a whole number above 0");
	if (name->text[0] == '\0')
		return ydoc_error(doc, name, e, "name: is empty");
	len = snprintf(p->name, sizeof(p->name), "%s", name->text);
	if (len < 0 || (size_t)len >= sizeof(p->name))
		return ydoc_error(doc, name, e, "name: longer than %d bytes",
		    AGENTSH_NAME_MAX);
	return 0;
}

static int
parse_timeout(const struct ydoc *doc, const struct ynode *v, const char *key,
    uint64_t *ms, struct aerr *e)
{
	if (v == NULL)
		return 0;
	if (units_duration(v->text, ms) == -1)
		return ydoc_error(doc, v, e,
		    "%s: \"%.64s\" is no duration, write 90s, 5m or 1h30m", key,
		    v->text);
	if (*ms > TIMEOUT_MAX_MS)
		return ydoc_error(doc, v, e, "%s: longer than 720h", key);
	return 0;
}

static int
parse_limits(const struct ydoc *doc, const struct ynode *map, struct policy *p,
    struct aerr *e)
{
	const struct ynode *v[KEY_MAX];

	if (map == NULL)
		return 0;
	if (schema_check(doc, map, SCHEMA_LIMITS, v, e) == -1 ||
	    parse_timeout(doc, v[KEY_LIMITS_command_timeout], "command_timeout",
		&p->command_timeout_ms, e) == -1 ||
	    parse_timeout(doc, v[KEY_LIMITS_session_timeout], "session_timeout",
		&p->session_timeout_ms, e) == -1)
		return -1;
	return parse_timeout(doc, v[KEY_LIMITS_idle_timeout], "idle_timeout",
	    &p->idle_timeout_ms, e);
}

int
policy_parse(struct policy *p, const char *name, const uint8_t *text,
    size_t len, const struct vars *vars, struct aerr *e)
{
	const struct ynode *v[KEY_MAX];
	struct ydoc doc;
	int ret = -1;

	memset(p, 0, sizeof(*p));
	if (ydoc_parse(&doc, name, text, len, e) == -1)
		return -1;
	if (schema_check(&doc, doc.root, SCHEMA_TOP, v, e) == 0 &&
	    parse_header(&doc, v, p, e) == 0 &&
	    rules_parse(&doc, v[KEY_TOP_file_rules], true,
		&p->family[FAMILY_FILE], vars, e) == 0 &&
	    rules_parse(&doc, v[KEY_TOP_command_rules], false,
		&p->family[FAMILY_COMMAND], vars, e) == 0)
		ret = parse_limits(&doc, v[KEY_TOP_resource_limits], p, e);
	ydoc_free(&doc);
	if (ret == -1)
		policy_free(p);
	return ret;
}

void
policy_free(struct policy *p)
{
	rules_free(&p->family[FAMILY_FILE]);
	rules_free(&p->family[FAMILY_COMMAND]);
	memset(p, 0, sizeof(*p));
}
