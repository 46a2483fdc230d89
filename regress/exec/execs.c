/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executes a program in one of many ways; by another name than "execs" it
 * prints the name of its own file and its arguments, and ends.
 *
 * usage: execs WAY program [arg ...]
 *        execs race-WAY tries good bad
 *
 * A race runs "good pull" while somebody changes it into "bad pull" or "good
 * push"; it prints how often each was seen to run.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

static char *no_env[] = { NULL };
static char **args; /* program and its arguments */

static const char *
base(const char *path)
{
	const char *s = strrchr(path, '/');

	return s != NULL ? s + 1 : path;
}

static int
failed(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

/* What is run: says what it is. */
static int
tool(int argc, char **argv)
{
	char exe[4096], line[8192];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	int i, len;

	exe[n > 0 ? n : 0] = '\0';
	len = snprintf(line, sizeof(line), "RAN %s", base(exe));
	for (i = 1; i < argc && len < 4000; i++)
		len += snprintf(line + len, sizeof(line) - (size_t)len,
		    " %.100s", argv[i]);
	line[len++] = '\n';
	return write(1, line, (size_t)len) == len ? 0 : 1;
}

static int
wait_for(pid_t pid)
{
	int status = 0;

	if (pid == -1)
		return failed("child");
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

static int
at_fd(int fd, char **argv)
{
	syscall(SYS_execveat, fd, "", argv, no_env, AT_EMPTY_PATH);
	return failed("execveat");
}

static int
by_execve(void)
{
	execve(args[0], args, no_env);
	return failed("execve");
}

static int
by_fd(void)
{
	return at_fd(open(args[0], O_RDONLY), args);
}

static int
by_opath(void)
{
	return at_fd(open(args[0], O_PATH), args);
}

static int
by_dirfd(void)
{
	char dir[4096];
	int fd;

	snprintf(dir, sizeof(dir), "%s", args[0]);
	*strrchr(dir, '/') = '\0';
	fd = open(dir, O_PATH | O_DIRECTORY);
	syscall(SYS_execveat, fd, base(args[0]), args, no_env, 0);
	return failed("execveat");
}

static int
copy_to(int to)
{
	char buf[65536];
	int from = open(args[0], O_RDONLY);
	ssize_t n;

	if (from == -1 || to == -1)
		return -1;
	while ((n = read(from, buf, sizeof(buf))) > 0) {
		if (write(to, buf, (size_t)n) != n)
			return -1;
	}
	close(from);
	return to;
}

static int
by_memfd(void)
{
	return at_fd(copy_to(memfd_create("harmless", MFD_CLOEXEC)), args);
}

static int
by_name(const char *dir, int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%d", dir, fd);
	execve(path, args, no_env);
	return failed(path);
}

static int
by_memfd_name(void)
{
	return by_name("/proc/self/fd", copy_to(memfd_create("harmless", 0)));
}

static int
by_procfd(void)
{
	return by_name("/proc/self/fd", open(args[0], O_RDONLY));
}

static int
by_devfd(void)
{
	return by_name("/dev/fd", open(args[0], O_PATH));
}

static int
by_threadfd(void)
{
	return by_name("/proc/thread-self/fd", open(args[0], O_PATH));
}

static int
by_root(void)
{
	char path[4200];

	snprintf(path, sizeof(path), "/proc/self/root%s", args[0]);
	execve(path, args, no_env);
	return failed(path);
}

static int
by_cwd(void)
{
	char path[4200];

	snprintf(path, sizeof(path), "/proc/self/cwd/%s", base(args[0]));
	execve(path, args, no_env);
	return failed(path);
}

/* From a name that is gone by then. */
static int
by_deleted(void)
{
	static const char name[] = "/tmp/harmless";
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	close(copy_to(fd));
	fd = open(name, O_PATH);
	unlink(name);
	return at_fd(fd, args);
}

static int
by_symlink(void)
{
	unlink("harmless");
	if (symlink(args[0], "harmless") == -1)
		return failed("symlink");
	execve("./harmless", args, no_env);
	return failed("execve");
}

static void *
thread_exec(void *arg)
{
	(void)arg;
	exit(by_execve());
}

static int
by_thread(void)
{
	pthread_t t;

	pthread_create(&t, NULL, thread_exec, NULL);
	pthread_join(t, NULL);
	return 1;
}

/* Two threads of one process at the same time: one of them wins. */
static int
by_threads(void)
{
	pthread_t t[8];
	int i;

	for (i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, thread_exec, NULL);
	for (i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	return 1;
}

static int
by_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execve(args[0], args, no_env);
		_exit(1);
	}
	return wait_for(pid);
}

static int
by_spawn(void)
{
	pid_t pid;

	errno = posix_spawn(&pid, args[0], NULL, NULL, args, no_env);
	return errno != 0 ? failed("posix_spawn") : wait_for(pid);
}

static int
child_exec(void *arg)
{
	(void)arg;
	execve(args[0], args, no_env);
	return 1;
}

/* A child that has our memory while we go on. */
static int
by_clonevm(void)
{
	static char stack[65536] __attribute__((aligned(16)));

	return wait_for(clone(child_exec, stack + sizeof(stack),
	    CLONE_VM | SIGCHLD, NULL));
}

static int
by_doublefork(void)
{
	int p[2];
	char c;

	if (pipe(p) == -1)
		return failed("pipe");
	if (fork() == 0) {
		close(p[0]);
		if (fork() == 0) {
			setsid();
			usleep(20000); /* its parent is gone */
			if (fork() == 0)
				_exit(by_execve());
			wait(NULL);
		}
		_exit(0);
	}
	wait(NULL);
	close(p[1]);
	while (read(p[0], &c, 1) > 0)
		continue;
	return 0;
}

static int
by_nullargv(void)
{
	syscall(SYS_execve, args[0], NULL, no_env);
	return failed("execve");
}

static int
by_protnone(void)
{
	char **v = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	v[0] = args[0];
	v[1] = (char *)v + 4096;
	v[2] = NULL;
	mprotect((char *)v + 4096, 4096, PROT_NONE);
	execve(args[0], v, no_env);
	return failed("execve");
}

/* The path itself cannot be read. */
static int
by_badpath(void)
{
	syscall(SYS_execve, 8, args, no_env);
	return failed("execve");
}

static int
with_words(size_t n, size_t len)
{
	char **v = calloc(n + 1, sizeof(*v)), *word = calloc(1, len + 1);
	size_t i;

	memset(word, 'x', len);
	for (i = 1; i < n; i++)
		v[i] = word;
	v[0] = args[0];
	execve(args[0], v, no_env);
	return failed("execve");
}

static int
by_long(void)
{
	return with_words(13, 100000);
}

static int
by_many(void)
{
	return with_words(70000, 1);
}

/* As xargs(1) does it. */
static int
by_some(void)
{
	return with_words(30000, 3);
}

/* As many generations as args[1] says, each by fork and exec of ourselves. */
static int
by_deep(void)
{
	int n = (int)strtol(args[0], NULL, 10);
	static char self[] = "execs", way[] = "deep";
	char level[16];
	char *v[64] = { self, way, level };
	pid_t pid;
	int i;

	if (n == 0) {
		args++;
		return by_execve();
	}
	snprintf(level, sizeof(level), "%d", n - 1);
	for (i = 1; args[i] != NULL && i < 60; i++)
		v[2 + i] = args[i];
	pid = fork();
	if (pid == 0) {
		execve("/proc/self/exe", v, no_env);
		_exit(failed("execve"));
	}
	return wait_for(pid);
}

/* --- races --- */

static struct {
	char path[4096];
	union {
		uint32_t n;
		char text[8];
	} word;
	char *argv[3];
} * shared;

static const char *good, *bad;
static volatile bool stop;

static void *
flip_path(void *arg)
{
	(void)arg;
	while (!stop) {
		memcpy(shared->path, bad, strlen(bad) + 1);
		memcpy(shared->path, good, strlen(good) + 1);
	}
	return NULL;
}

/* All four bytes at once. */
static void *
flip_word(void *arg)
{
	uint32_t push, pull;

	memcpy(&push, "push", 4);
	memcpy(&pull, "pull", 4);
	(void)arg;
	while (!stop) {
		__atomic_store_n(&shared->word.n, push, __ATOMIC_RELAXED);
		__atomic_store_n(&shared->word.n, pull, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* The pointer instead of the bytes. */
static void *
flip_pointer(void *arg)
{
	static char push[] = "push";

	(void)arg;
	while (!stop) {
		__atomic_store_n(&shared->argv[1], push, __ATOMIC_RELAXED);
		__atomic_store_n(&shared->argv[1], shared->word.text,
		    __ATOMIC_RELAXED);
	}
	return NULL;
}

static void *
flip_link(void *arg)
{
	(void)arg;
	while (!stop) {
		unlink("link.new");
		if (symlink(bad, "link.new") == 0)
			rename("link.new", "link");
		unlink("link.new");
		if (symlink(good, "link.new") == 0)
			rename("link.new", "link");
	}
	return NULL;
}

static void
write_script(const char *interpreter)
{
	char text[8192];
	int fd = open("script.new", O_WRONLY | O_CREAT | O_TRUNC, 0755);
	int len = snprintf(text, sizeof(text), "#!%s pull\n", interpreter);

	if (write(fd, text, (size_t)len) == len)
		rename("script.new", "script");
	close(fd);
}

static void *
flip_script(void *arg)
{
	(void)arg;
	while (!stop) {
		write_script(bad);
		write_script(good);
	}
	return NULL;
}

/* Counts lines of one kind that the children wrote. */
static void
count(int fd, unsigned *ok, unsigned *wrong)
{
	static char buf[65536];
	static size_t len;
	char want[4200];
	char *line, *end;
	ssize_t n;

	snprintf(want, sizeof(want), "RAN %s pull", base(good));
	while ((n = read(fd, buf + len, sizeof(buf) - 1 - len)) > 0) {
		len += (size_t)n;
		buf[len] = '\0';
		for (line = buf; (end = strchr(line, '\n')) != NULL;
		     line = end + 1) {
			*end = '\0';
			if (strncmp(line, want, strlen(want)) == 0)
				(*ok)++;
			else if ((*wrong)++ < 3)
				printf("%s\n", line);
		}
		len -= (size_t)(line - buf);
		memmove(buf, line, len);
	}
}

static pid_t __attribute__((noinline)) race_child(const char *path, int out)
{
	pid_t pid = vfork();

	if (pid == 0) {
		dup2(out, 1);
		execve(path, shared->argv, no_env);
		_exit(1);
	}
	return pid;
}

static int
race(const char *way, unsigned tries)
{
	void *(*flip)(void *) = flip_path;
	bool apart = strncmp(way, "shared-", 7) == 0;
	const char *path = shared->path;
	unsigned i, ok = 0, wrong = 0, failures = 0;
	pid_t other = -1;
	pthread_t t;
	int p[2];

	way += apart ? 7 : 0;
	if (strcmp(way, "word") == 0)
		flip = flip_word;
	else if (strcmp(way, "pointer") == 0)
		flip = flip_pointer;
	else if (strcmp(way, "link") == 0) {
		flip = flip_link;
		path = "./link";
	} else if (strcmp(way, "script") == 0) {
		flip = flip_script;
		path = "./script";
	}
	memcpy(shared->path, good, strlen(good) + 1);
	memcpy(shared->word.text, "pull", sizeof("pull"));
	shared->argv[0] = (char *)(uintptr_t)good;
	shared->argv[1] = shared->word.text;
	if (pipe2(p, O_NONBLOCK) == -1)
		return failed("pipe");
	if (apart) {
		other = fork();
		if (other == 0) {
			flip(NULL);
			_exit(0);
		}
	} else
		pthread_create(&t, NULL, flip, NULL);
	for (i = 0; i < tries; i++) {
		failures += wait_for(race_child(path, p[1])) != 0;
		count(p[0], &ok, &wrong);
	}
	stop = true;
	if (apart)
		kill(other, SIGKILL);
	else
		pthread_join(t, NULL);
	printf("tries %u right %u wrong %u refused %u\n", tries, ok, wrong,
	    failures);
	return wrong != 0;
}

static const struct {
	const char *name;
	int (*fn)(void);
} ways[] = {
	{ "execve", by_execve },
	{ "fd", by_fd },
	{ "opath", by_opath },
	{ "dirfd", by_dirfd },
	{ "memfd", by_memfd },
	{ "memfd-name", by_memfd_name },
	{ "procfd", by_procfd },
	{ "devfd", by_devfd },
	{ "threadfd", by_threadfd },
	{ "root", by_root },
	{ "cwd", by_cwd },
	{ "deleted", by_deleted },
	{ "symlink", by_symlink },
	{ "thread", by_thread },
	{ "threads", by_threads },
	{ "vfork", by_vfork },
	{ "spawn", by_spawn },
	{ "clonevm", by_clonevm },
	{ "doublefork", by_doublefork },
	{ "nullargv", by_nullargv },
	{ "protnone", by_protnone },
	{ "badpath", by_badpath },
	{ "long", by_long },
	{ "many", by_many },
	{ "some", by_some },
	{ "deep", by_deep },
};

int
main(int argc, char **argv)
{
	size_t i;

	if (argc == 0 || strcmp(base(argv[0]), "execs") != 0)
		return tool(argc, argv);
	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc < 3)
		return 2;
	args = argv + 2;
	if (strncmp(argv[1], "race-", 5) == 0 && argc == 5) {
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		good = argv[3];
		bad = argv[4];
		return race(argv[1] + 5, (unsigned)strtoul(argv[2], NULL, 10));
	}
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(argv[1], ways[i].name) == 0)
			return ways[i].fn();
	}
	return 2;
}
