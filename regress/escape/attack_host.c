/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process finds around it: other processes, devices, limits, rights and
 * objects that were there before it.
 */
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attack.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BOMB 400 /* processes: more than the pids_max of attack.sh */

/* The value of a line of /proc/self/status, or "". */
static const char *
status(const char *key)
{
	static char line[256];
	FILE *fp = fopen("/proc/self/status", "r");
	size_t n = strlen(key);

	while (fp != NULL && fgets(line, sizeof(line), fp) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, key, n) == 0 && line[n] == ':') {
			fclose(fp);
			return line + n + 1 + strspn(line + n + 1, "\t ");
		}
	}
	if (fp != NULL)
		fclose(fp);
	return "";
}

enum end
attack_A30(void)
{
	if (strcmp(status("TracerPid"), "0") != 0)
		return escaped("TracerPid is %s", status("TracerPid"));
	return strcmp(status("Seccomp"), "0") != 0 ?
	    escaped("Seccomp is %s", status("Seccomp")) :
	    stopped("nothing is seen");
}

/* The argument is the number of a process of the user, outside. */
enum end
attack_D02(void)
{
	static const char *const files[] = { "environ", "mem", "maps", "fd/0",
		"root/etc/passwd", "cwd/secret", "exe" };
	static const char *const who[] = { "1", NULL };
	char path[128];
	size_t i, k;
	const char *pid;

	for (k = 0; k < COUNT(who); k++) {
		pid = who[k] != NULL ? who[k] : attack_arg;
		for (i = 0; i < COUNT(files) && pid[0] != '\0'; i++) {
			snprintf(path, sizeof(path), "/proc/%s/%s", pid,
			    files[i]);
			if (open(path, O_RDONLY | O_CLOEXEC) != -1)
				return escaped("%s", path);
		}
	}
	return stopped("neither of pid 1 nor of the host");
}

enum end
attack_D11(void)
{
	static const char *const mine[] = { "null", "zero", "full", "random",
		"urandom", "tty", "ptmx", "pts", "shm", "fd", "stdin", "stdout",
		"stderr", "console", "mqueue" };
	struct dirent *d;
	DIR *dir = opendir("/dev");
	size_t i;
	int fd;

	if (dir == NULL)
		return stopped("/dev: %s", strerror(errno));
	while ((d = readdir(dir)) != NULL) {
		for (i = 0; i < COUNT(mine); i++) {
			if (strcmp(d->d_name, mine[i]) == 0)
				break;
		}
		if (i == COUNT(mine) && d->d_name[0] != '.')
			return escaped("/dev/%s", d->d_name);
	}
	closedir(dir);
	/* 0:0 is the one node that the kernel lets everybody make */
	if (mknod("node", S_IFCHR | 0600, makedev(0, 0)) == 0)
		return escaped("a node is made");
	fd = open("/sys/class", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd != -1 ? escaped("/sys is there") :
			  stopped("none but the usual");
}

enum end
attack_D14(void)
{
	static pid_t pids[BOMB];
	size_t n, i;

	for (n = 0; n < BOMB; n++) {
		pids[n] = fork();
		if (pids[n] == -1)
			break;
		if (pids[n] == 0) {
			for (;;)
				pause();
		}
	}
	for (i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	for (i = 0; i < n; i++)
		waitpid(pids[i], NULL, 0);
	return n == BOMB ? escaped("%zu processes", n) :
			   stopped("after %zu processes", n);
}

enum end
attack_D16(void)
{
	static const char *const files[] = { "/sys/fs/cgroup/cgroup.procs",
		"/sys/fs/cgroup/release_agent",
		"/sys/fs/cgroup/memory/cgroup.procs",
		"/sys/fs/cgroup/unified/cgroup.procs" };
	size_t i;

	for (i = 0; i < COUNT(files); i++) {
		if (access(files[i], F_OK) == 0)
			return escaped("%s", files[i]);
	}
	/* what the control may: it has a mount namespace of its own */
	return must_fail("a mount of control groups",
	    mount("none", "kept.d", "cgroup2", 0, NULL));
}

enum end
attack_D19(void)
{
	static const char *const sets[] = { "CapInh", "CapPrm", "CapEff",
		"CapBnd", "CapAmb" };
	size_t i;

	for (i = 0; i < COUNT(sets); i++) {
		if (strcmp(status(sets[i]), "0000000000000000") != 0)
			return escaped("%s is %s", sets[i], status(sets[i]));
	}
	return strcmp(status("NoNewPrivs"), "1") != 0 ?
	    escaped("rights can be gained") :
	    stopped("no right, and none to gain");
}

enum end
attack_D20(void)
{
	char cwd[4096];
	int fd;

	for (fd = 3; fd < 1024; fd++) {
		if (fcntl(fd, F_GETFD) != -1)
			return escaped("descriptor %d is open", fd);
	}
	if (getcwd(cwd, sizeof(cwd)) == NULL || cwd[0] != '/')
		return escaped("the working directory is outside");
	return stopped("none, and a directory inside");
}

enum end
attack_D21(void)
{
	struct rlimit rl = { RLIM_INFINITY, RLIM_INFINITY };
	int status_;
	pid_t pid;

	if (setrlimit(RLIMIT_CORE, &rl) == -1) {
		getrlimit(RLIMIT_CORE, &rl);
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_CORE, &rl);
	}
	pid = fork();
	if (pid == 0)
		abort();
	if (pid == -1 || waitpid(pid, &status_, 0) != pid)
		return untried("nothing was tried");
	return WCOREDUMP(status_) ? escaped("a core is dumped") :
				    stopped("no core");
}

/* The argument is the key of a segment that was made outside. */
enum end
attack_D22(void)
{
	long key = strtol(attack_arg, NULL, 0);

	if (key == 0)
		return untried("no key: nothing was tried");
	return must_fail("a segment of the host", shmget((key_t)key, 0, 0));
}
