/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of objects between file systems, by descriptors: what is read is the
 * object that is held, and what is written is new.
 */
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <limits.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trash.h"

#define COPY_BLOCK (128 * 1024)
#define COPY_MODE (S_ISVTX | 0777)

/* One run of data, where copy_file_range(2) does not do it. */
static int
copy_run_plain(int from, int to, off_t at, off_t end)
{
	char *block;
	ssize_t n = 0, w;
	size_t want;

	block = malloc(COPY_BLOCK);
	if (block == NULL)
		return -1;
	for (; at < end; at += n) {
		want = end - at < COPY_BLOCK ? (size_t)(end - at) : COPY_BLOCK;
		n = pread(from, block, want, at);
		if (n <= 0)
			break; /* 0: it became shorter meanwhile */
		w = pwrite(to, block, (size_t)n, at);
		if (w != n) {
			if (w != -1)
				errno = ENOSPC;
			n = -1;
			break;
		}
	}
	free(block);
	return n == -1 ? -1 : 0;
}

static int
copy_run(int from, int to, off_t at, off_t end)
{
	off_t in = at, out = at;
	ssize_t n;

	while (in < end) {
		n = copy_file_range(from, &in, to, &out, (size_t)(end - in), 0);
		if (n > 0)
			continue;
		/* 0 is also what some file systems say that cannot do it */
		return copy_run_plain(from, to, in, end);
	}
	return 0;
}

int
trash_copy_data(int from, int to, uint64_t size, uint64_t most)
{
	off_t at = 0, end = (off_t)size, data, hole;

	if (ftruncate(to, 0) == -1 || ftruncate(to, end) == -1)
		return -1;
	while (at < end) {
		data = lseek(from, at, SEEK_DATA);
		if (data == -1 && errno == ENXIO)
			break; /* a hole up to the end */
		if (data == -1 || data > end)
			data = data == -1 ? at : end;
		hole = data < end ? lseek(from, data, SEEK_HOLE) : end;
		if (hole == -1 || hole > end)
			hole = end;
		if ((uint64_t)(hole - data) > most) {
			errno = EFBIG;
			return -1;
		}
		most -= (uint64_t)(hole - data);
		if (copy_run(from, to, data, hole) == -1)
			return -1;
		at = hole;
	}
	return 0;
}

/* Of the user's own attributes what the other file system takes. */
static int
copy_attributes(int from, int to)
{
	char *list = malloc(XATTR_LIST_MAX), *value = malloc(XATTR_SIZE_MAX);
	ssize_t len = -1, n;
	size_t at, count = 0;

	if (list != NULL && value != NULL)
		len = flistxattr(from, list, XATTR_LIST_MAX);
	for (at = 0; len > 0 && at < (size_t)len && count < TRASH_XATTR_MAX;
	     at += strnlen(list + at, (size_t)len - at) + 1) {
		if (strncmp(list + at, "user.", 5) != 0)
			continue;
		count++;
		n = fgetxattr(from, list + at, value, XATTR_SIZE_MAX);
		if (n >= 0)
			(void)fsetxattr(to, list + at, value, (size_t)n, 0);
	}
	len = list == NULL || value == NULL ? -1 : 0;
	free(value);
	free(list);
	return (int)len;
}

static int
finish(int data_fd, const struct statx *stx, int fd)
{
	const struct timespec t[2] = {
		{ stx->stx_atime.tv_sec, stx->stx_atime.tv_nsec },
		{ stx->stx_mtime.tv_sec, stx->stx_mtime.tv_nsec },
	};

	if (copy_attributes(data_fd, fd) == -1 ||
	    fchmod(fd, stx->stx_mode & COPY_MODE) == -1 ||
	    futimens(fd, t) == -1)
		return -1;
	return fsync(fd);
}

int
trash_copy_into(int fd, int data_fd, const struct statx *stx, uint64_t most)
{
	return trash_copy_data(data_fd, fd, stx->stx_size, most) == 0 &&
		finish(data_fd, stx, fd) == 0 ?
	    0 :
	    -1;
}

static int
copy_file(int data_fd, const struct statx *stx, uint64_t most, int to_dir,
    const char *name, int *copy_fd)
{
	int fd, saved;

	fd = openat(to_dir, name,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	if (trash_copy_into(fd, data_fd, stx, most) == 0) {
		*copy_fd = fd;
		return 0;
	}
	saved = errno;
	close(fd);
	(void)unlinkat(to_dir, name, 0);
	errno = saved;
	return -1;
}

static int
copy_dir(int data_fd, const struct statx *stx, int to_dir, const char *name)
{
	int fd, rc = -1, saved;

	if (mkdirat(to_dir, name, 0700) == -1)
		return -1;
	fd = openat(to_dir, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd != -1)
		rc = finish(data_fd, stx, fd);
	saved = errno;
	if (fd != -1)
		close(fd);
	if (rc == -1)
		(void)unlinkat(to_dir, name, AT_REMOVEDIR);
	errno = saved;
	return rc;
}

static int
copy_link(int path_fd, const struct statx *stx, int to_dir, const char *name)
{
	const struct timespec t[2] = {
		{ stx->stx_atime.tv_sec, stx->stx_atime.tv_nsec },
		{ stx->stx_mtime.tv_sec, stx->stx_mtime.tv_nsec },
	};
	char text[PATH_MAX + 1];
	ssize_t n;

	n = readlinkat(path_fd, "", text, sizeof(text) - 1);
	if (n == -1)
		return -1;
	text[n] = '\0';
	if (symlinkat(text, to_dir, name) == -1)
		return -1;
	(void)utimensat(to_dir, name, t, AT_SYMLINK_NOFOLLOW);
	return 0;
}

int
trash_copy(int path_fd, int data_fd, const struct statx *stx, uint64_t most,
    int to_dir, const char *name, int *copy_fd)
{
	*copy_fd = -1;
	switch (stx->stx_mode & S_IFMT) {
	case S_IFREG:
		return copy_file(data_fd, stx, most, to_dir, name, copy_fd);
	case S_IFDIR:
		return copy_dir(data_fd, stx, to_dir, name);
	case S_IFLNK:
		return copy_link(path_fd, stx, to_dir, name);
	case S_IFIFO:
	case S_IFSOCK:
		return mknodat(to_dir, name,
		    stx->stx_mode & (S_IFMT | COPY_MODE), 0);
	default:
		errno = EPERM;
		return -1;
	}
}

int
trash_hash(int fd, uint64_t max, char hex[TRASH_HASH + 1])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	SHA2_CTX ctx;
	char *block;
	off_t at = 0;
	ssize_t n;
	size_t i;

	block = malloc(COPY_BLOCK);
	if (block == NULL)
		return -1;
	SHA256Init(&ctx);
	while ((n = pread(fd, block, COPY_BLOCK, at)) > 0) {
		SHA256Update(&ctx, (uint8_t *)block, (size_t)n);
		at += n;
		if ((uint64_t)at > max) {
			/* it grows while it is read */
			errno = EFBIG;
			n = -1;
			break;
		}
	}
	free(block);
	if (n == -1)
		return -1;
	SHA256Final(digest, &ctx);
	for (i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return 0;
}
