/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main thread stays on its processor for one sleep, while programs come one
 * after the other, and is free again afterwards.
 */
#include <sys/socket.h>

#include <dirent.h>
#include <sched.h>
#include <unistd.h>

#include "execd/near.h"
#include "execd/netunix.h"
#include "t.h"

static int
processors(void)
{
	cpu_set_t set;

	CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
	return CPU_COUNT(&set);
}

static void
test_once(void)
{
	int all = processors();

	near_turn();
	CHECK_INT(processors(), all);
	/* nobody is known that it could follow */
	near_stay(10, 5);
	CHECK_INT(processors(), all);
	near_stay(11, 5);
	CHECK_INT(processors(), 1);
	near_turn(); /* it sleeps */
	CHECK_INT(processors(), 1);
	near_turn(); /* it was woken up */
	CHECK_INT(processors(), all);
	near_turn();
	CHECK_INT(processors(), all);
}

/* One more is allowed as it has been woken up: for one sleep more. */
static void
test_again(void)
{
	int all = processors();

	near_stay(12, 5);
	near_turn();
	near_stay(13, 5);
	CHECK_INT(processors(), 1);
	near_turn();
	CHECK_INT(processors(), 1);
	near_turn();
	CHECK_INT(processors(), all);
}

static void
test_leave(void)
{
	int all = processors();

	near_stay(14, 5);
	CHECK_INT(processors(), 1);
	near_leave();
	CHECK_INT(processors(), all);
	near_leave();
	CHECK_INT(processors(), all);
}

/* Is the next program one of its family? */
static bool
stays(pid_t tgid, pid_t ppid)
{
	bool is;

	near_stay(tgid, ppid);
	is = processors() == 1;
	near_leave();
	return is;
}

static void
test_family(void)
{
	CHECK(!stays(100, 1));
	CHECK(!stays(200, 2));
	CHECK(!stays(101, 1));
	CHECK(stays(102, 1));	/* its parent's next */
	CHECK(stays(103, 102)); /* its child */
	CHECK(stays(103, 102)); /* itself */
	CHECK(!stays(104, 1));
}

/* What it starts does not stay with it. */
static void
test_threads(void)
{
	int all = processors(), n = 0, a[2], b[2];
	struct dirent *de;
	cpu_set_t set;
	DIR *tasks;
	pid_t tid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, a) == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, b) == -1)
		abort();
	near_stay(15, 5);
	near_stay(16, 5);
	CHECK_INT(processors(), 1);
	CHECK_INT(carry_start(a[1], b[1]), 0);
	tasks = opendir("/proc/self/task");
	while (tasks != NULL && (de = readdir(tasks)) != NULL) {
		if (de->d_name[0] == '.')
			continue;
		tid = (pid_t)strtol(de->d_name, NULL, 10);
		CHECK_INT(sched_getaffinity(tid, sizeof(set), &set), 0);
		CHECK_INT(CPU_COUNT(&set), all);
		n++;
	}
	CHECK_INT(n, 2);
	if (tasks != NULL)
		closedir(tasks);
	close(a[0]);
	close(b[0]);
}

int
main(void)
{
	if (processors() < 2)
		T_SKIP_ALL("one processor");
	near_init();
	T_RUN(test_once);
	T_RUN(test_again);
	T_RUN(test_leave);
	T_RUN(test_family);
	T_RUN(test_threads);
	return done_testing();
}
