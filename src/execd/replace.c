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
	bool found; /* path is that of the program */
	bool right; /* its code, or the writing of its words, was */
	struct user_regs_struct saved;
	uint64_t env; /* the caller's */
	char path[AGENTSH_PATH_MAX + 1];
	struct words argv;
	/* what is written into its memory */
	uint64_t base;
	uint8_t *place;
	size_t len;
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
void
replace_look(struct exec *x)
{
	static const char *const dirs[] = { "/usr/local/bin", "/usr/bin",
		"/bin" };
	struct replacement *r = x->replacement;
	char name[sizeof(r->path)];
	struct file f = { .fd = -1 };
	size_t i;

	r->found = strchr(r->path, '/') != NULL;
	if (r->found)
		return;
	memcpy(name, r->path, sizeof(name));
	for (i = 0; !r->found && i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if ((size_t)snprintf(r->path, sizeof(r->path), "%s/%s", dirs[i],
			name) >= sizeof(r->path))
			continue;
		r->found = file_resolve(&x->t, AT_FDCWD, r->path, 0, &f) == 0;
		file_close(&f);
	}
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
	free(x->replacement->place);
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
	snprintf(r->path, sizeof(r->path), "%s", act.command);
	if (make_words(x, &act, &r->argv) == -1) {
		replace_free(x);
		return -1;
	}
	return 0;
}

/* Bytes of pointers, words and path. */
static size_t
place_len(const struct replacement *r)
{
	return (r->argv.n + 1) * sizeof(uint64_t) + r->argv.len +
	    strlen(r->path) + 1;
}

bool
replace_is_ready(const struct exec *x)
{
	return x->replacement->found && place_len(x->replacement) <= PLACE_MAX;
}

const char *
replace_path(const struct exec *x, const struct words **argv)
{
	*argv = &x->replacement->argv;
	return x->replacement->path;
}

/* As if there had been nothing but the refusal. */
static void
give_up(struct exec *x, pid_t tid, int signo)
{
	if (x->replacement->step != STEP_RETURN)
		put_regs(tid, &x->replacement->saved);
	log_debug("process %u: no replacement at step %d, signal %d",
	    x->t.inner_tgid, (int)x->replacement->step, signo);
	record_exec_unreplaced(x);
	ptrace(PTRACE_DETACH, tid, 0, (long)signo);
}

/* In a thread: is it at a call? */
static void
look_at_code(struct exec *x)
{
	struct replacement *r = x->replacement;
	uint8_t code[INSN_LEN];

	r->right = target_read(&x->t, REG_PC(&r->saved) - INSN_LEN, code,
		       sizeof(code)) == 0 &&
	    memcmp(code, insn, INSN_LEN) == 0;
}

/* The first stop: it asks for memory. */
static void
ask_memory(struct exec *x)
{
	const uint64_t arg[6] = { 0, PLACE_MAX, 3 /* read, write */,
		0x22 /* private, anonymous */, (uint64_t)-1, 0 };
	struct replacement *r = x->replacement;
	struct user_regs_struct regs = r->saved;

	set_call(&regs, SYS_mmap, arg);
	if (!r->right || put_regs(x->t.tid, &regs) == -1) {
		give_up(x, x->t.tid, 0);
		supervise_over(x);
		return;
	}
	r->step = STEP_ENTRY;
	ptrace(PTRACE_SYSCALL, x->t.tid, 0, 0);
}

/* Path and words as they come to lie in the memory that it got. 0 or -1. */
static int
make_place(struct replacement *r)
{
	size_t pointers = (r->argv.n + 1) * sizeof(uint64_t), i;
	uint64_t *place;

	r->len = place_len(r);
	place = calloc(1, r->len + sizeof(*place));
	if (place == NULL)
		return -1;
	for (i = 0; i < r->argv.n; i++)
		place[i] = r->base + pointers +
		    (uint64_t)(r->argv.v[i] - r->argv.bytes);
	memcpy((char *)place + pointers, r->argv.bytes, r->argv.len);
	memcpy((char *)place + pointers + r->argv.len, r->path,
	    strlen(r->path) + 1);
	r->place = (uint8_t *)place;
	return 0;
}

/* In a thread. */
static void
write_place(struct exec *x)
{
	struct replacement *r = x->replacement;

	r->right = target_write(&x->t, r->base, r->place, r->len) == 0;
}

/* They are there, and it executes them. */
static void
call_again(struct exec *x)
{
	struct replacement *r = x->replacement;
	struct user_regs_struct regs;
	uint64_t arg[6] = { 0 };

	if (r->right && get_regs(x->t.tid, &regs) == 0) {
		arg[0] = r->base + (r->argv.n + 1) * sizeof(uint64_t) +
		    r->argv.len;
		arg[1] = r->base;
		arg[2] = r->env;
		set_call(&regs, SYS_execve, arg);
		if (put_regs(x->t.tid, &regs) == 0) {
			r->step = STEP_AGAIN;
			ptrace(PTRACE_CONT, x->t.tid, 0, 0);
			return;
		}
	}
	give_up(x, x->t.tid, 0);
	supervise_over(x);
}

/* Is the memory there, and what it is to have? */
static bool
has_memory(struct replacement *r, pid_t tid)
{
	struct user_regs_struct regs;

	if (get_regs(tid, &regs) == -1)
		return false;
	r->base = REG_RESULT(&regs);
	return r->base != 0 && r->base <= (uint64_t)-4096 && make_place(r) == 0;
}

bool
replace_step(struct exec *x, pid_t tid, int status)
{
	struct replacement *r = x->replacement;
	bool call = WSTOPSIG(status) == (SIGTRAP | 0x80);
	int signo = status >> 16 == 0 && !call ? WSTOPSIG(status) : 0;

	if (r->step == STEP_RETURN && status >> 16 == PTRACE_EVENT_STOP &&
	    get_regs(tid, &r->saved) == 0)
		supervise_look(x, look_at_code, ask_memory);
	else if (r->step == STEP_ENTRY && call) {
		r->step = STEP_EXIT;
		ptrace(PTRACE_SYSCALL, tid, 0, 0);
	} else if (r->step == STEP_EXIT && call && has_memory(r, tid))
		supervise_look(x, write_place, call_again);
	else {
		give_up(x, tid, signo);
		return true;
	}
	return false;
}

bool
replace_is_again(const struct exec *x)
{
	return x->replacement != NULL && x->replacement->step == STEP_AGAIN;
}
