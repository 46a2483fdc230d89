/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of another process, wherever they lie in its memory, and the numbers
 * that it has: as the kernel is asked for them, and as /proc shows them.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "execd/execd.h"
#include "execd/target.h"
#include "t.h"

struct execd execd;

#define PAGE 4096

static char *page; /* three, and nothing behind them */
static struct target t;
static struct words w;

/* A child with this memory, which does nothing. */
static void
begin(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	CHECK(pid > 0 && target_open(&t, pid) == 0);
}

static void
end(void)
{
	kill(t.tid, SIGKILL);
	waitpid(t.tid, NULL, 0);
	target_close(&t);
	words_free(&w);
}

static int
words_at(const char *const *argv, size_t max_words, size_t max_bytes)
{
	int err;

	begin();
	err = target_argv(&t, (uint64_t)(uintptr_t)argv, max_words, max_bytes,
	    &w);
	return err;
}

static void
test_order(void)
{
	static const char *const argv[] = { "one", "", "three", "one", NULL };
	size_t i;

	CHECK_INT(words_at(argv, 10, 1000), 0);
	CHECK_INT(w.n, 4);
	CHECK_INT(w.len, 4 + 1 + 6 + 4);
	for (i = 0; i < w.n; i++) {
		CHECK_STR(w.v[i], argv[i]);
		/* each behind the one before */
		CHECK(i == 0 || w.v[i] == w.v[i - 1] + strlen(argv[i - 1]) + 1);
	}
	CHECK(w.v[w.n] == NULL);
	end();
}

/* Backwards, over the end of a page, and to the end of all. */
static void
test_pages(void)
{
	const char *argv[] = { page + 3 * PAGE - 4, page + PAGE - 3,
		page + 2 * PAGE - 1, page, NULL };

	memset(page, 'x', 3 * PAGE);
	memcpy(page + 3 * PAGE - 4, "end", 4);
	memcpy(page + PAGE - 3, "middle", 7);
	memcpy(page + 2 * PAGE - 1, "y", 2);
	page[2 * PAGE - 2] = '\0';
	CHECK_INT(words_at(argv, 10, 100000), 0);
	CHECK_INT(w.n, 4);
	CHECK_STR(w.v[0], "end");
	CHECK_STR(w.v[1], "middle");
	CHECK_STR(w.v[2], "y");
	CHECK_INT(strlen(w.v[3]), PAGE - 3 + 6);
	end();
	/* nothing ends this one */
	memset(page, 'x', 3 * PAGE);
	argv[1] = NULL;
	CHECK_INT(words_at(argv, 10, 100000), EFAULT);
	CHECK_INT(w.n, 0);
	end();
}

static void
test_limits(void)
{
	static const char *const argv[] = { "four", "five!", NULL };
	static const char *const none[] = { NULL };

	CHECK_INT(words_at(argv, 2, 11), 0);
	CHECK_INT(w.n, 2);
	end();
	CHECK_INT(words_at(argv, 2, 10), E2BIG);
	CHECK_INT(w.n, 1);
	CHECK_INT(w.len, 5);
	CHECK_STR(w.v[0], "four");
	CHECK(w.v[1] == NULL);
	end();
	CHECK_INT(words_at(argv, 1, 1000), E2BIG);
	CHECK_INT(w.n, 1);
	end();
	CHECK_INT(words_at(none, 1, 1000), 0);
	CHECK_INT(w.n, 1);
	CHECK_STR(w.v[0], "");
	end();
	CHECK_INT(words_at(NULL, 1, 1000), 0);
	CHECK_INT(w.n, 1);
	end();
}

/* Much of it, so that room has to be made. */
static void
test_long(void)
{
	const char *argv[] = { page, page + 1, page + 2, NULL };

	memset(page, 'z', 3 * PAGE);
	page[3 * PAGE - 1] = '\0';
	CHECK_INT(words_at(argv, 10, 1 << 20), 0);
	CHECK_INT(w.n, 3);
	CHECK_INT(w.len, 9 * PAGE - 3);
	CHECK_STR(w.v[2], page + 2);
	end();
}

static void
test_numbers(void)
{
	struct target a, b;

	begin();
	a = t;
	number_init();
	CHECK(target_open(&b, a.tid) == 0);
	CHECK_INT(a.tgid, a.tid);
	CHECK_INT(a.ppid, getpid());
	CHECK_INT(a.inner_tgid, a.tid);
	CHECK_INT(b.tgid, a.tgid);
	CHECK_INT(b.ppid, a.ppid);
	CHECK_INT(b.inner_tid, a.inner_tid);
	CHECK_INT(b.inner_tgid, a.inner_tgid);
	CHECK_INT(b.inner_ppid, a.inner_ppid);
	CHECK(memcmp(&a.imprint, &b.imprint, sizeof(a.imprint)) == 0);
	target_close(&b);
	end();
	/* it is gone */
	CHECK_INT(target_open(&b, a.tid), -1);
	target_close(&b);
}

int
main(void)
{
	execd.proc_fd = execd.sess_proc_fd = open("/proc",
	    O_PATH | O_DIRECTORY | O_CLOEXEC);
	page = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || munmap(page + 3 * PAGE, PAGE) == -1)
		return 1;
	T_RUN(test_order);
	T_RUN(test_pages);
	T_RUN(test_limits);
	T_RUN(test_long);
	T_RUN(test_numbers);
	return done_testing();
}
