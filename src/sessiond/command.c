/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command from its start at execd to the moment its answer can be written:
 * its exit, the end of its output (stream.c), the events that belong to it.
 */
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "clock.h"
#include "log.h"
#include "sessiond.h"

#define CMD_GRACE_MS 100 /* output after the exit: others may hold the pipe */
/* Of a terminal after the exit: more than the kernel keeps of one. */
#define CMD_TAIL_MAX 262144
#define CMD_EVENTS_MAX 5000
#define CMD_PTMX makedev(5, 2) /* TTYAUX_MAJOR of linux/major.h */
#define CMD_LINGER_MAX 64 /* finished commands of a session, pipes still open */

static void command_finish(struct command *);

struct command *
command_new(struct session *s)
{
	struct command *cmd = calloc(1, sizeof(*cmd));
	char uuid[37];
	int i;

	if (cmd == NULL)
		return NULL;
	cmd->sess = s;
	cmd->builtin_fd = -1;
	cmd->number = ++sessiond.next_command;
	uuid4(uuid);
	snprintf(cmd->id, sizeof(cmd->id), "cmd-%s", uuid);
	cmd->started_ns = clock_epoch_ns();
	for (i = 0; i < STREAM_MAX; i++)
		stream_init(&cmd->stream[i], cmd);
	TAILQ_INSERT_TAIL(&s->commands, cmd, entry);
	s->nrunning++;
	session_touch(s);
	return cmd;
}

void
command_free(struct command *cmd)
{
	struct session *s = cmd->sess;
	int i;

	if (cmd->query != NULL)
		event_query_cancel(cmd->query);
	/* an execd that told the end without an answer may still send one */
	if (s->execd != NULL)
		chan_forget(s->execd, cmd);
	spool_remove(cmd);
	for (i = 0; i < STREAM_MAX; i++) {
		stream_close(&cmd->stream[i]);
		stream_forget(&cmd->stream[i]);
	}
	if (cmd->feed != NULL)
		feed_end(cmd);
	if (cmd->grace != NULL)
		event_free(cmd->grace);
	if (cmd->builtin_fd != -1)
		close(cmd->builtin_fd);
	json_list_free(&cmd->words);
	vars_free(&cmd->changes);
	if (cmd->state == CMD_FINISHED)
		s->nfinished--;
	else
		s->nrunning--;
	json_release(exec_fields, exec_nfields, &cmd->body);
	TAILQ_REMOVE(&s->commands, cmd, entry);
	free(cmd);
}

struct command *
command_find(struct session *s, const char *id)
{
	struct command *cmd;

	TAILQ_FOREACH(cmd, &s->commands, entry) {
		if (strcmp(cmd->id, id) == 0)
			return cmd;
	}
	return NULL;
}

bool
command_is_full(const struct command *cmd)
{
	if (cmd->feed != NULL)
		return feed_is_full(cmd->feed);
	return cmd->pty != NULL && pty_is_full(cmd->pty);
}

void
command_resume(struct command *cmd)
{
	struct stream *st;

	for (st = cmd->stream; st < cmd->stream + STREAM_MAX; st++) {
		if (st->ev != NULL && event_add(st->ev, NULL) == -1)
			log_warnx("%s: its output is not read any more",
			    cmd->id);
	}
}

static void
command_grace_cb(evutil_socket_t fd, short what, void *arg)
{
	struct command *cmd = arg;

	(void)fd;
	(void)what;
	/* what was written before the exit waits for a slow client, but not
	 * what others go on to write there */
	if ((cmd->feed != NULL || command_is_full(cmd)) &&
	    cmd->tail < cmd->tail_max)
		set_timer(cmd->grace, CMD_GRACE_MS);
	else
		command_finish(cmd);
}

int
command_start(struct command *cmd, int spec_fd, int stdin_fd,
    uint64_t timeout_ms)
{
	struct msg_exec_start m = { .command = cmd->number,
		.timeout_ms = timeout_ms };
	int fds[4] = { spec_fd, stdin_fd, -1, -1 };
	uint32_t id;
	int r = -1;

	m.rows = cmd->rows;
	m.cols = cmd->cols;
	cmd->grace = evtimer_new(sessiond.base, command_grace_cb, cmd);
	if (cmd->grace == NULL)
		goto out;
	if (cmd->rows != 0) {
		/* it opens the terminal itself, and these are not used */
		fds[2] = fcntl(stdin_fd, F_DUPFD_CLOEXEC, 0);
		fds[3] = fcntl(stdin_fd, F_DUPFD_CLOEXEC, 0);
		if (fds[2] == -1 || fds[3] == -1)
			goto out;
	} else if (stream_pipe(&cmd->stream[STREAM_STDOUT], &fds[2]) == -1 ||
	    stream_pipe(&cmd->stream[STREAM_STDERR], &fds[3]) == -1)
		goto out;
	snprintf(m.command_id, sizeof(m.command_id), "%s", cmd->id);
	if ((id = chan_request(cmd->sess->execd, cmd)) == 0)
		goto out;
	r = msg_send_exec_start(cmd->sess->execd, id, &m, fds);
	if (r == -1)
		chan_forget(cmd->sess->execd, cmd);
out:
	if (fds[2] != -1)
		close(fds[2]);
	if (fds[3] != -1)
		close(fds[3]);
	return r;
}

void
command_kill(struct command *cmd)
{
	struct msg_exec_kill m = { .command = cmd->number };

	msg_send_exec_kill(cmd->sess->execd, 0, &m, NULL);
}

void
command_signal(struct command *cmd, int signo)
{
	struct msg_exec_signal m = { .command = cmd->number,
		.signo = (uint32_t)signo };

	msg_send_exec_signal(cmd->sess->execd, 0, &m, NULL);
}

void
command_reply(struct command *cmd, struct event_set *set)
{
	if (cmd->pty != NULL)
		pty_answer(cmd, set);
	else if (cmd->feed != NULL)
		feed_answer(cmd, set);
	else
		answer_send(cmd, set);
}

static void
command_answer(struct event_set *set, void *arg)
{
	struct command *cmd = arg;
	int i;

	cmd->query = NULL;
	if (cmd->rq != NULL)
		command_reply(cmd, set);
	event_set_free(set);
	for (i = 0; i < STREAM_MAX; i++)
		stream_forget(&cmd->stream[i]);
	json_release(exec_fields, exec_nfields, &cmd->body);
	memset(&cmd->body, 0, sizeof(cmd->body));
}

/* Old output goes, and so do pipes that background processes hold. */
static void
command_evict(struct session *s)
{
	struct command *cmd, *next, *oldest = NULL;
	uint64_t most = SESS_MAX_SPOOLS * sessiond.proc.conf.max_output;
	size_t lingering = 0;

	for (cmd = TAILQ_FIRST(&s->commands); cmd != NULL; cmd = next) {
		next = TAILQ_NEXT(cmd, entry);
		if (cmd->state != CMD_FINISHED || cmd->rq != NULL)
			continue;
		if (s->nfinished > SESS_MAX_FINISHED || s->spooled > most) {
			command_free(cmd);
			continue;
		}
		if (cmd->stream[0].fd == -1 && cmd->stream[1].fd == -1)
			continue;
		lingering++;
		if (oldest == NULL)
			oldest = cmd;
	}
	if (lingering > CMD_LINGER_MAX) {
		stream_close(&oldest->stream[0]);
		stream_close(&oldest->stream[1]);
	}
}

bool
command_evict_user(const struct command *but)
{
	struct command *cmd, *oldest = NULL;
	struct session *s;

	TAILQ_FOREACH(s, &sessiond.sessions, entry) {
		if (s->uid != but->sess->uid)
			continue;
		TAILQ_FOREACH(cmd, &s->commands, entry) {
			if (cmd == but || cmd->state != CMD_FINISHED ||
			    cmd->rq != NULL ||
			    cmd->stream[STREAM_STDOUT].spooled +
				    cmd->stream[STREAM_STDERR].spooled ==
				0)
				continue;
			if (oldest == NULL || cmd->number < oldest->number)
				oldest = cmd;
			break; /* the later ones are newer */
		}
	}
	if (oldest == NULL)
		return false;
	command_free(oldest);
	return true;
}

/* The outcome and the output are known: ask for the events, then answer. */
static void
command_finish(struct command *cmd)
{
	struct msg_event_query q = { .session = cmd->sess->number,
		.limit = CMD_EVENTS_MAX };
	struct session *s = cmd->sess;
	int i;

	if (cmd->state == CMD_FINISHED)
		return;
	/* what was written before the exit is in the pipes by now */
	for (i = 0; i < STREAM_MAX; i++)
		stream_drain(&cmd->stream[i]);
	if (cmd->builtin != BUILTIN_NONE)
		builtin_finish(cmd);
	cmd->state = CMD_FINISHED;
	event_del(cmd->grace);
	s->nrunning--;
	s->nfinished++;
	session_touch(s);
	if (cmd->rq != NULL && cmd->builtin != BUILTIN_UPDATE) {
		snprintf(q.command_id, sizeof(q.command_id), "%s", cmd->id);
		cmd->query = event_query_start(&q, cmd->client_uid,
		    command_answer, cmd);
	}
	if (cmd->query == NULL)
		command_answer(NULL, cmd);
	command_evict(s);
}

void
command_output_ended(struct command *cmd)
{
	if (cmd->state == CMD_ENDED && cmd->stream[STREAM_STDOUT].fd == -1 &&
	    cmd->stream[STREAM_STDERR].fd == -1)
		command_finish(cmd);
}

/* What a client who reads slowly is to get yet, of what is written by now. */
static uint64_t
command_tail(const struct command *cmd)
{
	const struct stream *st;
	uint64_t sum = 0;
	int n;

	if (cmd->rows != 0)
		return CMD_TAIL_MAX;
	for (st = cmd->stream; st < cmd->stream + STREAM_MAX; st++) {
		if (st->fd != -1 && ioctl(st->fd, FIONREAD, &n) == 0 && n > 0)
			sum += (uint64_t)n;
	}
	return sum;
}

/* Nothing more will be heard of it but output. */
void
command_end(struct command *cmd, enum cmd_outcome outcome)
{
	if (cmd->state == CMD_ENDED || cmd->state == CMD_FINISHED)
		return;
	cmd->state = CMD_ENDED;
	cmd->outcome = outcome;
	cmd->tail_max = command_tail(cmd);
	if (outcome != OUT_EXITED) {
		command_finish(cmd);
		return;
	}
	set_timer(cmd->grace, CMD_GRACE_MS);
	command_output_ended(cmd);
}

static struct command *
command_by_number(struct session *s, uint64_t number)
{
	struct command *cmd;

	/* the newest first: it is most often one of them */
	TAILQ_FOREACH_REVERSE(cmd, &s->commands, command_list, entry)
	{
		if (cmd->number == number)
			return cmd;
	}
	return NULL;
}

static int
sessiond_on_exec_started(struct chan *ch, struct imsg *im)
{
	struct command *cmd = im->arg;
	struct msg_exec_started m;

	(void)ch;
	if (msg_get_exec_started(im, &m) == -1 || cmd == NULL ||
	    m.command != cmd->number)
		return -1;
	if (m.builtin >= BUILTIN_MAX)
		return -1;
	/* a rule may have put a program in its place */
	cmd->runs_builtin = cmd->builtin != BUILTIN_NONE &&
	    m.builtin == (uint32_t)cmd->builtin;
	if (cmd->state == CMD_ASKED)
		cmd->state = CMD_RUNNING;
	if (cmd->feed != NULL)
		feed_begin(cmd->feed);
	/* its client went away meanwhile */
	if (cmd->rq == NULL && cmd->state == CMD_RUNNING)
		command_kill(cmd);
	return 0;
}

/* The end of a command's terminal that is not the command's. */
static int
sessiond_on_exec_terminal(struct chan *ch, struct imsg *im)
{
	struct msg_exec_terminal m;
	struct command *cmd;
	struct stream *st;
	struct stat sb;

	if (msg_get_exec_terminal(im, &m) == -1 ||
	    fstat(im->fds[0], &sb) == -1 || sb.st_rdev != CMD_PTMX)
		return -1;
	cmd = command_by_number(ch->arg, m.command);
	if (cmd == NULL)
		return 0;
	st = &cmd->stream[STREAM_STDOUT];
	if (cmd->rows == 0 || st->fd != -1 || st->total > 0)
		return -1;
	if (stream_watch(st, imsg_take_fd(im, 0)) == -1)
		return -1;
	if (cmd->pty != NULL)
		pty_terminal(cmd->pty);
	return 0;
}

static int
sessiond_on_exec_denied(struct chan *ch, struct imsg *im)
{
	struct command *cmd = im->arg;
	struct msg_exec_denied m;

	(void)ch;
	if (msg_get_exec_denied(im, &m) == -1 || cmd == NULL ||
	    m.command != cmd->number || m.decision >= DECISION_MAX ||
	    m.approval >= APPROVAL_OUTCOME_MAX)
		return -1;
	cmd->said = (enum decision)m.decision;
	snprintf(cmd->rule, sizeof(cmd->rule), "%s", m.rule);
	snprintf(cmd->message, sizeof(cmd->message), "%s", m.message);
	cmd->approval = (enum approval_outcome)m.approval;
	snprintf(cmd->reason, sizeof(cmd->reason), "%s", m.reason);
	command_end(cmd, OUT_DENIED);
	return 0;
}

static int
sessiond_on_exec_failed(struct chan *ch, struct imsg *im)
{
	struct command *cmd = im->arg;
	struct msg_exec_failed m;

	(void)ch;
	if (msg_get_exec_failed(im, &m) == -1 || cmd == NULL ||
	    m.command != cmd->number)
		return -1;
	cmd->error = m.error;
	snprintf(cmd->message, sizeof(cmd->message), "%s", m.message);
	command_end(cmd, OUT_FAILED);
	return 0;
}

static int
sessiond_on_exec_exited(struct chan *ch, struct imsg *im)
{
	struct command *cmd;
	struct msg_exec_exited m;

	if (msg_get_exec_exited(im, &m) == -1 || m.term_signal > 64)
		return -1;
	cmd = command_by_number(ch->arg, m.command);
	/* one that could not start has been freed, or is ended already */
	if (cmd == NULL)
		return 0;
	cmd->exit_code = m.term_signal != 0 ? 128 + m.term_signal :
					      m.exit_code & 255;
	cmd->timed_out = m.timed_out != 0;
	if (cmd->timed_out)
		cmd->exit_code = 124;
	cmd->duration_ms = m.duration_us / 1000;
	cmd->user_ms = m.user_us / 1000;
	cmd->system_ms = m.system_us / 1000;
	cmd->maxrss_kb = m.maxrss_kb;
	cmd->net.connections = m.connections;
	cmd->net.denied = m.denied;
	cmd->net.sent = m.sent;
	cmd->net.received = m.received;
	command_end(cmd, OUT_EXITED);
	return 0;
}

const struct handler execd_handlers[] = {
	{ MSG_EXEC_STARTED, sessiond_on_exec_started },
	{ MSG_EXEC_TERMINAL, sessiond_on_exec_terminal },
	{ MSG_EXEC_DENIED, sessiond_on_exec_denied },
	{ MSG_EXEC_FAILED, sessiond_on_exec_failed },
	{ MSG_EXEC_EXITED, sessiond_on_exec_exited },
	{ MSG_NONE, NULL },
};
