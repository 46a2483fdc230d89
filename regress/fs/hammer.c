/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many threads that rename, link, exchange, delete, make and read in one
 * directory where some names are denied, and look for a moment at which a
 * denied file opens. Beside that each thread takes a file of its own from name
 * to name, so that the events of it can be followed. hammer.sh makes the
 * denied files, which hold MARK, and judges the events.
 *
 * usage: hammer [-n threads] [-s seed] [-t seconds]
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MARK "SECRET"
#define NAMES 12
#define DIRS 8 /* denied names are in the first half only */
#define THREADS_MAX 128
#define PATH 64

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#define RENAME_EXCHANGE (1 << 1)
#endif

enum done {
	DONE_RENAME,
	DONE_LINK,
	DONE_UNLINK,
	DONE_MKDIR,
	DONE_RMDIR,
	DONE_SYMLINK,
	DONE_MAX
};

static const char *const done_names[DONE_MAX] = { "file_rename", "file_link",
	"file_delete", "dir_create", "dir_delete", "symlink_create" };

static _Atomic unsigned long done[DONE_MAX], refused, opened, odd;
static _Atomic bool stop;
static time_t until;
static int top;

struct thread {
	pthread_t id;
	int number;
	uint64_t rnd;
	unsigned long steps;
};

static uint32_t
rnd(struct thread *t, uint32_t below)
{
	t->rnd ^= t->rnd >> 12;
	t->rnd ^= t->rnd << 25;
	t->rnd ^= t->rnd >> 27;
	return (uint32_t)((t->rnd * 0x2545f4914f6cdd1dULL) >> 33) % below;
}

/* Some name: mostly allowed, in the directory or in one beneath it. */
static void
some_name(struct thread *t, char path[PATH])
{
	char dir[16] = "";
	uint32_t k = rnd(t, 10), d = rnd(t, DIRS);

	if (k < 3)
		snprintf(dir, sizeof(dir), "d%u/", d);
	else if (k == 3)
		snprintf(dir, sizeof(dir), "closed/");
	k = rnd(t, 12);
	if (k == 0 && d >= DIRS / 2)
		snprintf(path, PATH, "d0/only0");
	else if (k == 0)
		snprintf(path, PATH, "%ssecret%u", dir, rnd(t, 3));
	else if (k == 1)
		snprintf(path, PATH, "d%u", rnd(t, DIRS));
	else if (k == 2)
		snprintf(path, PATH, "closed");
	else
		snprintf(path, PATH, "%sn%u", dir, rnd(t, NAMES));
}

static void
count(enum done what, int rc)
{
	if (rc == 0)
		atomic_fetch_add(&done[what], 1);
	else if (errno == EACCES)
		atomic_fetch_add(&refused, 1);
	else if (errno == EIO || errno == ENOMEM || errno == EMFILE ||
	    errno == ENFILE || errno == ESTALE) {
		printf("hammer: %s: %s\n", done_names[what], strerror(errno));
		atomic_fetch_add(&odd, 1);
	}
}

static void
look(int fd, const char *how, const char *path)
{
	char buf[64];
	ssize_t n;

	if (fd == -1)
		return;
	n = pread(fd, buf, sizeof(buf) - 1, 0);
	buf[n < 0 ? 0 : n] = '\0';
	if (strstr(buf, MARK) != NULL) {
		printf("hammer: %s by %s came out\n", path, how);
		atomic_store(&stop, true);
	}
	if (n >= 0)
		atomic_fetch_add(&opened, 1);
	close(fd);
}

/* What is held by a descriptor without rights, and then opened. */
static void
look_again(const char *path)
{
	char name[64];
	int fd = openat(top, path, O_PATH | O_NOFOLLOW);

	if (fd == -1)
		return;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	look(open(name, O_RDONLY | O_NONBLOCK), "descriptor", path);
	close(fd);
}

/* A directory held while its name is taken. */
static void
look_beneath(struct thread *t)
{
	char dir[16], name[16];
	int fd;

	snprintf(dir, sizeof(dir), rnd(t, 4) == 0 ? "closed" : "d%u",
	    rnd(t, DIRS));
	fd = openat(top, dir, O_PATH | O_DIRECTORY);
	if (fd == -1)
		return;
	snprintf(name, sizeof(name), "%s%u",
	    rnd(t, 3) == 0     ? "only" :
		rnd(t, 2) == 0 ? "secret" :
				 "n",
	    rnd(t, 3));
	look(openat(fd, name, O_RDONLY | O_NONBLOCK), "directory", name);
	close(fd);
}

static void
make_file(const char *path)
{
	int fd = openat(top, path, O_WRONLY | O_CREAT, 0644);

	if (fd == -1)
		return;
	if (write(fd, "public", 6) != 6)
		atomic_fetch_add(&odd, 1);
	close(fd);
}

static void
list(const char *path)
{
	DIR *d;
	int fd = openat(top, path, O_RDONLY | O_DIRECTORY);

	d = fd == -1 ? NULL : fdopendir(fd);
	if (d == NULL)
		return;
	while (readdir(d) != NULL)
		continue;
	closedir(d);
}

static void
step(struct thread *t)
{
	char a[PATH], b[PATH];
	uint32_t k = rnd(t, 20);

	some_name(t, a);
	some_name(t, b);
	if (k < 3) {
		snprintf(a, sizeof(a), "d%u", rnd(t, DIRS));
		snprintf(b, sizeof(b), "d%u", rnd(t, DIRS));
		count(DONE_RENAME,
		    renameat2(top, a, top, b, k == 0 ? 0 : RENAME_EXCHANGE));
	} else if (k < 5)
		count(DONE_RENAME, renameat(top, a, top, b));
	else if (k < 7)
		count(DONE_RENAME, renameat2(top, a, top, b, RENAME_EXCHANGE));
	else if (k == 7)
		count(DONE_RENAME, renameat2(top, a, top, b, RENAME_NOREPLACE));
	else if (k < 10)
		count(DONE_LINK, linkat(top, a, top, b, 0));
	else if (k < 12)
		count(DONE_UNLINK, unlinkat(top, a, 0));
	else if (k < 14)
		make_file(a);
	else if (k == 14)
		count(DONE_MKDIR, mkdirat(top, a, 0755));
	else if (k == 15)
		count(DONE_RMDIR, unlinkat(top, a, AT_REMOVEDIR));
	else if (k == 16)
		count(DONE_SYMLINK, symlinkat(b, top, a));
	else if (k == 17)
		list(rnd(t, 2) == 0 ? "." : a);
	else if (k == 18)
		look_beneath(t);
	else
		look_again(a);
	look(openat(top, b, O_RDONLY | O_NONBLOCK), "name", b);
}

/* The thread's own file goes to its next name, and opens by no other. */
static void
own_step(struct thread *t)
{
	char a[PATH], b[PATH];
	int fd;

	snprintf(a, sizeof(a), "own%d.%lu", t->number, t->steps);
	snprintf(b, sizeof(b), "own%d.%lu", t->number, t->steps + 1);
	if (t->steps == 0)
		make_file(a);
	if (renameat(top, a, top, b) == -1) {
		printf("hammer: rename of %s: %s\n", a, strerror(errno));
		atomic_store(&stop, true);
		return;
	}
	t->steps++;
	atomic_fetch_add(&done[DONE_RENAME], 1);
	fd = openat(top, b, O_RDONLY);
	if (fd == -1 || openat(top, a, O_RDONLY) != -1) {
		printf("hammer: %s is not where it was put\n", b);
		atomic_store(&stop, true);
	}
	if (fd != -1)
		close(fd);
}

static void *
work(void *arg)
{
	struct thread *t = arg;

	while (!atomic_load(&stop) && time(NULL) < until) {
		step(t);
		if (rnd(t, 8) == 0)
			own_step(t);
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	static struct thread threads[THREADS_MAX];
	unsigned long n = 32, seed = 1, seconds = 3, i;
	int c;

	while ((c = getopt(argc, argv, "n:s:t:")) != -1) {
		if (c == 'n')
			n = strtoul(optarg, NULL, 10);
		else if (c == 's')
			seed = strtoul(optarg, NULL, 10);
		else if (c == 't')
			seconds = strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	if (n < 1 || n > THREADS_MAX)
		return 2;
	top = open("h", O_RDONLY | O_DIRECTORY);
	if (top == -1)
		return 1;
	until = time(NULL) + (time_t)seconds;
	for (i = 0; i < n; i++) {
		threads[i].number = (int)i;
		threads[i].rnd = (seed * 1000 + i + 1) * 0x9e3779b97f4a7c15ULL;
		if (pthread_create(&threads[i].id, NULL, work, &threads[i]) !=
		    0)
			return 1;
	}
	for (i = 0; i < n; i++)
		pthread_join(threads[i].id, NULL);
	for (i = 0; i < DONE_MAX; i++)
		printf("%s %lu\n", done_names[i], done[i]);
	for (i = 0; i < n; i++)
		printf("own %lu %lu\n", i, threads[i].steps);
	printf("refused %lu\nopened %lu\nodd %lu\n", refused, opened, odd);
	return stop ? 1 : 0;
}
