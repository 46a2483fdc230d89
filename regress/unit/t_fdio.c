/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole writes: through a small pipe that does not block, and to one that
 * nobody reads; memory that nobody changes, and whole reads of it.
 */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "fdio.h"
#include "t.h"

#define LEN 1000000

static char data[LEN];

/* The status of a child that reads all, slowly at first. */
static int
reader(int fd)
{
	static char got[LEN + 1];
	size_t n = 0;
	ssize_t r;

	usleep(50000);
	while (n < sizeof(got) && (r = read(fd, got + n, sizeof(got) - n)) > 0)
		n += (size_t)r;
	return n == LEN && memcmp(got, data, LEN) == 0 ? 0 : 1;
}

static void
slow_pipe(void)
{
	int p[2], status = -1;
	size_t i;
	pid_t pid;

	for (i = 0; i < LEN; i++)
		data[i] = (char)(i * 7 % 251);
	CHECK(pipe(p) == 0);
	CHECK(fcntl(p[1], F_SETFL, O_NONBLOCK) == 0);
	pid = fork();
	if (pid == 0) {
		close(p[1]);
		_exit(reader(p[0]));
	}
	close(p[0]);
	CHECK(write_all(p[1], data, LEN) == 0);
	close(p[1]);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void
refused(void)
{
	int p[2];

	CHECK(pipe(p) == 0);
	close(p[0]);
	CHECK(write_all(p[1], "x", 1) == -1 && errno == EPIPE);
	CHECK(write_all(p[1], "x", 0) == 0);
	close(p[1]);
	CHECK(write_all(-1, "x", 1) == -1 && errno == EBADF);
}

static void
sealed(void)
{
	const int want = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
	    F_SEAL_WRITE;
	char have[8];
	int fd = memfd_sealed("test", "bytes", 5);

	CHECK(fd != -1);
	CHECK_INT(fcntl(fd, F_GET_SEALS) & want, want);
	CHECK_INT(read(fd, have, sizeof(have)), 5);
	CHECK(memcmp(have, "bytes", 5) == 0);
	CHECK(read_at(fd, have, 3, 2) == 0 && memcmp(have, "tes", 3) == 0);
	CHECK(read_at(fd, have, 4, 2) == -1 && errno == ENODATA);
	CHECK(read_at(-1, have, 1, 0) == -1 && errno == EBADF);
	CHECK(pwrite(fd, "x", 1, 0) == -1 && errno == EPERM);
	CHECK(ftruncate(fd, 0) == -1 && errno == EPERM);
	close(fd);
	fd = memfd_sealed("test", "", 0);
	CHECK(fd != -1 && lseek(fd, 0, SEEK_END) == 0);
	close(fd);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	T_RUN(slow_pipe);
	T_RUN(refused);
	T_RUN(sealed);
	return done_testing();
}
