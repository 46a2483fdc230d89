/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded buffers: limits on both sides, stickiness of `bad`, strings.
 */
#include <stdlib.h>

#include "buf.h"
#include "t.h"

static void
round_trip(void)
{
	struct buf b;
	char s[9];
	size_t left;
	const uint8_t *rest;

	buf_init(&b, 4096);
	buf_put_u8(&b, 0xfe);
	buf_put_u16(&b, 0xfedc);
	buf_put_u32(&b, 0xfedcba98);
	buf_put_u64(&b, 0xfedcba9876543210);
	buf_put_str(&b, "eight by", 8);
	buf_put_str(&b, "", 8);
	buf_put(&b, "tail", 4);
	CHECK(!b.bad);
	CHECK_INT(b.len, 1 + 2 + 4 + 8 + 12 + 4 + 4);
	CHECK_INT(buf_get_u8(&b), 0xfe);
	CHECK_INT(buf_get_u16(&b), 0xfedc);
	CHECK_INT(buf_get_u32(&b), 0xfedcba98);
	CHECK(buf_get_u64(&b) == 0xfedcba9876543210);
	buf_get_str(&b, s, 8);
	CHECK_STR(s, "eight by");
	buf_get_str(&b, s, 8);
	CHECK_STR(s, "");
	CHECK(!buf_done(&b));
	CHECK_INT(buf_left(&b), 4);
	rest = buf_get_rest(&b, &left);
	CHECK_INT(left, 4);
	CHECK(rest != NULL && memcmp(rest, "tail", 4) == 0);
	CHECK(buf_done(&b));
	buf_free(&b);
}

static void
put_limit(void)
{
	struct buf b;
	size_t max, n;

	for (max = 0; max < 40; max++) {
		for (n = 0; n < 42; n++) {
			buf_init(&b, max);
			buf_put(&b,
			    "0123456789012345678901234567890123456789xx", n);
			CHECK(b.bad == (n > max));
			CHECK_INT(b.len, n > max ? 0 : n);
			buf_free(&b);
		}
	}
	/* one too many keeps what was there, and stays bad */
	buf_init(&b, 8);
	buf_put_u64(&b, 7);
	buf_put_u8(&b, 1);
	CHECK(b.bad);
	CHECK_INT(b.len, 8);
	CHECK(!buf_done(&b));
	buf_put(&b, "", 0);
	CHECK(b.bad);
	buf_reset(&b);
	CHECK(!b.bad);
	buf_put_u8(&b, 1);
	CHECK(!b.bad);
	CHECK_INT(b.len, 1);
	buf_free(&b);
}

static void
put_grows(void)
{
	struct buf b;
	size_t i;
	bool same = true;

	buf_init(&b, 100000);
	for (i = 0; i < 100000; i++)
		buf_put_u8(&b, (uint8_t)(i * 7));
	CHECK(!b.bad);
	for (i = 0; i < 100000; i++)
		same = same && b.data[i] == (uint8_t)(i * 7);
	CHECK(same);
	buf_put_u8(&b, 1);
	CHECK(b.bad);
	buf_free(&b);
}

static void
put_str_limit(void)
{
	struct buf b;

	buf_init(&b, 100);
	buf_put_str(&b, "abc", 3);
	CHECK(!b.bad);
	buf_put_str(&b, "abcd", 3);
	CHECK(b.bad);
	CHECK_INT(b.len, 7);
	buf_free(&b);
	/* length fits, bytes do not: half a string is still bad */
	buf_init(&b, 6);
	buf_put_str(&b, "abc", 3);
	CHECK(b.bad);
	buf_free(&b);
}

/* Each getter on each length: fails exactly when bytes are missing. */
static void
get_short(void)
{
	uint8_t mem[16];
	struct buf b;
	size_t n;

	memset(mem, 0xff, sizeof(mem));
	for (n = 0; n <= sizeof(mem); n++) {
		buf_read_from(&b, mem, n);
		CHECK_INT(buf_get_u8(&b), n >= 1 ? 0xff : 0);
		CHECK(b.bad == (n < 1));
		buf_read_from(&b, mem, n);
		CHECK_INT(buf_get_u16(&b), n >= 2 ? 0xffff : 0);
		CHECK(b.bad == (n < 2));
		buf_read_from(&b, mem, n);
		CHECK(buf_get_u32(&b) == (n >= 4 ? 0xffffffffU : 0));
		CHECK(b.bad == (n < 4));
		buf_read_from(&b, mem, n);
		CHECK(buf_get_u64(&b) == (n >= 8 ? UINT64_MAX : 0));
		CHECK(b.bad == (n < 8));
		CHECK_INT(buf_left(&b), n < 8 ? 0 : n - 8);
		CHECK(buf_done(&b) == (n == 8));
	}
}

static void
get_after_bad(void)
{
	struct buf b;
	char s[4] = "xyz";
	size_t n = 99;

	buf_read_from(&b, "\1\0\0\0a....", 9);
	b.bad = true;
	CHECK_INT(buf_get_u8(&b), 0);
	CHECK_INT(buf_get_u64(&b), 0);
	buf_get_str(&b, s, 3);
	CHECK_STR(s, "");
	CHECK(buf_get_rest(&b, &n) == NULL);
	CHECK_INT(n, 0);
	CHECK_INT(buf_left(&b), 0);
	CHECK(!buf_done(&b));
}

static void
one_str(const void *mem, size_t len, size_t max, const char *want)
{
	struct buf b;
	char *s = malloc(max + 1); /* exact, so that ASan sees one byte more */

	memset(s, 'x', max + 1);
	buf_read_from(&b, mem, len);
	buf_get_str(&b, s, max);
	if (want == NULL) {
		CHECK(b.bad);
		CHECK_STR(s, "");
	} else {
		CHECK(!b.bad);
		CHECK_STR(s, want);
	}
	free(s);
}

static void
get_str(void)
{
	one_str("\3\0\0\0abc", 7, 3, "abc");
	one_str("\3\0\0\0abc", 7, 100, "abc");
	one_str("\0\0\0\0", 4, 0, "");
	one_str("\3\0\0\0abc", 7, 2, NULL);  /* longer than allowed */
	one_str("\3\0\0\0ab", 6, 100, NULL); /* bytes missing */
	one_str("\3\0\0", 3, 100, NULL);     /* length missing */
	one_str("", 0, 100, NULL);
	one_str("\3\0\0\0a\0c", 7, 100, NULL); /* NUL inside */
	one_str("\1\0\0\0\0", 5, 100, NULL);
	one_str("\377\377\377\377abc", 7, 100, NULL);
	one_str("\377\377\377\177abc", 7, 100, NULL);
}

static void
foreign_is_read_only(void)
{
	uint8_t mem[4] = { 1, 2, 3, 4 };
	struct buf b;

	buf_read_from(&b, mem, sizeof(mem));
	buf_put_u8(&b, 9);
	CHECK(b.bad);
	CHECK_INT(b.len, 4);
	buf_free(&b); /* must not free foreign memory */
	CHECK_INT(mem[0], 1);
}

int
main(void)
{
	T_RUN(round_trip);
	T_RUN(put_limit);
	T_RUN(put_grows);
	T_RUN(put_str_limit);
	T_RUN(get_short);
	T_RUN(get_after_bad);
	T_RUN(get_str);
	T_RUN(foreign_is_read_only);
	return done_testing();
}
