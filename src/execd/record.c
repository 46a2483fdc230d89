/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events of commands, into the session's ring. A record that cannot be
 * written ends the session: nothing happens unrecorded.
 */
#include <sys/wait.h>

#include <stdio.h>
#include <string.h>

#include "execd.h"
#include "log.h"
#include "supervise.h"

#define EVENT_ARGV_MAX 16384 /* bytes of the arguments of an exec */

static void
record_begin(const struct command *c, enum event_type type)
{
	ev_begin(&execd.event, type, c->id, c->pid);
}

void
record_emit(void)
{
	if (ev_emit(&execd.p.ring, &execd.event) == -1)
		fatalx("an event cannot be recorded");
}

/* A command and its arguments: as asked for, or as they start. */
static void
record_spec(enum event_field command, enum event_field args,
    const struct spec *spec)
{
	size_t i;

	ev_str(&execd.event, command, spec->file);
	for (i = 1; i < spec->argc && i <= EVENT_STRV_MAX; i++)
		ev_str(&execd.event, args, spec->argv[i]);
}

void
record_policy(const struct command *c, const struct precheck *pc)
{
	char name[257];
	size_t i, n;

	record_begin(c, EV_COMMAND_POLICY);
	ev_str(&execd.event, EVF_OPERATION, "command_precheck");
	ev_policy_done(&execd.event, pc->said, pc->decision, pc->rule,
	    pc->message);
	if (pc->decision == DECISION_DENY)
		ev_u64(&execd.event, EVF_BLOCKED, 1);
	record_spec(EVF_COMMAND, EVF_ARGS, &c->spec);
	for (i = 0; i < pc->ndropped && i < EVENT_STRV_MAX; i++) {
		n = strcspn(pc->dropped[i], "=");
		snprintf(name, sizeof(name), "%.*s", (int)(n < 256 ? n : 256),
		    pc->dropped[i]);
		ev_str(&execd.event, EVF_ENV_DROPPED, name);
	}
	record_emit();
}

void
record_redirected(const struct command *c, const struct spec *to,
    const struct precheck *pc)
{
	record_begin(c, EV_COMMAND_REDIRECTED);
	ev_policy_done(&execd.event, pc->said, pc->decision, pc->rule,
	    pc->message);
	record_spec(EVF_FROM_COMMAND, EVF_FROM_ARGS, &c->spec);
	record_spec(EVF_TO_COMMAND, EVF_TO_ARGS, to);
	record_emit();
}

void
record_started(const struct command *c)
{
	record_begin(c, EV_COMMAND_STARTED);
	record_spec(EVF_COMMAND, EVF_ARGS, &c->spec);
	record_emit();
}

void
record_finished(const struct command *c, uint64_t duration_us)
{
	const struct msg_init_exited *r = &c->result;

	record_begin(c, EV_COMMAND_FINISHED);
	ev_u64(&execd.event, EVF_EXIT_CODE, r->exit_code);
	if (r->term_signal != 0)
		ev_u64(&execd.event, EVF_SIGNAL, r->term_signal);
	if (c->timed_out)
		ev_u64(&execd.event, EVF_TIMED_OUT, 1);
	ev_u64(&execd.event, EVF_DURATION, duration_us / 1000);
	ev_u64(&execd.event, EVF_CPU_USER, r->user_us / 1000);
	ev_u64(&execd.event, EVF_CPU_SYSTEM, r->system_us / 1000);
	ev_u64(&execd.event, EVF_MAXRSS, r->maxrss_kb);
	if (c->unwatched > 0)
		ev_u64(&execd.event, EVF_EXITS_UNKNOWN, c->unwatched);
	record_emit();
}

void
record_process_exit(const char *id, uint32_t pid, const char *file,
    uint32_t depth, int status)
{
	struct buf *b = &execd.event;

	ev_begin(b, EV_PROCESS_EXIT, id, pid);
	ev_str(b, EVF_FILENAME, file);
	ev_u64(b, EVF_DEPTH, depth);
	/* as command_finished has it */
	ev_u64(b, EVF_EXIT_CODE,
	    WIFSIGNALED(status) ? 128 + (uint64_t)WTERMSIG(status) :
				  (uint64_t)WEXITSTATUS(status));
	if (WIFSIGNALED(status))
		ev_u64(b, EVF_SIGNAL, (uint64_t)WTERMSIG(status));
	record_emit();
}

void
record_killed(const struct command *c, uint32_t signo)
{
	record_begin(c, EV_COMMAND_KILLED);
	ev_u64(&execd.event, EVF_SIGNAL, signo);
	if (c->timed_out)
		ev_u64(&execd.event, EVF_TIMED_OUT, 1);
	record_emit();
}

/* The words of an exec from this one on, as many as an event has room for. */
static void
record_argv(enum event_field field, const struct words *w, size_t from)
{
	size_t i;

	for (i = from; i < w->n && i < EVENT_STRV_MAX &&
	     (size_t)(w->v[i] - w->bytes) < EVENT_ARGV_MAX;
	     i++)
		ev_str(&execd.event, field, w->v[i]);
}

/* What an exec is, and what became of it. */
static void
record_exec_words(const struct exec *x, bool blocked)
{
	const struct link *l = &x->link[0];
	struct buf *b = &execd.event;

	ev_str(b, EVF_OPERATION, "execve");
	/* a thread that looks has it */
	if (!x->looking && l->file.name[0] != '\0')
		ev_str(b, EVF_FILENAME, l->file.name);
	ev_str(b, EVF_RAW_FILENAME, x->path);
	ev_u64(b, EVF_DEPTH, x->l.depth);
	ev_u64(b, EVF_PARENT_PID, x->t.inner_ppid);
	ev_str(b, EVF_EFFECTIVE_ACTION, blocked ? "blocked" : "allowed");
	if (blocked)
		ev_u64(b, EVF_BLOCKED, 1);
	if (x->j.inner) {
		ev_str(b, EVF_UNWRAPPED_FROM, l->command);
		ev_str(b, EVF_PAYLOAD, x->j.name);
	}
	if (x->truncated || l->argv.n > EVENT_STRV_MAX ||
	    l->argv.len > EVENT_ARGV_MAX)
		ev_u64(b, EVF_TRUNCATED, 1);
	record_argv(EVF_ARGV, &l->argv, 0);
}

static void
record_exec_begin(const struct exec *x)
{
	const struct command *c = command_find(x->l.command);

	ev_begin(&execd.event, EV_EXECVE, c != NULL ? c->id : "",
	    x->t.inner_tgid);
}

void
record_exec(const struct exec *x, enum decision done)
{
	char message[AGENTSH_TEXT_MAX + 1];

	judge_message(&x->j, NULL, message, sizeof(message));
	record_exec_begin(x);
	ev_policy_done(&execd.event, x->j.v.decision, done, x->j.v.rule_name,
	    message);
	if (x->j.v.decision == DECISION_APPROVE)
		asking_record(&x->said);
	record_exec_words(x, done == DECISION_DENY);
	record_emit();
}

void
record_exec_changed(const struct exec *x, const char *why)
{
	record_exec_begin(x);
	ev_policy_done(&execd.event, DECISION_DENY, DECISION_DENY,
	    "exec-changed",
	    why != NULL ? why :
			  "the program or its arguments were changed after the "
			  "decision");
	record_exec_words(x, true);
	record_emit();
}

void
record_exec_crowd(const struct exec *x)
{
	struct buf *b = &execd.event;

	record_exec_begin(x);
	ev_policy_done(b, DECISION_DENY, DECISION_DENY, "exec-crowd",
	    "too many programs of the command wait for something that does not "
	    "come");
	ev_str(b, EVF_OPERATION, "execve");
	ev_u64(b, EVF_DEPTH, x->l.depth);
	ev_u64(b, EVF_PARENT_PID, x->t.inner_ppid);
	ev_str(b, EVF_EFFECTIVE_ACTION, "blocked");
	ev_u64(b, EVF_BLOCKED, 1);
	record_emit();
}

/* The words of what was asked for are still in x->link. */
void
record_exec_replaced(const struct exec *x)
{
	char message[AGENTSH_TEXT_MAX + 1];
	const struct words *to;
	const char *path = replace_path(x, &to);

	judge_message(&x->j, NULL, message, sizeof(message));
	record_exec_begin(x);
	ev_policy_done(&execd.event, DECISION_REDIRECT, DECISION_REDIRECT,
	    x->j.v.rule_name, message);
	ev_str(&execd.event, EVF_TO_COMMAND, path);
	record_argv(EVF_TO_ARGS, to, 1);
	record_exec_words(x, false);
	record_emit();
}

void
record_exec_unreplaced(const struct exec *x)
{
	record_exec_begin(x);
	ev_policy_done(&execd.event, DECISION_REDIRECT, DECISION_DENY,
	    x->j.v.rule_name, "the replacement could not be executed");
	record_exec_words(x, true);
	record_emit();
}
