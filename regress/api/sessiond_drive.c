/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts the real sessiond and plays privd, execd and eventd for it, so that
 * the API can be tried without namespaces: commands run as they are, outside
 * of any sandbox, under the user who runs this. Some names have a meaning:
 * "denied" is refused by policy, "nospawn", "nospawn-access" and "nospawn-again"
 * cannot start; a session with the policy "missing" or "strange" cannot be made; every "blocked" has a refused file event.
 *
 * usage: sessiond_drive [-u] [-c conns] [-m max_body] sessiond directory addr
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "chan.h"
#include "conf.h"
#include "event.h"
#include "log.h"
#include "proc.h"
#include "spec.h"

struct dsess {
	TAILQ_ENTRY(dsess) entry;
	uint64_t number;
	char id[AGENTSH_ID_MAX + 1];
	struct chan *execd;
};

struct dcmd {
	TAILQ_ENTRY(dcmd) entry;
	struct dsess *sess;
	uint64_t number;
	char id[AGENTSH_CMDID_MAX + 1];
	char file[256];
	pid_t pid;
	bool timed_out;
	struct timespec begin;
	struct event *timer;
};

static struct {
	struct event_base *base;
	struct chan *privd;
	struct chan *eventd;
	int netd[2]; /* the second is held open */
	pid_t pid;   /* of sessiond */
	uint64_t next;
	TAILQ_HEAD(, dsess) sessions;
	TAILQ_HEAD(, dcmd) commands;
} drive;

static void
drive_closed(struct chan *ch, const char *why)
{
	(void)why;
	if (ch->arg == NULL)
		event_base_loopbreak(drive.base);
}

static int drive_on_exec_start(struct chan *, struct imsg *);
static int drive_on_exec_kill(struct chan *, struct imsg *);

static const struct handler execd_side[] = {
	{ MSG_EXEC_START, drive_on_exec_start },
	{ MSG_EXEC_KILL, drive_on_exec_kill },
	{ MSG_NONE, NULL },
};

static int
drive_fail(uint32_t id, uint32_t status, const char *text)
{
	struct msg_sess_failed m = { .http_status = status };

	snprintf(m.code, sizeof(m.code), "%s",
	    status == 400 ? "policy" : "Not \"a\" code");
	snprintf(m.message, sizeof(m.message), "%s", text);
	msg_send_sess_failed(drive.privd, id, &m, NULL);
	return 0;
}

static int
drive_create(uint32_t rid, uint32_t uid, const char *id, const char *workspace,
    const char *policy)
{
	struct msg_sess_created m = { .uid = uid };
	struct dsess *s;
	int fds[2];

	if (strcmp(policy, "missing") == 0)
		return drive_fail(rid, 400,
		    "policy \"missing\" does not exist");
	if (strcmp(policy, "strange") == 0)
		return drive_fail(rid, 500, "something strange");
	if (strcmp(policy, "other") == 0)
		m.uid++;
	if (strcmp(policy, "slow") == 0)
		usleep(300000);
	if (chan_pair(fds) == -1)
		fatal("socketpair");
	s = calloc(1, sizeof(*s));
	s->number = ++drive.next;
	snprintf(s->id, sizeof(s->id), "%s", id);
	s->execd = chan_new(fds[0], ROLE_EXECD, ROLE_SESSIOND, execd_side, s);
	s->execd->on_close = drive_closed;
	chan_watch(s->execd, drive.base);
	TAILQ_INSERT_TAIL(&drive.sessions, s, entry);
	m.session = s->number;
	snprintf(m.id, sizeof(m.id), "%s", id);
	snprintf(m.workspace, sizeof(m.workspace), "%s", workspace);
	/* commands run outside of a sandbox: the place is the real one */
	snprintf(m.mount, sizeof(m.mount), "%s", workspace);
	snprintf(m.user, sizeof(m.user), "tester");
	snprintf(m.policy, sizeof(m.policy), "%s", policy);
	if (strcmp(policy, "idle") == 0)
		m.idle_timeout_ms = 300;
	if (strcmp(policy, "brief") == 0)
		m.session_timeout_ms = 400;
	if (strcmp(policy, "hasty") == 0)
		m.command_timeout_ms = 200;
	msg_send_sess_created(drive.privd, rid, &m, &fds[1]);
	close(fds[1]);
	return 0;
}

static int
drive_on_create_unix(struct chan *ch, struct imsg *im)
{
	struct msg_sess_create_unix m;
	struct ucred cred;
	socklen_t len = sizeof(cred);

	(void)ch;
	if (msg_get_sess_create_unix(im, &m) == -1)
		return -1;
	if (getsockopt(im->fds[0], SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
		return drive_fail(im->id, 403, "no credentials");
	return drive_create(im->id, cred.uid, m.id, m.workspace, m.policy);
}

static int
drive_on_create_tcp(struct chan *ch, struct imsg *im)
{
	struct msg_sess_create_tcp m;

	(void)ch;
	if (msg_get_sess_create_tcp(im, &m) == -1)
		return -1;
	return drive_create(im->id, getuid(), m.id, m.workspace, m.policy);
}

static void
drive_end_session(struct dsess *s, uint32_t reason)
{
	struct msg_sess_ended m = { .session = s->number, .reason = reason };
	struct dcmd *c;

	TAILQ_FOREACH(c, &drive.commands, entry) {
		if (c->sess == s) {
			if (c->pid > 0)
				kill(-c->pid, SIGKILL);
			c->sess = NULL;
		}
	}
	msg_send_sess_ended(drive.privd, 0, &m, NULL);
	TAILQ_REMOVE(&drive.sessions, s, entry);
	chan_unwatch(s->execd);
	chan_free(s->execd);
	free(s);
}

static int
drive_on_destroy(struct chan *ch, struct imsg *im)
{
	struct msg_sess_destroy m;
	struct dsess *s;

	(void)ch;
	if (msg_get_sess_destroy(im, &m) == -1)
		return -1;
	TAILQ_FOREACH(s, &drive.sessions, entry) {
		if (s->number == m.session) {
			drive_end_session(s, m.reason);
			break;
		}
	}
	return 0;
}

static int
drive_on_ready(struct chan *ch, struct imsg *im)
{
	struct msg_sys_ready m;

	(void)ch;
	if (msg_get_sys_ready(im, &m) == -1)
		return -1;
	printf("%s\n", m.detail);
	fflush(stdout);
	return 0;
}

static void
drive_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct dcmd *c = arg;

	(void)fd;
	(void)what;
	c->timed_out = true;
	kill(-c->pid, SIGKILL);
}

static void
drive_child(struct spec *spec, const int *fds)
{
	setpgid(0, 0);
	if (dup2(fds[1], 0) == -1 || dup2(fds[2], 1) == -1 ||
	    dup2(fds[3], 2) == -1)
		_exit(127);
	closefrom(3);
	signal(SIGPIPE, SIG_DFL);
	if (chdir(spec->cwd) == -1) {
		dprintf(2, "%s: %s\n", spec->cwd, strerror(errno));
		_exit(2);
	}
	environ = spec->env;
	execvpe(spec->file, spec->argv, spec->env);
	dprintf(2, "%s: %s\n", spec->file, strerror(errno));
	_exit(127);
}

static void
drive_spawn(struct dcmd *c, struct imsg *im, struct spec *spec, uint64_t ms)
{
	struct msg_exec_started started = { .command = c->number };
	struct timeval tv;

	clock_gettime(CLOCK_MONOTONIC, &c->begin);
	c->pid = fork();
	if (c->pid == -1)
		fatal("fork");
	if (c->pid == 0)
		drive_child(spec, im->fds);
	setpgid(c->pid, c->pid);
	msg_send_exec_started(c->sess->execd, im->id, &started, NULL);
	if (ms != 0) {
		c->timer = evtimer_new(drive.base, drive_timer_cb, c);
		tv.tv_sec = (time_t)(ms / 1000);
		tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
		event_add(c->timer, &tv);
	}
}

static int
drive_on_exec_start(struct chan *ch, struct imsg *im)
{
	struct msg_exec_start m;
	struct msg_exec_denied denied = { 0 };
	struct msg_exec_failed failed = { 0 };
	struct spec spec;
	struct dcmd *c;

	if (msg_get_exec_start(im, &m) == -1)
		return -1;
	if (spec_read(im->fds[0], &spec) == -1)
		fatal("spec_read");
	c = calloc(1, sizeof(*c));
	c->sess = ch->arg;
	c->number = m.command;
	snprintf(c->id, sizeof(c->id), "%s", m.command_id);
	snprintf(c->file, sizeof(c->file), "%s", spec.file);
	TAILQ_INSERT_TAIL(&drive.commands, c, entry);
	if (strcmp(spec.file, "denied") == 0) {
		denied.command = m.command;
		snprintf(denied.rule, sizeof(denied.rule), "no-such-thing");
		snprintf(denied.message, sizeof(denied.message), "ask first");
		msg_send_exec_denied(ch, im->id, &denied, NULL);
	} else if (strncmp(spec.file, "nospawn", 7) == 0) {
		failed.command = m.command;
		failed.error = strcmp(spec.file, "nospawn-access") == 0 ?
		    EACCES :
		    strcmp(spec.file, "nospawn-again") == 0 ? EAGAIN :
							      ENOENT;
		snprintf(failed.message, sizeof(failed.message),
		    "nospawn: not found");
		msg_send_exec_failed(ch, im->id, &failed, NULL);
	} else
		drive_spawn(c, im, &spec, m.timeout_ms);
	spec_free(&spec);
	return 0;
}

static int
drive_on_exec_kill(struct chan *ch, struct imsg *im)
{
	struct msg_exec_kill m;
	struct dcmd *c;

	(void)ch;
	if (msg_get_exec_kill(im, &m) == -1)
		return -1;
	TAILQ_FOREACH(c, &drive.commands, entry) {
		if (c->number == m.command && c->pid > 0) {
			printf("killed %s\n", c->id);
			fflush(stdout);
			kill(-c->pid, SIGKILL);
		}
	}
	return 0;
}

static void
drive_exited(struct dcmd *c, int status, const struct rusage *ru)
{
	struct msg_exec_exited m = { .command = c->number,
		.timed_out = c->timed_out };
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	m.duration_us = (uint64_t)((now.tv_sec - c->begin.tv_sec) * 1000000 +
	    (now.tv_nsec - c->begin.tv_nsec) / 1000);
	if (WIFSIGNALED(status))
		m.term_signal = (uint32_t)WTERMSIG(status);
	else
		m.exit_code = (uint32_t)WEXITSTATUS(status);
	m.user_us = (uint64_t)ru->ru_utime.tv_usec;
	m.system_us = (uint64_t)ru->ru_stime.tv_usec;
	m.maxrss_kb = (uint64_t)ru->ru_maxrss;
	c->pid = 0;
	if (c->timer != NULL)
		event_free(c->timer);
	c->timer = NULL;
	if (c->sess != NULL)
		msg_send_exec_exited(c->sess->execd, 0, &m, NULL);
}

static void
drive_child_cb(evutil_socket_t fd, short what, void *arg)
{
	struct rusage ru;
	struct dcmd *c;
	pid_t pid;
	int status;

	(void)fd;
	(void)what;
	(void)arg;
	while ((pid = wait4(-1, &status, WNOHANG, &ru)) > 0) {
		if (pid == drive.pid) {
			fprintf(stderr, "sessiond ended with status %#x\n",
			    status);
			drive.pid = 0;
			event_base_loopbreak(drive.base);
		}
		TAILQ_FOREACH(c, &drive.commands, entry) {
			if (c->pid == pid)
				drive_exited(c, status, &ru);
		}
	}
}

static int
drive_on_event_query(struct chan *ch, struct imsg *im)
{
	struct msg_event_query m;
	struct msg_event_result r = { .answer = EVENTS_FOUND };
	struct dcmd *c;
	off_t end;
	int fd;

	if (msg_get_event_query(im, &m) == -1)
		return -1;
	fd = memfd_create("events", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (m.session == 0)
		r.answer = EVENTS_NO_LOG;
	TAILQ_FOREACH(c, &drive.commands, entry) {
		if (m.command_id[0] != '\0' && strcmp(c->id, m.command_id) != 0)
			continue;
		dprintf(fd,
		    "{\"id\":\"e1\",\"type\":\"command_started\",\"command_id\":\"%s\","
		    "\"fields\":{\"command\":\"x\",\"args\":[\"a\",\"b\"]}}\n",
		    c->id);
		r.count++;
		if (strcmp(c->file, "denied") == 0 ||
		    strstr(c->file, "blocked") != NULL) {
			dprintf(fd,
			    "{\"type\":\"file_open\",\"path\":\"/etc/shadow\","
			    "\"operation\":\"read\",\"policy\":{\"decision\":\"deny\","
			    "\"effective_decision\":\"deny\",\"rule\":\"no-secrets\"},"
			    "\"fields\":{\"blocked\":true}}\n");
			r.count++;
		}
	}
	end = lseek(fd, 0, SEEK_END);
	r.bytes = (uint64_t)end;
	fcntl(fd, F_ADD_SEALS,
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	msg_send_event_result(ch, im->id, &r, &fd);
	close(fd);
	return 0;
}

static const struct handler drive_handlers[] = {
	{ MSG_SYS_READY, drive_on_ready },
	{ MSG_SESS_CREATE_UNIX, drive_on_create_unix },
	{ MSG_SESS_CREATE_TCP, drive_on_create_tcp },
	{ MSG_SESS_DESTROY, drive_on_destroy },
	{ MSG_EVENT_QUERY, drive_on_event_query },
	{ MSG_NONE, NULL },
};

static int
drive_listen(const char *dir)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/api.sock", dir);
	unlink(un.sun_path);
	if (fd == -1 || bind(fd, (struct sockaddr *)&un, sizeof(un)) == -1 ||
	    chmod(un.sun_path, 0666) == -1 || listen(fd, 512) == -1)
		fatal("%s", un.sun_path);
	return fd;
}

/* Tells sessiond what privd would. */
static void
drive_start(const struct conf *conf, const char *dir, enum run_mode mode,
    int peer)
{
	static struct msg_sys_hello hello;
	static struct msg_sys_listen sl;
	static struct msg_sys_dir sd;
	struct msg_sys_chan sc = { .peer = ROLE_EVENTD };
	struct msg_sys_conf cm;
	struct msg_sys_start start;
	char spool[PATH_MAX];
	struct buf b;
	int fd;

	memset(&start, 0, sizeof(start));
	hello.table_hash = msg_table_hash();
	hello.role = ROLE_SESSIOND;
	hello.run_mode = mode;
	hello.verbose = 2;
	hello.uid = getuid();
	msg_send_sys_hello(drive.privd, 0, &hello, NULL);
	buf_init(&b, AGENTSH_CONF_MAX);
	conf_put(&b, conf);
	cm.conf = b.data;
	cm.conf_len = b.len;
	msg_send_sys_conf(drive.privd, 0, &cm, NULL);
	buf_free(&b);
	msg_send_sys_chan(drive.privd, 0, &sc, &peer);
	close(peer);
	/* and one end of netd's, whom nothing asks here */
	if (chan_pair(drive.netd) == -1)
		fatal("socketpair");
	sc.peer = ROLE_NETD;
	msg_send_sys_chan(drive.privd, 0, &sc, &drive.netd[0]);
	close(drive.netd[0]);
	fd = drive_listen(dir);
	msg_send_sys_listen(drive.privd, 0, &sl, &fd);
	close(fd);
	snprintf(spool, sizeof(spool), "%s/spool", dir);
	mkdir(spool, 0700);
	fd = open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		fatal("%s", spool);
	sd.kind = DIR_SPOOL;
	msg_send_sys_dir(drive.privd, 0, &sd, &fd);
	close(fd);
	msg_send_sys_start(drive.privd, 0, &start, NULL);
}

static void
drive_fork(const char *path, int fd)
{
	drive.pid = fork();
	if (drive.pid == -1)
		fatal("fork");
	if (drive.pid != 0)
		return;
	if (fd == AGENTSH_PARENT_FD)
		fcntl(fd, F_SETFD, 0);
	else if (dup2(fd, AGENTSH_PARENT_FD) == -1)
		_exit(127);
	execl(path, path, (char *)NULL);
	_exit(127);
}

int
main(int argc, char **argv)
{
	struct conf conf;
	enum run_mode mode = MODE_SERVICE;
	struct event *sigchld;
	int c, privd[2], eventd[2];

	conf_defaults(&conf);
	conf.max_sessions = 4;
	conf.max_commands = 3;
	conf.http_timeout_ms = 2000;
	conf.max_output = 2000000;
	while ((c = getopt(argc, argv, "c:m:u")) != -1) {
		switch (c) {
		case 'c':
			conf.http_max_conns = strtoull(optarg, NULL, 10);
			break;
		case 'm':
			conf.http_max_body = strtoull(optarg, NULL, 10);
			break;
		case 'u':
			mode = MODE_USER;
			break;
		default:
			return 2;
		}
	}
	if (argc - optind != 3)
		return 2;
	snprintf(conf.http_addr, sizeof(conf.http_addr), "%s",
	    argv[optind + 2]);
	log_init("drive");
	signal(SIGPIPE, SIG_IGN);
	TAILQ_INIT(&drive.sessions);
	TAILQ_INIT(&drive.commands);
	drive.base = event_base_new();
	if (chan_pair(privd) == -1 || chan_pair(eventd) == -1)
		fatal("socketpair");
	sigchld = evsignal_new(drive.base, SIGCHLD, drive_child_cb, NULL);
	event_add(sigchld, NULL);
	drive_fork(argv[optind], privd[1]);
	close(privd[1]);
	drive.privd = chan_new(privd[0], ROLE_PRIVD, ROLE_SESSIOND,
	    drive_handlers, NULL);
	drive.eventd = chan_new(eventd[0], ROLE_EVENTD, ROLE_SESSIOND,
	    drive_handlers, NULL);
	drive.privd->on_close = drive_closed;
	drive.eventd->on_close = drive_closed;
	chan_watch(drive.privd, drive.base);
	chan_watch(drive.eventd, drive.base);
	drive_start(&conf, argv[optind + 1], mode, eventd[1]);
	event_base_dispatch(drive.base);
	if (drive.pid != 0)
		kill(drive.pid, SIGTERM);
	return 1;
}
