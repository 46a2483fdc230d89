/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process of a session tries with ptrace(2). Each case prints a line:
 * "done" or the error of each request.
 *
 *	ptraces self            PTRACE_TRACEME
 *	ptraces of PID          PTRACE_SEIZE and PTRACE_ATTACH of that process
 *	ptraces parent          the same, of a child to its parent
 *	ptraces sibling         of a child to its sibling
 *	ptraces children        of a child, of a child's child, of a thread
 *	ptraces requests        what is beside: options, filters, memory
 *	ptraces loose PROGRAM   an exec of a child that was seized without the
 *				stop at an exec
 *	ptraces blocked PROGRAM an exec of a child that blocks SIGTRAP
 *	ptraces threads PROGRAM an exec of a traced process with a second thread
 *	ptraces steer PROGRAM   a child is made to call execve(2) by its registers
 *	ptraces trace PROGRAM.. a child asks to be traced, and executes it
 *	ptraces both TRIES PROGRAM
 *				tracer and tracee execute it at the same time; of
 *				every second pair the tracer is killed meanwhile
 *	ptraces dying TRIES PROGRAM
 *				the same with the word pull, which somebody
 *				changes to push, and the tracer is killed
 *				meanwhile: how often each was seen to run
 */
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXEC_STOP ((void *)(uintptr_t)PTRACE_O_TRACEEXEC)

#define MANY 50000

static char *const *words;

static void
say(const char *what, long n)
{
	printf("%s:%s ", what, n == -1 ? strerrorname_np(errno) : "done");
	fflush(stdout);
}

static pid_t
sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	return pid;
}

static void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, __WALL);
}

static void
let_go(pid_t pid)
{
	waitpid(pid, NULL, __WALL);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
}

static long
seize(pid_t pid, unsigned long options)
{
	return ptrace(PTRACE_SEIZE, pid, NULL, options);
}

/* Both ways; what is traced is let go. */
static void
try_both(pid_t pid)
{
	long n = seize(pid, PTRACE_O_TRACEEXEC);

	say("seize", n);
	if (n == 0) {
		ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
		let_go(pid);
	}
	n = ptrace(PTRACE_ATTACH, pid, NULL, NULL);
	say("attach", n);
	if (n == 0)
		let_go(pid);
}

static void
in_child(void (*fn)(pid_t), pid_t arg)
{
	pid_t pid = fork();

	if (pid == 0) {
		fn(arg);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void
self(void)
{
	say("traceme", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static void
sibling(void)
{
	pid_t pid = sleeper();

	in_child(try_both, pid);
	end(pid);
}

static void *
nap(void *arg)
{
	*(volatile pid_t *)arg = (pid_t)syscall(SYS_gettid);
	for (;;)
		pause();
	return NULL;
}

static void
children(void)
{
	int p[2];
	pid_t pid = sleeper(), inner = 0;
	volatile pid_t tid = 0;
	pthread_t t;

	try_both(pid);
	end(pid);
	if (pipe(p) == -1)
		exit(9);
	pid = fork();
	if (pid == 0) {
		inner = sleeper();
		pthread_create(&t, NULL, nap, (void *)(uintptr_t)&tid);
		while (tid == 0)
			usleep(1000);
		if (write(p[1], &inner, sizeof(inner)) == -1 ||
		    write(p[1], (const void *)(uintptr_t)&tid, sizeof(tid)) ==
			-1)
			_exit(9);
		for (;;)
			pause();
	}
	if (read(p[0], &inner, sizeof(inner)) == -1)
		exit(9);
	try_both(inner);
	kill(inner, SIGKILL);
	if (read(p[0], &inner, sizeof(inner)) == -1)
		exit(9);
	try_both(inner);
	end(pid);
}

static void
requests(void)
{
	char buf[512];
	uint64_t word = 0;
	pid_t pid = sleeper();

	say("suspend",
	    seize(pid, PTRACE_O_TRACEEXEC | PTRACE_O_SUSPEND_SECCOMP));
	say("forks", seize(pid, PTRACE_O_TRACEFORK));
	say("seize", seize(pid, PTRACE_O_TRACEEXEC));
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0)
		waitpid(pid, NULL, __WALL);
	say("options",
	    ptrace(PTRACE_SETOPTIONS, pid, NULL,
		PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK));
	say("suspend",
	    ptrace(PTRACE_SETOPTIONS, pid, NULL,
		PTRACE_O_TRACEEXEC | PTRACE_O_SUSPEND_SECCOMP));
	say("forks", ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACEFORK));
	say("old", syscall(SYS_ptrace, 21 /* OLDSETOPTIONS */, pid, NULL, 0));
	say("filter", ptrace(PTRACE_SECCOMP_GET_FILTER, pid, NULL, NULL));
	say("metadata",
	    ptrace(PTRACE_SECCOMP_GET_METADATA, pid, sizeof(buf), buf));
	say("dispatch", syscall(SYS_ptrace, 0x4210, pid, sizeof(buf), buf));
	say("setcall", syscall(SYS_ptrace, 0x4212, pid, sizeof(buf), buf));
	say("high", syscall(SYS_ptrace, 1L << 32 | PTRACE_CONT, pid, NULL, 0));
	errno = 0;
	say("peek",
	    ptrace(PTRACE_PEEKDATA, pid, &word, NULL) == -1 && errno != 0 ? -1 :
									    0);
	say("poke", ptrace(PTRACE_POKEDATA, pid, &word, NULL));
	say("cont", ptrace(PTRACE_CONT, pid, NULL, NULL));
	end(pid);
}

/* The error of an exec, for a child that came back from it. */
static void
execute(void)
{
	execv(words[0], words);
	say("exec", -1);
	_exit(0);
}

/* Until it ends; signals other than those of the trace go on. */
static void
follow(pid_t pid)
{
	int status, sig;

	while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status)) {
		sig = WSTOPSIG(status);
		ptrace(PTRACE_CONT, pid, NULL,
		    status >> 16 != 0 || sig == SIGTRAP || sig == SIGSTOP ?
			0 :
			sig);
	}
	if (WIFSIGNALED(status))
		printf("signal %d ", WTERMSIG(status));
}

static void
loose(void)
{
	int p[2];
	pid_t pid;
	char c = 0;

	if (pipe(p) == -1)
		exit(9);
	pid = fork();
	if (pid == 0) {
		if (read(p[0], &c, 1) != 1)
			_exit(9);
		execute();
	}
	say("seize", seize(pid, 0));
	if (write(p[1], &c, 1) != 1)
		exit(9);
	follow(pid);
}

static void
blocked(void)
{
	sigset_t set;
	pid_t pid = fork();

	if (pid == 0) {
		sigemptyset(&set);
		sigaddset(&set, SIGTRAP);
		sigprocmask(SIG_BLOCK, &set, NULL);
		say("traceme", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
		execute();
	}
	follow(pid);
}

static void
threads(void)
{
	volatile pid_t tid = 0;
	pthread_t t;
	pid_t pid = fork();

	if (pid == 0) {
		pthread_create(&t, NULL, nap, (void *)(uintptr_t)&tid);
		while (tid == 0)
			usleep(1000);
		say("traceme", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
		execute();
	}
	follow(pid);
}

static void
trace(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		say("traceme", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
		execute();
	}
	follow(pid);
}

/* Its next getppid(2) becomes an execve(2). */
static void
steer(void)
{
#if defined(__x86_64__)
	struct user_regs_struct r;
	struct iovec iov = { &r, sizeof(r) };
	pid_t pid = fork();
	long n;

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		n = syscall(SYS_getppid);
		say("steered", n < 0 ? -1 : 0);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	for (;;) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) == -1)
			exit(9);
		waitpid(pid, NULL, 0);
		ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov);
		if (r.orig_rax == SYS_getppid)
			break;
	}
	r.orig_rax = SYS_execve;
	r.rdi = (uintptr_t)words[0];
	r.rsi = (uintptr_t)words;
	r.rdx = 0;
	say("set", ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov));
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	follow(pid);
#else
	execute();
#endif
}

/* A tracer that executes as whom it traces does. It takes longer: there are many
 * words to be looked at. */
static void
both_once(char *const *argv, char *const *many, unsigned i)
{
	int ready[2], ended[2];
	pid_t pid;
	char c;

	if (pipe(ready) == -1 || pipe(ended) == -1)
		exit(9);
	pid = fork();
	if (pid == 0) {
		if (fork() == 0) {
			signal(SIGTRAP, SIG_IGN);
			ptrace(PTRACE_TRACEME, 0, NULL, NULL);
			if (write(ready[1], "", 1) == 1)
				usleep(i * 97 % 10000);
			execv(argv[0], argv);
		} else if (read(ready[0], &c, 1) == 1)
			execv(many[0], many);
		_exit(0);
	}
	close(ready[0]);
	close(ready[1]);
	close(ended[1]);
	if (i % 2 == 0) {
		usleep(i * 137 % 20000);
		kill(pid, SIGKILL);
	}
	waitpid(pid, NULL, 0);
	/* both of them had it */
	if (read(ended[0], &c, 1) != 0)
		exit(9);
	close(ended[0]);
}

static void
both(void)
{
	static char *many[MANY + 1];
	unsigned tries = (unsigned)strtoul(words[0], NULL, 10), i;

	many[0] = words[1];
	for (i = 1; i < MANY; i++)
		many[i] = words[2];
	for (i = 0; i < tries; i++)
		both_once(words + 1, many, i);
	printf("over ");
}

/* Who traces, and is going to be killed. in_vfork: the tracer waits in vfork(2) for
 * the exec; else in waitpid(2) for its stop. */
static void
dying_tracer(char *const *argv, int ready, bool in_vfork)
{
	pid_t pid = in_vfork ? vfork() : fork();

	if (pid == 0) {
		/* it runs, too, when its tracer ends before it is told */
		signal(SIGTRAP, SIG_IGN);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		if (write(ready, "", 1) == 1)
			execv(argv[0], argv);
		_exit(0);
	}
	follow(pid);
	_exit(0);
}

/* What the program wrote, if anything. */
static void
dying_once(char *const *argv, unsigned i, char *buf, size_t size)
{
	int ready[2], out[2];
	ssize_t n;
	pid_t pid;
	char c;

	if (pipe(ready) == -1 || pipe(out) == -1)
		exit(9);
	pid = fork();
	if (pid == 0) {
		dup2(out[1], 1);
		close(out[0]);
		close(out[1]);
		close(ready[0]);
		dying_tracer(argv, ready[1], i % 2 == 0);
	}
	close(ready[1]);
	close(out[1]);
	if (read(ready[0], &c, 1) == 1)
		usleep(i * 37 % 1500);
	end(pid);
	/* whatever is left of it holds the other end */
	n = read(out[0], buf, size - 1);
	buf[n > 0 ? n : 0] = '\0';
	close(ready[0]);
	close(out[0]);
}

static void
dying(void)
{
	unsigned tries = (unsigned)strtoul(words[0], NULL, 10), i;
	unsigned right = 0, wrong = 0;
	char buf[256], *argv[3] = { words[1], NULL, NULL };
	volatile char *word;
	pid_t pid;

	word = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (word == MAP_FAILED)
		exit(9);
	argv[1] = (char *)(uintptr_t)word;
	snprintf(argv[1], 5, "pull");
	pid = fork();
	if (pid == 0) {
		/* pull, push */
		for (i = 0;; i++) {
			word[2] = i % 2 == 0 ? 's' : 'l';
			word[3] = i % 2 == 0 ? 'h' : 'l';
			usleep(100);
		}
	}
	for (i = 0; i < tries; i++) {
		dying_once(argv, i, buf, sizeof(buf));
		right += strstr(buf, "pull") != NULL;
		wrong += strstr(buf, "push") != NULL;
	}
	end(pid);
	printf("tries %u right %u wrong %u\n", tries, right, wrong);
}

static const struct {
	const char *name;
	void (*fn)(void);
} cases[] = {
	{ "self", self },
	{ "sibling", sibling },
	{ "children", children },
	{ "requests", requests },
	{ "loose", loose },
	{ "blocked", blocked },
	{ "threads", threads },
	{ "steer", steer },
	{ "trace", trace },
	{ "both", both },
	{ "dying", dying },
};

int
main(int argc, char **argv)
{
	size_t i;

	if (argc < 2)
		return 2;
	words = argv + 2;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strcmp(argv[1], cases[i].name) == 0) {
			cases[i].fn();
			return 0;
		}
	}
	if (strcmp(argv[1], "of") == 0 && argc == 3)
		try_both((pid_t)strtol(argv[2], NULL, 10));
	else if (strcmp(argv[1], "parent") == 0)
		in_child(try_both, getpid());
	else
		return 2;
	return 0;
}
