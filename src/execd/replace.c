/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another program in the place of the one that a process wanted to execute. The
 * call is refused; stopped on its way back, the process maps some memory, into
 * which we write path and words, and makes the call again with them. Memory of
 * its own is not touched: it may be that of a parent, vfork(2). Whatever goes
 * wrong, the process gets its registers back, and the refusal.
 */
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "execd.h"
#include "log.h"
#include "supervise.h"

#define PLACE_MAX 131072 /* bytes of pointers and strings */

#if defined(__x86_64__)
#define REG_CALL(r) ((r)->rax)
#define REG_RESULT(r) ((r)->rax)
#define REG_PC(r) ((r)->rip)
#define INSN_LEN 2
static const uint8_t insn[] = { 0x0f, 0x05 };
#elif defined(__aarch64__)
#define user_regs_struct user_pt_regs
#define REG_CALL(r) ((r)->regs[8])
#define REG_RESULT(r) ((r)->regs[0])
#define REG_PC(r) ((r)->pc)
#define INSN_LEN 4
static const uint8_t insn[] = { 0x01, 0x00, 0x00, 0xd4 };
#else
#error "registers of a system call on this machine"
#endif

enum step {
	STEP_RETURN, /* until the refused call returns */
	STEP_ENTRY,  /* until it calls mmap(2) */
	STEP_EXIT,   /* until that returns */
	STEP_AGAIN   /* until it executes, or that fails */
};

struct replacement {
	enum step step;
	struct user_regs_struct saved;
	uint64_t env; /* the caller's */
	char path[AGENTSH_PATH_MAX + 1];
	struct words argv;
};

static void
set_call(struct user_regs_struct *r, long nr, const uint64_t arg[6])
{
	REG_PC(r) -= INSN_LEN;
#if defined(__x86_64__)
	r->orig_rax = (unsigned long long)-1; /* nothing is restarted */
	r->rdi = arg[0];
	r->rsi = arg[1];
	r->rdx = arg[2];
	r->r10 = arg[3];
	r->r8 = arg[4];
	r->r9 = arg[5];
#else
	memcpy(r->regs, arg, 6 * sizeof(arg[0]));
#endif
	REG_CALL(r) = (unsigned long long)nr;
}

static int
get_regs(pid_t tid, struct user_regs_struct *r)
{
	struct iovec iov = { r, sizeof(*r) };

	return ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &iov) == -1 ||
		iov.iov_len != sizeof(*r) ?
	    -1 :
	    0;
}

static int
put_regs(pid_t tid, struct user_regs_struct *r)
{
	struct iovec iov = { r, sizeof(*r) };

	return ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &iov) == -1 ? -1 : 0;
}

/* A name is looked for where leaders look without a PATH. */
static int
find_path(const struct exec *x, const char *command, char *dst, size_t size)
{
	static const char *const dirs[] = { "/usr/local/bin", "/usr/bin",
		"/bin" };
	struct file f = { .fd = -1 };
	size_t i;
	int err;

	if (strchr(command, '/') != NULL) {
		snprintf(dst, size, "%s", command);
		return 0;
	}
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(dst, size, "%s/%s", dirs[i], command);
		err = file_resolve(&x->t, AT_FDCWD, dst, 0, &f);
		file_close(&f);
		if (err == 0)
			return 0;
	}
	return -1;
}

static int
make_words(const struct exec *x, const struct command_action *act,
    struct words *to)
{
	const struct words *from = &x->link[0].argv;
	size_t asked = from->n > 0 ? from->n - 1 : 0, n;
	const char **v;
	int r;

	v = calloc(image_action_room(act, asked), sizeof(*v));
	if (v == NULL)
		return -1;
	n = image_action_words(act, from->v + 1, asked, v);
	r = words_copy(to, v, n);
	free(v);
	return r;
}

void
replace_free(struct exec *x)
{
	if (x->replacement == NULL)
		return;
	words_free(&x->replacement->argv);
	free(x->replacement);
	x->replacement = NULL;
}

int
replace_prepare(struct exec *x)
{
	bool at = x->req.data.nr == __NR_execveat;
	struct command_action act;
	struct replacement *r;

	image_command_action(&execd.image, &x->j.v, &act);
	/* words that would have to be found in its environment first */
	if (act.command[0] == '\0' || act.env.n != 0)
		return -1;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return -1;
	x->replacement = r;
	r->env = x->req.data.args[at ? 3 : 2];
	if (find_path(x, act.command, r->path, sizeof(r->path)) == -1 ||
	    make_words(x, &act, &r->argv) == -1 ||
	    (r->argv.n + 1) * sizeof(uint64_t) + r->argv.len + strlen(r->path) +
		    1 >
		PLACE_MAX) {
		replace_free(x);
		return -1;
	}
	return 0;
}

const char *
replace_path(const struct exec *x, const struct words **argv)
{
	*argv = &x->replacement->argv;
	return x->replacement->path;
}

/* The first stop: it asks for memory. */
static int
ask_memory(struct exec *x, pid_t tid)
{
	const uint64_t arg[6] = { 0, PLACE_MAX, 3 /* read, write */,
		0x22 /* private, anonymous */, (uint64_t)-1, 0 };
	struct replacement *r = x->replacement;
	struct user_regs_struct regs;
	uint8_t code[INSN_LEN];
	struct iovec to = { code, sizeof(code) }, from = to;

	if (get_regs(tid, &r->saved) == -1)
		return -1;
	from.iov_base = (void *)(uintptr_t)(REG_PC(&r->saved) - INSN_LEN);
	if (process_vm_readv(tid, &to, 1, &from, 1, 0) != INSN_LEN ||
	    memcmp(code, insn, INSN_LEN) != 0)
		return -1;
	regs = r->saved;
	set_call(&regs, SYS_mmap, arg);
	return put_regs(tid, &regs);
}

/* The memory is there: path and words go into it, and it executes them. */
static int
write_words(struct exec *x, pid_t tid)
{
	struct replacement *r = x->replacement;
	size_t pointers = (r->argv.n + 1) * sizeof(uint64_t);
	size_t len = pointers + r->argv.len + strlen(r->path) + 1, i;
	struct user_regs_struct regs;
	uint64_t base, arg[6] = { 0 };
	uint64_t *place;

	if (get_regs(tid, &regs) == -1)
		return -1;
	base = REG_RESULT(&regs);
	if (base == 0 || base > (uint64_t)-4096)
		return -1;
	place = calloc(1, len + 8);
	if (place == NULL)
		return -1;
	for (i = 0; i < r->argv.n; i++)
		place[i] = base + pointers +
		    (uint64_t)(r->argv.v[i] - r->argv.bytes);
	memcpy((char *)place + pointers, r->argv.bytes, r->argv.len);
	memcpy((char *)place + pointers + r->argv.len, r->path,
	    strlen(r->path) + 1);
	for (i = 0; i < (len + 7) / 8; i++) {
		if (ptrace(PTRACE_POKEDATA, tid, base + i * 8, place[i]) == -1)
			break;
	}
	free(place);
	if (i < (len + 7) / 8)
		return -1;
	arg[0] = base + pointers + r->argv.len;
	arg[1] = base;
	arg[2] = r->env;
	set_call(&regs, SYS_execve, arg);
	return put_regs(tid, &regs);
}

/* As if there had been nothing but the refusal. */
static bool
give_up(struct exec *x, pid_t tid, int signo)
{
	if (x->replacement->step != STEP_RETURN)
		put_regs(tid, &x->replacement->saved);
	log_debug("process %u: no replacement at step %d, signal %d",
	    x->t.inner_tgid, (int)x->replacement->step, signo);
	record_exec_unreplaced(x);
	ptrace(PTRACE_DETACH, tid, 0, (long)signo);
	return true;
}

bool
replace_step(struct exec *x, pid_t tid, int status)
{
	struct replacement *r = x->replacement;
	bool call = WSTOPSIG(status) == (SIGTRAP | 0x80);
	int signo = status >> 16 == 0 && !call ? WSTOPSIG(status) : 0;
	enum step was = r->step;

	if (was == STEP_RETURN && status >> 16 == PTRACE_EVENT_STOP &&
	    ask_memory(x, tid) == 0)
		r->step = STEP_ENTRY;
	else if (was == STEP_ENTRY && call)
		r->step = STEP_EXIT;
	else if (was == STEP_EXIT && call && write_words(x, tid) == 0)
		r->step = STEP_AGAIN;
	else
		return give_up(x, tid, signo);
	ptrace(r->step == STEP_AGAIN ? PTRACE_CONT : PTRACE_SYSCALL, tid, 0, 0);
	return false;
}

bool
replace_is_again(const struct exec *x)
{
	return x->replacement != NULL && x->replacement->step == STEP_AGAIN;
}
