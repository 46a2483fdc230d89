/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A FUSE file system with one file, whose server falls silent: once the file
 * "silence" exists it reads requests and answers none, so that whoever waits
 * cannot even be killed. For stuck.sh.
 *
 *	mutefs directory silence uid
 */
#define FUSE_USE_VERSION 314

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../fusefs.h"

#define FILE_INO 2

static const char text[] = "heard\n";
static const char *silence;
static uid_t owner;

/* Silent, and asked: the file says how often, by its length. */
static int
is_silent(void)
{
	int fd = open(silence, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd == -1)
		return 0;
	if (write(fd, ".", 1) == -1)
		exit(1);
	close(fd);
	return 1;
}

static void
fill(fuse_ino_t ino, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_uid = owner;
	st->st_gid = owner;
	st->st_mode = ino == FILE_INO ? S_IFREG | 0644 : S_IFDIR | 0755;
	st->st_nlink = ino == FILE_INO ? 1 : 2;
	st->st_size = ino == FILE_INO ? (off_t)sizeof(text) - 1 : 0;
}

static void
op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	if (is_silent())
		return; /* and the caller waits */
	fill(ino, &st);
	fuse_reply_attr(req, &st, 0);
}

static void
op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = { .ino = FILE_INO };

	if (is_silent())
		return;
	if (parent != FUSE_ROOT_ID || strcmp(name, "file") != 0) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	fill(FILE_INO, &e.attr);
	fuse_reply_entry(req, &e);
}

static void
op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	if (!is_silent())
		fuse_reply_open(req, fi);
}

static void
op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	size_t len = sizeof(text) - 1;

	(void)ino;
	(void)fi;
	if (is_silent())
		return;
	if ((size_t)off >= len)
		len = 0;
	else if (len > size)
		len = size;
	fuse_reply_buf(req, text, len);
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
	};

	if (argc != 4)
		return 2;
	silence = argv[2];
	owner = (uid_t)strtoul(argv[3], NULL, 10);
	return fusefs_serve(argv[0], argv[1], &ops);
}
