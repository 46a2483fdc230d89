/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds a policy against schema.def: unknown keys, missing keys, wrong types,
 * words that are none, and what this build does not enforce. What the values
 * mean is the business of those who parse each kind.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "parse.h"
#include "units.h"

enum type {
	TYPE_INT,
	TYPE_STR,
	TYPE_BOOL,
	TYPE_TIME,
	TYPE_CHOICE,
	TYPE_WORDS,
	TYPE_NAMED,
	TYPE_LIST,
	TYPE_MAP,
	TYPE_DICT,
	TYPE_EITHER,
	TYPE_TREE,
	TYPE_ANY
};

enum need {
	NEED_OPTIONAL,
	NEED_NEEDED
};

/* clang-format off */
static const struct {
	enum schema_section section;
	const char *name;
	enum type type;
	int inside;
	enum need need;
	enum schema_state state;
} schema[KEY_MAX] = {
#define KEY(section, name, type, inside, need, state) \
	{ SCHEMA_##section, #name, TYPE_##type, inside, NEED_##need, \
	    STATE_##state },
#include "schema.def"
#undef KEY
};

static const char *const section_names[SCHEMA_MAX] = {
#define SECTION(id, what) what,
#include "schema.def"
#undef SECTION
};

static const struct {
	enum schema_set set;
	const char *word;
	int value;
	enum schema_state state;
} choices[] = {
#define CHOICE(set, word, value, state) \
	{ SET_##set, word, value, STATE_##state },
#include "schema.def"
#undef CHOICE
};
/* clang-format on */

#define NOT_ENFORCED                                                           \
	"not enforced by this build; allow_unenforced: true loads the rest"
#define NCHOICES (sizeof(choices) / sizeof(choices[0]))

/* A walk over the document: what was warned about already. */
struct walk {
	struct parser *p;
	bool unenforced; /* allow_unenforced: true */
	bool told_key[KEY_MAX];
	bool told_choice[NCHOICES];
};

const char *
schema_name(enum schema_key key)
{
	return schema[key].name;
}

enum schema_state
schema_state(enum schema_key key)
{
	return schema[key].state;
}

const struct ynode *
schema_value(const struct ynode *map, enum schema_key key)
{
	const struct ynode *v;

	for (v = map == NULL ? NULL : map->first; v != NULL; v = v->next) {
		if (strcmp(v->key->text, schema[key].name) == 0)
			return v;
	}
	return NULL;
}

int
schema_choice(const struct ynode *v, enum schema_set set, int otherwise)
{
	size_t i;

	for (i = 0; v != NULL && i < NCHOICES; i++) {
		if (choices[i].set == set &&
		    strcasecmp(choices[i].word, v->text) == 0)
			return choices[i].value;
	}
	return otherwise;
}

const char *
schema_word(enum schema_set set, int value)
{
	size_t i;

	for (i = 0; i < NCHOICES; i++) {
		if (choices[i].set == set && choices[i].value == value)
			return choices[i].word;
	}
	return "";
}

enum schema_state
schema_word_state(enum schema_set set, int value)
{
	size_t i;

	for (i = 0; i < NCHOICES; i++) {
		if (choices[i].set == set && choices[i].value == value)
			return choices[i].state;
	}
	return STATE_GONE;
}

bool
schema_bool(const struct ynode *v, bool otherwise)
{
	return v == NULL ? otherwise : strcmp(v->text, "true") == 0;
}

static int
unknown_key(struct walk *w, const struct ynode *key,
    enum schema_section section)
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
		return parse_error(w->p, key, "%.64s: unknown key of %s",
		    key->text, section_names[section]);
	return parse_error(w->p, key,
	    "%.64s: unknown key of %s, did you mean \"%s\"?", key->text,
	    section_names[section], near);
}

/* All words of a set: "a, b or c". */
static void
list_choices(enum schema_set set, char *dst, size_t size)
{
	const char *words[NCHOICES];
	size_t i, n = 0, len = 0;

	for (i = 0; i < NCHOICES; i++) {
		if (choices[i].set == set)
			words[n++] = choices[i].word;
	}
	dst[0] = '\0';
	for (i = 0; i < n && len < size; i++)
		len += (size_t)snprintf(dst + len, size - len, "%s%s",
		    i == 0	   ? "" :
			i + 1 == n ? " or " :
				     ", ",
		    words[i]);
}

static int
unknown_choice(struct walk *w, const struct ynode *v, const char *key,
    enum schema_set set)
{
	const char *words[NCHOICES];
	char lower[64], all[256];
	const char *near;
	size_t i, n = 0;

	for (i = 0; i < NCHOICES; i++) {
		if (choices[i].set == set)
			words[n++] = choices[i].word;
	}
	snprintf(lower, sizeof(lower), "%s", v->text);
	for (i = 0; lower[i] != '\0'; i++) {
		if (lower[i] >= 'A' && lower[i] <= 'Z')
			lower[i] = (char)(lower[i] | 0x20);
	}
	list_choices(set, all, sizeof(all));
	near = nearest_word(lower, words, n);
	if (near == NULL)
		return parse_error(w->p, v, "%s: \"%.64s\" is not %s", key,
		    v->text, all);
	return parse_error(w->p, v,
	    "%s: \"%.64s\" is not %s, did you mean \"%s\"?", key, v->text, all,
	    near);
}

/* The only one: rewrite_sni. */
static int
check_never(struct walk *w, const struct ynode *v, size_t choice,
    const char *key)
{
	static const char why[] =
	    "cannot be: both ends of TLS prove to each other what the client "
	    "said";

	if (!w->unenforced)
		return parse_error(w->p, v,
		    "%s: %s: %s; use passthrough, and have the other place "
		    "serve the name that is asked for",
		    key, choices[choice].word, why);
	if (!w->told_choice[choice])
		parse_warn(w->p, v, "%s: %s: %s: such connections are refused",
		    key, choices[choice].word, why);
	w->told_choice[choice] = true;
	return 0;
}

static int
check_choice(struct walk *w, const struct ynode *v, size_t key)
{
	size_t i;

	for (i = 0; i < NCHOICES; i++) {
		if ((int)choices[i].set == schema[key].inside &&
		    strcasecmp(choices[i].word, v->text) == 0)
			break;
	}
	if (i == NCHOICES)
		return unknown_choice(w, v, schema[key].name,
		    (enum schema_set)schema[key].inside);
	if (choices[i].state == STATE_LATER && !w->unenforced)
		return parse_error(w->p, v, "%s: %s: " NOT_ENFORCED,
		    schema[key].name, choices[i].word);
	if (choices[i].state == STATE_NEVER)
		return check_never(w, v, i, schema[key].name);
	if (choices[i].state != STATE_LATER)
		return 0;
	if (!w->told_choice[i])
		parse_warn(w->p, v, "%s: %s: not enforced by this build",
		    schema[key].name, choices[i].word);
	w->told_choice[i] = true;
	return 0;
}

static bool
is_int(const char *s)
{
	if (*s == '-')
		s++;
	return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

static bool
is_bool(const struct ynode *v)
{
	return v->plain &&
	    (strcmp(v->text, "true") == 0 || strcmp(v->text, "false") == 0);
}

/* Items of WORDS, values of NAMED. */
static int
check_scalars(struct walk *w, const struct ynode *in, const char *key)
{
	const struct ynode *v;

	for (v = in->first; v != NULL; v = v->next) {
		if (v->kind != YNODE_SCALAR)
			return parse_error(w->p, v,
			    "%s: every item must be a single value", key);
	}
	return 0;
}

static int
check_type(struct walk *w, const struct ynode *v, size_t key)
{
	const char *name = schema[key].name;
	const char *want = NULL;
	enum type type = schema[key].type;
	uint64_t ms;

	switch (type) {
	case TYPE_ANY:
		return 0;
	case TYPE_INT:
	case TYPE_STR:
	case TYPE_BOOL:
	case TYPE_TIME:
	case TYPE_CHOICE:
		if (v->kind != YNODE_SCALAR)
			want = "must be a single value";
		else if (ynode_is_null(v))
			want = "has no value";
		else if (type == TYPE_INT && (!v->plain || !is_int(v->text)))
			want = "must be a whole number";
		else if (type == TYPE_BOOL && !is_bool(v))
			want = "must be true or false";
		break;
	case TYPE_WORDS:
	case TYPE_LIST:
		if (v->kind != YNODE_SEQ)
			want = "must be a list";
		break;
	case TYPE_EITHER:
		if (v->kind == YNODE_SCALAR)
			want = "must be a list or a mapping";
		break;
	case TYPE_NAMED:
	case TYPE_MAP:
	case TYPE_DICT:
	case TYPE_TREE:
		if (v->kind != YNODE_MAP)
			want = "must be a mapping";
		break;
	}
	if (want != NULL)
		return parse_error(w->p, v, "%s: %s", name, want);
	if (type == TYPE_CHOICE)
		return check_choice(w, v, key);
	if (type == TYPE_TIME)
		return value_time(w->p, v, name, &ms);
	if (type == TYPE_WORDS || type == TYPE_NAMED ||
	    (type == TYPE_EITHER && v->kind == YNODE_SEQ))
		return check_scalars(w, v, name);
	return 0;
}

/* An empty list, false and 0 ask for nothing. */
static bool
says_nothing(const struct ynode *v)
{
	if (v->kind != YNODE_SCALAR)
		return v->n == 0;
	return v->plain &&
	    (strcmp(v->text, "false") == 0 || strcmp(v->text, "0") == 0);
}

/* Is a key of the schema, which was given, known to this build? */
static int
check_state(struct walk *w, const struct ynode *v, size_t key)
{
	switch (schema[key].state) {
	case STATE_ENFORCED:
	case STATE_NOTE:
		return 0;
	case STATE_GONE:
		return parse_error(w->p, v->key,
		    "%s: no key any more: write http_services, and providers "
		    "for where secrets come from",
		    schema[key].name);
	case STATE_LATER:
	case STATE_NEVER: /* which is for words */
		if (says_nothing(v))
			return 0;
		if (!w->unenforced)
			return parse_error(w->p, v->key, "%s: " NOT_ENFORCED,
			    schema[key].name);
		break;
	}
	if (!w->told_key[key])
		parse_warn(w->p, v->key, "%s: not enforced by this build",
		    schema[key].name);
	w->told_key[key] = true;
	return 0;
}

/* The row of a key, or KEY_MAX. */
static size_t
find_key(enum schema_section section, const char *name)
{
	size_t i;

	for (i = 0; i < KEY_MAX; i++) {
		if (schema[i].section == section &&
		    strcmp(schema[i].name, name) == 0)
			break;
	}
	return i;
}

/* One mapping, but not what is inside its values. */
static int
check_map(struct walk *w, const struct ynode *map, enum schema_section section)
{
	const struct ynode *v;
	size_t key;

	if (map == NULL || map->kind != YNODE_MAP)
		return parse_error(w->p, map, "%s must be a mapping",
		    section_names[section]);
	for (v = map->first; v != NULL; v = v->next) {
		key = find_key(section, v->key->text);
		/* each sort of provider has keys of its own */
		if (key == KEY_MAX && section == SCHEMA_PROVIDER)
			continue;
		if (key == KEY_MAX)
			return unknown_key(w, v->key, section);
		if (check_state(w, v, key) == -1 || check_type(w, v, key) == -1)
			return -1;
	}
	for (key = 0; key < KEY_MAX; key++) {
		if (schema[key].section == section &&
		    schema[key].need == NEED_NEEDED &&
		    schema_value(map, (enum schema_key)key) == NULL)
			return parse_error(w->p, map, "%s: missing in %s",
			    schema[key].name, section_names[section]);
	}
	return 0;
}

/* Where the walk stands: values of a mapping of a section, or mappings. */
struct frame {
	const struct ynode *next;
	enum schema_section section;
	bool maps;
};

/* What the walk must look at inside v; 1 for something. */
static int
frame_for(const struct ynode *v, enum schema_section section, struct frame *f)
{
	size_t key = find_key(section, v->key->text);

	if (key == KEY_MAX)
		return 0;
	f->section = (enum schema_section)schema[key].inside;
	f->next = v->first;
	f->maps = schema[key].type == TYPE_LIST ||
	    schema[key].type == TYPE_DICT;
	return f->maps || schema[key].type == TYPE_MAP ||
	    (schema[key].type == TYPE_EITHER && v->kind == YNODE_MAP);
}

int
schema_check(struct parser *p)
{
	/* a LIST and its mappings are two frames for one or two levels */
	struct frame stack[2 * YDOC_MAX_DEPTH + 2];
	struct walk w = { .p = p };
	const struct ynode *v;
	struct frame *f = stack, *g;

	v = p->doc->root;
	if (v != NULL && v->kind == YNODE_MAP) {
		v = schema_value(v, KEY_TOP_allow_unenforced);
		w.unenforced = v != NULL && v->kind == YNODE_SCALAR &&
		    is_bool(v) && schema_bool(v, false);
	}
	if (check_map(&w, p->doc->root, SCHEMA_TOP) == -1)
		return -1;
	*f = (struct frame){ p->doc->root->first, SCHEMA_TOP, false };
	while (f >= stack) {
		v = f->next;
		if (v == NULL) {
			f--;
			continue;
		}
		f->next = v->next;
		g = f + 1;
		if (f->maps) {
			if (check_map(&w, v, f->section) == -1)
				return -1;
			*g = (struct frame){ v->first, f->section, false };
			f = g;
		} else if (frame_for(v, f->section, g)) {
			if (!g->maps && check_map(&w, v, g->section) == -1)
				return -1;
			f = g;
		}
	}
	return 0;
}
