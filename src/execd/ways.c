/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways to programs of the system, such as /bin/sh, so that not each link on them
 * is looked at for each program: what was found at the end of a way is so as
 * long as no directory has changed in which a name was looked up. These are held
 * open, and the kernel is asked for their times. Only where nobody in a session
 * can write is a way remembered; the file is opened by its path each time, and
 * has to be the one that was there.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fnv.h"
#include "ways.h"

#define WAYS_MAX 64
/* bytes; longer ones are looked at each time */
#define WAY_PATH_MAX 159
#define WAY_NAME_MAX 255
#define DIRS_MAX 32 /* of all ways */
#define YOUNG_S 3   /* seconds: what is changed again may have the same time */

/* What is remembered of a directory. Its time of change nobody can choose. */
struct mark {
	dev_t dev;
	ino_t ino;
	mode_t mode;
	uid_t uid;
	struct timespec modified;
	struct timespec changed;
};

struct way {
	char path[WAY_PATH_MAX + 1]; /* "": nothing */
	char name[WAY_NAME_MAX + 1];
	dev_t dev;
	ino_t ino;
	size_t n;
	int fd[TRAIL_MAX];
	struct mark mark[TRAIL_MAX];
};

static struct {
	pthread_mutex_t lock; /* nobody waits for a file while he has it */
	struct way way[WAYS_MAX];
	/* never closed, so that no other directory gets the same inode: when
	 * there are DIRS_MAX no way through others is remembered */
	size_t ndirs;
	struct {
		dev_t dev;
		ino_t ino;
		int fd;
	} dir[DIRS_MAX];
} ways = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct way *
way_of(const char *path)
{
	return &ways.way[fnv_str(FNV_INIT, path) % WAYS_MAX];
}

static struct mark
mark_of(const struct stat *st)
{
	return (struct mark){ st->st_dev, st->st_ino, st->st_mode, st->st_uid,
		st->st_mtim, st->st_ctim };
}

static bool
is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
is_same(const struct mark *a, const struct mark *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->mode == b->mode &&
	    a->uid == b->uid && is_same_time(&a->modified, &b->modified) &&
	    is_same_time(&a->changed, &b->changed);
}

static bool
is_unchanged(int fd, const struct mark *was)
{
	struct stat st;
	struct mark is;

	if (fstat(fd, &st) == -1)
		return false;
	is = mark_of(&st);
	return is_same(&is, was);
}

bool
way_known(const char *path, struct file *f)
{
	struct way w;
	size_t i;

	pthread_mutex_lock(&ways.lock);
	w = *way_of(path);
	pthread_mutex_unlock(&ways.lock);
	if (strcmp(w.path, path) != 0 || f->st.st_nlink == 0 ||
	    w.dev != f->st.st_dev || w.ino != f->st.st_ino)
		return false;
	for (i = 0; i < w.n; i++) {
		if (!is_unchanged(w.fd[i], &w.mark[i]))
			return false;
	}
	memcpy(f->name, w.name, sizeof(w.name));
	f->own[0] = '\0';
	f->nameless = false;
	return true;
}

/* Is it in there, and the same still? */
static bool
trail_has(const struct trail *tr, const struct stat *st)
{
	struct mark is = mark_of(st), was;
	size_t i;

	for (i = 0; i < tr->n; i++) {
		was = mark_of(&tr->st[i]);
		if (is_same(&is, &was))
			return true;
	}
	return false;
}

void
trail_add(struct trail *tr, int dir_fd)
{
	struct timespec now;
	struct stat *st;

	if (!tr->whole)
		return;
	tr->whole = false;
	if (tr->n == TRAIL_MAX)
		return;
	st = &tr->st[tr->n];
	if (!dir_is_systems(dir_fd, st) ||
	    clock_gettime(CLOCK_REALTIME, &now) == -1 ||
	    st->st_ctim.tv_sec > now.tv_sec - YOUNG_S)
		return;
	if (!trail_has(tr, st)) {
		tr->fd[tr->n] = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
		if (tr->fd[tr->n] == -1)
			return;
		tr->n++;
	}
	tr->whole = true;
}

void
trail_close(struct trail *tr)
{
	while (tr->n > 0)
		close(tr->fd[--tr->n]);
	tr->whole = false;
}

/* The descriptor that stays for a directory; *fd is taken, if it is that one.
 * -1: there are too many. */
static int
keep_dir(const struct stat *st, int *fd)
{
	size_t i;

	for (i = 0; i < ways.ndirs; i++) {
		if (ways.dir[i].dev == st->st_dev &&
		    ways.dir[i].ino == st->st_ino)
			return ways.dir[i].fd;
	}
	if (i == DIRS_MAX)
		return -1;
	ways.dir[i].dev = st->st_dev;
	ways.dir[i].ino = st->st_ino;
	ways.dir[i].fd = *fd;
	ways.ndirs++;
	*fd = -1;
	return ways.dir[i].fd;
}

void
way_remember(const char *path, const struct file *f, struct trail *tr)
{
	struct way w = { .dev = f->st.st_dev, .ino = f->st.st_ino };
	bool ok = true;

	if (!tr->whole || tr->n == 0 || f->nameless || f->own[0] != '\0' ||
	    strlen(path) > WAY_PATH_MAX || strlen(f->name) > WAY_NAME_MAX)
		return;
	snprintf(w.path, sizeof(w.path), "%s", path);
	snprintf(w.name, sizeof(w.name), "%s", f->name);
	pthread_mutex_lock(&ways.lock);
	for (; ok && w.n < tr->n; w.n++) {
		w.fd[w.n] = keep_dir(&tr->st[w.n], &tr->fd[w.n]);
		w.mark[w.n] = mark_of(&tr->st[w.n]);
		ok = w.fd[w.n] != -1;
	}
	if (ok)
		*way_of(path) = w;
	pthread_mutex_unlock(&ways.lock);
}
