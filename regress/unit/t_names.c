/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names by address: the latest first, until they are out of date, never more
 * than the table may hold, whatever order they come in.
 */
#include "t.h"

#include "../../src/netd/held.h"
#include "../../src/netd/names.h"

static const uint8_t A[16] = { [10] = 0xff, 0xff, 203, 0, 113, 1 };
static const uint8_t B[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };

static void
latest_first(void)
{
	struct names *t = names_new(100);
	const char *name[NAMES_OF_MAX];

	CHECK_INT(names_of(t, A, 0, name), 0);
	CHECK_INT(names_bind(t, "a.test", A, 100), 0);
	CHECK_INT(names_bind(t, "b.test", A, 100), 0);
	CHECK_INT(names_bind(t, "c.test", B, 100), 0);
	CHECK_INT(names_of(t, A, 0, name), 2);
	CHECK_STR(name[0], "b.test");
	CHECK_STR(name[1], "a.test");
	CHECK_INT(names_bind(t, "a.test", A, 100), 0);
	CHECK_INT(names_of(t, A, 0, name), 2);
	CHECK_STR(name[0], "a.test");
	CHECK_STR(name[1], "b.test");
	CHECK_INT(names_of(t, B, 0, name), 1);
	CHECK_STR(name[0], "c.test");
	names_free(t);
}

static void
out_of_date(void)
{
	struct names *t = names_new(100);
	const char *name[NAMES_OF_MAX];

	CHECK_INT(names_bind(t, "a.test", A, 100), 0);
	CHECK_INT(names_bind(t, "b.test", A, 200), 0);
	CHECK_INT(names_of(t, A, 99, name), 2);
	CHECK_INT(names_of(t, A, 100, name), 1);
	CHECK_STR(name[0], "b.test");
	/* a shorter life takes nothing away, a longer one adds */
	CHECK_INT(names_bind(t, "b.test", A, 150), 0);
	CHECK_INT(names_of(t, A, 199, name), 1);
	CHECK_INT(names_bind(t, "b.test", A, 300), 0);
	CHECK_INT(names_of(t, A, 299, name), 1);
	CHECK_INT(names_of(t, A, 300, name), 0);
	CHECK_INT(names_of(t, A, 0, name), 0);
	names_free(t);
}

static void
bounded(void)
{
	struct names *t = names_new(100);
	const char *name[NAMES_OF_MAX];
	uint8_t addr[16] = { 0x20 };
	char text[16];
	int i, have = 0;

	for (i = 0; i < 1000; i++) {
		addr[14] = (uint8_t)(i >> 8);
		addr[15] = (uint8_t)i;
		snprintf(text, sizeof(text), "n%d.test", i);
		CHECK_INT(names_bind(t, text, addr, 100), 0);
	}
	for (i = 0; i < 1000; i++) {
		addr[14] = (uint8_t)(i >> 8);
		addr[15] = (uint8_t)i;
		snprintf(text, sizeof(text), "n%d.test", i);
		if (names_of(t, addr, 0, name) == 0)
			continue;
		CHECK(i >= 900);
		CHECK_STR(name[0], text);
		have++;
	}
	CHECK_INT(have, 100);
	names_free(t);
	t = names_new(100);
	for (i = 0; i < 50; i++) {
		snprintf(text, sizeof(text), "n%d.test", i);
		CHECK_INT(names_bind(t, text, A, 100), 0);
	}
	CHECK_INT(names_of(t, A, 0, name), NAMES_OF_MAX);
	CHECK_STR(name[0], "n49.test");
	CHECK_STR(name[NAMES_OF_MAX - 1], "n34.test");
	names_free(t);
	t = names_new(1);
	CHECK_INT(names_bind(t, "a.test", A, 100), 0);
	CHECK_INT(names_bind(t, "b.test", A, 100), 0);
	CHECK_INT(names_of(t, A, 0, name), 1);
	CHECK_STR(name[0], "b.test");
	names_free(t);
	CHECK(names_new(0) == NULL);
}

/* Addresses that stand for names. */
static void
held(void)
{
	struct held *h = held_new();
	uint8_t a[16], b[16], first[16];
	char text[16];
	int i;

	CHECK_INT(held_address(h, "a.test", first), 0);
	CHECK_INT(held_address(h, "b.test", b), 0);
	CHECK_INT(held_address(h, "a.test", a), 0);
	CHECK(memcmp(first, a, 16) == 0);
	CHECK(memcmp(b, a, 16) != 0);
	CHECK_STR(held_name(h, a), "a.test");
	CHECK_STR(held_name(h, b), "b.test");
	b[12] = 203;
	CHECK(held_name(h, b) == NULL);
	CHECK(!held_stood(h, a) && !held_stood(h, A));
	CHECK(held_name(h, A) == NULL);
	/* the oldest goes, and its address is nobody else's */
	for (i = 0; i < HELD_MAX - 1; i++) {
		snprintf(text, sizeof(text), "n%d.test", i);
		CHECK_INT(held_address(h, text, a), 0);
		CHECK(memcmp(first, a, 16) != 0);
	}
	CHECK(held_name(h, first) == NULL);
	CHECK(held_stood(h, first));
	CHECK_INT(held_address(h, "a.test", a), 0);
	CHECK(memcmp(first, a, 16) != 0);
	/* all around: the network's own address is none */
	for (i = 0; i < 70000; i++) {
		snprintf(text, sizeof(text), "m%d.test", i);
		CHECK_INT(held_address(h, text, a), 0);
		CHECK(a[14] != 0 || a[15] != 0);
		CHECK_STR(held_name(h, a), text);
	}
	held_free(h);
	held_free(NULL);
}

/* Against a plain list of what was bound, in the order of the last time. */
static struct {
	int name, addr;
	unsigned until;
} plain[64];

static void
against_a_list(void)
{
	struct names *t = names_new(64);
	const char *name[NAMES_OF_MAX];
	uint8_t addr[16] = { 0x20 };
	char text[16];
	size_t got, want;
	unsigned now = 0, until;
	int i, j, n = 0, a, k;

	srandom(7);
	for (i = 0; i < 20000; i++) {
		k = (int)(random() % 12);
		a = (int)(random() % 5);
		now += (unsigned)(random() % 3);
		until = now + 1 + (unsigned)(random() % 20);
		addr[15] = (uint8_t)a;
		snprintf(text, sizeof(text), "n%d", k);
		CHECK_INT(names_bind(t, text, addr, until), 0);
		for (j = 0; j < n; j++)
			if (plain[j].name == k && plain[j].addr == a)
				break;
		if (j < n) {
			if (plain[j].until > until)
				until = plain[j].until;
			memmove(plain + j, plain + j + 1,
			    (size_t)(n - j - 1) * sizeof(plain[0]));
			n--;
		}
		plain[n].name = k;
		plain[n].addr = a;
		plain[n++].until = until;
		a = (int)(random() % 5);
		addr[15] = (uint8_t)a;
		got = names_of(t, addr, now, name);
		want = 0;
		for (j = n - 1; j >= 0; j--) {
			if (plain[j].addr != a || plain[j].until <= now)
				continue;
			snprintf(text, sizeof(text), "n%d", plain[j].name);
			if (want < got)
				CHECK_STR(name[want], text);
			want++;
		}
		CHECK_INT(got, want);
	}
	names_free(t);
}

int
main(void)
{
	T_RUN(latest_first);
	T_RUN(out_of_date);
	T_RUN(bounded);
	T_RUN(against_a_list);
	T_RUN(held);
	return done_testing();
}
