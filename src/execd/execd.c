/* SPDX-License-Identifier: Apache-2.0 */
/*
 * execd: decides which commands of one session may run and supervises those
 * that do. Hears sessiond (what clients want), init (pid 1 of the session, as
 * trustworthy as the commands are) and fsd. Runs as the session's user; whoever
 * owns it can run commands in that session's sandbox, and nothing outside.
 */
#include <sys/random.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "asking.h"
#include "clock.h"
#include "execd.h"
#include "landlock.h"
#include "log.h"
#include "look.h"
#include "netunix.h"
#include "notify.h"
#include "path.h"
#include "sandbox.h"
#include "signal_call.h"
#include "socket.h"
#include "supervise.h"
#include "target.h"
#include "whose.h"

struct execd execd;

static void
make_filter(void)
{
	uint64_t start_us = clock_us();
	size_t len;

	if (getrandom(execd.secret, sizeof(execd.secret), 0) !=
	    (ssize_t)sizeof(execd.secret))
		fatal("getrandom");
	/* before Linux 6.12 Landlock leaves that to us */
	execd.guards = landlock_abi() < 6;
	callrefused_start(&execd.p.conf);
	execd.filter_fd = filter_make(&execd.p.conf, execd.secret, &len);
	if (execd.filter_fd == -1)
		fatalx("the seccomp filter of the commands cannot be made");
	log_debug("filter of the commands: %zu instructions, %" PRIu64 " us",
	    len, clock_us() - start_us);
}

static int
execd_on_policy_image(struct chan *ch, struct imsg *im)
{
	struct msg_policy_image m;

	(void)ch;
	if (msg_get_policy_image(im, &m) == -1)
		return -1;
	execd.image_fd = imsg_take_fd(im, 0);
	/* the namespaces are being made: time for this */
	make_filter();
	return 0;
}

static int
execd_on_sess_mount(struct chan *ch, struct imsg *im)
{
	struct msg_sess_mount m;

	(void)ch;
	if (msg_get_sess_mount(im, &m) == -1 || !path_is_clean(m.path) ||
	    execd.nmounts == PROFILE_MOUNTS)
		return -1;
	execd.mounts[execd.nmounts] = strdup(m.path);
	if (execd.mounts[execd.nmounts] == NULL)
		fatal("strdup");
	execd.nmounts++;
	return 0;
}

static int
execd_on_exec_ns(struct chan *ch, struct imsg *im)
{
	struct msg_exec_ns m;

	(void)ch;
	if (msg_get_exec_ns(im, &m) == -1 || !path_is_clean(m.mount) ||
	    !path_is_clean(m.workspace))
		return -1;
	execd.shares_net = m.shares_net != 0;
	snprintf(execd.mount, sizeof(execd.mount), "%s", m.mount);
	snprintf(execd.workspace, sizeof(execd.workspace), "%s", m.workspace);
	execd.sess_proc_fd = imsg_take_fd(im, 0);
	execd.ns_fd[0] = imsg_take_fd(im, 1);
	execd.ns_fd[1] = imsg_take_fd(im, 2);
	return 0;
}

/* Read only when we can do no more than the session's commands can. */
static void
load_image(void)
{
	struct aerr e = { 0 };

	if (image_map(&execd.image, execd.image_fd, &e) == -1)
		fatalx("policy image: %s", e.message);
	if (image_prepare(&execd.image, &e) == -1)
		fatalx("policy image: %s", e.message);
	close(execd.image_fd);
}

/* What the policy wants to be asked about, for as long as the session lives. */
static void
open_gates(void)
{
	enum filter_gate gate;

	execd.gate_open[FILTER_SOCKETS] = image_has_unix_rules(&execd.image);
	execd.gate_open[FILTER_SENDMSG] = image_restricts_sendto(&execd.image);
	execd.gate_open[FILTER_SIGNALS] = image_has_signal_rules(&execd.image);
	execd.gate_open[FILTER_GUARD] = execd.guards &&
	    !execd.gate_open[FILTER_SIGNALS];
	execd.gate_open[FILTER_PTRACE] = execd.p.conf.ptrace == PTRACE_CHILDREN;
	for (gate = 0; gate < FILTER_GATES; gate++) {
		if (execd.gate_open[gate] &&
		    filter_open_gate(execd.filter_fd, gate) == -1)
			fatal("the seccomp filter of the commands");
	}
	if (filter_seal(execd.filter_fd) == -1)
		fatal("the seccomp filter of the commands");
}

/* Why the commands' filter, which stays, does not do for this image; or NULL. */
static const char *
gates_refuse(const struct image *im)
{
	if (image_has_signal_rules(im) && !execd.gate_open[FILTER_SIGNALS])
		return "the new policy has signal_rules, and the session was "
		       "made without; a new session is needed";
	return socket_refuses(im);
}

/* The old one decides until both helpers of the session have the new one. */
static int
execd_on_policy_prepare(struct chan *ch, struct imsg *im)
{
	struct msg_policy_prepare m;
	struct msg_policy_prepared reply = { 0 };
	struct aerr e = { 0 };
	const char *why;

	if (msg_get_policy_prepare(im, &m) == -1 ||
	    m.session != execd.p.session)
		return -1;
	image_unmap(&execd.next);
	execd.next_generation = m.generation;
	if (image_map(&execd.next, im->fds[0], &e) == -1 ||
	    image_prepare(&execd.next, &e) == -1)
		why = e.message;
	else
		why = gates_refuse(&execd.next);
	if (why != NULL) {
		image_unmap(&execd.next);
		snprintf(reply.error, sizeof(reply.error), "%s", why);
	}
	reply.generation = m.generation;
	msg_send_policy_prepared(ch, im->id, &reply, NULL);
	return 0;
}

struct old_image {
	TAILQ_ENTRY(old_image) entry;
	struct image image;
	uint64_t number;
};

const struct image *
execd_image(uint64_t number)
{
	const struct old_image *o;

	TAILQ_FOREACH(o, &execd.old_images, entry) {
		if (o->number == number)
			return &o->image;
	}
	return &execd.image;
}

void
execd_forget_images(uint64_t oldest)
{
	struct old_image *o;

	while ((o = TAILQ_FIRST(&execd.old_images)) != NULL &&
	    o->number < oldest) {
		TAILQ_REMOVE(&execd.old_images, o, entry);
		image_unmap(&o->image);
		free(o);
	}
}

/* Between two messages. An exec that waits for its end keeps the rule that
 * decided it, which is in the old image: see supervise.c. */
static void
replace_image(void)
{
	struct old_image *o = calloc(1, sizeof(*o));

	if (o == NULL)
		fatal("policy image");
	o->image = execd.image;
	o->number = execd.image_number++;
	TAILQ_INSERT_TAIL(&execd.old_images, o, entry);
	execd.image = execd.next;
	memset(&execd.next, 0, sizeof(execd.next));
	supervise_forget_images();
}

static int
execd_on_policy_commit(struct chan *ch, struct imsg *im)
{
	struct msg_policy_commit m;
	struct msg_policy_committed reply = { 0 };

	if (msg_get_policy_commit(im, &m) == -1 ||
	    m.session != execd.p.session || execd.next.base == NULL ||
	    m.generation != execd.next_generation)
		return -1;
	replace_image();
	reply.generation = m.generation;
	msg_send_policy_committed(ch, im->id, &reply, NULL);
	return 0;
}

static int
execd_on_policy_abandon(struct chan *ch, struct imsg *im)
{
	struct msg_policy_abandon m;

	(void)ch;
	if (msg_get_policy_abandon(im, &m) == -1 ||
	    m.session != execd.p.session)
		return -1;
	if (m.generation == execd.next_generation)
		image_unmap(&execd.next);
	return 0;
}

static int
execd_on_init_ready(struct chan *ch, struct imsg *im)
{
	struct msg_init_ready m;
	char detail[64];

	(void)ch;
	if (msg_get_init_ready(im, &m) == -1)
		return -1;
	number_init();
	notify_start(imsg_take_fd(im, 0));
	snprintf(detail, sizeof(detail), "landlock ABI %u in the session",
	    m.landlock_abi);
	proc_ready(&execd.p, detail);
	return 0;
}

static const struct handler execd_handlers[] = {
	{ MSG_POLICY_IMAGE, execd_on_policy_image },
	{ MSG_POLICY_PREPARE, execd_on_policy_prepare },
	{ MSG_POLICY_COMMIT, execd_on_policy_commit },
	{ MSG_POLICY_ABANDON, execd_on_policy_abandon },
	{ MSG_SESS_MOUNT, execd_on_sess_mount },
	{ MSG_EXEC_NS, execd_on_exec_ns },
	{ MSG_INIT_READY, execd_on_init_ready },
	{ MSG_INIT_TERMINAL, command_on_init_terminal },
	{ MSG_INIT_SPAWNED, command_on_init_spawned },
	{ MSG_INIT_RUNNING, command_on_init_running },
	{ MSG_INIT_FAILED, command_on_init_failed },
	{ MSG_INIT_EXITED, command_on_init_exited },
	{ MSG_INIT_GONE, command_on_init_gone },
	{ MSG_INIT_SIGNALLED, signal_on_init_signalled },
	{ MSG_EXEC_START, command_on_exec_start },
	{ MSG_EXEC_SIGNAL, command_on_exec_signal },
	{ MSG_EXEC_KILL, command_on_exec_kill },
	{ MSG_FS_SYNCED, command_on_fs_synced },
	{ MSG_FS_SOCKET_OPENED, socket_on_fs_socket_opened },
	{ MSG_FS_SOCKET_FAILED, socket_on_fs_socket_failed },
	{ MSG_FS_BIND_NOTED, socket_on_fs_bind_noted },
	{ MSG_NET_WHOSE, whose_on_net_whose },
	{ MSG_NET_SYNCED, command_on_net_synced },
	{ MSG_NET_UNIX, netunix_on_net_unix },
	{ MSG_FS_UNIX_OPENED, netunix_on_fs_unix_opened },
	{ MSG_FS_UNIX_FAILED, netunix_on_fs_unix_failed },
	{ MSG_APPROVAL_PENDING, asking_on_pending },
	{ MSG_APPROVAL_ANSWER, asking_on_answer },
	{ MSG_NONE, NULL },
};

/* The rights of the commands, for init to take on before there are any. */
static void
execd_setup_init(void)
{
	struct msg_init_setup m = { .table_hash = msg_table_hash(),
		.secret1 = execd.secret[0],
		.secret2 = execd.secret[1],
		.uid = execd.p.uid,
		.gid = execd.p.gid };

	snprintf(m.home, sizeof(m.home), "%s", AGENTSH_SESSION_HOME);
	if (msg_send_init_setup(execd.p.peer[ROLE_INIT], 0, &m,
		&execd.filter_fd) == -1)
		fatalx("init is gone");
	close(execd.filter_fd);
}

int
main(int argc, char **argv)
{
	execd.image_fd = execd.filter_fd = -1;
	execd.ns_fd[0] = execd.ns_fd[1] = execd.sess_proc_fd = -1;
	proc_start(&execd.p, ROLE_EXECD, execd_handlers, argc, argv);
	if (execd.image_fd == -1 || execd.ns_fd[0] == -1 ||
	    execd.p.ring.size == 0 || execd.p.peer[ROLE_SESSIOND] == NULL ||
	    execd.p.peer[ROLE_FSD] == NULL ||
	    execd.p.peer[ROLE_POLICYD] == NULL ||
	    execd.p.peer[ROLE_INIT] == NULL)
		fatalx("the start was incomplete");
	TAILQ_INIT(&execd.commands);
	TAILQ_INIT(&execd.old_images);
	buf_init(&execd.event, EVENT_MAX);
	/* asks for ids and the environment, which the sandbox does not know */
	execd.base = event_base_new();
	if (execd.base == NULL)
		fatalx("event_base_new");
	enter_session(execd.ns_fd[0], execd.ns_fd[1]);
	supervise_init();
	hurry_init();
	socket_init();
	sandbox_enter(ROLE_EXECD, NULL, 0);
	load_image();
	open_gates();
	proc_watch(&execd.p, execd.base);
	execd_setup_init();
	look_ready();
	/* the channel to agentshd closes first: not reached in good order */
	look_loop();
	while (!TAILQ_EMPTY(&execd.commands))
		command_free(TAILQ_FIRST(&execd.commands));
	buf_free(&execd.event);
	image_unmap(&execd.image);
	image_unmap(&execd.next);
	event_base_free(execd.base);
	proc_free(&execd.p);
	return 1;
}
