/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signal_rules: which signals, to whom, and what stands in where a decision
 * cannot be carried out.
 */
#include <stdlib.h>
#include <string.h>

#include "parse.h"

static int
parse_signals(struct parser *p, const struct ynode *list, struct rule *r)
{
	const struct ynode *v;
	uint64_t mask;

	if (list->n == 0)
		return parse_error(p, list, "signals: is empty");
	for (v = list->first; v != NULL; v = v->next) {
		if (value_word(p, v, "signals") == -1)
			return -1;
		mask = signal_mask(v->text);
		if (mask == 0)
			return parse_error(p, v,
			    "signals: \"%.64s\" is no name of a signal, no "
			    "number from 1 to 63 and none of @all, @fatal, "
			    "@job, @reload, @ignore",
			    v->text);
		r->signal.signals |= mask;
	}
	return 0;
}

/* A key of target that only one type has. */
static int
check_only(struct parser *p, const struct ynode *map, enum schema_key key,
    bool wanted)
{
	const struct ynode *v = schema_value(map, key);

	if (v != NULL && !wanted)
		return parse_error(p, v->key,
		    "%s: does not belong to this type of target",
		    schema_name(key));
	if (v == NULL && wanted)
		return parse_error(p, map,
		    "%s: missing in a target of its type", schema_name(key));
	return 0;
}

static int
parse_target(struct parser *p, const struct ynode *map, struct rule *r)
{
	struct signal_part *s = &r->signal;
	const struct ynode *pattern = schema_value(map, KEY_TARGET_pattern);
	const struct ynode *max = schema_value(map, KEY_TARGET_max);
	const char *what = "";
	uint64_t lo = 0, hi = 0;
	bool range;

	s->target = (enum signal_target)schema_choice(schema_value(map,
							  KEY_TARGET_type),
	    SET_TARGET, SIGNAL_SELF);
	range = s->target == SIGNAL_PID_RANGE;
	if (check_only(p, map, KEY_TARGET_pattern,
		s->target == SIGNAL_PROCESS) == -1 ||
	    check_only(p, map, KEY_TARGET_min, range) == -1 ||
	    check_only(p, map, KEY_TARGET_max, range) == -1)
		return -1;
	if (pattern != NULL) {
		if (value_word(p, pattern, "pattern") == -1)
			return -1;
		if (glob_check(pattern->text, GLOB_NAME, &what) == -1)
			return parse_error(p, pattern, "pattern: %.256s: %s",
			    pattern->text, what);
		return value_dup(p, pattern, &s->pattern);
	}
	if (!range)
		return 0;
	if (value_u64(p, schema_value(map, KEY_TARGET_min), "min", 4194304,
		&lo) == -1 ||
	    value_u64(p, max, "max", 4194304, &hi) == -1)
		return -1;
	if (hi < lo)
		return parse_error(p, max, "max: %llu is below min, %llu",
		    (unsigned long long)hi, (unsigned long long)lo);
	s->min_pid = (uint32_t)lo;
	s->max_pid = (uint32_t)hi;
	return 0;
}

int
rule_signal_parse(struct parser *p, const struct ynode *map, struct rule *r)
{
	const struct ynode *to = schema_value(map, KEY_SIGNAL_redirect_to);

	if (parse_signals(p, schema_value(map, KEY_SIGNAL_signals), r) == -1 ||
	    parse_target(p, schema_value(map, KEY_SIGNAL_target), r) == -1)
		return -1;
	r->decision = (enum decision)schema_choice(schema_value(map,
						       KEY_SIGNAL_decision),
	    SET_SIGNAL, DECISION_DENY);
	r->signal.fallback =
	    (enum decision)schema_choice(schema_value(map, KEY_SIGNAL_fallback),
		SET_FALLBACK, DECISION_DENY);
	if (to != NULL && r->decision != DECISION_REDIRECT)
		return parse_error(p, to->key,
		    "redirect_to: without decision redirect");
	if (to == NULL && r->decision == DECISION_REDIRECT)
		return parse_error(p, map,
		    "redirect_to: missing in a signal rule with decision "
		    "redirect");
	if (to != NULL) {
		r->signal.redirect_signo = signal_number(to->text);
		if (r->signal.redirect_signo == 0)
			return parse_error(p, to,
			    "redirect_to: \"%.64s\" is no name of a signal and "
			    "no number from 1 to 63",
			    to->text);
	}
	return rule_answer(p, schema_value(map, KEY_SIGNAL_message),
	    schema_value(map, KEY_SIGNAL_timeout), FAMILY_SIGNAL, r);
}

bool
rule_signal_covers(const struct rule *ra, const struct rule *rb,
    uint32_t *budget)
{
	const struct signal_part *a = &ra->signal, *b = &rb->signal;

	if (!cover_spend(budget, 1) || (b->signals & ~a->signals) != 0 ||
	    a->target != b->target)
		return false;
	if (a->target == SIGNAL_PROCESS)
		return strcmp(a->pattern, "*") == 0 ||
		    strcmp(a->pattern, b->pattern) == 0;
	return a->min_pid <= b->min_pid && a->max_pid >= b->max_pid;
}

void
rule_signal_print(struct printer *o, const struct rule *r)
{
	const struct signal_part *s = &r->signal;
	char text[32];
	uint32_t i;

	print_items(o, KEY_SIGNAL_signals);
	for (i = 1; i < 64; i++) {
		if ((s->signals & (UINT64_C(1) << i)) == 0)
			continue;
		signal_text(text, sizeof(text), i);
		print_item(o, text);
	}
	print_open(o, KEY_SIGNAL_target);
	print_plain(o, KEY_TARGET_type,
	    schema_word(SET_TARGET, (int)s->target));
	if (s->pattern != NULL)
		print_raw(o, KEY_TARGET_pattern, s->pattern);
	if (s->target == SIGNAL_PID_RANGE) {
		print_number(o, KEY_TARGET_min, s->min_pid);
		print_number(o, KEY_TARGET_max, s->max_pid);
	}
	print_close(o);
	print_plain(o, KEY_SIGNAL_decision,
	    schema_word(SET_SIGNAL, r->decision));
	print_plain(o, KEY_SIGNAL_fallback,
	    schema_word(SET_FALLBACK, s->fallback));
	if (s->redirect_signo != 0) {
		signal_text(text, sizeof(text), s->redirect_signo);
		print_plain(o, KEY_SIGNAL_redirect_to, text);
	}
	print_answer(o, r, KEY_SIGNAL_message, KEY_SIGNAL_timeout);
}

void
rule_signal_free(struct rule *r)
{
	free(r->signal.pattern);
}
