/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole reads and writes: to memfds and files, and to what a user's terminal is.
 */
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
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

int
read_at(int fd, void *data, size_t len, uint64_t at)
{
	char *p = data;
	ssize_t n;

	while (len > 0) {
		n = pread(fd, p, len, (off_t)at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = ENODATA;
			return -1;
		}
		p += n;
		len -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

int
memfd_sealed(const char *name, const void *data, size_t len)
{
	const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK |
	    F_SEAL_SEAL;
	int fd, err;

	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return -1;
	if (write_all(fd, data, len) == 0 &&
	    fcntl(fd, F_ADD_SEALS, seals) == 0 && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

void
fd_close(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}
