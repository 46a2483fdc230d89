/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of netd to a socket of the host that a redirect of the policy names.
 * netd has no rights to files: fsd finds the inode in the host's tree and asks the
 * policy, and execd connects to it, with the rights of the session's user and of
 * nobody else, whom the server sees. netd gives the end of a pair, see carry.c.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "execd.h"
#include "netunix.h"

#define WANTED_MAX 256 /* that fsd was asked for */

/* Of a question to fsd. */
struct wanted {
	uint32_t request; /* netd's */
	int fd;		  /* and what it gave */
};

static size_t nwanted;

static void
tell_failed(uint32_t request, int error)
{
	struct msg_net_unix_failed m = { .error = (uint32_t)error };

	msg_send_net_unix_failed(execd.p.peer[ROLE_NETD], request, &m, NULL);
}

int
netunix_on_net_unix(struct chan *ch, struct imsg *im)
{
	struct chan *fsd = execd.p.peer[ROLE_FSD];
	struct msg_net_unix m;
	struct msg_fs_unix ask;
	struct wanted *w = NULL;
	uint32_t id = 0;

	(void)ch;
	if (msg_get_net_unix(im, &m) == -1)
		return -1;
	if (!im->lost && nwanted < WANTED_MAX && !carry_is_full())
		w = malloc(sizeof(*w));
	if (w != NULL)
		id = chan_request(fsd, w);
	if (id == 0) {
		free(w);
		tell_failed(im->id, EAGAIN);
		return 0;
	}
	w->request = im->id;
	w->fd = imsg_take_fd(im, 0);
	nwanted++;
	snprintf(ask.path, sizeof(ask.path), "%s", m.path);
	/* its failure ends the session */
	msg_send_fs_unix(fsd, id, &ask, NULL);
	return 0;
}

/* fsd has answered: netd's request, and *fd, which is the caller's then. */
static uint32_t
take(struct wanted *w, int *fd)
{
	uint32_t request = w->request;

	*fd = w->fd;
	nwanted--;
	free(w);
	return request;
}

int
netunix_on_fs_unix_failed(struct chan *ch, struct imsg *im)
{
	struct msg_fs_unix_failed m;
	int fd;
	uint32_t request = take(im->arg, &fd);

	(void)ch;
	close(fd);
	if (msg_get_fs_unix_failed(im, &m) == -1 || m.error == 0 ||
	    m.error > 4095)
		return -1;
	tell_failed(request, (int)m.error);
	return 0;
}

/* To the socket with that inode, by the number of the descriptor (enter.c). The
 * new one, or -1 with errno; EAGAIN: its server does not take any at the moment. */
static int
connect_to(int inode)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, r, saved;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%d", inode);
	/* the inode's file system may be one that makes us wait */
	hurry(true);
	r = connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	saved = errno == EINTR ? EAGAIN : errno;
	hurry(false);
	if (r == 0)
		return fd;
	close(fd);
	errno = saved;
	return -1;
}

int
netunix_on_fs_unix_opened(struct chan *ch, struct imsg *im)
{
	static const struct msg_net_unix_connected connected;
	struct stat st;
	int netd, server;
	uint32_t request = take(im->arg, &netd);

	(void)ch;
	if (fstat(im->fds[0], &st) == -1 || !S_ISSOCK(st.st_mode)) {
		close(netd);
		return -1;
	}
	server = connect_to(im->fds[0]);
	if (server == -1) {
		tell_failed(request, errno);
		close(netd);
	} else if (carry_start(netd, server) == -1) {
		tell_failed(request, errno);
	} else {
		msg_send_net_unix_connected(execd.p.peer[ROLE_NETD], request,
		    &connected, NULL);
	}
	return 0;
}
