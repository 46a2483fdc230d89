/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many processes that all have files open at once. It takes the first readable
 * files of a directory tree, forks children that each open so many of them to
 * read, compares what they read with what the parent has read, and waits until
 * all have done so. Prints how many were opened and how many were refused, by
 * the error; then a line of its own tells when they wait, if there is a word
 * for it, until standard input ends.
 *
 * usage: handles [-dl] [-w word] children files directory
 *	-d: one child's files are not those of another
 *	-l: directories instead, of which each child lists a part, and the rest
 *	    when all have them open; what is opened has as many names as before
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD 64
#define ERRORS 134
#define DIRS_MAX 64

struct file {
	char *path;
	ssize_t len;
	char head[HEAD];
};

/* of all children */
struct counts {
	_Atomic unsigned opened;
	_Atomic unsigned wrong;
	_Atomic unsigned failed[ERRORS];
	_Atomic unsigned begun;
	_Atomic unsigned done;
};

static struct {
	struct file *files;
	size_t n, max;
	bool dirs;
} found;

/* The names that are listed from where it stands, to the end or the first part;
 * -1: an error. */
static ssize_t
count_names(int fd, bool part)
{
	/* less than is asked for at once, so that there is a rest */
	char buf[512];
	const struct dirent64 *de;
	ssize_t at, len, n = 0;

	while ((len = getdents64(fd, buf, sizeof(buf))) > 0) {
		for (at = 0; at < len; at += de->d_reclen) {
			de = (const struct dirent64 *)(void *)(buf + at);
			n++;
		}
		if (part)
			return n;
	}
	return len == -1 ? -1 : n;
}

static int
found_dir(struct file *f, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		return 0;
	f->len = count_names(fd, false);
	close(fd);
	f->path = strdup(path);
	if (f->path == NULL)
		err(1, "strdup");
	return ++found.n == found.max;
}

static int
found_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	struct file *f = &found.files[found.n];
	int fd;

	(void)at;
	if (found.dirs)
		return type == FTW_D ? found_dir(f, path) : 0;
	if (type != FTW_F || !S_ISREG(st->st_mode) || st->st_size == 0)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return 0;
	f->len = read(fd, f->head, sizeof(f->head));
	close(fd);
	if (f->len <= 0)
		return 0;
	f->path = strdup(path);
	if (f->path == NULL)
		err(1, "strdup");
	return ++found.n == found.max;
}

static bool
is_right(int fd, const struct file *f)
{
	char head[HEAD];

	return pread(fd, head, sizeof(head), 0) == f->len &&
	    memcmp(head, f->head, (size_t)f->len) == 0;
}

static void
child_lists(struct counts *c, const struct file *files, size_t n,
    size_t children)
{
	ssize_t first[DIRS_MAX];
	int fd[DIRS_MAX];
	size_t i;

	for (i = 0; i < n; i++) {
		fd[i] = open(files[i].path, O_RDONLY | O_DIRECTORY);
		if (fd[i] == -1)
			atomic_fetch_add(&c->failed[errno % ERRORS], 1);
		else
			first[i] = count_names(fd[i], true);
	}
	atomic_fetch_add(&c->begun, 1);
	while (c->begun < children)
		usleep(10000);
	for (i = 0; i < n; i++) {
		if (fd[i] == -1)
			continue;
		if (first[i] + count_names(fd[i], false) == files[i].len)
			atomic_fetch_add(&c->opened, 1);
		else
			atomic_fetch_add(&c->wrong, 1);
	}
}

static void
child(struct counts *c, const struct file *files, size_t n, int end,
    size_t children)
{
	size_t i;
	char byte;
	int fd;

	if (found.dirs)
		child_lists(c, files, n, children);
	for (i = 0; !found.dirs && i < n; i++) {
		fd = open(files[i].path, O_RDONLY);
		if (fd == -1)
			atomic_fetch_add(&c->failed[errno % ERRORS], 1);
		else if (is_right(fd, &files[i]))
			atomic_fetch_add(&c->opened, 1);
		else
			atomic_fetch_add(&c->wrong, 1);
	}
	atomic_fetch_add(&c->done, 1);
	/* what was opened stays until the parent has seen all */
	while (read(end, &byte, 1) == -1 && errno == EINTR)
		continue;
	_exit(0);
}

static void
report(const struct counts *c)
{
	size_t i;

	printf("opened %u", c->opened);
	if (c->wrong != 0)
		printf(" wrong %u", c->wrong);
	for (i = 0; i < ERRORS; i++) {
		if (c->failed[i] != 0)
			printf(" %s %u", strerrorname_np((int)i), c->failed[i]);
	}
	putchar('\n');
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct counts *c;
	const char *word = NULL;
	size_t children, files, i;
	bool differ = false;
	int opt, end[2];

	while ((opt = getopt(argc, argv, "dlw:")) != -1) {
		if (opt == 'd')
			differ = true;
		else if (opt == 'l')
			found.dirs = true;
		else if (opt == 'w')
			word = optarg;
		else
			return 2;
	}
	if (argc - optind != 3)
		errx(2,
		    "usage: handles [-dl] [-w word] children files "
		    "directory");
	children = strtoul(argv[optind], NULL, 10);
	files = strtoul(argv[optind + 1], NULL, 10);
	if (found.dirs && files > DIRS_MAX)
		errx(2, "at most %d directories", DIRS_MAX);
	found.max = differ ? children * files : files;
	found.files = calloc(found.max, sizeof(*found.files));
	c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (found.files == NULL || c == MAP_FAILED)
		err(1, "memory");
	(void)nftw(argv[optind + 2], found_one, 64, FTW_PHYS);
	if (found.n < found.max)
		errx(1, "%zu files, not %zu", found.n, found.max);
	if (pipe(end) == -1)
		err(1, "pipe");
	for (i = 0; i < children; i++) {
		switch (fork()) {
		case -1:
			err(1, "fork");
		case 0:
			close(end[1]);
			child(c, found.files + (differ ? i * files : 0), files,
			    end[0], children);
		}
	}
	while (c->done < children)
		usleep(10000);
	report(c);
	if (word != NULL) {
		puts(word);
		fflush(stdout);
		while (getchar() != EOF)
			continue;
	}
	close(end[1]);
	while (wait(NULL) != -1)
		continue;
	return 0;
}
