/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one socket has goes to another by a pipe, in which the kernel keeps pages
 * and copies nothing. The pipe is the thread's, and empty between two calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "bulk.h"

/* Its ends: what is taken is spliced into one, and goes on from the other. */
static _Thread_local int pipe_in = -1, pipe_out = -1;

static void
close_pipe(void)
{
	if (pipe_out != -1) {
		close(pipe_in);
		close(pipe_out);
	}
	pipe_in = pipe_out = -1;
}

static int
open_pipe(void)
{
	int fd[2];

	if (pipe_out != -1)
		return 0;
	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	pipe_out = fd[0];
	pipe_in = fd[1];
	return 0;
}

static ssize_t
move(int from, int to, size_t len)
{
	ssize_t n;

	do {
		n = splice(from, NULL, to, NULL, len, SPLICE_F_NONBLOCK);
	} while (n == -1 && errno == EINTR);
	return n;
}

/* Empties the pipe, of what the other socket did not take. 0, or an errno. */
static int
take_rest(uint8_t *rest, size_t len)
{
	size_t got;
	ssize_t n;

	for (got = 0; got < len; got += (size_t)n) {
		n = read(pipe_out, rest + got, len - got);
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return n == 0 ? EIO : errno;
	}
	return 0;
}

ssize_t
bulk_move(int from, int to, size_t max, struct bulk *b)
{
	ssize_t n, k = 0;

	b->sent = b->rest = 0;
	b->error = 0;
	if (open_pipe() == -1)
		return -1;
	n = move(from, pipe_in, max);
	if (n <= 0)
		return n;
	while (b->sent < (size_t)n) {
		k = move(pipe_out, to, (size_t)n - b->sent);
		if (k <= 0)
			break;
		b->sent += (size_t)k;
	}
	b->rest = (size_t)n - b->sent;
	if (b->rest == 0)
		return n;
	b->error = k == 0 ? EIO : errno;
	if (b->error == EAGAIN || b->error == ENOBUFS)
		b->error = take_rest(b->buf, b->rest);
	/* what is in there is nobody else's */
	if (b->error != 0)
		close_pipe();
	return n;
}
