/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of matrix.c that name one object.
 */
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <dirent.h>

#include "matrix.h"

/* What open gives: what kind of thing, and whether it can be read and written;
 * a descriptor more is not left behind. */
static long
opened(int fd, int flags)
{
	struct stat st;
	char c;
	long what;

	if (fd == -1)
		return -1;
	what = fstat(fd, &st) == -1 ? 0 : (long)(st.st_mode & S_IFMT) / 4096;
	what = what * 10 + (S_ISREG(st.st_mode) && read(fd, &c, 1) >= 0);
	/* one that waits for the disk takes too long */
	if ((flags & O_DSYNC) == 0)
		what = what * 10 +
		    (S_ISREG(st.st_mode) && write(fd, "w", 1) == 1);
	close(fd);
	return what;
}

static long
do_open(const char *p, long flags)
{
	return opened(open(p, (int)flags | O_NONBLOCK | O_NOCTTY, 0640),
	    (int)flags);
}

static long
do_chmod(const char *p, long mode)
{
	return chmod(p, (mode_t)mode);
}

static long
do_lchmod(const char *p, long mode)
{
	return fchmodat(AT_FDCWD, p, (mode_t)mode, AT_SYMLINK_NOFOLLOW);
}

/* 0: nobody, 1: us, 2: root; user and group. */
static long
do_chown(const char *p, long who)
{
	const uid_t u[] = { (uid_t)-1, getuid(), 0 };
	const gid_t g[] = { (gid_t)-1, getgid(), 0 };

	return chown(p, u[who / 10 % 10], g[who % 10]);
}

static long
do_lchown(const char *p, long who)
{
	const uid_t u[] = { (uid_t)-1, getuid(), 0 };
	const gid_t g[] = { (gid_t)-1, getgid(), 0 };

	return lchown(p, u[who / 10 % 10], g[who % 10]);
}

static long
do_mkdir(const char *p, long mode)
{
	return mkdir(p, (mode_t)mode);
}

static long
do_mknod(const char *p, long mode)
{
	return mknod(p, (mode_t)mode, 0x103);
}

static long
do_unlinkat(const char *p, long flags)
{
	return unlinkat(AT_FDCWD, p, (int)flags);
}

static long
do_symlink(const char *p, long len)
{
	char target[8192];

	memset(target, 't', sizeof(target));
	target[len] = '\0';
	return symlink(target, p);
}

static long
do_truncate(const char *p, long len)
{
	return truncate(p, len);
}

static long
do_utimens(const char *p, long how)
{
	static const struct timespec t[][2] = {
		{ { 1000000000, 5 }, { 1100000000, 7 } },
		{ { 0, UTIME_NOW }, { 0, UTIME_NOW } },
		{ { 0, UTIME_OMIT }, { 0, UTIME_OMIT } },
		{ { 0, UTIME_OMIT }, { 1200000000, 0 } },
		{ { 0, UTIME_NOW }, { 1200000000, 0 } },
		{ { 1000000000, 1000000000 }, { 0, 0 } },
		{ { -5, 0 }, { -7, 0 } },
	};
	struct stat st;
	int flags = how >= 10 ? AT_SYMLINK_NOFOLLOW : 0;

	if (utimensat(AT_FDCWD, p, how % 10 == 7 ? NULL : t[how % 10], flags) ==
		-1 ||
	    fstatat(AT_FDCWD, p, &st, flags) == -1)
		return -1;
	return (st.st_atim.tv_sec == t[how % 10 % 7][0].tv_sec) +
	    10 * (st.st_mtim.tv_sec == t[how % 10 % 7][1].tv_sec) +
	    100 * (st.st_mtim.tv_nsec == t[how % 10 % 7][1].tv_nsec);
}

static long
do_readlink(const char *p, long size)
{
	char text[5000];

	return readlink(p, text, (size_t)size);
}

static long
do_stat(const char *p, long flags)
{
	struct stat st;

	return fstatat(AT_FDCWD, p, &st, (int)flags) == -1 ?
	    -1 :
	    (long)st.st_mode * 1000 + (long)st.st_nlink;
}

static long
do_statx(const char *p, long mask)
{
	struct statx stx;

	if (statx(AT_FDCWD, p, AT_SYMLINK_NOFOLLOW, (unsigned)mask, &stx) == -1)
		return -1;
	return (stx.stx_mask & mask & STATX_BASIC_STATS) != 0;
}

static long
do_access(const char *p, long how)
{
	return faccessat(AT_FDCWD, p, (int)(how & 7),
	    (how & 8) != 0 ? AT_EACCESS : 0);
}

static long
do_laccess(const char *p, long how)
{
	return faccessat(AT_FDCWD, p, (int)how, AT_SYMLINK_NOFOLLOW);
}

/* In the directory: is it one that can be worked in? */
static long
do_chdir(const char *p, long arg)
{
	int here = open(".", O_PATH | O_DIRECTORY), saved;
	long rc = chdir(p);
	struct stat st;

	(void)arg;
	saved = errno;
	if (rc == 0)
		rc = 1 + (stat("x", &st) == 0) + 2 * (stat("..", &st) == 0);
	if (fchdir(here) == -1)
		exit(1);
	close(here);
	errno = saved;
	return rc;
}

static long
do_list(const char *p, long arg)
{
	struct dirent *de;
	DIR *d = opendir(p);
	long n = 0;

	(void)arg;
	if (d == NULL)
		return -1;
	errno = 0;
	while ((de = readdir(d)) != NULL)
		n++;
	n = errno != 0 ? -1 : n;
	closedir(d);
	return n;
}

static long
do_setxattr(const char *p, long how)
{
	static const char *const names[] = { "user.a", "user.", "a",
		"trusted.a", "security.a", "system.a", "user.none" };
	const char *name = names[how % 10];

	if (how < 10)
		return setxattr(p, name, "value", 5, 0);
	if (how < 20)
		return lsetxattr(p, name, "value", 5, 0);
	if (how < 30)
		return setxattr(p, name, "value", 5, XATTR_REPLACE);
	return setxattr(p, name, "", 0, XATTR_CREATE);
}

static long
do_getxattr(const char *p, long how)
{
	static const char *const names[] = { "user.a", "user.", "a",
		"trusted.a", "security.a", "system.a",
		"system.posix_acl_access", "system.posix_acl_default" };
	const char *name = names[how % 10];
	char got[100];

	if (how < 10)
		return getxattr(p, name, got, sizeof(got));
	if (how < 20)
		return lgetxattr(p, name, got, sizeof(got));
	if (how < 30)
		return removexattr(p, name);
	return lremovexattr(p, name);
}

static long
do_listxattr(const char *p, long how)
{
	char got[300];

	return how == 0 ? listxattr(p, got, sizeof(got)) :
			  llistxattr(p, got, sizeof(got));
}

static long
do_exec(const char *p, long arg)
{
	int st = 0;
	pid_t pid;

	(void)arg;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execl(p, "x", (char *)NULL);
		_exit(errno);
	}
	waitpid(pid, &st, 0);
	errno = WEXITSTATUS(st);
	return -1;
}

static long
do_statfs(const char *p, long arg)
{
	struct statfs sf;

	(void)arg;
	return statfs(p, &sf);
}

/* 0: bind, 1: connect */
static long
do_socket(const char *p, long how)
{
	struct sockaddr_un su = { .sun_family = AF_UNIX };
	int s, saved;
	long rc;

	if (strlen(p) >= sizeof(su.sun_path) || *p == '\0') {
		errno = EINVAL;
		return -1;
	}
	snprintf(su.sun_path, sizeof(su.sun_path), "%s", p);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	rc = how == 0 ? bind(s, (struct sockaddr *)&su, sizeof(su)) :
			connect(s, (struct sockaddr *)&su, sizeof(su));
	saved = errno;
	close(s);
	errno = saved;
	return rc;
}

static long
do_watch(const char *p, long flags)
{
	int fd = inotify_init1(IN_CLOEXEC), saved;
	long rc = inotify_add_watch(fd, p, (uint32_t)flags | IN_MODIFY);

	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

/* The default access list of a directory counts for what is made in it. */
static long
do_acl(const char *p, long how)
{
	static const uint8_t acl[] = { 2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255,
		255, 2, 0, 4, 0, 0x10, 0x27, 0, 0, 4, 0, 4, 0, 255, 255, 255,
		255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255,
		255, 255 };
	const char *name = how == 0 ? "system.posix_acl_access" :
				      "system.posix_acl_default";
	char got[200];

	if (setxattr(p, name, acl, sizeof(acl), 0) == -1)
		return -1;
	return getxattr(p, name, got, sizeof(got));
}

struct op {
	const char *name;
	long (*fn)(const char *, long);
	const long *values; /* one case each, until END */
};

/* clang-format off */
#define END (-99)
static const long v_none[] = { 0, END };
static const long v_modes[] = { 0, 0600, 0444, 0755, 01755, 07777 & ~06000, END };
static const long v_owners[] = { 0, 1, 10, 11, 2, 20, 22, END };
static const long v_mkdir[] = { 0, 0755, 01777, END };
static const long v_mknod[] = { 0600, S_IFREG | 0644, S_IFIFO | 0666,
    S_IFSOCK | 0600, S_IFCHR | 0600, S_IFBLK | 0600, S_IFDIR | 0700,
    S_IFLNK | 0777, 0170000 | 0600, END };
static const long v_unlinkat[] = { 0, AT_REMOVEDIR, 0x40, END };
static const long v_symlink[] = { 0, 1, 255, 4094, 4095, END };
static const long v_truncate[] = { 0, 5, 20, 10, -1, 1L << 62, END };
static const long v_utimens[] = { 0, 1, 2, 3, 4, 5, 6, 7, 10, 12, 13, 17, END };
static const long v_readlink[] = { 1, 4096, 0, END };
static const long v_stat[] = { 0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, 0x10, END };
static const long v_statx[] = { 0, STATX_BASIC_STATS, STATX_ALL, END };
static const long v_access[] = { 0, 1, 2, 4, 6, 8 + 1, 8 + 2, 8 + 4, END };
static const long v_laccess[] = { 0, 1, 2, 4, END };
static const long v_setxattr[] = { 0, 1, 2, 3, 4, 5, 10, 26, 30, END };
static const long v_getxattr[] = { 0, 1, 2, 3, 4, 5, 6, 7, 10, 20, 23, 26, 30, END };
static const long v_two[] = { 0, 1, END };
static const long v_watch[] = { 0, IN_ONLYDIR, IN_DONT_FOLLOW, END };

static const struct op ops[] = {
	{ "chmod", do_chmod, v_modes }, { "lchmod", do_lchmod, v_modes },
	{ "chown", do_chown, v_owners }, { "lchown", do_lchown, v_owners },
	{ "mkdir", do_mkdir, v_mkdir }, { "mknod", do_mknod, v_mknod },
	{ "unlinkat", do_unlinkat, v_unlinkat },
	{ "symlink", do_symlink, v_symlink },
	{ "truncate", do_truncate, v_truncate },
	{ "utimens", do_utimens, v_utimens },
	{ "readlink", do_readlink, v_readlink },
	{ "stat", do_stat, v_stat }, { "statx", do_statx, v_statx },
	{ "access", do_access, v_access },
	{ "laccess", do_laccess, v_laccess },
	{ "chdir", do_chdir, v_none }, { "list", do_list, v_none },
	{ "setxattr", do_setxattr, v_setxattr },
	{ "getxattr", do_getxattr, v_getxattr },
	{ "listxattr", do_listxattr, v_two }, { "acl", do_acl, v_two },
	{ "exec", do_exec, v_none }, { "statfs", do_statfs, v_none },
	{ "socket", do_socket, v_two }, { "watch", do_watch, v_watch },
};

static const struct { const char *name; int flags; } open_flags[] = {
	{ "", 0 }, { "|CREAT", O_CREAT }, { "|CREAT|EXCL", O_CREAT | O_EXCL },
	{ "|TRUNC", O_TRUNC }, { "|CREAT|TRUNC", O_CREAT | O_TRUNC },
	{ "|CREAT|EXCL|TRUNC", O_CREAT | O_EXCL | O_TRUNC },
	{ "|DIRECTORY", O_DIRECTORY }, { "|DIRECTORY|NOFOLLOW", O_DIRECTORY | O_NOFOLLOW },
	{ "|DIRECTORY|CREAT", O_DIRECTORY | O_CREAT },
	{ "|DIRECTORY|TRUNC", O_DIRECTORY | O_TRUNC },
	{ "|NOFOLLOW", O_NOFOLLOW }, { "|NOFOLLOW|CREAT", O_NOFOLLOW | O_CREAT },
	{ "|NOFOLLOW|CREAT|EXCL", O_NOFOLLOW | O_CREAT | O_EXCL },
	{ "|NOFOLLOW|TRUNC", O_NOFOLLOW | O_TRUNC },
	{ "|APPEND", O_APPEND }, { "|APPEND|TRUNC", O_APPEND | O_TRUNC },
	{ "|APPEND|CREAT", O_APPEND | O_CREAT }, { "|NOATIME", O_NOATIME },
	{ "|SYNC|CREAT", O_SYNC | O_CREAT }, { "|DSYNC", O_DSYNC },
	{ "|TMPFILE", O_TMPFILE }, { "|TMPFILE|EXCL", O_TMPFILE | O_EXCL },
	{ "|TMPFILE|TRUNC", O_TMPFILE | O_TRUNC }, { "|EXCL", O_EXCL },
	{ "|PATH", O_PATH }, { "|PATH|NOFOLLOW", O_PATH | O_NOFOLLOW },
	{ "|PATH|DIRECTORY", O_PATH | O_DIRECTORY },
	{ "|PATH|CREAT", O_PATH | O_CREAT },
};
/* clang-format on */

static void
one(const struct object *o, const char *name, long (*fn)(const char *, long),
    long value)
{
	char path[CASE_PATH], what[200];
	long rc;
	int error;

	case_begin();
	object_make(o, ".", 'a', path);
	rc = fn(path, value);
	error = errno;
	snprintf(what, sizeof(what), "%s of %s", name, o->name);
	case_end("path", what, rc, error);
}

static void
open_all(const struct object *o)
{
	static const struct {
		const char *name;
		int mode;
	} modes[] = { { "RDONLY", O_RDONLY }, { "WRONLY", O_WRONLY },
		{ "RDWR", O_RDWR }, { "3", 3 } };
	char name[80];
	size_t i, k;

	for (i = 0; i < sizeof(open_flags) / sizeof(open_flags[0]); i++) {
		for (k = 0; k < sizeof(modes) / sizeof(modes[0]); k++) {
			snprintf(name, sizeof(name), "open %s%s", modes[k].name,
			    open_flags[i].name);
			one(o, name, do_open,
			    open_flags[i].flags | modes[k].mode);
		}
	}
}

static void
ops_all(const struct object *o)
{
	const struct op *p;
	char name[80];
	size_t i, k;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		p = &ops[i];
		for (k = 0; p->values[k] != END; k++) {
			snprintf(name, sizeof(name), "%s %#lo", p->name,
			    p->values[k]);
			one(o, name, p->fn, p->values[k]);
		}
	}
}

void
family_path(void)
{
	size_t i;

	for (i = 0; i < nobjects; i++) {
		open_all(&objects[i]);
		ops_all(&objects[i]);
	}
}

static void
say(const char *name, const char *path, long rc)
{
	if (rc < 0)
		printf("others: %s of %s: %s\n", name, path,
		    strerrorname_np(errno));
	else
		printf("others: %s of %s: %ld\n", name, path, rc);
}

/* Nothing is made anew between the calls: the directory is the caller's. */
void
family_others(void)
{
	static const char *const paths[] = { "of/file", "of/secret", "of/dir",
		"of/dir/x", "of/dir/new", "of/sticky/theirs", "of/sticky/new",
		"of/group", "of/open", "of/open/x", "of/open/new", "of/link",
		"of/fixed", "of/fixed/x", "of/fixed/new", "of/fixed/d",
		"of/closed", "of/closed/x", "of/closed/new" };
	const struct op *p;
	char name[80];
	size_t i, j, k;
	long rc;

	if (access("of", F_OK) == -1)
		return;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		for (j = 0; j < sizeof(open_flags) / sizeof(open_flags[0]);
		     j++) {
			for (k = 0; k < 3; k++) {
				rc = do_open(paths[i],
				    open_flags[j].flags | (int)k);
				snprintf(name, sizeof(name), "open %zu%s", k,
				    open_flags[j].name);
				say(name, paths[i], rc);
			}
		}
		for (j = 0; j < sizeof(ops) / sizeof(ops[0]); j++) {
			p = &ops[j];
			for (k = 0; p->values[k] != END; k++) {
				rc = p->fn(paths[i], p->values[k]);
				snprintf(name, sizeof(name), "%s %#lo", p->name,
				    p->values[k]);
				say(name, paths[i], rc);
			}
		}
	}
}
