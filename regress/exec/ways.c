/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts the commands of a file, one a line, as ways.sh wants it: by
 * posix_spawn(3), vfork(2), or clone3(2) with the memory shared, which gives way
 * to clone(2) where the kernel says that it has none, as in libc.
 *
 * usage: way-c spawn|vfork|clone3
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char *no_env[] = { "PATH=/usr/bin:/bin", NULL };
static char stack[65536] __attribute__((aligned(16)));
static volatile int failure; /* the child's, in memory that is shared */
static int clone3_errno;

static int
child(void *arg)
{
	char **v = arg;

	execve(v[0], v, no_env);
	failure = errno;
	_exit(127);
}

static pid_t
by_vfork(char **v)
{
	pid_t pid = vfork();

	if (pid == 0)
		child(v);
	return pid;
}

static pid_t
by_clone3(char **v)
{
	struct clone_args a = { .flags = CLONE_VM | CLONE_VFORK,
		.exit_signal = SIGCHLD };

	/* in a session the size is not even looked at; elsewhere it is wrong,
	 * for without a stack of its own a child must not return from here */
	if (syscall(SYS_clone3, &a, 1) == -1)
		clone3_errno = errno;
	return clone(child, stack + sizeof(stack),
	    CLONE_VM | CLONE_VFORK | SIGCHLD, v);
}

static pid_t
start(const char *how, char **v)
{
	pid_t pid = -1;

	failure = 0;
	if (strcmp(how, "vfork") == 0)
		return by_vfork(v);
	if (strcmp(how, "clone3") == 0)
		return by_clone3(v);
	failure = posix_spawn(&pid, v[0], NULL, NULL, v, no_env);
	return failure == 0 ? pid : -1;
}

int
main(int argc, char **argv)
{
	FILE *f = fopen("/workspace/cases", "r");
	char line[4096], *rest, *v[64];
	pid_t pid;
	int i, status;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (f == NULL || argc != 2)
		return 2;
	while (fgets(line, sizeof(line), f) != NULL) {
		i = 0;
		rest = line;
		rest[strcspn(rest, "\n")] = '\0';
		while (i < 62 && (v[i] = strsep(&rest, " ")) != NULL)
			i++;
		v[i] = NULL;
		printf("CASE %s\n", v[i - 1] + 1);
		status = 0;
		pid = start(argv[1], v);
		if (pid > 0)
			waitpid(pid, &status, 0);
		if (failure != 0)
			printf("END %s %s\n", v[i - 1] + 1,
			    failure == EACCES ? "EACCES" : strerror(failure));
		else
			printf("END %s %d\n", v[i - 1] + 1,
			    WEXITSTATUS(status));
	}
	if (strcmp(argv[1], "clone3") == 0 && clone3_errno != ENOSYS)
		printf("clone3: %s\n", strerror(clone3_errno));
	return 0;
}
