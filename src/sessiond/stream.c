/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What commands write: hostile bytes of any amount. They are read in turns, kept
 * on disk up to a limit and counted beyond; the begin is kept for the answer.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sessiond.h"

#define STREAM_READ 65536 /* bytes of one read(2) */
#define STREAM_TURNS 4	  /* reads before others get their turn */
#define TAIL_TURNS 64  /* the same of a terminal, which gives less at a time */
#define PIPE_MODE 0602 /* as sandbox.def has it */

void
stream_init(struct stream *st, struct command *cmd)
{
	st->cmd = cmd;
	st->fd = -1;
	st->spool_fd = -1;
}

void
stream_close(struct stream *st)
{
	if (st->fd != -1 && st->cmd->pty != NULL)
		pty_hungup(st->cmd->pty);
	if (st->ev != NULL)
		event_free(st->ev);
	if (st->fd != -1)
		close(st->fd);
	if (st->spool_fd != -1)
		close(st->spool_fd);
	st->ev = NULL;
	st->fd = -1;
	st->spool_fd = -1;
}

void
stream_forget(struct stream *st)
{
	free(st->data);
	share_give(st->cmd->sess->uid, st->cap);
	st->data = NULL;
	st->len = st->cap = 0;
}

/* Keeps the begin of the output for the answer. */
static void
stream_keep(struct stream *st, const char *data, size_t len)
{
	size_t want, cap;
	char *p;

	/* nobody is shown it twice */
	if (st->cmd->feed != NULL)
		st->keep_full = true;
	if (st->cmd->state == CMD_FINISHED || st->keep_full ||
	    st->len == AGENTSH_INLINE_OUTPUT)
		return;
	if (len > AGENTSH_INLINE_OUTPUT - st->len)
		len = AGENTSH_INLINE_OUTPUT - st->len;
	want = st->len + len;
	if (want > st->cap) {
		cap = st->cap * 2 > want ? st->cap * 2 : want;
		/* what is not kept here is in the spool all the same */
		st->keep_full = !share_take(st->cmd->sess->uid, cap - st->cap);
		if (st->keep_full)
			return;
		if ((p = realloc(st->data, cap)) == NULL) {
			share_give(st->cmd->sess->uid, cap - st->cap);
			st->keep_full = true;
			return;
		}
		st->data = p;
		st->cap = cap;
	}
	memcpy(st->data + st->len, data, len);
	st->len = want;
}

/* 1 there may be more, 0 nothing there now, -1 end. */
static int
stream_read(struct stream *st)
{
	static char data[STREAM_READ];
	const struct feed *feed = st->cmd->feed;
	size_t max = sizeof(data);
	ssize_t n;

	if (feed != NULL && feed_room(feed) < max)
		max = feed_room(feed);
	do {
		n = read(st->fd, data, max);
	} while (n == -1 && errno == EINTR);
	if (n == -1 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		return -1;
	spool_put(st, data, (size_t)n);
	stream_keep(st, data, (size_t)n);
	st->total += (uint64_t)n;
	if (st->cmd->state == CMD_ENDED)
		st->cmd->tail += (uint64_t)n;
	if (st->cmd->feed != NULL)
		feed_output(st->cmd->feed, st, data, (size_t)n);
	if (st->cmd->rows == 0)
		return n == (ssize_t)max && !command_is_full(st->cmd);
	/* a terminal gives little at a time, whatever it has */
	if (st->cmd->pty != NULL)
		pty_output(st->cmd->pty, data, (size_t)n);
	return !command_is_full(st->cmd);
}

static void
stream_read_cb(evutil_socket_t fd, short what, void *arg)
{
	struct stream *st = arg;
	int i, r = 1;

	(void)fd;
	(void)what;
	for (i = 0; i < STREAM_TURNS && r == 1; i++)
		r = stream_read(st);
	if (r == -1) {
		stream_close(st);
		command_output_ended(st->cmd);
	} else if (command_is_full(st->cmd))
		event_del(st->ev);
}

int
stream_watch(struct stream *st, int fd)
{
	st->fd = fd;
	/* of a pipe only our end: what the command sees has to block */
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		return -1;
	st->ev = event_new(sessiond.base, fd, EV_READ | EV_PERSIST,
	    stream_read_cb, st);
	return st->ev == NULL || event_add(st->ev, NULL) == -1 ? -1 : 0;
}

int
stream_pipe(struct stream *st, int *theirs)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) == -1)
		return -1;
	st->fd = fds[0];
	*theirs = fds[1];
	/* it is the command's to open again, as /dev/stdout: nobody else gets at
	 * the name */
	if (fchmod(fds[1], PIPE_MODE) == -1)
		return -1;
	return stream_watch(st, fds[0]);
}

void
stream_drain(struct stream *st)
{
	int i, r = 1, turns = st->cmd->rows == 0 ? 1 : TAIL_TURNS;

	for (i = 0; i < turns && st->fd != -1 && r == 1; i++)
		r = stream_read(st);
	if (r == -1)
		stream_close(st);
}
