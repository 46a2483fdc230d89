/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user's FUSE file system that never answers root: an empty directory, for
 * slowdir.sh.
 */
#define FUSE_USE_VERSION 314

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>

#include <fuse3/fuse_lowlevel.h>

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
	char name[] = "slowdir", opt[] = "-o", value[] = "allow_other";
	char *args[] = { name, opt, value, NULL };
	struct fuse_args fa = FUSE_ARGS_INIT(3, args);
	struct fuse_session *se;

	if (argc != 2)
		return 2;
	se = fuse_session_new(&fa, &ops, sizeof(ops), NULL);
	if (se == NULL || fuse_session_mount(se, argv[1]) != 0)
		return 1;
	return fuse_session_loop(se) == 0 ? 0 : 1;
}
