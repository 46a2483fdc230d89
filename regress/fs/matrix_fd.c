/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of matrix.c on a descriptor: of each kind of object, opened in each
 * way, also when its name is gone.
 */
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include <dirent.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <poll.h>

#include "matrix.h"

#ifndef RWF_APPEND
#define RWF_APPEND 0x10
#endif

static long
f_read(int fd, long n)
{
	char buf[64];

	return read(fd, buf, (size_t)n);
}

static long
f_pread(int fd, long at)
{
	char buf[64];

	return pread(fd, buf, 8, at);
}

static long
f_write(int fd, long n)
{
	return write(fd, "abcdefgh", (size_t)n);
}

static long
f_pwrite(int fd, long at)
{
	return pwrite(fd, "abcd", 4, at);
}

static long
f_pwritev2(int fd, long flags)
{
	struct iovec iov = { (void *)(uintptr_t) "vector", 6 };

	return pwritev2(fd, &iov, 1, 2, (int)flags);
}

static long
f_preadv2(int fd, long flags)
{
	char buf[64];
	struct iovec iov = { buf, 6 };

	return preadv2(fd, &iov, 1, 2, (int)flags);
}

static long
f_truncate(int fd, long len)
{
	return ftruncate(fd, len);
}

static long
f_chmod(int fd, long mode)
{
	return fchmod(fd, (mode_t)mode);
}

static long
f_chown(int fd, long who)
{
	return fchown(fd,
	    who == 0	 ? (uid_t)-1 :
		who == 1 ? getuid() :
			   0,
	    (gid_t)-1);
}

/* 0: fsync, 1: fdatasync, 2: syncfs, 3: sync_file_range */
static long
f_sync(int fd, long how)
{
	switch (how) {
	case 0:
		return fsync(fd);
	case 1:
		return fdatasync(fd);
	case 2:
		return syncfs(fd);
	default:
		return sync_file_range(fd, 0, 4, SYNC_FILE_RANGE_WRITE);
	}
}

static long
f_allocate(int fd, long mode)
{
	return fallocate(fd, (int)mode, 4, 4096);
}

static long
f_allocate_at(int fd, long at)
{
	return fallocate(fd, 0, at, 100);
}

static long
f_seek(int fd, long whence)
{
	return lseek(fd, 3, (int)whence);
}

static long
f_seek_back(int fd, long at)
{
	return lseek(fd, at, SEEK_SET);
}

static long
f_copy(int fd, long how)
{
	off_t in = 0, out = 12;

	return copy_file_range(fd, how == 0 ? &in : NULL, fd,
	    how == 0 ? &out : NULL, 4, 0);
}

static long
f_sendfile(int fd, long arg)
{
	int p[2], saved;
	long rc;

	(void)arg;
	if (pipe(p) == -1)
		return -1;
	rc = sendfile(p[1], fd, NULL, 5);
	saved = errno;
	close(p[0]);
	close(p[1]);
	errno = saved;
	return rc;
}

/* The protection, and 16 for a private mapping. */
static long
f_map(int fd, long how)
{
	char *m = mmap(NULL, 4096, (int)(how & 7),
	    (how & 16) != 0 ? MAP_PRIVATE : MAP_SHARED, fd, 0);
	struct stat st;
	long rc;

	if (m == MAP_FAILED)
		return -1;
	if (fstat(fd, &st) == -1 || st.st_size < 4)
		rc = 1000;
	else if ((how & PROT_WRITE) != 0)
		m[3] = 'M', rc = m[3];
	else
		rc = (how & PROT_READ) != 0 ? m[2] : 0;
	munmap(m, 4096);
	return rc;
}

static long
f_flock(int fd, long how)
{
	return flock(fd, (int)how | LOCK_NB);
}

static long
f_lock(int fd, long how)
{
	struct flock fl = { .l_type = (short)(how & 7),
		.l_whence = (short)(how >> 4 & 3),
		.l_start = how >> 8 };

	return fcntl(fd, (how & 8) != 0 ? F_OFD_SETLK : F_SETLK, &fl);
}

static long
f_getlock(int fd, long how)
{
	struct flock fl = { .l_type = (short)how, .l_whence = SEEK_SET };

	return fcntl(fd, F_GETLK, &fl) == -1 ? -1 : fl.l_type;
}

static long
f_lease(int fd, long type)
{
	return fcntl(fd, F_SETLEASE, (int)type);
}

static long
f_times(int fd, long how)
{
	struct timespec ts[2] = { { 1000000000, 0 }, { 1000000000, 0 } };

	return futimens(fd, how == 0 ? NULL : ts);
}

static long
f_xattr(int fd, long how)
{
	char got[64];

	switch (how) {
	case 0:
		return fsetxattr(fd, "user.a", "v", 1, 0);
	case 1:
		return fgetxattr(fd, "user.a", got, sizeof(got));
	case 2:
		return flistxattr(fd, got, sizeof(got));
	default:
		return fremovexattr(fd, "user.a");
	}
}

static long
f_stat(int fd, long arg)
{
	struct statfs sf;
	struct stat st;

	if (arg == 0)
		return fstatfs(fd, &sf);
	return fstat(fd, &st) == -1 ? -1 : (long)st.st_mode;
}

static long
f_openat(int fd, long flags)
{
	int in = openat(fd, "x", (int)flags, 0644);

	return in == -1 ? -1 : close(in);
}

static long
f_mkdirat(int fd, long mode)
{
	return mkdirat(fd, "made", (mode_t)mode);
}

static long
f_unlinkat(int fd, long flags)
{
	return unlinkat(fd, "x", (int)flags);
}

static long
f_list(int fd, long arg)
{
	DIR *d = fdopendir(fcntl(fd, F_DUPFD, 0));
	long n = 0;

	(void)arg;
	if (d == NULL)
		return -1;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* Again by its name in /proc. */
static long
f_again(int fd, long flags)
{
	char path[64];
	int in;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	in = open(path, (int)flags | O_NONBLOCK);
	return in == -1 ? -1 : close(in);
}

static long
f_link(int fd, long arg)
{
	char path[64];

	(void)arg;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, AT_FDCWD, "linked", AT_SYMLINK_FOLLOW);
}

static long
f_flags(int fd, long flags)
{
	return fcntl(fd, F_SETFL, (int)flags) == -1 ?
	    -1 :
	    fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK | O_NOATIME);
}

static long
f_advise(int fd, long how)
{
	return -posix_fadvise(fd, 0, 100, (int)how) == 0 ? 0 : 1;
}

static long
f_readable(int fd, long arg)
{
	int n = 0;

	(void)arg;
	return ioctl(fd, FIONREAD, &n) == -1 ? -1 : n;
}

static long
f_poll(int fd, long events)
{
	struct pollfd p = { fd, (short)events, 0 };

	return poll(&p, 1, 0) == -1 ? -1 : p.revents;
}

struct op {
	const char *name;
	long (*fn)(int, long);
	const long *values; /* one case each, until END */
};

/* clang-format off */
#define END (-99)
static const long v_none[] = { 0, END };
static const long v_sizes[] = { 0, 4, 20, END };
static const long v_places[] = { 0, 5, 10, 30, -1, END };
static const long v_rwf[] = { 0, RWF_APPEND, 0x2, 0x4, 0x1000, END };
static const long v_lengths[] = { 0, 5, 30, -1, END };
static const long v_modes[] = { 0, 0600, 01777, END };
static const long v_three[] = { 0, 1, 2, END };
static const long v_four[] = { 0, 1, 2, 3, END };
static const long v_two[] = { 0, 1, END };
static const long v_alloc[] = { 0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE,
    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
    FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_COLLAPSE_RANGE,
    FALLOC_FL_INSERT_RANGE, 0x100, END };
static const long v_alloc_at[] = { 0, 5, -5, END };
static const long v_whence[] = { SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA,
    SEEK_HOLE, 9, END };
static const long v_back[] = { 0, -1, 1L << 40, END };
static const long v_map[] = { 0, 1, 2, 3, 5, 16 + 1, 16 + 3, 16 + 7, END };
static const long v_flock[] = { LOCK_SH, LOCK_EX, LOCK_UN, 0x40, END };
static const long v_lock[] = { F_RDLCK, F_WRLCK, F_UNLCK, 5, 8 + F_RDLCK,
    8 + F_WRLCK, 0x20 + F_WRLCK, -0x500 + F_WRLCK, END };
static const long v_lease[] = { F_RDLCK, F_UNLCK, END };
static const long v_openat[] = { O_RDONLY, O_WRONLY | O_CREAT, END };
static const long v_unlinkat[] = { 0, AT_REMOVEDIR, END };
static const long v_again[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC, O_PATH, END };
static const long v_flags[] = { O_APPEND, O_NONBLOCK, O_NOATIME, 0, END };
static const long v_advise[] = { 0, 4, 99, END };
static const long v_poll[] = { POLLIN, POLLOUT, END };

static const struct op ops[] = {
	{ "read", f_read, v_sizes }, { "pread", f_pread, v_places },
	{ "write", f_write, v_sizes }, { "pwrite", f_pwrite, v_places },
	{ "pwritev2", f_pwritev2, v_rwf }, { "preadv2", f_preadv2, v_rwf },
	{ "ftruncate", f_truncate, v_lengths }, { "fchmod", f_chmod, v_modes },
	{ "fchown", f_chown, v_three }, { "sync", f_sync, v_four },
	{ "fallocate", f_allocate, v_alloc }, { "fallocate at", f_allocate_at, v_alloc_at },
	{ "lseek", f_seek, v_whence }, { "lseek to", f_seek_back, v_back },
	{ "copy_file_range", f_copy, v_two }, { "sendfile", f_sendfile, v_none },
	{ "mmap", f_map, v_map }, { "flock", f_flock, v_flock },
	{ "lock", f_lock, v_lock }, { "F_GETLK", f_getlock, v_three },
	{ "F_SETLEASE", f_lease, v_lease }, { "futimens", f_times, v_two },
	{ "fxattr", f_xattr, v_four }, { "fstat", f_stat, v_two },
	{ "openat", f_openat, v_openat }, { "mkdirat", f_mkdirat, v_modes },
	{ "unlinkat", f_unlinkat, v_unlinkat }, { "list", f_list, v_none },
	{ "open again", f_again, v_again }, { "link", f_link, v_none },
	{ "F_SETFL", f_flags, v_flags }, { "fadvise", f_advise, v_advise },
	{ "FIONREAD", f_readable, v_none }, { "poll", f_poll, v_poll },
};

static const struct { const char *name; int flags; } ways[] = {
	{ "RDONLY", O_RDONLY }, { "WRONLY", O_WRONLY }, { "RDWR", O_RDWR },
	{ "WRONLY|APPEND", O_WRONLY | O_APPEND }, { "RDWR|APPEND", O_RDWR | O_APPEND },
	{ "PATH", O_PATH | O_NOFOLLOW }, { "RDWR|CREAT|TRUNC", O_RDWR | O_CREAT | O_TRUNC },
};
/* clang-format on */

/* Which of a descriptor's object has its name still. */
enum name_now {
	NAME_KEPT,
	NAME_MOVED,
	NAME_GONE
};

static void
take_name(const char *path, enum name_now now)
{
	struct stat st;

	if (now == NAME_MOVED) {
		(void)rename(path, "moved");
	} else if (now == NAME_GONE && lstat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode)) {
			(void)unlink("ad/x");
			(void)rmdir(path);
		} else {
			(void)unlink(path);
		}
	}
}

static void
one(const struct object *o, size_t way, const struct op *p, long value,
    enum name_now now)
{
	static const char *const nows[] = { "", ", moved", ", deleted" };
	char path[CASE_PATH], what[300];
	long rc;
	int error, fd;

	case_begin();
	object_make(o, ".", 'a', path);
	fd = open(path, ways[way].flags | O_NONBLOCK | O_NOCTTY, 0644);
	take_name(path, now);
	rc = fd == -1 ? -1 : p->fn(fd, value);
	error = errno;
	if (fd != -1)
		close(fd);
	snprintf(what, sizeof(what), "%s %#lo on %s of %s%s", p->name, value,
	    ways[way].name, o->name, nows[now]);
	case_end("fd", what, rc, error);
}

static void
all_ops(const struct object *o, size_t way, enum name_now now)
{
	size_t i, k;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		for (k = 0; ops[i].values[k] != END; k++)
			one(o, way, &ops[i], ops[i].values[k], now);
	}
}

void
family_fd(void)
{
	static const char *const which[] = { "nothing", "a file",
		"a file of two names", "an empty directory", "a full directory",
		"a link to a file", "a FIFO", "a socket" };
	char path[CASE_PATH];
	enum name_now now;
	size_t i, k, w;
	int fd;

	for (i = 0; i < nobjects; i++) {
		for (k = 0; k < sizeof(which) / sizeof(which[0]); k++) {
			if (strcmp(objects[i].name, which[k]) == 0)
				break;
		}
		if (k == sizeof(which) / sizeof(which[0]))
			continue;
		for (w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
			case_begin();
			object_make(&objects[i], ".", 'a', path);
			fd = open(path, ways[w].flags | O_NONBLOCK, 0644);
			if (fd != -1)
				close(fd);
			case_end("fd", ways[w].name, fd == -1 ? -1 : 0, errno);
			if (fd == -1)
				continue;
			for (now = NAME_KEPT; now <= NAME_GONE; now++)
				all_ops(&objects[i], w, now);
		}
	}
}
