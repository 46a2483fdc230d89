/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What commands read outside of the workspace: too much to tell of each file,
 * so that the opens are counted, for each command by the directory of the root
 * that the file is in. One event tells the numbers before the command's end is
 * reported, one more what came of its processes afterwards.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "record.h"

#define SUMMARY_DIRS 128 /* of a root; what is in others is told as "/" */

struct dir {
	char path[256];
	uint64_t opened;
};

struct tally {
	LIST_ENTRY(tally) entry;
	uint64_t command;
	char id[AGENTSH_CMDID_MAX + 1];
	uint64_t unknown; /* of whom is not known, while it ran */
	bool lost;	  /* not all were heard of */
	size_t ndirs;
	struct dir *dirs;
};

static struct {
	pthread_mutex_t lock;
	LIST_HEAD(, tally) all;
} summary = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Length of the part of a path that names a directory of the root; 1 of what
 * is in the root itself. */
static size_t
top_length(const char *path)
{
	const char *slash = strchr(path + 1, '/');

	if (slash == NULL ||
	    (size_t)(slash - path) >= sizeof(((struct dir *)0)->path))
		return 1;
	return (size_t)(slash - path);
}

static struct tally *
tally_of(const struct actor *a)
{
	struct tally *t;

	LIST_FOREACH(t, &summary.all, entry) {
		if (t->command == a->command)
			return t;
	}
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		fatal("an open could not be counted");
	t->command = a->command;
	memcpy(t->id, a->id, sizeof(t->id));
	LIST_INSERT_HEAD(&summary.all, t, entry);
	return t;
}

static struct dir *
dir_of(struct tally *t, const char *path, size_t len)
{
	struct dir *d;
	size_t i;

	for (i = 0; i < t->ndirs; i++) {
		d = &t->dirs[i];
		if (strncmp(d->path, path, len) == 0 && d->path[len] == '\0')
			return d;
	}
	/* one is left for the root itself */
	if (t->ndirs + 1 >= SUMMARY_DIRS && len > 1)
		return dir_of(t, "/", 1);
	d = reallocarray(t->dirs, t->ndirs + 1, sizeof(*d));
	if (d == NULL)
		fatal("an open could not be counted");
	t->dirs = d;
	d += t->ndirs++;
	memcpy(d->path, path, len);
	d->path[len] = '\0';
	d->opened = 0;
	return d;
}

void
summary_opened(const struct actor *a, const char *path, uint64_t n)
{
	/* execd looks at programs, and init is no command */
	if (a->pid == 0 || a->command == 0)
		return;
	pthread_mutex_lock(&summary.lock);
	dir_of(tally_of(a), path, top_length(path))->opened += n;
	pthread_mutex_unlock(&summary.lock);
}

void
summary_unknown(const struct actor *a, uint64_t n, bool lost)
{
	struct tally *t;

	pthread_mutex_lock(&summary.lock);
	t = tally_of(a);
	t->unknown += n;
	t->lost |= lost;
	pthread_mutex_unlock(&summary.lock);
}

static struct tally *
take(uint64_t command)
{
	struct tally *t;

	pthread_mutex_lock(&summary.lock);
	LIST_FOREACH(t, &summary.all, entry) {
		if (t->command == command)
			break;
	}
	if (t != NULL)
		LIST_REMOVE(t, entry);
	pthread_mutex_unlock(&summary.lock);
	return t;
}

void
summary_emit(uint64_t command)
{
	struct tally *t = take(command);
	struct buf b;
	size_t i;

	if (t == NULL)
		return;
	buf_init(&b, EVENT_MAX);
	ev_begin(&b, EV_FILE_READ_SUMMARY, t->id, 0);
	ev_str(&b, EVF_OPERATION, file_op_name(FILE_OP_READ));
	for (i = 0; i < t->ndirs; i++)
		ev_count(&b, EVF_OPENED, t->dirs[i].path, t->dirs[i].opened);
	if (t->unknown > 0)
		ev_u64(&b, EVF_UNATTRIBUTED, t->unknown);
	if (t->lost)
		ev_u64(&b, EVF_INCOMPLETE, 1);
	record_event(&b);
	free(t->dirs);
	free(t);
}
