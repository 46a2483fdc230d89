/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pid 1 of a session before it becomes init: assembles the root from fsd's
 * FUSE file system, native and hidden subtrees, and the private pieces of
 * rootmnt.def, enters it, and detaches the host's tree for good. What is taken
 * from the host is looked up with the session's user's rights.
 */
#include <sys/capability.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "maker.h"
#include "path.h"

#define ATTR_SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

enum rootmnt_kind {
	RM_PROC,
	RM_DEV,
	RM_EMPTY,
	RM_TMPFS
};

/* clang-format off */
static const struct {
	const char *path;
	enum rootmnt_kind kind;
} rootmnts[] = {
#define ROOTMNT(path, kind, what) { path, RM_##kind },
#include "rootmnt.def"
#undef ROOTMNT
};
/* clang-format on */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The new root directory may be attached at any of these. */
static const char *const staging[] = { "/tmp", "/mnt", "/run", "/proc" };

/* Descriptors taken from the host's tree while it can be seen. */
struct host {
	int fuse;
	int native[PLAN_MAX]; /* -1: fsd shows it */
	struct devs *devs;
	char *nsswitch; /* NULL: there is none */
};

/* /dev/fuse belongs to root on some hosts: opened before the change of uid,
 * but inside the user namespace, which is what the kernel compares. */
static int
open_fuse(struct aerr *e)
{
	int fd;

	fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd == -1)
		make_error(e, "/dev/fuse");
	return fd;
}

static int
become_inner_root(const struct root *r, struct aerr *e)
{
	uid_t uid = r->map_root ? 0 : r->acct->uid;
	gid_t gid = r->map_root ? 0 : r->acct->gid;

	if (setresgid(gid, gid, gid) == -1 || setresuid(uid, uid, uid) == -1)
		return make_error(e, "become uid %u of the session",
		    (unsigned)uid);
	/* a change of uid clears it */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		return make_error(e, "prctl");
	return 0;
}

/* Paths are looked up as this user from now on. The calls tell no error: what
 * they did is asked for. */
static int
look_as(uid_t uid, gid_t gid)
{
	setfsgid(gid);
	setfsuid(uid);
	if ((gid_t)setfsgid((gid_t)-1) == gid &&
	    (uid_t)setfsuid((uid_t)-1) == uid)
		return 0;
	errno = EPERM;
	return -1;
}

/* -1 with errno ENOENT and the like: not a real directory for this user. */
static int
native_copy(int hostroot, const char *path)
{
	int dir, mnt, saved;

	dir = mnt_lookup(hostroot, path, O_PATH | O_DIRECTORY);
	if (dir == -1)
		return -1;
	mnt = mnt_copy(dir, "", ATTR_SAFE | MOUNT_ATTR_RDONLY);
	saved = errno;
	close(dir);
	errno = saved;
	return mnt;
}

/* The workspace has one way in, where its own rules are asked: fsd bars its
 * place on the host, a mount would show it. */
static bool
shows_workspace(const struct root *r, const char *path)
{
	return path_is_beneath(r->workspace, path) ||
	    path_is_beneath(path, r->workspace);
}

static int
collect(const struct root *r, struct host *h, struct aerr *e)
{
	const struct plan_row *row;
	size_t i;
	int hostroot;

	hostroot = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (hostroot == -1)
		return make_error(e, "open the host's root");
	h->devs = devs_collect(e);
	if (h->devs == NULL)
		return -1;
	/* with the user's rights, so that no mount opens a way past a
	 * directory that he may not enter */
	if (look_as(r->acct->uid, r->acct->gid) == -1)
		return make_error(e, "look at the host as uid %u",
		    (unsigned)r->acct->uid);
	for (i = 0; i < r->plan->n; i++) {
		row = &r->plan->row[i];
		h->native[i] = -1;
		if (row->kind != MOUNT_NATIVE_RO ||
		    shows_workspace(r, row->path))
			continue;
		h->native[i] = native_copy(hostroot, row->path);
		if (h->native[i] == -1 && errno != ENOENT && errno != ENOTDIR &&
		    errno != ELOOP && errno != EACCES)
			return make_error(e, "bind %s", row->path);
	}
	h->nsswitch = r->has_net ? netfiles_collect() : NULL;
	close(hostroot);
	if (look_as(geteuid(), getegid()) == -1)
		return make_error(e, "look at the new root");
	return 0;
}

/* The FUSE file system, attached where it covers nothing that is needed. */
static int
mount_fuse(int fuse_fd, struct aerr *e)
{
	char fd[16], uid[16], gid[16];
	const char *opts[] = { "fd", fd, "rootmode", "40000", "user_id", uid,
		"group_id", gid, "allow_other", NULL, NULL };
	size_t i;
	int mnt;

	snprintf(fd, sizeof(fd), "%d", fuse_fd);
	snprintf(uid, sizeof(uid), "%u", (unsigned)geteuid());
	snprintf(gid, sizeof(gid), "%u", (unsigned)getegid());
	mnt = mnt_new("fuse", ATTR_SAFE, opts);
	if (mnt == -1)
		return make_error(e, "mount FUSE");
	for (i = 0; i < COUNT(staging); i++) {
		if (mnt_attach(mnt, AT_FDCWD, staging[i]) == 0)
			return mnt;
	}
	return make_error(e, "attach the root at any of /tmp /mnt /run /proc");
}

static int
mount_tmpfs(int root, const char *path, struct aerr *e)
{
	bool is_tmp = strcmp(path, "/tmp") == 0;
	const char *opts[] = { "mode", is_tmp ? "1777" : "0755", "size",
		is_tmp ? "50%" : "10%", NULL };
	int mnt;

	mnt = mnt_new("tmpfs", ATTR_SAFE, opts);
	if (mnt == -1 || mnt_attach(mnt, root, path) == -1)
		return make_error(e, "mount %s", path);
	close(mnt);
	return 0;
}

static int
mount_hidden(int root, const char *path, struct aerr *e)
{
	int mnt;

	mnt = empty_mount();
	if (mnt == -1)
		return make_error(e, "make an empty file system");
	/* fsd refuses what is no directory, or not there, by itself */
	if (mnt_attach(mnt, root, path) == -1 && errno != ENOENT &&
	    errno != ENOTDIR && errno != ELOOP && errno != EACCES)
		return make_error(e, "hide %s", path);
	close(mnt);
	return 0;
}

static int
mount_rootmnt(int root, const struct host *h, struct aerr *e)
{
	size_t i;
	int r = 0;

	/* proc borrows /dev/null to cover files */
	if (dev_mount(root, h->devs, e) == -1)
		return -1;
	for (i = 0; i < COUNT(rootmnts) && r == 0; i++) {
		switch (rootmnts[i].kind) {
		case RM_PROC:
			r = proc_mount(root, e);
			break;
		case RM_DEV:
			break;
		case RM_EMPTY:
			r = mount_hidden(root, rootmnts[i].path, e);
			break;
		case RM_TMPFS:
			r = mount_tmpfs(root, rootmnts[i].path, e);
			break;
		}
	}
	return r;
}

static int
by_length(const void *a, const void *b)
{
	const struct plan_row *const *x = a, *const *y = b;
	size_t m = strlen((*x)->path), n = strlen((*y)->path);

	return m < n ? -1 : m > n;
}

/* A parent is always shorter than what is mounted in it. */
static int
mount_plan(int root, const struct plan *plan, const struct host *h,
    struct aerr *e)
{
	const struct plan_row *rows[PLAN_MAX];
	size_t i, n;
	int mnt;

	for (i = 0; i < plan->n; i++)
		rows[i] = &plan->row[i];
	qsort(rows, plan->n, sizeof(rows[0]), by_length);
	for (i = 0; i < plan->n; i++) {
		n = (size_t)(rows[i] - plan->row);
		mnt = h->native[n];
		if (rows[i]->kind == MOUNT_HIDDEN) {
			if (mount_hidden(root, rows[i]->path, e) == -1)
				return -1;
		} else if (mnt != -1) {
			if (mnt_attach(mnt, root, rows[i]->path) == -1)
				return make_error(e, "mount %s", rows[i]->path);
			close(mnt);
		}
	}
	return 0;
}

/* pivot_root(2): stacks the old root on the new one, whence it is detached. */
static int
enter(int root, struct aerr *e)
{
	if (fchdir(root) == -1)
		return make_error(e, "enter the new root");
	if (syscall(SYS_pivot_root, ".", ".") == -1)
		return make_error(e, "pivot_root");
	if (umount2(".", MNT_DETACH) == -1)
		return make_error(e, "detach the host's tree");
	if (chdir("/") == -1)
		return make_error(e, "chdir /");
	return 0;
}

/* A workspace at its own path beneath a private directory would be covered by
 * it: a copy of fsd's view of it, to be put on top. -2: there is no need; -1 with
 * e filled. */
static int
workspace_copy(int root, const char *mount, struct aerr *e)
{
	size_t i;
	int dir, mnt;

	for (i = 0; i < COUNT(rootmnts); i++) {
		if (!path_is_beneath(mount, rootmnts[i].path))
			continue;
		if (rootmnts[i].kind != RM_TMPFS ||
		    strcmp(mount, rootmnts[i].path) == 0)
			return make_errorx(e, 400,
			    "a workspace at %s cannot show at its own path",
			    mount);
		dir = mnt_lookup(root, mount, O_PATH | O_DIRECTORY);
		mnt = dir == -1 ? -1 : mnt_copy(dir, "", ATTR_SAFE);
		if (mnt == -1)
			return make_error(e, "workspace %s", mount);
		close(dir);
		return mnt;
	}
	return -2;
}

static int
workspace_attach(int root, int mnt, const char *mount, struct aerr *e)
{
	char path[AGENTSH_PATH_MAX + 1];
	char *p;
	int dir;

	snprintf(path, sizeof(path), "%s", mount);
	for (p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		dir = mnt_lookup(root, path, O_PATH | O_DIRECTORY);
		*p = '/';
		if (dir == -1)
			return make_error(e, "create %s", mount);
		*strchrnul(p + 1, '/') = '\0';
		if (mkdirat(dir, p + 1, 0755) == -1 && errno != EEXIST)
			return make_error(e, "create %s", mount);
		close(dir);
		snprintf(path, sizeof(path), "%s", mount);
	}
	if (mnt_attach(mnt, root, mount) == -1)
		return make_error(e, "mount %s", mount);
	close(mnt);
	return 0;
}

static int
assemble(struct root *r, struct aerr *e)
{
	static const struct msg_make_device m;
	struct host h = { .fuse = -1 };
	int root, work;

	h.fuse = open_fuse(e);
	if (h.fuse == -1 || become_inner_root(r, e) == -1)
		return -1;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return make_error(e, "make the mounts private");
	if (collect(r, &h, e) == -1)
		return -1;
	if (native_hand_over(r->native, h.native, r->plan->n) == -1)
		return make_error(e, "have native mounts watched");
	root = mount_fuse(h.fuse, e);
	if (root == -1)
		return -1;
	if (fusectl_hand_over(r->privd, r->fusectl, root) == -1 ||
	    msg_send_make_device(r->privd, 0, &m, &h.fuse) == -1)
		return make_error(e, "hand over the FUSE device");
	/* fsd's death must end the file system */
	close(h.fuse);
	r->procs_fd = proc_private(e);
	if (r->procs_fd == -1)
		return -1;
	work = workspace_copy(root, r->mount, e);
	if (work == -1 || mount_rootmnt(root, &h, e) == -1 ||
	    mount_plan(root, r->plan, &h, e) == -1)
		return -1;
	if (work >= 0 && workspace_attach(root, work, r->mount, e) == -1)
		return -1;
	if (r->has_net &&
	    netfiles_mount(root, r->hostname, h.nsswitch, e) == -1)
		return -1;
	free(h.nsswitch);
	return enter(root, e);
}

/* Descriptors 0 to 4, nothing else; all capabilities of this namespace. The
 * channel to privd ends here, so there is only stderr to complain to. */
static void
exec_init(const struct root *r)
{
	static char name[] = "init";
	char *argv[] = { name, NULL }, *envp[] = { NULL };
	unsigned fd;
	int dup, procs;

	procs = fcntl(r->procs_fd, F_DUPFD_CLOEXEC, AGENTSH_PROC_FD + 2);
	dup = fcntl(r->init_fd, F_DUPFD_CLOEXEC, AGENTSH_PROC_FD + 2);
	if (dup == -1 || procs == -1)
		fatal("descriptors of init");
	fd = (unsigned)dup;
	if (dup2(r->socket_fd, AGENTSH_PARENT_FD) == -1 ||
	    dup2(procs, AGENTSH_PROC_FD) == -1 ||
	    close_range(AGENTSH_PROC_FD + 1, fd - 1, 0) == -1 ||
	    close_range(fd + 1, ~0U, 0) == -1)
		fatal("descriptors of init");
	execveat(dup, "", argv, envp, AT_EMPTY_PATH);
	fatal("exec init");
}

/* A uid other than 0 keeps its capabilities over an exec this way only. */
static int
keep_capabilities(struct aerr *e)
{
	cap_t caps;
	cap_value_t c;

	caps = cap_get_proc();
	if (caps == NULL)
		return make_error(e, "capabilities");
	for (c = 0; c < cap_max_bits(); c++) {
		if (cap_set_flag(caps, CAP_INHERITABLE, 1, &c, CAP_SET) == -1)
			return make_error(e, "capabilities");
	}
	if (cap_set_proc(caps) == -1)
		return make_error(e, "capabilities");
	cap_free(caps);
	for (c = 0; c < cap_max_bits(); c++) {
		if (cap_set_ambient(c, CAP_SET) == -1)
			return make_error(e, "capabilities");
	}
	return 0;
}

int
root_enter(struct root *r, struct aerr *e)
{
	static const struct msg_make_done m;
	int fds[4];

	if (assemble(r, e) == -1)
		return -1;
	if (sethostname(r->hostname, strlen(r->hostname)) == -1)
		return make_error(e, "set the host name");
	if (!r->map_root && r->acct->uid != 0 && keep_capabilities(e) == -1)
		return -1;
	/* fsd's, and what execd gets */
	fds[0] = fds[1] = r->procs_fd;
	fds[2] = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	fds[3] = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (fds[2] == -1 || fds[3] == -1)
		return make_error(e, "open /proc");
	if (msg_send_make_done(r->privd, 0, &m, fds) == -1 ||
	    chan_drain(r->privd, 5000) == -1)
		return make_error(e, "tell agentshd");
	close(fds[2]);
	close(fds[3]);
	exec_init(r);
	return -1;
}
