/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays privd, sessiond and fsd to the real execd over socketpairs, and starts
 * the real init as pid 1 of namespaces of its own. As root or as an ordinary
 * user who may make user namespaces; nothing outside is touched.
 */
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../src/policyd/policy.h"
#include "drive.h"
#include "chan.h"
#include "conf.h"
#include "event.h"
#include "fdio.h"
#include "log.h"
#include "ring.h"
#include "spec.h"

static const char policy_text[] =
    "version: 1\n"
    "name: drive\n"
    "command_rules:\n"
    "  - name: no-forbidden\n"
    "    commands: [forbidden]\n"
    "    decision: deny\n"
    "    message: \"{{.Rule}} not {{.Command}} {{.Args}}\"\n"
    "  - name: all\n"
    "    commands: [\"*\"]\n"
    "    decision: allow\n";

struct drive d;

uint64_t
drive_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* --- what execd says --- */

static int
on_sys_ready(struct chan *ch, struct imsg *im)
{
	(void)ch;
	(void)im;
	d.ready = true;
	return 0;
}

static int
on_exec_started(struct chan *ch, struct imsg *im)
{
	struct msg_exec_started m;

	(void)ch;
	if (msg_get_exec_started(im, &m) == -1)
		return -1;
	d.state[m.command].started = true;
	return 0;
}

static int
on_exec_denied(struct chan *ch, struct imsg *im)
{
	struct msg_exec_denied m;

	(void)ch;
	if (msg_get_exec_denied(im, &m) == -1)
		return -1;
	d.state[m.command].denied = true;
	snprintf(d.state[m.command].text, sizeof(d.state[0].text), "%s: %s",
	    m.rule, m.message);
	return 0;
}

static int
on_exec_failed(struct chan *ch, struct imsg *im)
{
	struct msg_exec_failed m;

	(void)ch;
	if (msg_get_exec_failed(im, &m) == -1)
		return -1;
	d.state[m.command].failed = true;
	d.state[m.command].error = m.error;
	memcpy(d.state[m.command].text, m.message, sizeof(m.message));
	return 0;
}

static int
on_exec_exited(struct chan *ch, struct imsg *im)
{
	struct msg_exec_exited m;

	(void)ch;
	if (msg_get_exec_exited(im, &m) == -1)
		return -1;
	d.state[m.command].exited = true;
	d.state[m.command].exit = m;
	return 0;
}

static int
on_fs_command(struct chan *ch, struct imsg *im)
{
	struct msg_fs_command m;

	(void)ch;
	if (msg_get_fs_command(im, &m) == -1)
		return -1;
	d.state[m.command].keeper = m.keeper_pid;
	return 0;
}

static int
on_fs_sync(struct chan *ch, struct imsg *im)
{
	struct msg_fs_sync m;
	struct msg_fs_synced reply = { 0 };

	if (msg_get_fs_sync(im, &m) == -1)
		return -1;
	reply.command = m.command;
	return msg_send_fs_synced(ch, im->id, &reply, NULL);
}

static int
on_fs_forget(struct chan *ch, struct imsg *im)
{
	struct msg_fs_forget m;

	(void)ch;
	if (msg_get_fs_forget(im, &m) == -1)
		return -1;
	d.state[m.command].forgotten = true;
	return 0;
}

static const struct handler handlers[] = {
	{ MSG_SYS_READY, on_sys_ready },
	{ MSG_EXEC_STARTED, on_exec_started },
	{ MSG_EXEC_DENIED, on_exec_denied },
	{ MSG_EXEC_FAILED, on_exec_failed },
	{ MSG_EXEC_EXITED, on_exec_exited },
	{ MSG_FS_COMMAND, on_fs_command },
	{ MSG_FS_SYNC, on_fs_sync },
	{ MSG_FS_FORGET, on_fs_forget },
	{ MSG_NONE, NULL },
};

/* --- the loop --- */

static void
drain_ring(void)
{
	static uint8_t record[EVENT_MAX];
	struct event_head head;
	struct buf b;
	size_t len;

	while (ring_get(&d.ring, record, sizeof(record), &len) == 1) {
		buf_read_from(&b, record, len);
		if (ev_get_head(&b, &head) == 0)
			d.events[head.type]++;
	}
}

/* Handles what comes for at most ms, or until *until. */
void
drive_pump(int ms, const bool *until)
{
	struct chan *ch[3] = { d.execd, d.sess, d.fs };
	struct pollfd pfd[3];
	uint64_t end = drive_now_ms() + (uint64_t)ms;
	int i;

	while (!d.over && (until == NULL || !*until) && drive_now_ms() < end) {
		for (i = 0; i < 3; i++) {
			pfd[i].fd = ch[i]->fd;
			pfd[i].events = POLLIN;
		}
		poll(pfd, 3, 5);
		for (i = 0; i < 3; i++) {
			while (chan_step(ch[i], 0) == 1)
				;
			if (chan_flush(ch[i]) == -1)
				d.over = true;
		}
		drain_ring();
	}
}

/* --- commands --- */

uint64_t
drive_start(const struct request *r, const char *const *argv)
{
	struct msg_exec_start m = { 0 };
	struct spec spec = { 0 };
	char *env[3];
	int fds[4];
	uint32_t id;
	size_t n = 0;

	while (argv[n] != NULL)
		n++;
	env[0] = (char *)(uintptr_t) "PATH=/usr/bin:/bin";
	env[1] = (char *)(uintptr_t)r->env;
	env[2] = NULL;
	spec.file = (char *)(uintptr_t)argv[0];
	spec.argv = (char **)(uintptr_t)argv;
	spec.argc = n;
	spec.env = env;
	spec.nenv = r->env == NULL ? 1 : 2;
	spec.cwd = (char *)(uintptr_t)(r->cwd != NULL ? r->cwd : "/");
	fds[0] = spec_write(&spec);
	fds[1] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fds[2] = r->out_fd != -1 ? r->out_fd : fds[1];
	fds[3] = fds[2];
	m.command = ++d.number;
	m.timeout_ms = r->timeout_ms;
	snprintf(m.command_id, sizeof(m.command_id), "cmd-%llu",
	    (unsigned long long)d.number);
	id = chan_request(d.sess, NULL);
	if (fds[0] == -1 || fds[1] == -1 || id == 0 ||
	    msg_send_exec_start(d.sess, id, &m, fds) == -1)
		d.over = true;
	close(fds[0]);
	close(fds[1]);
	return d.number;
}

/* Waits for one answer or the end. */
bool
drive_settled(const struct state *s)
{
	return s->denied || s->failed || s->exited;
}

const struct state *
drive_wait(uint64_t number, int ms)
{
	uint64_t end = drive_now_ms() + (uint64_t)ms;

	while (!drive_settled(&d.state[number]) && !d.over &&
	    drive_now_ms() < end)
		drive_pump(5, &d.state[number].exited);
	return &d.state[number];
}

const struct state *
drive_run(struct request *r, const char *const *argv)
{
	const struct state *s;
	ssize_t n;

	r->out_fd = memfd_create("output", MFD_CLOEXEC);
	s = drive_wait(drive_start(r, argv), 20000);
	n = pread(r->out_fd, d.output, sizeof(d.output) - 1, 0);
	d.output[n > 0 ? n : 0] = '\0';
	close(r->out_fd);
	return s;
}

/* sh -c script */
const struct state *
drive_sh(const char *script)
{
	struct request r = { 0 };
	const char *argv[] = { "sh", "-c", script, NULL };

	return drive_run(&r, argv);
}

uint64_t
drive_sh_start(const char *script, uint64_t timeout_ms)
{
	struct request r = { .timeout_ms = timeout_ms, .out_fd = -1 };
	const char *argv[] = { "sh", "-c", script, NULL };

	return drive_start(&r, argv);
}

void
drive_kill(uint64_t number)
{
	struct msg_exec_kill m = { .command = number };

	msg_send_exec_kill(d.sess, 0, &m, NULL);
}

/* --- the session --- */

static void
die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd == -1 || write(fd, text, strlen(text)) == -1)
		die(path);
	close(fd);
}

static void
write_maps(pid_t pid)
{
	char path[64], text[128];

	snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
	if (getuid() != 0)
		write_file(path, "deny");
	snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
	snprintf(text, sizeof(text),
	    getuid() == 0 ? "%u %u 1\n0 %u 1\n" : "%u %u 1\n", d.uid, d.uid,
	    AGENTSH_ROOT_ID);
	write_file(path, text);
	snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)pid);
	snprintf(text, sizeof(text),
	    getuid() == 0 ? "%u %u 1\n0 %u 1\n" : "%u %u 1\n", d.gid, d.gid,
	    AGENTSH_ROOT_ID);
	write_file(path, text);
}

/* What maker does, as far as init needs it. */
static void __attribute__((noreturn))
become_init(int channel, int go, const char *path)
{
	char c;
	int fd = open(path, O_RDONLY), proc;

	if (read(go, &c, 1) != 1)
		_exit(1);
	if (getuid() != 0 && setresuid(0, 0, 0) == -1 && errno != EINVAL)
		_exit(1);
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV, NULL) == -1 ||
	    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV,
		"mode=1777") == -1) {
		perror("become_init");
		_exit(1);
	}
	channel = fcntl(channel, F_DUPFD, 5);
	fd = fcntl(fd, F_DUPFD, 5);
	proc = open("/proc", O_RDONLY | O_DIRECTORY);
	if (channel == -1 || fd == -1 || proc == -1 || dup2(proc, 4) == -1 ||
	    dup2(channel, 3) == -1)
		_exit(1);
	syscall(SYS_execveat, fd, "",
	    (char *[]){ (char *)(uintptr_t) "init", NULL }, (char *[]){ NULL },
	    AT_EMPTY_PATH);
	_exit(1);
}

static void
start_init(int channel, const char *path)
{
	int go[2];

	if (pipe2(go, O_CLOEXEC) == -1)
		die("pipe");
	d.init_pid = (pid_t)syscall(SYS_clone,
	    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
		CLONE_NEWUTS | CLONE_NEWNET | SIGCHLD,
	    NULL, NULL, NULL, NULL);
	if (d.init_pid == -1)
		die("clone");
	if (d.init_pid == 0) {
		close(go[1]);
		become_init(channel, go[0], path);
	}
	write_maps(d.init_pid);
	if (write(go[1], "", 1) != 1)
		die("go");
	close(go[0]);
	close(go[1]);
}

/* To enter the namespaces, as privd has it: an ordinary user owns them. */
static int
keep_admin(void)
{
	static const cap_value_t admin = CAP_SYS_ADMIN;
	cap_t caps = cap_init();

	if (caps == NULL ||
	    cap_set_flag(caps, CAP_PERMITTED, 1, &admin, CAP_SET) == -1 ||
	    cap_set_flag(caps, CAP_INHERITABLE, 1, &admin, CAP_SET) == -1 ||
	    cap_set_proc(caps) == -1 || cap_set_ambient(admin, CAP_SET) == -1)
		return -1;
	cap_free(caps);
	return 0;
}

static void
send_namespaces(void)
{
	static const struct msg_exec_ns m = { .workspace = "/w",
		.mount = "/workspace" };
	char path[64];
	int fds[3], i;

	snprintf(path, sizeof(path), "/proc/%d/root/proc", (int)d.init_pid);
	fds[0] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)d.init_pid);
	fds[1] = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)d.init_pid);
	fds[2] = open(path, O_RDONLY | O_CLOEXEC);
	if (fds[0] == -1 || fds[1] == -1 || fds[2] == -1)
		die(path);
	msg_send_exec_ns(d.execd, 0, &m, fds);
	for (i = 0; i < 3; i++)
		close(fds[i]);
}

static void
start_execd(int channel, const char *path, const char *verbose)
{
	char *argv[] = { (char *)(uintptr_t)path, (char *)(uintptr_t)verbose,
		NULL };

	d.execd_pid = fork();
	if (d.execd_pid == -1)
		die("fork");
	if (d.execd_pid != 0)
		return;
	if (getuid() == 0 &&
	    (prctl(PR_SET_KEEPCAPS, 1) == -1 ||
		setresgid(d.gid, d.gid, d.gid) == -1 ||
		setresuid(d.uid, d.uid, d.uid) == -1 || keep_admin() == -1))
		_exit(1);
	if (dup2(channel, 3) == -1)
		_exit(1);
	fcntl(3, F_SETFD, 0);
	execv(path, argv);
	_exit(1);
}

static int
policy_image(void)
{
	const struct vars v = { "/workspace", "/tmp/home", "drive" };
	struct policy p;
	struct compiled out;
	struct aerr e = { 0 };
	int fd;

	if (policy_build("drive", (const uint8_t *)policy_text,
		sizeof(policy_text) - 1, &v, false, &p, &out, &e) == -1) {
		printf("Bail out! policy: %s\n", e.message);
		exit(1);
	}
	fd = memfd_sealed("image", out.image.data, out.image.len);
	if (fd == -1)
		die("image");
	compiled_free(&out);
	policy_free(&p);
	return fd;
}

static void
send_chan(enum role peer, int fd)
{
	struct msg_sys_chan m = { .peer = (uint32_t)peer };

	msg_send_sys_chan(d.execd, 0, &m, &fd);
	close(fd);
}

static void
greet_execd(int verbose)
{
	struct msg_sys_hello hello = { .table_hash = msg_table_hash(),
		.role = ROLE_EXECD,
		.run_mode = MODE_SERVICE,
		.verbose = (uint32_t)verbose,
		.uid = d.uid,
		.gid = d.gid,
		.session = 1 };
	struct msg_sys_conf conf = { 0 };
	struct conf c;
	struct buf b;

	snprintf(hello.session_id, sizeof(hello.session_id), "drive");
	msg_send_sys_hello(d.execd, 0, &hello, NULL);
	conf_defaults(&c);
	/* scripts are how these tests say what to run */
	c.shellc_opaque = OPAQUE_ALLOW;
	buf_init(&b, AGENTSH_CONF_MAX);
	conf_put(&b, &c);
	conf.conf = b.data;
	conf.conf_len = b.len;
	msg_send_sys_conf(d.execd, 0, &conf, NULL);
	buf_free(&b);
}

void
drive_session(const char *execd_path, const char *init_path, int verbose)
{
	struct msg_sys_ring ring = { .size = RING_SIZE };
	struct msg_policy_image image;
	struct msg_sys_start go;
	int privd[2], sess[2], fs[2], policyd[2], init[2], fds[3], fd;

	if (chan_pair(privd) == -1 || chan_pair(sess) == -1 ||
	    chan_pair(fs) == -1 || chan_pair(policyd) == -1 ||
	    chan_pair(init) == -1 || ring_create(fds) == -1)
		die("socketpair");
	start_init(init[1], init_path);
	close(init[1]);
	start_execd(privd[1], execd_path, verbose > 1 ? "-v" : NULL);
	close(privd[1]);
	d.execd = chan_new(privd[0], ROLE_PRIVD, ROLE_EXECD, handlers, NULL);
	d.sess = chan_new(sess[0], ROLE_SESSIOND, ROLE_EXECD, handlers, NULL);
	d.fs = chan_new(fs[0], ROLE_FSD, ROLE_EXECD, handlers, NULL);
	/* nobody asks: no policy here has anything approved */
	d.policyd = chan_new(policyd[0], ROLE_POLICYD, ROLE_EXECD, handlers,
	    NULL);
	greet_execd(verbose);
	send_chan(ROLE_SESSIOND, sess[1]);
	send_chan(ROLE_FSD, fs[1]);
	send_chan(ROLE_POLICYD, policyd[1]);
	send_chan(ROLE_INIT, init[0]);
	msg_send_sys_ring(d.execd, 0, &ring, fds);
	fd = policy_image();
	msg_send_policy_image(d.execd, 0, &image, &fd);
	close(fd);
	send_namespaces();
	msg_send_sys_start(d.execd, 0, &go, NULL);
	if (ring_map(&d.ring, fds, RING_SIZE) == -1)
		die("ring");
	drive_pump(5000, &d.ready);
}

size_t
drive_fds(pid_t pid)
{
	char path[64];
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/* Our number for a process that the session calls inner; 0: none. */
pid_t
drive_outer_pid(uint32_t inner)
{
	char path[300], line[256];
	struct dirent *de;
	pid_t found = 0;
	unsigned a, b;
	DIR *dir = opendir("/proc");
	FILE *fp;
	int parent = 0;

	while (dir != NULL && found == 0 && (de = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "/proc/%s/status", de->d_name);
		if (de->d_name[0] < '1' || de->d_name[0] > '9' ||
		    (fp = fopen(path, "re")) == NULL)
			continue;
		while (fgets(line, sizeof(line), fp) != NULL) {
			(void)sscanf(line, "PPid: %d", &parent);
			if (sscanf(line, "NSpid: %u %u", &a, &b) == 2 &&
			    b == inner && parent == d.init_pid)
				found = (pid_t)a;
		}
		fclose(fp);
	}
	if (dir != NULL)
		closedir(dir);
	return found;
}

/* Processes of the session that have a word in their command line. */
int
drive_marked(const char *word)
{
	char script[256];

	snprintf(script, sizeof(script),
	    "n=0; for p in /proc/[0-9]*; do [ $p = /proc/$$ ] && continue;"
	    " grep -qs %.2s[%c]%s $p/cmdline && n=$((n+1)); done; exit $n",
	    word, word[2], word + 3);
	return (int)drive_sh(script)->exit.exit_code;
}
