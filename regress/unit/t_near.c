/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main thread stays on its processor for one sleep, while programs come one
 * after the other, and is free again afterwards.
 */
#include <sched.h>

#include "execd/near.h"
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
	return done_testing();
}
