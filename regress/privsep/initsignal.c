/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An execd that was taken over, and the real init: it is asked to signal what is
 * outside of its pid namespace, processes of the same user, by every way that
 * INIT_SIGNAL has. It may not, and what is inside it may.
 *
 * usage: initsignal path-of-init directory [unsealed]
 *
 * unsealed: it is to refuse a filter for the commands that can be changed.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chan.h"
#include "fdio.h"
#include "log.h"

#define WAIT_MS 10000

static struct chan *init_chan;
static pid_t init_pid, outside, inside;
static bool ready;
static int said; /* of the last question; -1: nothing */
static int bad;

static void __attribute__((noreturn)) die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(2);
}

static int
on_ready(struct chan *ch, struct imsg *im)
{
	(void)ch;
	(void)im;
	ready = true;
	return 0;
}

static int
on_signalled(struct chan *ch, struct imsg *im)
{
	struct msg_init_signalled m;

	(void)ch;
	if (msg_get_init_signalled(im, &m) == -1)
		return -1;
	said = (int)m.error;
	return 0;
}

static const struct handler handlers[] = {
	{ MSG_INIT_READY, on_ready },
	{ MSG_INIT_SIGNALLED, on_signalled },
	{ MSG_NONE, NULL },
};

/* Sleeps until it is signalled. */
static pid_t
sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	if (pid == -1)
		die("fork");
	return pid;
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
make_namespace(void)
{
	unsigned uid = getuid(), gid = getgid();
	char map[64];

	if (unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS) == -1)
		die("namespaces");
	snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	write_file("/proc/self/uid_map", map);
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "%u %u 1", gid, gid);
	write_file("/proc/self/gid_map", map);
}

static void
start_init(const char *path, const char *dir, bool sealed)
{
	static const struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K,
	    SECCOMP_RET_ALLOW);
	struct msg_init_setup m = {
		.table_hash = msg_table_hash(), .uid = getuid(), .gid = getgid()
	};
	int fds[2], fd;

	fd = sealed ? memfd_sealed("filter", &allow, sizeof(allow)) :
		      memfd_create("filter", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1 || chan_pair(fds) == -1 ||
	    (!sealed && write(fd, &allow, sizeof(allow)) != sizeof(allow)))
		die("start");
	init_pid = fork();
	if (init_pid == 0) {
		dup2(fcntl(fds[0], F_DUPFD, AGENTSH_PROC_FD + 1),
		    AGENTSH_PARENT_FD);
		dup2(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		    AGENTSH_PROC_FD);
		execl(path, "init", (char *)NULL);
		_exit(127);
	}
	close(fds[0]);
	init_chan = chan_new(fds[1], ROLE_EXECD, ROLE_INIT, handlers, NULL);
	if (init_pid == -1 || init_chan == NULL)
		die("init");
	snprintf(m.home, sizeof(m.home), "%s/home", dir);
	msg_send_init_setup(init_chan, 0, &m, &fd);
	close(fd);
	while (!ready && chan_step(init_chan, WAIT_MS) == 1)
		continue;
}

/* What init says; -1: it has ended the channel. */
static int
ask(int fd, uint32_t signo, uint32_t pid, uint32_t tid, const siginfo_t *info)
{
	struct msg_init_signal m = { .signo = signo,
		.pid = pid,
		.tid = tid,
		.info = (const uint8_t *)info,
		.info_len = info != NULL ? AGENTSH_SIGINFO : 0 };
	static const uint8_t none;

	if (info == NULL)
		m.info = &none;
	said = -1;
	msg_send_init_signal(init_chan, chan_request(init_chan, &said), &m,
	    &fd);
	while (said == -1 && chan_step(init_chan, WAIT_MS) == 1)
		continue;
	return said;
}

static void
want(const char *what, int have, int expected)
{
	if (have == expected)
		return;
	printf("%s: %d, want %d\n", what, have, expected);
	bad = 1;
}

static int
pidfd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd == -1)
		die("pidfd_open");
	return fd;
}

static int
procfd(pid_t pid)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "/proc/%d", (int)pid);
	fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		die(name);
	return fd;
}

static void
signal_outside(void)
{
	siginfo_t info = { .si_signo = SIGTERM, .si_code = SI_QUEUE };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pid_t self = getpid();

	/* the user may do it: what is tried below would work from here */
	want("from here", kill(outside, 0), 0);
	want("by a pidfd", ask(pidfd(outside), SIGTERM, 0, 0, NULL), EINVAL);
	want("with a word", ask(pidfd(outside), SIGTERM, 0, 0, &info), EINVAL);
	want("by its directory", ask(procfd(outside), SIGTERM, 0, 0, NULL),
	    EINVAL);
	want("ourselves", ask(pidfd(self), SIGTERM, 0, 0, NULL), EINVAL);
	want("a thread, by its own",
	    ask(pidfd(outside), SIGTERM, (uint32_t)outside, (uint32_t)outside,
		NULL),
	    EINVAL);
	want("a thread, by one inside",
	    ask(pidfd(inside), SIGTERM, (uint32_t)outside, (uint32_t)outside,
		NULL),
	    ESRCH);
	want("by what is none", ask(null, SIGTERM, 0, 0, NULL), EBADF);
	info.si_code = SI_USER;
	want("a lie to pid 1", ask(pidfd(init_pid), SIGTERM, 0, 0, &info),
	    EPERM);
	want("it is alive", waitpid(outside, NULL, WNOHANG), 0);
}

static void
signal_inside(void)
{
	siginfo_t info = { .si_signo = SIGTERM, .si_code = SI_QUEUE };
	int fd = pidfd(inside), status = 0;

	want("pid 1 by itself", ask(pidfd(init_pid), SIGKILL, 0, 0, NULL), 0);
	want("another number", ask(fd, SIGUSR1, 0, 0, &info), EINVAL);
	want("inside", ask(fd, SIGTERM, 0, 0, &info), 0);
	if (waitpid(inside, &status, 0) != inside)
		die("wait");
	want("it is dead", WIFSIGNALED(status) ? WTERMSIG(status) : 0, SIGTERM);
	want("again", ask(fd, SIGTERM, 0, 0, NULL), ESRCH);
	want("init", waitpid(init_pid, NULL, WNOHANG), 0);
	/* no signal; it ends the channel, and itself */
	want("signal 0", ask(fd, 0, 0, 0, NULL), -1);
	if (waitpid(init_pid, &status, 0) != init_pid)
		die("wait");
}

int
main(int argc, char **argv)
{
	log_init("initsignal");
	if (argc != 3 && argc != 4)
		return 2;
	outside = sleeper();
	make_namespace();
	start_init(argv[1], argv[2], argc == 3);
	if (argc == 4) {
		want("a filter that can be changed", ready, false);
		return bad;
	}
	if (!ready)
		die("init is not ready");
	inside = sleeper();
	signal_outside();
	signal_inside();
	kill(outside, SIGKILL);
	return bad;
}
