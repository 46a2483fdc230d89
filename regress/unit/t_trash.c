/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trash on disk: tokens, the lock and the sum, counting and ending of
 * entries among files that are none, copies with holes and bounds, hashes.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "t.h"
#include "trash.h"
#include "units.h"

static int dir;
static struct trash t;

static void
put(int at, const char *name, const char *text)
{
	int fd;

	fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd != -1 &&
	    write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void
age(int at, const char *name, time_t sec)
{
	const struct timespec ts[2] = { { sec, 0 }, { sec, 0 } };

	CHECK(utimensat(at, name, ts, 0) == 0);
}

static void
tokens(void)
{
	char a[TRASH_TOKEN + 1], b[TRASH_TOKEN + 1], name[TRASH_NAME];

	CHECK(trash_token_new(a) == 0 && trash_token_new(b) == 0);
	CHECK(trash_token_ok(a) && trash_token_ok(b));
	CHECK(strcmp(a, b) != 0);
	trash_manifest_name(name, a);
	CHECK_INT(strlen(name), TRASH_TOKEN + 5);
	CHECK(!trash_token_ok(""));
	CHECK(!trash_token_ok("../../../../../../../../etc/passw"));
	CHECK(!trash_token_ok("0123456789abcdef0123456789abcde/"));
	CHECK(!trash_token_ok("0123456789ABCDEF0123456789ABCDEF"));
	CHECK(!trash_token_ok("0123456789abcdef0123456789abcdef0"));
}

static void
sums(void)
{
	struct trash_sum s = { 12, 3, 4 }, got;

	CHECK(trash_sum_get(&t, &got) == -1);
	CHECK(trash_sum_put(&t, &s) == 0);
	CHECK(trash_sum_get(&t, &got) == 0);
	CHECK(memcmp(&s, &got, sizeof(s)) == 0);
	s.bytes = UINT64_MAX;
	s.files = UINT64_MAX;
	s.oldest = INT64_MAX;
	CHECK(trash_sum_put(&t, &s) == 0);
	CHECK(trash_sum_get(&t, &got) == 0);
	CHECK(memcmp(&s, &got, sizeof(s)) == 0);
	put(dir, "sum", "12 3");
	CHECK(trash_sum_get(&t, &got) == -1);
	put(dir, "sum", "1 2 3x\n");
	CHECK(trash_sum_get(&t, &got) == -1);
	put(dir, "sum", "");
	CHECK(trash_sum_get(&t, &got) == -1);
}

static void
locks(void)
{
	struct trash other;
	int status = -1;
	pid_t pid;

	CHECK(trash_lock(&t, 0) == 0);
	CHECK(trash_open(&other, dir, true) == 0);
	CHECK(trash_lock(&other, 20) == -1 && errno == EAGAIN);
	/* it goes with its holder */
	trash_unlock(&t);
	pid = fork();
	if (pid == 0) {
		trash_close(&t);
		trash_close(&other);
		_exit(trash_open(&t, dir, false) == 0 &&
			    trash_lock(&t, 0) == 0 ?
			0 :
			1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(trash_lock(&other, 0) == 0);
	trash_close(&other);
	CHECK(trash_lock(&t, 0) == 0);
	trash_unlock(&t);
}

#define OLD "0123456789abcdef0123456789abcdef"
#define NEW "fedcba9876543210fedcba9876543210"
#define HALF "00000000000000000000000000000000"

static void
counts(void)
{
	struct trash_sum sum, gone = { 0 };
	time_t now = time(NULL);

	put(t.payload, OLD, "old");
	put(t.manifest, OLD ".json", "{}");
	age(t.manifest, OLD ".json", now - 1000);
	CHECK(mkdirat(t.payload, NEW, 0700) == 0);
	put(t.manifest, NEW ".json", "{}");
	put(t.manifest, HALF ".json", "{}");
	age(t.manifest, HALF ".json", now - 7200);
	/* what is none of it */
	put(t.manifest, "short.json", "{}");
	put(t.manifest, OLD ".jsonx", "{}");
	put(t.manifest, "../other", "{}");
	CHECK(symlinkat("../other", t.manifest,
		  "11111111111111111111111111111111.json") == 0);
	CHECK(trash_count(&t, 0, &sum, &gone) == 0);
	/* the half one went with it */
	CHECK_INT(sum.files, 2);
	CHECK_INT(gone.files, 1);
	CHECK_INT(sum.oldest, now - 1000);
	CHECK(sum.bytes >= 2 * TRASH_ENTRY);
	memset(&gone, 0, sizeof(gone));
	CHECK(trash_count(&t, now - 500, &sum, &gone) == 0);
	CHECK_INT(sum.files, 1);
	CHECK_INT(gone.files, 1);
	CHECK(faccessat(t.payload, OLD, F_OK, 0) == -1);
	CHECK(trash_end(&t, NEW) == 0);
	CHECK(trash_end(&t, NEW) == 0);
	CHECK(faccessat(t.payload, NEW, F_OK, 0) == -1);
	CHECK(faccessat(dir, "other", F_OK, 0) == 0);
}

static void
copies(void)
{
	struct statx stx;
	struct stat st;
	char hex[TRASH_HASH + 1], again[TRASH_HASH + 1];
	int from, path, copy = -1;

	put(dir, "f", "begin");
	from = openat(dir, "f", O_RDWR);
	path = openat(dir, "f", O_PATH);
	CHECK(ftruncate(from, 50000000) == 0);
	CHECK(pwrite(from, "end", 3, 49999990) == 3);
	CHECK(fchmod(from, 04751) == 0);
	age(dir, "f", 1234567);
	CHECK(statx(from, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx) == 0);
	CHECK(trash_copy(path, from, &stx, UINT64_MAX, dir, "c", &copy) == 0);
	CHECK(copy != -1 && fstat(copy, &st) == 0);
	CHECK_INT(st.st_size, 50000000);
	CHECK_INT(st.st_mode & 07777, 0751);
	CHECK_INT(st.st_mtime, 1234567);
	CHECK(st.st_blocks < 1000);
	CHECK(trash_hash(from, UINT64_MAX, hex) == 0);
	CHECK(trash_hash(copy, UINT64_MAX, again) == 0);
	CHECK_STR(hex, again);
	CHECK(trash_hash(copy, 1000000, again) == -1 && errno == EFBIG);
	close(copy);
	/* never over what is there, and nothing is left of what fails */
	CHECK(trash_copy(path, from, &stx, UINT64_MAX, dir, "c", &copy) == -1 &&
	    errno == EEXIST);
	CHECK(trash_copy(path, from, &stx, 10, dir, "d", &copy) == -1 &&
	    errno == EFBIG);
	CHECK(faccessat(dir, "d", F_OK, 0) == -1);
	/* it became shorter: no error, and no end */
	CHECK(ftruncate(from, 3) == 0);
	CHECK(trash_copy(path, from, &stx, UINT64_MAX, dir, "e", &copy) == 0);
	close(copy);
	close(from);
	close(path);
}

static void
hashes(void)
{
	char hex[TRASH_HASH + 1];
	int fd;

	put(dir, "h", "hello");
	fd = openat(dir, "h", O_RDONLY);
	CHECK(trash_hash(fd, 5, hex) == 0);
	CHECK_STR(hex,
	    "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
	close(fd);
}

/* A payload of n bytes, and its manifest from before or after it. */
static void
grown(const char *token, size_t n, bool later)
{
	char name[TRASH_NAME], *text = calloc(1, n + 1);

	trash_manifest_name(name, token);
	put(t.manifest, name, "{}");
	if (text != NULL)
		memset(text, 'x', n);
	put(t.payload, token, text == NULL ? "" : text);
	free(text);
	if (later)
		age(t.manifest, name, time(NULL) - 10);
	else
		CHECK(trash_seal(&t, token) == 0);
}

static bool
is_there(const char *token)
{
	return faccessat(t.payload, token, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What was changed in the trash goes, the largest first; nothing else does. */
static void
fits(void)
{
	static const char *const token[] = { "a0000000000000000000000000000000",
		"b0000000000000000000000000000000",
		"c0000000000000000000000000000000" };
	struct trash_sum sum, gone = { 0 };

	CHECK(trash_count(&t, INT64_MAX, &sum, NULL) == 0);
	CHECK_INT(sum.files, 0);
	grown(token[0], 300000, false);
	grown(token[1], 20000, true);
	grown(token[2], 200000, true);
	CHECK(trash_count(&t, 0, &sum, NULL) == 0);
	CHECK_INT(sum.files, 3);
	CHECK(trash_fit(&t, sum.bytes, &sum, &gone) == 0);
	CHECK_INT(gone.files, 0);
	CHECK(trash_fit(&t, sum.bytes - 1, &sum, &gone) == 0);
	CHECK_INT(gone.files, 1);
	CHECK(is_there(token[0]) && is_there(token[1]) && !is_there(token[2]));
	/* more than can go */
	CHECK(trash_fit(&t, 1, &sum, &gone) == 0);
	CHECK(is_there(token[0]) && !is_there(token[1]));
	CHECK_INT(sum.files, 1);
	CHECK(trash_sum_get(&t, &gone) == 0 && gone.bytes == sum.bytes);
}

static void
logs(void)
{
	const struct trash_act act = { "purge", 3, 4096, NULL, OLD,
		"/a\tb\n\033\\c" };
	char text[1024];
	ssize_t n;
	int fd;

	CHECK(unlinkat(dir, "log", 0) == 0);
	CHECK(trash_log_open(&t, false) == -1 && errno == ENOENT);
	CHECK(trash_log_add(&t, &act) == 0);
	CHECK(trash_log_add(&t, &act) == 0);
	fd = trash_log_open(&t, false);
	n = read(fd, text, sizeof(text) - 1);
	CHECK(n > 21);
	/* two lines of one length: what is behind the time of the second */
	text[n - 1] = '\0';
	CHECK(strcmp(text + n / 2 + 20,
		  "\tpurge\t3\t4096\t-\t" OLD
		  "\t/a\\011b\\012\\033\\\\c") == 0);
	close(fd);
}

static void
ages(void)
{
	uint64_t ms = 0;

	CHECK(units_age("7d", &ms) == 0);
	CHECK_INT(ms, 604800000);
	CHECK(units_age("12h", &ms) == 0);
	CHECK_INT(ms, 43200000);
	CHECK(units_age("d", &ms) == -1);
	CHECK(units_age("7dd", &ms) == -1);
	CHECK(units_age("18446744073709551615d", &ms) == -1);
}

int
main(void)
{
	char path[] = "/tmp/agentsh-t_trash.XXXXXX", rm[64];

	if (mkdtemp(path) == NULL)
		return 1;
	dir = open(path, O_RDONLY | O_DIRECTORY);
	T(trash_open(&t, dir, true) == 0, "made");
	T_RUN(tokens);
	T_RUN(sums);
	T_RUN(locks);
	T_RUN(counts);
	T_RUN(copies);
	T_RUN(hashes);
	T_RUN(fits);
	T_RUN(logs);
	T_RUN(ages);
	snprintf(rm, sizeof(rm), "%s", path);
	trash_close(&t);
	close(dir);
	if (fork() == 0)
		execl("/bin/rm", "rm", "-rf", rm, (char *)NULL);
	wait(NULL);
	return done_testing();
}
