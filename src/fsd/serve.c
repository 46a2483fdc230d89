/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The FUSE session: the table of operations and the threads that serve them.
 * Requests come from the kernel, on behalf of hostile processes; the device
 * was opened and mounted elsewhere. The end of the device is the end of us.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fsd.h"
#include "log.h"

#define SERVE_THREADS 4
#define SERVE_WRITE_MAX (1024 * 1024)

pthread_rwlock_t tree_lock = PTHREAD_RWLOCK_INITIALIZER;

/* what the kernel offers is taken where it is here, and nothing else is */
static const unsigned wanted[] = {
	FUSE_CAP_ATOMIC_O_TRUNC,
	FUSE_CAP_PARALLEL_DIROPS,
	FUSE_CAP_READDIRPLUS,
	FUSE_CAP_READDIRPLUS_AUTO,
	FUSE_CAP_ASYNC_READ,
	FUSE_CAP_AUTO_INVAL_DATA,
	FUSE_CAP_ASYNC_DIO,
	FUSE_CAP_HANDLE_KILLPRIV,
};

static void
op_init(void *arg, struct fuse_conn_info *conn)
{
	size_t i;

	(void)arg;
	conn->want = 0;
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		conn->want |= conn->capable & wanted[i];
	/* the text of a link never changes, but each use may be wanted */
	if (!image_audits_files(&fsd.image))
		conn->want |= conn->capable & FUSE_CAP_CACHE_SYMLINKS;
	conn->max_write = SERVE_WRITE_MAX;
	conn->time_gran = 1;
	fsd.init_done = true;
}

static const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.symlink = op_symlink,
	.rename = op_rename,
	.link = op_link,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.flush = op_flush,
	.release = op_release,
	.fsync = op_fsync,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.releasedir = op_releasedir,
	.fsyncdir = op_fsyncdir,
	.statfs = op_statfs,
	.setxattr = op_setxattr,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.removexattr = op_removexattr,
	.access = op_access,
	.create = op_create,
	.fallocate = op_fallocate,
	.copy_file_range = op_copy,
	.lseek = op_lseek,
};

int
reply_error(fuse_req_t req, int error)
{
	return fuse_reply_err(req, error);
}

/* One request. 0, or -1 when the device is at its end. */
static int
serve_one(struct fuse_buf *buf)
{
	int n;

	n = fuse_session_receive_buf(fsd.session, buf);
	if (n == -EINTR || n == -EAGAIN)
		return 0;
	if (n <= 0)
		return -1;
	fuse_session_process_buf(fsd.session, buf);
	return 0;
}

static void *
serve_thread(void *arg)
{
	struct fuse_buf buf = { 0 };

	(void)arg;
	while (!fuse_session_exited(fsd.session) && serve_one(&buf) == 0)
		;
	/* the session's root is gone, and so is all that we are for */
	log_debug("the device is closed");
	_exit(0);
}

static int
start_threads(void)
{
	pthread_attr_t pa;
	pthread_t t;
	sigset_t all, old;
	int i, rc = 0;

	/* signals are the main thread's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&pa);
	pthread_attr_setdetachstate(&pa, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&pa, 512 * 1024);
	for (i = 0; i < SERVE_THREADS && rc == 0; i++)
		rc = pthread_create(&t, &pa, serve_thread, NULL);
	pthread_attr_destroy(&pa);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = rc;
	return rc == 0 ? 0 : -1;
}

int
serve_start(int device_fd)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_buf buf = { 0 };
	int flags, rc = 0;

	flags = fcntl(device_fd, F_GETFL);
	if (flags == -1 || fcntl(device_fd, F_SETFL, flags & ~O_NONBLOCK) == -1)
		return -1;
	if (fuse_opt_add_arg(&args, "fsd") == -1)
		return -1;
	fsd.session = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	fuse_opt_free_args(&args);
	if (fsd.session == NULL)
		return -1;
	if (device_attach(fsd.session, device_fd) == -1)
		return -1;
	/* the kernel sent INIT at the mount, before anything else */
	while (rc == 0 && !fsd.init_done)
		rc = serve_one(&buf);
	free(buf.mem);
	return rc == -1 ? -1 : start_threads();
}
