/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole writes: to memfds and files, and to what a user's terminal is.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "fdio.h"

int
write_all(int fd, const void *data, size_t len)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (n == -1 && errno == EAGAIN) {
			/* somebody we share the terminal with made it so */
			poll(&pfd, 1, -1);
		} else if (n == 0 || errno != EINTR) {
			if (n == 0)
				errno = EIO;
			return -1;
		}
	}
	return 0;
}
