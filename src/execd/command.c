/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a command: decided here, started and reaped by init, its file
 * events gathered by fsd before sessiond hears of its end. Numbers and ids are
 * sessiond's, results are init's: both are checked against the record kept
 * here, and a message that does not fit its state ends the session.
 */
#include <sys/time.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "execd.h"
#include "log.h"
#include "template.h"

#define COMMAND_GRACE_MS 2000 /* from SIGTERM to the end of a timed out tree */

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static struct command *
command_find(uint64_t number)
{
	struct command *c;

	TAILQ_FOREACH(c, &execd.commands, entry) {
		if (c->number == number)
			return c;
	}
	return NULL;
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
	if (c->timer != NULL)
		event_free(c->timer);
	spec_free(&c->spec);
	free(c);
}

static void
command_signal(struct command *c, uint32_t signo, bool tree)
{
	struct msg_init_kill m = {
		.command = c->number, .signo = signo, .tree = tree
	};

	if (c->gone)
		return;
	c->killed = c->killed || tree;
	msg_send_init_kill(execd.p.peer[ROLE_INIT], 0, &m, NULL);
}

static void
command_arm(struct command *c, uint64_t ms)
{
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

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
		command_signal(c, SIGTERM, false);
		command_arm(c, COMMAND_GRACE_MS);
	} else if (c->timed_out && !c->gone) {
		if (!c->ended)
			record_killed(c, SIGKILL);
		command_signal(c, SIGKILL, true);
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
		.duration_us = now_us() - c->start_us,
		.user_us = c->result.user_us,
		.system_us = c->result.system_us,
		.maxrss_kb = c->result.maxrss_kb };

	record_finished(c, m.duration_us);
	msg_send_exec_exited(execd.p.peer[ROLE_SESSIOND], 0, &m, NULL);
}

/* No process and no answer is left. */
static void
command_drop(struct command *c)
{
	struct msg_fs_forget m = { .command = c->number };

	if (!c->gone || c->syncing)
		return;
	if (c->known_to_fsd)
		msg_send_fs_forget(execd.p.peer[ROLE_FSD], 0, &m, NULL);
	command_free(c);
}

/* The command's file events are in fsd's ring: tell how it ended. */
static void
command_finish(struct command *c)
{
	c->syncing = false;
	if (c->error != 0)
		command_send_failed(c);
	else
		command_send_exited(c);
	/* a time limit leaves nothing behind, other ends leave what they like */
	if (c->timed_out)
		command_signal(c, SIGKILL, true);
	command_drop(c);
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
	c->syncing = true;
	id = chan_request(execd.p.peer[ROLE_FSD], c);
	if (id == 0)
		return -1;
	msg_send_fs_sync(execd.p.peer[ROLE_FSD], id, &m, NULL);
	return 0;
}

int
command_on_fs_synced(struct chan *ch, struct imsg *im)
{
	struct msg_fs_synced m;
	struct command *c = im->arg;

	(void)ch;
	if (msg_get_fs_synced(im, &m) == -1 || c == NULL ||
	    m.command != c->number || !c->syncing)
		return -1;
	command_finish(c);
	return 0;
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
	c->start_us = now_us();
	c->timer = evtimer_new(execd.base, timeout_cb, c);
	if (c->timer == NULL)
		fatal("command");
	TAILQ_INSERT_TAIL(&execd.commands, c, entry);
	if (c->number > execd.highest)
		execd.highest = c->number;
	return c;
}

/* The rule's message, about this command. */
static void
command_message(const struct command *c, const struct verdict *v, char *dst,
    size_t size)
{
	char args[AGENTSH_TEXT_MAX] = "";
	const char *values[TEMPLATE_MAX] = {
		[TEMPLATE_COMMAND] = c->spec.file,
		[TEMPLATE_ARGS] = args,
		[TEMPLATE_RULE] = v->rule_name,
	};
	size_t i, len = 0;

	for (i = 1; i < c->spec.argc && len < sizeof(args); i++)
		len += (size_t)snprintf(args + len, sizeof(args) - len, "%s%s",
		    i == 1 ? "" : " ", c->spec.argv[i]);
	(void)template_expand(dst, size, v->message, values);
}

/* The verdict on the command as the client gave it; DENY on any failure. */
static bool
command_may_run(struct command *c)
{
	struct msg_exec_denied m = { .command = c->number };
	struct verdict v = { .decision = DECISION_DENY,
		.rule = UINT32_MAX,
		.rule_name = "",
		.message = "" };
	char message[AGENTSH_TEXT_MAX + 1];
	struct command_query q = { c->spec.file,
		(const char *const *)c->spec.argv + 1, 0, 0 };

	q.argc = c->spec.argc == 0 ? 0 : c->spec.argc - 1;
	if (image_eval_command(&execd.image, &q, &v) == -1)
		v.decision = DECISION_DENY;
	command_message(c, &v, message, sizeof(message));
	v.message = message;
	record_policy(c, &v);
	if (v.decision == DECISION_ALLOW || v.decision == DECISION_AUDIT)
		return true;
	snprintf(m.rule, sizeof(m.rule), "%s", v.rule_name);
	snprintf(m.message, sizeof(m.message), "%s", v.message);
	msg_send_exec_denied(execd.p.peer[ROLE_SESSIOND], c->request, &m, NULL);
	return false;
}

int
command_on_exec_start(struct chan *ch, struct imsg *im)
{
	struct msg_exec_start m;
	struct msg_init_spawn spawn = { 0 };
	struct command *c;
	uint32_t id;

	(void)ch;
	if (msg_get_exec_start(im, &m) == -1 || m.command_id[0] == '\0' ||
	    m.timeout_ms > UINT32_MAX || command_find(m.command) != NULL)
		return -1;
	c = command_new(&m, im->id);
	if (spec_read(im->fds[0], &c->spec) == -1) {
		if (errno == EBADMSG)
			return -1;
		c->error = (uint32_t)errno;
		c->stage = SPAWN_SPEC;
		command_send_failed(c);
		command_free(c);
		return 0;
	}
	if (!command_may_run(c)) {
		command_free(c);
		return 0;
	}
	id = chan_request(execd.p.peer[ROLE_INIT], c);
	if (id == 0) {
		c->error = EAGAIN;
		command_send_failed(c);
		command_free(c);
		return 0;
	}
	spawn.command = c->number;
	msg_send_init_spawn(execd.p.peer[ROLE_INIT], id, &spawn, im->fds);
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
	command_signal(c, SIGKILL, true);
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
	msg_send_fs_command(execd.p.peer[ROLE_FSD], 0, &fs, NULL);
	return 0;
}

int
command_on_init_running(struct chan *ch, struct imsg *im)
{
	struct msg_init_running m;
	struct msg_exec_started started = { 0 };
	struct command *c = im->arg;

	(void)ch;
	if (msg_get_init_running(im, &m) == -1 || c == NULL ||
	    m.command != c->number || !c->known_to_fsd || c->ended ||
	    c->pid != 0 || m.pid <= 1)
		return -1;
	c->pid = m.pid;
	record_started(c);
	spec_free(&c->spec);
	started.command = c->number;
	started.pid = c->pid;
	msg_send_exec_started(execd.p.peer[ROLE_SESSIOND], c->request, &started,
	    NULL);
	return 0;
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
	c->error = m.error != 0 ? m.error : EIO;
	c->stage = m.stage;
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
