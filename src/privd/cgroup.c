/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the control groups of sessions are: beneath our own, in the hierarchy of
 * version 2, wherever that is mounted. Those of version 1 are nobody's business.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agentsh.h"
#include "cgroup.h"
#include "log.h"

#define PREFIX "agentsh-"
#define TEXT_MAX 8192

/* Of /proc/self/cgroup, the line of version 2: "0::/path". 0 or -1. */
static int
own_path(char path[AGENTSH_PATH_MAX + 1])
{
	char line[TEXT_MAX];
	FILE *fp;
	int r = -1;

	fp = fopen("/proc/self/cgroup", "re");
	if (fp == NULL)
		return -1;
	while (r == -1 && fgets(line, sizeof(line), fp) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		/* one outside of our cgroup namespace begins with /.. */
		if (strncmp(line, "0::/", 4) == 0 &&
		    strncmp(line + 3, "/..", 3) != 0 &&
		    strlen(line + 3) <= AGENTSH_PATH_MAX) {
			memcpy(path, line + 3, strlen(line + 3) + 1);
			r = 0;
		}
	}
	fclose(fp);
	return r;
}

/* Spaces and the like are octal in mountinfo, proc_pid_mountinfo(5). */
static void
unescape(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' &&
		    s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 +
			    (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* The directory of the group by this mount, or -1: it is none of version 2, or
 * does not show the group. */
static int
open_by(char *line, const char *path)
{
	char full[2 * AGENTSH_PATH_MAX + 2];
	char *field[5], *rest = line, *type;
	size_t i, len;

	for (i = 0; i < 5; i++) {
		field[i] = strsep(&rest, " ");
		if (rest == NULL)
			return -1;
	}
	type = strstr(rest, " - ");
	if (type == NULL || strncmp(type + 3, "cgroup2 ", 8) != 0)
		return -1;
	unescape(field[3]);
	unescape(field[4]);
	len = strcmp(field[3], "/") == 0 ? 0 : strlen(field[3]);
	if (strncmp(path, field[3], len) != 0 ||
	    (path[len] != '/' && path[len] != '\0') ||
	    strlen(field[4]) > AGENTSH_PATH_MAX)
		return -1;
	snprintf(full, sizeof(full), "%s%s", field[4], path + len);
	return open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int
cgroup_open_own(void)
{
	char path[AGENTSH_PATH_MAX + 1], line[TEXT_MAX];
	FILE *fp;
	int fd = -1;

	if (own_path(path) == -1) {
		errno = ENOENT;
		return -1;
	}
	fp = fopen("/proc/self/mountinfo", "re");
	if (fp == NULL)
		return -1;
	while (fd == -1 && fgets(line, sizeof(line), fp) != NULL)
		fd = open_by(line, path);
	fclose(fp);
	if (fd == -1)
		errno = ENOENT;
	return fd;
}

void
cgroup_name(char name[CGROUP_NAME_MAX], pid_t agentshd, uint64_t session)
{
	snprintf(name, CGROUP_NAME_MAX, PREFIX "%d-%" PRIu64, (int)agentshd,
	    session);
}

/* One that has processes stays: the kernel says EBUSY. */
static void
sweep_one(int dir, const char *name)
{
	struct stat st;
	char proc[64];
	char *end;
	long pid;

	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
		return;
	pid = strtol(name + strlen(PREFIX), &end, 10);
	if (*end != '-' || pid <= 0)
		return;
	snprintf(proc, sizeof(proc), "/proc/%ld", pid);
	if (pid != getpid() && stat(proc, &st) == 0)
		return;
	if (unlinkat(dir, name, AT_REMOVEDIR) == -1 && errno != ENOENT)
		log_warn("control group %s, of an earlier session", name);
}

void
cgroup_sweep(int dir)
{
	const struct dirent *d;
	DIR *dp;
	int fd;

	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (dp = fdopendir(fd)) == NULL) {
		log_warn("control groups of earlier sessions");
		if (fd != -1)
			close(fd);
		return;
	}
	while ((d = readdir(dp)) != NULL)
		sweep_one(dir, d->d_name);
	closedir(dp);
}
