/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start of a victim: one real process, with everything that agentshd (for
 * init: execd and agentshd; for agentshctl: policyd) would hand to it.
 */
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "fdio.h"
#include "hostile.h"
#include "ring.h"

static char listen_path[100];
static int image_fd = -1;

static void
exec_helper(enum role role, int fd)
{
	char path[4096];
	char show[] = "show", processes[] = "processes", s[] = "-s";
	char *plain[] = { (char *)(uintptr_t)files[role], NULL };
	char *ctl[] = { (char *)(uintptr_t)files[role], s, listen_path, show,
		processes, NULL };
	int null = open("/dev/null", O_RDWR);

	snprintf(path, sizeof(path), "%s/%s", helper_dir, files[role]);
	if (getenv("HOSTILE_VERBOSE") == NULL)
		dup2(null, 2);
	dup2(null, 0);
	dup2(2, 1);
	if (fd == AGENTSH_PARENT_FD)
		fcntl(fd, F_SETFD, 0);
	else if (fd != -1)
		dup2(fd, AGENTSH_PARENT_FD);
	if (role == ROLE_INIT)
		dup2(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		    AGENTSH_PROC_FD);
	execv(path, role == ROLE_CTL ? ctl : plain);
	_exit(127);
}

static void
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd == -1 || write(fd, text, strlen(text)) == -1)
		_exit(126);
	close(fd);
}

/* init is pid 1 of a pid namespace, or nothing. */
static pid_t
fork_victim(enum role role)
{
	char map[64], gid_map[64];
	pid_t pid;

	if (role != ROLE_INIT)
		return fork();
	snprintf(map, sizeof(map), "%u %u 1", (unsigned)getuid(),
	    (unsigned)getuid());
	snprintf(gid_map, sizeof(gid_map), "%u %u 1", (unsigned)getgid(),
	    (unsigned)getgid());
	pid = (pid_t)syscall(SYS_clone,
	    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);
	if (pid != 0)
		return pid;
	write_file("/proc/self/uid_map", map);
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/gid_map", gid_map);
	/* refused where parts of /proc are masked; another one does then */
	mount("proc", "/proc", "proc", 0, NULL);
	return 0;
}

static int
make_listener(int type)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(listen_path, sizeof(listen_path), "%s/s%d", work_dir,
	    (int)getpid());
	unlink(listen_path);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", listen_path);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(fd, 16) == -1)
		die("listening socket");
	return fd;
}

static int
connect_to(int type)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", listen_path);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		die("connect");
	return fd;
}

static void
send_dir(struct chan *ch, enum dir_kind kind, const char *path)
{
	struct msg_sys_dir m = { .kind = kind };
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		die(path);
	msg_send_sys_dir(ch, 0, &m, &fd);
	close(fd);
}

static void
send_dirs(struct chan *ch, enum role role)
{
	char policies[4096];

	snprintf(policies, sizeof(policies), "%s/policies", helper_dir);
	if (role == ROLE_POLICYD) {
		send_dir(ch, DIR_POLICY, policies);
		send_dir(ch, DIR_POLICY_DEFAULT, policies);
	}
	if (role == ROLE_SESSIOND)
		send_dir(ch, DIR_SPOOL, work_dir);
	if (role == ROLE_EVENTD)
		send_dir(ch, DIR_LOG, work_dir);
}

/* A user and a mount namespace for all execds, that nobody else is in. */
static void
send_namespaces(struct chan *ch)
{
	static const struct msg_exec_ns m = { .workspace = "/w",
		.mount = "/workspace" };
	static int fds[3] = { -1, -1, -1 };
	char path[64];
	int p[2];
	pid_t pid;
	char c;

	if (fds[0] == -1) {
		fds[0] = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (pipe(p) == -1)
			die("pipe");
		pid = fork();
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
			    write(p[1], "", 1) == 1)
				pause();
			_exit(1);
		}
		close(p[1]);
		if (pid == -1 || read(p[0], &c, 1) != 1)
			die("namespaces");
		close(p[0]);
		snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
		fds[1] = open(path, O_RDONLY | O_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
		fds[2] = open(path, O_RDONLY | O_CLOEXEC);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	msg_send_exec_ns(ch, 0, &m, fds);
}

static void
send_role_specific(struct chan *ch, enum role role)
{
	struct msg_policy_image image = {};
	struct msg_reg_root reg = {};
	struct msg_fs_root root = {
		.uid = getuid(), .gid = getgid(), .mount = "/workspace"
	};
	int fds[2];

	if (role == ROLE_FUSEREG) {
		fds[0] = open(work_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fds[1] = open(work_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		msg_send_reg_root(ch, 0, &reg, fds);
		close(fds[0]);
		close(fds[1]);
	}
	if (role != ROLE_EXECD && role != ROLE_FSD)
		return;
	msg_send_policy_image(ch, 0, &image, &image_fd);
	if (role == ROLE_EXECD) {
		send_namespaces(ch);
		return;
	}
	fds[0] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds[1] = open(work_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	msg_send_fs_root(ch, 0, &root, fds);
	close(fds[0]);
	close(fds[1]);
}

static void
send_conf(struct chan *ch)
{
	static struct conf conf;
	struct msg_sys_conf c;
	struct buf b;

	conf_defaults(&conf);
	/* operators are asked */
	conf.approvals = 1;
	/* no port of the host is taken */
	snprintf(conf.http_addr, sizeof(conf.http_addr), "none");
	buf_init(&b, AGENTSH_CONF_MAX);
	conf_put(&b, &conf);
	c.conf = b.data;
	c.conf_len = b.len;
	msg_send_sys_conf(ch, 0, &c, NULL);
	buf_free(&b);
}

static void
send_chans(struct chan *ch, enum role role, struct victim *v)
{
	struct msg_sys_chan edge;
	enum role far;
	size_t i;
	int fds[2];

	for (i = 0; i < nedges; i++) {
		if (edges[i].a != role && edges[i].b != role)
			continue;
		far = edges[i].a == role ? edges[i].b : edges[i].a;
		/* SESSIOND-EXECD travels in SESS_CREATED on sessiond's side,
		 * those of a session to policyd in APPROVAL_OPEN on its, and
		 * those of netd in NET_OPEN on its */
		if (far == ROLE_PRIVD || far == ROLE_CTL ||
		    (role == ROLE_SESSIOND && far == ROLE_EXECD) ||
		    (role == ROLE_POLICYD &&
			(far == ROLE_EXECD || far == ROLE_FSD ||
			    far == ROLE_NETD)) ||
		    (role == ROLE_NETD &&
			(far == ROLE_EXECD || far == ROLE_POLICYD)))
			continue;
		if (chan_pair(fds) == -1)
			die("socketpair");
		edge.peer = far;
		msg_send_sys_chan(ch, 0, &edge, &fds[0]);
		close(fds[0]);
		v->peer[far] = fds[1];
	}
}

static void
send_hello(struct chan *ch, enum role role)
{
	struct msg_sys_hello hello = { .table_hash = msg_table_hash(),
		.role = role,
		.run_mode = MODE_USER,
		.uid = getuid(),
		.gid = getgid() };

	if (role == ROLE_EXECD || role == ROLE_FSD || role == ROLE_FUSEREG ||
	    role == ROLE_MAKER) {
		hello.session = 1;
		snprintf(hello.session_id, sizeof(hello.session_id), "hostile");
	}
	msg_send_sys_hello(ch, 0, &hello, NULL);
}

static void
hand_over(struct chan *ch, enum role role, struct victim *v)
{
	struct msg_sys_ring ring = { RING_SIZE };
	struct msg_sys_listen lis = {};
	size_t i;
	int fds[3], fd;

	send_hello(ch, role);
	send_conf(ch);
	send_chans(ch, role, v);
	if (role == ROLE_EXECD || role == ROLE_FSD) {
		if (ring_create(fds) == -1)
			die("ring");
		msg_send_sys_ring(ch, 0, &ring, fds);
		for (i = 0; i < 3; i++)
			close(fds[i]);
	}
	if (role == ROLE_SESSIOND || role == ROLE_POLICYD) {
		fd = make_listener(role == ROLE_SESSIOND ? SOCK_STREAM :
							   SOCK_SEQPACKET);
		msg_send_sys_listen(ch, 0, &lis, &fd);
		close(fd);
		if (role == ROLE_POLICYD)
			v->peer[ROLE_CTL] = connect_to(SOCK_SEQPACKET);
	}
	send_dirs(ch, role);
	send_role_specific(ch, role);
}

/* What maker hears before it is asked for the root. */
static void
prepare_maker(struct chan *ch, enum when when)
{
	struct msg_make_open m = { .uid = getuid(), .gid = getgid() };
	char trash[PATH_MAX];
	int fd;

	send_hello(ch, ROLE_MAKER);
	if (when != WHEN_RUN)
		return;
	snprintf(m.workspace, sizeof(m.workspace), "%s", work_dir);
	snprintf(trash, sizeof(trash), "%s/trash", work_dir);
	(void)mkdir(trash, 0700);
	fd = open(trash, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		err(1, "%s", trash);
	msg_send_make_open(ch, 0, &m, &fd);
	close(fd);
}

/* The rights of a session's commands: here, a filter that allows all. */
static void
prepare_init(struct chan *ch, struct victim *v)
{
	static const struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K,
	    SECCOMP_RET_ALLOW);
	struct msg_init_setup m = {
		.table_hash = msg_table_hash(), .uid = getuid(), .gid = getgid()
	};
	int fd = memfd_sealed("filter", &allow, sizeof(allow));

	if (fd == -1)
		die("filter");
	snprintf(v->scratch, sizeof(v->scratch), "%s/home.%d", work_dir,
	    (int)v->pid);
	snprintf(m.home, sizeof(m.home), "%s", v->scratch);
	msg_send_init_setup(ch, 0, &m, &fd);
	close(fd);
}

static void
prepare(struct chan *ch, struct victim *v, enum role role, enum when when)
{
	static const struct msg_sys_start start;

	switch (role) {
	case ROLE_READCONF:
		/* it reads a file, once: there is no other state */
		send_hello(ch, role);
		break;
	case ROLE_MAKER:
		prepare_maker(ch, when);
		break;
	case ROLE_INIT:
		if (when != WHEN_START)
			prepare_init(ch, v);
		break;
	default:
		hand_over(ch, role, v);
		if (when != WHEN_START)
			msg_send_sys_start(ch, 0, &start, NULL);
	}
}

void
victim_start(struct victim *v, enum role role, enum when when)
{
	enum role far = role == ROLE_INIT ? ROLE_EXECD : ROLE_PRIVD;
	struct chan *ch;
	size_t i;
	int fds[2];

	memset(v, 0, sizeof(*v));
	for (i = 0; i < ROLE_MAX; i++)
		v->peer[i] = -1;
	if (chan_pair(fds) == -1)
		die("socketpair");
	v->pid = fork_victim(role);
	if (v->pid == -1)
		die("fork");
	if (v->pid == 0)
		exec_helper(role, fds[0]);
	close(fds[0]);
	ch = chan_new(fds[1], far, role, NULL, NULL);
	if (ch == NULL)
		die("chan_new");
	prepare(ch, v, role, when);
	if (chan_drain(ch, WAIT_MS) == -1)
		die("the helper does not read");
	v->privd = dup(ch->fd);
	v->peer[far] = dup(ch->fd);
	chan_free(ch);
}

int
victim_end(struct victim *v)
{
	int st = wait_end(v->pid, WAIT_MS);
	size_t i;

	if (v->privd != -1)
		close(v->privd);
	for (i = 0; i < ROLE_MAX; i++) {
		if (v->peer[i] != -1)
			close(v->peer[i]);
	}
	if (v->scratch[0] != '\0')
		rmdir(v->scratch);
	unlink(listen_path);
	return st;
}

static int
on_compiled(struct chan *ch, struct imsg *im)
{
	(void)ch;
	if (im->type == MSG_POLICY_COMPILED)
		image_fd = imsg_take_fd(im, 0);
	return 0;
}

void
victim_image(void)
{
	static const struct handler handlers[] = {
		{ MSG_SYS_READY, on_compiled },
		{ MSG_POLICY_COMPILED, on_compiled },
		{ MSG_POLICY_REFUSED, on_compiled },
		{ MSG_NONE, NULL },
	};
	struct msg_policy_compile m = { .name = "default",
		.project_root = "/workspace",
		.home = "/tmp/home",
		.user = "hostile" };
	struct victim v;
	struct chan *ch;
	int left = 5;

	victim_start(&v, ROLE_POLICYD, WHEN_RUN);
	ch = chan_new(dup(v.privd), ROLE_PRIVD, ROLE_POLICYD, handlers, NULL);
	ch->state = ST_ANY;
	msg_send_policy_compile(ch, chan_request(ch, &v), &m, NULL);
	while (image_fd == -1 && left-- > 0 && chan_step(ch, WAIT_MS) == 1)
		continue;
	chan_free(ch);
	shutdown(v.privd, SHUT_RDWR);
	victim_end(&v);
	if (image_fd == -1) {
		printf("policyd compiled no image of policy \"default\"\n");
		exit(1);
	}
}

static uint32_t question;

static int
on_create(struct chan *ch, struct imsg *im)
{
	(void)ch;
	if (im->type == MSG_SESS_CREATE_UNIX || im->type == MSG_CTL_REQUEST)
		question = im->id;
	return 0;
}

/* Hears until the question comes; what is received is dropped. */
static uint32_t
await_question(int fd, enum role me, enum role victim)
{
	static const struct handler handlers[] = {
		{ MSG_SYS_READY, on_create },
		{ MSG_SESS_CREATE_UNIX, on_create },
		{ MSG_CTL_HELLO, on_create },
		{ MSG_CTL_REQUEST, on_create },
		{ MSG_NONE, NULL },
	};
	struct chan *ch = chan_new(dup(fd), me, victim, handlers, NULL);
	int left = 5;

	ch->state = ST_ANY;
	question = 0;
	while (question == 0 && left-- > 0 && chan_step(ch, WAIT_MS) == 1)
		continue;
	chan_free(ch);
	if (question == 0)
		die("no question came");
	return question;
}

void
victim_ask_session(struct victim *v)
{
	static const char body[] = "{\"id\":\"h\",\"workspace\":\"/tmp\"}";
	char text[256];
	int len;

	/* a client of the API; its connection is kept until the end */
	v->peer[ROLE_CTL] = connect_to(SOCK_STREAM);
	len = snprintf(text, sizeof(text),
	    "POST /api/v1/sessions HTTP/1.1\r\nHost: localhost\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
	    strlen(body), body);
	if (send(v->peer[ROLE_CTL], text, (size_t)len, MSG_NOSIGNAL) != len)
		die("send");
	v->asked = await_question(v->privd, ROLE_PRIVD, ROLE_SESSIOND);
}

void
victim_give_session(struct victim *v)
{
	struct msg_sess_created m = { .session = 1,
		.uid = getuid(),
		.command_timeout_ms = 1000,
		.id = "h",
		.workspace = "/tmp",
		.mount = "/workspace",
		.user = "hostile",
		.policy = "default" };
	struct chan *ch = chan_new(dup(v->privd), ROLE_PRIVD, ROLE_SESSIOND,
	    NULL, NULL);
	int fds[2];

	if (ch == NULL || chan_pair(fds) == -1)
		die("socketpair");
	msg_send_sess_created(ch, v->asked, &m, &fds[0]);
	close(fds[0]);
	v->peer[ROLE_EXECD] = fds[1];
	chan_free(ch);
}

void
victim_give_asker(struct victim *v, enum role role)
{
	struct msg_approval_open m = {
		.session = 1, .role = role, .uid = getuid(), .session_id = "h"
	};
	struct chan *ch = chan_new(dup(v->privd), ROLE_PRIVD, ROLE_POLICYD,
	    NULL, NULL);
	int fds[2];

	if (ch == NULL || chan_pair(fds) == -1)
		die("socketpair");
	msg_send_approval_open(ch, 0, &m, &fds[0]);
	close(fds[0]);
	v->peer[role] = fds[1];
	chan_free(ch);
}

void
victim_give_net(struct victim *v)
{
	struct msg_net_open mo = {
		.session = 1, .uid = getuid(), .session_id = "h"
	};
	struct msg_net_listen ml = { .session = 1 };
	struct msg_net_refused mf = { .session = 1 };
	struct msg_net_ring mr = { .session = 1, .size = RING_SIZE };
	struct msg_net_start ms = { .session = 1 };
	struct chan *ch = chan_new(dup(v->privd), ROLE_PRIVD, ROLE_NETD, NULL,
	    NULL);
	int fds[4], pair[2], policyd[2], ring[3], i;

	if (ch == NULL || chan_pair(pair) == -1 || chan_pair(policyd) == -1 ||
	    ring_create(ring) == -1)
		die("socketpair");
	fds[0] = image_fd;
	fds[1] = make_listener(SOCK_STREAM);
	fds[2] = pair[0];
	fds[3] = policyd[0];
	msg_send_net_open(ch, 0, &mo, fds);
	fds[2] = make_listener(SOCK_STREAM);
	msg_send_net_listen(ch, 0, &ml, fds + 1);
	msg_send_net_refused(ch, 0, &mf, fds + 1);
	msg_send_net_ring(ch, 0, &mr, ring);
	msg_send_net_start(ch, 1, &ms, fds + 1);
	close(fds[1]);
	close(fds[2]);
	close(pair[0]);
	close(policyd[0]);
	for (i = 0; i < 3; i++)
		close(ring[i]);
	v->peer[ROLE_EXECD] = pair[1];
	v->peer[ROLE_POLICYD] = policyd[1];
	chan_free(ch);
}

void
victim_start_ctl(struct victim *v)
{
	struct pollfd pfd = { .events = POLLIN };
	size_t i;

	memset(v, 0, sizeof(*v));
	v->privd = -1;
	for (i = 0; i < ROLE_MAX; i++)
		v->peer[i] = -1;
	pfd.fd = make_listener(SOCK_SEQPACKET);
	v->pid = fork();
	if (v->pid == -1)
		die("fork");
	if (v->pid == 0)
		exec_helper(ROLE_CTL, -1);
	if (poll(&pfd, 1, WAIT_MS) == 1)
		v->peer[ROLE_POLICYD] = accept4(pfd.fd, NULL, NULL,
		    SOCK_CLOEXEC | SOCK_NONBLOCK);
	close(pfd.fd);
	if (v->peer[ROLE_POLICYD] == -1)
		die("agentshctl does not connect");
	v->asked = await_question(v->peer[ROLE_POLICYD], ROLE_POLICYD,
	    ROLE_CTL);
}
