/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile peer. Plays agentshd for one real helper up to SYS_START, with all
 * its channels, then breaks the rules on one of them: every type, sizes around
 * the bounds, every number of descriptors, before and after the start. What is
 * no row of msg.def must end the helper with status 1; what is a row, filled
 * with rubbish, must not make it crash. Each trial is a new process.
 *
 *	hostile role directory-of-helpers work-directory
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/t.h"
#include "chan.h"
#include "conf.h"
#include "log.h"
#include "ring.h"

#define WAIT_MS 10000

struct victim {
	pid_t pid;
	int privd;	    /* our end of its fd 3 */
	int peer[ROLE_MAX]; /* our ends of its other channels, or -1 */
};

static const struct {
	const char *file;
} files[] = {
#define PROC(id, name, user, scope, title) [ROLE_##id] = { name },
#include "proc.def"
#undef PROC
};

static const struct {
	enum role a, b;
} edges[] = {
#define CHAN(x, y, scope, what) { ROLE_##x, ROLE_##y },
#include "chan.def"
#undef CHAN
};

static const char *helper_dir, *work_dir;
static char listen_path[100];
static int image_fd = -1;
static unsigned long trials;

static void
die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
exec_helper(enum role role, int fd)
{
	char path[4096];
	char *argv[] = { (char *)(uintptr_t)files[role].file, NULL };
	int null = open("/dev/null", O_RDWR);

	snprintf(path, sizeof(path), "%s/%s", helper_dir, files[role].file);
	if (getenv("HOSTILE_VERBOSE") == NULL)
		dup2(null, 2);
	dup2(null, 0);
	dup2(2, 1);
	if (fd == AGENTSH_PARENT_FD)
		fcntl(fd, F_SETFD, 0);
	else
		dup2(fd, AGENTSH_PARENT_FD);
	execv(path, argv);
	_exit(127);
}

/* The far ends: everything that is sent here is ours, so the gate of our own
 * chan.c is not in the way. */
static void
raw(int fd, uint32_t type, uint32_t id, size_t body, uint8_t fill,
    const int *fds, int nfds)
{
	static uint8_t data[2 * AGENTSH_MSG_MAX];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 16)];
	} control;
	struct iovec iov = { data, MSG_HEADER_LEN + body };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cm;
	uint32_t header[4] = { type, 0, id, (uint32_t)(MSG_HEADER_LEN + body) };

	memcpy(data, header, sizeof(header));
	memset(data + MSG_HEADER_LEN, fill, body);
	if (nfds > 0) {
		memset(&control, 0, sizeof(control));
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)nfds);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)nfds);
		memcpy(CMSG_DATA(cm), fds, sizeof(int) * (size_t)nfds);
	}
	(void)sendmsg(fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int
make_listener(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);

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
connect_ctl(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);

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

static void
send_role_specific(struct chan *ch, enum role role)
{
	struct msg_policy_image image = {};
	struct msg_fs_root root = {
		.uid = getuid(), .gid = getgid(), .mount = "/workspace"
	};
	int fds[2];

	if (role != ROLE_EXECD && role != ROLE_FSD)
		return;
	msg_send_policy_image(ch, 0, &image, &image_fd);
	if (role != ROLE_FSD)
		return;
	fds[0] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds[1] = open(work_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	msg_send_fs_root(ch, 0, &root, fds);
	close(fds[0]);
	close(fds[1]);
}

static void
hand_over(struct chan *ch, enum role role, struct victim *v)
{
	static struct conf conf;
	struct msg_sys_hello hello = { .table_hash = msg_table_hash(),
		.role = role,
		.run_mode = MODE_USER,
		.uid = getuid(),
		.gid = getgid() };
	struct msg_sys_conf c;
	struct msg_sys_chan edge;
	struct msg_sys_ring ring = { RING_SIZE };
	struct msg_sys_listen lis = {};
	enum role far;
	struct buf b;
	size_t i;
	int fds[3], fd;

	if (role == ROLE_EXECD || role == ROLE_FSD) {
		hello.session = 1;
		snprintf(hello.session_id, sizeof(hello.session_id), "hostile");
	}
	msg_send_sys_hello(ch, 0, &hello, NULL);
	conf_defaults(&conf);
	buf_init(&b, AGENTSH_CONF_MAX);
	conf_put(&b, &conf);
	c.conf = b.data;
	c.conf_len = b.len;
	msg_send_sys_conf(ch, 0, &c, NULL);
	buf_free(&b);
	for (i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		if (edges[i].a != role && edges[i].b != role)
			continue;
		far = edges[i].a == role ? edges[i].b : edges[i].a;
		/* SESSIOND-EXECD travels in SESS_CREATED on sessiond's side */
		if (far == ROLE_PRIVD || far == ROLE_CTL ||
		    (role == ROLE_SESSIOND && far == ROLE_EXECD))
			continue;
		if (chan_pair(fds) == -1)
			die("socketpair");
		edge.peer = far;
		msg_send_sys_chan(ch, 0, &edge, &fds[0]);
		close(fds[0]);
		v->peer[far] = fds[1];
	}
	if ((R_PRODUCERS >> role & 1) == 1 && role != ROLE_SESSIOND) {
		if (ring_create(fds) == -1)
			die("ring");
		msg_send_sys_ring(ch, 0, &ring, fds);
		for (i = 0; i < 3; i++)
			close(fds[i]);
	}
	if (role == ROLE_SESSIOND || role == ROLE_POLICYD) {
		fd = make_listener();
		msg_send_sys_listen(ch, 0, &lis, &fd);
		close(fd);
		if (role == ROLE_POLICYD)
			v->peer[ROLE_CTL] = connect_ctl();
	}
	send_dirs(ch, role);
	send_role_specific(ch, role);
}

/* A helper just before (start false) or after SYS_START. */
static void
victim_start(struct victim *v, enum role role, bool start)
{
	struct msg_sys_start m = {};
	struct chan *ch;
	size_t i;
	int fds[2];

	for (i = 0; i < ROLE_MAX; i++)
		v->peer[i] = -1;
	if (chan_pair(fds) == -1)
		die("socketpair");
	v->pid = fork();
	if (v->pid == -1)
		die("fork");
	if (v->pid == 0)
		exec_helper(role, fds[0]);
	close(fds[0]);
	ch = chan_new(fds[1], ROLE_PRIVD, role, NULL, NULL);
	if (ch == NULL)
		die("chan_new");
	hand_over(ch, role, v);
	if (start)
		msg_send_sys_start(ch, 0, &m, NULL);
	if (chan_drain(ch, WAIT_MS) == -1)
		die("the helper does not read");
	v->privd = dup(ch->fd);
	chan_free(ch);
}

/* Waits for the end; its wait status, or -1 when it did not end. */
static int
victim_end(struct victim *v)
{
	struct pollfd pfd;
	size_t i;
	int st = -1, r, pidfd;

	pidfd = (int)syscall(434 /* pidfd_open */, v->pid, 0);
	pfd = (struct pollfd){ .fd = pidfd, .events = POLLIN };
	do {
		r = poll(&pfd, 1, WAIT_MS);
	} while (r == -1 && errno == EINTR);
	if (r != 1)
		kill(v->pid, SIGKILL);
	if (waitpid(v->pid, &st, 0) != v->pid || r != 1)
		st = -1;
	close(pidfd);
	close(v->privd);
	for (i = 0; i < ROLE_MAX; i++) {
		if (v->peer[i] != -1)
			close(v->peer[i]);
	}
	unlink(listen_path);
	return st;
}

static bool
ended_well(int st)
{
	return st != -1 && WIFEXITED(st) && WEXITSTATUS(st) == 1;
}

static const char *
ending(int st)
{
	static char text[64];

	if (st == -1)
		return "did not end";
	if (WIFSIGNALED(st))
		snprintf(text, sizeof(text), "signal %d", WTERMSIG(st));
	else
		snprintf(text, sizeof(text), "status %d", WEXITSTATUS(st));
	return text;
}

static int
fd_of_kind(char kind)
{
	int sv[2];

	switch (kind) {
	case 's':
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) ==
		    -1)
			die("socketpair");
		close(sv[1]);
		return sv[0];
	case 'd':
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case 'c':
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case 'a':
		return (int)syscall(434, getpid(), 0);
	default:
		return memfd_create("hostile", MFD_CLOEXEC);
	}
}

struct trial {
	enum role role;
	enum role peer;
	bool started;
	uint32_t type;
	size_t body;
	int nfds;
	uint8_t fill;
};

/* Does the far end close its channel? What it still says is dropped. */
static bool
is_closed(int fd)
{
	static char drop[AGENTSH_MSG_MAX];
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	ssize_t n;

	while (poll(&pfd, 1, WAIT_MS) == 1) {
		n = recv(fd, drop, sizeof(drop), MSG_DONTWAIT);
		if (n == 0 || (n == -1 && errno == ECONNRESET))
			return true;
	}
	return false;
}

static void
try_one(const struct trial *t)
{
	struct victim v;
	const char *kinds = t->type < MSG_MAX && msg_rows[t->type].fds != NULL ?
	    msg_rows[t->type].fds :
	    "";
	enum msg_state state = t->started || t->peer != ROLE_PRIVD ? ST_RUN :
								     ST_START;
	bool legal;
	int fds[8], i, st, fd;
	uint32_t id;

	victim_start(&v, t->role, t->started);
	fd = t->peer == ROLE_PRIVD ? v.privd : v.peer[t->peer];
	for (i = 0; i < t->nfds; i++)
		fds[i] = fd_of_kind((size_t)i < strlen(kinds) ? kinds[i] : 'm');
	legal = msg_gate(t->role, t->peer, state, t->type, t->body, t->nfds) ==
	    NULL;
	id = t->type < MSG_MAX && (msg_rows[t->type].flags & M_EVT) == 0 ? 1 :
									   0;
	raw(fd, t->type, id, t->body, t->fill, fds, t->nfds);
	/* a row may be heard with indifference: then this ends it */
	if (legal)
		raw(fd, MSG_NONE, 0, 0, 0, NULL, 0);
	for (i = 0; i < t->nfds; i++)
		close(fds[i]);
	/* not every channel's end ends the helper; agentshd's does */
	if (t->peer != ROLE_PRIVD) {
		CHECK(is_closed(fd));
		shutdown(v.privd, SHUT_RDWR);
	}
	st = victim_end(&v);
	trials++;
	if (!ended_well(st)) {
		t_fail(files[t->role].file, (int)t->type, ending(st));
		printf(
		    "#   %s from %s, %s the start, body %zu of 0x%02x, %d descriptors,"
		    " %s\n",
		    msg_name(t->type), files[t->peer].file,
		    t->started ? "after" : "before", t->body, t->fill, t->nfds,
		    legal ? "a row" : "not a row");
	}
}

static void
try_row(struct trial *t)
{
	const struct msg_row *row = &msg_rows[t->type];
	size_t sizes[6] = { 0, row->min, row->max, row->max + 1, row->min + 1,
		row->min > 0 ? row->min - 1 : 0 };
	size_t i, want = strlen(row->fds);

	for (i = 0; i < 6; i++) {
		t->body = sizes[i];
		t->nfds = (int)want;
		t->fill = 0;
		try_one(t);
		if (t->body >= row->min && t->body <= row->max) {
			t->fill = 0xff;
			try_one(t);
		}
	}
	t->body = row->min;
	t->fill = 0;
	for (t->nfds = 0; t->nfds <= AGENTSH_MSG_FDS + 1; t->nfds++)
		try_one(t);
}

static void
try_edge(enum role role, enum role peer, bool started)
{
	struct trial t = { .role = role, .peer = peer, .started = started };
	const struct msg_row *row;

	for (t.type = 0; t.type < MSG_MAX + 2; t.type++) {
		row = t.type < MSG_MAX ? &msg_rows[t.type] : NULL;
		if (t.type != 0 && row != NULL &&
		    (row->from >> peer & 1) == 1 &&
		    (row->to >> role & 1) == 1) {
			try_row(&t);
			continue;
		}
		t.body = row != NULL ? row->min : 8;
		t.nfds = t.type != 0 && row != NULL ? (int)strlen(row->fds) : 0;
		try_one(&t);
	}
	t.type = UINT32_MAX;
	try_one(&t);
}

/* An image to decide by, from the real policyd. */
static int
on_compiled(struct chan *ch, struct imsg *im)
{
	(void)ch;
	if (im->type == MSG_POLICY_COMPILED)
		image_fd = imsg_take_fd(im, 0);
	return 0;
}

static void
get_image(void)
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

	victim_start(&v, ROLE_POLICYD, true);
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

static enum role role;
static enum role the_peer;

static void
before_start(void)
{
	try_edge(role, ROLE_PRIVD, false);
}

static void
after_start(void)
{
	try_edge(role, the_peer, true);
}

int
main(int argc, char **argv)
{
	size_t i;

	if (argc != 4) {
		fprintf(stderr, "usage: hostile role helpers work-directory\n");
		return 2;
	}
	helper_dir = argv[2];
	work_dir = argv[3];
	for (role = 0; role < ROLE_MAX; role++) {
		if (strcmp(files[role].file, argv[1]) == 0)
			break;
	}
	if (role == ROLE_MAX || (R_HELPERS >> role & 1) == 0) {
		fprintf(stderr, "hostile: %s is no helper\n", argv[1]);
		return 2;
	}
	setenv("ASAN_OPTIONS", "exitcode=99", 1);
	setenv("UBSAN_OPTIONS", "exitcode=99", 1);
	signal(SIGPIPE, SIG_IGN);
	log_init("hostile");
	if (role == ROLE_EXECD || role == ROLE_FSD)
		get_image();
	T_RUN(before_start);
	for (i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		if (edges[i].a != role && edges[i].b != role)
			continue;
		the_peer = edges[i].a == role ? edges[i].b : edges[i].a;
		if (role == ROLE_SESSIOND && the_peer == ROLE_EXECD)
			continue;
		printf("# channel to %s\n", files[the_peer].file);
		T_RUN(after_start);
	}
	printf("# %s: %lu trials\n", argv[1], trials);
	return done_testing();
}
