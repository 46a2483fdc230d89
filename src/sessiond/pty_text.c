/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client at a terminal says besides what is typed: which command, how
 * large its window is, which signal.
 */
#include <sys/ioctl.h>

#include <signal.h>
#include <string.h>

#include "http.h"
#include "log.h"
#include "pty.h"

#define PTY_SIZE_MAX 10000
#define PTY_ROWS 24
#define PTY_COLS 80

/* A message of the client that is text. */
struct pty_text {
	char *type;
	char *name;
	uint64_t rows, cols;
	struct exec_body body;
};

static const struct json_field start_fields[] = {
	{ "type", JSON_STRING, offsetof(struct pty_text, type), 16, 0 },
	{ "command", JSON_STRING, offsetof(struct pty_text, body.command),
	    AGENTSH_PATH_MAX, JSON_REQUIRED },
	{ "argv0", JSON_STRING, offsetof(struct pty_text, body.argv0),
	    AGENTSH_PATH_MAX, 0 },
	{ "args", JSON_LIST, offsetof(struct pty_text, body.args), 0, 0 },
	{ "timeout", JSON_STRING, offsetof(struct pty_text, body.timeout), 64,
	    0 },
	{ "working_dir", JSON_STRING,
	    offsetof(struct pty_text, body.working_dir), AGENTSH_PATH_MAX, 0 },
	{ "env", JSON_PAIRS, offsetof(struct pty_text, body.env), 0, 0 },
	{ "rows", JSON_UINT, offsetof(struct pty_text, rows), 0, 0 },
	{ "cols", JSON_UINT, offsetof(struct pty_text, cols), 0, 0 },
};
#define NSTART (sizeof(start_fields) / sizeof(start_fields[0]))

static const struct json_field text_fields[] = {
	{ "type", JSON_STRING, offsetof(struct pty_text, type), 16,
	    JSON_REQUIRED },
	{ "name", JSON_STRING, offsetof(struct pty_text, name), 16, 0 },
	{ "rows", JSON_UINT, offsetof(struct pty_text, rows), 0, 0 },
	{ "cols", JSON_UINT, offsetof(struct pty_text, cols), 0, 0 },
};
#define NTEXT (sizeof(text_fields) / sizeof(text_fields[0]))

static const struct {
	const char *name;
	int signo;
} pty_signals[] = {
	{ "SIGINT", SIGINT },
	{ "SIGTERM", SIGTERM },
	{ "SIGHUP", SIGHUP },
	{ "SIGQUIT", SIGQUIT },
};

void
pty_resize(struct pty *p)
{
	struct winsize ws = { .ws_row = p->rows, .ws_col = p->cols };

	if (pty_fd(p) != -1 && ioctl(pty_fd(p), TIOCSWINSZ, &ws) == -1)
		log_debug("%s: its terminal has no size", p->cmd->id);
}

/* 0, or -1: more than anybody's terminal has. */
static int
pty_set_size(struct pty *p, uint64_t rows, uint64_t cols)
{
	if (rows > PTY_SIZE_MAX || cols > PTY_SIZE_MAX)
		return -1;
	p->rows = rows == 0 ? PTY_ROWS : (uint16_t)rows;
	p->cols = cols == 0 ? PTY_COLS : (uint16_t)cols;
	return 0;
}

static void
pty_start(struct pty *p, struct session *s, struct exec_body *body)
{
	char err[AGENTSH_TEXT_MAX];
	enum include_events include;
	struct command *cmd;
	const char *why;
	uint64_t timeout_ms;
	int status;

	if ((why = exec_check(body, &include, &timeout_ms)) != NULL) {
		pty_error(p, 400, "%s", why);
		return;
	}
	if ((cmd = command_new(s)) == NULL) {
		pty_error(p, 500, "out of memory");
		return;
	}
	cmd->body = *body;
	memset(body, 0, sizeof(*body));
	cmd->include = INCLUDE_NONE;
	cmd->rows = p->rows;
	cmd->cols = p->cols;
	cmd->rq = p->rq;
	cmd->client_uid = p->rq->uid;
	cmd->pty = p;
	p->cmd = cmd;
	p->state = PTY_COMMAND;
	p->pinged = false;
	set_timer(p->timer, PTY_PING_MS);
	status = exec_start(cmd, least_limit(timeout_ms, s->command_timeout_ms),
	    err, sizeof(err));
	if (status == 0)
		return;
	p->cmd = NULL;
	cmd->pty = NULL;
	command_free(cmd);
	pty_error(p, status, "%s", err);
}

/* The first message. */
void
pty_on_start(struct pty *p, const char *text, size_t len)
{
	struct session *s = session_by_number(p->session);
	struct pty_text t;
	char err[256];

	memset(&t, 0, sizeof(t));
	if (s == NULL || s->state != SESS_READY)
		pty_error(p, 409, "the session is ending");
	else if (s->nrunning >= sessiond.proc.conf.max_commands)
		pty_error(p, 429, "the session runs %zu commands already",
		    s->nrunning);
	else if (json_decode(start_fields, NSTART, text, len, &t, err,
		     sizeof(err)) == -1)
		pty_error(p, 400, "%s", err);
	else if (t.type != NULL && strcmp(t.type, "start") != 0)
		pty_error(p, 400, "the first message must be a start");
	else if (pty_set_size(p, t.rows, t.cols) == -1)
		pty_error(p, 400, "more than %d rows or columns", PTY_SIZE_MAX);
	else
		pty_start(p, s, &t.body);
	json_release(start_fields, NSTART, &t);
}

static int
pty_signo(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(pty_signals) / sizeof(pty_signals[0]); i++) {
		if (name != NULL && strcmp(pty_signals[i].name, name) == 0)
			return pty_signals[i].signo;
	}
	return 0;
}

void
pty_on_text(struct pty *p, const char *text, size_t len)
{
	struct pty_text t;
	char err[256];
	int signo;

	memset(&t, 0, sizeof(t));
	if (json_decode(text_fields, NTEXT, text, len, &t, err, sizeof(err)) ==
	    -1)
		pty_error(p, 400, "%s", err);
	else if (strcmp(t.type, "resize") == 0) {
		if (pty_set_size(p, t.rows, t.cols) == -1)
			pty_error(p, 400, "more than %d rows or columns",
			    PTY_SIZE_MAX);
		else
			pty_resize(p);
	} else if (strcmp(t.type, "signal") == 0) {
		if ((signo = pty_signo(t.name)) == 0)
			pty_error(p, 400,
			    "field \"name\" must be SIGINT, SIGTERM, SIGHUP or "
			    "SIGQUIT");
		else if (p->cmd->state == CMD_RUNNING ||
		    /* it can show something before we hear that it runs */
		    p->cmd->state == CMD_ASKED)
			command_signal(p->cmd, signo);
	} else
		pty_error(p, 400,
		    "field \"type\" must be resize or signal by now");
	json_release(text_fields, NTEXT, &t);
}
