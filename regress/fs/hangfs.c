/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A FUSE file system that does not answer everything, for hang.sh: looking up
 * h*, reading f*, listing d* and making anything waits for ever, and once
 * "freeze" was looked up, so does looking at the root.
 */
#define FUSE_USE_VERSION 314

#include <sys/stat.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../fusefs.h"

#define OWNER 61001

static bool frozen;

/* The number of a node is the first letter of its name. */
static void
fill(struct stat *st, fuse_ino_t ino)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_uid = OWNER;
	st->st_nlink = 1;
	st->st_size = 4096;
	st->st_mode = S_IFREG | 0644;
	if (ino == FUSE_ROOT_ID || ino == 'd')
		st->st_mode = S_IFDIR | 0755;
}

static void
op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	if (ino == FUSE_ROOT_ID && frozen)
		return; /* and the caller waits */
	fill(&st, ino);
	fuse_reply_attr(req, &st, 0);
}

static void
op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = { 0 };

	(void)parent;
	if (*name == 'h')
		return;
	if (strcmp(name, "freeze") == 0) {
		frozen = true;
	} else if (*name == 'f' || *name == 'd') {
		e.ino = (fuse_ino_t)*name;
		fill(&e.attr, e.ino);
		fuse_reply_entry(req, &e);
		return;
	}
	fuse_reply_err(req, ENOENT);
}

static void
op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (ino != 'd')
		fuse_reply_open(req, fi);
}

static void
op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	(void)req;
	(void)ino;
	(void)size;
	(void)off;
	(void)fi;
}

static void
op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
    struct fuse_file_info *fi)
{
	(void)req;
	(void)parent;
	(void)name;
	(void)mode;
	(void)fi;
}

int
main(int argc, char **argv)
{
	static const struct fuse_lowlevel_ops ops = {
		.getattr = op_getattr,
		.lookup = op_lookup,
		.open = op_open,
		.opendir = op_open,
		.read = op_read,
		.create = op_create,
	};

	if (argc != 2)
		return 2;
	return fusefs_serve(argv[0], argv[1], &ops);
}
