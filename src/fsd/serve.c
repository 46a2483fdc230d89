/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The FUSE session: the table of operations and the threads that serve them.
 * Requests come from the kernel, on behalf of hostile processes; the device
 * was opened and mounted elsewhere. The end of the device is the end of us.
 * There is always a thread that waits for the next request, up to a bound: what
 * the host does not answer stalls those who asked for it, and not the session.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "approve.h"
#include "decide.h"
#include "handle.h"
#include "log.h"
#include "ops.h"
#include "serve.h"
#include "trashing.h"
#include "uring.h"

#define SERVE_THREADS 4		 /* to begin with */
#define SERVE_THREADS_MAX 64	 /* each may wait for a host that is slow */
#define SERVE_IDLE_MAX 8	 /* more than these end */
#define SERVE_BACKGROUND_MAX 256 /* reads ahead that may be on their way */
#define SERVE_WRITE_MAX (1024 * 1024)

static struct {
	pthread_mutex_t lock;
	unsigned threads;
	unsigned idle; /* of these, waiting for a request */
	bool warned;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Requests come by the rings of uring.c, but for a few; decided at INIT. */
static bool by_rings;
static const char *why_no_rings;

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
	FUSE_CAP_DONT_MASK,
};

static void
op_init(void *arg, struct fuse_conn_info *conn)
{
	size_t i;

	(void)arg;
	conn->want = 0;
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		conn->want |= conn->capable & wanted[i];
	/* the text of a link never changes, but each use may be wanted, and
	 * whether it leads out of the workspace depends on where it is now */
	if (policy_image() != NULL && !image_audits_files(policy_image()) &&
	    fsd.proc.conf.symlink_escape == 0)
		conn->want |= conn->capable & FUSE_CAP_CACHE_SYMLINKS;
	conn->max_write = SERVE_WRITE_MAX;
	/* a read ahead that hangs must not keep others from being asked for */
	conn->max_background = SERVE_BACKGROUND_MAX;
	conn->congestion_threshold = SERVE_BACKGROUND_MAX;
	conn->time_gran = 1;
	fsd.can_expire = (conn->capable & FUSE_CAP_EXPIRE_ONLY) != 0;
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
	if (error == EACCES && approve_settle(req))
		return 0;
	return fuse_reply_err(req, error);
}

static void *serve_thread(void *);

int
thread_start(void *(*fn)(void *), void *arg)
{
	pthread_attr_t pa;
	pthread_t t;
	sigset_t all, old;
	int rc;

	/* signals are the main thread's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&pa);
	pthread_attr_setdetachstate(&pa, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&pa, 512 * 1024);
	rc = pthread_create(&t, &pa, fn, arg);
	pthread_attr_destroy(&pa);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

/* A request came to this thread: somebody must wait for the next one, as this
 * one may take long. */
static void
pool_busy(void)
{
	bool grow;
	int rc;

	pthread_mutex_lock(&pool.lock);
	pool.idle--;
	grow = pool.idle == 0 && pool.threads < SERVE_THREADS_MAX;
	if (grow) {
		pool.threads++;
		pool.idle++;
	}
	pthread_mutex_unlock(&pool.lock);
	if (!grow)
		return;
	rc = thread_start(serve_thread, NULL);
	if (rc == 0)
		return;
	pthread_mutex_lock(&pool.lock);
	pool.threads--;
	pool.idle--;
	if (!pool.warned)
		log_warnx("no more threads: %s", strerror(rc));
	pool.warned = true;
	pthread_mutex_unlock(&pool.lock);
}

/* The request is answered. Says false when the thread is one too many. */
static bool
pool_idle(void)
{
	bool stay;

	pthread_mutex_lock(&pool.lock);
	stay = pool.idle < SERVE_IDLE_MAX;
	if (stay)
		pool.idle++;
	else
		pool.threads--;
	pthread_mutex_unlock(&pool.lock);
	return stay;
}

/* Waits for a request. 1, 0 when there was none, -1 at the device's end. */
static int
serve_wait(struct fuse_buf *buf)
{
	int n;

	n = fuse_session_receive_buf(fsd.session, buf);
	if (n == -EINTR || n == -EAGAIN)
		return 0;
	return n <= 0 ? -1 : 1;
}

static void *
serve_thread(void *arg)
{
	struct fuse_buf buf = { 0 };
	int rc = 0;

	(void)arg;
	while (!fuse_session_exited(fsd.session)) {
		rc = serve_wait(&buf);
		if (rc == -1)
			break;
		if (rc == 0)
			continue;
		pool_busy();
		do {
			policy_enter();
			fuse_session_process_buf(fsd.session, &buf);
			policy_leave();
		} while (approve_again());
		if (!pool_idle()) {
			free(buf.mem);
			return NULL;
		}
	}
	/* the session's root is gone, and so is all that we are for */
	log_debug("the device is closed");
	trash_end_session();
	_exit(AGENTSH_EXIT_PEER + ROLE_INIT);
}

void
serve_prepare(void)
{
	if (fsd.proc.conf.fuse_transport == TRANSPORT_DEVICE)
		why_no_rings = "it is switched off";
	else
		why_no_rings = uring_prepare();
}

bool
serve_choose(bool offered)
{
	if (why_no_rings == NULL && !offered) {
		why_no_rings = "the kernel does not offer it";
		uring_abandon();
	}
	by_rings = why_no_rings == NULL;
	if (!by_rings && fsd.proc.conf.fuse_transport == TRANSPORT_URING)
		fatalx("sandbox.fuse.transport: uring: %s", why_no_rings);
	return by_rings;
}

const char *
serve_detail(void)
{
	return by_rings ? "uring" : "device";
}

static int
start_threads(int device_fd)
{
	unsigned i, n = by_rings ? 1 : SERVE_THREADS;
	int rc;

	rc = watch_start();
	/* nobody serves yet */
	pool.threads = n;
	pool.idle = n;
	for (i = 0; i < n && rc == 0; i++)
		rc = thread_start(serve_thread, NULL);
	if (rc == 0 && by_rings)
		rc = uring_start(device_fd, SERVE_WRITE_MAX);
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
	while (rc != -1 && !fsd.init_done) {
		rc = serve_wait(&buf);
		if (rc != 1)
			continue;
		policy_enter();
		fuse_session_process_buf(fsd.session, &buf);
		policy_leave();
	}
	free(buf.mem);
	return rc == -1 ? -1 : start_threads(device_fd);
}
