/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user namespace of an ordinary user's agentshd. Inside it the user is
 * himself, and 0 is the first of his subordinate ids (subuid(5)) where he has
 * some; newuidmap(1), which is setuid, must be run by a process outside.
 */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "privd.h"

/* First id of the user's range: name:first:count, or uid:first:count. */
static bool
first_subid(const char *file, unsigned *first)
{
	struct passwd *pw;
	char line[256], who[32];
	char *range, *end;
	unsigned long n;
	FILE *fp;
	bool found = false;

	pw = getpwuid(privd.uid);
	snprintf(who, sizeof(who), "%u", (unsigned)privd.uid);
	fp = fopen(file, "re");
	if (fp == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), fp) != NULL) {
		range = strchr(line, ':');
		if (range == NULL)
			continue;
		*range++ = '\0';
		if (strcmp(line, who) != 0 &&
		    (pw == NULL || strcmp(line, pw->pw_name) != 0))
			continue;
		n = strtoul(range, &end, 10);
		if (*end != ':' || n == 0 || n >= 4294967294UL)
			continue;
		*first = (unsigned)n;
		found = true;
	}
	fclose(fp);
	return found;
}

static void
run_newidmap(const char *tool, pid_t pid, unsigned id, unsigned first)
{
	char spid[16], sid[16], sfirst[16];
	char *const argv[] = { (char *)(uintptr_t)tool, spid, sid, sid,
		(char *)(uintptr_t) "1", (char *)(uintptr_t) "0", sfirst,
		(char *)(uintptr_t) "1", NULL };
	char *const envp[] = { NULL };

	snprintf(spid, sizeof(spid), "%d", (int)pid);
	snprintf(sid, sizeof(sid), "%u", id);
	snprintf(sfirst, sizeof(sfirst), "%u", first);
	execve(tool, argv, envp);
	_exit(127);
}

static int
newidmap(const char *tool, pid_t pid, unsigned id, unsigned first)
{
	int status;
	pid_t child;

	child = fork();
	if (child == -1)
		return -1;
	if (child == 0)
		run_newidmap(tool, pid, id, first);
	while (waitpid(child, &status, 0) == -1) {
		if (errno != EINTR)
			return -1;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* Stays outside; maps when told that the namespace is there. */
static pid_t
fork_mapper(const int go[2], unsigned first_uid, unsigned first_gid)
{
	pid_t pid, target = getpid();
	char c;

	pid = fork();
	if (pid != 0)
		return pid;
	/* so that the end of a parent that failed is the end of the file */
	close(go[1]);
	if (read(go[0], &c, 1) != 1)
		_exit(1);
	if (newidmap("/usr/bin/newuidmap", target, privd.uid, first_uid) ==
		-1 ||
	    newidmap("/usr/bin/newgidmap", target, privd.gid, first_gid) == -1)
		_exit(1);
	_exit(0);
}

static int
write_self(const char *file, const char *text)
{
	size_t len = strlen(text);
	int fd, r;

	fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	r = write(fd, text, len) == (ssize_t)len ? 0 : -1;
	close(fd);
	return r;
}

/* The one map that needs nobody's help. */
static void
map_alone(void)
{
	char text[64];

	snprintf(text, sizeof(text), "%u %u 1\n", (unsigned)privd.uid,
	    (unsigned)privd.uid);
	if (write_self("/proc/self/uid_map", text) == -1)
		probe_userns_refused(errno);
	if (write_self("/proc/self/setgroups", "deny") == -1)
		fatal("/proc/self/setgroups");
	snprintf(text, sizeof(text), "%u %u 1\n", (unsigned)privd.gid,
	    (unsigned)privd.gid);
	if (write_self("/proc/self/gid_map", text) == -1)
		fatal("/proc/self/gid_map");
}

void
outer_enter(void)
{
	unsigned first_uid, first_gid;
	int go[2], status = -1;
	pid_t mapper = -1;

	if (pipe2(go, O_CLOEXEC) == -1)
		fatal("pipe");
	if (first_subid("/etc/subuid", &first_uid) &&
	    first_subid("/etc/subgid", &first_gid) &&
	    access("/usr/bin/newuidmap", X_OK) == 0 &&
	    access("/usr/bin/newgidmap", X_OK) == 0)
		mapper = fork_mapper(go, first_uid, first_gid);
	close(go[0]);
	if (unshare(CLONE_NEWUSER) == -1)
		probe_userns_refused(errno);
	if (mapper != -1) {
		if (write(go[1], "", 1) != 1)
			fatal("newuidmap");
		while (waitpid(mapper, &status, 0) == -1 && errno == EINTR)
			continue;
	}
	close(go[1]);
	privd.has_root = status == 0;
	if (privd.has_root) {
		log_debug("uid 0 of sessions is %u", first_uid);
		return;
	}
	if (mapper != -1)
		log_warnx("newuidmap failed: no uid 0 in sessions");
	map_alone();
}
