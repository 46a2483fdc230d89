/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The route that changes what a session remembers. Whether a directory can be
 * entered is found out in the session, by a command of it: so the rules for
 * files hold, and each change has its events.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "http.h"
#include "sessiond.h"

struct update_body {
	char *cwd;
	struct json_pairs env;
	struct json_list unset;
};

static const struct json_field update_fields[] = {
	{ "cwd", JSON_STRING, offsetof(struct update_body, cwd),
	    AGENTSH_PATH_MAX, 0 },
	{ "env", JSON_PAIRS, offsetof(struct update_body, env), 0, 0 },
	{ "unset", JSON_LIST, offsetof(struct update_body, unset), 0, 0 },
};

#define NUPDATE (sizeof(update_fields) / sizeof(update_fields[0]))

/* NULL, or what is wrong; until the next call. */
static const char *
update_check(const struct update_body *body)
{
	static char err[256];
	char why[128];
	size_t i;

	for (i = 0; i < body->env.n; i++) {
		if (env_check_name(body->env.v[2 * i], why, sizeof(why)) ==
		    -1) {
			snprintf(err, sizeof(err), "field \"env\": %s", why);
			return err;
		}
	}
	for (i = 0; i < body->unset.n; i++) {
		if (env_check_name(body->unset.v[i], why, sizeof(why)) == -1) {
			snprintf(err, sizeof(err), "field \"unset\": %s", why);
			return err;
		}
	}
	if (body->cwd != NULL && body->cwd[0] == '\0')
		return "field \"cwd\" is empty";
	if (body->cwd == NULL && body->env.n == 0 && body->unset.n == 0)
		return "one of the fields \"cwd\", \"env\" and \"unset\" is"
		       " wanted";
	return NULL;
}

/* Names are set first and taken away then. 0 or -1: no memory. */
static int
update_prepare(struct command *cmd, const struct update_body *body)
{
	const char *name;
	size_t i;

	cmd->builtin = BUILTIN_UPDATE;
	cmd->body.command = strdup(builtin_name(BUILTIN_UPDATE));
	if (cmd->body.command == NULL ||
	    (body->cwd != NULL &&
		(builtin_tell(cmd, "cwd=", body->cwd) == -1 ||
		    builtin_open_result(cmd) == -1)))
		return -1;
	for (i = 0; i < body->env.n; i++) {
		name = body->env.v[2 * i];
		if (builtin_tell(cmd, "env=", name) == -1 ||
		    vars_put(&cmd->changes, name, strlen(name),
			body->env.v[2 * i + 1]) == -1)
			return -1;
	}
	for (i = 0; i < body->unset.n; i++) {
		name = body->unset.v[i];
		if (builtin_tell(cmd, "unset=", name) == -1 ||
		    vars_put(&cmd->changes, name, strlen(name), NULL) == -1)
			return -1;
	}
	return 0;
}

static void
update_start(struct request *rq, struct session *s,
    const struct update_body *body)
{
	const char *why = update_check(body);
	struct command *cmd;

	if (why != NULL) {
		http_error(rq, 400, "%s", why);
		return;
	}
	if ((cmd = command_new(s)) == NULL) {
		http_error(rq, 500, "out of memory");
		return;
	}
	if (update_prepare(cmd, body) == -1) {
		command_free(cmd);
		http_error(rq, 500, "out of memory");
		return;
	}
	exec_run(rq, cmd, s->command_timeout_ms);
}

void
api_session_update(struct request *rq)
{
	struct session *s = session_of(rq);
	struct update_body body;
	char err[256];
	const char *text;
	size_t len;

	if (s == NULL || !exec_has_room(rq, s))
		return;
	memset(&body, 0, sizeof(body));
	text = http_body(rq, &len);
	if (text == NULL)
		http_error(rq, 400, "invalid json: the body is empty");
	else if (json_decode(update_fields, NUPDATE, text, len, &body, err,
		     sizeof(err)) == -1)
		http_error(rq, 400, "%s", err);
	else
		update_start(rq, s, &body);
	json_release(update_fields, NUPDATE, &body);
}

/* What it said of the directory, without its end of line. */
static void
update_complain(struct request *rq, const struct command *cmd)
{
	const struct stream *st = &cmd->stream[STREAM_STDERR];
	size_t len = st->len;

	if (len > 0 && st->data[len - 1] == '\n')
		len--;
	http_error(rq, 400, "field \"cwd\": %.*s", (int)len,
	    st->data == NULL ? "" : st->data);
}

void
update_answer(struct command *cmd)
{
	struct request *rq = cmd->rq;

	cmd->rq = NULL;
	switch (cmd->outcome) {
	case OUT_EXITED:
		if (!cmd->runs_builtin)
			http_error(rq, 403, "denied by policy");
		else if (cmd->exit_code == 0)
			session_reply(rq, 200, cmd->sess);
		else if (cmd->timed_out)
			http_error(rq, 503, "the session did not answer");
		else
			update_complain(rq, cmd);
		break;
	case OUT_DENIED:
		http_error(rq, 403, "denied by policy: %s", cmd->rule);
		break;
	case OUT_REFUSED:
		http_error(rq, 400, "%s", cmd->message);
		break;
	case OUT_FAILED:
	case OUT_LOST:
		http_error(rq, 503, "%s", cmd->message);
		break;
	}
}
