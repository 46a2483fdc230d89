/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc and /dev of a session: what programs expect, nothing that reaches the
 * host. Which parts of proc are covered is a table; they are covered before
 * the session's first process exists.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "maker.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Part of every mount but the device nodes. */
#define ATTR_SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
/* The nodes are the host's own: read-only keeps a session of root from their
 * modes and times. It does not hinder writing to a device. */
#define ATTR_NODE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY)

static const char *const dev_nodes[] = {
	"null",
	"zero",
	"full",
	"random",
	"urandom",
	"tty",
};

static const struct {
	const char *name;
	const char *target;
} dev_links[] = {
	{ "fd", "/proc/self/fd" },
	{ "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" },
	{ "ptmx", "pts/ptmx" },
};

/* Read-only, or covered by something empty; what a kernel lacks is skipped. */
static const struct {
	const char *path;
	bool covered;
} proc_parts[] = {
	{ "/proc/sys", false },
	{ "/proc/bus", false },
	{ "/proc/fs", false },
	{ "/proc/irq", false },
	{ "/proc/mtrr", false },
	{ "/proc/dynamic_debug", true },
	{ "/proc/driver", true },
	{ "/proc/acpi", true },
	{ "/proc/asound", true },
	{ "/proc/scsi", true },
	{ "/proc/kcore", true },
	{ "/proc/keys", true },
	{ "/proc/key-users", true },
	{ "/proc/kmsg", true },
	{ "/proc/kallsyms", true },
	{ "/proc/kpagecount", true },
	{ "/proc/kpageflags", true },
	{ "/proc/kpagecgroup", true },
	{ "/proc/latency_stats", true },
	{ "/proc/sched_debug", true },
	{ "/proc/slabinfo", true },
	{ "/proc/sysrq-trigger", true },
	{ "/proc/timer_list", true },
	{ "/proc/timer_stats", true },
	{ "/proc/vmallocinfo", true },
	{ "/proc/vmcore", true },
};

struct devs {
	int fd[COUNT(dev_nodes)];
};

struct devs *
devs_collect(struct aerr *e)
{
	struct devs *d;
	char path[32];
	size_t i;

	d = calloc(1, sizeof(*d));
	if (d == NULL) {
		make_error(e, "devices");
		return NULL;
	}
	for (i = 0; i < COUNT(dev_nodes); i++) {
		snprintf(path, sizeof(path), "/dev/%s", dev_nodes[i]);
		d->fd[i] = mnt_copy(AT_FDCWD, path, ATTR_NODE);
		if (d->fd[i] == -1) {
			make_error(e, "%s of the host", path);
			free(d);
			return NULL;
		}
	}
	return d;
}

static int
dev_fill(int dev, struct devs *d, struct aerr *e)
{
	size_t i;
	int fd;

	for (i = 0; i < COUNT(dev_nodes); i++) {
		fd = openat(dev, dev_nodes[i],
		    O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);
		if (fd == -1)
			return make_error(e, "create /dev/%s", dev_nodes[i]);
		close(fd);
		if (mnt_attach(d->fd[i], dev, dev_nodes[i]) == -1)
			return make_error(e, "mount /dev/%s", dev_nodes[i]);
		close(d->fd[i]);
	}
	for (i = 0; i < COUNT(dev_links); i++) {
		if (symlinkat(dev_links[i].target, dev, dev_links[i].name) ==
		    -1)
			return make_error(e, "create /dev/%s",
			    dev_links[i].name);
	}
	if (mkdirat(dev, "pts", 0755) == -1 || mkdirat(dev, "shm", 0755) == -1)
		return make_error(e, "create /dev/pts and /dev/shm");
	return 0;
}

static int
dev_mount_beneath(int root, struct aerr *e)
{
	/* all sessions share a number of terminals, kernel.pty.max without
	 * kernel.pty.reserve, 3072: all that one user may have leave some
	 * (sessions.max_user_sessions), and each has one for every command */
	static const char *const pts_opts[] = { "newinstance", NULL, "ptmxmode",
		"0666", "mode", "0620", "max", "40", NULL };
	static const char *const shm_opts[] = { "mode", "1777", "size", "50%",
		NULL };
	int mnt;

	mnt = mnt_new("devpts", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
	    pts_opts);
	if (mnt == -1 || mnt_attach(mnt, root, "/dev/pts") == -1)
		return make_error(e, "mount /dev/pts");
	close(mnt);
	mnt = mnt_new("tmpfs", ATTR_SAFE, shm_opts);
	if (mnt == -1 || mnt_attach(mnt, root, "/dev/shm") == -1)
		return make_error(e, "mount /dev/shm");
	close(mnt);
	return 0;
}

int
dev_mount(int root, struct devs *d, struct aerr *e)
{
	static const char *const opts[] = { "mode", "0755", "size", "64k",
		NULL };
	int mnt;

	mnt = mnt_new("tmpfs", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, opts);
	if (mnt == -1 || mnt_attach(mnt, root, "/dev") == -1)
		return make_error(e, "mount /dev");
	if (dev_fill(mnt, d, e) == -1)
		return -1;
	/* of this mount alone: the nodes are devices, and pts and shm, which
	 * come now, are to be written in */
	if (mnt_set(root, "/dev", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV) == -1)
		return make_error(e, "make /dev read-only");
	close(mnt);
	return dev_mount_beneath(root, e);
}

int
empty_mount(void)
{
	static const char *const opts[] = { "mode", "0555", "size", "4k",
		NULL };

	return mnt_new("tmpfs",
	    ATTR_SAFE | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY, opts);
}

/* What a part is covered with: an empty directory, or the null device. */
static int
proc_cover(int root, const char *path)
{
	struct stat st;
	int fd;

	fd = mnt_lookup(root, path, O_PATH);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1) {
		close(fd);
		return -1;
	}
	close(fd);
	if (S_ISDIR(st.st_mode))
		return empty_mount();
	fd = mnt_lookup(root, "/dev/null", O_PATH);
	if (fd == -1)
		return -1;
	/* neither is there anything to read, nor does a write do harm */
	return mnt_copy(fd, "", ATTR_NODE);
}

static int
proc_protect(int root, const char *path)
{
	int fd;

	fd = mnt_lookup(root, path, O_PATH);
	if (fd == -1)
		return -1;
	return mnt_copy(fd, "",
	    ATTR_SAFE | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY);
}

int
proc_private(struct aerr *e)
{
	static const char *const opts[] = { "subset", "pid", NULL };
	int fd, mnt;

	mnt = mnt_new("proc", ATTR_SAFE | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY,
	    opts);
	fd = mnt == -1 ? -1 :
			 openat(mnt, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return make_error(e,
		    "a /proc (in a container it must not be masked)");
	close(mnt);
	return fd;
}

int
proc_mount(int root, struct aerr *e)
{
	size_t i;
	int mnt;

	/* read-only: /proc/PID/mem would let a process write into another, what
	 * ptrace and process_vm_writev do not let it, and change the words of
	 * a program that execd has just looked at */
	mnt = mnt_new("proc", ATTR_SAFE | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY,
	    NULL);
	if (mnt == -1 || mnt_attach(mnt, root, "/proc") == -1)
		return make_error(e,
		    "mount /proc (in a container it must not be masked)");
	close(mnt);
	for (i = 0; i < COUNT(proc_parts); i++) {
		if (proc_parts[i].covered)
			mnt = proc_cover(root, proc_parts[i].path);
		else
			mnt = proc_protect(root, proc_parts[i].path);
		if (mnt == -1 && errno == ENOENT)
			continue;
		if (mnt == -1 ||
		    mnt_attach(mnt, root, proc_parts[i].path) == -1)
			return make_error(e, "mask %s", proc_parts[i].path);
		close(mnt);
	}
	return 0;
}
