/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts the user's own server in the background and waits until it accepts.
 * A lock keeps two calls from starting two; the log's new lines are shown when
 * it dies instead.
 */
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "autostart.h"
#include "cli.h"
#include "clock.h"

#define START_MS 10000
#define TAIL_BYTES 4096
#define LOG_MAX 1048576 /* bytes; a longer log begins anew with a new server */

static void
nap(void)
{
	struct timespec ts = { .tv_nsec = 10000000 };

	nanosleep(&ts, NULL);
}

/* $XDG_STATE_HOME/agentsh, made where missing. */
static int
state_dir(char *dst, size_t size)
{
	const char *base = secure_getenv("XDG_STATE_HOME");
	const char *home = secure_getenv("HOME");
	struct passwd *pw;
	char *p;
	int n;

	if (base != NULL && base[0] == '/')
		n = snprintf(dst, size, "%s/agentsh", base);
	else {
		if (home == NULL || home[0] != '/') {
			pw = getpwuid(geteuid());
			if (pw == NULL)
				return -1;
			home = pw->pw_dir;
		}
		n = snprintf(dst, size, "%s/.local/state/agentsh", home);
	}
	if (n <= 0 || (size_t)n >= size)
		return -1;
	for (p = dst + 1; (p = strchr(p, '/')) != NULL; *p++ = '/') {
		*p = '\0';
		if (mkdir(dst, 0700) == -1 && errno != EEXIST) {
			*p = '/';
			return -1;
		}
	}
	return mkdir(dst, 0700) == -1 && errno != EEXIST ? -1 : 0;
}

static int
open_state(const char *dir, const char *name, int flags)
{
	char path[PATH_MAX];
	int n;

	n = snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(path, flags | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* The log, of which one that is too long is kept under another name. */
static int
open_log(const char *dir)
{
	char path[PATH_MAX], old[PATH_MAX + 8];
	struct stat st;
	int fd;

	fd = open_state(dir, "agentshd.log", O_RDWR | O_APPEND);
	if (fd == -1 || fstat(fd, &st) == -1 || st.st_size <= LOG_MAX)
		return fd;
	snprintf(path, sizeof(path), "%s/agentshd.log", dir);
	snprintf(old, sizeof(old), "%s.old", path);
	if (rename(path, old) == -1)
		return fd;
	close(fd);
	return open_state(dir, "agentshd.log", O_RDWR | O_APPEND);
}

/* Whoever holds it starts the server; we then find that one. */
static int
lock_wait(int fd, uint64_t deadline)
{
	while (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -1;
		if (clock_ms() >= deadline) {
			errno = ETIMEDOUT;
			return -1;
		}
		nap();
	}
	return 0;
}

static bool
is_up(const struct server *s)
{
	struct client_error e;
	char dir[PATH_MAX];
	int fd;

	if (server_own_dir(dir, sizeof(dir)) == -1 ||
	    server_own_dir_check(dir) != 1 ||
	    client_connect(s, clock_ms() + 1000, &fd, &e) != CLIENT_OK)
		return false;
	close(fd);
	return true;
}

/*
 * In the child. A session of its own detaches it from the terminal; it stays
 * our child so that its death is noticed while we wait, and is init's after.
 */
static void __attribute__((noreturn))
become_server(const char *path, int log_fd)
{
	char *argv[] = { (char *)(uintptr_t) "agentshd",
		(char *)(uintptr_t) "-d", NULL };
	sigset_t none;
	int null_fd;

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd == -1 || dup2(null_fd, STDIN_FILENO) == -1 ||
	    dup2(log_fd, STDOUT_FILENO) == -1 ||
	    dup2(log_fd, STDERR_FILENO) == -1 || chdir("/") == -1 ||
	    close_range(3, ~0U, 0) == -1)
		_exit(EXIT_NOSTART);
	execv(path, argv);
	dprintf(STDERR_FILENO, "agentsh: exec %s: %s\n", path, strerror(errno));
	_exit(EXIT_NOSTART);
}

/* The end of what was logged since the start. */
static void
show_log(int fd, off_t from)
{
	char text[TAIL_BYTES + 1], *line, *next;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) == -1)
		return;
	if (st.st_size - from > TAIL_BYTES)
		from = st.st_size - TAIL_BYTES;
	n = pread(fd, text, TAIL_BYTES, from);
	if (n <= 0)
		return;
	text[n] = '\0';
	for (line = text; line != NULL && *line != '\0'; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		say("  %s", line);
	}
}

/* 0 it accepts; -1 with the reason. */
static int
wait_up(const struct server *s, pid_t pid, uint64_t deadline,
    struct client_error *e)
{
	int status;

	for (;;) {
		if (is_up(s))
			return 0;
		if (waitpid(pid, &status, WNOHANG) == pid) {
			/* one that another way was started may be there now */
			if (is_up(s))
				return 0;
			if (WIFSIGNALED(status))
				snprintf(e->text, sizeof(e->text),
				    "it was killed by signal %d",
				    WTERMSIG(status));
			else
				snprintf(e->text, sizeof(e->text),
				    "it ended with status %d",
				    WEXITSTATUS(status));
			return -1;
		}
		if (clock_ms() >= deadline) {
			snprintf(e->text, sizeof(e->text),
			    "it did not listen at %s within %d seconds",
			    s->name, START_MS / 1000);
			kill(pid, SIGTERM);
			return -1;
		}
		nap();
	}
}

static int
start(const struct server *s, const char *path, int log_fd,
    struct client_error *e)
{
	struct client_error why;
	struct stat st;
	pid_t pid;

	if (fstat(log_fd, &st) == -1)
		st.st_size = 0;
	pid = fork();
	if (pid == 0)
		become_server(path, log_fd);
	if (pid == -1)
		snprintf(why.text, sizeof(why.text), "fork: %s",
		    strerror(errno));
	else if (wait_up(s, pid, clock_ms() + START_MS, &why) == 0)
		return 0;
	show_log(log_fd, st.st_size);
	snprintf(e->text, sizeof(e->text),
	    "agentshd did not start: %.300s; try `agentsh server -d`",
	    why.text);
	return -1;
}

static int
may_start(struct client_error *e)
{
	const char *in = getenv("AGENTSH_IN_SESSION");
	const char *no = getenv("AGENTSH_NO_AUTO");
	char dir[PATH_MAX];

	if (in != NULL && strcmp(in, "1") == 0) {
		snprintf(e->text, sizeof(e->text),
		    "agentsh cannot be used inside a session");
		return -1;
	}
	if (no != NULL && strcmp(no, "1") == 0) {
		snprintf(e->text, sizeof(e->text),
		    "no server runs, and AGENTSH_NO_AUTO=1 forbids to start one; "
		    "try `agentsh server -d`");
		return -1;
	}
	if (server_own_dir(dir, sizeof(dir)) == -1 ||
	    server_own_dir_check(dir) == -1) {
		snprintf(e->text, sizeof(e->text),
		    "%.300s is not a directory of yours that others cannot use; "
		    "remove it, or have it removed",
		    dir);
		return -1;
	}
	return 0;
}

int
autostart(struct client_error *e)
{
	char dir[PATH_MAX], path[PATH_MAX];
	struct server s;
	int lock_fd = -1, log_fd = -1, r = -1;

	if (may_start(e) == -1 || server_own(&s, e) == -1 ||
	    agentshd_find(path, sizeof(path), e) == -1)
		return -1;
	if (state_dir(dir, sizeof(dir)) == -1 ||
	    (lock_fd = open_state(dir, "autostart.lock", O_RDWR)) == -1)
		goto fail;
	if (lock_wait(lock_fd, clock_ms() + START_MS + 2000) == -1) {
		snprintf(e->text, sizeof(e->text),
		    "another agentsh is starting the server and does not end: %s",
		    strerror(errno));
		goto out;
	}
	if (is_up(&s))
		r = 0;
	else if ((log_fd = open_log(dir)) == -1)
		goto fail;
	else
		r = start(&s, path, log_fd, e);
	goto out;
fail:
	snprintf(e->text, sizeof(e->text),
	    "no server runs, and its log in %.300s cannot be written: %s", dir,
	    strerror(errno));
out:
	if (lock_fd != -1)
		close(lock_fd);
	if (log_fd != -1)
		close(log_fd);
	return r;
}
