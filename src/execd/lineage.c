/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who came of which exec. Every exec leaves the imprint of the new program here
 * before the program's first instruction; a process that asks has the imprint
 * of the exec that it or an ancestor of it made last, however often it forked
 * since and whoever its parent is by now. From there come its command and its
 * depth.
 */
#include <sys/syscall.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "execd.h"
#include "log.h"
#include "supervise.h"

#define LINEAGE_BUCKETS 1024
#define LINEAGE_SWEEP 4096 /* entries at which the dead are looked for */

struct origin {
	LIST_ENTRY(origin) entry;
	struct imprint imprint;
	struct lineage l;
	pid_t tgid;  /* who made the exec */
	bool living; /* in a sweep */
};

LIST_HEAD(origins, origin);

static struct {
	struct origins bucket[LINEAGE_BUCKETS];
	size_t n;
	size_t sweep_at;
} lineage = { .sweep_at = LINEAGE_SWEEP };

static struct origins *
bucket_of(const struct imprint *im)
{
	uint64_t h = 0;
	size_t i;

	for (i = 0; i < sizeof(im->word) / sizeof(im->word[0]); i++)
		h = (h ^ (im->word[i] >> 4)) * 0x9e3779b97f4a7c15U;
	return &lineage.bucket[h >> 54];
}

static bool
is_same(const struct imprint *a, const struct imprint *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/*
 * Where the kernel does not place programs at random several may have one
 * imprint: then the process itself, its parent, or whoever is deepest.
 */
bool
lineage_find(const struct target *t, struct lineage *l)
{
	struct origin *o, *best = NULL;

	LIST_FOREACH(o, bucket_of(&t->imprint), entry) {
		if (!is_same(&o->imprint, &t->imprint))
			continue;
		if (o->tgid == t->tgid) {
			best = o;
			break;
		}
		if (best == NULL ||
		    (best->tgid != t->ppid &&
			(o->tgid == t->ppid || o->l.depth > best->l.depth)))
			best = o;
	}
	if (best == NULL)
		return false;
	*l = best->l;
	return true;
}

struct command *
lineage_command(const struct target *t)
{
	struct lineage l;

	return lineage_find(t, &l) ? command_find(l.command) :
				     command_of_keeper(t->inner_ppid);
}

static void
drop(struct origin *o)
{
	LIST_REMOVE(o, entry);
	lineage.n--;
	free(o);
}

static void
mark_living(int dir_fd)
{
	struct imprint im;
	struct origin *o;
	pid_t ppid;

	if (target_imprint(dir_fd, &im, &ppid) == -1)
		return;
	LIST_FOREACH(o, bucket_of(&im), entry) {
		if (is_same(&o->imprint, &im))
			o->living = true;
	}
}

/* Every process of the session, by the session's own /proc. 0 or -1. */
static int
mark_all(void)
{
	struct dirent *de;
	DIR *dir;
	int fd, pid_fd;

	fd = openat(execd.sess_proc_fd, ".",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd == -1 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		if (fd != -1)
			close(fd);
		return -1;
	}
	while ((de = readdir(dir)) != NULL) {
		if (de->d_name[0] < '1' || de->d_name[0] > '9')
			continue;
		pid_fd = openat(dirfd(dir), de->d_name,
		    O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (pid_fd == -1)
			continue;
		mark_living(pid_fd);
		close(pid_fd);
	}
	closedir(dir);
	return 0;
}

/* A process that hides from the sweep, by forking and ending all the time, has
 * no origin afterwards and may execute nothing. */
static void
sweep(void)
{
	struct origin *o, *next;
	size_t i;

	for (i = 0; i < LINEAGE_BUCKETS; i++) {
		LIST_FOREACH(o, &lineage.bucket[i], entry)
			o->living = false;
	}
	if (mark_all() == -1)
		return;
	for (i = 0; i < LINEAGE_BUCKETS; i++) {
		for (o = LIST_FIRST(&lineage.bucket[i]); o != NULL; o = next) {
			next = LIST_NEXT(o, entry);
			if (!o->living)
				drop(o);
		}
	}
	log_debug("%zu programs run in the session", lineage.n);
}

void
lineage_add(const struct imprint *im, pid_t tgid, const struct lineage *l)
{
	struct origin *o;

	if (lineage.n >= lineage.sweep_at) {
		sweep();
		lineage.sweep_at = 2 * lineage.n + LINEAGE_SWEEP;
	}
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		fatal("lineage");
	o->imprint = *im;
	o->tgid = tgid;
	o->l = *l;
	LIST_INSERT_HEAD(bucket_of(im), o, entry);
	lineage.n++;
}

void
lineage_forget(uint64_t command)
{
	struct origin *o, *next;
	size_t i;

	for (i = 0; i < LINEAGE_BUCKETS; i++) {
		for (o = LIST_FIRST(&lineage.bucket[i]); o != NULL; o = next) {
			next = LIST_NEXT(o, entry);
			if (o->l.command == command)
				drop(o);
		}
	}
}
