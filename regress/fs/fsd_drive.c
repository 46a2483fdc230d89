/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays agentshd, execd and init for one fsd: mounts a FUSE root in a private
 * mount and pid namespace, starts fsd as the session's user, runs each given
 * shell command in the root as one command of the session, and prints every
 * event from the ring on descriptor 9. Needs root.
 *
 * usage: fsd_drive [-r] fsd policy uid gid workspace command ...
 */
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "chan.h"
#include "event.h"
#include "fdio.h"
#include "log.h"
#include "msg.h"
#include "../../src/policyd/policy.h"

static struct {
	const char *fsd, *image, *workspace;
	char mount[AGENTSH_PATH_MAX + 1];
	uid_t uid;
	gid_t gid;
	bool real;
	struct chan *privd, *execd, *policyd;
	struct ring ring;
	bool ready, synced;
	pid_t fsd_pid, init_pid;
	int ctl; /* to the session's init */
	char stage[64];
} d;

static void
send_fd(int sock, int fd)
{
	char c = 'f', ctl[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &c, 1 };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ctl,
		.msg_controllen = sizeof(ctl) };
	struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	if (sendmsg(sock, &mh, 0) != 1)
		fatal("send_fd");
}

static int
recv_fd(int sock)
{
	char c, ctl[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &c, 1 };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ctl,
		.msg_controllen = sizeof(ctl) };
	struct cmsghdr *cm;
	int fd;

	if (recvmsg(sock, &mh, MSG_CMSG_CLOEXEC) != 1 ||
	    (cm = CMSG_FIRSTHDR(&mh)) == NULL)
		fatalx("recv_fd");
	memcpy(&fd, CMSG_DATA(cm), sizeof(fd));
	return fd;
}

static int
on_ready(struct chan *ch, struct imsg *im)
{
	(void)ch;
	(void)im;
	d.ready = true;
	return 0;
}

static int
on_synced(struct chan *ch, struct imsg *im)
{
	(void)ch;
	(void)im;
	d.synced = true;
	return 0;
}

static const struct handler privd_handlers[] = { { MSG_SYS_READY, on_ready },
	{ MSG_NONE, NULL } };
static const struct handler execd_handlers[] = { { MSG_FS_SYNCED, on_synced },
	{ MSG_NONE, NULL } };

static void
print_event(const uint8_t *rec, size_t len)
{
	struct event_head head;
	enum event_field field;
	struct buf b;
	const char *str;
	uint64_t num;
	size_t slen;
	char line[16384];
	int at;

	buf_read_from(&b, rec, len);
	if (ev_get_head(&b, &head) == -1)
		fatalx("malformed record");
	at = snprintf(line, sizeof(line), "%s cmd=%s pid=%u",
	    event_rows[head.type].name, head.command_id, head.pid);
	while (ev_get_field(&b, &field, &num, &str, &slen) == 1) {
		if (event_field_rows[field].type == FT_STR ||
		    event_field_rows[field].type == FT_COUNTS)
			at += snprintf(line + at, sizeof(line) - (size_t)at,
			    " %s=%.*s", event_field_rows[field].key, (int)slen,
			    str);
		else
			at += snprintf(line + at, sizeof(line) - (size_t)at,
			    " %s=%llu", event_field_rows[field].key,
			    (unsigned long long)num);
		if (at > (int)sizeof(line) - 4096)
			break;
	}
	dprintf(9, "%s\n", line);
}

static void
drain(void)
{
	static uint8_t rec[EVENT_MAX];
	size_t len;
	int rc;

	while ((rc = ring_get(&d.ring, rec, sizeof(rec), &len)) == 1)
		print_event(rec, len);
	if (rc == -1)
		fatalx("the ring is malformed");
}

static void
session_mounts(int sock)
{
	char opt[128], path[128];
	int fd, proc;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		fatal("private");
	fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd == -1)
		fatal("/dev/fuse");
	snprintf(opt, sizeof(opt),
	    "fd=%d,rootmode=40755,user_id=%u,group_id=%u,allow_other", fd,
	    d.uid, d.gid);
	if (mount("agentsh", d.stage, "fuse.agentsh", MS_NOSUID | MS_NODEV,
		opt) == -1)
		fatal("mount fuse");
	send_fd(sock, fd);
	close(fd);
	snprintf(path, sizeof(path), "%s/proc", d.stage);
	if (mount("proc", path, "proc", MS_NOSUID | MS_NODEV, NULL) == -1)
		fatal("mount %s", path);
	proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/tmp", d.stage);
	if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, NULL) == -1)
		fatal("mount %s", path);
	chmod(path, 01777);
	snprintf(path, sizeof(path), "%s/dev", d.stage);
	if (mount("/dev", path, NULL, MS_BIND | MS_REC, NULL) == -1)
		fatal("mount %s", path);
	if (chdir(d.stage) == -1 || chroot(".") == -1)
		fatal("chroot");
	send_fd(sock, proc);
	close(proc);
}

static void
run_command(const char *text)
{
	if (setgroups(0, NULL) == -1 || setresgid(d.gid, d.gid, d.gid) == -1 ||
	    setresuid(d.uid, d.uid, d.uid) == -1)
		fatal("setuid");
	if (chdir(d.mount) == -1)
		fatal("chdir %s", d.mount);
	setenv("HOME", "/tmp", 1);
	setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
	execl("/bin/bash", "bash", "-c", text, (char *)NULL);
	fatal("bash");
}

/* pid 1: makes a keeper for each command it is told of. */
static void
session_init(int sock)
{
	static char text[65536];
	uint32_t pids;
	ssize_t n;
	pid_t keeper, pid;
	int st = 0;

	session_mounts(sock);
	while ((n = recv(sock, text, sizeof(text) - 1, 0)) > 0) {
		text[n] = '\0';
		keeper = fork();
		if (keeper == 0) {
			prctl(PR_SET_CHILD_SUBREAPER, 1);
			pid = fork();
			if (pid == 0)
				run_command(text);
			waitpid(pid, &st, 0);
			_exit(WIFEXITED(st) ? WEXITSTATUS(st) : 99);
		}
		pids = (uint32_t)keeper;
		send(sock, &pids, sizeof(pids), 0);
		while (waitpid(keeper, &st, 0) == -1 && errno == EINTR)
			;
		pids = (uint32_t)(WIFEXITED(st) ? WEXITSTATUS(st) : 99);
		send(sock, &pids, sizeof(pids), 0);
	}
	_exit(0);
}

static void
start_fsd(void)
{
	int pair[2], fd;

	if (chan_pair(pair) == -1)
		fatal("chan_pair");
	d.fsd_pid = fork();
	if (d.fsd_pid == 0) {
		fd = fcntl(pair[1], F_DUPFD, 20);
		if (dup2(fd, AGENTSH_PARENT_FD) == -1 ||
		    setgroups(0, NULL) == -1 ||
		    setresgid(d.gid, d.gid, d.gid) == -1 ||
		    setresuid(d.uid, d.uid, d.uid) == -1)
			fatal("fsd");
		close_range(4, 1023, 0);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		execl(d.fsd, "fsd", getenv("FSD_V") != NULL ? "-v" : "-d",
		    (char *)NULL);
		fatal("%s", d.fsd);
	}
	close(pair[1]);
	d.privd = chan_new(pair[0], ROLE_PRIVD, ROLE_FSD, privd_handlers, NULL);
}

/* The image that the policy in a file compiles to. */
static int
image_fd(void)
{
	static uint8_t text[262144];
	const struct vars v = { d.mount, "/tmp", "drive" };
	struct policy p;
	struct compiled out;
	struct aerr e = { 0 };
	ssize_t n;
	int fd, in;

	in = open(d.image, O_RDONLY | O_CLOEXEC);
	n = in == -1 ? -1 : read(in, text, sizeof(text));
	if (n == -1)
		fatal("%s", d.image);
	close(in);
	if (policy_build("drive", text, (size_t)n, &v, false, &p, &out, &e) ==
	    -1)
		fatalx("policy: %s", e.message);
	fd = memfd_sealed("image", out.image.data, out.image.len);
	if (fd == -1)
		fatal("image");
	compiled_free(&out);
	policy_free(&p);
	return fd;
}

static void
hand_over(void)
{
	struct msg_sys_hello hello = { 0 };
	struct msg_sys_chan peer = { ROLE_EXECD };
	struct msg_sys_ring ring = { RING_SIZE };
	static const struct msg_policy_image image;
	struct msg_fs_root *root = calloc(1, sizeof(*root));
	static const struct msg_sys_start go;
	int pair[2], fds[3], image_mem = image_fd(), dup3[3], i;

	hello.table_hash = msg_table_hash();
	hello.role = ROLE_FSD;
	hello.uid = d.uid;
	hello.gid = d.gid;
	hello.session = 1;
	snprintf(hello.session_id, sizeof(hello.session_id), "test");
	msg_send_sys_hello(d.privd, 0, &hello, NULL);
	if (chan_pair(pair) == -1 || ring_create(fds) == -1)
		fatal("ring");
	d.execd = chan_new(pair[0], ROLE_EXECD, ROLE_FSD, execd_handlers, NULL);
	msg_send_sys_chan(d.privd, 0, &peer, &pair[1]);
	close(pair[1]);
	/* nobody asks: no policy here has anything approved */
	peer.peer = ROLE_POLICYD;
	if (chan_pair(pair) == -1)
		fatal("socketpair");
	d.policyd = chan_new(pair[0], ROLE_POLICYD, ROLE_FSD, NULL, NULL);
	msg_send_sys_chan(d.privd, 0, &peer, &pair[1]);
	close(pair[1]);
	msg_send_sys_ring(d.privd, 0, &ring, fds);
	for (i = 0; i < 3; i++)
		dup3[i] = fds[i];
	if (ring_map(&d.ring, dup3, RING_SIZE) == -1)
		fatal("ring_map");
	msg_send_policy_image(d.privd, 0, &image, &image_mem);
	close(image_mem);
	fds[0] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds[1] = open(d.workspace, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fds[1] == -1)
		fatal("%s", d.workspace);
	root->uid = d.uid;
	root->gid = d.gid;
	snprintf(root->mount, sizeof(root->mount), "%s", d.mount);
	msg_send_fs_root(d.privd, 0, root, fds);
	close(fds[0]);
	close(fds[1]);
	msg_send_sys_start(d.privd, 0, &go, NULL);
	free(root);
}

static void
start_session(void)
{
	static const struct msg_fs_device dev;
	static const struct msg_fs_procfs proc;
	int pair[2], fd;

	snprintf(d.stage, sizeof(d.stage), "/tmp/fsd_drive.XXXXXX");
	if (mkdtemp(d.stage) == NULL ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1 ||
	    unshare(CLONE_NEWPID) == -1)
		fatal("session");
	d.init_pid = fork();
	if (d.init_pid == 0) {
		close(pair[0]);
		if (unshare(CLONE_NEWNS) == -1)
			fatal("unshare");
		session_init(pair[1]);
	}
	close(pair[1]);
	d.ctl = pair[0];
	fd = recv_fd(d.ctl);
	msg_send_fs_device(d.privd, 0, &dev, &fd);
	close(fd);
	while (!d.ready) {
		if (chan_step(d.privd, 10000) != 1)
			fatalx("fsd is not ready");
	}
	fd = recv_fd(d.ctl);
	msg_send_fs_procfs(d.privd, 0, &proc, &fd);
	close(fd);
}

static int
command(uint64_t number, const char *text)
{
	struct msg_fs_command m = { 0 };
	struct msg_fs_sync sync = { number };
	struct msg_fs_forget forget = { number };
	struct pollfd p[2];
	uint32_t keeper = 0, status = 0;

	send(d.ctl, text, strlen(text), 0);
	recv(d.ctl, &keeper, sizeof(keeper), 0);
	m.command = number;
	m.keeper_pid = keeper;
	snprintf(m.command_id, sizeof(m.command_id), "c%llu",
	    (unsigned long long)number);
	msg_send_fs_command(d.execd, 0, &m, NULL);
	for (;;) {
		p[0].fd = d.ctl;
		p[1].fd = d.ring.wake_fd;
		p[0].events = p[1].events = POLLIN;
		poll(p, 2, 2);
		drain();
		if ((p[0].revents & (POLLIN | POLLHUP)) != 0)
			break;
		if (waitpid(d.fsd_pid, NULL, WNOHANG) == d.fsd_pid)
			fatalx("fsd died");
	}
	if (recv(d.ctl, &status, sizeof(status), 0) != sizeof(status))
		fatalx("the session died");
	d.synced = false;
	msg_send_fs_sync(d.execd, chan_request(d.execd, NULL), &sync, NULL);
	while (!d.synced) {
		if (chan_step(d.execd, 10) == -1)
			fatalx("fsd is gone");
		drain();
	}
	drain();
	dprintf(9, "-- c%llu status %u\n", (unsigned long long)number, status);
	msg_send_fs_forget(d.execd, 0, &forget, NULL);
	return (int)status;
}

int
main(int argc, char **argv)
{
	int c, i, rc = 0;

	log_init("fsd_drive");
	while ((c = getopt(argc, argv, "r")) != -1) {
		if (c != 'r')
			return 2;
		d.real = true;
	}
	argc -= optind;
	argv += optind;
	if (argc < 6) {
		fprintf(stderr,
		    "usage: fsd_drive [-r] fsd policy uid gid"
		    " workspace command ...\n");
		return 2;
	}
	d.fsd = argv[0];
	d.image = argv[1];
	d.uid = (uid_t)strtoul(argv[2], NULL, 10);
	d.gid = (gid_t)strtoul(argv[3], NULL, 10);
	d.workspace = argv[4];
	snprintf(d.mount, sizeof(d.mount), "%s",
	    d.real ? d.workspace : "/workspace");
	if (fcntl(9, F_GETFD) == -1)
		dup2(STDERR_FILENO, 9);
	signal(SIGPIPE, SIG_IGN);
	start_fsd();
	hand_over();
	start_session();
	for (i = 5; i < argc; i++) {
		c = command((uint64_t)(i - 4), argv[i]);
		if (c != 0)
			rc = c;
	}
	close(d.ctl);
	waitpid(d.init_pid, NULL, 0);
	/* the device's end is fsd's */
	waitpid(d.fsd_pid, &c, 0);
	if (!WIFEXITED(c) ||
	    WEXITSTATUS(c) != AGENTSH_EXIT_PEER + (int)ROLE_INIT)
		fprintf(stderr, "fsd_drive: fsd ended with %#x\n", (unsigned)c);
	rmdir(d.stage);
	return rc;
}
