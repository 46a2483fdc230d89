/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of one session: a JSONL file that is only ever appended to, and an
 * index of fixed entries in a file without a name, so that memory does not grow
 * with the events. What a write could not take stays here until it can.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eventd.h"
#include "fdio.h"
#include "fnv.h"
#include "log.h"

/* More than a batch of the largest records, every byte escaped, can need. */
#define OUTFILE_MAX (64U << 20)
#define OUTFILE_KEEP 65536 /* a larger buffer is given back when empty */

static void
outfile_init(struct outfile *o)
{
	memset(o, 0, sizeof(*o));
	o->fd = -1;
	buf_init(&o->b, OUTFILE_MAX);
}

static void
outfile_close(struct outfile *o)
{
	if (o->fd != -1)
		close(o->fd);
	buf_free(&o->b);
	outfile_init(o);
}

static int
outfile_flush(struct outfile *o)
{
	ssize_t n;

	while (o->done < o->b.len) {
		n = write(o->fd, o->b.data + o->done, o->b.len - o->done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		o->done += (size_t)n;
	}
	o->done = 0;
	if (o->b.cap > OUTFILE_KEEP) {
		buf_free(&o->b);
		buf_init(&o->b, OUTFILE_MAX);
	} else
		buf_reset(&o->b);
	return 0;
}

/* A new file without a name; the name is used for a moment only. */
static int
open_index(int dir, const char *session_id)
{
	char name[AGENTSH_ID_MAX + 16];
	int fd;

	snprintf(name, sizeof(name), ".%s.index", session_id);
	if (unlinkat(dir, name, 0) == -1 && errno != ENOENT)
		return -1;
	fd = openat(dir, name,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd != -1)
		unlinkat(dir, name, 0);
	return fd;
}

/* The directory of one user's logs: ids are one user's, so files are too. */
static int
open_user(int dir, uint32_t uid, bool make)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", uid);
	if (make && mkdirat(dir, name, 0700) == -1 && errno != EEXIST)
		return -1;
	return openat(dir, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int
evlog_open(struct evlog *l, int top, uint32_t uid, const char *session_id)
{
	char name[AGENTSH_ID_MAX + 16], last = '\n';
	struct stat st;
	int dir, saved;

	memset(l, 0, sizeof(*l));
	outfile_init(&l->log);
	outfile_init(&l->index);
	dir = open_user(top, uid, true);
	if (dir == -1)
		return -1;
	snprintf(name, sizeof(name), "%s.jsonl", session_id);
	l->log.fd = openat(dir, name,
	    O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
	    0600);
	if (l->log.fd == -1 || fstat(l->log.fd, &st) == -1)
		goto fail;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		goto fail;
	}
	l->offset = (uint64_t)st.st_size;
	/* an earlier run may have ended within a line */
	if (st.st_size > 0 && pread(l->log.fd, &last, 1, st.st_size - 1) != 1)
		goto fail;
	if (last != '\n') {
		buf_put(&l->log.b, "\n", 1);
		l->offset++;
	}
	l->start = l->offset;
	l->index.fd = open_index(dir, session_id);
	if (l->index.fd == -1)
		goto fail;
	close(dir);
	return 0;
fail:
	saved = errno;
	close(dir);
	evlog_close(l);
	errno = saved;
	return -1;
}

int
evlog_open_file(int top, uint32_t uid, const char *session_id)
{
	char name[AGENTSH_ID_MAX + 16];
	struct stat st;
	int dir, fd;

	if ((dir = open_user(top, uid, false)) == -1)
		return -1;
	snprintf(name, sizeof(name), "%s.jsonl", session_id);
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	close(dir);
	if (fd != -1 && (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

void
evlog_close(struct evlog *l)
{
	outfile_close(&l->log);
	outfile_close(&l->index);
}

uint64_t
evlog_hash(const char *command_id)
{
	uint64_t h;

	if (command_id[0] == '\0')
		return 0;
	h = fnv_str(FNV_INIT, command_id);
	return h == 0 ? 1 : h;
}

static struct evlog_cmd *
find_command(const struct evlog *l, uint64_t command)
{
	size_t i, used = l->ncmds < EVLOG_MAX_CMDS ? l->ncmds : EVLOG_MAX_CMDS;
	const struct evlog_cmd *c;

	/* the newest first: nearly always it is that one */
	for (i = 1; i <= used; i++) {
		c = &l->cmd[(l->ncmds - i) % EVLOG_MAX_CMDS];
		if (c->command == command)
			return (struct evlog_cmd *)(uintptr_t)c;
	}
	return NULL;
}

/* Entry n belongs to a command. */
static void
note_command(struct evlog *l, uint64_t command, enum event_type type,
    uint64_t n)
{
	struct evlog_cmd *c;
	bool is_new;

	if (command == 0)
		return;
	c = find_command(l, command);
	if (c == NULL) {
		/* a late event of a command that was forgotten: its first
		 * events can be anywhere */
		is_new = l->ncmds < EVLOG_MAX_CMDS || type == EV_COMMAND_POLICY;
		c = &l->cmd[l->ncmds++ % EVLOG_MAX_CMDS];
		c->command = command;
		c->first = is_new ? n : 0;
	}
	c->last = n;
}

void
evlog_range(const struct evlog *l, uint64_t command, uint64_t *first,
    uint64_t *end)
{
	const struct evlog_cmd *c;

	*first = 0;
	*end = l->nwritten;
	if (command == 0)
		return;
	c = find_command(l, command);
	if (c != NULL) {
		*first = c->first;
		*end = c->last + 1 < l->nwritten ? c->last + 1 : l->nwritten;
	} else if (l->ncmds <= EVLOG_MAX_CMDS)
		*end = 0; /* none was forgotten */
}

int
evlog_put(struct evlog *l, const struct erec *r, const char *prefix,
    uint64_t seq, const char *session_id)
{
	struct evlog_entry e = { 0 };
	size_t before = l->log.b.len;

	e.offset = l->offset;
	e.command = evlog_hash(r->head.command_id);
	e.type = (uint16_t)r->head.type;
	e.decision = erec_decision(r);
	if (json_event(&l->log.b, r, prefix, seq, session_id) == -1)
		return -1;
	e.len = (uint32_t)(l->log.b.len - before);
	buf_put(&l->index.b, &e, sizeof(e));
	if (l->index.b.bad)
		return -1;
	l->offset += e.len;
	note_command(l, e.command, r->head.type, l->nentries++);
	return 0;
}

bool
evlog_is_flushed(const struct evlog *l)
{
	return l->log.b.len == 0 && l->index.b.len == 0;
}

int
evlog_flush(struct evlog *l)
{
	if (outfile_flush(&l->log) == -1 || outfile_flush(&l->index) == -1)
		return -1;
	l->nwritten = l->nentries;
	return 0;
}

int
evlog_entries(const struct evlog *l, uint64_t first, struct evlog_entry *e,
    size_t n)
{
	return read_at(l->index.fd, e, n * sizeof(*e), first * sizeof(*e));
}
