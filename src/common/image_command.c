/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decisions about commands. The name and the path of a command are looked up
 * in several spellings, each by one automaton; what the rules found so ask for
 * besides is then checked in the order of the rules.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image_int.h"
#include "path.h"
#include "regex.h"

#define LOOKUPS_MAX 6 /* three forms of the command, two spellings each */

struct lookups {
	struct img_rules rules[LOOKUPS_MAX];
	size_t n;
	uint64_t (*room)[IMG_MAX_WORDS]; /* LOOKUPS_MAX, or NULL */
};

/* The arguments as one text, made when the first pattern asks for it. */
struct joined {
	char *text;
	size_t len;
};

static void
look_up(const struct image *im, struct lookups *l, size_t which, const char *s,
    size_t len)
{
	img_rules(im, which, s, len, l->room == NULL ? NULL : l->room[l->n],
	    &l->rules[l->n]);
	l->n++;
}

/* As it is, and in lower case. */
static void
look_up_both(const struct image *im, struct lookups *l, size_t which,
    const char *s, size_t len)
{
	char lower[AGENTSH_PATH_MAX];
	bool same = true;
	size_t i;

	look_up(im, l, which, s, len);
	for (i = 0; i < len; i++) {
		lower[i] = s[i];
		if (s[i] >= 'A' && s[i] <= 'Z') {
			lower[i] = (char)(s[i] | 0x20);
			same = false;
		}
	}
	if (!same)
		look_up(im, l, which, lower, len);
}

/* -1 with errno: too long for a pattern, or no memory. */
static int
join(struct joined *j, const struct command_query *q)
{
	size_t i, n, len = 0;

	for (i = 0; i < q->argc; i++) {
		len += strnlen(q->argv[i], REGEX_SUBJECT_MAX + 1) + (i > 0);
		if (len > REGEX_SUBJECT_MAX) {
			errno = E2BIG;
			return -1;
		}
	}
	j->text = malloc(len + 1);
	if (j->text == NULL)
		return -1;
	for (i = 0; i < q->argc; i++) {
		if (i > 0)
			j->text[j->len++] = ' ';
		n = strlen(q->argv[i]);
		memcpy(j->text + j->len, q->argv[i], n);
		j->len += n;
	}
	return 0;
}

/* 1 the rule holds, 0 it does not, -1 nobody can say. */
static int
rule_holds(const struct image *im, uint32_t rule, const struct command_query *q,
    struct joined *j)
{
	const struct img_family *f = img_family(im, FAMILY_COMMAND);
	const struct img_command *part = img_at(im, f->parts);
	const struct img_rule *rules = img_at(im, f->rules);
	uint32_t decision = rules[rule].decision;
	uint32_t i;
	int ret;

	part += rule;
	if (q->depth < part->min_depth || q->depth > part->max_depth)
		return 0;
	if (part->nregex == 0)
		return 1;
	if (q->args_unknown)
		return decision != DECISION_ALLOW && decision != DECISION_AUDIT;
	if (im->regex == NULL || (j->text == NULL && join(j, q) == -1))
		return -1;
	for (i = 0; i < part->nregex; i++) {
		ret = regex_match(im->regex[part->regex + i], j->text, j->len);
		if (ret != 0)
			return ret;
	}
	return 0;
}

/* The first rule of any lookup that holds. */
static int
first_rule(const struct image *im, struct lookups *l,
    const struct command_query *q, struct joined *j, uint32_t *rule)
{
	uint32_t from, r;
	size_t i;
	int ret;

	for (from = 0;; from = *rule + 1) {
		*rule = IMG_NONE;
		for (i = 0; i < l->n; i++) {
			r = img_rules_next(&l->rules[i], from);
			*rule = r < *rule ? r : *rule;
		}
		if (*rule == IMG_NONE)
			return 0;
		ret = rule_holds(im, *rule, q, j);
		if (ret != 0)
			return ret == 1 ? 0 : -1;
	}
}

static int
eval(const struct image *im, const struct command_query *q, const char *base,
    size_t len, uint64_t (*room)[IMG_MAX_WORDS], struct verdict *v)
{
	struct lookups l = { .room = room };
	struct joined j = { NULL, 0 };
	size_t blen = len - (size_t)(base - q->command), plen;
	uint32_t rule = IMG_NONE;
	int ret;

	look_up_both(im, &l, IMG_AUTO_BASE, base, blen);
	plen = path_program_len(base, blen);
	if (plen != blen)
		look_up_both(im, &l, IMG_AUTO_BASE, base, plen);
	if (base != q->command)
		look_up_both(im, &l, IMG_AUTO_PATH, q->command, len);
	ret = first_rule(im, &l, q, &j, &rule);
	free(j.text);
	if (ret == 0)
		img_verdict_set(im, FAMILY_COMMAND, rule, v);
	return ret;
}

/* Apart, so that the room is there only where it is needed. */
static int __attribute__((noinline))
eval_with_room(const struct image *im, const struct command_query *q,
    const char *base, size_t len, struct verdict *v)
{
	uint64_t room[LOOKUPS_MAX][IMG_MAX_WORDS];

	return eval(im, q, base, len, room, v);
}

int
image_eval_command(const struct image *im, const struct command_query *q,
    struct verdict *v)
{
	static const uint8_t which[] = { IMG_AUTO_BASE, IMG_AUTO_PATH };
	const char *base;
	size_t len;

	img_verdict_preset(v, "default-deny-commands");
	if (q->command == NULL || q->command[0] == '\0' ||
	    (q->argc > 0 && q->argv == NULL))
		return -1;
	len = strnlen(q->command, AGENTSH_PATH_MAX + 1);
	if (len > AGENTSH_PATH_MAX)
		return -1;
	base = memrchr(q->command, '/', len);
	base = base == NULL ? q->command : base + 1;
	if (*base == '\0')
		return -1;
	if (img_needs_room(im, which, sizeof(which)))
		return eval_with_room(im, q, base, len, v);
	return eval(im, q, base, len, NULL, v);
}

void
image_command_action(const struct image *im, const struct verdict *v,
    struct command_action *a)
{
	const struct img_family *f = img_family(im, FAMILY_COMMAND);
	const struct img_command *part = img_at(im, f->parts);

	memset(a, 0, sizeof(*a));
	a->command = "";
	a->args.first = a->append.first = a->env.first = "";
	if (v->rule >= f->nrules)
		return;
	part += v->rule;
	a->command = img_string(im, part->redirect_command);
	a->replaces_args = part->replaces_args != 0;
	a->args = img_words(im, &part->args);
	a->append = img_words(im, &part->append);
	a->env = img_words(im, &part->env);
}

static size_t
put_words(const struct image_words *w, const char **to)
{
	const char *s = w->first;
	uint32_t i;

	for (i = 0; i < w->n; i++, s = image_words_next(s))
		to[i] = s;
	return w->n;
}

size_t
image_action_words(const struct command_action *act, const char *const *asked,
    size_t n, const char **to)
{
	size_t i, k = 0;

	to[k++] = act->command;
	if (act->replaces_args)
		k += put_words(&act->args, to + k);
	else {
		for (i = 0; i < n; i++)
			to[k++] = asked[i];
	}
	return k + put_words(&act->append, to + k);
}

size_t
image_action_room(const struct command_action *act, size_t n)
{
	return 1 + n + act->args.n + act->append.n;
}

bool
image_matches_arguments(const struct image *im)
{
	const struct img_family *f = img_family(im, FAMILY_COMMAND);
	const struct img_command *part = img_at(im, f->parts);
	uint32_t i;

	for (i = 0; i < f->nrules; i++) {
		if (part[i].nregex > 0)
			return true;
	}
	return false;
}
