/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that no command has a use for. Objects are a child, a file or a
 * namespace of the attack's own.
 */
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <linux/quota.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "attack.h"

#define UFFD_USER_MODE_ONLY_ 1
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif

enum end
attack_A10(void)
{
	struct sock_filter insn = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = { .len = 1, .filter = &insn };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return untried("no_new_privs: nothing was tried");
	return must_fail("a listener of its own",
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog));
}

#ifdef __x86_64__
/* getpid of the other ABI: does it answer? In a child, which may be killed. */
static bool
answers(int x32)
{
	int status;
	pid_t pid = fork();
	long n;

	if (pid == 0) {
		if (x32)
			n = syscall(0x40000000 + 39);
		else
			__asm__ volatile("int $0x80"
					 : "=a"(n)
					 : "a"(20L)
					 : "memory");
		_exit(n == getpid() ? 42 : 0);
	}
	return pid == -1 || waitpid(pid, &status, 0) != pid ||
	    (WIFEXITED(status) && WEXITSTATUS(status) == 42);
}
#endif

enum end
attack_A14(void)
{
#ifdef __x86_64__
	if (answers(0))
		return escaped("int 0x80 is answered");
	if (answers(1))
		return escaped("x32 is answered");
	return stopped("neither int 0x80 nor x32 is answered");
#else
	return absent("this processor has no second set of calls");
#endif
}

enum end
attack_A15(void)
{
	struct open_how how = { .flags = O_RDONLY };
	long fd;

	fd = syscall(SYS_openat2, AT_FDCWD, "secret", &how, sizeof(how));
	if (fd != -1)
		return escaped("openat2 of secret succeeds");
	/* in the mount namespace that the control has made for itself */
	return must_fail("open_tree of /",
	    syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE));
}

enum end
attack_A17(void)
{
	return must_fail("userfaultfd",
	    syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY_ | O_CLOEXEC));
}

enum end
attack_A21(void)
{
	return must_fail("chroot", chroot("."));
}

enum end
attack_A24(void)
{
	struct io_uring_params p;
	long fd;

	memset(&p, 0, sizeof(p));
	fd = syscall(SYS_io_uring_setup, 4, &p);
	if (fd == -1 && errno == ENOSYS)
		return absent("this kernel has no io_uring");
	return must_fail("io_uring_setup", fd);
}

/* A child that waits for its end. */
static pid_t
victim(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	return pid;
}

enum end
attack_D01(void)
{
	pid_t pid = victim();
	long n = ptrace(PTRACE_SEIZE, pid, NULL, NULL);
	int error = errno;

	if (n == -1)
		n = ptrace(PTRACE_ATTACH, pid, NULL, NULL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	errno = error;
	return must_fail("ptrace of a child", n);
}

static int
clone_user(void)
{
	int status;
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0,
	    0);

	if (pid == 0)
		_exit(0);
	return pid == -1 || waitpid(pid, &status, 0) != pid ? -1 : 0;
}

static int
clone3_user(void)
{
	uint64_t args[11] = { CLONE_NEWUSER, 0, 0, 0, SIGCHLD };
	int status;
	pid_t pid = (pid_t)syscall(SYS_clone3, args, sizeof(args));

	if (pid == 0)
		_exit(0);
	return pid == -1 || waitpid(pid, &status, 0) != pid ? -1 : 0;
}

enum end
attack_D06(void)
{
	if (clone_user() == 0)
		return escaped("clone makes a user namespace");
	if (clone3_user() == 0)
		return escaped("clone3 makes a user namespace");
	return must_fail("unshare of a user namespace", unshare(CLONE_NEWUSER));
}

enum end
attack_D07(void)
{
	int fd = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return stopped("/proc/self/ns/uts: %s", strerror(errno));
	return must_fail("setns", setns(fd, CLONE_NEWUTS));
}

enum end
attack_D09(void)
{
	struct perf_event_attr perf;
	union bpf_attr bpf;

	memset(&perf, 0, sizeof(perf));
	perf.size = sizeof(perf);
	perf.type = PERF_TYPE_SOFTWARE;
	perf.config = PERF_COUNT_SW_TASK_CLOCK;
	perf.exclude_kernel = perf.exclude_hv = 1;
	if (syscall(SYS_perf_event_open, &perf, 0, -1, -1, 0) != -1)
		return escaped("perf_event_open succeeds");
	memset(&bpf, 0, sizeof(bpf));
	bpf.map_type = BPF_MAP_TYPE_ARRAY;
	bpf.key_size = bpf.value_size = 4;
	bpf.max_entries = 1;
	if (syscall(SYS_bpf, BPF_MAP_CREATE, &bpf, sizeof(bpf)) != -1)
		return escaped("bpf makes a map");
	return must_fail("userfaultfd",
	    syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY_ | O_CLOEXEC));
}

/* Each with arguments that change nothing where it succeeds. */
enum end
attack_D10(void)
{
#ifdef SYS_iopl
	if (syscall(SYS_iopl, 0) == 0)
		return escaped("iopl succeeds");
	if (syscall(SYS_ioperm, 0x80, 1, 0) == 0)
		return escaped("ioperm succeeds");
#endif
	if (syscall(SYS_quotactl, QCMD(Q_SYNC, USRQUOTA), NULL, 0, NULL) == 0)
		return escaped("quotactl succeeds");
	if (syscall(SYS_sethostname, "attack", 6) == 0)
		return escaped("sethostname succeeds");
	if (syscall(SYS_swapoff, "secret") == 0)
		return escaped("swapoff succeeds");
	if (syscall(SYS_acct, NULL) == 0)
		return escaped("acct succeeds");
	if (syscall(SYS_kexec_load, 0, 0, NULL, 0) == 0)
		return escaped("kexec_load succeeds");
	return must_fail("delete_module",
	    syscall(SYS_delete_module, "no_such_module", O_NONBLOCK));
}

static const struct {
	const char *name;
	int family;
	int type;
	int protocol;
} rare[] = {
	{ "AF_PACKET", 17, SOCK_RAW, 0 },
	{ "AF_ALG", 38, SOCK_SEQPACKET, 0 },
	{ "AF_VSOCK", 40, SOCK_STREAM, 0 },
	{ "AF_KEY", 15, SOCK_RAW, 2 },
	{ "AF_RDS", 21, SOCK_SEQPACKET, 0 },
	{ "AF_TIPC", 30, SOCK_SEQPACKET, 0 },
	{ "AF_CAN", 29, SOCK_RAW, 1 },
	{ "AF_BLUETOOTH", 31, SOCK_RAW, 1 },
	{ "AF_XDP", 44, SOCK_RAW, 0 },
	{ "AF_QIPCRTR", 42, SOCK_DGRAM, 0 },
	{ "NETLINK_NETFILTER", 16, SOCK_RAW, 12 },
	{ "NETLINK_KOBJECT_UEVENT", 16, SOCK_RAW, 15 },
	{ "raw IP", 2, SOCK_RAW, 1 },
	{ "MPTCP", 2, SOCK_STREAM, 262 },
	{ "SCTP", 2, SOCK_STREAM, 132 },
};

enum end
attack_D12(void)
{
	size_t i;
	int pair[2];

	for (i = 0; i < sizeof(rare) / sizeof(rare[0]); i++) {
		if (socket(rare[i].family, rare[i].type, rare[i].protocol) !=
		    -1)
			return escaped("a socket of %s", rare[i].name);
	}
	return must_fail("a pair of sockets of AF_TIPC",
	    socketpair(30, SOCK_SEQPACKET, 0, pair));
}
