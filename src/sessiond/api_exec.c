/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The route that runs a command: what the client wrote becomes a spec that
 * execd judges. Nothing is decided here but what is malformed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "http.h"
#include "log.h"
#include "path.h"
#include "sessiond.h"
#include "spec.h"
#include "units.h"

/* The longest time that a client can give, as sessions.command_timeout. */
#define EXEC_TIMEOUT_MAX_MS 604800000

const struct json_field exec_fields[] = {
	{ "command", JSON_STRING, offsetof(struct exec_body, command),
	    AGENTSH_PATH_MAX, JSON_REQUIRED },
	{ "argv0", JSON_STRING, offsetof(struct exec_body, argv0),
	    AGENTSH_PATH_MAX, 0 },
	{ "args", JSON_LIST, offsetof(struct exec_body, args), 0, 0 },
	{ "timeout", JSON_STRING, offsetof(struct exec_body, timeout), 64, 0 },
	{ "working_dir", JSON_STRING, offsetof(struct exec_body, working_dir),
	    AGENTSH_PATH_MAX, 0 },
	{ "env", JSON_PAIRS, offsetof(struct exec_body, env), 0, 0 },
	{ "stdin", JSON_BYTES, offsetof(struct exec_body, input), 0, 0 },
	{ "stream_output", JSON_BOOL, offsetof(struct exec_body, stream_output),
	    0, 0 },
	{ "include_events", JSON_STRING,
	    offsetof(struct exec_body, include_events), 16, 0 },
};
const size_t exec_nfields = sizeof(exec_fields) / sizeof(exec_fields[0]);

static const char *const include_names[] = {
	[INCLUDE_ALL] = "all",
	[INCLUDE_SUMMARY] = "summary",
	[INCLUDE_BLOCKED] = "blocked",
	[INCLUDE_NONE] = "none",
};

static int
exec_include(const char *word, enum include_events *include)
{
	int i;

	for (i = INCLUDE_ALL; i <= INCLUDE_NONE; i++) {
		if (word == NULL || strcmp(word, include_names[i]) == 0) {
			*include = (enum include_events)i;
			return 0;
		}
	}
	return -1;
}

const char *
exec_check(const struct exec_body *body, enum include_events *include,
    uint64_t *timeout_ms)
{
	*timeout_ms = 0;
	if (body->command[0] == '\0')
		return "command is required";
	if (body->stream_output == JSON_TRUE)
		return "field \"stream_output\": the route exec/stream does that";
	if (exec_include(body->include_events, include) == -1)
		return "field \"include_events\" must be all, summary, blocked or none";
	if (body->timeout != NULL &&
	    units_duration(body->timeout, timeout_ms) == -1)
		return "field \"timeout\" is not a duration (like \"90s\" or \"1m30s\")";
	if (*timeout_ms > EXEC_TIMEOUT_MAX_MS)
		return "field \"timeout\" is longer than 168h";
	return NULL;
}

/* The client's text as a file that nobody can change, or /dev/null. */
static int
exec_stdin(const struct command *cmd)
{
	const struct json_bytes *input = &cmd->body.input;

	if (cmd->builtin_fd != -1)
		return fcntl(cmd->builtin_fd, F_DUPFD_CLOEXEC, 0);
	if (input->data == NULL || input->len == 0)
		return fcntl(sessiond.null_fd, F_DUPFD_CLOEXEC, 0);
	return memfd_sealed("stdin", input->data, input->len);
}

/*
 * The spec of the command. -1: *status and err say why; status 0 is for what a
 * shell would report as its own error, with exit code 2.
 */
static int
exec_spec(struct command *cmd, int *status, char *err, size_t errlen)
{
	struct exec_body *body = &cmd->body;
	/* a builtin is told what it is to do, not what stood there */
	const struct json_list *args = cmd->builtin == BUILTIN_NONE ?
	    &body->args :
	    &cmd->words;
	struct spec spec = { .file = body->command,
		.argc = args->n + 1,
		.builtin = cmd->builtin };
	struct json_list env = { .n = 0 };
	char cwd[AGENTSH_PATH_MAX + 1];
	size_t i;
	int fd = -1;

	*status = 0;
	if (path_join(cwd, sizeof(cwd), cmd->sess->cwd,
		body->working_dir == NULL ? "." : body->working_dir) == -1) {
		snprintf(err, errlen, "working_dir is too long");
		return -1;
	}
	spec.cwd = cwd;
	if (env_build(&env, cmd->sess, &body->env,
		cmd->rows != 0 ? "xterm" : "dumb", err, errlen) == -1) {
		*status = 400;
		goto out;
	}
	spec.env = env.v;
	spec.nenv = env.n;
	spec.argv = calloc(spec.argc + 1, sizeof(*spec.argv));
	if (spec.argv == NULL) {
		*status = 500;
		snprintf(err, errlen, "out of memory");
		goto out;
	}
	spec.argv[0] = body->argv0 != NULL ? body->argv0 : body->command;
	for (i = 0; i < args->n; i++)
		spec.argv[i + 1] = args->v[i];
	fd = spec_write(&spec);
	if (fd == -1 && errno == E2BIG)
		snprintf(err, errlen,
		    "arguments and environment are over the limit");
	else if (fd == -1) {
		*status = 503;
		snprintf(err, errlen, "out of memory or descriptors");
	}
out:
	free(spec.argv);
	env_free(&env);
	return fd;
}

/* The client went away: nobody needs the command any more. */
static void
exec_client_gone(struct request *rq, void *arg)
{
	struct command *cmd = arg;

	(void)rq;
	cmd->rq = NULL;
	feed_end(cmd);
	/* also one that waits for an operator */
	if (cmd->state == CMD_RUNNING || cmd->state == CMD_ASKED) {
		log_debug("%s: its client is gone", cmd->id);
		command_kill(cmd);
	}
}

static void
exec_wait(struct request *rq, struct command *cmd)
{
	cmd->rq = rq;
	cmd->client_uid = rq->uid;
	http_wait(rq, exec_client_gone, cmd);
}

/* A client's error that a shell would tell in its own words. */
static void
exec_refuse(struct command *cmd, const char *err)
{
	snprintf(cmd->message, sizeof(cmd->message), "%s", err);
	cmd->exit_code = 2;
	cmd->grace = evtimer_new(sessiond.base, NULL, NULL);
	command_end(cmd, OUT_REFUSED);
}

int
exec_start(struct command *cmd, uint64_t timeout_ms, char *err, size_t errlen)
{
	int spec_fd, stdin_fd, status, r = -1;

	spec_fd = exec_spec(cmd, &status, err, errlen);
	if (spec_fd == -1 && status != 0)
		return status;
	if (spec_fd == -1) {
		exec_refuse(cmd, err);
		return 0;
	}
	if ((stdin_fd = exec_stdin(cmd)) != -1)
		r = command_start(cmd, spec_fd, stdin_fd, timeout_ms);
	close(spec_fd);
	if (stdin_fd != -1)
		close(stdin_fd);
	if (r == 0)
		return 0;
	snprintf(err, errlen, "the command cannot be started now");
	return 503;
}

void
exec_run(struct request *rq, struct command *cmd, uint64_t timeout_ms)
{
	char err[AGENTSH_TEXT_MAX];
	int status;

	exec_wait(rq, cmd);
	status = exec_start(cmd, timeout_ms, err, sizeof(err));
	if (status == 0)
		return;
	command_free(cmd);
	http_error(rq, status, "%s", err);
}

/* What the session makes of the command: its alias, its builtin. */
static int
exec_resolve(struct command *cmd, char *err, size_t errlen)
{
	struct exec_body *body = &cmd->body;
	struct session *s = cmd->sess;

	history_add(&s->history, s->uid, body->command, &body->args);
	/* who says what its name is to be means a program */
	if (body->argv0 != NULL)
		return 0;
	if (alias_expand(&s->alias, &body->command, &body->args) == -1) {
		snprintf(err, errlen, "out of memory");
		return -1;
	}
	return builtin_prepare(cmd, err, errlen);
}

/* A stream has no place for events, and is what stream_output asks for. */
static const char *
exec_check_stream(struct exec_body *body)
{
	if (body->include_events != NULL &&
	    strcmp(body->include_events, include_names[INCLUDE_NONE]) != 0)
		return "field \"include_events\" must be none: a stream has no events";
	body->stream_output = JSON_ABSENT;
	return NULL;
}

static void
exec_body_run(struct request *rq, struct session *s, struct exec_body *body,
    bool streams)
{
	enum include_events include;
	struct command *cmd;
	char err[AGENTSH_TEXT_MAX];
	const char *why = NULL;
	uint64_t timeout_ms;

	if (streams)
		why = exec_check_stream(body);
	if (why == NULL)
		why = exec_check(body, &include, &timeout_ms);
	if (why != NULL) {
		http_error(rq, 400, "%s", why);
		return;
	}
	if ((cmd = command_new(s)) == NULL) {
		http_error(rq, 500, "out of memory");
		return;
	}
	if (streams && feed_new(rq, cmd) == -1) {
		command_free(cmd);
		http_error(rq, 500, "out of memory");
		return;
	}
	/* the command has the strings from now on */
	cmd->body = *body;
	memset(body, 0, sizeof(*body));
	cmd->include = include;
	if (exec_resolve(cmd, err, sizeof(err)) == -1) {
		exec_wait(rq, cmd);
		exec_refuse(cmd, err);
		return;
	}
	exec_run(rq, cmd, least_limit(timeout_ms, s->command_timeout_ms));
}

bool
exec_has_room(struct request *rq, const struct session *s)
{
	if (s->state != SESS_READY)
		http_error(rq, 409, "the session is ending");
	else if (s->nrunning >= sessiond.proc.conf.max_commands)
		http_error(rq, 429, "the session runs %zu commands already",
		    s->nrunning);
	else
		return true;
	return false;
}

static void
exec_route(struct request *rq, bool streams)
{
	struct session *s = session_of(rq);
	struct exec_body body;
	char err[256];
	const char *text;
	size_t len;

	if (s == NULL)
		return;
	if (!exec_has_room(rq, s))
		return;
	memset(&body, 0, sizeof(body));
	text = http_body(rq, &len);
	if (text == NULL)
		http_error(rq, 400, "invalid json: the body is empty");
	else if (json_decode(exec_fields, exec_nfields, text, len, &body, err,
		     sizeof(err)) == -1)
		http_error(rq, 400, "%s", err);
	else
		exec_body_run(rq, s, &body, streams);
	json_release(exec_fields, exec_nfields, &body);
}

void
api_exec(struct request *rq)
{
	exec_route(rq, false);
}

void
api_exec_stream(struct request *rq)
{
	exec_route(rq, true);
}

static bool
is_over(const struct command *cmd)
{
	return cmd->state == CMD_ENDED || cmd->state == CMD_FINISHED;
}

void
api_kill_all(struct request *rq)
{
	struct session *s = session_of(rq);
	struct command *cmd;
	uint64_t n = 0;
	yajl_gen g;

	if (s == NULL)
		return;
	TAILQ_FOREACH(cmd, &s->commands, entry) {
		if (is_over(cmd))
			continue;
		command_kill(cmd);
		n++;
	}
	if ((g = json_new()) == NULL) {
		http_error(rq, 500, "out of memory");
		return;
	}
	yajl_gen_map_open(g);
	json_put_bool(g, "ok", true);
	json_put_u64(g, "killed", n);
	yajl_gen_map_close(g);
	http_reply(rq, 200, g);
}

void
api_kill(struct request *rq)
{
	struct session *s = session_of(rq);
	struct command *cmd;
	yajl_gen g;

	if (s == NULL)
		return;
	cmd = command_find(s, rq->command_id);
	if (cmd == NULL || is_over(cmd)) {
		http_error(rq, 404, "command is not running");
		return;
	}
	command_kill(cmd);
	if ((g = json_new()) == NULL) {
		http_error(rq, 500, "out of memory");
		return;
	}
	yajl_gen_map_open(g);
	json_put_bool(g, "ok", true);
	yajl_gen_map_close(g);
	http_reply(rq, 200, g);
}
