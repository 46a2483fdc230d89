/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount system calls of Linux 5.12 as few small verbs. A mount is built
 * detached, complete with its flags, and attached last, so that there is never
 * a moment at which it can be seen writable.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <unistd.h>

#include "maker.h"

int
mnt_new(const char *type, unsigned attr, const char *const *opts)
{
	int fs, mnt = -1, saved;

	fs = fsopen(type, FSOPEN_CLOEXEC);
	if (fs == -1)
		return -1;
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", "agentsh", 0) == -1)
		goto fail;
	for (; opts != NULL && opts[0] != NULL; opts += 2) {
		if (opts[1] != NULL) {
			if (fsconfig(fs, FSCONFIG_SET_STRING, opts[0], opts[1],
				0) == -1)
				goto fail;
		} else if (fsconfig(fs, FSCONFIG_SET_FLAG, opts[0], NULL, 0) ==
		    -1)
			goto fail;
	}
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == -1)
		goto fail;
	mnt = fsmount(fs, FSMOUNT_CLOEXEC, attr);
fail:
	saved = errno;
	close(fs);
	errno = saved;
	return mnt;
}

int
mnt_copy(int dirfd, const char *path, unsigned attr)
{
	struct mount_attr ma = { .attr_set = attr };
	unsigned flags = AT_RECURSIVE | AT_SYMLINK_NOFOLLOW;
	int mnt, saved;

	if (path[0] == '\0')
		flags |= AT_EMPTY_PATH;
	mnt = open_tree(dirfd, path,
	    flags | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (mnt == -1)
		return -1;
	if (mount_setattr(mnt, "", AT_EMPTY_PATH | AT_RECURSIVE, &ma,
		sizeof(ma)) == -1) {
		saved = errno;
		close(mnt);
		errno = saved;
		return -1;
	}
	return mnt;
}

int
mnt_lookup(int root, const char *path, int flags)
{
	struct open_how how = { 0 };

	how.flags = (uint64_t)(flags | O_CLOEXEC);
	how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS;
	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

int
mnt_attach(int mnt, int root, const char *path)
{
	int fd, r, saved;

	fd = mnt_lookup(root, path, O_PATH);
	if (fd == -1)
		return -1;
	r = move_mount(mnt, "", fd, "",
	    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

int
mnt_set(int root, const char *path, unsigned attr)
{
	struct mount_attr ma = { .attr_set = attr };
	int fd, r, saved;

	fd = mnt_lookup(root, path, O_PATH);
	if (fd == -1)
		return -1;
	r = mount_setattr(fd, "", AT_EMPTY_PATH, &ma, sizeof(ma));
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}
