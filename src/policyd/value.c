/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single values and lists of a policy, from tree to what they mean: numbers,
 * durations, words, paths, expressions, environments.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"
#include "path.h"
#include "regex.h"
#include "units.h"

void
words_free(struct words *w)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		free(w->v[i]);
	free(w->v);
	memset(w, 0, sizeof(*w));
}

int
value_word(struct parser *p, const struct ynode *v, const char *key)
{
	if (v->text[0] == '\0' || ynode_is_null(v))
		return parse_error(p, v, "%s: an empty item", key);
	return 0;
}

int
value_name(struct parser *p, const struct ynode *v)
{
	const unsigned char *c = (const unsigned char *)v->text;

	if (*c == '\0')
		return parse_error(p, v, "name: is empty");
	if (strlen(v->text) > AGENTSH_NAME_MAX)
		return parse_error(p, v, "name: longer than %d bytes",
		    AGENTSH_NAME_MAX);
	for (; *c != '\0'; c++) {
		if (*c < 0x20 || *c == 0x7f)
			return parse_error(p, v,
			    "name: has a control character");
	}
	return 0;
}

int
value_u64(struct parser *p, const struct ynode *v, const char *key,
    uint64_t max, uint64_t *n)
{
	if (v == NULL)
		return 0;
	if (units_int(v->text, 10, n) == -1 || *n > max)
		return parse_error(p, v,
		    "%s: must be a whole number from 0 to %llu", key,
		    (unsigned long long)max);
	return 0;
}

int
value_time(struct parser *p, const struct ynode *v, const char *key,
    uint64_t *ms)
{
	if (v == NULL)
		return 0;
	if (units_duration(v->text, ms) == -1)
		return parse_error(p, v,
		    "%s: \"%.64s\" is no duration, write 90s, 5m or 1h30m", key,
		    v->text);
	if (*ms > TIMEOUT_MAX_MS)
		return parse_error(p, v, "%s: longer than 720h", key);
	return 0;
}

int
value_dup(struct parser *p, const struct ynode *v, char **out)
{
	*out = strdup(v->text);
	return *out == NULL ? parse_no_memory(p, v) : 0;
}

static int
take_words(struct parser *p, const struct ynode *list, const char *key,
    bool empty, struct words *w)
{
	const struct ynode *v;

	if (list == NULL)
		return 0;
	w->v = calloc(list->n + 1, sizeof(*w->v));
	if (w->v == NULL)
		return parse_no_memory(p, list);
	for (v = list->first; v != NULL; v = v->next) {
		if ((!empty || ynode_is_null(v)) && value_word(p, v, key) == -1)
			return -1;
		if (value_dup(p, v, &w->v[w->n]) == -1)
			return -1;
		w->n++;
	}
	return 0;
}

int
value_args(struct parser *p, const struct ynode *list, const char *key,
    struct words *w)
{
	return take_words(p, list, key, true, w);
}

int
value_words(struct parser *p, const struct ynode *list, const char *key,
    struct words *w)
{
	return take_words(p, list, key, false, w);
}

int
value_regex(struct parser *p, const struct ynode *v, const char *key)
{
	struct regex *re;
	const char *what;
	size_t at;

	re = regex_new(v->text, &what, &at);
	if (re == NULL)
		return parse_error(p, v, "%s: %.256s: at byte %zu: %s", key,
		    v->text, at + 1, what);
	regex_free(re);
	return 0;
}

int
value_ops(struct parser *p, const struct ynode *list, const char *const *names,
    uint32_t n, uint32_t *ops)
{
	const uint32_t all = (1U << n) - 1;
	const struct ynode *v;
	const char *near;
	uint32_t i;

	*ops = 0;
	for (v = list == NULL ? NULL : list->first; v != NULL; v = v->next) {
		if (value_word(p, v, "operations") == -1)
			return -1;
		if (strcmp(v->text, "*") == 0) {
			*ops |= all;
			continue;
		}
		for (i = 0; i < n; i++) {
			if (strcmp(v->text, names[i]) == 0)
				break;
		}
		if (i < n) {
			*ops |= 1U << i;
			continue;
		}
		near = nearest_word(v->text, names, n);
		return parse_error(p, v,
		    "operations: unknown operation \"%.64s\"%s%s%s", v->text,
		    near == NULL ? "" : ", did you mean \"",
		    near == NULL ? "" : near, near == NULL ? "" : "\"?");
	}
	if (*ops == 0)
		*ops = all;
	return 0;
}

int
value_expand(struct parser *p, const struct ynode *v, const char *key,
    char **out)
{
	const char *what = "";

	if (v->text[0] == '\0')
		return parse_error(p, v, "%s: is empty", key);
	*out = vars_expand_plain(p->vars, v->text, &what);
	if (*out == NULL)
		return parse_error(p, v, "%s: %.256s: %s", key, v->text, what);
	return 0;
}

int
value_path(struct parser *p, const struct ynode *v, const char *key, char **out)
{
	if (value_expand(p, v, key, out) == -1)
		return -1;
	if (!path_is_clean(*out))
		return parse_error(p, v,
		    "%s: %.256s: must be a path from / on, without //, . or ..",
		    key, v->text);
	return 0;
}

/* [A-Za-z_][A-Za-z0-9_]* */
static bool
is_env_name(const char *s)
{
	static const char letters[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	size_t len = strlen(s);

	return len > 0 && len <= AGENTSH_NAME_MAX &&
	    !(*s >= '0' && *s <= '9') && strspn(s, letters) == len;
}

static int
environment_one(struct parser *p, const struct ynode *v, const char *key,
    bool expand, char **word)
{
	char *value;
	size_t size;

	if (!is_env_name(v->key->text))
		return parse_error(p, v->key,
		    "%s: \"%.64s\" is no name of a variable", key,
		    v->key->text);
	if (ynode_is_null(v))
		return parse_error(p, v, "%s: %.64s: has no value", key,
		    v->key->text);
	if (expand && v->text[0] != '\0') {
		if (value_expand(p, v, key, &value) == -1)
			return -1;
	} else if (value_dup(p, v, &value) == -1) {
		return -1;
	}
	size = strlen(v->key->text) + strlen(value) + 2;
	*word = malloc(size);
	if (*word != NULL)
		snprintf(*word, size, "%s=%s", v->key->text, value);
	free(value);
	return *word == NULL ? parse_no_memory(p, v) : 0;
}

int
value_environment(struct parser *p, const struct ynode *map, const char *key,
    bool expand, struct words *w)
{
	const struct ynode *v;

	if (map == NULL)
		return 0;
	w->v = calloc(map->n + 1, sizeof(*w->v));
	if (w->v == NULL)
		return parse_no_memory(p, map);
	for (v = map->first; v != NULL; v = v->next) {
		if (environment_one(p, v, key, expand, &w->v[w->n]) == -1)
			return -1;
		w->n++;
	}
	return 0;
}
