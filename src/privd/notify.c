/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the service manager is told, where one asks for it: sd_notify(3)'s
 * protocol, a line in a datagram to the socket that NOTIFY_SOCKET names. Nothing
 * is read from it.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "privd.h"

void
notify_manager(const char *line)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	const char *path = secure_getenv("NOTIFY_SOCKET");
	size_t len;
	int fd;

	if (path == NULL || path[0] == '\0')
		return;
	len = strlen(path);
	if ((path[0] != '/' && path[0] != '@') || len >= sizeof(sun.sun_path)) {
		log_warnx("NOTIFY_SOCKET is no socket's name");
		return;
	}
	memcpy(sun.sun_path, path, len);
	/* unix(7): an abstract name */
	if (path[0] == '@')
		sun.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1) {
		log_warn("socket");
		return;
	}
	if (sendto(fd, line, strlen(line), MSG_NOSIGNAL,
		(const struct sockaddr *)&sun,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) ==
	    -1)
		log_warn("the service manager's socket");
	close(fd);
}
