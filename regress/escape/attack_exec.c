/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that the policy denies, by other ways than its name. It ran where
 * the file "RAN" is there afterwards.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attack.h"

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif
#define ATTACK_PATH 4200
#define ASKS 600

static char *no_words[] = { NULL };
static char run_word[] = "run";

/* Did it run? Looks for what it leaves, and removes that. */
static bool
ran(void)
{
	return unlink("RAN") == 0;
}

static void
wait_all(void)
{
	while (wait(NULL) != -1 || errno == EINTR)
		;
}

static bool
runs_as(const char *path, const char *name)
{
	char word[256], *argv[] = { word, run_word, NULL };

	snprintf(word, sizeof(word), "%s", name);
	if (fork() == 0) {
		execve(path, argv, no_words);
		_exit(127);
	}
	wait_all();
	return ran();
}

static bool
runs(const char *path)
{
	return runs_as(path, path);
}

static bool
runs_descriptor(int fd)
{
	char *argv[] = { run_word, run_word, NULL };

	if (fork() == 0) {
		syscall(SYS_execveat, fd, "", argv, no_words, AT_EMPTY_PATH);
		_exit(127);
	}
	wait_all();
	return ran();
}

static int
copy_to(int to)
{
	char buf[65536];
	ssize_t n = -1;
	int from = open("denied", O_RDONLY | O_CLOEXEC);

	if (from == -1 || to == -1)
		return -1;
	while ((n = read(from, buf, sizeof(buf))) > 0) {
		if (write(to, buf, (size_t)n) != n)
			return -1;
	}
	close(from);
	return n == 0 ? 0 : -1;
}

/* One that is killed while it asks, again and again, and others get its number;
 * some are left alive, so that it runs where nobody decides. */
enum end
attack_A09(void)
{
	char word[] = "denied", *argv[] = { word, run_word, NULL };
	unsigned i;
	pid_t pid;

	for (i = 0; i < ASKS; i++) {
		pid = fork();
		if (pid == 0) {
			execve("./denied", argv, no_words);
			_exit(127);
		}
		if (i % 4 != 0) {
			usleep(i * 7 % 300);
			kill(pid, SIGKILL);
		}
		if (fork() == 0)
			_exit(0);
		if (i % 16 == 0)
			wait_all();
	}
	wait_all();
	return ran() ? escaped("it runs") : stopped("in %d execs", ASKS);
}

enum end
attack_B01(void)
{
	char path[ATTACK_PATH], cwd[4096];

	if (getcwd(cwd, sizeof(cwd)) == NULL)
		return untried("nothing was tried: %s", strerror(errno));
	snprintf(path, sizeof(path), "/proc/self/root%s/denied", cwd);
	if (runs(path))
		return escaped("%s", path);
	return runs("/proc/self/cwd/denied") ?
	    escaped("/proc/self/cwd/denied") :
	    stopped("not by /proc/self/root");
}

enum end
attack_B02(void)
{
	int fd = open("fine", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

	if (copy_to(fd) == -1)
		return stopped("no copy is made: %s", strerror(errno));
	close(fd);
	return runs("./fine") ? escaped("the copy runs") :
				stopped("the copy does not run");
}

enum end
attack_B04(void)
{
	char script[] = "sh -c 'sh -c ./denied; :'; :";
	char sh[] = "sh", c[] = "-c", *argv[] = { sh, c, script, NULL };

	if (fork() == 0) {
		execve("/bin/sh", argv, no_words);
		_exit(127);
	}
	wait_all();
	return ran() ? escaped("from the shell of a shell") :
		       stopped("not from the shell of a shell");
}

enum end
attack_B05(void)
{
	int fd = memfd_create("x", MFD_CLOEXEC);
	char path[64];

	if (copy_to(fd) == -1)
		return stopped("no copy in memory: %s", strerror(errno));
	if (runs_descriptor(fd))
		return escaped("execveat of a memfd");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return runs(path) ? escaped("%s of a memfd", path) :
			    stopped("a memfd is not executed");
}

enum end
attack_B06(void)
{
	if (runs_descriptor(open("denied", O_PATH)))
		return escaped("a descriptor of O_PATH");
	return runs_descriptor(open("denied", O_RDONLY)) ?
	    escaped("a descriptor") :
	    stopped("no descriptor is executed");
}

enum end
attack_B07(void)
{
	unlink("link");
	if (link("denied", "link") == -1)
		return stopped("no link is made: %s", strerror(errno));
	return runs("./link") ? escaped("the link runs") :
				stopped("the link does not run");
}

enum end
attack_B10(void)
{
	static const char *const scripts[] = { "true & ./denied",
		"true; ./denied", "echo $(./denied)", "echo `./denied`",
		"(./denied)", "{ ./denied; }", "true\n./denied\n",
		"x=den; ./${x}ied", "cat <<E\n$(./denied)\nE",
		"f() { ./denied; }; f", "eval './den''ied'",
		"true && ./denied || ./denied", "! ./denied",
		"trap ./denied EXIT", "command ./denied", "exec ./denied",
		". /dev/null; ./denied", "echo ./denied | sh" };
	char script[256], sh[] = "sh", c[] = "-c";
	char *argv[] = { sh, c, script, NULL };
	size_t i;

	for (i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		snprintf(script, sizeof(script), "%s", scripts[i]);
		if (fork() == 0) {
			execve("/bin/sh", argv, no_words);
			_exit(127);
		}
		wait_all();
		/* what runs in the background has no wait of its own */
		usleep(20000);
		if (ran())
			return escaped("%s", scripts[i]);
	}
	return stopped("in %zu scripts", sizeof(scripts) / sizeof(scripts[0]));
}

enum end
attack_B11(void)
{
	static const char *const paths[] = { "./denied", "denied", ".//denied",
		"././denied", "kept.d/../denied", "kept.d/.././/denied" };
	char path[ATTACK_PATH], cwd[4096];
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (runs(paths[i]))
			return escaped("%s", paths[i]);
	}
	if (getcwd(cwd, sizeof(cwd)) == NULL)
		return untried("nothing was tried: %s", strerror(errno));
	snprintf(path, sizeof(path), "/..//.%s//denied", cwd);
	return runs(path) ? escaped("%s", path) : stopped("in no spelling");
}

enum end
attack_B12(void)
{
	static const char *const names[] = { "true", "-true", "", "/bin/true",
		"busybox", "sh" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (runs_as("./denied", names[i]))
			return escaped("as \"%s\"", names[i]);
	}
	return stopped("by no other argv[0]");
}

enum end
attack_B16(void)
{
	static char env[][40] = { "AGENTSH_IN_SESSION=1",
		"AGENTSH_SESSION_ID=other", "AGENTSH_NO_AUTO=1",
		"AGENTSH_SERVER=unix:///none", "AGENTSH_SHIM_INSTALL=off" };
	char *envp[] = { env[0], env[1], env[2], env[3], env[4], NULL };
	char name[] = "denied", *argv[] = { name, run_word, NULL };

	if (fork() == 0) {
		execve("./denied", argv, envp);
		_exit(127);
	}
	wait_all();
	return ran() ? escaped("by a variable") : stopped("by no variable");
}

enum end
attack_B19(void)
{
	/* this program is static, and so is what it executes */
	return runs("./denied") ? escaped("a static program executes it") :
				  stopped("nor a static program");
}
