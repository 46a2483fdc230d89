/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fsd: the file system of one session. It owns the descriptors of the host's
 * root, of the workspace and of what may be changed beside it, hears privd
 * (device, policy) and execd (which process is whose), and answers the kernel's
 * requests for processes that it does not trust. Taken over, it has what the
 * session's user may read on the host and write in the workspace: Landlock holds
 * it to that.
 */
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "approve.h"
#include "backing.h"
#include "decide.h"
#include "fsd.h"
#include "handle.h"
#include "log.h"
#include "node.h"
#include "path.h"
#include "place.h"
#include "record.h"
#include "sandbox.h"
#include "serve.h"
#include "trashing.h"

/* of all descriptors, the part that nodes may keep when they are idle, and that
 * of open files: some are left for operations, whatever commands hold */
#define NODE_FDS_PART 2
#define HANDLE_FDS_PART 4
#define DIR_FDS_PART 16 /* of directories being listed */
/* open files that share a descriptor are memory alone: of 65536 descriptors
 * this is about 70 MB */
#define HANDLES_PER_FD 4
#define FDS_MIN 256
#define FDS_MAX 65536

struct fsd fsd = { .root_fd = -1, .work_fd = -1, .self_fd = -1 };

static int
fsd_on_fs_root(struct chan *ch, struct imsg *im)
{
	struct msg_fs_root m;

	(void)ch;
	if (msg_get_fs_root(im, &m) == -1 || !path_is_clean(m.mount) ||
	    strcmp(m.mount, "/") == 0)
		return -1;
	fsd.root_fd = imsg_take_fd(im, 0);
	fsd.work_fd = imsg_take_fd(im, 1);
	fsd.uid = m.uid;
	fsd.gid = m.gid;
	memcpy(fsd.mount, m.mount, sizeof(fsd.mount));
	return 0;
}

static int
fsd_on_fs_device(struct chan *ch, struct imsg *im)
{
	char detail[64];

	(void)ch;
	if (serve_start(imsg_take_fd(im, 0)) == -1)
		fatal("the device cannot be served");
	trash_expire();
	snprintf(detail, sizeof(detail), "%s %s", through_detail(),
	    serve_detail());
	proc_ready(&fsd.proc, detail);
	return 0;
}

/* The session's root is complete: from now on it is not ours that walk it. */
static int
fsd_on_fs_procfs(struct chan *ch, struct imsg *im)
{
	(void)ch;
	attr_set_proc(imsg_take_fd(im, 0));
	fsd.settled = true;
	return 0;
}

static int
fsd_on_fs_command(struct chan *ch, struct imsg *im)
{
	struct msg_fs_command m;

	(void)ch;
	if (msg_get_fs_command(im, &m) == -1)
		return -1;
	return attr_add(m.command, m.keeper_pid, m.command_id);
}

static int
fsd_on_fs_sync(struct chan *ch, struct imsg *im)
{
	struct msg_fs_sync m;
	struct msg_fs_synced reply = { 0 };

	if (msg_get_fs_sync(im, &m) == -1)
		return -1;
	/* a caller hears of a result after its record is written: only bytes
	 * of handles that are not released yet can be missing */
	policy_enter();
	handle_sync(m.command);
	policy_leave();
	native_sync(m.command);
	summary_emit(m.command);
	reply.command = m.command;
	msg_send_fs_synced(ch, im->id, &reply, NULL);
	return 0;
}

static int
fsd_on_fs_forget(struct chan *ch, struct imsg *im)
{
	struct msg_fs_forget m;

	(void)ch;
	if (msg_get_fs_forget(im, &m) == -1)
		return -1;
	/* of what went on behind it */
	native_sync(m.command);
	summary_emit(m.command);
	native_forget(m.command);
	attr_forget(m.command);
	return 0;
}

static const struct handler fsd_handlers[] = {
	{ MSG_POLICY_IMAGE, policy_on_policy_image },
	{ MSG_POLICY_PREPARE, policy_on_policy_prepare },
	{ MSG_POLICY_COMMIT, policy_on_policy_commit },
	{ MSG_POLICY_ABANDON, policy_on_policy_abandon },
	{ MSG_FS_ROOT, fsd_on_fs_root },
	{ MSG_FS_MOUNT, mounts_on_fs_mount },
	{ MSG_FS_TRASH, trash_on_fs_trash },
	{ MSG_FS_NATIVE, native_on_fs_native },
	{ MSG_FS_DEVICE, fsd_on_fs_device },
	{ MSG_FS_PROCFS, fsd_on_fs_procfs },
	{ MSG_FS_COMMAND, fsd_on_fs_command },
	{ MSG_FS_SYNC, fsd_on_fs_sync },
	{ MSG_FS_FORGET, fsd_on_fs_forget },
	{ MSG_FS_SOCKET, socket_on_fs_socket },
	{ MSG_FS_UNIX, socket_on_fs_unix },
	{ MSG_FS_BIND, socket_on_fs_bind },
	{ MSG_REG_OPENED, through_on_reg_opened },
	{ MSG_APPROVAL_PENDING, approve_on_pending },
	{ MSG_APPROVAL_ANSWER, approve_on_answer },
	{ MSG_NONE, NULL },
};

/* How many descriptors there may be, of those that are allowed (of which more
 * are, to pass some: sandbox.def). The kernel's table is made as large at once,
 * so that it never grows under load. */
static size_t
raise_fds(void)
{
	struct rlimit rl;
	int fd, n;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		fatal("getrlimit");
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) == -1)
		fatal("setrlimit");
	if (rl.rlim_cur < FDS_MIN)
		fatalx("RLIMIT_NOFILE is too low");
	n = rl.rlim_cur < FDS_MAX ? (int)rl.rlim_cur : FDS_MAX;
	fd = dup2(STDERR_FILENO, n - 1);
	if (fd != -1)
		close(fd);
	return (size_t)n;
}

static void
confine(void)
{
	struct sandbox_dir dirs[3 + PROFILE_MOUNTS];
	size_t n;

	/* the last path that is followed */
	fsd.self_fd = openat(fsd.root_fd, "proc/self/fd",
	    O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fsd.self_fd == -1)
		fatal("/proc/self/fd");
	watch_init();
	place_init();
	serve_prepare();
	dirs[0].fd = fsd.root_fd;
	dirs[0].access = SANDBOX_RO;
	dirs[1].fd = fsd.work_fd;
	dirs[1].access = SANDBOX_RW;
	dirs[2].fd = trash_dir();
	dirs[2].access = SANDBOX_RW;
	n = mounts_dirs(dirs + 3);
	sandbox_enter(ROLE_FSD, dirs, 3 + n);
}

int
main(int argc, char **argv)
{
	size_t nfds;

	proc_start(&fsd.proc, ROLE_FSD, fsd_handlers, argc, argv);
	if (!policy_is_there() || fsd.root_fd == -1 ||
	    fsd.proc.peer[ROLE_POLICYD] == NULL)
		fatalx("agentshd has sent no policy, no root or no policyd");
	umask(0);
	policy_init();
	record_init();
	nfds = raise_fds();
	fsd.base = event_base_new();
	if (fsd.base == NULL)
		fatal("event_base_new");
	fsd.close_fails = backing_is_remote(fsd.work_fd) || mounts_are_remote();
	trash_start();
	gitsettings_init();
	confine();
	backing_init();
	node_init(nfds / NODE_FDS_PART);
	handle_init(nfds / HANDLE_FDS_PART, nfds * HANDLES_PER_FD);
	dirs_init(nfds / DIR_FDS_PART);
	through_init();
	approve_init();
	proc_watch(&fsd.proc, fsd.base);
	event_base_dispatch(fsd.base);
	return 1;
}
