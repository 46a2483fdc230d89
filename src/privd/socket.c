/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two listening sockets. privd binds them, where their owner and mode are
 * sure, and hands them to who accepts on them.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "privd.h"

#define OPERATOR_GROUP "agentsh-op"

/* Nobody but us may be able to put another socket into its place. */
static void
check_parent(const char *path)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct stat st;
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash == NULL)
		fatalx("%s is not an absolute path", path);
	*slash = '\0';
	if (stat(dir[0] == '\0' ? "/" : dir, &st) == -1)
		fatal("directory of %s", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) ||
	    ((st.st_mode & 022) != 0 && (st.st_mode & S_ISVTX) == 0))
		fatalx("the directory of %s can be written by others", path);
}

/* What an agentshd left that is gone; one that lives answers. */
static void
remove_stale(const char *path, int type, const struct sockaddr_un *sun)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) == -1) {
		if (errno == ENOENT)
			return;
		fatal("%s", path);
	}
	if (!S_ISSOCK(st.st_mode))
		fatalx("%s exists and is not a socket", path);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		fatal("socket");
	if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0 ||
	    errno != ECONNREFUSED)
		fatalx("already running: something listens on %s", path);
	close(fd);
	if (unlink(path) == -1)
		fatal("remove %s", path);
}

static int
listen_at(const char *path, int type, mode_t mode, gid_t gid)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	mode_t old;
	int fd, n;

	n = snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (n < 0 || (size_t)n >= sizeof(sun.sun_path))
		fatalx("socket path %s is too long", path);
	check_parent(path);
	remove_stale(path, type, &sun);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		fatal("socket");
	old = umask(0777);
	if (bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) == -1)
		fatal("bind %s", path);
	umask(old);
	if (gid != getegid() && lchown(path, geteuid(), gid) == -1)
		fatal("chown %s", path);
	if (listen(fd, SOMAXCONN) == -1)
		fatal("listen on %s", path);
	/* from here on clients can come */
	if (chmod(path, mode) == -1)
		fatal("chmod %s", path);
	return fd;
}

void
sockets_open(void)
{
	const struct group *gr;
	mode_t mode = 0600;
	gid_t gid = getegid();

	if (privd.mode == MODE_SERVICE)
		mode = (mode_t)privd.conf.api_socket_mode;
	privd.listen_fd[ROLE_SESSIOND] = listen_at(privd.conf.api_socket,
	    SOCK_STREAM, mode, gid);
	mode = 0600;
	gr = privd.mode == MODE_SERVICE ? getgrnam(OPERATOR_GROUP) : NULL;
	if (gr != NULL) {
		mode = 0660;
		gid = gr->gr_gid;
	}
	privd.listen_fd[ROLE_POLICYD] = listen_at(privd.conf.operator_socket,
	    SOCK_SEQPACKET, mode, gid);
}

/* The lock file stays: whoever waits for it must wait for the same one. */
void
sockets_remove(void)
{
	(void)unlink(privd.conf.api_socket);
	(void)unlink(privd.conf.operator_socket);
}
