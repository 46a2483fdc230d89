/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The namespaces of one session but that of its network, which is made before
 * (netns.c), so that nobody inside owns it (user_namespaces(7)).
 */
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "maker.h"

pid_t
ns_clone(int *pidfd, int go_fd[2], int group)
{
	struct clone_args args = { 0 };
	long pid;

	/* CLONE_PARENT: privd reaps it, however maker ends */
	args.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
	    CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_PARENT | CLONE_PIDFD;
	args.pidfd = (uint64_t)(uintptr_t)pidfd;
	if (group != -1) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)group;
	}
	if (pipe2(go_fd, O_CLOEXEC) == -1)
		return -1;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	return (pid_t)pid;
}

static int
write_proc(pid_t pid, const char *file, const char *text, struct aerr *e)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return make_error(e, "%s", path);
	n = write(fd, text, strlen(text));
	if (n == -1)
		make_error(e, "write \"%s\" to %s", text, file);
	close(fd);
	return n == -1 ? -1 : 0;
}

/* The user is himself; 0, where there is one, is an id that owns nothing. */
static void
map_text(char *dst, size_t size, unsigned id, bool map_root, unsigned root)
{
	if (id == 0)
		snprintf(dst, size, "0 0 1\n");
	else if (map_root)
		snprintf(dst, size, "0 %u 1\n%u %u 1\n", root, id, id);
	else
		snprintf(dst, size, "%u %u 1\n", id, id);
}

int
ns_write_maps(pid_t pid, enum run_mode mode, const struct account *a,
    bool map_root, struct aerr *e)
{
	char text[128];
	unsigned root = 0;

	/* in MODE_USER the outer namespace has a harmless 0 already */
	if (mode == MODE_SERVICE && a->uid != 0)
		root = AGENTSH_ROOT_ID;
	map_text(text, sizeof(text), a->uid, map_root, root);
	if (write_proc(pid, "uid_map", text, e) == -1)
		return -1;
	/* leaving a group can give access: nobody inside may */
	if (write_proc(pid, "setgroups", "deny", e) == -1)
		return -1;
	map_text(text, sizeof(text), a->gid, map_root, root);
	return write_proc(pid, "gid_map", text, e);
}
