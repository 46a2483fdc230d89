/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal of a command: a pair of the devpts that the session has for
 * itself, opened here so that no terminal of the host's, and nobody's who
 * started a server or a client, can come to be it.
 */
#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "init.h"

#define TERM_MASTER "/dev/pts/ptmx"

int
term_open(uint16_t rows, uint16_t cols, int *master, int *slave)
{
	struct winsize ws = { .ws_row = rows, .ws_col = cols };
	struct termios tio;
	int lock = 0, saved;

	*slave = -1;
	/* only sessiond reads and writes it, and it must not wait */
	*master = open(TERM_MASTER, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (*master == -1)
		return -1;
	if (ioctl(*master, TIOCSPTLCK, &lock) == -1)
		goto fail;
	/* by the master, not by a path */
	*slave = ioctl(*master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*slave == -1 || tcgetattr(*slave, &tio) == -1)
		goto fail;
	/* what is erased are characters, not bytes */
	tio.c_iflag |= IUTF8;
	if (tcsetattr(*slave, TCSANOW, &tio) == -1 ||
	    ioctl(*slave, TIOCSWINSZ, &ws) == -1)
		goto fail;
	return 0;
fail:
	saved = errno;
	close(*master);
	if (*slave != -1)
		close(*slave);
	*master = *slave = -1;
	errno = saved;
	return -1;
}

pid_t
term_foreground(int master)
{
	return tcgetpgrp(master);
}

int
term_control(int slave)
{
	return ioctl(slave, TIOCSCTTY, 0);
}
