/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries ways out of a session, those of rows.def.
 *
 * usage: attack id [arg]
 *        attack list
 *
 * Prints "id stopped|escaped|absent why"; the exit status is 0, 1 or 77,
 * and 2 where it could not be tried. By the
 * name "denied" it is the program that must not run.
 *
 * It refuses to run where it could do harm: anywhere but in a session, or in a
 * user namespace that was made for it.
 */
#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attack.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ATTACK_SECONDS 60

/* clang-format off */
static const struct {
	const char *id;
	enum end (*fn)(void);
} attacks[] = {
#define ROW(id, title, layer, how, arg) ROW_##how(id)
#define ROW_ATTACK(id) { #id, attack_##id },
#include "rows.def"
};
/* clang-format on */

const char *attack_arg = "";
static const char *id;

static void __attribute__((format(printf, 2, 0)))
say(const char *end, const char *fmt, va_list ap)
{
	printf("%s %s ", id, end);
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
}

enum end
stopped(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("stopped", fmt, ap);
	va_end(ap);
	return STOPPED;
}

enum end
escaped(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("escaped", fmt, ap);
	va_end(ap);
	return ESCAPED;
}

enum end
untried(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("untried", fmt, ap);
	va_end(ap);
	return UNTRIED;
}

enum end
absent(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("absent", fmt, ap);
	va_end(ap);
	return ABSENT;
}

enum end
must_fail(const char *what, long n)
{
	if (n == -1)
		return stopped("%s: %s", what, strerror(errno));
	return escaped("%s succeeds", what);
}

/* In a process of its own: one that is killed for it was stopped. */
static int run_apart(enum end (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == -1)
		return untried("cannot fork: nothing was tried");
	if (pid == 0) {
		alarm(ATTACK_SECONDS);
		_exit(fn());
	}
	if (waitpid(pid, &status, 0) != pid)
		return untried("cannot wait: nothing is known");
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	if (WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGKILL ||
	    WTERMSIG(status) == SIGSEGV)
		return stopped("killed by signal %d", WTERMSIG(status));
	return untried("ended by signal %d", WTERMSIG(status));
}

static bool
is_in_session(void)
{
	return prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER &&
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

/* The machine's own namespace maps all ids. */
static bool
is_in_user_namespace(void)
{
	char map[256] = "";
	int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		return false;
	n = read(fd, map, sizeof(map) - 1);
	close(fd);
	return n > 0 && strstr(map, "4294967295") == NULL;
}

static int
denied(void)
{
	int fd = open("RAN", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return fd == -1 ? 41 : 42;
}

int
main(int argc, char **argv)
{
	char exe[4096] = "";
	size_t i;

	/* whatever argv says, and under any name that a copy has */
	if (argc > 1 && strcmp(argv[1], "run") == 0)
		return denied();
	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 6 &&
	    strcmp(exe + strlen(exe) - 7, "/denied") == 0)
		return denied();
	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: attack id [arg] | list\n");
		return 2;
	}
	if (!is_in_session() && !is_in_user_namespace()) {
		fprintf(stderr,
		    "attack: neither in a session nor in a user"
		    " namespace: nothing is tried\n");
		return 2;
	}
	id = argv[1];
	attack_arg = argc == 3 ? argv[2] : "";
	for (i = 0; i < COUNT(attacks); i++) {
		if (strcmp(id, "list") == 0)
			puts(attacks[i].id);
		else if (strcmp(id, attacks[i].id) == 0)
			return run_apart(attacks[i].fn);
	}
	if (strcmp(id, "list") == 0)
		return 0;
	fprintf(stderr, "attack: no row %s\n", id);
	return 2;
}
