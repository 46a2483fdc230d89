/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TAP for unit tests: T(condition, what, ...) is one test; main ends with
 * return done_testing(). T_SKIP_ALL ends the program with the reason: the
 * runner counts it as skipped, never as passed.
 */
#ifndef T_H
#define T_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static int t_count, t_failed;

static bool __attribute__((format(printf, 4, 5)))
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

#define T(cond, ...) t_report((cond), __FILE__, __LINE__, __VA_ARGS__)

#define T_SKIP_ALL(why)                                                        \
	do {                                                                   \
		printf("1..0 # SKIP %s\n", why);                               \
		exit(77);                                                      \
	} while (0)

static int
done_testing(void)
{
	printf("1..%d\n", t_count);
	if (t_failed != 0)
		printf("# %d of %d failed\n", t_failed, t_count);
	return t_failed == 0 ? 0 : 1;
}

#endif
