/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbolic links that are the system's word, and those that are anybody's.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "execd.h"
#include "path.h"
#include "target.h"

/* Directories in which the system gives names to programs. Nothing of them can
 * be written in a session, unless its workspace or a mount of its profile is
 * there. */
static const char *const places[] = {
#define SYSDIR(path, native, what) (native) ? (path) : NULL,
#include "sysdir.def"
#undef SYSDIR
	"/etc", /* alternatives */
	"/opt",
	"/snap",
};

int
file_dir(int fd, char *dst, size_t size)
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "self/fd/%d", fd);
	n = readlinkat(execd.proc_fd, link, dst, size);
	if (n <= 0 || (size_t)n >= size)
		return -1;
	dst[n] = '\0';
	return dst[0] == '/' ? 0 : -1;
}

static bool
is_systems_place(const char *dir)
{
	size_t i;

	/* /bin is a link there */
	if (dir[1] == '\0')
		return true;
	/* which can be seen at both */
	if (path_is_beneath(dir, execd.mount) ||
	    path_is_beneath(dir, execd.workspace))
		return false;
	for (i = 0; i < execd.nmounts; i++) {
		if (path_is_beneath(dir, execd.mounts[i]))
			return false;
	}
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (places[i] != NULL && path_is_beneath(dir, places[i]))
			return true;
	}
	return false;
}

bool
dir_is_systems(int dir_fd, struct stat *st)
{
	char dir[AGENTSH_PATH_MAX + 1];
	uid_t me = getuid();

	if (file_dir(dir_fd, dir, sizeof(dir)) == -1 || !is_systems_place(dir))
		return false;
	/* an installation of the user's own is not the system's */
	return fstat(dir_fd, st) == 0 &&
	    (st->st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
	    (me == 0 || st->st_uid != me);
}

bool
link_is_systems(int dir_fd, int link_fd)
{
	struct stat d, l;
	uid_t me = getuid();

	return dir_is_systems(dir_fd, &d) && fstat(link_fd, &l) == 0 &&
	    (me == 0 || l.st_uid != me);
}
