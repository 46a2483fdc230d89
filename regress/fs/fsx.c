/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random work on files whose contents are known: groups of processes, each
 * group with one file, whose processes take turns and each hold descriptors
 * and a mapping of their own. What is done follows from the seed alone. After
 * each step some of the file is compared with the copy in shared memory, after
 * some all of it.
 *
 * usage: fsx [-g groups] [-n steps] [-p processes] [-s seed] [-t seconds] [-v]
 *
 * With -t it begins again with the next seed until the time is over.
 */
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX (256 * 1024)
#define PIECE_MAX (40 * 1024)
#define LAST 30 /* steps that are told of when something is wrong */
#define LINE 100
#define PROCESSES_MAX 16

/* What the processes of a group share. */
struct shared {
	uint32_t size;
	uint64_t step;
	uint64_t rnd;
	char name[16];
	char last[LAST][LINE];
	unsigned char data[FILE_MAX];
};

static struct {
	struct shared *s;
	unsigned char buf[FILE_MAX + 1];
	int fd;
	int flags; /* of fd */
	unsigned char *map;
	uint64_t seed;
	int group;
	int who;
	bool verbose;
} f = { .fd = -1 };

/* xorshift64*, the same everywhere */
static uint32_t
rnd(uint32_t below)
{
	uint64_t x = f.s->rnd;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	f.s->rnd = x;
	return (uint32_t)((x * 0x2545f4914f6cdd1dULL) >> 33) % below;
}

static void __attribute__((format(printf, 1, 2))) note(const char *fmt, ...)
{
	char *line = f.s->last[f.s->step % LAST];
	va_list ap;
	int n;

	n = snprintf(line, LINE, "%llu of %d: ", (unsigned long long)f.s->step,
	    f.who);
	va_start(ap, fmt);
	vsnprintf(line + n, LINE - (size_t)n, fmt, ap);
	va_end(ap);
	if (f.verbose)
		printf("%s\n", line);
}

static void __attribute__((noreturn, format(printf, 1, 2)))
wrong(const char *fmt, ...)
{
	va_list ap;
	uint64_t i;

	printf("fsx: seed %llu, group %d, process %d, step %llu: ",
	    (unsigned long long)f.seed, f.group, f.who,
	    (unsigned long long)f.s->step);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf(" (errno %s)\nthe last steps:\n", strerrorname_np(errno));
	for (i = f.s->step < LAST ? 0 : f.s->step - LAST + 1; i <= f.s->step;
	     i++)
		printf("  %s\n", f.s->last[i % LAST]);
	fflush(stdout);
	_exit(1);
}

static void
same(const char *how, const unsigned char *have, uint32_t at, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++) {
		if (have[i] != f.s->data[at + i])
			wrong("%s: byte %u of %u is %#x, not %#x", how, at + i,
			    f.s->size, have[i], f.s->data[at + i]);
	}
}

static void
check_size(void)
{
	struct stat st;

	if (fstat(f.fd, &st) == -1 || st.st_size != (off_t)f.s->size)
		wrong("fstat: size %lld, not %u", (long long)st.st_size,
		    f.s->size);
	if (stat(f.s->name, &st) == -1 || st.st_size != (off_t)f.s->size)
		wrong("stat: size %lld, not %u", (long long)st.st_size,
		    f.s->size);
}

static void
check_read(uint32_t at, uint32_t len)
{
	ssize_t n;

	n = pread(f.fd, f.buf, len, at);
	if (n != (ssize_t)len)
		wrong("read %u at %u: %zd", len, at, n);
	same("read", f.buf, at, len);
}

static void
check_all(void)
{
	check_size();
	check_read(0, f.s->size);
	same("mapping", f.map, 0, f.s->size);
	if (pread(f.fd, f.buf, 10, f.s->size) != 0)
		wrong("there is something after the end");
}

static void
open_file(int more)
{
	f.flags = O_RDWR | more;
	f.fd = open(f.s->name, f.flags, 0644);
	if (f.fd == -1)
		wrong("open %s", f.s->name);
	f.map = mmap(NULL, FILE_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, f.fd,
	    0);
	if (f.map == MAP_FAILED)
		wrong("mmap");
}

static void
close_file(void)
{
	munmap(f.map, FILE_MAX);
	if (close(f.fd) == -1)
		wrong("close");
	f.fd = -1;
}

/* A piece within the size that the file has, or may have. */
static void
piece(uint32_t within, uint32_t *at, uint32_t *len)
{
	*at = within == 0 ? 0 : rnd(within);
	*len = within - *at;
	if (*len > PIECE_MAX)
		*len = PIECE_MAX;
	if (*len != 0)
		*len = 1 + rnd(*len);
}

static void
fill(unsigned char *dst, uint32_t len)
{
	uint32_t i, x = rnd(UINT32_MAX);

	for (i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		dst[i] = (unsigned char)(x >> 24) | 1;
	}
}

/* The file has grown, or not: what was written is in f.buf. */
static void
written(uint32_t at, uint32_t len)
{
	memcpy(f.s->data + at, f.buf, len);
	if (len != 0 && at + len > f.s->size)
		f.s->size = at + len;
}

static void
do_read(void)
{
	uint32_t at, len;

	piece(f.s->size, &at, &len);
	note("read %u at %u", len, at);
	check_read(at, len);
}

static void
do_map_read(void)
{
	uint32_t at, len;

	piece(f.s->size, &at, &len);
	note("look at %u at %u", len, at);
	same("mapping", f.map + at, at, len);
}

static void
do_write(void)
{
	uint32_t at, len;
	bool appends = (f.flags & O_APPEND) != 0;

	piece(FILE_MAX, &at, &len);
	if (appends)
		at = f.s->size;
	if (at + len > FILE_MAX)
		len = FILE_MAX - at;
	note("write %u at %u%s", len, at, appends ? ", appending" : "");
	fill(f.buf, len);
	if (pwrite(f.fd, f.buf, len, appends ? 0 : at) != (ssize_t)len)
		wrong("write %u at %u", len, at);
	written(at, len);
}

static void
do_map_write(void)
{
	uint32_t at, len;

	piece(f.s->size, &at, &len);
	note("store %u at %u", len, at);
	fill(f.buf, len);
	memcpy(f.map + at, f.buf, len);
	written(at, len);
	if (rnd(4) == 0 && msync(f.map, FILE_MAX, MS_SYNC) == -1)
		wrong("msync");
}

static void
do_truncate(void)
{
	uint32_t size = rnd(3) != 0 ? rnd(FILE_MAX) : rnd(f.s->size + 1);
	bool by_name = rnd(2) != 0;

	note("truncate to %u from %u", size, f.s->size);
	if ((by_name ? truncate(f.s->name, size) : ftruncate(f.fd, size)) == -1)
		wrong("truncate to %u", size);
	if (size < f.s->size)
		memset(f.s->data + size, 0, f.s->size - size);
	f.s->size = size;
}

static void
do_punch(void)
{
	uint32_t at, len;
	bool zero = rnd(2) != 0;

	piece(f.s->size, &at, &len);
	if (len == 0)
		return;
	note("%s %u at %u", zero ? "zero" : "punch", len, at);
	if (fallocate(f.fd,
		(zero ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE) |
		    FALLOC_FL_KEEP_SIZE,
		at, len) == -1) {
		/* tmpfs has no zeroing */
		if (errno == EOPNOTSUPP)
			return;
		wrong("punch %u at %u", len, at);
	}
	memset(f.s->data + at, 0, len);
}

static void
do_allocate(void)
{
	uint32_t at, len;
	bool keep = rnd(2) != 0;

	piece(FILE_MAX, &at, &len);
	note("allocate %u at %u%s", len, at, keep ? ", size kept" : "");
	if (fallocate(f.fd, keep ? FALLOC_FL_KEEP_SIZE : 0, at, len) == -1)
		wrong("allocate %u at %u", len, at);
	if (!keep && at + len > f.s->size)
		f.s->size = at + len;
}

static void
do_copy(void)
{
	off_t in, out;
	uint32_t at, len, to;
	ssize_t n;

	piece(f.s->size, &at, &len);
	to = rnd(FILE_MAX - len);
	/* not onto itself; what appends has no place */
	if (len == 0 || (f.flags & O_APPEND) != 0 ||
	    (to < at + len && at < to + len))
		return;
	note("copy %u from %u to %u", len, at, to);
	in = at;
	out = to;
	while (len > 0) {
		n = copy_file_range(f.fd, &in, f.fd, &out, len, 0);
		if (n <= 0)
			wrong("copy: %zd", n);
		memcpy(f.buf, f.s->data + in - n, (size_t)n);
		written((uint32_t)(out - n), (uint32_t)n);
		len -= (uint32_t)n;
	}
}

static void
do_splice(void)
{
	off_t in, out;
	uint32_t at, len, to;
	int p[2];

	piece(f.s->size, &at, &len);
	if (len > 4096)
		len = 4096;
	to = rnd(FILE_MAX - len);
	/* the pipe may hold the file's own pages */
	if (len == 0 || (f.flags & O_APPEND) != 0 ||
	    (to < at + 2 * 4096 && at < to + 2 * 4096))
		return;
	note("splice %u from %u to %u", len, at, to);
	memcpy(f.buf, f.s->data + at, len);
	in = at;
	out = to;
	if (pipe(p) == -1)
		wrong("pipe");
	if (sendfile(p[1], f.fd, &in, len) != (ssize_t)len)
		wrong("sendfile");
	if (splice(p[0], NULL, f.fd, &out, len, 0) != (ssize_t)len)
		wrong("splice");
	close(p[0]);
	close(p[1]);
	written(to, len);
}

/* What is in a hole is zero. */
static void
do_seek(void)
{
	off_t data, hole = 0;
	uint32_t i;

	note("seek");
	for (;;) {
		data = lseek(f.fd, hole, SEEK_DATA);
		if (data == -1 && errno == ENXIO)
			data = f.s->size;
		if (data == -1)
			wrong("SEEK_DATA");
		for (i = (uint32_t)hole; i < data && i < f.s->size; i++) {
			if (f.s->data[i] != 0)
				wrong("byte %u is in a hole", i);
		}
		if (data >= (off_t)f.s->size)
			return;
		hole = lseek(f.fd, data, SEEK_HOLE);
		if (hole <= data)
			wrong("SEEK_HOLE from %lld: %lld", (long long)data,
			    (long long)hole);
	}
}

static void
do_reopen(void)
{
	static const int more[] = { 0, O_APPEND, O_NOATIME, O_CREAT, O_TRUNC };
	uint32_t k = rnd(20);
	int flags = k == 19 ? O_TRUNC : more[k % 4];

	note("reopen %#x", (unsigned)flags);
	close_file();
	open_file(flags);
	if (flags == O_TRUNC) {
		memset(f.s->data, 0, f.s->size);
		f.s->size = 0;
	}
	check_all();
}

static void
do_sync(void)
{
	bool all = rnd(2) != 0;

	note("sync");
	if ((all ? fsync(f.fd) : fdatasync(f.fd)) == -1)
		wrong("sync");
	if (rnd(2) != 0)
		(void)posix_fadvise(f.fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* Another name; the others have it open and go on. */
static void
do_rename(void)
{
	char new[16];
	bool linked = rnd(2) != 0;

	snprintf(new, sizeof(new), "g%d.%u", f.group, rnd(3));
	if (strcmp(new, f.s->name) == 0)
		return;
	note("%s %s", linked ? "link" : "rename", new);
	if (linked) {
		if (link(f.s->name, new) == -1 || unlink(f.s->name) == -1)
			wrong("link %s", new);
	} else if (rename(f.s->name, new) == -1) {
		wrong("rename %s", new);
	}
	memcpy(f.s->name, new, sizeof(new));
}

static void
step(void)
{
	static void (*const what[])(void) = { do_read, do_read, do_map_read,
		do_map_read, do_write, do_write, do_write, do_map_write,
		do_map_write, do_truncate, do_punch, do_allocate, do_copy,
		do_splice, do_seek, do_reopen, do_rename };
	uint32_t at, len;

	note("nothing");
	/* the disk takes long */
	if (rnd(100) == 0)
		do_sync();
	else
		what[rnd(sizeof(what) / sizeof(what[0]))]();
	check_size();
	piece(f.s->size, &at, &len);
	if (rnd(2) != 0)
		same("mapping", f.map + at, at, len);
	else
		check_read(at, len);
	if (rnd(50) == 0)
		check_all();
	f.s->step++;
}

/* One process: waits for its turn, does a step, and gives the turn on. The first
 * turn is for the open, before anybody gives the file another name. */
static void
work(int from, int to, uint64_t steps)
{
	char c;

	if (read(from, &c, 1) != 1)
		_exit(1);
	open_file(0);
	if (write(to, &c, 1) != 1)
		_exit(1);
	while (read(from, &c, 1) == 1 && f.s->step < steps) {
		step();
		if (write(to, &c, 1) != 1)
			break;
	}
	if (f.s->step >= steps)
		check_all();
	close_file();
	fflush(stdout);
	_exit(f.s->step >= steps ? 0 : 1);
}

static void
checksum(void)
{
	uint64_t sum = 14695981039346656037ULL;
	uint32_t i;

	for (i = 0; i < f.s->size; i++)
		sum = (sum ^ f.s->data[i]) * 1099511628211ULL;
	printf("group %d: %s %u %016llx\n", f.group, f.s->name, f.s->size,
	    (unsigned long long)sum);
}

/* The status of the worst. */
static int
wait_all(void)
{
	int rc = 0, st;

	while (wait(&st) > 0) {
		if (!WIFEXITED(st) || WEXITSTATUS(st) != 0) {
			if (WIFSIGNALED(st))
				printf("fsx: signal %d\n", WTERMSIG(st));
			rc = 1;
		}
	}
	return rc;
}

static void
start_process(int ring[PROCESSES_MAX][2], int n, uint64_t steps)
{
	int from = ring[f.who][0], i, to = ring[(f.who + 1) % n][1];

	/* the end of one must be the end of all */
	for (i = 0; i < n; i++) {
		if (ring[i][0] != from)
			close(ring[i][0]);
		if (ring[i][1] != to)
			close(ring[i][1]);
	}
	work(from, to, steps);
}

static int
group(int processes, uint64_t steps)
{
	int i, rc, ring[PROCESSES_MAX][2];

	f.s = mmap(NULL, sizeof(*f.s), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (f.s == MAP_FAILED)
		return 1;
	f.s->rnd =
	    ((f.seed * 1000 + (uint64_t)f.group) * 0x9e3779b97f4a7c15ULL) | 1;
	snprintf(f.s->name, sizeof(f.s->name), "g%d.0", f.group);
	f.fd = open(f.s->name, O_RDWR | O_CREAT | O_EXCL, 0644);
	if (f.fd == -1) {
		printf("fsx: %s: %s\n", f.s->name, strerror(errno));
		return 1;
	}
	close(f.fd);
	for (i = 0; i < processes; i++) {
		if (pipe(ring[i]) == -1)
			return 1;
	}
	for (f.who = 0; f.who < processes; f.who++) {
		if (fork() == 0)
			start_process(ring, processes, steps);
	}
	if (write(ring[0][1], "t", 1) != 1)
		return 1;
	for (i = 0; i < processes; i++) {
		close(ring[i][0]);
		close(ring[i][1]);
	}
	rc = wait_all();
	if (rc == 0)
		checksum();
	return rc;
}

static void
forget_files(int groups)
{
	char name[32];
	int i, k;

	for (i = 0; i < groups; i++) {
		for (k = 0; k < 3; k++) {
			snprintf(name, sizeof(name), "g%d.%d", i, k);
			unlink(name);
		}
	}
}

static int
round_of(int groups, int processes, uint64_t steps)
{
	int i;

	forget_files(groups);
	for (i = 0; i < groups; i++) {
		fflush(stdout);
		if (fork() == 0) {
			f.group = i;
			i = group(processes, steps);
			fflush(stdout);
			_exit(i);
		}
	}
	return wait_all();
}

static uint64_t
number(const char *text)
{
	return strtoull(text, NULL, 10);
}

int
main(int argc, char **argv)
{
	int c, groups = 2, processes = 3;
	uint64_t rounds = 0, steps = 1000;
	time_t until = 0;

	f.seed = 1;
	while ((c = getopt(argc, argv, "g:n:p:s:t:v")) != -1) {
		switch (c) {
		case 'g':
			groups = (int)number(optarg);
			break;
		case 'n':
			steps = number(optarg);
			break;
		case 'p':
			processes = (int)number(optarg);
			break;
		case 's':
			f.seed = number(optarg);
			break;
		case 't':
			until = time(NULL) + (int)number(optarg);
			break;
		case 'v':
			f.verbose = true;
			break;
		default:
			return 2;
		}
	}
	if (processes < 1 || processes > PROCESSES_MAX || groups < 1)
		return 2;
	do {
		if (round_of(groups, processes, steps) != 0)
			return 1;
		rounds++;
		f.seed++;
	} while (time(NULL) < until);
	printf("fsx: %llu rounds of %d files, %llu steps each\n",
	    (unsigned long long)rounds, groups, (unsigned long long)steps);
	return 0;
}
