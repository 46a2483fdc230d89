/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ExecResponse: what an agent reads about its command. A refused command
 * gets the same object as one that ran.
 */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "http.h"
#include "log.h"
#include "sessiond.h"
#include "utf8.h"

#define ANSWER_EVENTS_MAX 5000 /* eventd gave no more */
#define ANSWER_SUMMARY_MAX 25  /* blocked operations of a summary */

static const char timed_out_text[] = "command timed out\n";

static void
put_request(yajl_gen g, const struct command *cmd)
{
	const struct exec_body *body = &cmd->body;
	size_t i;

	yajl_gen_map_open(g);
	json_put_str(g, "command", body->command);
	if (body->argv0 != NULL)
		json_put_str(g, "argv0", body->argv0);
	if (body->args.n > 0) {
		json_key(g, "args");
		yajl_gen_array_open(g);
		for (i = 0; i < body->args.n; i++)
			json_str(g, body->args.v[i]);
		yajl_gen_array_close(g);
	}
	if (body->timeout != NULL)
		json_put_str(g, "timeout", body->timeout);
	if (body->working_dir != NULL)
		json_put_str(g, "working_dir", body->working_dir);
	if (body->env.n > 0) {
		json_key(g, "env");
		yajl_gen_map_open(g);
		for (i = 0; i < body->env.n; i++)
			json_put_str(g, body->env.v[2 * i],
			    body->env.v[2 * i + 1]);
		yajl_gen_map_close(g);
	}
	if (body->include_events != NULL)
		json_put_str(g, "include_events", body->include_events);
	yajl_gen_map_close(g);
}

/* What the answer shows of a stream, with what we add to it. */
static void
put_stream(yajl_gen g, const struct stream *st, const char *extra)
{
	const char *name = stream_name(st);
	size_t len = st->len, extralen = strlen(extra);
	char key[32], *whole = NULL;
	const char *data = st->data;

	/* a cut never leaves half a character */
	if (st->total > st->len)
		len = utf8_cut(st->data == NULL ? "" : st->data, st->len);
	if (extralen > 0 && (whole = malloc(len + extralen)) != NULL) {
		if (len > 0)
			memcpy(whole, st->data, len);
		memcpy(whole + len, extra, extralen);
		data = whole;
		len += extralen;
	}
	if (len > 0) {
		json_key(g, name);
		if (json_text(g, data, len)) {
			snprintf(key, sizeof(key), "%s_base64", name);
			json_key(g, key);
			json_base64(g, data, len);
		}
	}
	free(whole);
	snprintf(key, sizeof(key), "%s_truncated", name);
	json_put_bool(g, key, st->total > st->len);
	snprintf(key, sizeof(key), "%s_total_bytes", name);
	json_put_u64(g, key, st->total);
}

static void
put_error(yajl_gen g, const char *code, const char *message,
    const struct command *cmd)
{
	const char *name;

	json_key(g, "error");
	yajl_gen_map_open(g);
	json_put_str(g, "code", code);
	json_put_str(g, "message", message);
	if (cmd->outcome == OUT_DENIED && cmd->rule[0] != '\0')
		json_put_str(g, "policy_rule", cmd->rule);
	if (cmd->outcome == OUT_DENIED &&
	    (cmd->message[0] != '\0' || cmd->reason[0] != '\0')) {
		json_key(g, "context");
		yajl_gen_map_open(g);
		json_put_str(g, "policy_message", cmd->message);
		if (cmd->reason[0] != '\0')
			json_put_str(g, "approval", cmd->reason);
		yajl_gen_map_close(g);
	}
	if (cmd->outcome == OUT_FAILED &&
	    (name = strerrorname_np((int)cmd->error)) != NULL) {
		json_key(g, "context");
		yajl_gen_map_open(g);
		json_put_str(g, "errno", name);
		yajl_gen_map_close(g);
	}
	yajl_gen_map_close(g);
}

static void
put_denied(yajl_gen g, const struct command *cmd)
{
	switch (cmd->approval) {
	case APPROVAL_NONE:
	case APPROVAL_GRANTED:
		put_error(g, "E_POLICY_DENIED", "command denied by policy",
		    cmd);
		break;
	case APPROVAL_TIMED_OUT:
		put_error(g, "E_APPROVAL_TIMEOUT", "approval timed out", cmd);
		break;
	case APPROVAL_DENIED:
	case APPROVAL_WITHDRAWN:
	case APPROVAL_OFF:
	case APPROVAL_REFUSED:
	case APPROVAL_CHANGED:
	case APPROVAL_OUTCOME_MAX:
		put_error(g, "E_APPROVAL_DENIED", "command was not approved",
		    cmd);
		break;
	}
}

void
answer_put_error(yajl_gen g, const struct command *cmd)
{
	switch (cmd->outcome) {
	case OUT_EXITED:
		if (cmd->timed_out)
			put_error(g, "E_TIMEOUT", "command timed out", cmd);
		break;
	case OUT_DENIED:
		put_denied(g, cmd);
		break;
	case OUT_FAILED:
		put_error(g, "E_COMMAND_FAILED", cmd->message, cmd);
		break;
	case OUT_REFUSED:
		put_error(g, "E_INVALID_REQUEST", cmd->message, cmd);
		break;
	case OUT_LOST:
		put_error(g, "E_SESSION_ENDED", cmd->message, cmd);
		break;
	}
}

/* Where the rest of a long stdout is. */
static void
put_pagination(yajl_gen g, const struct command *cmd)
{
	const struct stream *st = &cmd->stream[STREAM_STDOUT];
	char next[512];
	size_t shown;

	if (st->total <= st->len)
		return;
	shown = utf8_cut(st->data == NULL ? "" : st->data, st->len);
	json_key(g, "pagination");
	yajl_gen_map_open(g);
	json_put_u64(g, "current_offset", 0);
	json_put_u64(g, "current_limit", AGENTSH_INLINE_OUTPUT);
	json_put_bool(g, "has_more", st->spooled > shown);
	if (st->spooled > shown) {
		snprintf(next, sizeof(next),
		    "agentsh output %s %s --stream stdout --offset %zu --limit %d",
		    session_name(cmd->sess, cmd->client_uid), cmd->id, shown,
		    AGENTSH_INLINE_OUTPUT);
		json_put_str(g, "next_command", next);
	}
	yajl_gen_map_close(g);
}

int
answer_exit_code(const struct command *cmd)
{
	switch (cmd->outcome) {
	case OUT_DENIED:
		return 126;
	case OUT_FAILED:
	case OUT_LOST:
		return 127;
	case OUT_EXITED:
	case OUT_REFUSED:
		break;
	}
	return (int)cmd->exit_code;
}

static void
put_result(yajl_gen g, const struct command *cmd, const struct event_set *set)
{
	const struct stream *err = &cmd->stream[STREAM_STDERR];
	char extra[4096] = "";

	if (cmd->timed_out)
		snprintf(extra, sizeof(extra), "%s", timed_out_text);
	else if (cmd->outcome == OUT_REFUSED)
		snprintf(extra, sizeof(extra), "agentsh: %s\n", cmd->message);
	else if (err->total <= err->len)
		softdel_hints(extra, sizeof(extra), cmd, set);
	json_key(g, "result");
	yajl_gen_map_open(g);
	json_key(g, "exit_code");
	yajl_gen_integer(g, answer_exit_code(cmd));
	put_stream(g, &cmd->stream[STREAM_STDOUT], "");
	put_stream(g, err, extra);
	json_put_u64(g, "duration_ms", cmd->duration_ms);
	answer_put_error(g, cmd);
	put_pagination(g, cmd);
	yajl_gen_map_close(g);
}

/* One list; max 0: none of it is shown. Returns how many there are. */
static size_t
put_bucket(yajl_gen g, const char *name, const struct event_set *set,
    int bucket, size_t max)
{
	size_t i, n = 0;

	json_key(g, name);
	yajl_gen_array_open(g);
	for (i = 0; set != NULL && i < set->n; i++) {
		if (bucket == BUCKET_MAX ? !set->line[i].blocked :
					   (int)set->line[i].bucket != bucket)
			continue;
		if (n++ < max)
			json_raw(g, set->line[i].text, set->line[i].len);
	}
	yajl_gen_array_close(g);
	return n;
}

static void
put_events(yajl_gen g, const struct command *cmd, const struct event_set *set)
{
	size_t all = cmd->include == INCLUDE_ALL ? SIZE_MAX : 0;
	size_t blocked = SIZE_MAX, files, nets, blocks, others;

	if (cmd->include == INCLUDE_SUMMARY)
		blocked = ANSWER_SUMMARY_MAX;
	else if (cmd->include == INCLUDE_NONE)
		blocked = 0;
	json_key(g, "events");
	yajl_gen_map_open(g);
	files = put_bucket(g, "file_operations", set, BUCKET_FILE, all);
	nets = put_bucket(g, "network_operations", set, BUCKET_NETWORK, all);
	blocks = put_bucket(g, "blocked_operations", set, BUCKET_MAX, blocked);
	others = put_bucket(g, "other", set, BUCKET_OTHER, all);
	json_put_u64(g, "file_operations_count", files);
	json_put_u64(g, "network_operations_count", nets);
	json_put_u64(g, "blocked_operations_count", blocks);
	json_put_u64(g, "other_count", others);
	json_put_bool(g, "truncated",
	    cmd->include != INCLUDE_ALL || set == NULL || set->incomplete ||
		set->n >= ANSWER_EVENTS_MAX);
	yajl_gen_map_close(g);
}

static void
put_resources(yajl_gen g, const struct command *cmd)
{
	if (cmd->outcome != OUT_EXITED)
		return;
	json_key(g, "resources");
	yajl_gen_map_open(g);
	json_put_u64(g, "cpu_user_ms", cmd->user_ms);
	json_put_u64(g, "cpu_system_ms", cmd->system_ms);
	json_put_u64(g, "memory_peak_kb", cmd->maxrss_kb);
	json_put_u64(g, "net_connections", cmd->net.connections);
	json_put_u64(g, "net_connections_denied", cmd->net.denied);
	json_put_u64(g, "net_bytes_sent", cmd->net.sent);
	json_put_u64(g, "net_bytes_received", cmd->net.received);
	yajl_gen_map_close(g);
}

void
answer_put(yajl_gen g, const struct command *cmd, const struct event_set *set)
{
	char when[64];

	time_text(when, sizeof(when), cmd->started_ns);
	yajl_gen_map_open(g);
	json_put_str(g, "command_id", cmd->id);
	json_put_str(g, "session_id", session_name(cmd->sess, cmd->client_uid));
	json_put_str(g, "timestamp", when);
	json_key(g, "request");
	put_request(g, cmd);
	put_result(g, cmd, set);
	put_events(g, cmd, set);
	put_resources(g, cmd);
	json_key(g, "guidance");
	yajl_gen_map_open(g);
	guidance_put(g, cmd, set);
	yajl_gen_map_close(g);
	yajl_gen_map_close(g);
}

void
answer_send(struct command *cmd, struct event_set *set)
{
	struct request *rq = cmd->rq;
	yajl_gen g;

	if (cmd->builtin == BUILTIN_UPDATE) {
		update_answer(cmd);
		return;
	}
	cmd->rq = NULL;
	g = json_new();
	if (g == NULL) {
		http_error(rq, 500, "out of memory");
		return;
	}
	answer_put(g, cmd, set);
	http_reply(rq, cmd->outcome == OUT_DENIED ? 403 : 200, g);
}
