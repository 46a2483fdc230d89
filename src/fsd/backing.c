/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's files. Nothing here follows a path: one component at a time
 * beneath a held directory, never through a symbolic link, and then only
 * through the descriptor that this gave. The host's permissions hold, as every
 * open is a real one with the session's identity.
 */
#include <sys/statfs.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "backing.h"
#include "clock.h"
#include "node.h"
#include "redirect.h"

/* Whom the kernel names where it has no id, user_namespaces(7). */
#define OVERFLOW_ID 65534
/* bits of an inode number that are shown as they are, and what is above them */
#define INO_BITS 52
#define DEV_NONE 4095ULL
#define DEV_TRIES 64
/* Times of files go on in such steps; where a time has no parts of a second, the
 * file system may have no finer ones. */
#define TICK_NS 10000000
#define TICK_WHOLE_NS 3000000000LL

static struct {
	pthread_mutex_t lock;
	bool any;
	uint64_t first;
	bool used[DEV_NONE];
	uint64_t dev[DEV_NONE];
} devs = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* where the workspace was at first, on the host */
static char work[PATH_MAX];
static ssize_t work_len = -1;

int
backing_stat(int fd, struct statx *stx)
{
	return statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW,
	    STATX_BASIC_STATS | STATX_BTIME, stx);
}

int
backing_stat_at(int parent_fd, const char *text, struct statx *stx)
{
	return statx(parent_fd, text, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
	    STATX_BASIC_STATS | STATX_BTIME, stx);
}

int
backing_open(int parent_fd, const char *text, struct statx *stx)
{
	int fd;

	fd = openat(parent_fd, text, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	if (backing_stat(fd, stx) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

bool
backing_is_mount(int parent_fd, const char *text)
{
	struct statx stx;

	if (statx(parent_fd, text,
		AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, 0,
		&stx) == -1)
		return false;
	return (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

void
backing_ident(struct ident *id, const struct statx *stx)
{
	memset(id, 0, sizeof(*id)); /* it is compared with its padding */
	id->dev = makedev(stx->stx_dev_major, stx->stx_dev_minor);
	id->ino = stx->stx_ino;
	if ((stx->stx_mask & STATX_BTIME) != 0) {
		id->btime_sec = stx->stx_btime.tv_sec;
		id->btime_nsec = stx->stx_btime.tv_nsec;
	}
}

bool
backing_same(const struct ident *id, const struct statx *stx)
{
	struct ident other;

	backing_ident(&other, stx);
	return memcmp(id, &other, sizeof(other)) == 0;
}

void
backing_name(char dst[16], int fd)
{
	snprintf(dst, 16, "%d", fd);
}

/* A descriptor's entry in /proc leads to exactly the object that it holds,
 * whatever its name means by now. */
int
backing_reopen(int path_fd, int flags)
{
	char name[16];

	backing_name(name, path_fd);
	return openat(fsd.self_fd, name, flags | O_CLOEXEC | O_NOCTTY);
}

/* Where the kernel says that a descriptor's object is now. -1: nowhere. */
static ssize_t
place_of(int fd, char place[PATH_MAX])
{
	char name[16];
	ssize_t n;

	backing_name(name, fd);
	n = readlinkat(fsd.self_fd, name, place, PATH_MAX);
	if (n <= 0 || n == PATH_MAX || place[0] == '(')
		return -1;
	return n == 1 ? 0 : n; /* "/" */
}

static bool
is_below(const char *dir, size_t n, const char *top, size_t m,
    const char *below, size_t len)
{
	return n == m + len && memcmp(dir, top, m) == 0 &&
	    memcmp(dir + m, below, len) == 0;
}

void
backing_init(void)
{
	work_len = place_of(fsd.work_fd, work);
}

bool
backing_is_at(int dir_fd, int top_fd, const char *below, size_t len)
{
	char dir[PATH_MAX], top[PATH_MAX];
	ssize_t m, n;

	n = place_of(dir_fd, dir);
	if (n == -1)
		return false;
	if (top_fd == fsd.work_fd && work_len != -1 &&
	    is_below(dir, (size_t)n, work, (size_t)work_len, below, len))
		return true;
	/* it may have moved itself */
	m = place_of(top_fd, top);
	return m != -1 && is_below(dir, (size_t)n, top, (size_t)m, below, len);
}

bool
backing_below(int dir_fd, int top_fd, char below[PATH_MAX])
{
	char dir[PATH_MAX], top[PATH_MAX];
	ssize_t m, n;

	n = place_of(dir_fd, dir);
	m = place_of(top_fd, top);
	if (n == -1 || m == -1 || n < m || memcmp(dir, top, (size_t)m) != 0 ||
	    (n > m && dir[m] != '/'))
		return false;
	memcpy(below, dir + m, (size_t)(n - m));
	below[n - m] = '\0';
	return true;
}

bool
backing_is_written(int fd)
{
	if (fcntl(fd, F_SETLEASE, F_RDLCK) == -1)
		return errno == EAGAIN;
	(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	return false;
}

bool
backing_is_remote(int fd)
{
	static const uint32_t local[] = { EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,
		BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC, TMPFS_MAGIC,
		OVERLAYFS_SUPER_MAGIC };
	struct statfs sf;
	size_t i;

	if (fstatfs(fd, &sf) == -1)
		return true;
	for (i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
		if ((uint32_t)sf.f_type == local[i])
			return false;
	}
	return true;
}

bool
backing_is_recent(const struct statx *stx)
{
	int64_t age = (int64_t)clock_epoch_ns() -
	    (stx->stx_ctime.tv_sec * 1000000000LL + stx->stx_ctime.tv_nsec);

	return age < (stx->stx_ctime.tv_nsec == 0 ? TICK_WHOLE_NS : TICK_NS);
}

static uint64_t
scramble(uint64_t x)
{
	x = (x ^ (x >> 31)) * 0x9e3779b97f4a7c15U;
	x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9U;
	return x ^ (x >> 32);
}

/* The device's place, the same in every session but for collisions; 0 is the
 * first one's, and DEV_NONE when there are too many. */
static uint64_t
dev_place(uint64_t dev)
{
	uint64_t place = 0, i = 0;

	pthread_mutex_lock(&devs.lock);
	if (!devs.any) {
		devs.any = true;
		devs.first = dev;
	}
	if (dev != devs.first) {
		for (i = 0; i < DEV_TRIES; i++) {
			place = 1 + (scramble(dev) + i) % (DEV_NONE - 1);
			if (!devs.used[place] || devs.dev[place] == dev)
				break;
		}
		if (i < DEV_TRIES) {
			devs.used[place] = true;
			devs.dev[place] = dev;
		}
	}
	pthread_mutex_unlock(&devs.lock);
	return i < DEV_TRIES ? place : DEV_NONE;
}

/*
 * The kernel shows one device for all of a FUSE file system: files of
 * different devices must not look like hard links of each other. The upper
 * bits are the device's place. A number that needs them itself is scrambled
 * with its device, and marked by a place that no device has.
 */
uint64_t
backing_ino(uint64_t dev, uint64_t ino)
{
	uint64_t place = dev_place(dev);

	if (place != DEV_NONE && ino >> INO_BITS == 0)
		return place << INO_BITS | ino;
	ino = scramble(ino + scramble(dev));
	return DEV_NONE << INO_BITS | (ino & ((1ULL << INO_BITS) - 1));
}

static uint32_t
shown_id(uint32_t id)
{
	/* an id that a user's own namespace does not know is mostly root's,
	 * and programs refuse files of a stranger */
	return fsd.proc.mode == MODE_USER && id == OVERFLOW_ID ? 0 : id;
}

void
backing_attr(struct stat *st, const struct statx *stx)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = backing_ino(makedev(stx->stx_dev_major,
				     stx->stx_dev_minor),
	    stx->stx_ino);
	st->st_mode = stx->stx_mode;
	st->st_nlink = stx->stx_nlink;
	st->st_uid = shown_id(stx->stx_uid);
	st->st_gid = shown_id(stx->stx_gid);
	st->st_rdev = makedev(stx->stx_rdev_major, stx->stx_rdev_minor);
	st->st_size = (off_t)stx->stx_size;
	st->st_blksize = (blksize_t)stx->stx_blksize;
	st->st_blocks = (blkcnt_t)stx->stx_blocks;
	st->st_atim.tv_sec = stx->stx_atime.tv_sec;
	st->st_atim.tv_nsec = stx->stx_atime.tv_nsec;
	st->st_mtim.tv_sec = stx->stx_mtime.tv_sec;
	st->st_mtim.tv_nsec = stx->stx_mtime.tv_nsec;
	st->st_ctim.tv_sec = stx->stx_ctime.tv_sec;
	st->st_ctim.tv_nsec = stx->stx_ctime.tv_nsec;
}
