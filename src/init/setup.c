/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rights of a session, given up by its pid 1 before there is any command:
 * user, capabilities, no_new_privs, Landlock, seccomp. All of it is inherited
 * and none of it can be undone. What cannot be had is fatal, but for Landlock
 * features that the kernel is too old for: INIT_READY tells its ABI.
 */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "init.h"
#include "landlock.h"
#include "log.h"
#include "path.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define FILTER_SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)
#define SETUP_CAPS 64 /* the kernel's capabilities are 64 bits */

static int
setup_allow(int ruleset, const char *dir, uint64_t access_fs)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), r;

	if (fd == -1)
		return -1;
	r = landlock_allow(ruleset, fd, access_fs);
	close(fd);
	return r;
}

/*
 * One more layer. Every layer forbids to move or link files between
 * directories unless it has a rule for it, whatever else it is about. Ioctls
 * on devices, where they are among the rights, are for those in /dev.
 */
static int
setup_layer(uint64_t access_fs, uint64_t scoped, int abi)
{
	int fd, r = -1;

	if (abi >= 2)
		access_fs |= LANDLOCK_ACCESS_FS_REFER;
	fd = landlock_ruleset(abi, access_fs, 0, scoped);
	if (fd == -1)
		return -1;
	if ((abi < 2 || setup_allow(fd, "/", LANDLOCK_ACCESS_FS_REFER) == 0) &&
	    ((access_fs & LL_IOCTL_DEV) == 0 ||
		setup_allow(fd, "/dev", LL_IOCTL_DEV) == 0))
		r = landlock_enter(fd);
	close(fd);
	return r;
}

/* No device nodes made anywhere, no ioctls on any that are not in /dev, however
 * they came to be there, no abstract socket of another sandbox. */
static int
setup_landlock(void)
{
	int abi = landlock_abi();
	uint64_t access_fs = LANDLOCK_ACCESS_FS_MAKE_CHAR |
	    LANDLOCK_ACCESS_FS_MAKE_BLOCK;

	if (abi >= 5)
		access_fs |= LL_IOCTL_DEV;
	if (abi > 0 && setup_layer(access_fs, LL_SCOPE_ABSTRACT, abi) == -1)
		fatal("Landlock");
	return abi;
}

int
setup_scope_signals(int abi)
{
	return abi < 6 ? 0 : setup_layer(0, LL_SCOPE_SIGNAL, abi);
}

/* As the session's user, in the session's own /tmp. */
static void
setup_home(const struct setup *s)
{
	if (!path_is_clean(s->home) || strcmp(s->home, "/") == 0)
		fatalx("bad home directory");
	/* nobody was here before us: what exists already is not ours */
	if (mkdir(s->home, 0700) == -1)
		fatal("mkdir %s", s->home);
}

static bool
setup_may_setpcap(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3,
		0 };
	struct __user_cap_data_struct data[2];

	memset(data, 0, sizeof(data));
	if (syscall(SYS_capget, &head, data) == -1)
		fatal("capget");
	return (data[0].effective & (1U << CAP_SETPCAP)) != 0;
}

/*
 * The bounding set and securebits, while the right to change them is there. A
 * pid 1 whose user is not the namespace's root may have lost it in its exec;
 * it has no capability then, and no_new_privs keeps it so.
 */
static void
setup_bounding(void)
{
	int cap;

	if (!setup_may_setpcap())
		return;
	for (cap = 0; cap < SETUP_CAPS; cap++) {
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == -1)
			break; /* one more than the kernel has */
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			fatal("PR_CAPBSET_DROP %d", cap);
	}
	if (prctl(PR_SET_SECUREBITS,
		SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
		    SECBIT_NO_CAP_AMBIENT_RAISE |
		    SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
		0, 0, 0) == -1)
		fatal("PR_SET_SECUREBITS");
}

static void
setup_capabilities(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3,
		0 };
	struct __user_cap_data_struct data[2];

	memset(data, 0, sizeof(data));
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1)
		fatal("PR_CAP_AMBIENT");
	if (syscall(SYS_capset, &head, data) == -1)
		fatal("capset");
	if (syscall(SYS_capget, &head, data) == -1)
		fatal("capget");
	if ((data[0].effective | data[0].permitted | data[0].inheritable |
		data[1].effective | data[1].permitted | data[1].inheritable) !=
	    0)
		fatalx("capabilities are left");
}

static void
setup_user(const struct setup *s)
{
	uid_t uid, euid, suid;
	gid_t gid, egid, sgid;

	if (setresgid(s->gid, s->gid, s->gid) == -1)
		fatal("setresgid");
	if (setresuid(s->uid, s->uid, s->uid) == -1)
		fatal("setresuid");
	if (getresgid(&gid, &egid, &sgid) == -1 || gid != s->gid ||
	    egid != s->gid || sgid != s->gid ||
	    getresuid(&uid, &euid, &suid) == -1 || uid != s->uid ||
	    euid != s->uid || suid != s->uid)
		fatalx("the user did not change");
}

/* Returns what the filter's questions are read from. */
static int
setup_filter(int fd)
{
	struct sock_filter *insn;
	struct sock_fprog prog;
	struct stat st;
	size_t size;
	int listener, seals = fcntl(fd, F_GET_SEALS);

	if (seals == -1 || (seals & FILTER_SEALS) != FILTER_SEALS)
		fatalx("the filter is not sealed");
	if (fstat(fd, &st) == -1)
		fatal("filter");
	size = (size_t)st.st_size;
	if (st.st_size <= 0 || size > BPF_MAXINSNS * sizeof(*insn) ||
	    size % sizeof(*insn) != 0)
		fatalx("the filter is no program");
	insn = malloc(size);
	if (insn == NULL)
		fatal("filter");
	if (pread(fd, insn, size, 0) != (ssize_t)size)
		fatal("filter");
	prog.len = (unsigned short)(size / sizeof(*insn));
	prog.filter = insn;
	/* a question that execd has read waits for its answer: signals that
	 * do not kill come afterwards */
	listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    SECCOMP_FILTER_FLAG_NEW_LISTENER |
		SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
	    &prog);
	if (listener == -1)
		fatal("seccomp (Linux 5.19 or later is needed)");
	free(insn);
	return listener;
}

int
setup_enter(const struct setup *s, int *listener)
{
	int abi;

	setup_bounding();
	setup_user(s);
	setup_capabilities();
	setup_home(s);
	/* the change of user may have set it again */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fatal("prctl");
	abi = setup_landlock();
	*listener = setup_filter(s->filter_fd);
	return abi;
}
