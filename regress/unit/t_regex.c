/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions: RE2's meaning, what is refused, bytes that are not
 * UTF-8, and time linear in the subject.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "regex.h"
#include "t.h"

static int
match(const char *pattern, const char *subject, size_t len)
{
	const char *what = "";
	size_t at;
	struct regex *re = regex_new(pattern, &what, &at);
	int ret;

	if (re == NULL) {
		printf("# %s: %s\n", pattern, what);
		return -2;
	}
	ret = regex_match(re, subject, len);
	regex_free(re);
	return ret;
}

static void
meaning(void)
{
	static const struct {
		const char *pattern;
		const char *subject;
		int want;
	} rows[] = {
		{ "", "", 1 },
		{ "", "abc", 1 },
		{ "b", "abc", 1 },
		{ "^b", "abc", 0 },
		{ "^a", "abc", 1 },
		{ "c$", "abc", 1 },
		{ "c$", "abc\n", 0 }, /* the end is the end */
		{ "^b", "a\nb", 0 },
		{ "(?m)^b", "a\nb", 1 },
		{ "(?m)a$", "a\nb", 1 },
		{ "(?m)b$", "a\nb", 1 },
		{ "(?m)^$", "a\n", 1 },
		{ "(?m:a$)", "a\nb", 1 },
		{ "(?m:a)$", "a\nb", 0 },
		{ "((?m)a$)", "a\nb", 1 },
		{ "((?m)a)$", "a\nb", 0 },
		{ "(?m)x|a$", "a\nb", 1 },
		{ "(?m)(?-m)a$", "a\nb", 0 },
		{ "(?m)(?i-m:a$)", "a\nb", 0 },
		{ "(?i-s)a$", "a\nb", 0 },
		{ "(?m)[)$]a$", "$a\nb", 1 },
		{ "\\Q(\\E(?m)a$", "(a\nb", 1 },
		{ "a.b", "a\nb", 0 },
		{ "(?s)a.b", "a\nb", 1 },
		{ "(?i)RM", "rm", 1 },
		{ "a|b", "xb", 1 },
		{ "^(a|b)$", "ab", 0 },
		{ "(^|\\s)-[a-z]*r[a-z]*f", "a -rf", 1 },
		{ "(^|\\s)-[a-z]*r[a-z]*f", "a-rf", 0 },
		{ "(^|\\s)-[a-z]*r[a-z]*f", "-fr", 0 },
		{ "a{2,3}", "xaay", 1 },
		{ "^a{2,3}$", "aaaa", 0 },
		{ "a{,2}", "a{,2}", 1 },
		{ "x*?y", "xxy", 1 },
		{ "[^/]+", "///", 0 },
		{ "[]a]+", "]", 1 },
		{ "[[:digit:]]", "7", 1 },
		{ "\\d\\D\\w\\W", "1ab-", 1 },
		{ "\\bfoo\\b", "a foo b", 1 },
		{ "\\Aa\\z", "a", 1 },
		{ "\\Qa.b\\E", "axb", 0 },
		{ "\\Qa.b", "a.b", 1 },
		{ "\\s", "\v", 0 },
		{ "\\S", "\v", 1 },
		{ "[\\s]", "\v", 0 },
		{ "[\\S]", "\v", 1 },
		{ "[^\\S]", "\v", 0 },
		{ "[^\\s]", "\v", 1 },
		{ "[\\s-_]", "9", 0 }, /* a hyphen behind a class */
		{ "[\\s-_]", "-", 1 },
		{ "[\\w-.]", "-", 1 },
		{ "[\\w-.]", "/", 0 },
		{ "[[:alpha:]-9]", "-", 1 },
		{ "[\\s--/]", ".", 1 },
		{ "\\v", "\v", 1 },
		{ "\\v", "\n", 0 },
		{ "\\x41\\x{42}", "AB", 1 },
		{ "^.$", "\303\251", 1 },
		{ "^[\303\251]$", "\303\251", 1 },
		{ "^.$", "\377", 1 },
		{ "^..$", "\303\050", 1 },
		{ "^\\pL+$", "a\303\251", 1 },
		{ "(?P<n>a)(?<m>b)(?:c)", "abc", 1 },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		T(match(rows[i].pattern, rows[i].subject,
		      strlen(rows[i].subject)) == rows[i].want,
		    "%s", rows[i].pattern);
	CHECK_INT(match("^a\\x00b$", "a\0b", 3), 1);
}

static void
refused(void)
{
	static const char *const rows[] = { "(", ")", "a)(b", "[", "a**", "a++",
		"a*+", "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(?>a)", "(a)\\1",
		"\\k<n>", "\\g1", "(?R)", "(?1)", "(?P=n)", "(?P>n)", "(?&n)",
		"(?|a|b)", "(?#c)", "(*COMMIT)", "(?C1)", "(?(1)a|b)", "(?x)a",
		"\\K", "\\R", "\\X", "\\G", "\\Z", "a{1001}", "a{1,1001}", "*",
		"\\", "\377", "a{3}{3}", "[b-a]", "\\E", "\\x", "\\xg", "\\x4",
		"\\x{}", "\\x{41", "[\\b]", "[\\Qa\\E]", "[[:foo:]]",
		/* no class of PCRE2's, nor what is not read as one by both */
		"[[:<:]]", "[[:](?=a)b:]", "[[:]\\Ka:]", "[[:]a(b)\\1:]",
		"[\\S[:alpha:]]", "[[:^alpha:][:digit:]]" };
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		T(match(rows[i], "", 0) == -2, "%s", rows[i]);
}

static double
seconds(const char *pattern, size_t len)
{
	struct timespec a, b;
	char *s = malloc(len);

	if (s == NULL)
		abort();
	memset(s, 'a', len);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	T(match(pattern, s, len) == 0, "no match in many letters");
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	free(s);
	return (double)(b.tv_sec - a.tv_sec) +
	    (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

/* A matcher that goes back needs for these more than the age of the world. */
static void
linear(void)
{
	static const char *const rows[] = { "(a*)*b", "(a|a)*b", "a*a*a*a*b",
		"(x+x+)+y", "a.*a.*a.*b" };
	size_t i;
	double small, large;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		small = seconds(rows[i], 4096);
		large = seconds(rows[i], 65536);
		/* 16 x the bytes: linear is 16, quadratic would be 256 */
		T(large < 64 * small + 0.05, "%s", rows[i]);
	}
}

/* Many states at once, in a subject that is long: no answer, but soon. */
static void
bounded(void)
{
	static const char pattern[] = "a.{0,300}b.{0,300}c";
	const char *what = "";
	struct timespec a, b;
	struct regex *re;
	char *s;
	size_t at, i;

	re = regex_new(pattern, &what, &at);
	s = malloc(REGEX_SUBJECT_MAX);
	if (re == NULL || s == NULL)
		abort();
	for (i = 0; i < REGEX_SUBJECT_MAX; i++)
		s[i] = "ab"[i % 2];
	CHECK_INT(regex_match(re, s, 2000), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	errno = 0;
	CHECK_INT(regex_match(re, s, REGEX_SUBJECT_MAX), -1);
	CHECK_INT(errno, E2BIG);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	/* 13 seconds without a bound */
	T(b.tv_sec - a.tv_sec < 5, "a subject of 128 KiB");
	free(s);
	regex_free(re);
}

int
main(void)
{
	T_RUN(meaning);
	T_RUN(refused);
	T_RUN(linear);
	T_RUN(bounded);
	return done_testing();
}
