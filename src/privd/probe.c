/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host must offer, looked at before anything is started. What is
 * missing stops the start with words that say what to change.
 */
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "landlock.h"
#include "log.h"
#include "privd.h"
#include "proc.h"

static void
probe_fuse(void)
{
	int fd;

	fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd != -1) {
		close(fd);
		return;
	}
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		fatal("/dev/fuse (load the module: modprobe fuse; in a"
		      " container pass the device in)");
	if (errno == EACCES && privd.mode == MODE_USER)
		fatal("/dev/fuse (let users open it, as most systems do: chmod"
		      " 0666 /dev/fuse, or a udev rule with MODE=\"0666\")");
	fatal("/dev/fuse");
}

/* What each version of Landlock cannot do yet that sandbox.c and init ask for
 * where it can. It is one layer of several: see SECURITY for what is left. */
static const struct {
	int abi; /* that has it */
	const char *what;
} landlock_since[] = {
	{ 3, "truncation (Linux 6.2)" },
	{ 4, "TCP (6.7)" },
	{ 5, "ioctls on devices (6.10)" },
	{ 6, "signals and abstract sockets (6.12)" },
};

static void
probe_landlock(void)
{
	char missing[256] = "";
	size_t i, len = 0;
	int abi = landlock_abi();

	/* the first version lets nobody move files between directories */
	if (abi < 2)
		fatalx("the kernel has no Landlock that will do: Linux 5.19 or"
		       " later with \"landlock\" in the lsm= boot parameter");
	for (i = 0; i < sizeof(landlock_since) / sizeof(landlock_since[0]);
	     i++) {
		if (abi >= landlock_since[i].abi)
			continue;
		snprintf(missing + len, sizeof(missing) - len, "%s%s",
		    len == 0 ? "" : ", ", landlock_since[i].what);
		len = strlen(missing);
	}
	if (len > 0)
		log_info("Landlock ABI %d of this kernel does not restrict: %s",
		    abi, missing);
	else
		log_info("Landlock ABI %d", abi);
}

static void
probe_seccomp(void)
{
	uint32_t action = SECCOMP_RET_USER_NOTIF;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == -1)
		fatal("the kernel has no seccomp filters with notification");
}

static void
probe_overflow_uid(void)
{
	char text[32];
	ssize_t n;
	int fd;

	/* every stranger looks like this uid to a user namespace */
	fd = open("/proc/sys/kernel/overflowuid", O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		fatal("/proc/sys/kernel/overflowuid");
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		fatal("/proc/sys/kernel/overflowuid");
	text[n] = '\0';
	if (strtoul(text, NULL, 10) == privd.uid)
		fatalx("uid %u stands for everybody unknown and cannot run"
		       " agentshd",
		    (unsigned)privd.uid);
}

void
probe_kernel(void)
{
	probe_landlock();
	probe_seccomp();
	probe_fuse();
	if (privd.mode == MODE_USER)
		probe_overflow_uid();
	else
		lockdown_check();
}

/* Appends the name where the sysctl has a value that forbids. */
static void
name_sysctl(char *dst, size_t size, const char *file, char forbids,
    const char *advice)
{
	size_t len = strlen(dst);
	char c;
	int fd;

	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return;
	if (read(fd, &c, 1) == 1 && c == forbids)
		snprintf(dst + len, size - len, "; set %s", advice);
	close(fd);
}

void
probe_userns_refused(int error)
{
	char hint[512] = "";

	name_sysctl(hint, sizeof(hint), "/proc/sys/user/max_user_namespaces",
	    '0', "user.max_user_namespaces to 10000 (it is 0)");
	name_sysctl(hint, sizeof(hint),
	    "/proc/sys/kernel/unprivileged_userns_clone", '0',
	    "kernel.unprivileged_userns_clone to 1 (it is 0)");
	name_sysctl(hint, sizeof(hint),
	    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1',
	    "kernel.apparmor_restrict_unprivileged_userns to 0 (it is 1), or"
	    " load an AppArmor profile with \"userns\" for agentshd");
	if (hint[0] == '\0')
		snprintf(hint, sizeof(hint), "%s",
		    "; a container or security module forbids it, or"
		    " user.max_user_namespaces is used up");
	fatalx("this user may not make user namespaces: %s%s", strerror(error),
	    hint);
}

void
probe_users(void)
{
	struct passwd *pw;
	size_t i;

	for (i = 0; i < ROLE_MAX; i++) {
		if (proc_rows[i].user == NULL)
			continue;
		pw = getpwnam(proc_rows[i].user);
		if (pw == NULL)
			fatalx("the system user %s is missing: run"
			       " systemd-sysusers (sysusers.d/agentsh.conf), or"
			       " useradd -r %s",
			    proc_rows[i].user, proc_rows[i].user);
		if (pw->pw_uid == 0)
			fatalx("the system user %s must not be root",
			    proc_rows[i].user);
		privd.user[i].uid = pw->pw_uid;
		privd.user[i].gid = pw->pw_gid;
	}
}
