/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks the configuration's tree and sets what conf.def knows. A key that is
 * not there is an error: a configuration that is ignored protects nobody.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "confparse.h"
#include "units.h"
#include "yamldoc.h"

#define KEY_MAX_LEN 128	 /* a dotted key */
#define CONF_MAX_DEPTH 8 /* sections inside sections */
#define MAX_WORDS 128	 /* keys of one section, in both tables */

static const char *const later[] = {
#define LATER(key) key,
#include "conflater.def"
#undef LATER
};

static const struct {
	const char *key;
	const char *why;
} never[] = {
#define NEVER(key, why) { key, why },
#include "conflater.def"
#undef NEVER
};

struct parser {
	struct ydoc doc;
	struct conf *conf;
	struct aerr *e;
	char key[KEY_MAX_LEN + 1]; /* of the node at hand, dotted */
};

static const struct conf_row *
row_find(const char *key)
{
	size_t i;

	for (i = 0; i < conf_nrows; i++) {
		if (strcmp(conf_rows[i].key, key) == 0)
			return &conf_rows[i];
	}
	return NULL;
}

/* Is full the key itself, or something beneath it? */
static bool
is_under(const char *full, const char *key)
{
	size_t n = strlen(key);

	return strncmp(full, key, n) == 0 &&
	    (full[n] == '\0' || full[n] == '.');
}

static bool
is_section(const char *key)
{
	size_t i;

	for (i = 0; i < conf_nrows; i++) {
		if (is_under(conf_rows[i].key, key))
			return true;
	}
	return false;
}

static bool
is_later(const char *key)
{
	size_t i;

	for (i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		if (is_under(key, later[i]))
			return true;
	}
	return false;
}

/* A key whose list has to be empty, or NULL: it is none. */
static const char *
why_never(const char *key)
{
	size_t i;

	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		if (strcmp(key, never[i].key) == 0)
			return never[i].why;
	}
	return NULL;
}

static int
unknown_key(struct parser *p, const struct ynode *key)
{
	static char names[MAX_WORDS][KEY_MAX_LEN];
	const char *words[MAX_WORDS];
	const char *near, *full, *last;
	size_t i, n = 0, prefix;

	last = strrchr(p->key, '.');
	prefix = last == NULL ? 0 : (size_t)(last + 1 - p->key);
	for (i = 0; i < conf_nrows && n < MAX_WORDS; i++) {
		full = conf_rows[i].key;
		if (strncmp(full, p->key, prefix) != 0)
			continue;
		snprintf(names[n], sizeof(names[n]), "%.*s",
		    (int)strcspn(full + prefix, "."), full + prefix);
		words[n] = names[n];
		n++;
	}
	near = nearest_word(key->text, words, n);
	if (near == NULL)
		return ydoc_error(&p->doc, key, p->e, "%s: unknown key",
		    p->key);
	return ydoc_error(&p->doc, key, p->e,
	    "%s: unknown key, did you mean \"%.*s%s\"?", p->key, (int)prefix,
	    p->key, near);
}

/* A number as the row's kind writes it. */
static void
number_text(char *dst, size_t size, const struct conf_row *row, uint64_t v)
{
	if (row->kind == CONF_TIME && v % 1000 == 0)
		snprintf(dst, size, "%" PRIu64 "s", v / 1000);
	else if (row->kind == CONF_TIME)
		snprintf(dst, size, "%" PRIu64 "ms", v);
	else if (row->kind == CONF_MODE)
		snprintf(dst, size, "0%" PRIo64, v);
	else
		snprintf(dst, size, "%" PRIu64, v);
}

static int
wrong(struct parser *p, const struct ynode *v, const char *want)
{
	return ydoc_error(&p->doc, v, p->e, "%s: \"%.64s\" is not %s", p->key,
	    v->text, want);
}

static int
set_number(struct parser *p, const struct ynode *v, const struct conf_row *row,
    uint64_t *out)
{
	const char *want = "a whole number";
	char lo[32], hi[32];
	uint64_t n = 0;
	int ret;

	if (row->kind == CONF_TIME) {
		want = "a duration, write 90s, 5m or 1h30m";
		ret = units_age(v->text, &n);
	} else if (row->kind == CONF_SIZE) {
		want = "a size, write 65536, 64KiB or 10MB";
		ret = units_size(v->text, &n);
	} else if (row->kind == CONF_MODE) {
		want = "an octal mode, write 0660";
		ret = units_int(v->text, 8, &n);
	} else {
		ret = units_int(v->text, 10, &n);
	}
	if (ret == -1)
		return wrong(p, v, want);
	if (n < row->min || n > row->max) {
		number_text(lo, sizeof(lo), row, row->min);
		number_text(hi, sizeof(hi), row, row->max);
		return ydoc_error(&p->doc, v, p->e,
		    "%s: %.64s is not between %s and %s", p->key, v->text, lo,
		    hi);
	}
	*out = n;
	return 0;
}

static int
set_bool(struct parser *p, const struct ynode *v, uint64_t *out)
{
	bool yes = strcmp(v->text, "true") == 0;

	if (!v->plain || (!yes && strcmp(v->text, "false") != 0))
		return wrong(p, v, "true or false");
	*out = yes;
	return 0;
}

static int
set_choice(struct parser *p, const struct ynode *v, const struct conf_row *row,
    uint64_t *out)
{
	const char *w = row->text;
	char want[128];
	uint64_t n = 0;
	size_t len;

	for (;;) {
		len = strcspn(w, "|");
		if (strlen(v->text) == len && strncmp(v->text, w, len) == 0) {
			*out = n;
			return 0;
		}
		if (w[len] == '\0')
			break;
		w += len + 1;
		n++;
	}
	snprintf(want, sizeof(want), "one of %s", row->text);
	/* where there is no choice: why there is none */
	if (strchr(row->text, '|') == NULL)
		return ydoc_error(&p->doc, v, p->e,
		    "%s: \"%.64s\" is not %s: %s", p->key, v->text, want,
		    row->help);
	return wrong(p, v, want);
}

static int
set_string(struct parser *p, const struct ynode *v, const struct conf_row *row,
    char *out)
{
	const unsigned char *c;
	const char *want = conf_form_error(row->form, v->text);
	size_t len = strlen(v->text);

	if (len > row->max)
		return ydoc_error(&p->doc, v, p->e,
		    "%s: longer than %" PRIu64 " bytes", p->key, row->max);
	for (c = (const unsigned char *)v->text; *c != '\0'; c++) {
		if (*c < 0x20 || *c == 0x7f)
			return ydoc_error(&p->doc, v, p->e,
			    "%s: has a control character", p->key);
	}
	if (want != NULL)
		return wrong(p, v, want);
	memcpy(out, v->text, len + 1);
	return 0;
}

/* A list of names, which must not be a single text. */
static int
set_names(struct parser *p, const struct ynode *v, const struct conf_row *row,
    char *out)
{
	enum conf_form one = row->form == FORM_NAMES ? FORM_NAME : row->form;
	const struct ynode *at;
	size_t len = 0;
	int n;

	if (v->kind != YNODE_SEQ)
		return ydoc_error(&p->doc, v, p->e,
		    "%s: must be a list, write [a, b]", p->key);
	out[0] = '\0';
	for (at = v->first; at != NULL; at = at->next) {
		if (at->kind != YNODE_SCALAR ||
		    conf_form_error(one, at->text) != NULL)
			return ydoc_error(&p->doc, at, p->e,
			    "%s: \"%.64s\" is not %s", p->key,
			    at->kind == YNODE_SCALAR ? at->text : "...",
			    conf_form_error(one, "?"));
		n = snprintf(out + len, row->max + 1 - len, "%s%s",
		    len > 0 ? " " : "", at->text);
		if (n < 0 || (size_t)n > row->max - len)
			return ydoc_error(&p->doc, at, p->e,
			    "%s: longer than %" PRIu64 " bytes", p->key,
			    row->max);
		len += (size_t)n;
	}
	if (conf_form_error(row->form, out) != NULL)
		return ydoc_error(&p->doc, v, p->e, "%s: is not %s", p->key,
		    conf_form_error(row->form, out));
	return 0;
}

static int
set_value(struct parser *p, const struct ynode *v, const struct conf_row *row)
{
	void *at = (char *)p->conf + row->offset;

	if (row->kind == CONF_STR &&
	    (row->form == FORM_NAMES || row->form == FORM_SERVERS))
		return set_names(p, v, row, at);
	if (row->kind == CONF_STR && row->form == FORM_PROFILES)
		return conf_parse_profiles(&p->doc, v, at, row->max, p->e);
	if (row->kind == CONF_STR && row->form == FORM_CALLS)
		return conf_parse_calls(&p->doc, v, p->key, at, row->max, p->e);
	if (row->kind == CONF_STR && row->form == FORM_FAMILIES)
		return conf_parse_families(&p->doc, v, p->key, at, row->max,
		    p->e);
	if (v->kind != YNODE_SCALAR)
		return ydoc_error(&p->doc, v, p->e,
		    "%s: must be a single value", p->key);
	if (ynode_is_null(v))
		return ydoc_error(&p->doc, v, p->e, "%s: has no value", p->key);
	switch (row->kind) {
	case CONF_BOOL:
		return set_bool(p, v, at);
	case CONF_CHOICE:
		return set_choice(p, v, row, at);
	case CONF_STR:
		return set_string(p, v, row, at);
	case CONF_COUNT:
	case CONF_SIZE:
	case CONF_TIME:
	case CONF_MODE:
		return set_number(p, v, row, at);
	}
	return -1;
}

/* One key: *section is set where what is beneath has to be walked. */
static int
on_key(struct parser *p, const struct ynode *v, bool *section)
{
	const struct conf_row *row = row_find(p->key);
	const char *why = why_never(p->key);

	*section = false;
	if (row != NULL)
		return set_value(p, v, row);
	if (why != NULL && v->kind == YNODE_SEQ && v->first == NULL)
		return 0;
	if (why != NULL)
		return ydoc_error(&p->doc, v, p->e, "%s: %s", p->key, why);
	if (is_later(p->key))
		return ydoc_error(&p->doc, v->key, p->e,
		    "%s: not enforced by this build", p->key);
	if (!is_section(p->key))
		return unknown_key(p, v->key);
	if (ynode_is_null(v))
		return 0;
	if (v->kind != YNODE_MAP)
		return ydoc_error(&p->doc, v, p->e, "%s: must be a mapping",
		    p->key);
	*section = true;
	return 0;
}

/* Every key of the tree, in order, the sections that are open in an array. */
static int
walk(struct parser *p)
{
	const struct ynode *next[CONF_MAX_DEPTH];
	size_t end[CONF_MAX_DEPTH]; /* of the section's key, its dot included */
	const struct ynode *v;
	size_t depth = 1;
	bool section;
	int n;

	next[0] = p->doc.root->first;
	end[0] = 0;
	while (depth > 0) {
		v = next[depth - 1];
		if (v == NULL) {
			depth--;
			continue;
		}
		next[depth - 1] = v->next;
		n = snprintf(p->key + end[depth - 1],
		    sizeof(p->key) - end[depth - 1], "%s", v->key->text);
		if (n < 0 || (size_t)n + 2 > sizeof(p->key) - end[depth - 1])
			return ydoc_error(&p->doc, v->key, p->e,
			    "%.32s: unknown key", v->key->text);
		if (on_key(p, v, &section) == -1)
			return -1;
		if (!section)
			continue;
		if (depth >= CONF_MAX_DEPTH)
			return ydoc_error(&p->doc, v, p->e,
			    "%s: nested too deep", p->key);
		end[depth] = end[depth - 1] + (size_t)n + 1;
		p->key[end[depth] - 1] = '.';
		next[depth++] = v->first;
	}
	return 0;
}

/* Where only some policies may be asked for, a profile asks for no other. */
static int
check_allowed(struct parser *p, const char *profile, const char *key,
    const char *policy)
{
	if (policy[0] == '\0' ||
	    conf_names_have(p->conf->policies_allowed, policy))
		return 0;
	return ydoc_error(&p->doc, NULL, p->e,
	    "mount_profiles.%s.%s: \"%s\" is not in policies.allowed", profile,
	    key, policy);
}

static int
check_profiles(struct parser *p)
{
	static struct profile pr;
	const char *at = p->conf->mount_profiles;
	size_t i;

	while (profile_next(&at, &pr) == 1) {
		if (check_allowed(p, pr.name, "base_policy", pr.policy) == -1)
			return -1;
		for (i = 0; i < pr.n; i++) {
			if (check_allowed(p, pr.name, "mounts.policy",
				pr.mount[i].policy) == -1)
				return -1;
		}
	}
	return 0;
}

int
conf_parse(const char *name, const uint8_t *text, size_t len, struct conf *c,
    struct aerr *e)
{
	struct parser p = { .conf = c, .e = e };
	int ret = 0;

	conf_defaults(c);
	if (ydoc_parse(&p.doc, name, text, len, e) == -1)
		return -1;
	if (p.doc.root != NULL && !ynode_is_null(p.doc.root)) {
		if (p.doc.root->kind != YNODE_MAP)
			ret = ydoc_error(&p.doc, p.doc.root, e,
			    "the configuration must be a mapping");
		else
			ret = walk(&p);
	}
	if (ret == 0 && c->policies_allowed[0] != '\0' &&
	    !conf_names_have(c->policies_allowed, c->policy_default))
		ret = ydoc_error(&p.doc, NULL, e,
		    "policies.default: \"%s\" is not in policies.allowed",
		    c->policy_default);
	if (ret == 0 && c->policies_allowed[0] != '\0')
		ret = check_profiles(&p);
	if (ret == 0)
		ret = conf_check_calls(&p.doc, c, e);
	ydoc_free(&p.doc);
	return ret;
}
