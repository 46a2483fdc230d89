/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of open files. The opening was decided; here they are moved and
 * counted, through the handle's own descriptor.
 */
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "handle.h"
#include "node.h"
#include "ops.h"
#include "serve.h"

void
op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	ssize_t n;
	char *data;

	(void)ino;
	kept_read(h);
	data = malloc(size != 0 ? size : 1);
	if (data == NULL) {
		reply_error(req, ENOMEM);
		return;
	}
	n = pread(h->fd, data, size, off);
	if (n == -1) {
		reply_error(req, errno);
	} else {
		handle_moved(req, h, &h->nread, (uint64_t)n);
		fuse_reply_buf(req, data, (size_t)n);
	}
	free(data);
}

/* The flags are those of the caller's descriptor at this moment; what a
 * mapping wrote has its place, whatever they are. */
static ssize_t
write_some(int fd, const char *data, size_t size, off_t off,
    const struct fuse_file_info *fi)
{
	struct iovec iov = { (void *)(uintptr_t)data, size };

	if ((fi->flags & O_APPEND) != 0 && !fi->writepage)
		return pwritev2(fd, &iov, 1, off, RWF_APPEND);
	return pwrite(fd, data, size, off);
}

void
op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size,
    off_t off, struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	size_t done = 0;
	ssize_t n;

	(void)ino;
	while (done < size) {
		n = write_some(h->fd, data + done, size - done,
		    off + (off_t)done, fi);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && done == 0) {
			reply_error(req, errno);
			return;
		}
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (fi->writepage)
		handle_stored(h, done);
	else
		handle_moved(req, h, &h->nwritten, done);
	atomic_fetch_add(&h->nwrites, 1);
	watch_wrote(h->node);
	fuse_reply_write(req, done);
}

void
op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
    struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	int rc;

	(void)ino;
	rc = datasync != 0 ? fdatasync(h->fd) : fsync(h->fd);
	reply_error(req, rc == -1 ? errno : 0);
}

void
op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
    struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	int rc;

	(void)ino;
	through_settle(h->node);
	rc = fallocate(h->fd, mode, off, len);
	through_resized(h->node);
	if (rc == 0)
		handle_moved(req, h, &h->nallocated, (uint64_t)len);
	reply_error(req, rc == -1 ? errno : 0);
}

void
op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
    struct fuse_file_info *fi)
{
	struct node *n = node_of(ino);
	off_t at;

	/* what was stored in a mapping is no hole: the kernel asks without
	 * having written it */
	if ((whence == SEEK_DATA || whence == SEEK_HOLE) && handle_maps(n))
		(void)fuse_lowlevel_notify_inval_inode(fsd.session, ino, 0, 0);
	at = lseek(handle_of(fi)->fd, off, whence);
	if (at == -1)
		reply_error(req, errno);
	else
		fuse_reply_lseek(req, at);
}

void
op_copy(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
    struct fuse_file_info *fi_in, fuse_ino_t ino_out, off_t off_out,
    struct fuse_file_info *fi_out, size_t len, int flags)
{
	struct handle *in = handle_of(fi_in), *out = handle_of(fi_out);
	ssize_t n;

	(void)ino_in;
	(void)ino_out;
	through_settle(out->node);
	n = copy_file_range(in->fd, &off_in, out->fd, &off_out, len,
	    (unsigned)flags);
	through_resized(out->node);
	if (n == -1) {
		reply_error(req, errno);
		return;
	}
	handle_moved(req, in, &in->nread, (uint64_t)n);
	handle_moved(req, out, &out->nwritten, (uint64_t)n);
	fuse_reply_write(req, (size_t)n);
}
