/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pid 1 of a session. Hears execd alone, on fd 3; forks a keeper for every
 * command, tells execd what becomes of it, and kills what escaped a keeper.
 * After INIT_SETUP it has no right that a command has not, but being pid 1:
 * the kernel drops every signal to it from inside. Its end ends the session.
 */
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chan.h"
#include "clock.h"
#include "init.h"
#include "log.h"
#include "msg.h"

#define INIT_MAX_COMMANDS 4096
#define INIT_KILL_MS 3000  /* for a keeper to end its descendants */
#define INIT_SWEEP_MS 5000 /* for us to end what lost its keeper */
#define INIT_PASS_MS 5	   /* between two passes */
#define INIT_BATCH 64	   /* messages before others get their turn */

struct command {
	TAILQ_ENTRY(command) entry;
	uint64_t number;
	uint32_t request; /* id of INIT_SPAWN */
	pid_t keeper;
	int fd;		  /* to the keeper; -1 after its end */
	bool answered;	  /* INIT_RUNNING or INIT_FAILED was sent */
	bool running;	  /* INIT_RUNNING was sent */
	bool exited;	  /* INIT_EXITED was sent */
	uint64_t kill_at; /* ms; 0: no tree kill under way */
};

static struct {
	struct chan *execd;
	int signal_fd;
	int proc_fd;
	int landlock_abi;
	TAILQ_HEAD(, command) commands;
	size_t ncommands;
	uint64_t sweep_end; /* ms; 0: no orphan is known */
} init;

/* The end of the session: every process but us at one stroke, then us. */
static void __attribute__((noreturn)) init_end(const char *why)
{
	log_debug("end of the session: %s", why);
	init_kill(-1, SIGKILL);
	_exit(init.execd->peer_gone ? AGENTSH_EXIT_PEER + ROLE_EXECD : 0);
}

static struct command *
init_find(uint64_t number)
{
	struct command *c;

	TAILQ_FOREACH(c, &init.commands, entry) {
		if (c->number == number)
			return c;
	}
	return NULL;
}

static struct command *
init_find_keeper(pid_t pid)
{
	struct command *c;

	TAILQ_FOREACH(c, &init.commands, entry) {
		if (c->keeper == pid)
			return c;
	}
	return NULL;
}

static void
init_send_failed(struct command *c, enum spawn_stage stage, uint32_t error)
{
	struct msg_init_failed m = {
		.command = c->number, .error = error, .stage = (uint32_t)stage
	};

	c->answered = true;
	msg_send_init_failed(init.execd, c->request, &m, NULL);
}

static void
init_send_exited(struct command *c, int status, const uint64_t usage[3])
{
	struct msg_init_exited m = { .command = c->number,
		.user_us = usage[0],
		.system_us = usage[1],
		.maxrss_kb = usage[2] };

	if (WIFSIGNALED(status))
		m.term_signal = (uint32_t)WTERMSIG(status);
	else
		m.exit_code = (uint32_t)WEXITSTATUS(status);
	c->exited = true;
	msg_send_init_exited(init.execd, 0, &m, NULL);
}

/* One report of a keeper, in the order in which it must come. 0 or -1. */
static int
init_on_report(struct command *c, const struct keeper_packet *p)
{
	struct msg_init_running running = { .command = c->number };

	switch (p->word[0]) {
	case KEEPER_RUNNING:
		if (c->answered)
			return -1;
		c->answered = c->running = true;
		running.pid = (uint32_t)p->word[1];
		msg_send_init_running(init.execd, c->request, &running, NULL);
		return 0;
	case KEEPER_FAILED:
		if (c->answered || p->word[1] >= SPAWN_MAX)
			return -1;
		init_send_failed(c, (enum spawn_stage)p->word[1],
		    (uint32_t)p->word[2]);
		return 0;
	case KEEPER_EXITED:
		if (!c->running || c->exited)
			return -1;
		init_send_exited(c, (int)p->word[1], p->word + 2);
		return 0;
	}
	return -1;
}

static void
init_read_keeper(struct command *c)
{
	struct keeper_packet p;
	int r = 0;

	if (c->fd == -1)
		return;
	while ((r = keeper_receive(c->fd, &p)) == 1) {
		if (init_on_report(c, &p) == -1)
			break;
	}
	if (r == 0)
		return;
	/* end of file, or nonsense: its death is what counts */
	close(c->fd);
	c->fd = -1;
	if (r == 1)
		init_kill(c->keeper, SIGKILL);
}

/* A keeper ended. Without its reports the command was killed, with it. */
static void
init_keeper_gone(struct command *c, int status)
{
	static const uint64_t no_usage[3];
	struct msg_init_gone m = { .command = c->number };

	init_read_keeper(c);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		log_debug("keeper of command %llu died",
		    (unsigned long long)c->number);
		init.sweep_end = clock_ms() + INIT_SWEEP_MS;
	}
	if (!c->answered)
		init_send_failed(c, SPAWN_FORK, ECHILD);
	if (c->running && !c->exited)
		init_send_exited(c, SIGKILL, no_usage);
	msg_send_init_gone(init.execd, 0, &m, NULL);
	TAILQ_REMOVE(&init.commands, c, entry);
	init.ncommands--;
	if (c->fd != -1)
		close(c->fd);
	free(c);
}

/*
 * Who waits in the kernel for something that a signal does not end, such as the
 * lock of a directory in which somebody else waits for an operator, ends when
 * that is over, and runs nothing before. Is that all that is left without a
 * keeper?
 */
static bool
init_are_doomed(void)
{
	const struct tree_node *node;
	struct tree t = { 0 };
	bool all = tree_scan(&t, init.proc_fd) == 0;
	size_t i;
	pid_t top;

	for (i = 0; i < t.n; i++) {
		node = &t.node[i];
		if (node->pid == 1 || node->state == 'Z' || node->doomed)
			continue;
		top = tree_top(&t, node);
		if (top != 0 && init_find_keeper(top) != NULL)
			continue;
		init_kill(node->pid, SIGKILL);
		all = false;
	}
	tree_free(&t);
	return all;
}

/*
 * Kills what fell to us because its keeper is dead. Every child that is not a
 * keeper is such a one; its own children fall to us in turn. A race that we do
 * not win in time ends the session.
 */
static void
init_sweep(void)
{
	/* room for every keeper, and orphans behind them */
	static pid_t pids[INIT_MAX_COMMANDS + 1024];
	struct tree t = { 0 };
	ssize_t n;
	size_t i, left = 0;

	n = tree_children(init.proc_fd, pids, sizeof(pids) / sizeof(pids[0]));
	for (i = 0; n > 0 && i < (size_t)n; i++) {
		if (init_find_keeper(pids[i]) != NULL)
			continue;
		init_kill(pids[i], SIGKILL);
		left++;
	}
	/* a kernel without that file */
	if (n == -1 && tree_scan(&t, init.proc_fd) == -1)
		init_end("processes without a keeper, and no /proc");
	for (i = 0; i < t.n; i++) {
		if (t.node[i].ppid != 1 || t.node[i].state == 'Z' ||
		    init_find_keeper(t.node[i].pid) != NULL)
			continue;
		init_kill(t.node[i].pid, SIGKILL);
		left++;
	}
	tree_free(&t);
	if (left == 0)
		init.sweep_end = 0;
	else if (clock_ms() >= init.sweep_end && init_are_doomed())
		init.sweep_end = 0;
	else if (clock_ms() >= init.sweep_end)
		init_end("processes without a keeper cannot be killed");
}

static void
init_reap(void)
{
	struct signalfd_siginfo info;
	struct command *c;
	pid_t pid;
	int status;

	while (read(init.signal_fd, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		c = init_find_keeper(pid);
		if (c != NULL)
			init_keeper_gone(c, status);
		else if (init.sweep_end == 0)
			init.sweep_end = clock_ms() + INIT_SWEEP_MS;
	}
}

static int
init_fork_keeper(struct command *c, const struct imsg *im, uint32_t pids_max,
    int master, int slave)
{
	struct leader l = { .spec_fd = im->fds[0],
		.stdio = { im->fds[1], im->fds[2], im->fds[3] },
		.result_fd = -1,
		.master_fd = master,
		.landlock_abi = init.landlock_abi,
		.pids_max = pids_max };
	int fds[2];

	if (master != -1)
		l.stdio[0] = l.stdio[1] = l.stdio[2] = slave;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == -1)
		return -1;
	c->keeper = fork();
	if (c->keeper == 0)
		keeper_run(fds[1], init.proc_fd, &l);
	close(fds[1]);
	if (c->keeper == -1) {
		close(fds[0]);
		return -1;
	}
	c->fd = fds[0];
	return 0;
}

/* Both ends of a terminal are the command's; who asked for it gets a copy of
 * the master's. Returns errno, and in *stage what has failed. */
static int
init_start(struct command *c, const struct msg_init_spawn *m,
    const struct imsg *im, enum spawn_stage *stage)
{
	struct msg_init_terminal terminal = { .command = c->number };
	int master = -1, slave = -1, error = 0;

	*stage = SPAWN_TERMINAL;
	if (m->rows != 0 && term_open(m->rows, m->cols, &master, &slave) == -1)
		return errno;
	*stage = SPAWN_FORK;
	if (init_fork_keeper(c, im, m->pids_max, master, slave) == -1)
		error = errno;
	else if (master != -1)
		msg_send_init_terminal(init.execd, 0, &terminal, &master);
	if (master != -1) {
		close(master);
		close(slave);
	}
	return error;
}

static int
init_on_spawn(struct chan *ch, struct imsg *im)
{
	struct msg_init_spawn m;
	struct msg_init_spawned spawned = { 0 };
	struct msg_init_gone gone = { 0 };
	enum spawn_stage stage = SPAWN_FORK;
	struct command *c;
	int error;

	if (msg_get_init_spawn(im, &m) == -1 || init_find(m.command) != NULL ||
	    (m.rows == 0) != (m.cols == 0))
		return -1;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return -1;
	c->number = m.command;
	c->request = im->id;
	c->fd = -1;
	if (init.ncommands >= INIT_MAX_COMMANDS)
		error = EAGAIN;
	else
		error = init_start(c, &m, im, &stage);
	if (error != 0) {
		init_send_failed(c, stage, (uint32_t)error);
		free(c);
		gone.command = m.command;
		msg_send_init_gone(ch, 0, &gone, NULL);
		return 0;
	}
	TAILQ_INSERT_TAIL(&init.commands, c, entry);
	init.ncommands++;
	spawned.command = m.command;
	spawned.keeper_pid = (uint32_t)c->keeper;
	msg_send_init_spawned(ch, c->request, &spawned, NULL);
	return 0;
}

static int
init_on_kill(struct chan *ch, struct imsg *im)
{
	struct msg_init_kill m;
	struct command *c;
	uint64_t order[2];

	(void)ch;
	if (msg_get_init_kill(im, &m) == -1 || m.signo == 0 ||
	    m.signo >= NSIG || m.whom >= KILL_WHOM_MAX)
		return -1;
	c = init_find(m.command);
	if (c == NULL)
		return 0; /* INIT_GONE is on its way */
	order[0] = m.signo;
	order[1] = m.whom;
	if (m.whom == KILL_TREE && c->kill_at == 0)
		c->kill_at = clock_ms() + INIT_KILL_MS;
	init_kill(c->keeper, SIGCONT);
	if (c->fd != -1)
		keeper_send(c->fd,
		    m.whom == KILL_TREE ? KEEPER_KILL : KEEPER_SIGNAL, order,
		    2);
	return 0;
}

static int
init_on_setup(struct chan *ch, struct imsg *im)
{
	struct msg_init_setup m;
	struct msg_init_ready ready = { 0 };
	struct setup s;
	int listener, r;

	if (msg_get_init_setup(im, &m) == -1)
		return -1;
	if (m.table_hash != msg_table_hash())
		fatalx("execd is of another build");
	if (m.uid == (uint32_t)-1 || m.gid == (uint32_t)-1)
		return -1;
	s.uid = m.uid;
	s.gid = m.gid;
	s.home = m.home;
	s.filter_fd = im->fds[0];
	secret_set(m.secret1, m.secret2);
	init.landlock_abi = setup_enter(&s, &listener);
	ch->state = ST_RUN;
	ready.landlock_abi = (uint32_t)init.landlock_abi;
	r = msg_send_init_ready(ch, 0, &ready, &listener);
	/* nothing runs here without an answer of execd's: when it is gone, so
	 * is every exec */
	close(listener);
	return r;
}

static const struct handler init_handlers[] = {
	{ MSG_INIT_SETUP, init_on_setup },
	{ MSG_INIT_SPAWN, init_on_spawn },
	{ MSG_INIT_KILL, init_on_kill },
	{ MSG_INIT_SIGNAL, init_on_signal },
	{ MSG_NONE, NULL },
};

/* Keepers that did not end their command in time lose it to us. */
static void
init_deadlines(void)
{
	struct command *c;
	uint64_t now = clock_ms();

	TAILQ_FOREACH(c, &init.commands, entry) {
		if (c->kill_at != 0 && now >= c->kill_at) {
			init_kill(c->keeper, SIGKILL);
			c->kill_at = now + INIT_KILL_MS;
		}
	}
	if (init.sweep_end != 0)
		init_sweep();
}

static int
init_timeout(void)
{
	struct command *c;
	uint64_t now = clock_ms(), left, least = UINT64_MAX;

	if (init.sweep_end != 0)
		return INIT_PASS_MS;
	TAILQ_FOREACH(c, &init.commands, entry) {
		if (c->kill_at == 0)
			continue;
		left = c->kill_at > now ? c->kill_at - now : 0;
		if (left < least)
			least = left;
	}
	return least == UINT64_MAX ? -1 : (int)least;
}

static void
init_messages(short revents)
{
	int i;

	if ((revents & POLLOUT) != 0)
		chan_flush(init.execd);
	for (i = 0; i < INIT_BATCH; i++) {
		if (chan_step(init.execd, 0) != 1)
			break;
	}
	if (init.execd->closed)
		init_end("the channel is closed");
}

static void
init_loop(void)
{
	static struct pollfd pfd[2 + INIT_MAX_COMMANDS];
	static struct command *polled[2 + INIT_MAX_COMMANDS];
	struct command *c;
	nfds_t n, i;

	for (;;) {
		pfd[0].fd = init.execd->fd;
		pfd[0].events = POLLIN;
		if (!STAILQ_EMPTY(&init.execd->queue))
			pfd[0].events |= POLLOUT;
		pfd[1].fd = init.signal_fd;
		pfd[1].events = POLLIN;
		n = 2;
		TAILQ_FOREACH(c, &init.commands, entry) {
			if (c->fd == -1)
				continue;
			pfd[n].fd = c->fd;
			pfd[n].events = POLLIN;
			polled[n++] = c;
		}
		if (poll(pfd, n, init_timeout()) == -1 && errno != EINTR)
			fatal("poll");
		/* reports first: commands are freed by what follows */
		for (i = 2; i < n; i++) {
			if (pfd[i].revents != 0)
				init_read_keeper(polled[i]);
		}
		if (pfd[1].revents != 0)
			init_reap();
		init_deadlines();
		init_messages(pfd[0].revents);
	}
}

/* Descriptors: 0 to 2 are open, 3 is the channel, 4 is a /proc of ours that no
 * command can lock, nothing else. */
static void
init_descriptors(void)
{
	struct stat st;
	int fd, null = -1;

	if (fstat(AGENTSH_PARENT_FD, &st) == -1 || !S_ISSOCK(st.st_mode))
		fatalx("started by hand? no channel on descriptor 3");
	if (fstat(AGENTSH_PROC_FD, &st) == -1 || !S_ISDIR(st.st_mode))
		fatalx("no /proc on descriptor 4");
	if (close_range(AGENTSH_PROC_FD + 1, ~0U, 0) == -1 ||
	    fcntl(AGENTSH_PARENT_FD, F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(AGENTSH_PROC_FD, F_SETFD, FD_CLOEXEC) == -1)
		fatal("descriptors");
	init.proc_fd = AGENTSH_PROC_FD;
	for (fd = 0; fd < 3; fd++) {
		if (fd == 2 && fcntl(fd, F_GETFD) != -1)
			break; /* the log */
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null == -1 || (null != fd && dup2(null, fd) == -1))
			fatal("/dev/null");
		if (null != fd)
			close(null);
	}
}

int
main(void)
{
	sigset_t set;

	log_init("init");
	if (getpid() != 1)
		fatalx("not pid 1");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 || chdir("/") == -1)
		fatal("start");
	prctl(PR_SET_NAME, "init");
	/* a terminal that the server was started from is none of ours; EPERM:
	 * we have a session of our own already */
	if (setsid() == -1 && errno != EPERM)
		fatal("setsid");
	umask(022);
	init_descriptors();
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_SETMASK, &set, NULL) == -1)
		fatal("sigprocmask");
	TAILQ_INIT(&init.commands);
	init.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (init.signal_fd == -1)
		fatal("start");
	init.execd = chan_new(AGENTSH_PARENT_FD, ROLE_INIT, ROLE_EXECD,
	    init_handlers, NULL);
	if (init.execd == NULL)
		fatal("start");
	init.execd->state = ST_START;
	init_loop();
	return 1;
}
