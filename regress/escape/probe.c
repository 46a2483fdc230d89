/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries, from inside a session, what a command must not be able to do; one
 * subcommand a technique. "NAME stopped REASON" and exit status 0, or "NAME
 * escaped REASON" and 1. The arguments are chosen so that the kernel's own
 * refusal, without our filter, would have another errno where it can have one.
 * "probe all" tries everything, each in a process of its own; "probe list"
 * names it. Static, so that it runs in any root.
 *
 * It refuses to run where no seccomp filter is in force: outside of a session
 * it would do what it is there to find refused, pid 1 included.
 */
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <seccomp.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOWHERE 8 /* an address that is never mapped */

/* A plain system call that must fail with the errno of our filter. */
struct row {
	const char *name;
	long nr;
	long arg[6];
	int expect; /* 0: any failure */
};

/* clang-format off */
#define NEW(call, flag) { #call "-" #flag, SYS_##call, { CLONE_##flag | SIGCHLD }, EPERM }
static const struct row rows[] = {
	{ "mount", SYS_mount, { NOWHERE, NOWHERE, NOWHERE, 0, 0 }, EPERM },
	{ "umount2", SYS_umount2, { NOWHERE, 0 }, EPERM },
	{ "pivot_root", SYS_pivot_root, { NOWHERE, NOWHERE }, EPERM },
	{ "chroot", SYS_chroot, { NOWHERE }, EPERM },
	{ "fsopen", SYS_fsopen, { NOWHERE, 0 }, EPERM },
	{ "fsconfig", SYS_fsconfig, { -1, 0, 0, 0, 0 }, EPERM },
	{ "fsmount", SYS_fsmount, { -1, 0, 0 }, EPERM },
	{ "fspick", SYS_fspick, { -1, NOWHERE, 0 }, EPERM },
	{ "open_tree", SYS_open_tree, { -1, NOWHERE, 0 }, EPERM },
	{ "open_tree-clone", SYS_open_tree, { AT_FDCWD, (long)"/", 1 }, EPERM },
	{ "move_mount", SYS_move_mount, { -1, NOWHERE, -1, NOWHERE, 0 }, EPERM },
	{ "mount_setattr", SYS_mount_setattr, { -1, NOWHERE, 0, NOWHERE, 32 }, EPERM },
	{ "setns", SYS_setns, { -1, 0 }, EPERM },
	{ "unshare-user", SYS_unshare, { CLONE_NEWUSER }, EPERM },
	{ "unshare-mount", SYS_unshare, { CLONE_NEWNS }, EPERM },
	{ "unshare-pid", SYS_unshare, { CLONE_NEWPID }, EPERM },
	{ "unshare-net", SYS_unshare, { CLONE_NEWNET }, EPERM },
	{ "unshare-ipc", SYS_unshare, { CLONE_NEWIPC }, EPERM },
	{ "unshare-uts", SYS_unshare, { CLONE_NEWUTS }, EPERM },
	{ "unshare-cgroup", SYS_unshare, { CLONE_NEWCGROUP }, EPERM },
	{ "unshare-time", SYS_unshare, { 0x80 }, EPERM },
	{ "unshare-user-high", SYS_unshare, { CLONE_NEWUSER | (1L << 40) }, EPERM },
	{ "ptrace", SYS_ptrace, { 16, 1, 0, 0 }, EPERM },
	{ "ptrace-traceme", SYS_ptrace, { 0, 0, 0, 0 }, EPERM },
	{ "process_vm_readv", SYS_process_vm_readv, { 0, NOWHERE, 1, NOWHERE, 1, 0 }, EPERM },
	{ "process_vm_writev", SYS_process_vm_writev, { 0, NOWHERE, 1, NOWHERE, 1, 0 }, EPERM },
	{ "pidfd_getfd", 438, { -1, 0, 0 }, EPERM },
	{ "kcmp", SYS_kcmp, { 1, 1, 0, 0, 0 }, EPERM },
	{ "process_madvise", SYS_process_madvise, { -1, NOWHERE, 1, 0, 0 }, EPERM },
	{ "open_by_handle_at", SYS_open_by_handle_at, { -1, NOWHERE, 0 }, EPERM },
	{ "name_to_handle_at", SYS_name_to_handle_at, { -1, NOWHERE, NOWHERE, NOWHERE, 0 }, EPERM },
	{ "io_uring_setup", SYS_io_uring_setup, { 8, NOWHERE }, EPERM },
	{ "io_uring_enter", SYS_io_uring_enter, { -1, 0, 0, 0, 0, 0 }, EPERM },
	{ "io_uring_register", SYS_io_uring_register, { -1, 0, 0, 0 }, EPERM },
	{ "userfaultfd", SYS_userfaultfd, { 1 }, EPERM },
	{ "bpf", SYS_bpf, { 0, NOWHERE, 0 }, EPERM },
	{ "perf_event_open", SYS_perf_event_open, { NOWHERE, 0, -1, -1, 0 }, EPERM },
	{ "add_key", SYS_add_key, { NOWHERE, NOWHERE, 0, 0, 0 }, EPERM },
	{ "request_key", SYS_request_key, { NOWHERE, NOWHERE, 0, 0 }, EPERM },
	{ "keyctl", SYS_keyctl, { 0, -3, 0, 0, 0 }, EPERM },
	{ "fanotify_init", SYS_fanotify_init, { 0x200, 0 }, EPERM },
	{ "memfd_secret", 447, { 0 }, EPERM },
	{ "swapon", SYS_swapon, { NOWHERE, 0 }, EPERM },
	{ "reboot", SYS_reboot, { 0, 0, 0, 0 }, EPERM },
	{ "kexec_load", SYS_kexec_load, { 0, 0, 0, 0 }, EPERM },
	{ "init_module", SYS_init_module, { NOWHERE, 0, NOWHERE }, EPERM },
	{ "finit_module", SYS_finit_module, { -1, NOWHERE, 0 }, EPERM },
	{ "delete_module", SYS_delete_module, { NOWHERE, 0 }, EPERM },
	{ "acct", SYS_acct, { NOWHERE }, EPERM },
	{ "quotactl", SYS_quotactl, { 0, NOWHERE, 0, 0 }, EPERM },
	{ "vhangup", SYS_vhangup, { 0 }, EPERM },
#ifdef SYS_iopl
	{ "iopl", SYS_iopl, { 3 }, EPERM },
	{ "ioperm", SYS_ioperm, { 0x80, 1, 1 }, EPERM },
#endif
	{ "clone3", SYS_clone3, { NOWHERE, 64 }, ENOSYS },
	NEW(clone, NEWUSER), NEW(clone, NEWNS), NEW(clone, NEWPID), NEW(clone, NEWNET),
	NEW(clone, NEWIPC), NEW(clone, NEWUTS), NEW(clone, NEWCGROUP),
	{ "clone-user-high", SYS_clone, { CLONE_NEWUSER | SIGCHLD | (1L << 40) }, EPERM },
	{ "tiocsti", SYS_ioctl, { -1, TIOCSTI, NOWHERE }, EPERM },
	{ "tiocsti-high", SYS_ioctl, { -1, TIOCSTI | (1L << 32), NOWHERE }, EPERM },
	{ "tioclinux", SYS_ioctl, { -1, TIOCLINUX, NOWHERE }, EPERM },
	{ "tioclinux-high", SYS_ioctl, { -1, TIOCLINUX | (1L << 32), NOWHERE }, EPERM },
	{ "tioclinux-top", SYS_ioctl, { -1, TIOCLINUX | (1L << 63), NOWHERE }, EPERM },
	{ "tiocsti-all", SYS_ioctl, { -1, (long)(TIOCSTI | 0xffffffff00000000), NOWHERE }, EPERM },
	{ "tioccons", SYS_ioctl, { -1, TIOCCONS, NOWHERE }, EPERM },
	{ "tioccons-high", SYS_ioctl, { -1, TIOCCONS | (1L << 32), NOWHERE }, EPERM },
	{ "tiocsetd-high", SYS_ioctl, { -1, TIOCSETD | (1L << 32), NOWHERE }, EPERM },
	{ "tiocsetd", SYS_ioctl, { -1, TIOCSETD, NOWHERE }, EPERM },
	{ "personality", SYS_personality, { 0x0040000 }, EPERM },
	{ "mknod-char", SYS_mknodat, { AT_FDCWD, NOWHERE, S_IFCHR | 0600, 0x103 }, EPERM },
	{ "mknod-block", SYS_mknodat, { AT_FDCWD, NOWHERE, S_IFBLK | 0600, 0x800 }, EPERM },
	{ "socket-packet", SYS_socket, { AF_PACKET, SOCK_RAW, 0 }, EAFNOSUPPORT },
	{ "socket-vsock", SYS_socket, { 40, SOCK_STREAM, 0 }, EAFNOSUPPORT },
	{ "socket-alg", SYS_socket, { 38, SOCK_SEQPACKET, 0 }, EAFNOSUPPORT },
	{ "socket-key", SYS_socket, { 15, SOCK_RAW, 2 }, EAFNOSUPPORT },
	{ "socket-rds", SYS_socket, { 21, SOCK_SEQPACKET, 0 }, EAFNOSUPPORT },
	{ "socket-tipc", SYS_socket, { 30, SOCK_SEQPACKET, 0 }, EAFNOSUPPORT },
	{ "socket-xdp", SYS_socket, { 44, SOCK_RAW, 0 }, EAFNOSUPPORT },
	{ "socket-smc", SYS_socket, { 43, SOCK_STREAM, 0 }, EAFNOSUPPORT },
	{ "socket-bluetooth", SYS_socket, { 31, SOCK_RAW, 0 }, EAFNOSUPPORT },
	{ "socket-can", SYS_socket, { 29, SOCK_RAW, 1 }, EAFNOSUPPORT },
	{ "socket-high", SYS_socket, { AF_PACKET | (1L << 32), SOCK_RAW, 0 }, EAFNOSUPPORT },
	{ "socket-raw", SYS_socket, { AF_INET, SOCK_RAW, 1 }, EPERM },
	{ "socket-raw6", SYS_socket, { AF_INET6, SOCK_RAW | SOCK_CLOEXEC, 58 }, EPERM },
	{ "socket-raw-high", SYS_socket, { AF_INET, SOCK_RAW | (1L << 32), 1 }, EPERM },
	{ "socket-packet-type", SYS_socket, { AF_INET, SOCK_PACKET, 0 }, EPERM },
	{ "socket-seqpacket", SYS_socket, { AF_INET, SOCK_SEQPACKET, 132 }, EPERM },
	{ "socket-ping", SYS_socket, { AF_INET, SOCK_DGRAM, 1 }, EPROTONOSUPPORT },
	{ "socket-mptcp", SYS_socket, { AF_INET, SOCK_STREAM, 262 }, EPROTONOSUPPORT },
	{ "socket-sctp", SYS_socket, { AF_INET, SOCK_STREAM, 132 }, EPROTONOSUPPORT },
	{ "socket-udplite", SYS_socket, { AF_INET6, SOCK_DGRAM, 136 }, EPROTONOSUPPORT },
	{ "socket-dccp", SYS_socket, { AF_INET, SOCK_DCCP, 33 }, EPERM },
	{ "socketpair-tipc", SYS_socketpair, { 30, SOCK_STREAM, 0, NOWHERE }, EAFNOSUPPORT },
	{ "socketpair-inet", SYS_socketpair, { AF_INET, SOCK_STREAM, 0, NOWHERE }, EAFNOSUPPORT },
	{ "socket-netfilter", SYS_socket, { AF_NETLINK, SOCK_RAW, 12 }, EPROTONOSUPPORT },
	{ "socket-uevent", SYS_socket, { AF_NETLINK, SOCK_RAW, 15 }, EPROTONOSUPPORT },
	{ "socket-audit", SYS_socket, { AF_NETLINK, SOCK_RAW, 9 }, EPROTONOSUPPORT },
	{ "seccomp-listener", SYS_seccomp, { 1, 8, NOWHERE }, EPERM },
	{ "setpriority-init", SYS_setpriority, { 0, 1, 19 }, EPERM },
	{ "setpriority-high", SYS_setpriority, { 0, 1 | (1L << 32), 19 }, EPERM },
	{ "setpriority-user", SYS_setpriority, { 2, 0, 19 }, EPERM },
	{ "setpriority-group", SYS_setpriority, { 1, 0, 19 }, EPERM },
	{ "ioprio_set-init", SYS_ioprio_set, { 1, 1, 3 << 13 }, EPERM },
	{ "ioprio_set-user", SYS_ioprio_set, { 3, 0, 3 << 13 }, EPERM },
	{ "sched_setscheduler-init", SYS_sched_setscheduler, { 1, 5, NOWHERE }, EPERM },
	{ "sched_setparam-init", SYS_sched_setparam, { 1, NOWHERE }, EPERM },
	{ "sched_setattr-init", SYS_sched_setattr, { 1, NOWHERE, 0 }, EPERM },
	{ "sched_setaffinity-init", SYS_sched_setaffinity, { 1, 8, NOWHERE }, EPERM },
	{ "sched_setaffinity-high", SYS_sched_setaffinity, { 1 | (1L << 32), 8, NOWHERE }, EPERM },
	{ "unknown-call", 1000, { 0 }, ENOSYS },
	{ "x32-execve", 520, { NOWHERE, 0, 0 }, ENOSYS },
	{ "listmount", 458, { NOWHERE, NOWHERE, 0, 0 }, ENOSYS },
	{ "open_tree_attr", 467, { -1, NOWHERE, 0, NOWHERE, 0 }, ENOSYS },
};
/* clang-format on */

/* Every DENY row of sandbox.def, with one argument of which it speaks. */
/* clang-format off */
static const struct {
	const char *name; /* of the row: the call and its place in the table */
	const char *call;
	int error;
	int arg; /* -1: whatever the arguments */
	long value;
} denials[] = {
#define LINE_(n) #n
#define LINE(n) LINE_(n)
#define DENY(call, error, reason) \
	{ "row-" #call, #call, error, -1, 0 },
#define DENY_IF(call, arg, mask, value, error, reason) \
	{ "row-" #call "-" LINE(__LINE__), #call, error, arg, (long)(value) },
#define DENY_NOT(call, arg, value, error, reason) \
	{ "row-" #call "-" LINE(__LINE__), #call, error, arg, (long)(value) + 1 },
#include "sandbox.def"
};
/* clang-format on */

static int
report(const char *name, bool stopped, const char *why)
{
	printf("%s %s %s\n", name, stopped ? "stopped" : "escaped", why);
	fflush(stdout);
	return stopped ? 0 : 1;
}

static int
run_row(const struct row *r)
{
	char why[96];
	long n;

	errno = 0;
	n = syscall(r->nr, r->arg[0], r->arg[1], r->arg[2], r->arg[3],
	    r->arg[4], r->arg[5]);
	if (n == 0 && r->nr == SYS_clone)
		_exit(1);
	snprintf(why, sizeof(why), "result %ld, %s", n,
	    n == -1 ? strerror(errno) : "no error");
	return report(r->name,
	    n == -1 && (r->expect == 0 || errno == r->expect), why);
}

/* A call that libseccomp has no name for is one that the filter answers with
 * ENOSYS, and a negative number is one of other machines. */
static int
run_denial(size_t i)
{
	struct row r = { .name = denials[i].name, .expect = denials[i].error };
	size_t a;
	int nr = seccomp_syscall_resolve_name(denials[i].call);

	if (nr < 0)
		return report(r.name, true, "not on this machine");
	r.nr = nr;
	for (a = 0; a < COUNT(r.arg); a++)
		r.arg[a] = nr == SYS_clone ? 0 : NOWHERE;
	if (denials[i].arg != -1)
		r.arg[denials[i].arg] = denials[i].value;
	return run_row(&r);
}

/* A call that must fail; any errno will do. */
static int
must_fail(const char *name, long n)
{
	char why[96];

	snprintf(why, sizeof(why), "result %ld, %s", n,
	    n == -1 ? strerror(errno) : "no error");
	return report(name, n == -1, why);
}

/* x32: getpid by the number of the other ABI must not be answered. */
static int
probe_x32(const char *name)
{
	return must_fail(name, syscall(0x40000000 + 39));
}

#ifdef __x86_64__
static int
probe_int80(const char *name)
{
	long n;

	__asm__ volatile("int $0x80" : "=a"(n) : "a"(20L) : "memory");
	return report(name, n < 0, "int 0x80 came back");
}
#endif

static int
probe_signal_init(const char *name)
{
	char comm[16] = "";
	int fd = open("/proc/1/comm", O_RDONLY | O_CLOEXEC);

	/* nobody else's pid 1 */
	if (fd == -1 || read(fd, comm, sizeof(comm)) != 5 ||
	    memcmp(comm, "init\n", 5) != 0)
		return report(name, false, "pid 1 is not a session's init");
	close(fd);
	kill(1, SIGKILL);
	kill(1, SIGTERM);
	kill(1, SIGSEGV);
	usleep(20000);
	/* were pid 1 dead, so were we */
	return report(name, true, "pid 1 is alive");
}

static int
probe_keeper_stop(const char *name)
{
	return must_fail(name, kill(getppid(), SIGCONT));
}

static int
probe_open(const char *name, const char *path, int flags)
{
	return must_fail(name, open(path, flags | O_CLOEXEC));
}

static int
probe_init_mem(const char *name)
{
	return probe_open(name, "/proc/1/mem", O_RDWR);
}

static int
probe_init_environ(const char *name)
{
	return probe_open(name, "/proc/1/environ", O_RDONLY);
}

static int
probe_init_root(const char *name)
{
	return probe_open(name, "/proc/1/root/etc/passwd", O_RDONLY);
}

static int
probe_init_fd(const char *name)
{
	return probe_open(name, "/proc/1/fd/3", O_RDWR);
}

static int
probe_device(const char *name)
{
	return must_fail(name,
	    mknod("/tmp/agentsh-probe", S_IFCHR | 0600, makedev(1, 3)));
}

static int
probe_setuid(const char *name)
{
	return must_fail(name, setuid(getuid() == 0 ? 1 : 0));
}

static int
probe_fds(const char *name)
{
	char why[64];
	int fd;

	for (fd = 3; fd < 1024; fd++) {
		if (fcntl(fd, F_GETFD) != -1) {
			snprintf(why, sizeof(why), "descriptor %d is open", fd);
			return report(name, false, why);
		}
	}
	return report(name, true, "no descriptor above 2");
}

static int
probe_status(const char *name)
{
	static const char *const want[] = { "CapInh:\t0000000000000000",
		"CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
		"CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2" };
	char line[256];
	FILE *fp = fopen("/proc/self/status", "r");
	size_t i, found = 0;

	while (fp != NULL && fgets(line, sizeof(line), fp) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		for (i = 0; i < COUNT(want); i++)
			found += strcmp(line, want[i]) == 0;
	}
	if (fp != NULL)
		fclose(fp);
	return report(name, found == COUNT(want),
	    "no capability, no_new_privs, filter");
}

static const struct {
	const char *name;
	int (*fn)(const char *);
} probes[] = {
	{ "x32", probe_x32 },
#ifdef __x86_64__
	{ "int80", probe_int80 },
#endif
	{ "signal-init", probe_signal_init },
	{ "signal-keeper", probe_keeper_stop },
	{ "init-mem", probe_init_mem },
	{ "init-environ", probe_init_environ },
	{ "init-root", probe_init_root },
	{ "init-fd", probe_init_fd },
	{ "device", probe_device },
	{ "setuid", probe_setuid },
	{ "descriptors", probe_fds },
	{ "status", probe_status },
};

static int
run_probe(size_t i)
{
	if (i < COUNT(probes))
		return probes[i].fn(probes[i].name);
	i -= COUNT(probes);
	return i < COUNT(rows) ? run_row(&rows[i]) :
				 run_denial(i - COUNT(rows));
}

static const char *
probe_name(size_t i)
{
	if (i < COUNT(probes))
		return probes[i].name;
	i -= COUNT(probes);
	return i < COUNT(rows) ? rows[i].name : denials[i - COUNT(rows)].name;
}

/* In a child: a process that the filter kills was stopped too. */
static int
run_apart(size_t i)
{
	int status;
	pid_t pid = fork();

	if (pid == -1)
		return report(probe_name(i), false, "cannot fork");
	if (pid == 0)
		_exit(run_probe(i));
	if (waitpid(pid, &status, 0) == -1)
		return 1;
	if (WIFSIGNALED(status))
		return report(probe_name(i), WTERMSIG(status) == SIGSYS,
		    strsignal(WTERMSIG(status)));
	return WEXITSTATUS(status);
}

/* Under a filter, and without privileges to gain. */
static bool
is_confined(void)
{
	return prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER &&
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

int
main(int argc, char **argv)
{
	size_t i, n = COUNT(probes) + COUNT(rows) + COUNT(denials);
	int bad = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: probe all | list | name\n");
		return 2;
	}
	if (strcmp(argv[1], "list") != 0 && !is_confined()) {
		fprintf(stderr, "probe: not in a session, nothing tried\n");
		return 2;
	}
	for (i = 0; i < n; i++) {
		if (strcmp(argv[1], "list") == 0)
			puts(probe_name(i));
		else if (strcmp(argv[1], "all") == 0 &&
		    strcmp(probe_name(i), "signal-keeper") != 0)
			bad |= run_apart(i);
		else if (strcmp(argv[1], probe_name(i)) == 0)
			/* its parent is to be the keeper */
			return strcmp(argv[1], "signal-keeper") == 0 ?
			    run_probe(i) :
			    run_apart(i);
	}
	if (strcmp(argv[1], "all") != 0 && strcmp(argv[1], "list") != 0) {
		fprintf(stderr, "probe: no technique %s\n", argv[1]);
		return 2;
	}
	return bad;
}
