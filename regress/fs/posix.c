/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the calls on files do, one line a case: posix.sh compares the lines
 * that this prints in a session with those that it prints outside of one. It
 * works in the current directory, which is empty.
 *
 * usage: posix [case ...]
 */
#include "posix.h"

static const char *current;

/* One line: what was done, and its value or its error. */
void
line(const char *what, long value)
{
	if (value < 0)
		printf("%s: %s: %s\n", current, what, strerrorname_np(errno));
	else
		printf("%s: %s: %ld\n", current, what, value);
}

int
file(const char *name, int flags, const char *text)
{
	int fd;

	fd = open(name, O_RDWR | O_CREAT | flags, 0644);
	if (fd == -1 ||
	    write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		printf("%s: cannot make %s: %s\n", current, name,
		    strerror(errno));
		exit(1);
	}
	return fd;
}

void
show(const char *name)
{
	char buf[256];
	ssize_t n;
	int fd;

	fd = open(name, O_RDONLY);
	n = fd == -1 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (n == -1) {
		line(name, -1);
	} else {
		buf[n] = '\0';
		printf("%s: %s holds '%s'\n", current, name, buf);
	}
	if (fd != -1)
		close(fd);
}

long
mode_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) == -1 ? -1 : (long)st.st_mode;
}

long
links_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) == -1 ? -1 : (long)st.st_nlink;
}

long
size_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) == -1 ? -1 : (long)st.st_size;
}

ino_t
ino_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) == -1 ? 0 : st.st_ino;
}

/* Runs fn in another process; its exit code. */
long
other(int (*fn)(int), int arg)
{
	int st = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(fn(arg));
	waitpid(pid, &st, 0);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}

/* clang-format off */
static const struct {
	const char *name;
	void (*fn)(void);
} cases[] = {
	{ "acl", c_acl }, { "append", c_append }, { "copy", c_copy },
	{ "direct", c_direct }, { "dirs", c_dirs }, { "exec", c_exec },
	{ "fallocate", c_fallocate }, { "io", c_io }, { "links", c_links },
	{ "listing", c_listing }, { "locks", c_locks }, { "mmap", c_mmap },
	{ "modes", c_modes }, { "names", c_names }, { "nodes", c_nodes },
	{ "rename", c_rename }, { "seek", c_seek }, { "statx", c_statx },
	{ "sync", c_sync }, { "times", c_times }, { "tmpfile", c_tmpfile },
	{ "unlinked", c_unlinked }, { "xattr", c_xattr },
};
/* clang-format on */

static bool
is_wanted(const char *name, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], name) == 0)
			return true;
	}
	return argc == 1;
}

/* Each in a process and a directory of its own. */
int
main(int argc, char **argv)
{
	size_t i;
	int st;

	umask(022);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!is_wanted(cases[i].name, argc, argv))
			continue;
		current = cases[i].name;
		if (mkdir(current, 0755) == -1)
			return 1;
		fflush(stdout);
		if (fork() == 0) {
			if (chdir(current) == -1)
				_exit(1);
			alarm(30);
			cases[i].fn();
			exit(0);
		}
		wait(&st);
		printf("%s: ended with %d\n", current, st);
	}
	return 0;
}
