/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to end a FUSE connection whose server cannot be ended: the abort
 * files of fusectl. The process that mounts the file system owns its file and
 * opens it; privd, which may have no right to it, gets the descriptor.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "log.h"
#include "maker.h"

int
fusectl_open(enum run_mode mode)
{
	int fd = -1;

	/* seen by nobody else; few may mount it */
	if (mode == MODE_SERVICE)
		fd = mnt_new("fusectl",
		    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
		    NULL);
	if (fd == -1)
		fd = open("/sys/fs/fuse/connections",
		    O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd;
}

int
fusectl_hand_over(struct chan *privd, int fusectl, int mnt)
{
	static const struct msg_make_abort m;
	struct statx st;
	char name[32];
	int fd, r;

	/* asks for nothing but the device's number: nobody serves yet */
	if (fusectl == -1 ||
	    statx(mnt, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &st) == -1)
		return 0;
	snprintf(name, sizeof(name), "%u/abort", st.stx_dev_minor);
	fd = openat(fusectl, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1) {
		log_debug("the FUSE connection cannot be aborted: no %s", name);
		return 0;
	}
	r = msg_send_make_abort(privd, 0, &m, &fd);
	close(fd);
	return r;
}
