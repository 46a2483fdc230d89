/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guidance: what an agent can do about what happened to its command. It names
 * rules and targets, never what a policy would allow instead.
 */
#include <errno.h>
#include <string.h>

#include "answer.h"
#include "event.h"
#include "log.h"
#include "path.h"
#include "sessiond.h"

static void
put_suggestion(yajl_gen g, const char *action, const char *command,
    const char *reason)
{
	yajl_gen_map_open(g);
	json_put_str(g, "action", action);
	if (command != NULL)
		json_put_str(g, "command", command);
	json_put_str(g, "reason", reason);
	yajl_gen_map_close(g);
}

static void
put_inspect(yajl_gen g, const struct command *cmd)
{
	char text[512];

	snprintf(text, sizeof(text), "agentsh events %s --command %s",
	    session_name(cmd->sess, cmd->client_uid), cmd->id);
	put_suggestion(g, "inspect_events", text,
	    "see every operation of the command");
}

/* It was not let go on because no operator approved it; that can be asked for
 * again. */
static bool
is_approval(enum approval_outcome a)
{
	return a != APPROVAL_NONE && a != APPROVAL_GRANTED;
}

/* Denied before it started. */
static void
put_denied(yajl_gen g, const struct command *cmd)
{
	char reason[AGENTSH_TEXT_MAX + 64];

	json_put_str(g, "status", "blocked");
	json_put_bool(g, "blocked", true);
	json_put_bool(g, "retryable",
	    is_approval(cmd->approval) && cmd->approval != APPROVAL_OFF);
	if (cmd->approval == APPROVAL_TIMED_OUT)
		snprintf(reason, sizeof(reason), "approval timed out");
	else if (is_approval(cmd->approval))
		snprintf(reason, sizeof(reason), "command was not approved: %s",
		    cmd->reason);
	else
		snprintf(reason, sizeof(reason), "command denied by policy");
	json_put_str(g, "reason", reason);
	if (cmd->rule[0] != '\0')
		json_put_str(g, "policy_rule", cmd->rule);
	json_put_str(g, "blocked_operation", "command");
	json_put_str(g, "blocked_target", cmd->body.command);
	json_key(g, "suggestions");
	yajl_gen_array_open(g);
	if (cmd->approval == APPROVAL_OFF)
		put_suggestion(g, "enable_approvals", NULL,
		    "an operator has to approve this command, and approvals are off in the configuration (approvals.enabled)");
	else if (cmd->said == DECISION_APPROVE)
		put_suggestion(g, "request_approval", NULL,
		    "an operator has to approve this command while it waits: agentshctl approvals");
	if (cmd->message[0] != '\0')
		snprintf(reason, sizeof(reason), "the rule says: %s",
		    cmd->message);
	else
		snprintf(reason, sizeof(reason),
		    "the policy has to allow this command before it can run");
	put_suggestion(g, "adjust_policy", NULL, reason);
	put_inspect(g, cmd);
	yajl_gen_array_close(g);
}

/* The first operation that was refused while it ran, or NULL. */
static const struct event_line *
first_blocked(const struct event_set *set)
{
	size_t i;

	for (i = 0; set != NULL && i < set->n; i++) {
		if (set->line[i].blocked)
			return &set->line[i];
	}
	return NULL;
}

static const char *
blocked_target(const struct event_info *info)
{
	if (info->path != NULL && info->path[0] != '\0')
		return info->path;
	if (info->remote != NULL && info->remote[0] != '\0')
		return info->remote;
	if (info->domain != NULL && info->domain[0] != '\0')
		return info->domain;
	if (info->target != NULL && info->target[0] != '\0')
		return info->target;
	return info->type;
}

static void
put_blocked(yajl_gen g, const struct command *cmd, const struct event_set *set,
    const struct event_line *line)
{
	const struct event_info *info = &line->info;
	const struct session *s = cmd->sess;
	char reason[AGENTSH_TEXT_MAX];
	bool approve = info->decision != NULL &&
	    strcmp(info->decision, decision_name(DECISION_APPROVE)) == 0;

	if (info->rule != NULL && info->rule[0] != '\0')
		snprintf(reason, sizeof(reason),
		    "blocked by policy rule %.200s", info->rule);
	else
		snprintf(reason, sizeof(reason), "blocked by policy");
	json_put_str(g, "status", "blocked");
	json_put_bool(g, "blocked", true);
	json_put_bool(g, "retryable", approve);
	json_put_str(g, "reason", reason);
	if (info->rule != NULL)
		json_put_str(g, "policy_rule", info->rule);
	json_put_str(g, "blocked_operation",
	    info->operation != NULL ? info->operation : info->type);
	json_put_str(g, "blocked_target", blocked_target(info));
	json_key(g, "suggestions");
	yajl_gen_array_open(g);
	if (approve) {
		snprintf(reason, sizeof(reason),
		    "an operator has to approve it%s%.400s",
		    info->error != NULL ? ", but " : "",
		    info->error != NULL ? info->error : "");
		put_suggestion(g, "request_approval", NULL, reason);
	}
	/* with real paths there is no other place to name */
	if (line->bucket == BUCKET_FILE && info->path != NULL &&
	    strcmp(s->mount, s->workspace) != 0 &&
	    !path_is_beneath(info->path, s->mount)) {
		snprintf(reason, sizeof(reason),
		    "files beneath %.200s are the session's own", s->mount);
		put_suggestion(g, "move_to_workspace", NULL, reason);
	}
	if (info->message != NULL && info->message[0] != '\0')
		snprintf(reason, sizeof(reason), "the rule says: %.900s",
		    info->message);
	else
		snprintf(reason, sizeof(reason),
		    "the policy has to allow this operation before it can succeed");
	put_suggestion(g, "adjust_policy", NULL, reason);
	put_inspect(g, cmd);
	softdel_suggest(g, set);
	yajl_gen_array_close(g);
}

/* Something was short; it need not be the next time. */
static bool
is_passing(uint32_t error)
{
	return error == EAGAIN || error == ENOMEM || error == EMFILE ||
	    error == ENFILE || error == ETXTBSY;
}

static void
put_failed(yajl_gen g, const struct command *cmd, const struct event_set *set)
{
	json_put_str(g, "status", "failed");
	if (cmd->timed_out) {
		json_put_bool(g, "retryable", true);
		json_put_str(g, "reason", "command timed out");
	} else {
		if (cmd->outcome == OUT_FAILED && is_passing(cmd->error))
			json_put_bool(g, "retryable", true);
		json_put_str(g, "reason",
		    cmd->message[0] != '\0' ? cmd->message : "command failed");
	}
	json_key(g, "suggestions");
	yajl_gen_array_open(g);
	if (cmd->timed_out)
		put_suggestion(g, "increase_timeout", NULL,
		    "the request's timeout can be longer, up to the policy's limit");
	else if (cmd->outcome == OUT_FAILED && cmd->error == ENOENT &&
	    strchr(cmd->body.command, '/') == NULL)
		put_suggestion(g, "use_absolute_exe", NULL,
		    "the name was searched in PATH of the session");
	else if ((cmd->outcome == OUT_EXITED && cmd->exit_code == 126) ||
	    (cmd->outcome == OUT_FAILED &&
		(cmd->error == EACCES || cmd->error == ENOEXEC)))
		put_suggestion(g, "fix_permissions", NULL,
		    "a file was found but could not be executed");
	softdel_suggest(g, set);
	yajl_gen_array_close(g);
}

/* What ran in the place of what was asked for. */
static void
put_redirected(yajl_gen g, const struct event_set *set)
{
	const struct event_info *info;
	size_t i;

	for (i = 0; set != NULL && i < set->n; i++) {
		info = &set->line[i].info;
		if (info->to_command == NULL)
			continue;
		json_key(g, "substitutions");
		yajl_gen_array_open(g);
		put_suggestion(g, "redirected", info->to_command,
		    info->message != NULL && info->message[0] != '\0' ?
			info->message :
			"the policy runs this command instead");
		yajl_gen_array_close(g);
		return;
	}
}

static void
put_ok(yajl_gen g, const struct event_set *set)
{
	json_put_str(g, "status", "ok");
	if (!softdel_any(set))
		return;
	json_key(g, "suggestions");
	yajl_gen_array_open(g);
	softdel_suggest(g, set);
	yajl_gen_array_close(g);
}

void
guidance_put(yajl_gen g, const struct command *cmd, const struct event_set *set)
{
	const struct event_line *line = first_blocked(set);

	if (cmd->outcome == OUT_DENIED)
		put_denied(g, cmd);
	else if (line != NULL && cmd->outcome == OUT_EXITED && !cmd->timed_out)
		put_blocked(g, cmd, set, line);
	else if (cmd->outcome != OUT_EXITED || cmd->exit_code != 0)
		put_failed(g, cmd, set);
	else
		put_ok(g, set);
	put_redirected(g, set);
}
