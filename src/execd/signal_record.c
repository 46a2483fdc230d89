/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events of signals: of those that were refused, changed or swallowed, and
 * of those that the policy wants written down.
 */
#include <stdio.h>
#include <string.h>

#include "execd.h"
#include "log.h"
#include "signal_call.h"
#include "template.h"

/* The nearest of what the target is to the sender. */
static const char *
relation(const struct sigtarget *t)
{
	static const struct {
		enum signal_target is;
		const char *name;
	} names[] = {
		{ SIGNAL_SELF, "self" },
		{ SIGNAL_CHILDREN, "child" },
		{ SIGNAL_DESCENDANTS, "descendant" },
		{ SIGNAL_PARENT, "parent" },
		{ SIGNAL_SIBLINGS, "sibling" },
		{ SIGNAL_SESSION, "session" },
		{ SIGNAL_SYSTEM, "system" },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((t->relations >> names[i].is & 1) != 0)
			return names[i].name;
	}
	return "external";
}

void
signal_name(char *dst, size_t size, uint32_t signo)
{
	const char *name = signo < 32 ? sigabbrev_np((int)signo) : NULL;

	if (name != NULL)
		snprintf(dst, size, "SIG%s", name);
	else
		snprintf(dst, size, "%u", signo);
}

static enum event_type
type_of(const struct sigsaid *s)
{
	switch (s->done) {
	case DECISION_REDIRECT:
		return EV_SIGNAL_REDIRECTED;
	case DECISION_ABSORB:
		return EV_SIGNAL_ABSORBED;
	case DECISION_ALLOW:
	case DECISION_AUDIT:
		return EV_SIGNAL_SENT;
	default:
		return EV_SIGNAL_BLOCKED;
	}
}

void
record_signal(const struct sigcall *k, const struct sigtarget *t,
    const struct sigsaid *s)
{
	const struct command *c = command_find(k->command);
	struct buf *b = &execd.event;
	const char *values[TEMPLATE_MAX] = { NULL };
	char message[AGENTSH_TEXT_MAX + 1], name[16];
	enum event_type type = type_of(s);

	if (s->v.decision == DECISION_ALLOW && s->done == DECISION_ALLOW)
		return;
	signal_name(name, sizeof(name), k->signo);
	values[TEMPLATE_SIGNAL] = name;
	values[TEMPLATE_RULE] = s->v.rule_name;
	template_expand(message, sizeof(message), s->v.message, values);
	ev_begin(b, type, c != NULL ? c->id : "", k->t.inner_tgid);
	ev_str(b, EVF_OPERATION, k->call);
	ev_policy_done(b, s->v.decision, s->done, s->v.rule_name, message);
	ev_u64(b, EVF_PARENT_PID, k->t.inner_ppid);
	ev_u64(b, EVF_SIGNAL, k->signo);
	if (t->pid != 0)
		ev_u64(b, EVF_TARGET_PID, t->pid);
	ev_str(b, EVF_TARGET, t->name);
	ev_str(b, EVF_KIND, relation(t));
	if (type == EV_SIGNAL_REDIRECTED) {
		signal_name(name, sizeof(name), s->signo);
		ev_str(b, EVF_REDIRECT_TO, name);
	}
	if (s->said != NULL)
		asking_record(s->said);
	if (type == EV_SIGNAL_BLOCKED)
		ev_u64(b, EVF_BLOCKED, 1);
	record_emit();
}
