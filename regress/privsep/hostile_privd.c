/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real agentshd, an ordinary user's or root's (hostile.sh,
 * hostile_service.sh), with a cast of our own for its helpers; one of them
 * breaks the rules. A helper of the service takes the
 * service down with status 1, and leaves no process behind: standard error,
 * which all inherit, is a pipe whose end comes with the last of them. A helper
 * of a session takes down that session only: see sessiond in hostile_cast.c.
 */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"

#define END_MS (6000 * (int)slow) /* for agentshd to end */
#define SESSIONS_MS                                                            \
	(200000 * (int)slow)	   /* for all sessions of a row of trials */
#define GONE_MS (1000 * (int)slow) /* for the last process, after agentshd */

static bool
is_service(void)
{
	return geteuid() == 0;
}

static void
exec_agentshd(int err_fd, bool config)
{
	char path[4096], home[4096], runtime[4096], state[4096], dir[4096];
	char conf[4096];
	char name[] = "agentshd", f[] = "-f";
	char *argv[] = { name, config || is_service() ? f : NULL, conf, NULL };
	char *envp[] = { home, runtime, state, dir, NULL, NULL, NULL };
	int null = open("/dev/null", O_RDWR);

	snprintf(path, sizeof(path), "%s/agentshd", helper_dir);
	snprintf(conf, sizeof(conf), "%s/config.yaml", helper_dir);
	snprintf(home, sizeof(home), "HOME=%s/home", work_dir);
	snprintf(runtime, sizeof(runtime), "XDG_RUNTIME_DIR=%s/run", work_dir);
	snprintf(state, sizeof(state), "XDG_STATE_HOME=%s/state", work_dir);
	snprintf(dir, sizeof(dir), "AGENTSH_HELPER_DIR=%s", helper_dir);
	envp[4] = (char *)(uintptr_t) "ASAN_OPTIONS=exitcode=99:detect_leaks=0";
	envp[5] = (char *)(uintptr_t) "UBSAN_OPTIONS=exitcode=99";
	dup2(null, 0);
	dup2(null, 1);
	dup2(err_fd, 2);
	execve(path, argv, envp);
	_exit(127);
}

static void
write_cue(const char *prefix, const struct trial *t)
{
	char path[4096], name[128];
	FILE *fp;

	snprintf(path, sizeof(path), "%s/" CAST_TRIAL, helper_dir);
	trial_name(name, sizeof(name), t);
	fp = fopen(path, "we");
	if (fp == NULL || fprintf(fp, "%s%s", prefix, name) < 0 ||
	    fclose(fp) == EOF)
		die(path);
	snprintf(path, sizeof(path), "%s/" CAST_SLOW, helper_dir);
	fp = fopen(path, "we");
	if (fp == NULL || fprintf(fp, "%u", slow) < 0 || fclose(fp) == EOF)
		die(path);
}

/* What is said until the last process is gone; false when one stays. */
static bool
read_log(int fd, char *log, size_t size, pid_t pid, int ms, int *st)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char drop[4096];
	size_t len = 0;
	ssize_t n = 1;

	*st = -1;
	/* the pipe ends at agentshd's end or a little later, never before */
	while (n > 0 && poll(&pfd, 1, ms) == 1) {
		if (len + 1 < size)
			n = read(fd, log + len, size - 1 - len);
		else
			n = read(fd, drop, sizeof(drop));
		if (n > 0 && len + 1 < size)
			len += (size_t)n;
	}
	log[len] = '\0';
	*st = wait_end(pid, n == 0 ? GONE_MS : 0);
	return n == 0;
}

static void
report(const struct trial *t, const char *what, const char *log)
{
	if (trial_failed(t, what))
		printf("%s", log);
}

static void
run_agentshd(const struct trial *t, int ms)
{
	static char log[65536];
	int fds[2], st;
	bool gone;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1)
		die("pipe");
	pid = fork();
	if (pid == -1)
		die("fork");
	if (pid == 0)
		exec_agentshd(fds[1], t->peer == ROLE_READCONF);
	close(fds[1]);
	gone = read_log(fds[0], log, sizeof(log), pid, ms, &st);
	close(fds[0]);
	if (st == -1 || !WIFEXITED(st) || WEXITSTATUS(st) != 1)
		report(t, ending(st), log);
	else if (!gone)
		report(t, "a process was left behind", log);
}

static void
try_service(const struct trial *t)
{
	if (trial_enough())
		return;
	write_cue("", t);
	run_agentshd(t, END_MS);
	trials++;
}

static void
read_result(const struct trial *first)
{
	char path[4096], line[1024];
	unsigned long n = 0;
	struct trial t;
	FILE *fp;

	snprintf(path, sizeof(path), "%s/" CAST_RESULT, helper_dir);
	fp = fopen(path, "re");
	while (fp != NULL && fgets(line, sizeof(line), fp) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "done ", 5) == 0) {
			n = strtoul(line + 5, NULL, 10);
			continue;
		}
		if (trial_parse(line, &t))
			trial_failed(&t, strchr(line, ' ') + 1);
		else
			trial_failed(first, line);
	}
	if (fp != NULL)
		fclose(fp);
	if (n == 0)
		trial_failed(first, "not all sessions were tried");
	unlink(path);
	trials += n;
}

/* Sessions are for users, and root's sessiond is none: connections of one to
 * the API's socket, each anew when the last was dropped. */
static void
be_client(uid_t uid)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
		.sun_path = "/run/agentsh/api.sock" };
	char c;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setgroups(0, NULL) == -1 || setresgid(uid, uid, uid) == -1 ||
	    setresuid(uid, uid, uid) == -1)
		_exit(1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
			(void)!read(fd, &c, 1);
		else
			usleep(5000);
		close(fd);
	}
}

static void
start_clients(void)
{
	const char *uid = getenv("HOSTILE_UID");
	int i;

	if (uid == NULL)
		die("HOSTILE_UID");
	for (i = 0; i < CAST_CLIENTS; i++) {
		if (fork() == 0)
			be_client((uid_t)strtoul(uid, NULL, 10));
	}
}

/* The directory is root's, the result is sessiond's. */
static void
make_result(void)
{
	const struct passwd *pw = getpwnam("_agentsh");
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/" CAST_RESULT, helper_dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1 || pw == NULL || fchown(fd, pw->pw_uid, pw->pw_gid) == -1)
		die(path);
	close(fd);
}

static void
edge(const struct trial *t)
{
	if (t->peer != ROLE_MAKER && t->peer != ROLE_EXECD &&
	    t->peer != ROLE_FSD && t->peer != ROLE_FUSEREG) {
		trial_each(t, true, false, try_service);
		return;
	}
	write_cue("all ", t);
	if (is_service())
		make_result();
	run_agentshd(t, SESSIONS_MS);
	read_result(t);
}

void
privd_trials(enum role peer)
{
	struct trial t = { .victim = ROLE_PRIVD, .peer = peer, .wrong = -1 };

	if (is_service())
		start_clients();

	for (t.when = WHEN_START; t.when < WHEN_MAX; t.when++) {
		/* who is asked something, and what is not the same twice */
		if ((t.when == WHEN_ASKED && peer != ROLE_POLICYD &&
			peer != ROLE_NETD && peer != ROLE_MAKER &&
			peer != ROLE_READCONF) ||
		    (t.when == WHEN_LATER && peer != ROLE_MAKER) ||
		    (t.when == WHEN_RUN && peer == ROLE_READCONF))
			continue;
		trial_run(&t, edge);
	}
}
