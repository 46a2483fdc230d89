/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front of the commands' filter, which libseccomp cannot say: a call that
 * this libseccomp cannot name is ENOSYS, so that a kernel younger than we are
 * brings nothing new; what the configuration refuses besides; four calls are
 * allowed for the listed values of their arguments only, which the kernel sees
 * as 32 bits, and so does the filter; and the NOTIFY rows of sandbox.def are
 * asked about, see notify.c. Some of these are behind a gate, a jump over them
 * (enum filter_gate): what the policy wants is not known yet when the program
 * is made.
 */
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <seccomp.h>

#include "filter.h"
#include "log.h"
#include "sockfamily.h"
#include "sockmake.h"

#define FILTER_CALLS 1024 /* numbers looked at; no table is that long yet */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARG(n) offsetof(struct seccomp_data, args[n])
#define ARG_HIGH(n) (offsetof(struct seccomp_data, args[n]) + 4)
#else
#define ARG(n) (offsetof(struct seccomp_data, args[n]) + 4)
#define ARG_HIGH(n) offsetof(struct seccomp_data, args[n])
#endif

/* clang-format off */
static const struct {
	const char *name;
	enum filter_gate gate;
} notified[] = {
#define NOTIFY(call, asked, reason) { #call, FILTER_ALWAYS },
#define NOTIFY_WHEN(call, gate, asked, reason) { #call, FILTER_##gate },
#include "sandbox.def"
};

/* in sessions whose policy has signal_rules; value 0: any but 0 */
static const struct {
	const char *name;
	unsigned arg;
	uint32_t value;
	uint32_t action;
} signal_rows[] = {
#define NOTIFY_SIGNAL(call, arg, asked, reason) \
	{ #call, arg, 0, SECCOMP_RET_USER_NOTIF },
#define NOTIFY_OWNER(call, arg, value, asked, reason) \
	{ #call, arg, value, SECCOMP_RET_USER_NOTIF },
#define DENY_OWNER(call, arg, value, error, reason) \
	{ #call, arg, value, SECCOMP_RET_ERRNO | (error) },
#include "sandbox.def"
};

/* requests of ptrace(2) */
static const uint32_t asked_requests[] = {
#define ASK_PTRACE(request, reason) request,
#include "sandbox.def"
};
static const uint32_t free_requests[] = {
#define ALLOW_PTRACE(request, reason) request,
#include "sandbox.def"
};
/* clang-format on */

static void
front_add(struct front *f, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (f->n == FRONT_MAX) {
		f->full = true;
		return;
	}
	f->insn[f->n].code = code;
	f->insn[f->n].jt = jt;
	f->insn[f->n].jf = jf;
	f->insn[f->n++].k = k;
}

static void
front_load(struct front *f, size_t offset)
{
	front_add(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void
front_return(struct front *f, uint32_t action)
{
	front_add(f, BPF_RET | BPF_K, action, 0, 0);
}

/* When the value loaded is one of these, over the next `skip` instructions. */
static void
front_if_one_of(struct front *f, const uint32_t *v, size_t n, uint8_t skip)
{
	size_t i;

	for (i = 0; i < n; i++)
		front_add(f, BPF_JMP | BPF_JEQ | BPF_K, v[i],
		    (uint8_t)(n - 1 - i + skip), 0);
}

/* Unless the value loaded is one of these: the call fails with error. */
static void
front_only(struct front *f, const uint32_t *v, size_t n, int error)
{
	front_if_one_of(f, v, n, 1);
	front_return(f, SECCOMP_RET_ERRNO | (uint32_t)error);
}

/* The same, but that execd refuses it, and writes it down. */
static void
front_only_ask(struct front *f, const uint32_t *v, size_t n)
{
	front_if_one_of(f, v, n, 1);
	front_return(f, SECCOMP_RET_USER_NOTIF);
}

/* Starts the part for one call; front_end() closes it. */
static size_t
front_begin(struct front *f, int nr)
{
	front_load(f, offsetof(struct seccomp_data, nr));
	front_add(f, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 0);
	return f->n - 1;
}

static void
front_end(struct front *f, size_t begin)
{
	if (begin < f->n && f->n - begin - 1 <= UINT8_MAX)
		f->insn[begin].jf = (uint8_t)(f->n - begin - 1);
	else
		f->full = true;
}

/* Numbers without a name are unknown, x32's among them. */
static void
front_known_calls(struct front *f, uint32_t arch, uint32_t unknown)
{
	char *name;
	bool known, before = false;
	int nr;

	front_load(f, offsetof(struct seccomp_data, arch));
	front_add(f, BPF_JMP | BPF_JEQ | BPF_K, arch, 1, 0);
	front_return(f, SECCOMP_RET_KILL_PROCESS);
	front_load(f, offsetof(struct seccomp_data, nr));
	for (nr = 0; nr <= FILTER_CALLS; nr++) {
		name = nr == FILTER_CALLS ?
		    NULL :
		    seccomp_syscall_resolve_num_arch(arch, nr);
		known = name != NULL;
		free(name);
		if (known && !before) {
			/* beneath the next known range: unknown */
			front_add(f, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)nr, 1,
			    0);
			front_return(f, unknown);
		} else if (!known && before) {
			/* in that range: to the end of the list, patched below */
			front_add(f, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)nr, 0,
			    255);
		}
		before = known;
	}
	front_return(f, unknown);
	for (nr = 0; (size_t)nr < f->n; nr++) {
		if (f->insn[nr].code == (BPF_JMP | BPF_JGE | BPF_K) &&
		    f->insn[nr].jf == 255)
			f->insn[nr].jf = (uint8_t)(f->n - (size_t)nr - 1);
	}
}

/* The next `skip` instructions are left out for who knows the secret: two words,
 * each looked at in halves. */
#define SECRET_INSNS 8
static void
front_unless_secret(struct front *f, const uint64_t secret[2], uint8_t skip)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		front_load(f, ARG(4 + i));
		front_add(f, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)secret[i], 0,
		    (uint8_t)(i == 0 ? 6 : 2));
		front_load(f, ARG_HIGH(4 + i));
		front_add(f, BPF_JMP | BPF_JEQ | BPF_K,
		    (uint32_t)(secret[i] >> 32), i == 0 ? 0 : skip,
		    (uint8_t)(i == 0 ? 4 : 0));
	}
}

static uint32_t
front_action(uint64_t on_block, int error)
{
	if (on_block == ON_BLOCK_KILL)
		return SECCOMP_RET_KILL_PROCESS;
	return filter_is_recorded(on_block) ?
	    SECCOMP_RET_USER_NOTIF : /* callrefused.c */
	    SECCOMP_RET_ERRNO | (uint32_t)error;
}

/* What the operator refuses besides. A call of ours keeps its errno, which libc
 * may go by; what else on_block says is for it too, and ptrace(2) may be open to
 * some. */
static int
front_blocked(struct front *f, const struct conf *c, const uint64_t secret[2])
{
	uint32_t v[CONF_CALLS_MAX];
	uint32_t action = front_action(c->calls_on_block, EPERM);
	const char *at = c->calls_block;
	char name[CONF_CALL_LEN + 1];
	size_t n = 0, begin;
	int nr;

	while (conf_next_word(&at, name, sizeof(name))) {
		nr = seccomp_syscall_resolve_name(name);
		if (nr == __NR_SCMP_ERROR || n == COUNT(v)) {
			log_warnx("sandbox.seccomp.syscalls.block: %s", name);
			return -1;
		}
		if (nr == SCMP_SYS(tgkill) ||
		    nr == SCMP_SYS(pidfd_send_signal)) {
			/* pid 1 sends by these what was decided */
			begin = front_begin(f, nr);
			front_unless_secret(f, secret, 1);
			front_return(f, action);
			front_end(f, begin);
			continue;
		}
		/* negative: another machine's */
		if (nr >= 0 &&
		    (c->calls_on_block != ON_BLOCK_ERRNO ||
			nr == SCMP_SYS(ptrace) || filter_error(name) == 0))
			v[n++] = (uint32_t)nr;
	}
	if (n == 0)
		return 0;
	front_load(f, offsetof(struct seccomp_data, nr));
	front_if_one_of(f, v, n, 1);
	front_add(f, BPF_JMP | BPF_JA, 1, 0, 0);
	front_return(f, action);
	return 0;
}

/* The family is loaded: is it one that the operator refuses? */
static void
front_blocked_families(struct front *f, const struct conf *c)
{
	const char *at = c->blocked_families;
	char word[CONF_CALL_LEN + 1];
	bool kill;
	int family;

	while (conf_next_word(&at, word, sizeof(word))) {
		if (sockfamily_parse(word, &family, &kill) == -1) {
			f->full = true; /* conf_get has looked at it */
			return;
		}
		front_add(f, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)family, 0, 1);
		front_return(f,
		    kill ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_USER_NOTIF);
	}
}

/* socket(2), by the lists of sockmake.h. */
static void
front_socket(struct front *f, const struct conf *c)
{
	static const uint32_t inet[] = { AF_INET, AF_INET6 };
	size_t begin = front_begin(f, SCMP_SYS(socket)), other;

	front_load(f, ARG(0));
	front_blocked_families(f, c);
	front_only_ask(f, sockmake_families, COUNT(sockmake_families));
	front_if_one_of(f, inet, COUNT(inet), 1);
	front_add(f, BPF_JMP | BPF_JA, 0, 0, 0); /* past the part for inet */
	other = f->n - 1;
	front_load(f, ARG(1));
	front_add(f, BPF_ALU | BPF_AND | BPF_K, SOCKMAKE_TYPE, 0, 0);
	front_only_ask(f, sockmake_types, COUNT(sockmake_types));
	front_load(f, ARG(2));
	front_only_ask(f, sockmake_protocols, COUNT(sockmake_protocols));
	if (other < FRONT_MAX)
		f->insn[other].k = (uint32_t)(f->n - other - 1);
	front_load(f, ARG(0));
	front_add(f, BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0,
	    (uint8_t)(1 + COUNT(sockmake_netlink) + 1));
	front_load(f, ARG(2));
	front_only_ask(f, sockmake_netlink, COUNT(sockmake_netlink));
	front_end(f, begin);
}

static void
front_socketpair(struct front *f, const struct conf *c)
{
	size_t begin = front_begin(f, SCMP_SYS(socketpair));

	front_load(f, ARG(0));
	front_blocked_families(f, c);
	front_only_ask(f, sockmake_pairs, COUNT(sockmake_pairs));
	front_end(f, begin);
}

/* personality(2): the question, and the usual answer. */
static void
front_personality(struct front *f)
{
	static const uint32_t usual[] = { 0, 0xffffffff };
	size_t begin = front_begin(f, SCMP_SYS(personality));

	front_load(f, ARG(0));
	front_only(f, usual, COUNT(usual), EPERM);
	front_end(f, begin);
}

/* prlimit64(2) of oneself: the kernel asks for no more than the same user, and
 * init and the keepers are of that user. */
static void
front_prlimit(struct front *f)
{
	static const uint32_t self[] = { 0 };
	size_t begin = front_begin(f, SCMP_SYS(prlimit64));

	front_load(f, ARG(0));
	front_only(f, self, COUNT(self), EPERM);
	front_end(f, begin);
}

/* The call's argument is no null pointer, or the next instruction is jumped
 * over. */
static void
front_if_set(struct front *f, unsigned arg)
{
	front_load(f, ARG(arg));
	front_add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2);
	front_load(f, ARG_HIGH(arg));
	front_add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
}

/* What follows up to gate_end() is jumped over until the gate is opened. */
static void
gate_begin(struct front *f, enum filter_gate gate)
{
	f->gate[gate] = f->n;
	front_add(f, BPF_JMP | BPF_JA, 0, 0, 0);
}

static void
gate_end(struct front *f, enum filter_gate gate)
{
	if (!f->full)
		f->insn[f->gate[gate]].k = (uint32_t)(f->n - f->gate[gate] - 1);
}

/* The calls that wait for an answer of ours, seccomp_unotify(2). */
static void
front_notified(struct front *f, enum filter_gate gate, const uint64_t secret[2])
{
	size_t i, begin;
	int nr;

	for (i = 0; i < COUNT(notified); i++) {
		if (notified[i].gate != gate)
			continue;
		nr = seccomp_syscall_resolve_name(notified[i].name);
		begin = front_begin(f, nr);
		if (nr == SCMP_SYS(sendto))
			front_if_set(f, 4);
		else if (nr == SCMP_SYS(sendmsg))
			front_unless_secret(f, secret, 1);
		front_return(f, SECCOMP_RET_USER_NOTIF);
		front_end(f, begin);
	}
}

/* Signals, and who gets one of the kernel's. Who looks whether a process is
 * there, by signal 0, is not asked about. deadly: only those that a process
 * cannot block. */
static void
front_signals(struct front *f, const uint64_t secret[2], bool deadly)
{
	size_t i, begin;

	for (i = 0; i < COUNT(signal_rows); i++) {
		begin = front_begin(f,
		    seccomp_syscall_resolve_name(signal_rows[i].name));
		front_load(f, ARG(signal_rows[i].arg));
		if (signal_rows[i].value == 0 && deadly) {
			front_add(f, BPF_JMP | BPF_JEQ | BPF_K, SIGKILL, 1, 0);
			front_add(f, BPF_JMP | BPF_JEQ | BPF_K, SIGSTOP, 0,
			    SECRET_INSNS + 1);
			front_unless_secret(f, secret, 1);
		} else if (signal_rows[i].value == 0) {
			front_add(f, BPF_JMP | BPF_JEQ | BPF_K, 0,
			    SECRET_INSNS + 1, 0);
			front_unless_secret(f, secret, 1);
		} else
			front_add(f, BPF_JMP | BPF_JEQ | BPF_K,
			    signal_rows[i].value, 0, 1);
		front_return(f, signal_rows[i].action);
		front_end(f, begin);
	}
}

/* A descriptor of a terminal that is made to tell by signals, whichever F_SETSIG
 * says, tells the foreground of the terminal, where nobody is named. */
static void
front_async(struct front *f)
{
	size_t begin = front_begin(f, SCMP_SYS(fcntl));

	front_load(f, ARG(1));
	front_add(f, BPF_JMP | BPF_JEQ | BPF_K, F_SETFL, 0, 3);
	front_load(f, ARG(2));
	front_add(f, BPF_JMP | BPF_JSET | BPF_K, O_ASYNC, 0, 1);
	front_return(f, SECCOMP_RET_ERRNO | EPERM);
	front_end(f, begin);
}

/*
 * ptrace(2): the request is a long to the kernel. What begins a trace is asked
 * about. always: that, in every session; else what may be done to whom one
 * traces already, where that is to be had. There options have to name the stop
 * at an exec (attach.c), and none lifts a filter, or execd is asked.
 */
static void
front_ptrace(struct front *f, bool always)
{
	const uint32_t *v = always ? asked_requests : free_requests;
	size_t n = always ? COUNT(asked_requests) : COUNT(free_requests), i;
	size_t begin = front_begin(f, SCMP_SYS(ptrace)), high;

	front_load(f, ARG_HIGH(0));
	front_add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0);
	high = f->n - 1;
	front_load(f, ARG(0));
	for (i = 0; i < n; i++) {
		if (always) {
			front_add(f, BPF_JMP | BPF_JEQ | BPF_K, v[i], 0, 1);
			front_return(f, SECCOMP_RET_USER_NOTIF);
		} else if (v[i] == PTRACE_SETOPTIONS) {
			front_add(f, BPF_JMP | BPF_JEQ | BPF_K, v[i], 0, 5);
			front_load(f, ARG(3));
			front_add(f, BPF_JMP | BPF_JSET | BPF_K,
			    PTRACE_O_SUSPEND_SECCOMP, 1, 0);
			front_add(f, BPF_JMP | BPF_JSET | BPF_K,
			    PTRACE_O_TRACEEXEC, 1, 0);
			front_return(f, SECCOMP_RET_USER_NOTIF);
			front_return(f, SECCOMP_RET_ALLOW);
		} else {
			front_add(f, BPF_JMP | BPF_JEQ | BPF_K, v[i], 0, 1);
			front_return(f, SECCOMP_RET_ALLOW);
		}
	}
	if (high < FRONT_MAX)
		f->insn[high].jf = (uint8_t)(f->n - high - 1);
	front_end(f, begin);
}

int
front_make(struct front *f, const struct conf *c, const uint64_t secret[2])
{
	enum filter_gate gate;

	front_known_calls(f, seccomp_arch_native(),
	    front_action(c->calls_unknown, ENOSYS));
	if (front_blocked(f, c, secret) == -1)
		return -1;
	front_socket(f, c);
	front_socketpair(f, c);
	front_personality(f);
	front_prlimit(f);
	front_notified(f, FILTER_ALWAYS, secret);
	front_ptrace(f, true);
	for (gate = FILTER_ALWAYS + 1; gate < FILTER_GATES; gate++) {
		gate_begin(f, gate);
		if (gate == FILTER_SIGNALS)
			front_async(f);
		if (gate == FILTER_PTRACE)
			front_ptrace(f, false);
		if (gate == FILTER_SIGNALS || gate == FILTER_GUARD)
			front_signals(f, secret, gate == FILTER_GUARD);
		else
			front_notified(f, gate, secret);
		gate_end(f, gate);
	}
	return 0;
}
