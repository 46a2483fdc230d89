/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that the policy denies, by other ways than their name.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attack.h"

#define ATTACK_PATH 4200

static bool
opens(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return false;
	close(fd);
	return true;
}

enum end
attack_A19(void)
{
	static const char *const magic[] = { "/proc/self/cwd/secret",
		"/proc/thread-self/cwd/secret", "/proc/self/task/../cwd/secret",
		"/dev/fd/9/secret", "/proc/self/fd/9/secret",
		"/dev/fd/9/../secret" };
	char path[ATTACK_PATH], cwd[4096];
	size_t i;
	int dir = open(".", O_PATH | O_DIRECTORY), fd;

	if (dir == -1 || dup2(dir, 9) == -1 || getcwd(cwd, sizeof(cwd)) == NULL)
		return untried("nothing was tried: %s", strerror(errno));
	for (i = 0; i < sizeof(magic) / sizeof(magic[0]); i++) {
		if (opens(magic[i]))
			return escaped("%s", magic[i]);
	}
	snprintf(path, sizeof(path), "/proc/self/root%s/secret", cwd);
	if (opens(path))
		return escaped("%s", path);
	/* a descriptor that may not be read, opened again */
	fd = open("secret", O_PATH | O_CLOEXEC);
	if (fd != -1) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (opens(path))
			return escaped("%s", path);
	}
	fd = open("kept", O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd == -1)
		return untried("kept cannot be read: nothing was tried");
	return open(path, O_WRONLY | O_CLOEXEC) != -1 ?
	    escaped("kept opened again to be written") :
	    stopped("%s", strerror(errno));
}

enum end
attack_A26(void)
{
	struct stat before, after;

	if (stat("kept", &before) == -1 || before.st_size == 0)
		return untried("kept is not there: nothing was tried");
	if (open("kept", O_WRONLY | O_TRUNC | O_CLOEXEC) != -1 ||
	    open("kept", O_RDONLY | O_TRUNC | O_CLOEXEC) != -1 ||
	    truncate("kept", 0) == 0)
		return escaped("kept is opened");
	if (stat("kept", &after) == -1 || after.st_size != before.st_size)
		return escaped("kept was emptied");
	if (open("kept.d/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) != -1 ||
	    mkdir("kept.d/new", 0700) == 0 || access("kept.d/new", F_OK) == 0)
		return escaped("something new in kept.d");
	return stopped("neither emptied nor made");
}

/* What sh(1) does with a script, and what it printed. */
static int
shell(const char *script, char *out, size_t size)
{
	char command[256];
	size_t n;
	FILE *fp;
	int fds[2];

	snprintf(command, sizeof(command), "%s", script);
	if (pipe(fds) == -1)
		return -1;
	if (fork() == 0) {
		dup2(fds[1], 1);
		close(fds[0]);
		close(fds[1]);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	fp = fdopen(fds[0], "r");
	if (fp == NULL)
		return -1;
	n = fread(out, 1, size - 1, fp);
	out[n] = '\0';
	fclose(fp);
	return 0;
}

enum end
attack_B09(void)
{
	static const char *const scripts[] = {
		"while read x; do echo \"$x\"; done <secret",
		"exec 5<secret; read x <&5; echo \"$x\"",
		"(echo worse >kept) && cat kept",
		"exec 5>>kept && echo worse >&5; cat kept",
		": >kept.d/made; echo kept.d/*",
		"cat <<E\n$(while read x; do echo \"$x\"; done <secret)\nE\n",
	};
	static const char *const shown[] = { "hidden", "hidden", "worse",
		"worse", "made", "hidden" };
	char out[4096];
	size_t i;

	/* it is there, and does what it is told */
	if (shell("echo here; while read x; do echo \"$x\"; done <kept", out,
		sizeof(out)) == -1 ||
	    strstr(out, "here\nas it was") == NULL)
		return untried("no shell: nothing was tried");
	for (i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		if (shell(scripts[i], out, sizeof(out)) == -1 ||
		    strstr(out, shown[i]) != NULL)
			return escaped("%s", scripts[i]);
	}
	return stopped("nothing read, nothing written");
}
