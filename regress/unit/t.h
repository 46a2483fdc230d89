/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a unit test needs; prints TAP. Two ways to write one, which mix:
 *
 *	T(1 + 1 == 2, "sum of %d", 1)	a test in itself
 *	static void sums(void) { CHECK(1 + 1 == 2); }
 *	T_RUN(sums)			one test, of many checks
 *
 * main ends with return done_testing(). T_SKIP_ALL ends the program with the
 * reason: the runner counts it as skipped, never as passed.
 */
#ifndef T_H
#define T_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int t_count, t_failed;
static int t_failed_checks; /* of the running T_RUN */

#define T_MAX_REPORTS 20 /* lines about one T_RUN */

static inline bool __attribute__((format(printf, 4, 5)))
t_report(bool ok, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("%s %d - ", ok ? "ok" : "not ok", ++t_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	if (!ok) {
		t_failed++;
		printf("# %s:%d\n", file, line);
	}
	fflush(stdout);
	return ok;
}

static inline void
t_fail(const char *file, int line, const char *what)
{
	if (t_failed_checks++ < T_MAX_REPORTS)
		printf("# %s:%d: %s\n", file, line, what);
}

static inline void
t_check_str(const char *file, int line, const char *a, const char *b)
{
	if (strcmp(a, b) == 0)
		return;
	t_fail(file, line, "strings differ");
	if (t_failed_checks <= T_MAX_REPORTS)
		printf("#   have \"%s\"\n#   want \"%s\"\n", a, b);
}

static inline void
t_check_int(const char *file, int line, long long a, long long b)
{
	if (a == b)
		return;
	t_fail(file, line, "numbers differ");
	if (t_failed_checks <= T_MAX_REPORTS)
		printf("#   have %lld, want %lld\n", a, b);
}

static inline void
t_run(const char *name, void (*fn)(void), const char *file)
{
	t_failed_checks = 0;
	fn();
	t_report(t_failed_checks == 0, file, 0, "%s", name);
}

static inline int
done_testing(void)
{
	printf("1..%d\n", t_count);
	if (t_failed != 0)
		printf("# %d of %d failed\n", t_failed, t_count);
	return t_failed == 0 ? 0 : 1;
}

/* clang-format off */
#define T(cond, ...) t_report((cond), __FILE__, __LINE__, __VA_ARGS__)
#define T_RUN(fn) t_run(#fn, fn, __FILE__)
#define CHECK(cond) \
	do { \
		if (!(cond)) \
			t_fail(__FILE__, __LINE__, #cond); \
	} while (0)
#define CHECK_STR(a, b) t_check_str(__FILE__, __LINE__, a, b)
#define CHECK_INT(a, b) \
	t_check_int(__FILE__, __LINE__, (long long)(a), (long long)(b))
#define T_SKIP_ALL(why) \
	do { \
		printf("1..0 # SKIP %s\n", why); \
		exit(77); \
	} while (0)
/* clang-format on */

#endif
