/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I/O on one file, or operations on many, timed: prints nanoseconds. bench/files
 * runs it in a session and outside of one.
 *
 * usage: fileio what [file]
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MIB (1024 * 1024)
#define FILE_SIZE (64 * MIB)
#define SMALL 4096
#define NRANDOM 8192
#define NAPPEND 20000
#define NFILES 1000
#define NSYNC 20

static unsigned char buf[MIB];

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "fileio: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int
open_it(const char *name, int flags)
{
	int fd = open(name, flags, 0644);

	if (fd == -1)
		die(name);
	return fd;
}

static off_t
some_place(void)
{
	static uint64_t x = 88172645463325252ULL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (off_t)(x % (FILE_SIZE / SMALL)) * SMALL;
}

static void
seq_write(const char *name)
{
	int fd = open_it(name, O_WRONLY | O_CREAT | O_TRUNC), i;

	for (i = 0; i < FILE_SIZE / MIB; i++) {
		if (write(fd, buf, MIB) != MIB)
			die("write");
	}
	close(fd);
}

static void
seq_read(const char *name)
{
	int fd = open_it(name, O_RDONLY);

	while (read(fd, buf, MIB) > 0)
		continue;
	close(fd);
}

static void
random_read(const char *name)
{
	int fd = open_it(name, O_RDONLY), i;

	for (i = 0; i < NRANDOM; i++) {
		if (pread(fd, buf, SMALL, some_place()) != SMALL)
			die("pread");
	}
	close(fd);
}

static void
random_write(const char *name)
{
	int fd = open_it(name, O_WRONLY), i;

	for (i = 0; i < NRANDOM; i++) {
		if (pwrite(fd, buf, SMALL, some_place()) != SMALL)
			die("pwrite");
	}
	close(fd);
}

static unsigned char *
map_it(const char *name, int *fd)
{
	unsigned char *m;

	*fd = open_it(name, O_RDWR);
	m = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (m == MAP_FAILED)
		die("mmap");
	return m;
}

static void
map_read(const char *name)
{
	unsigned char *m;
	unsigned sum = 0;
	size_t i;
	int fd;

	m = map_it(name, &fd);
	for (i = 0; i < FILE_SIZE; i += SMALL)
		sum += m[i];
	buf[0] = (unsigned char)sum;
	munmap(m, FILE_SIZE);
	close(fd);
}

static void
map_write(const char *name)
{
	unsigned char *m;
	size_t i;
	int fd;

	m = map_it(name, &fd);
	for (i = 0; i < FILE_SIZE; i += SMALL)
		m[i]++;
	munmap(m, FILE_SIZE);
	close(fd);
}

static void
append(const char *name)
{
	int fd = open_it(name, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND), i;

	for (i = 0; i < NAPPEND; i++) {
		if (write(fd, buf, 100) != 100)
			die("append");
	}
	close(fd);
}

static void
write_synced(const char *name)
{
	int fd = open_it(name, O_WRONLY | O_CREAT | O_TRUNC), i;

	for (i = 0; i < NSYNC; i++) {
		if (write(fd, buf, SMALL) != SMALL || fsync(fd) == -1)
			die("fsync");
	}
	close(fd);
}

static void
each_file(const char *name, void (*fn)(const char *))
{
	char path[256];
	int i;

	for (i = 0; i < NFILES; i++) {
		snprintf(path, sizeof(path), "%s.%d", name, i);
		fn(path);
	}
}

static void
make_one(const char *path)
{
	int fd = open_it(path, O_WRONLY | O_CREAT | O_TRUNC);

	if (write(fd, "x", 1) != 1)
		die(path);
	close(fd);
}

static void
open_one(const char *path)
{
	char c;
	int fd = open_it(path, O_RDONLY);

	if (read(fd, &c, 1) != 1)
		die(path);
	close(fd);
}

static void
stat_one(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		die(path);
}

static void
rename_one(const char *path)
{
	char other[300];

	snprintf(other, sizeof(other), "%s-", path);
	if (rename(path, other) == -1 || rename(other, path) == -1)
		die(path);
}

static void
unlink_one(const char *path)
{
	if (unlink(path) == -1)
		die(path);
}

static void
make_files(const char *name)
{
	each_file(name, make_one);
}

static void
open_files(const char *name)
{
	each_file(name, open_one);
}

static void
stat_files(const char *name)
{
	each_file(name, stat_one);
}

static void
rename_files(const char *name)
{
	each_file(name, rename_one);
}

static void
unlink_files(const char *name)
{
	each_file(name, unlink_one);
}

static const struct {
	const char *name;
	void (*fn)(const char *);
} what[] = {
	{ "seqwrite", seq_write },
	{ "seqread", seq_read },
	{ "randread", random_read },
	{ "randwrite", random_write },
	{ "mapread", map_read },
	{ "mapwrite", map_write },
	{ "append", append },
	{ "fsync", write_synced },
	{ "create", make_files },
	{ "open", open_files },
	{ "stat", stat_files },
	{ "rename", rename_files },
	{ "unlink", unlink_files },
};

int
main(int argc, char **argv)
{
	struct timespec a, b;
	size_t i;

	for (i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
		if (argc < 2 || strcmp(argv[1], what[i].name) != 0)
			continue;
		clock_gettime(CLOCK_MONOTONIC, &a);
		what[i].fn(argc > 2 ? argv[2] : "data");
		clock_gettime(CLOCK_MONOTONIC, &b);
		printf("%lld\n",
		    (long long)(b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec -
			a.tv_nsec);
		return 0;
	}
	fprintf(stderr, "usage: fileio what [file]\n");
	return 2;
}
