/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directories beside the workspace. Each shows where it is on the host, and
 * is held open like the workspace; the host's tree around it is seen, and not
 * changed, and neither are those that are read-only. They do not lie in each
 * other, nor in the workspace or around it: privd has seen to that.
 */
#include <string.h>

#include "backing.h"
#include "handle.h"
#include "node.h"
#include "path.h"
#include "profile.h"
#include "sandbox.h"

static struct {
	size_t n;
	bool some_ro;
	struct mount_dir {
		struct node node;
		bool writable;
		int fd;
		char path[AGENTSH_PATH_MAX + 1];
	} dir[PROFILE_MOUNTS];
} mounts;

int
mounts_on_fs_mount(struct chan *ch, struct imsg *im)
{
	struct mount_dir *d = &mounts.dir[mounts.n];
	struct msg_fs_mount m;

	(void)ch;
	if (msg_get_fs_mount(im, &m) == -1 || mounts.n == PROFILE_MOUNTS ||
	    profile_path_error(m.path) != NULL)
		return -1;
	d->fd = imsg_take_fd(im, 0);
	d->writable = m.writable != 0;
	mounts.some_ro = mounts.some_ro || !d->writable;
	memcpy(d->path, m.path, sizeof(d->path));
	mounts.n++;
	return 0;
}

void
mounts_init(void)
{
	struct mount_dir *d;

	for (d = mounts.dir; d < mounts.dir + mounts.n; d++) {
		fixed_init(&d->node, VIEW_WORKSPACE, d->path, d->fd);
		d->node.top = &d->node;
		/* nothing is mounted on it */
		d->node.anchor = false;
	}
}

size_t
mounts_dirs(struct sandbox_dir *dirs)
{
	size_t i;

	for (i = 0; i < mounts.n; i++) {
		dirs[i].fd = mounts.dir[i].fd;
		dirs[i].access = mounts.dir[i].writable ? SANDBOX_RW :
							  SANDBOX_RO;
	}
	return mounts.n;
}

bool
mounts_are_ro(const char *path, size_t len)
{
	const struct mount_dir *d;
	size_t i, n;

	for (i = 0; mounts.some_ro && i < mounts.n; i++) {
		d = &mounts.dir[i];
		n = strlen(d->path);
		if (!d->writable && len >= n && memcmp(path, d->path, n) == 0 &&
		    (len == n || path[n] == '/'))
			return true;
	}
	return false;
}

struct node *
mounts_node(const char *path)
{
	size_t i;

	for (i = 0; i < mounts.n; i++) {
		if (strcmp(mounts.dir[i].path, path) == 0)
			return &mounts.dir[i].node;
	}
	return NULL;
}

bool
mounts_have(const struct statx *stx)
{
	size_t i;

	for (i = 0; i < mounts.n; i++) {
		if (backing_same(&mounts.dir[i].node.id, stx))
			return true;
	}
	return false;
}

const char *
mounts_top(const char *path, int *fd)
{
	size_t i;

	for (i = 0; i < mounts.n; i++) {
		if (!path_is_beneath(path, mounts.dir[i].path))
			continue;
		if (fd != NULL)
			*fd = mounts.dir[i].fd;
		return mounts.dir[i].path;
	}
	if (fd != NULL)
		*fd = fsd.work_fd;
	return fsd.mount;
}

void
mounts_watch(void)
{
	size_t i;

	for (i = 0; i < mounts.n; i++)
		(void)watch_dir(&mounts.dir[i].node);
}

bool
mounts_are_remote(void)
{
	size_t i;

	for (i = 0; i < mounts.n; i++) {
		if (backing_is_remote(mounts.dir[i].fd))
			return true;
	}
	return false;
}
