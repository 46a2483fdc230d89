/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel was told of a file: it holds for what looks the same, or was
 * written by the kernel's own request, and not while answers to several threads
 * may be on their way.
 */
#include "../../src/fsd/habit.h"
#include "../../src/fsd/told.h"
#include "t.h"

#define T0 100000
#define LATER 10000

static const struct stat file = { .st_mode = S_IFREG | 0644,
	.st_nlink = 1,
	.st_uid = 7,
	.st_gid = 8,
	.st_size = 9,
	.st_blocks = 8,
	.st_atim = { 1, 2 },
	.st_mtim = { 3, 4 },
	.st_ctim = { 5, 6 } };

static void
nothing(void)
{
	struct told t = { 0 };

	CHECK(!told_holds(&t, T0, &file));
	CHECK(!told_holds(&t, T0, NULL));
	told_write(&t, 1, T0);
	CHECK(!told_holds(&t, T0 + LATER, NULL));
}

static void
looks(void)
{
	struct told t = { 0 };
	struct stat st = file;

	told_answer(&t, 1, T0, &file);
	CHECK(told_holds(&t, T0, &st));
	st.st_atim.tv_sec++;
	CHECK(told_holds(&t, T0, &st));
#define DIFFERS(field)                                                         \
	do {                                                                   \
		st = file;                                                     \
		st.field++;                                                    \
		CHECK(!told_holds(&t, T0, &st));                               \
	} while (0)
	DIFFERS(st_mode);
	DIFFERS(st_nlink);
	DIFFERS(st_uid);
	DIFFERS(st_gid);
	DIFFERS(st_size);
	DIFFERS(st_blocks);
	DIFFERS(st_mtim.tv_sec);
	DIFFERS(st_mtim.tv_nsec);
	DIFFERS(st_ctim.tv_sec);
	DIFFERS(st_ctim.tv_nsec);
#undef DIFFERS
}

static void
writes(void)
{
	struct told t = { 0 };

	told_answer(&t, 1, T0, &file);
	CHECK(!told_holds(&t, T0, NULL));
	told_write(&t, 1, T0 + 1);
	CHECK(told_holds(&t, T0 + 2, NULL));
	told_answer(&t, 1, T0 + 3, &file);
	CHECK(!told_holds(&t, T0 + 4, NULL));
	CHECK(told_holds(&t, T0 + 4, &file));
}

static void
several_threads(void)
{
	struct told t = { 0 };

	told_answer(&t, 1, T0, &file);
	told_answer(&t, 2, T0 + 1, &file);
	CHECK(!told_holds(&t, T0 + 1, &file));
	/* one more of the same does not make it clear */
	told_answer(&t, 2, T0 + 2, &file);
	CHECK(!told_holds(&t, T0 + 3, &file));
	CHECK(told_holds(&t, T0 + LATER, &file));
	told_write(&t, 2, T0 + LATER);
	CHECK(told_holds(&t, T0 + LATER, NULL));
	told_write(&t, 3, T0 + LATER + 1);
	CHECK(!told_holds(&t, T0 + LATER + 1, NULL));
	CHECK(told_holds(&t, T0 + 2 * LATER, NULL));
	/* long after the last one */
	told_answer(&t, 4, T0 + 3 * LATER, &file);
	CHECK(told_holds(&t, T0 + 3 * LATER, &file));
	/* nobody's, as the kernel's own writing of a mapping */
	told_write(&t, 0, T0 + 5 * LATER);
	CHECK(!told_holds(&t, T0 + 5 * LATER, NULL));
}

static void
habits(void)
{
	unsigned i;

	for (i = 0; i < HABIT_FILES; i++) {
		CHECK(!habit_is_small(10, T0 + i));
		habit_made(10, T0 + i, false);
	}
	CHECK(habit_is_small(10, T0 + i));
	CHECK(!habit_is_small(11, T0 + i));
	/* a pause */
	CHECK(!habit_is_small(10, T0 + i + HABIT_MS));
	habit_made(10, T0 + LATER, false);
	CHECK(!habit_is_small(10, T0 + LATER));
	for (i = 0; i < HABIT_FILES; i++)
		habit_made(10, T0 + LATER, false);
	CHECK(habit_is_small(10, T0 + LATER));
	habit_made(10, T0 + LATER, true);
	CHECK(!habit_is_small(10, T0 + LATER));
	for (i = 0; i < HABIT_FILES; i++)
		habit_made(10, T0 + LATER, false);
	/* another one with the same place */
	CHECK(habit_is_small(10, T0 + LATER));
	CHECK(!habit_is_small(10 + 256, T0 + LATER));
	habit_made(10 + 256, T0 + LATER, false);
	CHECK(!habit_is_small(10, T0 + LATER));
}

int
main(void)
{
	T_RUN(nothing);
	T_RUN(looks);
	T_RUN(writes);
	T_RUN(several_threads);
	T_RUN(habits);
	return done_testing();
}
