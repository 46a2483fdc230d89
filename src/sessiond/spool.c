/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole output on disk: a directory a session, a file a stream, under the one
 * directory that the sandbox leaves to sessiond. Names are uids, session ids
 * and command ids, which are checked before they get here.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "sessiond.h"

static int
spool_dir(void)
{
	return sessiond.proc.dir_fd[DIR_SPOOL];
}

const char *
stream_name(const struct stream *st)
{
	return st == &st->cmd->stream[STREAM_STDOUT] ? "stdout" : "stderr";
}

static void
spool_file_name(const struct stream *st, char *dst, size_t size)
{
	snprintf(dst, size, "%s.%s", st->cmd->id, stream_name(st));
}

/* UID-ID: two users' sessions may have the same id. */
static void
spool_dir_name(const struct session *s, char *dst, size_t size)
{
	snprintf(dst, size, "%u-%s", s->uid, s->id);
}

/* The session's directory, made when its first output comes. */
static int
spool_open_dir(struct session *s)
{
	char name[AGENTSH_SNAME_MAX + 1];

	if (s->spool_fd != -1)
		return 0;
	spool_dir_name(s, name, sizeof(name));
	if (spool_dir() == -1 || mkdirat(spool_dir(), name, 0700) == -1)
		return -1;
	s->spool_fd = openat(spool_dir(), name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return s->spool_fd == -1 ? -1 : 0;
}

static int
spool_open(struct stream *st)
{
	char name[AGENTSH_CMDID_MAX + 8];

	if (st->spool_fd != -1)
		return 0;
	if (spool_open_dir(st->cmd->sess) == -1)
		return -1;
	spool_file_name(st, name, sizeof(name));
	st->spool_fd = openat(st->cmd->sess->spool_fd, name,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return st->spool_fd == -1 ? -1 : 0;
}

void
spool_put(struct stream *st, const void *data, size_t len)
{
	uint64_t max = sessiond.proc.conf.max_output;
	uint64_t room;
	uint32_t uid = st->cmd->sess->uid;
	ssize_t n;

	if (st->spool_full)
		return;
	/* of a terminal, which may be in use for days, the begin */
	if (st->cmd->rows != 0 && max > AGENTSH_INLINE_OUTPUT)
		max = AGENTSH_INLINE_OUTPUT;
	room = max - st->spooled;
	/* older output goes before new is cut */
	while (share_spool_room(uid) < (len < room ? len : room) &&
	    command_evict_user(st->cmd))
		continue;
	if (share_spool_room(uid) < room)
		room = share_spool_room(uid);
	if (len >= room) {
		st->spool_full = len > room;
		len = (size_t)room;
	}
	if (spool_open(st) == -1) {
		log_warn("output of %s is not kept", st->cmd->id);
		st->spool_full = true;
		return;
	}
	while (len > 0) {
		n = pwrite(st->spool_fd, data, len, (off_t)st->spooled);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			log_warn("output of %s is cut", st->cmd->id);
			st->spool_full = true;
			return;
		}
		data = (const char *)data + n;
		len -= (size_t)n;
		st->spooled += (uint64_t)n;
		st->cmd->sess->spooled += (uint64_t)n;
		share_spool_add(uid, (uint64_t)n);
	}
}

/* The file of a finished stream is opened again for each reader. */
long
spool_read(struct stream *st, uint64_t offset, void *dst, size_t len)
{
	char name[AGENTSH_CMDID_MAX + 8];
	ssize_t n = 0;
	size_t got = 0;
	int fd = st->spool_fd;

	if (offset >= st->spooled || len == 0)
		return 0;
	if (fd == -1) {
		spool_file_name(st, name, sizeof(name));
		fd = openat(st->cmd->sess->spool_fd, name,
		    O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd == -1)
			return -1;
	}
	while (got < len) {
		n = pread(fd, (char *)dst + got, len - got,
		    (off_t)(offset + got));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	if (fd != st->spool_fd)
		close(fd);
	return n == -1 ? -1 : (long)got;
}

void
spool_remove(struct command *cmd)
{
	char name[AGENTSH_CMDID_MAX + 8];
	int i;

	for (i = 0; i < STREAM_MAX; i++) {
		if (cmd->stream[i].spool_fd != -1)
			close(cmd->stream[i].spool_fd);
		cmd->stream[i].spool_fd = -1;
		if (cmd->sess->spool_fd == -1 || cmd->stream[i].spooled == 0)
			continue;
		spool_file_name(&cmd->stream[i], name, sizeof(name));
		unlinkat(cmd->sess->spool_fd, name, 0);
		cmd->sess->spooled -= cmd->stream[i].spooled;
		share_spool_give(cmd->sess->uid, cmd->stream[i].spooled);
		cmd->stream[i].spooled = 0;
	}
}

/* Is it a name that spool_file_name makes? */
static bool
spool_is_ours(const char *name)
{
	const char *suffix = strrchr(name, '.');

	return strncmp(name, "cmd-", 4) == 0 && suffix != NULL &&
	    (strcmp(suffix, ".stdout") == 0 || strcmp(suffix, ".stderr") == 0);
}

/* Removes what we made in one directory, and then the directory. What else is
 * there stays: the configuration may name a directory of the user's. */
static void
spool_remove_dir(const char *name)
{
	struct dirent *de;
	DIR *dir;
	int fd;

	fd = openat(spool_dir(), name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return;
	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		return;
	}
	while ((de = readdir(dir)) != NULL) {
		if (spool_is_ours(de->d_name))
			unlinkat(fd, de->d_name, 0);
	}
	closedir(dir);
	if (unlinkat(spool_dir(), name, AT_REMOVEDIR) == -1 &&
	    errno != ENOTEMPTY)
		log_warn("spool of %s", name);
}

void
spool_remove_session(struct session *s)
{
	char name[AGENTSH_SNAME_MAX + 1];

	if (s->spool_fd == -1)
		return;
	close(s->spool_fd);
	s->spool_fd = -1;
	spool_dir_name(s, name, sizeof(name));
	spool_remove_dir(name);
}

/* What a server that was killed has left behind. */
void
spool_clean(int dir_fd)
{
	struct dirent *de;
	DIR *dir;
	int fd;

	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (dir = fdopendir(fd)) == NULL) {
		log_warn("spool");
		if (fd != -1)
			close(fd);
		return;
	}
	while ((de = readdir(dir)) != NULL) {
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0)
			spool_remove_dir(de->d_name);
	}
	closedir(dir);
}
