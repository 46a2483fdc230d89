/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A way to a program is known as long as nothing has changed in the directories
 * on it, and leads to the same file; and never where somebody may write.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "execd/ways.h"
#include "t.h"

#define PATH "/link/tool"

static char top[] = "/tmp/t_ways.XXXXXX";
static int top_fd, a_fd;
static time_t ahead; /* seconds, of our clock before that of the files */
static bool is_systems;

/* What ways.c asks of the rest, and of the clock. */
int
clock_gettime(clockid_t id, struct timespec *ts)
{
	(void)id;
	if (timespec_get(ts, TIME_UTC) != TIME_UTC)
		return -1;
	ts->tv_sec += ahead;
	return 0;
}

bool
dir_is_systems(int dir_fd, struct stat *st)
{
	return is_systems && fstat(dir_fd, st) == 0;
}

static void
put(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd != -1);
	close(fd);
}

/* Not before the other. */
static bool
is_later(const struct stat *st, const struct stat *than)
{
	return st->st_ctim.tv_sec != than->st_ctim.tv_sec ?
	    st->st_ctim.tv_sec > than->st_ctim.tv_sec :
	    st->st_ctim.tv_nsec >= than->st_ctim.tv_nsec;
}

/* Until what is changed now gets another time than what was. */
static void
tick(void)
{
	struct stat top_st, a_st, st;
	int fd = openat(a_fd, "tool", O_RDONLY);

	CHECK(fstat(top_fd, &top_st) == 0 && fstat(a_fd, &a_st) == 0);
	do {
		CHECK(fchmod(fd, 0700) == 0 && fstat(fd, &st) == 0);
	} while (t_failed_checks == 0 &&
	    (is_later(&top_st, &st) || is_later(&a_st, &st)));
	close(fd);
}

static void
find(struct file *f)
{
	memset(f, 0, sizeof(*f));
	f->fd = -1;
	f->nameless = true;
	snprintf(f->own, sizeof(f->own), "of before");
	CHECK(fstatat(a_fd, "tool", &f->st, 0) == 0);
}

static bool
is_known(void)
{
	struct file f;

	find(&f);
	if (!way_known(PATH, &f))
		return false;
	CHECK_STR(f.name, "/a/tool");
	CHECK_STR(f.own, "");
	CHECK(!f.nameless);
	return true;
}

/* Found once more, by a walk through both directories. */
static void
walk(const char *own, const char *path)
{
	struct trail tr = { .whole = true };
	struct file f;

	find(&f);
	f.nameless = false;
	snprintf(f.name, sizeof(f.name), "/a/tool");
	snprintf(f.own, sizeof(f.own), "%s", own);
	trail_add(&tr, top_fd);
	trail_add(&tr, top_fd);
	trail_add(&tr, a_fd);
	CHECK(!tr.whole || tr.n == 2);
	way_remember(path, &f, &tr);
	trail_close(&tr);
}

static void
test_known(void)
{
	CHECK(!is_known());
	walk("", PATH);
	CHECK(is_known());
}

/* What may not be remembered. Another path, so that nothing is known before. */
static void
test_not(void)
{
	struct trail tr = { .whole = true };
	char far[200];
	struct file f;

	find(&f);
	walk("/own", "/1");
	CHECK(!way_known("/1", &f));
	is_systems = false;
	walk("", "/2");
	CHECK(!way_known("/2", &f));
	is_systems = true;
	ahead = 0; /* the directories are young */
	walk("", "/3");
	CHECK(!way_known("/3", &f));
	ahead = 3600;
	memset(far, '/', sizeof(far));
	far[sizeof(far) - 1] = '\0';
	walk("", far);
	CHECK(!way_known(far, &f));
	/* no directory was looked into */
	f.nameless = false;
	f.own[0] = '\0';
	way_remember("/4", &f, &tr);
	CHECK(!way_known("/4", &f));
	CHECK(is_known());
}

static void
test_changes(void)
{
	struct file f;

	tick();
	put(top_fd, "other");
	CHECK(!is_known());
	walk("", PATH);
	CHECK(is_known());
	tick();
	put(a_fd, "other");
	CHECK(!is_known());
	walk("", PATH);
	CHECK(is_known());
	tick();
	CHECK(unlinkat(top_fd, "other", 0) == 0);
	CHECK(!is_known());
	walk("", PATH);
	CHECK(is_known());
	tick();
	CHECK(fchmod(a_fd, 0777) == 0);
	CHECK(!is_known());
	tick();
	CHECK(fchmod(a_fd, 0755) == 0);
	CHECK(!is_known());
	walk("", PATH);
	CHECK(is_known());
	/* the kernel came to another file, or to one that is gone */
	find(&f);
	f.st.st_ino++;
	CHECK(!way_known(PATH, &f));
	find(&f);
	f.st.st_dev++;
	CHECK(!way_known(PATH, &f));
	find(&f);
	f.st.st_nlink = 0;
	CHECK(!way_known(PATH, &f));
	CHECK(is_known());
}

/* Of what is put back, with the times that it had before, the time of change is
 * another. */
static void
test_times(void)
{
	struct timespec times[2];
	struct stat st;

	CHECK(is_known());
	CHECK(fstat(a_fd, &st) == 0);
	tick();
	put(a_fd, "third");
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	CHECK(futimens(a_fd, times) == 0);
	CHECK(!is_known());
}

int
main(void)
{
	static const char *const files[] = { "tool", "other", "third" };
	size_t i;

	if (mkdtemp(top) == NULL)
		return 1;
	ahead = 3600;
	is_systems = true;
	top_fd = open(top, O_RDONLY | O_DIRECTORY);
	if (top_fd == -1 || mkdirat(top_fd, "a", 0755) == -1 ||
	    (a_fd = openat(top_fd, "a", O_RDONLY | O_DIRECTORY)) == -1)
		return 1;
	put(a_fd, "tool");
	T_RUN(test_known);
	T_RUN(test_not);
	T_RUN(test_changes);
	T_RUN(test_times);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)unlinkat(a_fd, files[i], 0);
	(void)unlinkat(top_fd, "a", AT_REMOVEDIR);
	(void)rmdir(top);
	return done_testing();
}
