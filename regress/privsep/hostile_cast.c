/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cast: this program under the name of a helper, started by the real
 * agentshd. Each plays its part well enough for sessions to be made, with no
 * file system behind them, until its cue: then it sends the trial's message
 * and waits for the end of its channel. The cue of a session's helper is the
 * name of the session; of the others, a file beside the executable.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hostile.h"
#include "log.h"
#include "steer.h"

#define WINDOW 4 /* sessions at a time */

struct slot {
	bool used;
	bool created;
	uint64_t number; /* once created */
	uint64_t since;	 /* ms */
	struct trial trial;
};

static struct {
	enum role role;
	char dir[4000]; /* of the executable */
	struct trial trial;
	bool on; /* there is one, and it is ours */
	gid_t gid;
	uint32_t mode;
	int listen_fd;
	char listen_path[100];
	/* sessiond, who has sessions made */
	struct chan *ch;
	FILE *result;
	struct slot slot[WINDOW];
	unsigned long made;
	bool normal_created;
	uint64_t normal;
	bool normal_ended;
} cast = { .listen_fd = -1 };

static uint64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static bool
cue(enum when when)
{
	return cast.on && cast.trial.when == when;
}

/* For ever, if nobody ends us. */
static void __attribute__((noreturn)) stay(void)
{
	for (;;)
		pause();
}

static void __attribute__((noreturn)) attack(struct chan *ch, uint32_t asked)
{
	trial_send(ch->fd, &cast.trial, asked);
	is_closed(ch->fd);
	/* not always: agentshd gives a second to end */
	if (cast.role == ROLE_MAKER && cast.trial.type == UINT32_MAX)
		stay();
	_exit(1);
}

static int
on_ignored(struct chan *ch, struct imsg *im)
{
	(void)ch;
	(void)im;
	return 0;
}

static void
read_cue(const char *session_id)
{
	char path[4096], line[256] = "";
	FILE *fp;

	if (session_id[0] != '\0')
		snprintf(line, sizeof(line), "%s", session_id);
	else {
		snprintf(path, sizeof(path), "%s/" CAST_TRIAL, cast.dir);
		fp = fopen(path, "re");
		if (fp == NULL || fgets(line, sizeof(line), fp) == NULL)
			line[0] = '\0';
		if (fp != NULL)
			fclose(fp);
	}
	cast.on = trial_parse(line, &cast.trial) &&
	    cast.trial.peer == cast.role;
}

static int
on_hello(struct chan *ch, struct imsg *im)
{
	struct msg_sys_hello m;

	if (msg_get_sys_hello(im, &m) == -1)
		return -1;
	cast.gid = m.gid;
	cast.mode = m.run_mode;
	read_cue(m.session_id);
	if (cue(WHEN_START))
		attack(ch, 0);
	return 0;
}

static int
on_listen(struct chan *ch, struct imsg *im)
{
	struct sockaddr_un sun = { 0 };
	socklen_t len = sizeof(sun);

	(void)ch;
	cast.listen_fd = imsg_take_fd(im, 0);
	if (getsockname(cast.listen_fd, (struct sockaddr *)&sun, &len) == -1)
		return -1;
	snprintf(cast.listen_path, sizeof(cast.listen_path), "%.*s",
	    (int)sizeof(cast.listen_path) - 1, sun.sun_path);
	return 0;
}

static void sessiond_start(struct chan *);

static int
on_start(struct chan *ch, struct imsg *im)
{
	static const struct msg_sys_ready ready;

	(void)im;
	msg_send_sys_ready(ch, 0, &ready, NULL);
	if (cue(WHEN_RUN))
		attack(ch, 0);
	if (cast.role == ROLE_SESSIOND)
		sessiond_start(ch);
	return 0;
}

/* --- readconf, policyd */

static int
on_conf_read(struct chan *ch, struct imsg *im)
{
	(void)im;
	attack(ch, 0);
}

static int
on_compile(struct chan *ch, struct imsg *im)
{
	static const uint8_t no_rows[2];
	struct msg_policy_compiled m = {
		.name = "default", .plan = no_rows, .plan_len = sizeof(no_rows)
	};
	int fd;

	if (cue(WHEN_ASKED))
		attack(ch, im->id);
	fd = memfd_create("image", MFD_CLOEXEC);
	msg_send_policy_compiled(ch, im->id, &m, &fd);
	close(fd);
	return 0;
}

/* --- maker, and what becomes init */

static int
on_make_open(struct chan *ch, struct imsg *im)
{
	struct msg_make_opened m = { .gid = cast.gid,
		.workspace = "/tmp",
		.home = "/",
		.user = "hostile" };
	int fds[2];

	(void)im;
	if (cue(WHEN_RUN))
		attack(ch, 0);
	fds[0] = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds[1] = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	msg_send_make_opened(ch, 0, &m, fds);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static void __attribute__((noreturn)) be_init(struct chan *ch, int go_fd[2])
{
	static const struct msg_make_device device;
	static const struct msg_make_done done;
	char c;
	int fd, fds[4];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(go_fd[1]);
	if (read(go_fd[0], &c, 1) != 1)
		_exit(1);
	if (cue(WHEN_LATER))
		attack(ch, 0);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	msg_send_make_device(ch, 0, &device, &fd);
	close(fd);
	fds[0] = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds[1] = fds[0];
	fds[2] = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	fds[3] = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	msg_send_make_done(ch, 0, &done, fds);
	/* nothing of the channel is left at agentshd, though it is open here */
	if (!is_closed(ch->fd))
		_exit(1);
	stay();
}

/* The last maker that has done its part and stays. */
static void
note_pid(void)
{
	char path[4096];
	FILE *fp;

	snprintf(path, sizeof(path), "%s/" CAST_MAKER, cast.dir);
	fp = fopen(path, "we");
	if (fp == NULL || fprintf(fp, "%d", (int)getpid()) < 0 ||
	    fclose(fp) == EOF)
		die(path);
}

/* What maker has of a session's network namespace: any sockets do here. */
static void
give_net(struct chan *ch)
{
	static const struct msg_make_listen ml;
	static const struct msg_make_refused mr;
	static const struct msg_make_net mn = { .steer = STEER_TPROXY };
	int fds[2];

	if (chan_pair(fds) == -1)
		die("socketpair");
	msg_send_make_listen(ch, 0, &ml, fds);
	msg_send_make_refused(ch, 0, &mr, fds);
	msg_send_make_net(ch, 0, &mn, fds);
	close(fds[0]);
	close(fds[1]);
}

/* Before there is a session. */
static int
on_make_probe(struct chan *ch, struct imsg *im)
{
	struct msg_make_probed m = { .steer = STEER_TPROXY };

	(void)im;
	msg_send_make_probed(ch, 0, &m, NULL);
	_exit(chan_drain(ch, 1000) == -1);
}

static int
on_make_root(struct chan *ch, struct imsg *im)
{
	struct msg_make_cloned m = { 0 };
	int pidfd = -1, go_fd[2];
	pid_t pid;

	(void)im;
	if (cue(WHEN_ASKED))
		attack(ch, 0);
	give_net(ch);
	if (pipe2(go_fd, O_CLOEXEC) == -1)
		die("pipe");
	pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | CLONE_PIDFD, 0, &pidfd,
	    0, 0);
	if (pid == -1)
		die("clone");
	if (pid == 0)
		be_init(ch, go_fd);
	m.pid = (uint32_t)pid;
	msg_send_make_cloned(ch, 0, &m, &pidfd);
	if (write(go_fd[1], "", 1) != 1)
		die("pipe");
	note_pid();
	stay();
}

/* --- netd */

static int
on_net_start(struct chan *ch, struct imsg *im)
{
	struct msg_net_start m;
	struct msg_net_started reply = { 0 };

	if (msg_get_net_start(im, &m) == -1)
		return -1;
	if (cue(WHEN_ASKED))
		attack(ch, im->id);
	reply.session = m.session;
	msg_send_net_started(ch, im->id, &reply, NULL);
	return 0;
}

static int
on_net_close(struct chan *ch, struct imsg *im)
{
	struct msg_net_close m;
	struct msg_net_closed reply = { 0 };

	if (msg_get_net_close(im, &m) == -1)
		return -1;
	reply.session = m.session;
	msg_send_net_closed(ch, im->id, &reply, NULL);
	return 0;
}

/* --- sessiond */

/* An accepted connection to the API's socket: of our own user, or, as root's
 * sessiond, for whom no session may be made, of another: hostile_privd.c. */
static int
own_client(void)
{
	struct pollfd pfd = { .fd = cast.listen_fd, .events = POLLIN };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, client;

	if (cast.mode == MODE_SERVICE) {
		fd = -1;
		while (fd == -1 && poll(&pfd, 1, WAIT_MS) == 1)
			fd = accept4(cast.listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd == -1)
			die("nobody connects");
		return fd;
	}
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", cast.listen_path);
	client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client == -1 ||
	    connect(client, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		die("connect");
	fd = accept4(cast.listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd == -1)
		die("accept");
	close(client);
	return fd;
}

static void
create(const char *id, void *arg)
{
	struct msg_sess_create_unix m = { .workspace = "/tmp",
		.policy = "default" };
	int fd = own_client();

	snprintf(m.id, sizeof(m.id), "%s", id);
	msg_send_sess_create_unix(cast.ch, chan_request(cast.ch, arg), &m, &fd);
	close(fd);
}

static void
complain(const struct trial *t, const char *what)
{
	char name[128];

	trial_name(name, sizeof(name), t);
	fprintf(cast.result, "%s %s\n", name, what);
	fflush(cast.result);
}

static int
on_sess_created(struct chan *ch, struct imsg *im)
{
	struct msg_sess_created m;
	struct slot *s = im->arg;

	(void)ch;
	if (msg_get_sess_created(im, &m) == -1)
		return -1;
	if (s == NULL) {
		cast.normal_created = true;
		cast.normal = m.session;
	} else {
		s->created = true;
		s->number = m.session;
	}
	return 0;
}

static int
on_sess_failed(struct chan *ch, struct imsg *im)
{
	struct msg_sess_failed m;
	struct slot *s = im->arg;

	(void)ch;
	if (msg_get_sess_failed(im, &m) == -1)
		return -1;
	if (s != NULL) {
		/* 500: a process of it ended. Anything else: never begun */
		if (m.http_status < 400 || m.http_status > 599)
			complain(&s->trial, "failed with a strange status");
		if (m.http_status != 500 && !trial_is_legal(&s->trial))
			complain(&s->trial, m.message);
		s->used = false;
	}
	return 0;
}

static int
on_sess_ended(struct chan *ch, struct imsg *im)
{
	struct msg_sess_ended m;
	size_t i;

	(void)ch;
	if (msg_get_sess_ended(im, &m) == -1)
		return -1;
	for (i = 0; i < WINDOW; i++) {
		if (cast.slot[i].created && cast.slot[i].number == m.session)
			cast.slot[i].used = false;
	}
	if (cast.normal_created && cast.normal == m.session)
		cast.normal_ended = true;
	return 0;
}

/* One message, or some time; what is late is complained about. */
static void
sessiond_step(void)
{
	struct slot *s;
	size_t i;

	if (chan_step(cast.ch, 100) == -1)
		_exit(1);
	for (i = 0; i < WINDOW; i++) {
		s = &cast.slot[i];
		if (!s->used || now() - s->since < CAST_FAILED_MS)
			continue;
		complain(&s->trial, "the session goes on");
		/* its number may still come: never used again */
		_exit(1);
	}
}

static void
sessiond_try(const struct trial *t)
{
	struct slot *s = NULL;
	char name[128];
	size_t i;

	while (s == NULL) {
		for (i = 0; i < WINDOW; i++) {
			if (!cast.slot[i].used)
				s = &cast.slot[i];
		}
		if (s == NULL)
			sessiond_step();
	}
	memset(s, 0, sizeof(*s));
	s->used = true;
	s->since = now();
	s->trial = *t;
	cast.made++;
	trial_name(name, sizeof(name), t);
	create(name, s);
}

static bool
busy(void)
{
	size_t i;

	for (i = 0; i < WINDOW; i++) {
		if (cast.slot[i].used)
			return true;
	}
	return false;
}

/* The maker of the session that was made last, while the session is there. */
static bool
maker_is_gone(void)
{
	char path[4096], line[32] = "";
	uint64_t since = now();
	pid_t pid;
	FILE *fp;

	snprintf(path, sizeof(path), "%s/" CAST_MAKER, cast.dir);
	fp = fopen(path, "re");
	if (fp == NULL || fgets(line, sizeof(line), fp) == NULL)
		die(path);
	fclose(fp);
	pid = (pid_t)strtol(line, NULL, 10);
	while (now() - since < CAST_FAILED_MS && !cast.normal_ended) {
		if (pid > 0 && kill(pid, 0) == -1 && errno == ESRCH)
			return true;
		sessiond_step();
	}
	return false;
}

/* A session like any other must be made and ended still. */
static void
sessiond_normal(void)
{
	struct msg_sess_destroy m = { .reason = SESS_DESTROYED };
	uint64_t since = now();

	create("normal", NULL);
	while (!cast.normal_created && now() - since < CAST_FAILED_MS)
		sessiond_step();
	if (cast.normal_created && !maker_is_gone())
		fprintf(cast.result, "maker stays though it is done\n");
	m.session = cast.normal;
	if (cast.normal_created)
		msg_send_sess_destroy(cast.ch, 0, &m, NULL);
	while (cast.normal_created && !cast.normal_ended &&
	    now() - since < 2 * (uint64_t)CAST_FAILED_MS)
		sessiond_step();
	if (!cast.normal_ended)
		fprintf(cast.result, "no session can be made any more\n");
}

static void
read_slow(void)
{
	char path[4096], line[16] = "";
	FILE *fp;

	snprintf(path, sizeof(path), "%s/" CAST_SLOW, cast.dir);
	fp = fopen(path, "re");
	if (fp == NULL)
		return;
	if (fgets(line, sizeof(line), fp) != NULL &&
	    strtoul(line, NULL, 10) > 0)
		slow = (unsigned)strtoul(line, NULL, 10);
	fclose(fp);
}

/* Has sessions made whose helpers break the rules: "all" and one trial. */
static void
sessiond_start(struct chan *ch)
{
	char path[4096], line[256] = "";
	struct trial t;
	FILE *fp;

	cast.ch = ch;
	snprintf(path, sizeof(path), "%s/" CAST_TRIAL, cast.dir);
	fp = fopen(path, "re");
	if (fp == NULL || fgets(line, sizeof(line), fp) == NULL)
		return;
	fclose(fp);
	if (strncmp(line, "all ", 4) != 0) {
		/* for policyd to be asked something */
		if (trial_parse(line, &t) && t.when == WHEN_ASKED)
			create("normal", NULL);
		return;
	}
	if (!trial_parse(line + 4, &t))
		_exit(1);
	snprintf(path, sizeof(path), "%s/" CAST_RESULT, cast.dir);
	cast.result = fopen(path, "we");
	if (cast.result == NULL)
		_exit(1);
	trial_each(&t, true, t.when == WHEN_RUN, sessiond_try);
	while (busy())
		sessiond_step();
	sessiond_normal();
	fprintf(cast.result, "done %lu\n", cast.made);
	fclose(cast.result);
	_exit(0);
}

static const struct handler handlers[] = {
	{ MSG_SYS_HELLO, on_hello },
	{ MSG_SYS_CONF, on_ignored },
	{ MSG_SYS_CHAN, on_ignored },
	{ MSG_SYS_RING, on_ignored },
	{ MSG_SYS_LISTEN, on_listen },
	{ MSG_SYS_DIR, on_ignored },
	{ MSG_SYS_START, on_start },
	{ MSG_SYS_LOG, on_ignored },
	{ MSG_CONF_READ, on_conf_read },
	{ MSG_POLICY_COMPILE, on_compile },
	{ MSG_POLICY_IMAGE, on_ignored },
	{ MSG_MAKE_OPEN, on_make_open },
	{ MSG_MAKE_ROOT, on_make_root },
	{ MSG_MAKE_PROBE, on_make_probe },
	{ MSG_FS_ROOT, on_ignored },
	{ MSG_FS_TRASH, on_ignored },
	{ MSG_EXEC_NS, on_ignored },
	{ MSG_FS_NATIVE, on_ignored },
	{ MSG_FS_DEVICE, on_ignored },
	{ MSG_FS_PROCFS, on_ignored },
	{ MSG_REG_ROOT, on_ignored },
	{ MSG_REG_DEVICE, on_ignored },
	{ MSG_EVENT_OPEN, on_ignored },
	{ MSG_EVENT_RING, on_ignored },
	{ MSG_EVENT_CLOSE, on_ignored },
	{ MSG_APPROVAL_OPEN, on_ignored },
	{ MSG_NET_OPEN, on_ignored },
	{ MSG_NET_LISTEN, on_ignored },
	{ MSG_NET_REFUSED, on_ignored },
	{ MSG_NET_RING, on_ignored },
	{ MSG_NET_START, on_net_start },
	{ MSG_NET_CLOSE, on_net_close },
	{ MSG_SESS_CREATED, on_sess_created },
	{ MSG_SESS_FAILED, on_sess_failed },
	{ MSG_SESS_ENDED, on_sess_ended },
	{ MSG_NONE, NULL },
};

int
cast_main(enum role role, const char *self)
{
	struct chan *ch;
	ssize_t n;
	char *slash;

	(void)self;
	n = readlink("/proc/self/exe", cast.dir, sizeof(cast.dir) - 1);
	if (n <= 0)
		die("/proc/self/exe");
	cast.dir[n] = '\0';
	slash = strrchr(cast.dir, '/');
	if (slash != NULL)
		*slash = '\0';
	read_slow();
	cast.role = role;
	log_init(files[role]);
	signal(SIGPIPE, SIG_IGN);
	ch = chan_new(AGENTSH_PARENT_FD, role, ROLE_PRIVD, handlers, NULL);
	if (ch == NULL)
		die("chan_new");
	ch->state = ST_ANY;
	while (chan_step(ch, -1) != -1)
		continue;
	_exit(1);
}
