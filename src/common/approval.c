/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events and words about approvals; see approval.h.
 */
#include <stdio.h>
#include <string.h>

#include "approval.h"
#include "vis.h"

static const char *
kind_name(uint32_t kind)
{
	static const char *const names[APPROVAL_KIND_MAX] = {
		[APPROVAL_FILE] = "file",
		[APPROVAL_COMMAND] = "command",
		[APPROVAL_NETWORK] = "network",
		[APPROVAL_SIGNAL] = "signal",
		[APPROVAL_SOCKET] = "unix_socket",
	};

	return kind < APPROVAL_KIND_MAX ? names[kind] : "unknown";
}

static void
put_subject(struct buf *b, const struct msg_approval_ask *m, const char *id)
{
	const char *w = (const char *)m->words, *end = w + m->words_len;
	enum event_field field = m->kind == APPROVAL_FILE ? EVF_TO_PATH :
							    EVF_ARGV;

	ev_str(b, EVF_OPERATION, m->operation);
	ev_str(b, EVF_RULE, m->rule);
	if (m->message[0] != '\0')
		ev_str(b, EVF_MESSAGE, m->message);
	ev_str(b, EVF_APPROVAL_ID, id);
	ev_str(b, EVF_KIND, kind_name(m->kind));
	ev_str(b, EVF_TARGET, m->object);
	if (m->cwd[0] != '\0')
		ev_str(b, EVF_CWD, m->cwd);
	if (m->kind == APPROVAL_SIGNAL || m->kind == APPROVAL_SOCKET) {
		/* the first is the program that wants it */
		field = EVF_TARGETS;
		if (w < end) {
			ev_str(b, EVF_EXECUTABLE, w);
			w += strlen(w) + 1;
		}
	}
	for (; w < end; w += strlen(w) + 1)
		ev_str(b, field, w);
}

void
approval_event_asked(struct buf *b, const struct msg_approval_ask *m,
    const char *id, uint64_t timeout_ms)
{
	ev_begin(b, EV_APPROVAL_REQUESTED, m->command_id, m->pid);
	put_subject(b, m, id);
	ev_u64(b, EVF_WAIT, timeout_ms);
}

void
approval_event_answered(struct buf *b, const struct msg_approval_ask *m,
    const struct msg_approval_answer *a)
{
	char why[AGENTSH_TEXT_MAX];

	ev_begin(b, EV_APPROVAL_RESOLVED, m->command_id, m->pid);
	put_subject(b, m, a->id);
	ev_u64(b, EVF_APPROVED, a->outcome == APPROVAL_GRANTED);
	ev_str(b, EVF_RESOLVED_BY, a->who);
	approval_describe(why, sizeof(why), a);
	if (a->outcome == APPROVAL_GRANTED || a->outcome == APPROVAL_DENIED)
		snprintf(why, sizeof(why), "%s", a->reason);
	if (why[0] != '\0')
		ev_str(b, EVF_REASON, why);
}

void
approval_describe(char *dst, size_t size, const struct msg_approval_answer *m)
{
	static const char *const words[APPROVAL_OUTCOME_MAX] = {
		[APPROVAL_NONE] = "nobody was asked to approve it",
		[APPROVAL_GRANTED] = "",
		[APPROVAL_DENIED] = "an operator refused it",
		[APPROVAL_TIMED_OUT] = "nobody approved it in time",
		[APPROVAL_WITHDRAWN] = "who asked did not wait for the answer",
		[APPROVAL_OFF] =
		    "it needs an operator's approval, and approvals are off (approvals.enabled)",
		[APPROVAL_REFUSED] = "no operator was asked",
		[APPROVAL_CHANGED] =
		    "the object is not the one that was approved any more",
	};
	char reason[APPROVAL_REASON_MAX + 1];

	vis_str(reason, sizeof(reason), m->reason);
	snprintf(dst, size, "%s%s%s",
	    m->outcome < APPROVAL_OUTCOME_MAX ? words[m->outcome] :
						words[APPROVAL_NONE],
	    m->outcome != APPROVAL_GRANTED && reason[0] != '\0' ? ": " : "",
	    m->outcome != APPROVAL_GRANTED ? reason : "");
}
