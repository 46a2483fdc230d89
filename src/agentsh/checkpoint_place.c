/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How what was kept gets its name in the workspace. What a session may do with a
 * file, its policy says by the file's name: so it never has another one there. It
 * is made without a name, or among what was kept, and comes to its place in one
 * step; where that is another file system what is there goes first.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "checkpoint.h"

#define STAGED ".put"
#define TRIES 8 /* against who makes something of that name each time */

void
cp_times(const struct cp_entry *e, struct timespec ts[2])
{
	ts[0] = (struct timespec){ 0, UTIME_OMIT };
	ts[1] = (struct timespec){ e->mtime_sec, e->mtime_nsec };
}

/* Everything it has but its name. */
static int
fill(int files, const struct cp_entry *e, int fd)
{
	struct timespec ts[2];

	cp_times(e, ts);
	if (cp_fetch(files, e, fd) == -1 || cp_xattrs_set(fd, e->xattrs) == -1)
		return -1;
	/* no program comes back that runs as its owner for others */
	return fchmod(fd, e->mode & 01777) == -1 ? -1 : futimens(fd, ts);
}

int
cp_make_file(int files, const struct cp_entry *e, int dir)
{
	int fd, saved;

	fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd == -1 || fill(files, e, fd) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int
remove_name(int dir, const char *name)
{
	return unlinkat(dir, name, 0) == -1 && errno != ENOENT ? -1 : 0;
}

/* From where it was staged to its place. */
static int
put_staged(int files, int dir, const char *name)
{
	int saved;

	if (renameat(files, STAGED, dir, name) == 0)
		return 0;
	saved = errno;
	(void)unlinkat(files, STAGED, 0);
	errno = saved;
	return -1;
}

int
cp_name_file(int fd, int files, int dir, const char *name)
{
	char own[64];
	int i, ret = -1;

	snprintf(own, sizeof(own), "/proc/self/fd/%d", fd);
	(void)unlinkat(files, STAGED, 0);
	if (linkat(AT_FDCWD, own, files, STAGED, AT_SYMLINK_FOLLOW) == 0 &&
	    ((ret = put_staged(files, dir, name)) == 0 || errno != EXDEV))
		return ret;
	for (i = 0; i < TRIES; i++) {
		if (remove_name(dir, name) == -1)
			return -1;
		ret = linkat(AT_FDCWD, own, dir, name, AT_SYMLINK_FOLLOW);
		if (ret == 0 || errno != EEXIST)
			break;
	}
	return ret;
}

int
cp_put_file(int files, const struct cp_entry *e, int dir, const char *name)
{
	int fd, ret, saved;

	/* what is there goes for nothing else */
	if (cp_fetch(files, e, -1) == -1 || remove_name(dir, name) == -1)
		return -1;
	fd = openat(dir, name,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	ret = fill(files, e, fd);
	saved = errno;
	close(fd);
	if (ret == -1)
		(void)unlinkat(dir, name, 0);
	errno = saved;
	return ret;
}

int
cp_put_link(int files, const struct cp_entry *e, int dir, const char *name)
{
	struct timespec ts[2];
	int i, ret = -1;

	cp_times(e, ts);
	(void)unlinkat(files, STAGED, 0);
	if (symlinkat(e->target, files, STAGED) == 0) {
		(void)utimensat(files, STAGED, ts, AT_SYMLINK_NOFOLLOW);
		ret = put_staged(files, dir, name);
		if (ret == 0 || errno != EXDEV)
			return ret;
	}
	for (i = 0; i < TRIES; i++) {
		if (remove_name(dir, name) == -1)
			return -1;
		ret = symlinkat(e->target, dir, name);
		if (ret == 0 || errno != EEXIST)
			break;
	}
	if (ret == 0)
		(void)utimensat(dir, name, ts, AT_SYMLINK_NOFOLLOW);
	return ret;
}
