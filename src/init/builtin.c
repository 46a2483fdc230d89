/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands that need no program. The leader does them itself, confined as the
 * program would be: what they open and look at is decided and recorded by fsd
 * and the kernel like any other's, under the command's id. What the session
 * remembers of them is sessiond's: a new directory is told to it in the file
 * that is their standard input, and what it has to show comes from there.
 */
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fdio.h"
#include "init.h"
#include "jsonput.h"
#include "spec.h"
#include "utf8.h"

#define ACAT_MAX 1048576 /* bytes of a file in an answer */

static const struct spec *spec;

/* As shells say it. */
static int
fail(const char *what)
{
	int error = errno;

	fflush(stdout);
	dprintf(STDERR_FILENO, "%s: %.4096s: %s\n", spec->file, what,
	    strerror(error));
	return 1;
}

bool
builtin_starts_anywhere(const struct spec *s)
{
	if (s->builtin == BUILTIN_NONE ||
	    builtin_has(s->builtin, BUILTIN_FILES))
		return false;
	return s->builtin != BUILTIN_CD || s->argc < 2 || s->argv[1][0] == '/';
}

/* Goes there as anybody would, and tells where that is. */
static int
change_directory(const char *dir)
{
	char path[AGENTSH_PATH_MAX + 1];

	if (chdir(dir) == -1 || getcwd(path, sizeof(path)) == NULL ||
	    write_all(STDIN_FILENO, path, strlen(path)) == -1)
		return fail(dir);
	return 0;
}

/* What sessiond has to show. */
static int
show_input(void)
{
	char data[65536];
	ssize_t n;

	while ((n = read(STDIN_FILENO, data, sizeof(data))) > 0) {
		if (write_all(STDOUT_FILENO, data, (size_t)n) == -1)
			return 1;
	}
	return n == 0 ? 0 : 1;
}

static void
put_environment(void)
{
	size_t i, n;

	if (spec->builtin == BUILTIN_ENV) {
		for (i = 0; i < spec->nenv; i++)
			puts(spec->env[i]);
		return;
	}
	putchar('{');
	for (i = 0; i < spec->nenv; i++) {
		n = strcspn(spec->env[i], "=");
		if (i > 0)
			putchar(',');
		jsonput_str(spec->env[i], n);
		putchar(':');
		jsonput_str(spec->env[i] + n + 1, strlen(spec->env[i] + n + 1));
	}
	puts("}");
}

static void
put_key(const char *key)
{
	printf("\"%s\":", key);
}

static void
put_status(const struct stat *st)
{
	struct tm tm;
	char when[64] = "";

	if (gmtime_r(&st->st_mtim.tv_sec, &tm) != NULL)
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	printf(",\"is_dir\":%s,\"size_bytes\":%lld,\"mode\":\"%04o\","
	       "\"mtime\":\"%s\"",
	    S_ISDIR(st->st_mode) ? "true" : "false", (long long)st->st_size,
	    (unsigned)st->st_mode & 07777, when);
}

static void
path_add(char *path, size_t size, const char *part)
{
	size_t n = strlen(path);

	snprintf(path + n, size - n, "%s%s",
	    n > 0 && path[n - 1] == '/' ? "" : "/", part);
}

/* "path": of name in dir, as it was given; "": of dir itself. */
static void
put_path(const char *dir, const char *name)
{
	char path[3 * (AGENTSH_PATH_MAX + 2)];

	snprintf(path, sizeof(path), "%s", dir[0] == '/' ? dir : spec->cwd);
	if (dir[0] != '/' && strcmp(dir, ".") != 0)
		path_add(path, sizeof(path), dir);
	if (name[0] != '\0')
		path_add(path, sizeof(path), name);
	put_key("path");
	jsonput_str(path, strlen(path));
}

static void
put_entry(int dir_fd, const char *dir, const char *name)
{
	struct stat st;

	putchar('{');
	put_key("name");
	jsonput_str(name, strlen(name));
	putchar(',');
	put_path(dir, name);
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		put_status(&st);
	else
		printf(",\"error\":\"%s\"", strerrorname_np(errno));
	putchar('}');
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of a directory but "." and ".."; -1 with errno. */
static ssize_t
read_names(DIR *dir, char ***names)
{
	struct dirent *de;
	size_t n = 0, cap = 0;
	char **v = NULL, **more;

	while (errno = 0, (de = readdir(dir)) != NULL) {
		if (strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0)
			continue;
		if (n == cap) {
			cap = cap == 0 ? 64 : 2 * cap;
			more = reallocarray(v, cap, sizeof(*v));
			if (more == NULL)
				return -1;
			v = more;
		}
		if ((v[n++] = strdup(de->d_name)) == NULL)
			return -1;
	}
	*names = v;
	return errno != 0 ? -1 : (ssize_t)n;
}

/* In /proc, "self" is a fork of pid 1 here, and where the memory of that lies is
 * nobody's to know. */
static bool
may_show(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) == -1)
		return false;
	errno = EOPNOTSUPP;
	return fs.f_type != PROC_SUPER_MAGIC;
}

static int
list_directory(const char *path)
{
	DIR *dir = opendir(path);
	char **names = NULL;
	ssize_t i, n;

	if (dir == NULL || !may_show(dirfd(dir)) ||
	    (n = read_names(dir, &names)) == -1)
		return fail(path);
	if (n > 0)
		qsort(names, (size_t)n, sizeof(*names), by_name);
	putchar('[');
	for (i = 0; i < n; i++) {
		if (i > 0)
			putchar(',');
		put_entry(dirfd(dir), path, names[i]);
	}
	puts("]");
	return 0;
}

static int
show_status(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return fail(path);
	putchar('{');
	put_path(path, "");
	put_status(&st);
	puts("}");
	return 0;
}

/* At most len bytes of a file; how many, or -1. */
static ssize_t
read_some(int fd, char *data, size_t len)
{
	size_t n = 0;
	ssize_t r;

	while (n < len) {
		r = read(fd, data + n, len - n);
		if (r == 0 || (r == -1 && errno != EINTR))
			break;
		if (r > 0)
			n += (size_t)r;
	}
	return n < len && r == -1 ? -1 : (ssize_t)n;
}

static int
show_file(const char *path)
{
	static char data[ACAT_MAX];
	struct stat st;
	ssize_t n;
	size_t len;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd == -1 || fstat(fd, &st) == -1)
		return fail(path);
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		return fail(path);
	}
	if (!may_show(fd))
		return fail(path);
	if ((n = read_some(fd, data, sizeof(data))) == -1)
		return fail(path);
	/* a cut never leaves half a character */
	len = n < st.st_size ? utf8_cut(data, (size_t)n) : (size_t)n;
	putchar('{');
	put_path(path, "");
	printf(",\"content\":");
	jsonput_str(data, len);
	if (!utf8_is_valid(data, len)) {
		printf(",\"content_base64\":");
		jsonput_base64(data, len);
	}
	printf(",\"truncated\":%s", n < st.st_size ? "true" : "false");
	put_status(&st);
	puts("}");
	return 0;
}

int
builtin_run(const struct spec *s)
{
	const char *arg = s->argc > 1 ? s->argv[1] : ".";
	int status = 0;

	spec = s;
	switch (s->builtin) {
	case BUILTIN_CD:
		status = change_directory(arg);
		break;
	case BUILTIN_UPDATE:
		/* the directory is the first argument, where there is one */
		if (strncmp(arg, "cwd=", 4) == 0)
			status = change_directory(arg + 4);
		break;
	case BUILTIN_PWD:
		puts(s->cwd);
		break;
	case BUILTIN_ENV:
	case BUILTIN_AENV:
		put_environment();
		break;
	case BUILTIN_ALIAS:
	case BUILTIN_HISTORY:
		status = show_input();
		break;
	case BUILTIN_ALS:
		status = list_directory(arg);
		break;
	case BUILTIN_ACAT:
		status = show_file(arg);
		break;
	case BUILTIN_ASTAT:
		status = show_status(arg);
		break;
	case BUILTIN_EXPORT:
	case BUILTIN_UNSET:
	case BUILTIN_UNALIAS:
		/* nothing but what sessiond then remembers */
		break;
	case BUILTIN_NONE:
	case BUILTIN_MAX:
		return 126;
	}
	if (fflush(stdout) != 0 || ferror(stdout))
		status = 1;
	return status;
}
