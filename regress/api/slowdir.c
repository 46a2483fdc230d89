/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user's FUSE file system that never answers root: an empty directory, for
 * slowdir.sh.
 */
#define FUSE_USE_VERSION 314

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>

#include "../fusefs.h"

#define ATTR_UID 61001

static void
op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st = {
		.st_mode = S_IFDIR | 0755, .st_nlink = 2, .st_uid = ATTR_UID
	};

	(void)fi;
	if (fuse_req_ctx(req)->uid == 0)
		return; /* and the caller waits */
	st.st_ino = ino;
	fuse_reply_attr(req, &st, 0);
}

static void
op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fuse_reply_open(req, fi);
}

static void
op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent;
	(void)name;
	fuse_reply_err(req, ENOENT);
}

int
main(int argc, char **argv)
{
	static const struct fuse_lowlevel_ops ops = {
		.getattr = op_getattr,
		.opendir = op_opendir,
		.lookup = op_lookup,
	};

	if (argc != 2)
		return 2;
	return fusefs_serve(argv[0], argv[1], &ops);
}
