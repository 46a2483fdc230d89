/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of a trash: what came back, and what went for good, a line each, in
 * a file that is only added to. When it is long it becomes log.old, and another
 * one begins.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "agentsh.h"
#include "trash.h"
#include "vis.h"

#define LOG_MAX (1024 * 1024)

static int
log_open(const struct trash *t, int flags)
{
	return openat(t->dir, "log",
	    flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
}

static void
put_word(char *dst, size_t size, const char *text)
{
	vis_str(dst, size, text == NULL || text[0] == '\0' ? "-" : text);
}

int
trash_log_add(const struct trash *t, const struct trash_act *act)
{
	char line[4 * (AGENTSH_PATH_MAX + AGENTSH_NAME_MAX) + 256];
	char path[4 * AGENTSH_PATH_MAX + 1];
	char session[4 * AGENTSH_NAME_MAX + 1], when[32];
	time_t now = time(NULL);
	struct stat st;
	struct tm tm;
	int fd, n, saved;
	ssize_t w;

	if (gmtime_r(&now, &tm) == NULL ||
	    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return -1;
	put_word(session, sizeof(session), act->session);
	put_word(path, sizeof(path), act->path);
	n = snprintf(line, sizeof(line),
	    "%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%s\t%s\t%s\n", when, act->what,
	    act->files, act->bytes, session,
	    act->token == NULL ? "-" : act->token, path);
	fd = log_open(t, O_WRONLY | O_APPEND | O_CREAT);
	if (fd != -1 && fstat(fd, &st) == 0 && st.st_size > LOG_MAX &&
	    renameat(t->dir, "log", t->dir, "log.old") == 0) {
		close(fd);
		fd = log_open(t, O_WRONLY | O_APPEND | O_CREAT);
	}
	if (fd == -1)
		return -1;
	/* one write, which is whole or is not there */
	w = write(fd, line, (size_t)n);
	saved = w == -1 ? errno : ENOSPC;
	close(fd);
	errno = saved;
	return w == n ? 0 : -1;
}

int
trash_log_open(const struct trash *t, bool old)
{
	if (!old)
		return log_open(t, O_RDONLY);
	return openat(t->dir, "log.old",
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}
