/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message there and back, generated from msg.def: empty, typical and
 * largest field values; one byte less, one byte more, and every truncation are
 * refused by the decoder.
 */
#include <stdlib.h>

#include "msg.h"
#include "t.h"

enum fill {
	EMPTY,
	TYPICAL,
	LARGEST
};

static uint8_t tail[AGENTSH_MSG_MAX];
static uint32_t seed;

static uint64_t
number(enum fill fill)
{
	seed = seed * 1664525 + 1013904223;
	return fill == EMPTY ? 0 :
	    fill == LARGEST  ? UINT64_MAX :
			       (uint64_t)seed << 29 ^ seed;
}

static void
string(char *s, size_t max, enum fill fill)
{
	size_t i, n = fill == EMPTY ? 0 : fill == LARGEST ? max : max / 3;

	for (i = 0; i < n; i++)
		s[i] = (char)(1 + (i * 7 + seed) % 255);
	s[n] = '\0';
}

/* Then every length between the bounds may be right. */
static bool
ends_in_tail(const struct msg_row *row)
{
	return strstr(row->fields, "TAIL(") != NULL;
}

/* The encoded form must not decode when shorter, longer or with one NUL. */
#define REFUSES(n, b, m)                                                       \
	do {                                                                   \
		struct imsg bad_ = { 0 };                                      \
		uint8_t *copy_;                                                \
		size_t len_;                                                   \
		for (len_ = 0; len_ < (b)->len; len_ += 1 + (b)->len / 64) {   \
			copy_ = malloc(len_ + 1);                              \
			memcpy(copy_, (b)->data, len_);                        \
			buf_read_from(&bad_.body, copy_, len_);                \
			if (!has_tail)                                         \
				CHECK(msg_get_##n(&bad_, &(m)) == -1);         \
			else                                                   \
				(void)msg_get_##n(&bad_, &(m));                \
			free(copy_);                                           \
		}                                                              \
		if (!has_tail) {                                               \
			copy_ = malloc((b)->len + 1);                          \
			if ((b)->len > 0)                                      \
				memcpy(copy_, (b)->data, (b)->len);            \
			copy_[(b)->len] = 0;                                   \
			buf_read_from(&bad_.body, copy_, (b)->len + 1);        \
			CHECK(msg_get_##n(&bad_, &(m)) == -1);                 \
			free(copy_);                                           \
		}                                                              \
	} while (0)

/* clang-format off */
#define MSG(N, n, from, to, fds, st, fl, fields) \
static void \
fill_##n(struct msg_##n *m, enum fill fill) \
{ (void)m; (void)fill; fields }
#define U8(f) m->f = (uint8_t)number(fill);
#define U16(f) m->f = (uint16_t)number(fill);
#define U32(f) m->f = (uint32_t)number(fill);
#define U64(f) m->f = number(fill);
#define STR(f, max) string(m->f, max, fill);
#define TAIL(f, max) m->f = tail; \
	m->f##_len = fill == EMPTY ? 0 : fill == LARGEST ? (max) : (max) / 5;
#include "msg.def"
#undef MSG
#undef U8
#undef U16
#undef U32
#undef U64
#undef STR
#undef TAIL

#define MSG(N, n, from, to, fds, st, fl, fields) \
static bool \
same_##n(const struct msg_##n *a, const struct msg_##n *b) \
{ (void)a; (void)b; fields return true; }
#define NUM(f) if (a->f != b->f) return false;
#define U8(f) NUM(f)
#define U16(f) NUM(f)
#define U32(f) NUM(f)
#define U64(f) NUM(f)
#define STR(f, max) if (strcmp(a->f, b->f) != 0) return false;
#define TAIL(f, max) if (a->f##_len != b->f##_len || \
	(a->f##_len > 0 && memcmp(a->f, b->f, a->f##_len) != 0)) return false;
#include "msg.def"
#undef MSG
#undef U8
#undef U16
#undef U32
#undef U64
#undef STR
#undef TAIL

#define MSG(N, n, from, to, fds, st, fl, fields) \
static void \
round_##n(void) \
{ \
	static struct msg_##n in, out; \
	const struct msg_row *row = &msg_rows[MSG_##N]; \
	const bool has_tail = ends_in_tail(row); \
	struct imsg im = { 0 }; \
	struct buf b; \
	int fill; \
	for (fill = EMPTY; fill <= LARGEST; fill++) { \
		memset(&in, 0, sizeof(in)); \
		memset(&out, 0xa5, sizeof(out)); \
		fill_##n(&in, (enum fill)fill); \
		buf_init(&b, AGENTSH_MSG_MAX - MSG_HEADER_LEN); \
		msg_put_##n(&b, &in); \
		CHECK(!b.bad); \
		CHECK(b.len >= row->min && b.len <= row->max); \
		if (fill == EMPTY) \
			CHECK_INT(b.len, row->min); \
		if (fill == LARGEST) \
			CHECK_INT(b.len, row->max); \
		buf_read_from(&im.body, b.len > 0 ? (void *)b.data : "", b.len); \
		CHECK(msg_get_##n(&im, &out) == 0); \
		CHECK(same_##n(&in, &out)); \
		REFUSES(n, &b, out); \
		buf_free(&b); \
	} \
}
#include "msg.def"
#undef MSG
/* clang-format on */

/* A TAIL of one byte too many is refused on both ways. */
static void
long_tail(void)
{
	struct msg_sys_conf m = { tail, AGENTSH_CONF_MAX + 1 };
	struct imsg im = { 0 };
	struct buf b;

	buf_init(&b, AGENTSH_MSG_MAX);
	msg_put_sys_conf(&b, &m);
	CHECK(b.bad);
	buf_free(&b);
	buf_read_from(&im.body, tail, AGENTSH_CONF_MAX + 1);
	CHECK(msg_get_sys_conf(&im, &m) == -1);
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof(tail); i++)
		tail[i] = (uint8_t)(i * 31 >> 3);
#define MSG(N, n, from, to, fds, st, fl, fields) T_RUN(round_##n);
#include "msg.def"
#undef MSG
	T_RUN(long_tail);
	return done_testing();
}
