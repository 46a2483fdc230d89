/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter of a session's commands, run instruction by instruction as the
 * kernel does, for every number of a call with arguments that matter, and
 * compared with what the rows of sandbox.def and the configuration say, read
 * one by one. So a jump that is too far, an argument that is compared by the
 * wrong half, or a row that libseccomp merged away is found (A16).
 */
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <unistd.h>

#include <seccomp.h>

#include "execd/filter.h"
#include "execd/sockmake.h"
#include "t.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define KILL SECCOMP_RET_KILL_PROCESS
#define NUMBERS 1100 /* past every table, and past what front.c looks at */
#define HIGH (1ULL << 32)

/* clang-format off */
enum kind {
	ALWAYS,
	WHEN, /* the masked argument is the value */
	UNLESS, /* the argument, all of it, is the value */
	ASK
};

static const struct row {
	const char *name;
	enum kind kind;
	uint32_t answer;
	unsigned arg;
	uint64_t mask;
	uint64_t value;
} rows[] = {
/* others are behind gates, which are closed here: t_filter_gates.c */
#define NOTIFY(call, asked, reason) \
	{ #call, ASK, SECCOMP_RET_USER_NOTIF, 0, 0, 0 },
#define ASK_PTRACE(request, reason) \
	{ "ptrace", WHEN, SECCOMP_RET_USER_NOTIF, 0, UINT64_MAX, request },
#define DENY(call, error, reason) \
	{ #call, ALWAYS, SECCOMP_RET_ERRNO | error, 0, 0, 0 },
#define DENY_IF(call, arg, mask, value, error, reason) \
	{ #call, WHEN, SECCOMP_RET_ERRNO | error, arg, (uint32_t)(mask), \
	  (uint32_t)(value) },
#define DENY_NOT(call, arg, value, error, reason) \
	{ #call, UNLESS, SECCOMP_RET_ERRNO | error, arg, 0, value },
#include "sandbox.def"
};
/* clang-format on */

static int row_nr[COUNT(rows)];
static struct sock_filter program[BPF_MAXINSNS];
static size_t length, longest;
static uint64_t cases;

/* What the kernel would do; 1 is no answer at all, and never right. */
static uint32_t
run(const struct seccomp_data *d)
{
	const struct sock_filter *f;
	size_t pc, steps = 0;
	uint32_t a = 0;
	bool yes;

	for (pc = 0; pc < length; pc++) {
		f = &program[pc];
		steps++;
		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (f->k % 4 != 0 || f->k + 4 > sizeof(*d))
				return 1;
			memcpy(&a, (const char *)d + f->k, 4);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			continue;
		case BPF_JMP | BPF_JA:
			pc += f->k;
			continue;
		case BPF_RET | BPF_K:
			longest = steps > longest ? steps : longest;
			return f->k;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == f->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= f->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = a > f->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = (a & f->k) != 0;
			break;
		default:
			return 1;
		}
		pc += yes ? f->jt : f->jf;
	}
	return 1;
}

static bool
make(const struct conf *c)
{
	ssize_t n;
	size_t len = 0;
	static const uint64_t secret[2] = { 1, 2 };
	int fd = filter_make(c, secret, &len);

	if (fd == -1)
		return false;
	n = pread(fd, program, sizeof(program), 0);
	CHECK_INT(filter_seal(fd), 0);
	/* as it is, it stays */
	CHECK_INT(filter_open_gate(fd, FILTER_SIGNALS), -1);
	CHECK_INT(ftruncate(fd, 8), -1);
	close(fd);
	length = len;
	return n == (ssize_t)(len * sizeof(program[0]));
}

static bool
one_of(uint64_t value, const uint32_t *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if ((uint32_t)value == v[i])
			return true;
	}
	return false;
}

/* The calls of which only some arguments are let through; 0: no objection. */
static uint32_t
listed(int nr, const uint64_t *arg)
{
	static const uint32_t families[] = { AF_UNIX, AF_INET, AF_INET6,
		AF_NETLINK };
	static const uint32_t types[] = { SOCK_STREAM, SOCK_DGRAM };
	static const uint32_t protocols[] = { 0, 6, 17 };
	static const uint32_t usual[] = { 0, 0xffffffff };

	if (nr == SYS_socketpair && (uint32_t)arg[0] != AF_UNIX)
		return SECCOMP_RET_ERRNO | EAFNOSUPPORT;
	if (nr == SYS_personality && !one_of(arg[0], usual, COUNT(usual)))
		return SECCOMP_RET_ERRNO | EPERM;
	if (nr == SYS_prlimit64 && (uint32_t)arg[0] != 0)
		return SECCOMP_RET_ERRNO | EPERM;
	if (nr != SYS_socket || (uint32_t)arg[0] == AF_UNIX)
		return 0;
	if (!one_of(arg[0], families, COUNT(families)))
		return SECCOMP_RET_ERRNO | EAFNOSUPPORT;
	if ((uint32_t)arg[0] == AF_NETLINK)
		return (uint32_t)arg[2] == 0 ?
		    0 :
		    SECCOMP_RET_ERRNO | EPROTONOSUPPORT;
	if (!one_of(arg[1] & 0xf, types, COUNT(types)))
		return SECCOMP_RET_ERRNO | EPERM;
	if (!one_of(arg[2], protocols, COUNT(protocols)))
		return SECCOMP_RET_ERRNO | EPROTONOSUPPORT;
	return 0;
}

/* What the tables say, without a configuration. */
static uint32_t
naive(uint32_t arch, int nr, const uint64_t *arg)
{
	uint32_t answer;
	char *name;
	bool hit;
	size_t i;

	if (arch != seccomp_arch_native())
		return KILL;
	name = nr < 0 || nr >= 1024 ?
	    NULL :
	    seccomp_syscall_resolve_num_arch(arch, nr);
	if (name == NULL)
		return SECCOMP_RET_ERRNO | ENOSYS;
	free(name);
	answer = listed(nr, arg);
	if (nr == SYS_socket || nr == SYS_socketpair) {
		/* what execd tells who made the call */
		CHECK_INT(sockmake_error(nr == SYS_socketpair, arg),
		    (int)(answer & SECCOMP_RET_DATA));
		return answer != 0 ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW;
	}
	if (answer != 0)
		return answer;
	for (i = 0; i < COUNT(rows); i++) {
		if (row_nr[i] != nr)
			continue;
		hit = rows[i].kind == ALWAYS || rows[i].kind == ASK;
		if (rows[i].kind == WHEN)
			hit = (arg[rows[i].arg] & rows[i].mask) ==
			    (rows[i].value & rows[i].mask);
		if (rows[i].kind == UNLESS)
			hit = arg[rows[i].arg] != rows[i].value;
		if (hit)
			return rows[i].answer;
	}
	return SECCOMP_RET_ALLOW;
}

static bool
same(uint32_t arch, int nr, const uint64_t *arg)
{
	struct seccomp_data d = { .nr = nr, .arch = arch };
	uint32_t have, want;

	memcpy(d.args, arg, sizeof(d.args));
	have = run(&d);
	want = naive(arch, nr, arg);
	cases++;
	if (have == want)
		return true;
	printf("# arch %x call %d (%llx, %llx, %llx): 0x%x, want 0x%x\n", arch,
	    nr, (unsigned long long)arg[0], (unsigned long long)arg[1],
	    (unsigned long long)arg[2], have, want);
	return false;
}

static uint64_t
next_random(void)
{
	static uint64_t x = 88172645463325252ULL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* Each argument in turn takes what a row of this call, or a list, is about, and
 * what is nearly that. */
static bool
compare_call(uint32_t arch, int nr)
{
	static const uint64_t usual[] = { 0, 1, 2, 3, 5, 6, 10, 16, 17, 38, 40,
		132, 262, 0xffffffff, UINT64_MAX, HIGH, HIGH | 1, HIGH | 16,
		0x40000 };
	uint64_t arg[6] = { 0 }, values[128];
	size_t i, n = 0, a, v;
	bool ok = true;

	for (i = 0; i < COUNT(usual); i++)
		values[n++] = usual[i];
	for (i = 0; i < COUNT(rows) && n + 6 < COUNT(values); i++) {
		if (row_nr[i] != nr || rows[i].kind == ALWAYS ||
		    rows[i].kind == ASK)
			continue;
		values[n++] = rows[i].value;
		values[n++] = rows[i].value | HIGH;
		values[n++] = rows[i].value ^ 1;
		values[n++] = rows[i].value | 0x11;
		values[n++] = ~rows[i].value;
		values[n++] = rows[i].value << 32;
	}
	for (a = 0; a < 6; a++) {
		for (v = 0; v < n; v++) {
			memset(arg, 0, sizeof(arg));
			arg[a] = values[v];
			ok &= same(arch, nr, arg);
			/* beside others that are not 0 */
			arg[(a + 1) % 6] = values[next_random() % n];
			arg[(a + 2) % 6] = values[next_random() % n];
			arg[(a + 5) % 6] = next_random();
			ok &= same(arch, nr, arg);
		}
	}
	return ok;
}

static void
every_call(void)
{
	int nr;

	for (nr = 0; nr < NUMBERS; nr++)
		CHECK(compare_call(seccomp_arch_native(), nr));
	for (nr = 0; nr < NUMBERS; nr++)
		CHECK(compare_call(seccomp_arch_native(), nr | 0x40000000));
	CHECK(compare_call(seccomp_arch_native(), -1));
	CHECK(compare_call(seccomp_arch_native(), INT32_MIN));
}

static void
other_machines(void)
{
	static const uint32_t arch[] = { AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64,
		AUDIT_ARCH_ARM, AUDIT_ARCH_X86_64, AUDIT_ARCH_RISCV64, 0,
		UINT32_MAX };
	size_t i;
	int nr;

	for (i = 0; i < COUNT(arch); i++) {
		if (arch[i] == seccomp_arch_native())
			continue;
		for (nr = 0; nr < 500; nr++)
			CHECK(compare_call(arch[i], nr));
	}
}

/* socket(2) has three arguments that matter together. */
static void
sockets(void)
{
	uint64_t arg[6] = { 0 };
	int family, type, protocol;

	for (family = 0; family < 50; family++) {
		for (type = 0; type < 32; type++) {
			for (protocol = 0; protocol < 300; protocol++) {
				arg[0] = (uint64_t)family;
				arg[1] = (uint64_t)type | SOCK_CLOEXEC;
				arg[2] = (uint64_t)protocol;
				CHECK(same(seccomp_arch_native(), SYS_socket,
				    arg));
			}
		}
	}
}

static uint32_t
answer(int nr, uint64_t arg0)
{
	struct seccomp_data d = {
		.nr = nr, .arch = seccomp_arch_native(), .args = { arg0 }
	};

	return run(&d);
}

static void
configured(void)
{
	static struct conf c;
	uint32_t error = SECCOMP_RET_ERRNO;

	conf_defaults(&c);
	/* socketcall is known, and of other machines */
	memcpy(c.calls_block, "sync clone3 ptrace socketcall times", 36);
	memcpy(c.blocked_families, "AF_NETLINK:errno AF_ALG:kill", 29);
	CHECK(make(&c));
	CHECK(answer(SYS_sync, 0) == (error | EPERM));
	CHECK(answer(SYS_times, 0) == (error | EPERM));
	CHECK(answer(SYS_syncfs, 0) == SECCOMP_RET_ALLOW);
	/* as libc wants it */
	CHECK(answer(SYS_clone3, 0) == (error | ENOSYS));
	CHECK(answer(SYS_ptrace, 0) == (error | EPERM));
	CHECK(answer(SYS_socket, AF_NETLINK) == SECCOMP_RET_USER_NOTIF);
	CHECK(answer(SYS_socketpair, 38) == KILL);
	CHECK(answer(SYS_socket, 38) == KILL);
	CHECK(answer(SYS_socket, AF_UNIX) == SECCOMP_RET_ALLOW);
	CHECK(answer(SYS_socketpair, AF_UNIX) == SECCOMP_RET_ALLOW);
	CHECK(answer(SYS_execve, 0) == SECCOMP_RET_USER_NOTIF);
	CHECK(answer(1000, 0) == (error | ENOSYS));
	c.calls_on_block = ON_BLOCK_KILL;
	c.calls_unknown = ON_BLOCK_KILL;
	CHECK(make(&c));
	CHECK(answer(SYS_sync, 0) == KILL);
	CHECK(answer(SYS_ptrace, 0) == KILL);
	CHECK(answer(SYS_clone3, 0) == KILL);
	CHECK(answer(SYS_bpf, 0) == (error | EPERM));
	CHECK(answer(1000, 0) == KILL);
	CHECK(answer(SYS_getpid | 0x40000000, 0) == KILL);
	CHECK(answer(SYS_read, 0) == SECCOMP_RET_ALLOW);
	/* also of what is ours, and of what is asked about anyway */
	c.calls_on_block = ON_BLOCK_LOG;
	c.calls_unknown = ON_BLOCK_LOG_AND_KILL;
	CHECK(make(&c));
	CHECK(answer(SYS_sync, 0) == SECCOMP_RET_USER_NOTIF);
	CHECK(answer(SYS_ptrace, 0) == SECCOMP_RET_USER_NOTIF);
	CHECK(answer(SYS_clone3, 0) == SECCOMP_RET_USER_NOTIF);
	CHECK(answer(1000, 0) == SECCOMP_RET_USER_NOTIF);
	CHECK(answer(SYS_getpid | 0x40000000, 0) == SECCOMP_RET_USER_NOTIF);
	CHECK(answer(SYS_syncfs, 0) == SECCOMP_RET_ALLOW);
	CHECK(answer(SYS_bpf, 0) == (error | EPERM));
	CHECK_INT(filter_error("clone3"), ENOSYS);
	CHECK_INT(filter_error("sync"), 0);
	/* one that this libseccomp does not know is no filter at all */
	memcpy(c.calls_block, "no_such_call", 13);
	CHECK(!make(&c));
}

/* As many as the configuration may have: the jumps still fit. */
static void
configured_most(void)
{
	static struct conf c;
	size_t len = 0, n = 0;
	char *name;
	int nr;

	conf_defaults(&c);
	for (nr = 0; n < CONF_CALLS_MAX && nr < 400; nr++) {
		name = seccomp_syscall_resolve_num_arch(seccomp_arch_native(),
		    nr);
		if (name == NULL || nr == SYS_execve || nr == SYS_execveat ||
		    len + strlen(name) + 2 > sizeof(c.calls_block)) {
			free(name);
			continue;
		}
		len += (size_t)snprintf(c.calls_block + len,
		    sizeof(c.calls_block) - len, "%s%s", n > 0 ? " " : "",
		    name);
		free(name);
		n++;
	}
	CHECK_INT(n, CONF_CALLS_MAX);
	for (n = 0, len = 0; n < 46; n++)
		len += (size_t)snprintf(c.blocked_families + len,
		    sizeof(c.blocked_families) - len, "%sAF_%s:errno",
		    n > 0 ? " " : "", n % 2 == 0 ? "IEEE802154" : "ALG");
	CHECK(make(&c));
	CHECK(answer(SYS_read, 0) == (SECCOMP_RET_ERRNO | EPERM));
	CHECK(answer(SYS_dup, 0) == (SECCOMP_RET_ERRNO | EPERM));
	CHECK(answer(SYS_exit_group, 0) == SECCOMP_RET_ALLOW);
	CHECK(answer(SYS_execve, 0) == SECCOMP_RET_USER_NOTIF);
	CHECK(answer(SYS_bpf, 0) == (SECCOMP_RET_ERRNO | EPERM));
}

/* Every row names a call that some kernel has, and has an effect where this
 * libseccomp knows it. */
static void
rows_work(void)
{
	uint64_t arg[6];
	struct seccomp_data d;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		if (row_nr[i] < 0)
			continue;
		memset(arg, 0, sizeof(arg));
		if (rows[i].kind == WHEN)
			arg[rows[i].arg] = rows[i].value;
		if (rows[i].kind == UNLESS)
			arg[rows[i].arg] = rows[i].value + 1;
		if (rows[i].kind == ALWAYS && row_nr[i] == SYS_ptrace)
			arg[0] = PTRACE_PEEKTEXT; /* 0 is asked about */
		memset(&d, 0, sizeof(d));
		d.nr = row_nr[i];
		d.arch = seccomp_arch_native();
		memcpy(d.args, arg, sizeof(arg));
		if (run(&d) != rows[i].answer)
			t_fail(__FILE__, __LINE__, rows[i].name);
	}
}

int
main(void)
{
	static struct conf c;
	size_t i;

	conf_defaults(&c);
	for (i = 0; i < COUNT(rows); i++)
		row_nr[i] = seccomp_syscall_resolve_name(rows[i].name);
	T(make(&c), "the filter can be made");
	T(length < 700, "%zu instructions", length);
	T_RUN(rows_work);
	T_RUN(every_call);
	T_RUN(other_machines);
	T_RUN(sockets);
	T(longest < 160, "%zu instructions for one call", longest);
	printf("# %llu cases\n", (unsigned long long)cases);
	T_RUN(configured);
	T_RUN(configured_most);
	return done_testing();
}
