/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn N PROGRAM: executes it so many times, one after the other, and prints
 * how long each took from its fork to its end: in nanoseconds, the sum, the
 * median, and what 99 of 100 stay below.
 */
#include <sys/wait.h>

#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SPAWN_MAX 10000000

static uint64_t
now_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) == -1)
		err(1, "clock_gettime");
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

static uint64_t
spawn(char **argv)
{
	uint64_t start = now_ns();
	int status;
	pid_t pid = fork();

	if (pid == -1)
		err(1, "fork");
	if (pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) == -1 || status != 0)
		errx(1, "%s: status %d", argv[0], status);
	return now_ns() - start;
}

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

int
main(int argc, char **argv)
{
	uint64_t *took, sum = 0;
	long i, n = argc < 3 ? 0 : strtol(argv[1], NULL, 10);

	if (n < 1 || n > SPAWN_MAX)
		errx(2, "usage: spawn N PROGRAM [ARG ...]");
	if ((took = calloc((size_t)n, sizeof(*took))) == NULL)
		err(1, "calloc");
	for (i = 0; i < n; i++)
		sum += took[i] = spawn(argv + 2);
	qsort(took, (size_t)n, sizeof(*took), compare);
	printf("%llu %llu %llu\n", (unsigned long long)sum,
	    (unsigned long long)took[n / 2],
	    (unsigned long long)took[n - 1 - n / 100]);
	free(took);
	return 0;
}
