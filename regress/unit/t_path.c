/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths and names as text.
 */
#include <stdlib.h>

#include "agentsh.h"
#include "path.h"
#include "t.h"

static void
clean(void)
{
	static const char *good[] = { "/", "/a", "/a/b", "/.a", "/..a", "/a..",
		"/...", "/a b", "/a/.b/c", "/\n" };
	static const char *bad[] = { "", "a", "a/b", "//", "/a/", "/a//b", "/.",
		"/..", "/a/.", "/a/..", "/./a", "/../a", "/a/./b", "/a/../b",
		"./a", "../a", " /a" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!path_is_clean(good[i]))
			t_fail(good[i], 0, "is clean");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (path_is_clean(bad[i]))
			t_fail(bad[i], 0, "is not clean");
}

static void
join(void)
{
	static const char *rows[][3] = {
		{ "/", "", "/" },
		{ "/", "a", "/a" },
		{ "/a", "", "/a" },
		{ "/a", "b", "/a/b" },
		{ "/a", "/b", "/b" },
		{ "/a/b", "..", "/a" },
		{ "/a/b", "../..", "/" },
		{ "/a/b", "../../..", "/" },
		{ "/a/b", "../../../../etc/passwd", "/etc/passwd" },
		{ "/a", "./b/./c", "/a/b/c" },
		{ "/a", "b//c///", "/a/b/c" },
		{ "/a", "..b", "/a/..b" },
		{ "/a", "...", "/a/..." },
		{ "/abc", "../d", "/d" },
		{ "/", "..", "/" },
		{ "/a", "/", "/" },
		{ "/a", "//x//y", "/x/y" },
		{ "/a//b/../c", "d", "/a/c/d" },
		{ "relative", "x", "/relative/x" },
	};
	char dst[64];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK_INT(path_join(dst, sizeof(dst), rows[i][0], rows[i][1]),
		    0);
		CHECK_STR(dst, rows[i][2]);
		CHECK(path_is_clean(dst));
	}
}

static void
join_room(void)
{
	char *dst;
	size_t size;
	int r;

	for (size = 0; size < 16; size++) {
		dst = malloc(size + 1);
		r = path_join(dst, size, "/abc", "de/f");
		CHECK_INT(r, size >= sizeof("/abc/de/f") ? 0 : -1);
		if (r == 0)
			CHECK_STR(dst, "/abc/de/f");
		free(dst);
	}
}

/* All strings of up to seven bytes over "a./": the result is always clean. */
static void
join_all(void)
{
	char in[8], dst[32];
	unsigned n, v, i, len;

	for (len = 0; len <= 7; len++) {
		for (n = 1, i = 0; i < len; i++)
			n *= 3;
		while (n-- > 0) {
			for (v = n, i = 0; i < len; i++, v /= 3)
				in[i] = "a./"[v % 3];
			in[len] = '\0';
			if (path_join(dst, sizeof(dst), "/x/y", in) != 0 ||
			    !path_is_clean(dst))
				t_fail(in, 0, "joins to a clean path");
		}
	}
}

static void
beneath(void)
{
	CHECK(path_is_beneath("/a", "/"));
	CHECK(path_is_beneath("/", "/"));
	CHECK(path_is_beneath("/a", "/a"));
	CHECK(path_is_beneath("/a/b", "/a"));
	CHECK(path_is_beneath("/a/b/c", "/a/b"));
	CHECK(!path_is_beneath("/ab", "/a"));
	CHECK(!path_is_beneath("/a", "/a/b"));
	CHECK(!path_is_beneath("/", "/a"));
	CHECK(!path_is_beneath("/b/a", "/a"));
}

static void
basename_is(void)
{
	CHECK_STR(path_basename("/a/b"), "b");
	CHECK_STR(path_basename("/a"), "a");
	CHECK_STR(path_basename("a"), "a");
	CHECK_STR(path_basename("/"), "");
	CHECK_STR(path_basename("/a/"), "");
}

static void
names(void)
{
	char s[AGENTSH_ID_MAX + 2];
	int c;

	memset(s, 'a', sizeof(s));
	s[AGENTSH_ID_MAX + 1] = '\0';
	CHECK(!session_id_is_valid(s));
	CHECK(!policy_name_is_valid(s));
	s[AGENTSH_ID_MAX] = '\0';
	CHECK(session_id_is_valid(s));
	CHECK(policy_name_is_valid(s));
	CHECK(!session_id_is_valid(""));
	CHECK(!session_id_is_valid("."));
	CHECK(!session_id_is_valid(".."));
	CHECK(!session_id_is_valid("../x"));
	CHECK(!session_id_is_valid(".a"));
	CHECK(!session_id_is_valid("-a"));
	CHECK(!session_id_is_valid("_a"));
	CHECK(!session_id_is_valid("a/b"));
	CHECK(session_id_is_valid("a.b_c-D9"));
	CHECK(!policy_name_is_valid(""));
	CHECK(!policy_name_is_valid("a.b"));
	CHECK(!policy_name_is_valid("../default"));
	CHECK(policy_name_is_valid("agent-default_2"));
	for (c = 1; c < 256; c++) {
		snprintf(s, sizeof(s), "a%c", c);
		CHECK(session_id_is_valid(s) ==
		    (strchr(
			 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			 "0123456789._-",
			 c) != NULL));
	}
}

static void
session_names(void)
{
	static const char *const bad[] = { "", ":", "1:", ":a", "01:a", "-1:a",
		"+1:a", " 1:a", "1 :a", "a:b", "1:2:c", "1:../c",
		"4294967295:a", "18446744073709551617:a", "1:." };
	char s[AGENTSH_SNAME_MAX + 1];
	const char *id;
	uint32_t uid = 7;
	size_t i;

	CHECK(session_name_split("a.b", &uid, &id) == 0 && uid == 7);
	CHECK_STR(id, "a.b");
	CHECK(session_name_split("1000:s1", &uid, &id) == 0 && uid == 1000);
	CHECK_STR(id, "s1");
	CHECK(session_name_split("0:s1", &uid, &id) == 0 && uid == 0);
	memset(s, 'a', sizeof(s));
	memcpy(s, "4294967294:", 11);
	s[AGENTSH_SNAME_MAX] = '\0';
	CHECK(session_name_split(s, &uid, &id) == 0 && uid == 4294967294U);
	uid = 7;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(session_name_split(bad[i], &uid, &id) == -1);
	CHECK(uid == 7);
}

int
main(void)
{
	T_RUN(clean);
	T_RUN(join);
	T_RUN(join_room);
	T_RUN(join_all);
	T_RUN(beneath);
	T_RUN(basename_is);
	T_RUN(names);
	T_RUN(session_names);
	return done_testing();
}
