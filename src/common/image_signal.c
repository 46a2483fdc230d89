/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decisions about signals: rule by rule, as signals are rare. Only the names
 * of processes are looked up by an automaton.
 */
#include <string.h>

#include "image_int.h"

#define PROCESS_MAX 4096 /* bytes of a name; the kernel's have 15 */

static bool
target_holds(const struct img_signal *part, const struct signal_query *q,
    bool named)
{
	if (part->target == SIGNAL_PROCESS)
		return named;
	if (part->target == SIGNAL_PID_RANGE)
		return q->target_pid >= part->min_pid &&
		    q->target_pid <= part->max_pid;
	return (q->relations >> part->target & 1) != 0;
}

static int
eval(const struct image *im, const struct signal_query *q, uint64_t *room,
    struct verdict *v, struct signal_action *a)
{
	const struct img_family *f = img_family(im, FAMILY_SIGNAL);
	const struct img_signal *part = img_at(im, f->parts);
	struct img_rules named = { 0 };
	size_t len;
	uint32_t i;

	len = q->process == NULL ? 0 : strnlen(q->process, PROCESS_MAX + 1);
	if (len > PROCESS_MAX)
		return -1;
	if (len > 0)
		img_rules(im, IMG_AUTO_PROCESS, q->process, len, room, &named);
	for (i = 0; i < f->nrules; i++, part++) {
		if ((part->signals >> q->signo & 1) == 0 ||
		    !target_holds(part, q, img_rules_next(&named, i) == i))
			continue;
		img_verdict_set(im, FAMILY_SIGNAL, i, v);
		a->fallback = (enum decision)part->fallback;
		a->redirect_signo = part->redirect_signo;
		break;
	}
	return 0;
}

static int __attribute__((noinline)) eval_with_room(const struct image *im,
    const struct signal_query *q, struct verdict *v, struct signal_action *a)
{
	uint64_t room[IMG_MAX_WORDS];

	return eval(im, q, room, v, a);
}

int
image_eval_signal(const struct image *im, const struct signal_query *q,
    struct verdict *v, struct signal_action *a)
{
	static const uint8_t which[] = { IMG_AUTO_PROCESS };

	img_verdict_preset(v, "default-deny-signals");
	a->fallback = DECISION_DENY;
	a->redirect_signo = 0;
	/* of 64, which no rule can name, there is nothing but the preset */
	if (q->signo == 64)
		return 0;
	if (q->signo == 0 || q->signo > 64)
		return -1;
	if (img_needs_room(im, which, sizeof(which)))
		return eval_with_room(im, q, v, a);
	return eval(im, q, NULL, v, a);
}

bool
image_asks_signals(const struct image *im)
{
	const struct img_family *f = img_family(im, FAMILY_SIGNAL);
	struct verdict v;
	uint32_t i;

	for (i = 0; i < f->nrules; i++) {
		img_verdict_set(im, FAMILY_SIGNAL, i, &v);
		if (v.decision == DECISION_APPROVE)
			return true;
	}
	return false;
}
