/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two sessions on one workspace that work together: one renames a directory to
 * where names in it are denied or protected, and the other makes such a name in
 * it at that moment, by the old path. They agree by a page of shared memory.
 * The same with settings of git, which the mover may rename when they are harmless
 * and the maker changes as they get their name.
 * The mover says how often there was such a name, or setting, afterwards; twosessions.sh
 * looks for them from outside.
 *
 * usage: twosessions maker|mover shared-file seconds [seed]
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#define RENAME_EXCHANGE (1 << 1)
#endif

#define FILL 24 /* entries that make the look at the directory longer */
#define PATH 128
#define TRIES_MIN 50 /* however busy the machine is, for LATE s more */
#define LATE 40
#define EVIL "[core]\n\tfsmonitor = ./evil\n"

enum kind {
	KIND_CREATE,
	KIND_MKDIR,
	KIND_SYMLINK,
	KIND_LINK,
	KIND_MKNOD,
	KIND_RENAME, /* a file into it */
	KIND_TREE,   /* a directory with such a name in it */
	KIND_SWAP,   /* for something else that is there */
	KIND_HIDE,   /* about within it, so that a look misses it */
	KIND_MOVES,  /* those before have to do with moved directories */
	/* settings of git, which are compared and then get their name */
	KIND_OPEN = KIND_MOVES, /* opened to be written */
	KIND_NAME,		/* with another name, by which they are */
	KIND_HELD,		/* the same by a descriptor held before */
	KIND_MAX
};

static const char *const kind_names[KIND_MAX] = { "create", "mkdir", "symlink",
	"link", "mknod", "rename", "tree", "swap", "hide", "open", "name",
	"held" };

struct shared {
	_Atomic unsigned long turn;  /* prepared by the mover */
	_Atomic unsigned long ready; /* by the maker */
	_Atomic unsigned long go;
	_Atomic unsigned long done;
	_Atomic bool stop;
	_Atomic uint64_t took_ns; /* the last rename */
	_Atomic unsigned kind;
	char dir[PATH]; /* of this try, s<n> */
};

static struct shared *sh;
static uint64_t state;

static uint32_t
rnd(uint32_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * 0x2545f4914f6cdd1dULL) >> 33) % below;
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
die(const char *what)
{
	printf("twosessions: %s: %s\n", what, strerror(errno));
	atomic_store(&sh->stop, true);
	exit(1);
}

static void
make_file(int at, const char *path)
{
	int fd = openat(at, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd == -1)
		die(path);
	close(fd);
}

/* The names that are not to be where the mover puts d. */
static void
act(enum kind kind, int a, int b, int out)
{
	int fd, i;

	switch (kind) {
	case KIND_CREATE:
		fd = openat(a, "no1", O_WRONLY | O_CREAT | O_EXCL, 0755);
		if (fd != -1)
			close(fd);
		break;
	case KIND_MKDIR:
		(void)mkdirat(a, "no1", 0755);
		break;
	case KIND_SYMLINK:
		if (symlinkat("x", a, "no1") == -1)
			return;
		break;
	case KIND_LINK:
		if (linkat(out, "f", a, "no1", 0) == -1)
			return;
		break;
	case KIND_MKNOD:
		(void)mknodat(a, "no1", S_IFIFO | 0644, 0);
		break;
	case KIND_RENAME:
		(void)renameat(out, "f", a, "no1");
		break;
	case KIND_TREE:
		(void)renameat(out, "e", a, "e");
		break;
	case KIND_SWAP:
		(void)renameat2(out, "e", a, "y", RENAME_EXCHANGE);
		break;
	case KIND_HIDE:
		for (i = 0; i < 6; i++) {
			if (renameat(i % 2 ? b : a, "no1", i % 2 ? a : b,
				"no1") == -1)
				break;
		}
		break;
	default:
		break;
	}
}

static void
write_evil(int at, const char *name)
{
	int fd = openat(at, name, O_WRONLY);

	if (fd == -1)
		return;
	usleep(rnd(2) * 200);
	if (pwrite(fd, EVIL, sizeof(EVIL) - 1, 0) == -1)
		die("what is open");
	close(fd);
}

/* In the directory of a repository, with x on its way to .git/config. */
static void
act_settings(enum kind kind, int dir, int held)
{
	char name[32];
	struct stat st;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", held);
	switch (kind) {
	case KIND_OPEN:
		write_evil(dir, "x");
		break;
	case KIND_NAME:
		if (linkat(dir, "x", dir, "y", 0) == 0)
			write_evil(dir, "y");
		break;
	case KIND_HELD:
		(void)fstatat(dir, "x", &st, 0);
		if (linkat(AT_FDCWD, name, dir, "y", AT_SYMLINK_FOLLOW) == 0)
			write_evil(dir, "y");
		break;
	default:
		break;
	}
}

static int
open_dir(int at, const char *path)
{
	return openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* What the maker has outside, for one try. */
static void
prepare(int out)
{
	(void)unlinkat(out, "f", 0);
	(void)unlinkat(out, "e/no1", 0);
	(void)unlinkat(out, "e", AT_REMOVEDIR);
	(void)unlinkat(out, "e", 0);
	make_file(out, "f");
	if (mkdirat(out, "e", 0755) == -1)
		die("e");
	make_file(out, "e/no1");
}

static void
await_go(unsigned long turn)
{
	uint64_t until;

	atomic_store(&sh->ready, turn);
	while (atomic_load(&sh->go) != turn && !atomic_load(&sh->stop))
		sched_yield();
	until = now_ns() + rnd((uint32_t)(atomic_load(&sh->took_ns) + 1));
	while (now_ns() < until)
		;
}

static void
make_settings(unsigned long turn)
{
	int dir = open_dir(AT_FDCWD, "repo"), held;

	if (dir == -1)
		die("repo");
	held = openat(dir, "x", O_PATH | O_NOFOLLOW);
	await_go(turn);
	act_settings((enum kind)atomic_load(&sh->kind), dir, held);
	if (held != -1)
		close(held);
	close(dir);
	atomic_store(&sh->done, turn);
}

static void
maker(void)
{
	unsigned long turn, last = 0;
	char path[PATH + 32];
	int a, b, out;

	(void)mkdir("maker", 0755);
	out = open_dir(AT_FDCWD, "maker");
	if (out == -1)
		die("maker");
	while (!atomic_load(&sh->stop)) {
		turn = atomic_load(&sh->turn);
		if (turn == last) {
			sched_yield();
			continue;
		}
		last = turn;
		if (atomic_load(&sh->kind) >= KIND_MOVES) {
			make_settings(turn);
			continue;
		}
		prepare(out);
		snprintf(path, sizeof(path), "%s/d/hooks", sh->dir);
		a = open_dir(AT_FDCWD, path);
		snprintf(path, sizeof(path), "%s/d/b", sh->dir);
		b = open_dir(AT_FDCWD, path);
		if (a == -1 || b == -1)
			die(path);
		await_go(turn);
		if (sh->kind == KIND_HIDE) {
			int fd = openat(a, "no1", O_WRONLY | O_CREAT | O_EXCL,
			    0755);

			if (fd != -1)
				close(fd);
		}
		act((enum kind)atomic_load(&sh->kind), a, b, out);
		close(a);
		close(b);
		atomic_store(&sh->done, turn);
	}
}

/* One try with settings of git. 1: they are what the maker has written, -1: they
 * were not renamed. */
static int
move_settings(unsigned long turn)
{
	char have[256] = "", text[128];
	uint64_t begun;
	int fd, len, rc;

	len = snprintf(text, sizeof(text), "[user]\n\tname = n%lu\n", turn);
	fd = open("repo/x", O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (fd == -1 || write(fd, text, (size_t)len) != len)
		die("repo/x");
	close(fd);
	atomic_store(&sh->turn, turn);
	while (atomic_load(&sh->ready) != turn && !atomic_load(&sh->stop))
		sched_yield();
	atomic_store(&sh->go, turn);
	begun = now_ns();
	rc = rename("repo/x", "repo/.git/config");
	atomic_store(&sh->took_ns, now_ns() - begun);
	while (atomic_load(&sh->done) != turn && !atomic_load(&sh->stop))
		sched_yield();
	(void)unlink("repo/x");
	(void)unlink("repo/y");
	fd = open("repo/.git/config", O_RDONLY);
	if (fd == -1 || read(fd, have, sizeof(have) - 1) == -1)
		die("repo/.git/config");
	close(fd);
	if (strstr(have, "evil") != NULL)
		return 1;
	return rc == -1 ? -1 : 0;
}

static unsigned trees;

static void
make_dir(const char *name)
{
	char path[PATH + 32];

	snprintf(path, sizeof(path), "%s/%s", sh->dir, name);
	if (mkdir(path, 0755) == -1)
		die(path);
}

static void
tree_new(void)
{
	char name[16];
	int i;

	snprintf(sh->dir, sizeof(sh->dir), "s%u", trees++);
	make_dir("");
	make_dir("d");
	make_dir("d/hooks");
	make_dir("d/b");
	for (i = 0; i < FILL; i++) {
		snprintf(name, sizeof(name), "d/fill%d", i);
		make_dir(name);
	}
}

/* Is such a name there? Also of a directory that was moved in. */
static bool
has_name(const char *dir)
{
	char path[PATH + 64];
	struct dirent *de;
	bool has = false;
	DIR *d;

	d = opendir(dir);
	if (d == NULL)
		return false;
	while (!has && (de = readdir(d)) != NULL) {
		has = strncmp(de->d_name, "no", 2) == 0;
		if (!has && (de->d_name[0] == 'e' || de->d_name[0] == 'y')) {
			snprintf(path, sizeof(path), "%s/%.32s", dir,
			    de->d_name);
			has = has_name(path);
		}
	}
	closedir(d);
	return has;
}

static bool
is_won(const char *name)
{
	char path[PATH + 64];
	bool a, b;

	snprintf(path, sizeof(path), "%s/%s/hooks", sh->dir, name);
	a = has_name(path);
	snprintf(path, sizeof(path), "%s/%s/b", sh->dir, name);
	b = strcmp(name, ".git") != 0 && has_name(path);
	return a || b;
}

/* What the maker has left in d. */
static void
clean(void)
{
	static const char *const left[] = { "hooks/no1", "b/no1", "hooks/e/no1",
		"hooks/y/no1" };
	static const char *const dirs[] = { "hooks/no1", "hooks/e", "hooks/y" };
	char path[PATH + 64];
	size_t i;

	for (i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		snprintf(path, sizeof(path), "%s/d/%s", sh->dir, left[i]);
		(void)unlink(path);
	}
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/d/%s", sh->dir, dirs[i]);
		(void)rmdir(path);
	}
}

static void
mover(unsigned seconds)
{
	unsigned long turn = 0, moved = 0, named = 0, won[KIND_MAX] = { 0 },
		      all = 0;
	uint64_t begun, until = now_ns() + seconds * 1000000000ULL;
	char from[PATH + 32], to[PATH + 32];
	const char *name;
	unsigned kind;
	bool exchange;
	int rc;

	atomic_store(&sh->took_ns, 1000000);
	tree_new();
	while (!atomic_load(&sh->stop) &&
	    (now_ns() < until ||
		(turn < TRIES_MIN &&
		    now_ns() < until + LATE * 1000000000ULL))) {
		kind = rnd(KIND_MAX);
		if (kind >= KIND_MOVES) {
			atomic_store(&sh->kind, kind);
			rc = move_settings(++turn);
			named += rc != -1;
			if (rc == 1) {
				won[kind]++;
				all++;
				break;
			}
			continue;
		}
		/* what has become .git is not renamed again */
		name = rnd(16) == 0 ? ".git" : "shut";
		if (name[0] == '.' && kind >= KIND_SWAP)
			kind = KIND_CREATE;
		exchange = name[0] == 's' && rnd(8) == 0;
		atomic_store(&sh->kind, kind);
		snprintf(from, sizeof(from), "%s/d", sh->dir);
		snprintf(to, sizeof(to), "%s/%s", sh->dir, name);
		if (exchange && mkdir(to, 0755) == -1)
			die(to);
		if (kind == KIND_SWAP)
			make_dir("d/hooks/y");
		atomic_store(&sh->turn, ++turn);
		while (atomic_load(&sh->ready) != turn &&
		    !atomic_load(&sh->stop))
			sched_yield();
		atomic_store(&sh->go, turn);
		begun = now_ns();
		rc = renameat2(AT_FDCWD, from, AT_FDCWD, to,
		    exchange ? RENAME_EXCHANGE : 0);
		atomic_store(&sh->took_ns, now_ns() - begun);
		while (atomic_load(&sh->done) != turn &&
		    !atomic_load(&sh->stop))
			sched_yield();
		moved += rc == 0;
		if (rc == 0 && is_won(name)) {
			won[kind]++;
			all++;
			tree_new();
			continue;
		}
		if (rc == 0 && name[0] == '.') {
			tree_new();
			continue;
		}
		if (exchange && rmdir(rc == 0 ? from : to) == -1)
			die("rmdir of what was exchanged");
		if (rc == 0 && rename(to, from) == -1) {
			/* there is such a name all the same */
			if (errno != EACCES)
				die(from);
			won[kind]++;
			all++;
			tree_new();
			continue;
		}
		clean();
	}
	atomic_store(&sh->stop, true);
	printf("%lu tries, %lu moved, %lu settings, %lu won\n", turn, moved,
	    named, all);
	for (kind = 0; kind < KIND_MAX; kind++) {
		if (won[kind] > 0)
			printf("won by %s: %lu\n", kind_names[kind], won[kind]);
	}
}

int
main(int argc, char **argv)
{
	int fd;

	if (argc < 4)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	state = 0x9e3779b97f4a7c15U ^
	    (argc > 4 ? strtoul(argv[4], NULL, 10) : 1);
	fd = open(argv[2], O_RDWR | O_CLOEXEC);
	if (fd == -1) {
		perror(argv[2]);
		return 1;
	}
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (sh == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	if (strcmp(argv[1], "maker") == 0)
		maker();
	else
		mover((unsigned)strtoul(argv[3], NULL, 10));
	return 0;
}
