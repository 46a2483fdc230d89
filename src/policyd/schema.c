/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds a mapping of the policy against schema.def: unknown keys, keys that
 * this build does not enforce, missing keys, wrong types. What the values mean
 * is the parser's business.
 */
#include <stdio.h>
#include <string.h>

#include "policy.h"

enum kind {
	KIND_INT,
	KIND_STR,
	KIND_SEQ,
	KIND_MAP,
	KIND_TIME
};

enum need {
	NEED_OPTIONAL,
	NEED_NEEDED,
	NEED_REFUSED
};

/* clang-format off */
static const struct {
	enum schema_section section;
	const char *name;
	enum kind kind;
	enum need need;
} schema[KEY_MAX] = {
#define KEY(section, name, kind, need) \
	{ SCHEMA_##section, #name, KIND_##kind, NEED_##need },
#include "schema.def"
#undef KEY
};
/* clang-format on */

static const char *const section_names[] = {
	[SCHEMA_TOP] = "the policy",
	[SCHEMA_FILE] = "a file rule",
	[SCHEMA_COMMAND] = "a command rule",
	[SCHEMA_LIMITS] = "resource_limits",
};

static int
unknown_key(const struct ydoc *doc, const struct ynode *key,
    enum schema_section section, struct aerr *e)
{
	const char *words[KEY_MAX];
	const char *near;
	size_t i, n = 0;

	for (i = 0; i < KEY_MAX; i++) {
		if (schema[i].section == section)
			words[n++] = schema[i].name;
	}
	near = nearest_word(key->text, words, n);
	if (near == NULL)
		return ydoc_error(doc, key, e, "%.64s: unknown key of %s",
		    key->text, section_names[section]);
	return ydoc_error(doc, key, e,
	    "%.64s: unknown key of %s, did you mean \"%s\"?", key->text,
	    section_names[section], near);
}

static int
check_kind(const struct ydoc *doc, const struct ynode *v, size_t key,
    struct aerr *e)
{
	const char *want = NULL;

	switch (schema[key].kind) {
	case KIND_INT:
	case KIND_STR:
	case KIND_TIME:
		if (v->kind != YNODE_SCALAR)
			want = "must be a single value";
		else if (ynode_is_null(v))
			want = "has no value";
		break;
	case KIND_SEQ:
		if (v->kind != YNODE_SEQ)
			want = "must be a list";
		break;
	case KIND_MAP:
		if (v->kind != YNODE_MAP)
			want = "must be a mapping";
		break;
	}
	if (want == NULL)
		return 0;
	return ydoc_error(doc, v, e, "%s: %s", schema[key].name, want);
}

int
schema_check(const struct ydoc *doc, const struct ynode *map,
    enum schema_section section, const struct ynode *value[KEY_MAX],
    struct aerr *e)
{
	const struct ynode *v;
	size_t i;

	memset(value, 0, KEY_MAX * sizeof(*value));
	if (map == NULL || map->kind != YNODE_MAP)
		return ydoc_error(doc, map, e, "%s must be a mapping",
		    section_names[section]);
	for (v = map->first; v != NULL; v = v->next) {
		for (i = 0; i < KEY_MAX; i++) {
			if (schema[i].section == section &&
			    strcmp(schema[i].name, v->key->text) == 0)
				break;
		}
		if (i == KEY_MAX)
			return unknown_key(doc, v->key, section, e);
		if (schema[i].need == NEED_REFUSED)
			return ydoc_error(doc, v->key, e,
			    "%s: not enforced by this build", schema[i].name);
		if (check_kind(doc, v, i, e) == -1)
			return -1;
		value[i] = v;
	}
	for (i = 0; i < KEY_MAX; i++) {
		if (schema[i].section == section &&
		    schema[i].need == NEED_NEEDED && value[i] == NULL)
			return ydoc_error(doc, map, e, "%s: missing in %s",
			    schema[i].name, section_names[section]);
	}
	return 0;
}
