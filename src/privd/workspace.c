/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The account of a session and its workspace. The account comes from the
 * host's database by uid, never from a message. The workspace's path is the
 * client's: it is resolved and opened by a process that has no more rights
 * than that client.
 */
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maker.h"
#include "path.h"
#include "pseudofs.h"

static int
account_groups(struct account *a, const char *name, struct aerr *e)
{
	int n = AGENTSH_GROUPS_MAX;

	if (getgrouplist(name, a->gid, a->groups, &n) == -1)
		return make_errorx(e, 403, "user %s is in more than %d groups",
		    name, AGENTSH_GROUPS_MAX);
	a->ngroups = (size_t)n;
	return 0;
}

int
account_lookup(struct account *a, enum run_mode mode, uid_t uid, gid_t gid,
    struct aerr *e)
{
	struct passwd *pw;

	memset(a, 0, sizeof(*a));
	a->uid = uid;
	a->gid = gid;
	errno = 0;
	pw = getpwuid(uid);
	if (pw == NULL && mode == MODE_SERVICE)
		return make_errorx(e, 403, "uid %u has no account here",
		    (unsigned)uid);
	if (pw == NULL) {
		/* a user without an account runs us: that is good enough */
		snprintf(a->user, sizeof(a->user), "%u", (unsigned)uid);
		snprintf(a->home, sizeof(a->home), "/");
		return 0;
	}
	if (strlen(pw->pw_name) >= sizeof(a->user) ||
	    strlen(pw->pw_dir) >= sizeof(a->home) || pw->pw_dir[0] != '/')
		return make_errorx(e, 403, "the account of uid %u is unusable",
		    (unsigned)uid);
	snprintf(a->user, sizeof(a->user), "%s", pw->pw_name);
	snprintf(a->home, sizeof(a->home), "%s", pw->pw_dir);
	if (mode == MODE_USER)
		return 0; /* keeps the groups it was started with */
	a->gid = pw->pw_gid;
	return account_groups(a, pw->pw_name, e);
}

/* From here on the process is the session's user, for good. */
static int
become(enum run_mode mode, const struct account *a)
{
	cap_t none;
	int r;

	if (mode == MODE_SERVICE &&
	    (setgroups(a->ngroups, a->groups) == -1 ||
		setresgid(a->gid, a->gid, a->gid) == -1 ||
		setresuid(a->uid, a->uid, a->uid) == -1))
		return -1;
	none = cap_init();
	if (none == NULL)
		return -1;
	r = cap_set_proc(none);
	cap_free(none);
	return r;
}

/* The user's own trash beneath the service's. Only root's group can make names
 * there, so a process of that user does it with that group and no other. */
static int
trash_make(const struct account *a, int dir_fd, struct aerr *e)
{
	static const gid_t root;
	char name[16];
	int status = -1;
	pid_t pid;

	snprintf(name, sizeof(name), "%u", (unsigned)a->uid);
	if (faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	pid = fork();
	if (pid == -1)
		return make_error(e, "fork");
	if (pid == 0) {
		umask(077);
		if (setgroups(1, &root) == -1 ||
		    setresgid(a->gid, a->gid, a->gid) == -1 ||
		    setresuid(a->uid, a->uid, a->uid) == -1)
			_exit(errno);
		_exit(mkdirat(dir_fd, name, 0700) == -1 && errno != EEXIST ?
			errno :
			0);
	}
	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			break;
	}
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	return errno == 0 ? 0 : make_error(e, "make the trash of uid %s", name);
}

/* As the user. Nobody else may write there, or read. */
static int
trash_open_own(enum run_mode mode, const struct account *a, int dir_fd,
    struct aerr *e)
{
	char name[16] = ".";
	struct stat st;
	int fd;

	if (mode == MODE_SERVICE)
		snprintf(name, sizeof(name), "%u", (unsigned)a->uid);
	fd = openat(dir_fd, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		return make_error(e, "the trash of uid %u", (unsigned)a->uid);
	if (st.st_uid != a->uid || (st.st_mode & 077) != 0)
		return make_errorx(e, 500,
		    "the trash of uid %u is not that user's alone: chown, chmod 0700",
		    (unsigned)a->uid);
	return fd;
}

/* The path of a directory that is open; -1 when it has none. */
static int
real_path(int fd, char real[PATH_MAX])
{
	char name[32];
	struct stat st;
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = readlink(name, real, PATH_MAX - 1);
	/* a directory outside our root, or one that is gone, has no path */
	if (n <= 0 || n >= PATH_MAX - 1 || real[0] != '/' ||
	    fstat(fd, &st) == -1 || st.st_nlink == 0)
		return -1;
	real[n] = '\0';
	return 0;
}

/* The path is resolved once, by the open; its real form is that of the
 * directory held, not of a second walk. */
static int
open_resolved(const char *workspace, char real[PATH_MAX], struct aerr *e)
{
	int fd;

	if (workspace[0] != '/')
		return make_errorx(e, 400,
		    "workspace %s is not an absolute path", workspace);
	fd = open(workspace, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1) {
		make_error(e, "workspace %s", workspace);
		e->http = 400;
		return -1;
	}
	if (real_path(fd, real) == -1)
		return make_errorx(e, 400, "workspace %s has no real path",
		    workspace);
	if (strcmp(real, "/") == 0)
		return make_errorx(e, 400,
		    "workspace / is refused: name the project's directory");
	if (fs_is_pseudo(fd))
		return make_errorx(e, 400,
		    "workspace %s is refused: its file system is the kernel's",
		    real);
	return fd;
}

/* A mount shows at its own path, so that is where it must be. trash: the path of
 * the user's, or "". */
static int
open_mount(const char *path, const char *trash, struct aerr *e)
{
	char real[PATH_MAX];
	bool denied;
	int fd;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1) {
		denied = errno == EACCES;
		make_error(e, "mount %s", path);
		e->http = denied ? 403 : 400;
		return -1;
	}
	if (real_path(fd, real) == -1)
		return make_errorx(e, 400, "mount %s has no real path", path);
	if (strcmp(real, path) != 0)
		return make_errorx(e, 400,
		    "mount %s is refused: it leads to %s, name that", path,
		    real);
	if (fs_is_pseudo(fd))
		return make_errorx(e, 400,
		    "mount %s is refused: its file system is the kernel's",
		    path);
	if (trash[0] != '\0' &&
	    (path_is_beneath(path, trash) || path_is_beneath(trash, path)))
		return make_errorx(e, 400,
		    "mount %s is refused: the trash is there", path);
	return fd;
}

static bool
is_same(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == -1 || fstat(b, &y) == -1 ||
	    (x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

/* In their order. Two of them, and the workspace, may also be one directory by
 * two names, by a bind mount. */
static int
open_mounts(struct chan *ch, const struct to_open *w, const char *trash,
    int fds[PROFILE_MOUNTS], struct aerr *e)
{
	struct msg_make_mounted m = { 0 };
	size_t i, j;

	for (i = 0; i < w->nmounts; i++) {
		fds[i] = open_mount(w->mounts[i], trash, e);
		if (fds[i] == -1)
			return -1;
		for (j = 0; j < i; j++) {
			if (is_same(fds[i], fds[j]))
				return make_errorx(e, 400,
				    "mounts %s and %s are one directory",
				    w->mounts[j], w->mounts[i]);
		}
		snprintf(m.path, sizeof(m.path), "%s", w->mounts[i]);
		if (msg_send_make_mounted(ch, 0, &m, &fds[i]) == -1)
			return make_error(e, "tell agentshd");
	}
	return 0;
}

static int
open_all(struct chan *ch, enum run_mode mode, const struct account *a,
    const struct to_open *w, int fds[2], char real[PATH_MAX], struct aerr *e)
{
	char trash[PATH_MAX];
	int mounts[PROFILE_MOUNTS];
	size_t i;

	fds[1] = trash_open_own(mode, a, w->trash_fd, e);
	if (fds[1] == -1)
		return -1;
	if (real_path(fds[1], trash) == -1)
		trash[0] = '\0';
	if (open_mounts(ch, w, trash, mounts, e) == -1)
		return -1;
	fds[0] = open_resolved(w->workspace, real, e);
	if (fds[0] == -1)
		return -1;
	if (trash[0] != '\0' && path_is_beneath(real, trash))
		return make_errorx(e, 400,
		    "workspace %s is refused: it is the trash", real);
	for (i = 0; i < w->nmounts; i++) {
		if (is_same(fds[0], mounts[i]))
			return make_errorx(e, 400,
			    "workspace %s and mount %s are one directory", real,
			    w->mounts[i]);
	}
	return 0;
}

static int
open_and_tell(struct chan *ch, enum run_mode mode, const struct account *a,
    const struct to_open *w)
{
	struct msg_make_opened m = { 0 };
	struct aerr e = { 0 };
	uint8_t groups[sizeof(a->groups)];
	char real[PATH_MAX];
	int fds[2] = { -1, -1 };

	if (open_all(ch, mode, a, w, fds, real, &e) == -1) {
		make_tell_failed(ch, &e);
		return -1;
	}
	m.gid = a->gid;
	snprintf(m.workspace, sizeof(m.workspace), "%s", real);
	snprintf(m.home, sizeof(m.home), "%s", a->home);
	snprintf(m.user, sizeof(m.user), "%s", a->user);
	memcpy(groups, a->groups, a->ngroups * sizeof(gid_t));
	m.groups = groups;
	m.groups_len = a->ngroups * sizeof(gid_t);
	if (msg_send_make_opened(ch, 0, &m, fds) == -1)
		return -1;
	return chan_drain(ch, 1000);
}

int
workspace_open(struct chan *ch, enum run_mode mode, const struct account *a,
    const struct to_open *w)
{
	struct aerr e = { 0 };
	int status;
	pid_t pid;

	if (mode == MODE_SERVICE && trash_make(a, w->trash_fd, &e) == -1) {
		make_tell_failed(ch, &e);
		return -1;
	}
	pid = fork();
	if (pid == -1) {
		make_error(&e, "fork");
		make_tell_failed(ch, &e);
		return -1;
	}
	if (pid == 0) {
		/* dies with maker; the change of uid would clear this */
		if (become(mode, a) == -1 ||
		    prctl(PR_SET_PDEATHSIG, SIGKILL) == -1) {
			make_error(&e, "become uid %u", (unsigned)a->uid);
			make_tell_failed(ch, &e);
			_exit(1);
		}
		_exit(open_and_tell(ch, mode, a, w) == -1);
	}
	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			return -1;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}
