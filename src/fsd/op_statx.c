/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statx(2) of what the usual attributes do not have: the time of birth.
 */
#include <string.h>
#include <sys/sysmacros.h>

#include "backing.h"
#include "handle.h"
#include "node.h"
#include "ops.h"
#include "serve.h"

/* The kernel's form of the answer, linux/fuse.h since 7.39. */
struct sx_time {
	int64_t tv_sec;
	uint32_t tv_nsec;
	int32_t unused;
};

struct sx_out {
	uint64_t attr_valid;
	uint32_t attr_valid_nsec;
	uint32_t flags;
	uint64_t unused[2];
	uint32_t mask;
	uint32_t blksize;
	uint64_t attributes;
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	uint16_t mode;
	uint16_t unused_mode;
	uint64_t ino;
	uint64_t size;
	uint64_t blocks;
	uint64_t attributes_mask;
	struct sx_time atime;
	struct sx_time btime;
	struct sx_time ctime;
	struct sx_time mtime;
	uint32_t rdev_major;
	uint32_t rdev_minor;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t unused_end[14];
};

static struct sx_time
sx_time(const struct timespec *ts)
{
	struct sx_time t = { ts->tv_sec, (uint32_t)ts->tv_nsec, 0 };

	return t;
}

static void
fill(struct sx_out *out, const struct stat *st)
{
	out->mask = STATX_BASIC_STATS;
	out->blksize = (uint32_t)st->st_blksize;
	out->nlink = (uint32_t)st->st_nlink;
	out->uid = st->st_uid;
	out->gid = st->st_gid;
	out->mode = (uint16_t)st->st_mode;
	out->ino = st->st_ino;
	out->size = (uint64_t)st->st_size;
	out->blocks = (uint64_t)st->st_blocks;
	out->atime = sx_time(&st->st_atim);
	out->ctime = sx_time(&st->st_ctim);
	out->mtime = sx_time(&st->st_mtim);
	out->rdev_major = major(st->st_rdev);
	out->rdev_minor = minor(st->st_rdev);
}

void
reply_statx(fuse_req_t req, struct node *n, const struct handle *h, bool once)
{
	struct fuse_entry_param e = { 0 };
	struct sx_out out = { 0 };
	struct statx stx = { 0 };
	int error;

	if (n->view == VIEW_VIRTUAL) {
		error = node_attr(n, h, &e.attr);
	} else {
		error = node_stat(n, h, &stx);
		if (error == 0)
			backing_attr(&e.attr, &stx);
	}
	if (error != 0) {
		reply_error(req, error);
		return;
	}
	entry_times(n, &e);
	fill(&out, &e.attr);
	out.attr_valid = once ? 0 : (uint64_t)e.attr_timeout;
	if ((stx.stx_mask & STATX_BTIME) != 0) {
		out.mask |= STATX_BTIME;
		out.btime.tv_sec = stx.stx_btime.tv_sec;
		out.btime.tv_nsec = stx.stx_btime.tv_nsec;
	}
	fuse_reply_buf(req, (const char *)&out, sizeof(out));
}
