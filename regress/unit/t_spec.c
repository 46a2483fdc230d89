/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to run, in a sealed memfd: there and back, limits, and hostile memfds.
 */
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "buf.h"
#include "fdio.h"
#include "spec.h"
#include "t.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* execve(2)'s prototype wants them writable; nobody writes */
#define W(s) ((char *)(uintptr_t)(s))

static char *argv[] = { W("sh"), W("-c"), W(""), W("a b\n\377"), NULL };
static char *env[] = { W("PATH=/bin"), W("EMPTY="), W("EQ==x"), NULL };

static void
round_trip(void)
{
	struct spec in = { .file = W("/bin/sh"),
		.argv = argv,
		.argc = 4,
		.env = env,
		.nenv = 3,
		.cwd = W("/workspace") };
	struct spec out;
	size_t i;
	int fd;

	fd = spec_write(&in);
	CHECK(fd != -1);
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	CHECK_INT(fcntl(fd, F_GET_SEALS), SEALS);
	CHECK_INT(write(fd, "x", 1), -1);
	for (i = 0; i < 2; i++) { /* reading leaves it as it was */
		CHECK_INT(spec_read(fd, &out), 0);
		CHECK_STR(out.file, "/bin/sh");
		CHECK_STR(out.cwd, "/workspace");
		CHECK_INT(out.argc, 4);
		CHECK_INT(out.nenv, 3);
		CHECK_STR(out.argv[0], "sh");
		CHECK_STR(out.argv[1], "-c");
		CHECK_STR(out.argv[2], "");
		CHECK_STR(out.argv[3], "a b\n\377");
		CHECK(out.argv[4] == NULL);
		CHECK_STR(out.env[0], "PATH=/bin");
		CHECK_STR(out.env[1], "EMPTY=");
		CHECK_STR(out.env[2], "EQ==x");
		CHECK(out.env[3] == NULL);
		spec_free(&out);
	}
	close(fd);
}

static void
too_big(void)
{
	struct spec in = {
		.file = W("x"), .cwd = W("/"), .env = env, .nenv = 0
	};
	char **words = calloc(AGENTSH_WORDS_MAX + 2, sizeof(*words));
	char *big = malloc(1024 * 1024 + 2);
	struct spec out;
	size_t i;
	int fd;

	for (i = 0; i <= AGENTSH_WORDS_MAX; i++)
		words[i] = W("w");
	in.argv = words;
	in.argc = AGENTSH_WORDS_MAX;
	fd = spec_write(&in);
	CHECK(fd != -1);
	CHECK_INT(spec_read(fd, &out), 0);
	CHECK_INT(out.argc, AGENTSH_WORDS_MAX);
	spec_free(&out);
	close(fd);
	in.argc = AGENTSH_WORDS_MAX + 1;
	CHECK_INT(spec_write(&in), -1);
	CHECK_INT(errno, E2BIG);
	memset(big, 'x', 1024 * 1024 + 1);
	big[1024 * 1024 + 1] = '\0';
	words[0] = big;
	in.argc = 1;
	CHECK_INT(spec_write(&in), -1);
	CHECK_INT(errno, E2BIG);
	big[1024 * 1024] = '\0';
	for (i = 0; i < 11; i++)
		words[i] = big;
	in.argc = 11; /* each fits, all together do not */
	CHECK_INT(spec_write(&in), -1);
	CHECK_INT(errno, E2BIG);
	in.argc = 1;
	in.file = big;
	CHECK_INT(spec_write(&in), -1);
	free(big);
	free(words);
}

/* A memfd of these bytes under these seals must be refused. */
static void
refused(const void *data, size_t len, int seals)
{
	struct spec out;
	int fd = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	CHECK(write(fd, data, len) == (ssize_t)len);
	if (seals != 0)
		CHECK(fcntl(fd, F_ADD_SEALS, seals) == 0);
	errno = 0;
	CHECK_INT(spec_read(fd, &out), -1);
	CHECK_INT(errno, EBADMSG);
	CHECK(out.argv == NULL && out.env == NULL && out.mem == NULL);
	close(fd);
}

static void
encode(struct buf *b, const char *file, const char *cwd, const char *arg,
    const char *var)
{
	buf_init(b, 65536);
	buf_put_str(b, file, 8192);
	buf_put_str(b, cwd, 8192);
	buf_put_u32(b, 0);
	buf_put_u32(b, arg != NULL);
	if (arg != NULL)
		buf_put_str(b, arg, 8192);
	buf_put_u32(b, var != NULL);
	if (var != NULL)
		buf_put_str(b, var, 8192);
}

static void
malformed(void)
{
	static const char *rows[][4] = {
		{ "", "/", "a", NULL },	   /* no program */
		{ "x", "", "a", NULL },	   /* no directory */
		{ "x", "rel", "a", NULL }, /* not absolute */
		{ "x", "/", NULL, NULL },  /* no argv[0] */
		{ "x", "/", "a", "NOEQUALS" },
		{ "x", "/", "a", "=noname" },
		{ "x", "/", "a", "" },
	};
	struct buf b;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		encode(&b, rows[i][0], rows[i][1], rows[i][2], rows[i][3]);
		refused(b.data, b.len, SEALS);
		buf_free(&b);
	}
	encode(&b, "x", "/", "a", "A=b");
	for (i = 0; i < b.len; i++) /* every truncation */
		refused(b.data, i, SEALS);
	refused(b.data, b.len, 0);
	refused(b.data, b.len, SEALS & ~F_SEAL_WRITE);
	refused(b.data, b.len, SEALS & ~F_SEAL_SEAL);
	refused(b.data, b.len, SEALS & ~F_SEAL_GROW);
	refused(b.data, b.len, SEALS & ~F_SEAL_SHRINK);
	buf_put_u8(&b, 0); /* one byte more */
	refused(b.data, b.len, SEALS);
	buf_free(&b);
	buf_init(&b, 64);
	buf_put_str(&b, "x", 8);
	buf_put_str(&b, "/", 8);
	buf_put_u32(&b, 0);
	buf_put_u32(&b, UINT32_MAX); /* that many words */
	refused(b.data, b.len, SEALS);
	buf_free(&b);
	refused("\4\0\0\0a\0bc\1\0\0\0/\0\0\0\0\1\0\0\0\1\0\0\0a\0\0\0\0", 31,
	    SEALS);
}

/* A builtin is one that there is, and the file is its name. */
static void
builtins(void)
{
	static const struct {
		const char *file;
		uint32_t builtin;
		bool good;
	} rows[] = {
		{ "cd", BUILTIN_CD, true },
		{ "cd", BUILTIN_NONE, true },
		{ "cd", BUILTIN_PWD, false },
		{ "rm", BUILTIN_CD, false },
		{ "cd", BUILTIN_MAX, false },
		{ "cd", UINT32_MAX, false },
	};
	struct spec out;
	struct buf b;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_init(&b, 64);
		buf_put_str(&b, rows[i].file, 8);
		buf_put_str(&b, "/", 8);
		buf_put_u32(&b, rows[i].builtin);
		buf_put_u32(&b, 1);
		buf_put_str(&b, "a", 8);
		buf_put_u32(&b, 0);
		if (!rows[i].good) {
			refused(b.data, b.len, SEALS);
		} else {
			fd = memfd_sealed("t", b.data, b.len);
			CHECK_INT(spec_read(fd, &out), 0);
			CHECK_INT(out.builtin, rows[i].builtin);
			CHECK_STR(out.argv[0], "a");
			spec_free(&out);
			close(fd);
		}
		buf_free(&b);
	}
}

static void
not_a_memfd(void)
{
	struct spec out;
	int p[2];

	CHECK_INT(spec_read(-1, &out), -1);
	CHECK(pipe(p) == 0);
	CHECK_INT(spec_read(p[0], &out), -1);
	CHECK_INT(errno, EBADMSG);
	close(p[0]);
	close(p[1]);
}

int
main(void)
{
	T_RUN(round_trip);
	T_RUN(too_big);
	T_RUN(malformed);
	T_RUN(builtins);
	T_RUN(not_a_memfd);
	return done_testing();
}
