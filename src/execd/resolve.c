/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which file a process of the session would execute. Root and mounts are the
 * same for all of them and for us, so the kernel looks a path up for us as it
 * does for them. What differs is /proc: "self" is the target there, and the
 * links in a process's directory lead to what that process has open; where one
 * of these is on the way, we walk ourselves.
 */
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "execd.h"
#include "path.h"
#include "target.h"
#include "ways.h"

#define PROC_FS 0x9fa0 /* linux/magic.h */
#define PROC_ROOT_INO 1
#define KNOWN_MAX 64
#define LINKS_MAX 40 /* as the kernel's */

struct walk {
	const struct target *t;
	int at; /* where we are, O_PATH */
	int links;
	struct file *f;	     /* whose own name is looked for; or NULL */
	bool foreign;	     /* a link was followed that is not the system's */
	struct trail *trail; /* or NULL */
	char rest[2 * AGENTSH_PATH_MAX + 2];
};

static int
open_path(int dir_fd, const char *path, int flags)
{
	return openat(dir_fd, path, O_PATH | O_CLOEXEC | flags);
}

/* On which file system, without a question to who serves that. */
static int
device_of(int fd, struct statx *stx)
{
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, stx);
}

/* The root is fsd's, who would be asked by fstatfs(2), and waited for. */
static bool
is_on_proc(int fd)
{
	struct statx root, stx;
	struct statfs sf;

	if (device_of(execd.root_fd, &root) == 0 && device_of(fd, &stx) == 0 &&
	    stx.stx_dev_major == root.stx_dev_major &&
	    stx.stx_dev_minor == root.stx_dev_minor)
		return false;
	return fstatfs(fd, &sf) == 0 && sf.f_type == PROC_FS;
}

static bool
is_proc_root(int fd)
{
	struct stat st;

	return is_on_proc(fd) && fstat(fd, &st) == 0 &&
	    st.st_ino == PROC_ROOT_INO;
}

/* text in front of what is left. 0 or an errno. */
static int
walk_insert(struct walk *w, const char *text)
{
	char left[sizeof(w->rest)];
	int len;

	memcpy(left, w->rest, strlen(w->rest) + 1);
	text += strspn(text, "/");
	len = snprintf(w->rest, sizeof(w->rest), "%s%s%s", text,
	    left[0] != '\0' ? "/" : "", left);
	return len < 0 || (size_t)len >= sizeof(w->rest) ? ENAMETOOLONG : 0;
}

static int
walk_move(struct walk *w, int fd)
{
	if (fd == -1)
		return errno;
	close(w->at);
	w->at = fd;
	return 0;
}

/* What /proc/self is to the target. false: not such a name. */
static bool
walk_self(struct walk *w, const char *name)
{
	char text[48];

	if (strcmp(name, "self") == 0)
		snprintf(text, sizeof(text), "%u", w->t->inner_tgid);
	else if (strcmp(name, "thread-self") == 0)
		snprintf(text, sizeof(text), "%u/task/%u", w->t->inner_tgid,
		    w->t->inner_tid);
	else
		return false;
	return is_proc_root(w->at) && walk_insert(w, text) == 0;
}

/* A symbolic link with this name where we are. 0 or an errno. */
static int
walk_link(struct walk *w, const char *name, int fd)
{
	char text[AGENTSH_PATH_MAX + 1];
	bool systems = false;
	ssize_t n;
	int err;

	if (++w->links > LINKS_MAX) {
		close(fd);
		return ELOOP;
	}
	if (w->f != NULL)
		systems = link_is_systems(w->at, fd);
	if (w->f != NULL && !systems) {
		w->foreign = true;
		w->f->own[0] = '\0';
	}
	/* where the system's links are is no /proc */
	if (!systems && is_on_proc(w->at) && !is_proc_root(w->at)) {
		/* it leads to the thing itself, not to its text */
		close(fd);
		return walk_move(w, open_path(w->at, name, 0));
	}
	n = readlinkat(fd, "", text, sizeof(text) - 1);
	err = n == -1 ? errno : n == 0 ? ENOENT : 0;
	close(fd);
	if (err != 0)
		return err;
	text[n] = '\0';
	if (text[0] == '/')
		err = walk_move(w, open_path(execd.root_fd, ".", 0));
	return err != 0 ? err : walk_insert(w, text);
}

/* The name that we are about to look up is one of the file. */
static int
walk_name(struct walk *w, const char *name)
{
	char dir[AGENTSH_PATH_MAX + 1];
	int n;

	if (file_dir(w->at, dir, sizeof(dir)) == -1)
		return -1;
	n = snprintf(w->f->own, sizeof(w->f->own), "%s/%s",
	    dir[1] == '\0' ? "" : dir, name);
	return n > 0 && (size_t)n < sizeof(w->f->own) ? 0 : -1;
}

static int
walk_step(struct walk *w, bool follow)
{
	char name[256];
	struct stat st;
	size_t len = strcspn(w->rest, "/"), rest;
	int fd;

	if (len >= sizeof(name))
		return ENAMETOOLONG;
	memcpy(name, w->rest, len);
	name[len] = '\0';
	rest = len + strspn(w->rest + len, "/");
	/* "x/" is a directory: the link is followed */
	follow = follow || rest > len;
	memmove(w->rest, w->rest + rest, strlen(w->rest + rest) + 1);
	if (w->trail != NULL)
		trail_add(w->trail, w->at);
	if (walk_self(w, name))
		return 0;
	if (w->f != NULL && w->rest[0] == '\0' && w->f->own[0] == '\0' &&
	    walk_name(w, name) == -1)
		return ENAMETOOLONG;
	fd = open_path(w->at, name, O_NOFOLLOW);
	if (fd == -1)
		return errno;
	if (fstat(fd, &st) == -1) {
		close(fd);
		return EACCES;
	}
	if (S_ISLNK(st.st_mode) && (w->rest[0] != '\0' || follow))
		return walk_link(w, name, fd);
	if (!S_ISDIR(st.st_mode) && rest > len) {
		close(fd);
		return ENOTDIR;
	}
	return walk_move(w, fd);
}

/* As a whole, from an open directory. 0 with the file in w->at, or an errno. */
static int
walk_all(struct walk *w, int start, const char *path, bool follow)
{
	int err = 0;

	if (path[0] == '/')
		start = execd.root_fd;
	w->at = open_path(start, ".", 0);
	if (w->at == -1)
		return errno;
	snprintf(w->rest, sizeof(w->rest), "%s", path + strspn(path, "/"));
	while (err == 0 && w->rest[0] != '\0')
		err = walk_step(w, follow);
	if (err != 0)
		close(w->at);
	return err;
}

/* The file's descriptor, or -1. */
static int
walk(const struct target *t, int start, const char *path, bool follow)
{
	struct walk w = { .t = t };
	int err = walk_all(&w, start, path, follow);

	errno = err;
	return err == 0 ? w.at : -1;
}

static int
open_base(const struct target *t, int dirfd)
{
	char name[24];

	if (dirfd == AT_FDCWD)
		return open_path(t->dir_fd, "cwd", 0);
	if (dirfd < 0) {
		errno = EBADF;
		return -1;
	}
	snprintf(name, sizeof(name), "fd/%d", dirfd);
	dirfd = open_path(t->dir_fd, name, 0);
	if (dirfd == -1 && errno == ENOENT)
		errno = EBADF;
	return dirfd;
}

/* The kernel's own walk, where no link of /proc is on the way. */
static int
open_quick(int start, const char *path, bool follow)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC |
		    (uint64_t)(follow ? 0 : O_NOFOLLOW),
		.resolve = RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, start, path, &how, sizeof(how));
}

static int
open_file(const struct target *t, int dirfd, const char *path, int flags)
{
	bool follow = (flags & AT_SYMLINK_NOFOLLOW) == 0;
	int start, fd, err;

	if (path[0] == '\0') {
		if ((flags & AT_EMPTY_PATH) != 0)
			return open_base(t, dirfd);
		errno = ENOENT;
		return -1;
	}
	start = path[0] == '/' ? execd.root_fd : open_base(t, dirfd);
	if (start == -1)
		return -1;
	fd = open_quick(start, path, follow);
	if (fd == -1 && (errno == ENOENT || errno == ELOOP))
		fd = walk(t, start, path, follow);
	err = errno;
	if (start != execd.root_fd)
		close(start);
	errno = err;
	return fd;
}

/*
 * The names of a file that are the system's: a link among its programs is one,
 * such as sh and awk; a link that the session can make is none, and what it
 * leads to is asked by the first name behind it. Links may change while we
 * look: where we do not come to the file, only its own name counts.
 */
static void
find_own(const struct target *t, int dirfd, const char *path, int flags,
    struct file *f, struct trail *tr)
{
	struct walk w = { .t = t, .f = f, .trail = tr };
	struct stat st;
	int start, err = EBADF;

	if (path[0] == '\0' || strcmp(path, f->name) == 0)
		return;
	start = path[0] == '/' ? execd.root_fd : open_base(t, dirfd);
	if (start != -1)
		err = walk_all(&w, start, path,
		    (flags & AT_SYMLINK_NOFOLLOW) == 0);
	if (err == 0) {
		if (fstat(w.at, &st) == -1 || st.st_dev != f->st.st_dev ||
		    st.st_ino != f->st.st_ino)
			err = EAGAIN;
		close(w.at);
	}
	if (start != -1 && start != execd.root_fd)
		close(start);
	if (err == 0 && !w.foreign)
		f->own[0] = '\0';
	else if (err != 0 || f->own[0] == '\0')
		snprintf(f->own, sizeof(f->own), "%s", f->name);
}

/* Does the name that the kernel gives it lead to it? */
static bool
has_name(const struct file *f)
{
	static const char gone[] = " (deleted)";
	size_t len = strlen(f->name);
	struct stat st;

	if (f->st.st_nlink == 0 || f->name[0] != '/')
		return false;
	/* what the kernel appends may be a part of the name as well */
	if (len < sizeof(gone) ||
	    strcmp(f->name + len - (sizeof(gone) - 1), gone) != 0)
		return true;
	return fstatat(AT_FDCWD, f->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == f->st.st_dev && st.st_ino == f->st.st_ino;
}

static int
file_name(struct file *f)
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "self/fd/%d", f->fd);
	n = readlinkat(execd.proc_fd, link, f->name, sizeof(f->name));
	if (n <= 0 || (size_t)n >= sizeof(f->name))
		return ENAMETOOLONG;
	f->name[n] = '\0';
	f->nameless = !has_name(f);
	return 0;
}

int
file_find(const struct target *t, const char *path, struct file *f)
{
	memset(f, 0, sizeof(*f));
	f->nameless = true;
	f->fd = open_file(t, AT_FDCWD, path, 0);
	if (f->fd == -1)
		return errno;
	if (fstat(f->fd, &f->st) == -1)
		return EACCES;
	return file_name(f);
}

int
file_resolve(const struct target *t, int dirfd, const char *path, int flags,
    struct file *f)
{
	struct trail tr = { .whole = true };
	bool may_know = path[0] == '/' && flags == 0;

	memset(f, 0, sizeof(*f));
	f->nameless = true;
	f->fd = open_file(t, dirfd, path, flags);
	if (f->fd == -1)
		return errno;
	if (fstat(f->fd, &f->st) == -1)
		return EACCES;
	if (S_ISLNK(f->st.st_mode))
		return ELOOP;
	if (!S_ISREG(f->st.st_mode))
		return EACCES;
	if (may_know && way_known(path, f))
		return 0;
	if (file_name(f) != 0)
		return ENAMETOOLONG;
	find_own(t, dirfd, path, flags, f, may_know ? &tr : NULL);
	if (may_know)
		way_remember(path, f, &tr);
	trail_close(&tr);
	return 0;
}

/* Files of machine code, so that they need not be opened each time. Whoever
 * makes one of them a script meanwhile finds that another program runs than was
 * decided. */
static bool
is_known(const struct file *f, bool remember)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct seen {
		dev_t dev;
		ino_t ino;
		off_t size;
		struct timespec changed;
	} known[KNOWN_MAX];
	struct seen *k = &known[f->st.st_ino % KNOWN_MAX];
	bool is;

	pthread_mutex_lock(&lock);
	if (remember)
		*k = (struct seen){ f->st.st_dev, f->st.st_ino, f->st.st_size,
			f->st.st_ctim };
	is = f->st.st_ino != 0 && k->dev == f->st.st_dev &&
	    k->ino == f->st.st_ino && k->size == f->st.st_size &&
	    k->changed.tv_sec == f->st.st_ctim.tv_sec &&
	    k->changed.tv_nsec == f->st.st_ctim.tv_nsec;
	pthread_mutex_unlock(&lock);
	return is;
}

ssize_t
file_head(const struct file *f, char *buf, size_t size)
{
	char link[32];
	ssize_t n;
	int fd;

	if (is_known(f, false))
		return 0;
	snprintf(link, sizeof(link), "self/fd/%d", f->fd);
	fd = openat(execd.proc_fd, link, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return -1;
	n = pread(fd, buf, size, 0);
	close(fd);
	if (n >= 4 && memcmp(buf, "\177ELF", 4) == 0)
		(void)is_known(f, true);
	return n;
}

void
file_spell(const struct target *t, int dirfd, const char *path, char *dst,
    size_t size)
{
	char base[AGENTSH_PATH_MAX + 1], link[24];
	ssize_t n = 1;

	base[0] = '/';
	if (path[0] != '/') {
		if (dirfd == AT_FDCWD)
			snprintf(link, sizeof(link), "cwd");
		else
			snprintf(link, sizeof(link), "fd/%d", dirfd);
		n = readlinkat(t->dir_fd, link, base, sizeof(base) - 1);
	}
	if (n > 0) {
		base[n] = '\0';
		if (path_join(dst, size, base, path) == 0)
			return;
	}
	snprintf(dst, size, "%s", path);
}

void
file_close(struct file *f)
{
	if (f->fd != -1)
		close(f->fd);
	f->fd = -1;
}
