/* SPDX-License-Identifier: Apache-2.0 */
/*
 * execd's way into the session: its user and mount namespaces, so that a path
 * means to execd what it means to the commands, and what execd holds is a right
 * over them alone. It stays out of their pid namespace: they do not see it.
 */
#include <sys/prctl.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "execd.h"
#include "log.h"

void
enter_session(int user_ns, int mount_ns)
{
	pid_t parent = getppid();
	struct stat proc;
	int fds;

	/* the host's: the session's own names no process to us by our number */
	execd.proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (execd.proc_fd == -1)
		fatal("/proc");
	if (setns(user_ns, CLONE_NEWUSER) == -1)
		fatal("the session's user namespace");
	if (setns(mount_ns, CLONE_NEWNS) == -1)
		fatal("the session's mount namespace");
	/* the change of rights has cleared it */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		fatal("prctl");
	if (getppid() != parent)
		_exit(1);
	close(user_ns);
	close(mount_ns);
	execd.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (execd.root_fd == -1)
		fatal("the session's root");
	if (fstatat(execd.root_fd, "proc", &proc, 0) == -1)
		fatal("the session's /proc");
	execd.own_proc = proc.st_dev;
	/* a number is then the path of what we hold, for calls that know
	 * nothing but paths (socket.c) */
	fds = openat(execd.proc_fd, "self/fd",
	    O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fds == -1 || fchdir(fds) == -1)
		fatal("/proc/self/fd");
	close(fds);
}
