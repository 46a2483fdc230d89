/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a command: decided here, started and reaped by init, its file
 * events gathered by fsd before sessiond hears of its end. Numbers and ids are
 * sessiond's, results are init's: both are checked against the record kept
 * here, and a message that does not fit its state ends the session.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "approval.h"
#include "clock.h"
#include "execd.h"
#include "log.h"
#include "supervise.h"

#define COMMAND_GRACE_MS 2000 /* from SIGTERM to the end of a timed out tree */

struct command *
command_find(uint64_t number)
{
	struct command *c;

	TAILQ_FOREACH(c, &execd.commands, entry) {
		if (c->number == number)
			return c;
	}
	return NULL;
}

struct command *
command_of_keeper(uint32_t pid)
{
	struct command *c;

	TAILQ_FOREACH(c, &execd.commands, entry) {
		if (pid != 0 && c->keeper == pid)
			return c;
	}
	return NULL;
}

void
command_exec_denied(const struct exec *x)
{
	struct command *c = command_find(x->l.command);

	if (c == NULL || x->l.depth != 0)
		return;
	c->denied = true;
	c->denial.command = c->number;
	c->denial.decision = x->j.v.decision;
	snprintf(c->denial.rule, sizeof(c->denial.rule), "%s",
	    x->j.v.rule_name);
	judge_message(&x->j, NULL, c->denial.message,
	    sizeof(c->denial.message));
	c->denial.approval = x->said.outcome;
	c->denial.reason[0] = '\0';
	if (x->said.outcome != APPROVAL_NONE)
		approval_describe(c->denial.reason, sizeof(c->denial.reason),
		    &x->said);
}

void
command_free(struct command *c)
{
	size_t i;

	for (i = 0; i < ROLE_MAX; i++) {
		if (execd.p.peer[i] != NULL)
			chan_forget(execd.p.peer[i], c);
	}
	TAILQ_REMOVE(&execd.commands, c, entry);
	supervise_forget(c->number);
	if (c->timer != NULL)
		event_free(c->timer);
	spec_free(&c->spec);
	free(c->approve.words);
	free(c);
}

static void
command_signal(struct command *c, uint32_t signo, enum kill_whom whom)
{
	struct msg_init_kill m = {
		.command = c->number, .signo = signo, .whom = (uint8_t)whom
	};

	if (c->gone)
		return;
	c->killed = c->killed || whom == KILL_TREE;
	msg_send_init_kill(execd.p.peer[ROLE_INIT], 0, &m, NULL);
}

static void
command_arm(struct command *c, uint64_t ms)
{
	struct timeval tv = clock_timeval(ms);

	if (evtimer_add(c->timer, &tv) == -1)
		fatalx("a time limit cannot be set");
}

/* First the limit itself, then the end of the grace that the command got. */
static void
timeout_cb(evutil_socket_t fd, short what, void *arg)
{
	struct command *c = arg;

	(void)fd;
	(void)what;
	if (!c->timed_out && !c->ended) {
		c->timed_out = true;
		record_killed(c, SIGTERM);
		command_signal(c, SIGTERM, KILL_LEADER);
		command_arm(c, COMMAND_GRACE_MS);
	} else if (c->timed_out && !c->gone) {
		if (!c->ended)
			record_killed(c, SIGKILL);
		command_signal(c, SIGKILL, KILL_TREE);
	}
}

/* What a client reads about a command that did not start. */
static void
command_describe(const struct command *c, char *text, size_t size)
{
	const char *why = strerror((int)c->error);

	switch (c->stage) {
	case SPAWN_CHDIR:
		snprintf(text, size, "cannot change to %.512s: %s", c->spec.cwd,
		    why);
		break;
	case SPAWN_TERMINAL:
		snprintf(text, size, "cannot open a terminal: %s", why);
		break;
	case SPAWN_EXEC:
		snprintf(text, size, "cannot execute %.512s: %s", c->spec.file,
		    why);
		break;
	default:
		snprintf(text, size, "cannot start a process: %s", why);
		break;
	}
}

static void
command_send_failed(struct command *c)
{
	struct msg_exec_failed m = { .command = c->number, .error = c->error };

	command_describe(c, m.message, sizeof(m.message));
	msg_send_exec_failed(execd.p.peer[ROLE_SESSIOND], c->request, &m, NULL);
}

static void
command_send_exited(struct command *c)
{
	struct msg_exec_exited m = { .command = c->number,
		.exit_code = c->result.exit_code,
		.term_signal = c->result.term_signal,
		.timed_out = c->timed_out,
		.duration_us = clock_us() - c->start_us,
		.user_us = c->result.user_us,
		.system_us = c->result.system_us,
		.maxrss_kb = c->result.maxrss_kb,
		.connections = c->net.connections,
		.denied = c->net.denied,
		.sent = c->net.sent,
		.received = c->net.received };

	exits_collect(c->number);
	record_finished(c, m.duration_us);
	msg_send_exec_exited(execd.p.peer[ROLE_SESSIOND], 0, &m, NULL);
}

/* No process and no answer is left. */
static void
command_drop(struct command *c)
{
	struct msg_fs_forget m = { .command = c->number };
	struct msg_net_forget net = { .command = c->number };

	if (!c->gone || c->syncing > 0)
		return;
	if (execd.p.peer[ROLE_NETD] != NULL)
		msg_send_net_forget(execd.p.peer[ROLE_NETD], 0, &net, NULL);
	if (c->known_to_fsd)
		msg_send_fs_forget(execd.p.peer[ROLE_FSD], 0, &m, NULL);
	command_free(c);
}

/* The command's events are in the rings of fsd and netd: tell how it ended. */
static void
command_finish(struct command *c)
{
	if (c->error != 0 && c->denied && c->stage == SPAWN_EXEC)
		msg_send_exec_denied(execd.p.peer[ROLE_SESSIOND], c->request,
		    &c->denial, NULL);
	else if (c->error != 0)
		command_send_failed(c);
	else
		command_send_exited(c);
	/* a time limit leaves nothing behind, other ends leave what they like */
	if (c->timed_out)
		command_signal(c, SIGKILL, KILL_TREE);
	command_drop(c);
}

/* Where the session has no network nobody is asked. */
static int
command_sync_net(struct command *c)
{
	struct msg_net_sync m = { .command = c->number };
	struct chan *netd = execd.p.peer[ROLE_NETD];
	uint32_t id;

	if (netd == NULL)
		return 0;
	id = chan_request(netd, c);
	if (id == 0)
		return -1;
	c->syncing++;
	msg_send_net_sync(netd, id, &m, NULL);
	return 0;
}

static int
command_ended(struct command *c)
{
	struct msg_fs_sync m = { .command = c->number };
	uint32_t id;

	c->ended = true;
	if (!c->timed_out)
		evtimer_del(c->timer);
	if (!c->known_to_fsd) {
		command_finish(c);
		return 0;
	}
	id = chan_request(execd.p.peer[ROLE_FSD], c);
	if (id == 0)
		return -1;
	c->syncing++;
	msg_send_fs_sync(execd.p.peer[ROLE_FSD], id, &m, NULL);
	return command_sync_net(c);
}

static int
command_synced(struct command *c, uint64_t number)
{
	if (c == NULL || number != c->number || c->syncing == 0)
		return -1;
	if (--c->syncing == 0)
		command_finish(c);
	return 0;
}

int
command_on_fs_synced(struct chan *ch, struct imsg *im)
{
	struct msg_fs_synced m;

	(void)ch;
	return msg_get_fs_synced(im, &m) == -1 ?
	    -1 :
	    command_synced(im->arg, m.command);
}

int
command_on_net_synced(struct chan *ch, struct imsg *im)
{
	struct command *c = im->arg;
	struct msg_net_synced m;

	(void)ch;
	if (msg_get_net_synced(im, &m) == -1 || c == NULL)
		return -1;
	c->net = m;
	return command_synced(c, m.command);
}

static struct command *
command_new(const struct msg_exec_start *m, uint32_t request)
{
	struct command *c;

	c = calloc(1, sizeof(*c));
	if (c == NULL)
		fatal("command");
	c->number = m->command;
	memcpy(c->id, m->command_id, sizeof(c->id));
	c->request = request;
	c->timeout_ms = m->timeout_ms;
	c->wants_terminal = m->rows != 0;
	c->start_us = clock_us();
	c->timer = evtimer_new(execd.base, timeout_cb, c);
	if (c->timer == NULL)
		fatal("command");
	TAILQ_INSERT_TAIL(&execd.commands, c, entry);
	if (c->number > execd.highest)
		execd.highest = c->number;
	return c;
}

static void
command_send_denied(struct command *c, const struct precheck *pc)
{
	struct msg_exec_denied m = { .command = c->number,
		.decision = pc->said };
	struct msg_approval_answer off = { 0 };

	snprintf(m.rule, sizeof(m.rule), "%s", pc->rule);
	snprintf(m.message, sizeof(m.message), "%s", pc->message);
	if (pc->said == DECISION_APPROVE) {
		off.outcome = m.approval = APPROVAL_OFF;
		approval_describe(m.reason, sizeof(m.reason), &off);
	}
	msg_send_exec_denied(execd.p.peer[ROLE_SESSIOND], c->request, &m, NULL);
}

static void
command_refuse_start(struct command *c, int error)
{
	c->error = error != 0 ? (uint32_t)error : EIO;
	c->stage = SPAWN_SPEC;
	command_send_failed(c);
}

/* Nothing is asked yet: an operator is to see the program that is executed. */
static void
command_wants_approval(struct command *c, struct precheck *pc)
{
	c->approve.wanted = true;
	c->approve.timeout_ms = pc->timeout_ms;
	memcpy(c->approve.rule, pc->rule, sizeof(c->approve.rule));
	memcpy(c->approve.message, pc->message, sizeof(c->approve.message));
	c->approve.words = pc->words;
	c->approve.words_len = pc->words_len;
	pc->words = NULL;
}

/* In place of the client's: the command that starts. 0 or -1 with errno. */
static int
command_replace_spec(struct command *c, int fd, struct precheck *pc)
{
	struct spec to;

	if (spec_read(fd, &to) == -1)
		return -1;
	c->redirected = pc->decision == DECISION_REDIRECT;
	memcpy(c->rule, pc->rule, sizeof(c->rule));
	if (pc->decision == DECISION_APPROVE)
		command_wants_approval(c, pc);
	if (c->redirected)
		record_redirected(c, &to, pc);
	spec_free(&c->spec);
	c->spec = to;
	return 0;
}

/* Decides, and makes what is to be started: a memfd, or -1 when the client has
 * its answer already. */
static int
command_decide(struct command *c)
{
	struct precheck_how how = { .deny_opaque = execd.p.conf.shellc_opaque ==
		    OPAQUE_DENY };
	struct precheck pc;
	int fd = -1, err = 0;

	precheck_command(&execd.image, &c->spec, &how, &pc);
	if (pc.decision == DECISION_APPROVE && execd.p.conf.approvals == 0)
		pc.decision = DECISION_DENY;
	if (pc.decision != DECISION_DENY) {
		fd = precheck_spec(&execd.image, &c->spec, &pc);
		err = errno;
	}
	record_policy(c, &pc);
	if (pc.decision == DECISION_DENY) {
		command_send_denied(c, &pc);
	} else if (fd == -1 || command_replace_spec(c, fd, &pc) == -1) {
		command_refuse_start(c, fd == -1 ? err : errno);
		if (fd != -1)
			close(fd);
		fd = -1;
	}
	precheck_free(&pc);
	return fd;
}

int
command_on_exec_start(struct chan *ch, struct imsg *im)
{
	struct msg_exec_start m;
	struct msg_init_spawn spawn = { 0 };
	struct command *c;
	uint32_t id;
	int fds[AGENTSH_MSG_FDS];

	(void)ch;
	if (msg_get_exec_start(im, &m) == -1 || m.command_id[0] == '\0' ||
	    m.timeout_ms > UINT32_MAX || (m.rows == 0) != (m.cols == 0) ||
	    command_find(m.command) != NULL)
		return -1;
	c = command_new(&m, im->id);
	if (spec_read(im->fds[0], &c->spec) == -1) {
		if (errno == EBADMSG)
			return -1;
		command_refuse_start(c, errno);
		command_free(c);
		return 0;
	}
	memcpy(fds, im->fds, sizeof(fds));
	fds[0] = command_decide(c);
	if (fds[0] == -1) {
		command_free(c);
		return 0;
	}
	id = chan_request(execd.p.peer[ROLE_INIT], c);
	if (id != 0) {
		spawn.command = c->number;
		spawn.pids_max = image_pids_max(&execd.image);
		spawn.rows = m.rows;
		spawn.cols = m.cols;
		msg_send_init_spawn(execd.p.peer[ROLE_INIT], id, &spawn, fds);
	}
	close(fds[0]);
	if (id == 0) {
		c->error = EAGAIN;
		command_send_failed(c);
		command_free(c);
		return 0;
	}
	if (c->timeout_ms != 0)
		command_arm(c, c->timeout_ms);
	return 0;
}

int
command_on_exec_kill(struct chan *ch, struct imsg *im)
{
	struct msg_exec_kill m;
	struct command *c;

	(void)ch;
	if (msg_get_exec_kill(im, &m) == -1 || m.command > execd.highest)
		return -1;
	c = command_find(m.command);
	if (c == NULL || c->killed)
		return 0; /* its end and this message crossed */
	record_killed(c, SIGKILL);
	command_signal(c, SIGKILL, KILL_TREE);
	return 0;
}

/* What a user presses keys for at a terminal of one's own; no more than that. */
int
command_on_exec_signal(struct chan *ch, struct imsg *im)
{
	struct msg_exec_signal m;
	struct command *c;

	(void)ch;
	if (msg_get_exec_signal(im, &m) == -1 || m.command > execd.highest ||
	    (m.signo != SIGINT && m.signo != SIGTERM && m.signo != SIGHUP &&
		m.signo != SIGQUIT))
		return -1;
	c = command_find(m.command);
	if (c == NULL || c->killed || c->ended)
		return 0;
	record_killed(c, m.signo);
	command_signal(c, m.signo, KILL_FOREGROUND);
	return 0;
}

/* The terminal's end for who shows it: straight on to sessiond. */
int
command_on_init_terminal(struct chan *ch, struct imsg *im)
{
	struct msg_init_terminal m;
	struct msg_exec_terminal terminal = { 0 };
	struct command *c;

	(void)ch;
	if (msg_get_init_terminal(im, &m) == -1)
		return -1;
	c = command_find(m.command);
	if (c == NULL || !c->wants_terminal)
		return -1;
	c->wants_terminal = false;
	terminal.command = c->number;
	msg_send_exec_terminal(execd.p.peer[ROLE_SESSIOND], 0, &terminal,
	    im->fds);
	return 0;
}

int
command_on_init_spawned(struct chan *ch, struct imsg *im)
{
	struct msg_init_spawned m;
	struct msg_fs_command fs = { 0 };
	struct command *c = im->arg;

	(void)ch;
	if (msg_get_init_spawned(im, &m) == -1 || c == NULL ||
	    m.command != c->number || c->known_to_fsd || c->ended ||
	    m.keeper_pid <= 1)
		return -1;
	fs.command = c->number;
	fs.keeper_pid = m.keeper_pid;
	memcpy(fs.command_id, c->id, sizeof(fs.command_id));
	c->known_to_fsd = true;
	c->keeper = m.keeper_pid;
	msg_send_fs_command(execd.p.peer[ROLE_FSD], 0, &fs, NULL);
	supervise_retry();
	return 0;
}

static void
command_send_started(struct command *c)
{
	struct msg_exec_started m = { .command = c->number,
		.builtin = c->spec.builtin };

	spec_free(&c->spec);
	msg_send_exec_started(execd.p.peer[ROLE_SESSIOND], c->request, &m,
	    NULL);
}

int
command_on_init_running(struct chan *ch, struct imsg *im)
{
	struct msg_init_running m;
	struct command *c = im->arg;

	(void)ch;
	if (msg_get_init_running(im, &m) == -1 || c == NULL ||
	    m.command != c->number || !c->known_to_fsd || c->ended ||
	    c->pid != 0 || m.pid <= 1)
		return -1;
	c->pid = m.pid;
	/* else its leader has ended while it waited for the operator */
	if (!c->approve.wanted || c->approve.granted)
		record_started(c);
	command_send_started(c);
	return 0;
}

/* Before its first program it waited in the kernel, so that only its keeper could
 * be killed: it has started, and ended like any other that is killed. */
static void
command_was_killed(struct command *c)
{
	c->result.term_signal = SIGKILL;
	c->result.exit_code = 128 + SIGKILL;
	command_send_started(c);
}

int
command_on_init_failed(struct chan *ch, struct imsg *im)
{
	struct msg_init_failed m;
	struct command *c = im->arg;

	(void)ch;
	if (msg_get_init_failed(im, &m) == -1 || c == NULL ||
	    m.command != c->number || c->ended || c->pid != 0 ||
	    m.stage >= SPAWN_MAX)
		return -1;
	if (m.stage == SPAWN_FORK && m.error == ECHILD &&
	    (c->timed_out || c->killed)) {
		command_was_killed(c);
	} else {
		c->error = m.error != 0 ? m.error : EIO;
		c->stage = m.stage;
	}
	return command_ended(c);
}

int
command_on_init_exited(struct chan *ch, struct imsg *im)
{
	struct msg_init_exited m;
	struct command *c;

	(void)ch;
	if (msg_get_init_exited(im, &m) == -1)
		return -1;
	c = command_find(m.command);
	if (c == NULL || c->pid == 0 || c->ended || m.term_signal >= NSIG ||
	    m.exit_code > 255)
		return -1;
	/* as shells count it */
	if (m.term_signal != 0)
		m.exit_code = 128 + m.term_signal;
	c->result = m;
	return command_ended(c);
}

int
command_on_init_gone(struct chan *ch, struct imsg *im)
{
	struct msg_init_gone m;
	struct command *c;

	(void)ch;
	if (msg_get_init_gone(im, &m) == -1)
		return -1;
	c = command_find(m.command);
	/* a start that failed without a keeper was dropped with its answer */
	if (c == NULL)
		return m.command > execd.highest ? -1 : 0;
	if (!c->ended || c->gone)
		return -1;
	c->gone = true;
	evtimer_del(c->timer);
	command_drop(c);
	return 0;
}
