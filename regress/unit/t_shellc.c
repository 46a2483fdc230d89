/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table regress/policy/shellc.tbl: command lines, and what is derived from
 * them. With -p the table is printed as the code has it: read what changed
 * before it replaces the old one. Then limits, and what policies add.
 */
#include <errno.h>

#include "shellc.h"
#include "t.h"

#define WORDS_MAX 64
#define LINE_MAX_ 4096

/* One row: kind and words, then a line for each derived command. */
struct row {
	char line[LINE_MAX_]; /* as it stands in the table */
	char text[LINE_MAX_]; /* what argv points into */
	const char *argv[WORDS_MAX + 1];
	size_t argc;
	char want[LINE_MAX_ * 4]; /* all lines of the row */
	int number;
};

static unsigned rows, differ;

static void
put_word(char *dst, size_t size, const char *s)
{
	size_t n = strlen(dst);

	for (; *s != '\0' && n + 5 < size; s++) {
		if (*s == '\n' || *s == '\t' || *s == '\\') {
			dst[n++] = '\\';
			dst[n++] = *s == '\n' ? 'n' : *s == '\t' ? 't' : '\\';
		} else if ((unsigned char)*s < ' ' || (unsigned char)*s >= 0x7f)
			n += (size_t)snprintf(dst + n, 5, "\\x%02x",
			    (unsigned char)*s);
		else
			dst[n++] = *s;
	}
	dst[n] = '\0';
}

static void
put(char *dst, size_t size, const char *s)
{
	size_t n = strlen(dst);

	snprintf(dst + n, size - n, "%s", s);
}

/* Words separated by tabs, with \n \t \\ \xHH. */
static void
row_words(struct row *r)
{
	const char *s = strchr(r->line, '\t');
	char *d = r->text, hex[3] = "";

	r->argc = 0;
	if (s == NULL)
		return;
	for (s++; r->argc < WORDS_MAX; s++) {
		r->argv[r->argc++] = d;
		for (; *s != '\0' && *s != '\t'; s++) {
			if (*s != '\\')
				*d++ = *s;
			else if (*++s == 'x') {
				memcpy(hex, s + 1, 2);
				*d++ = (char)strtoul(hex, NULL, 16);
				s += 2;
			} else
				*d++ = *s == 'n' ? '\n' : *s == 't' ? '\t' : *s;
		}
		*d++ = '\0';
		if (*s == '\0')
			break;
	}
	r->argv[r->argc] = NULL;
}

static void
row_result(const struct row *r, const struct shellc *out, char *have,
    size_t size)
{
	const struct shellc_cmd *c;
	char start[32];
	size_t i, k;

	snprintf(have, size, "%s", shellc_kind_name(out->kind));
	for (i = 0; i < r->argc; i++) {
		put(have, size, "\t");
		put_word(have, size, r->argv[i]);
	}
	put(have, size, "\n");
	for (i = 0; i < out->ncmds; i++) {
		c = &out->cmd[i];
		snprintf(start, sizeof(start), "\t%u%s%s", c->depth,
		    c->args_uncertain ? "?" : "", c->path_uncertain ? "!" : "");
		put(have, size, start);
		for (k = 0; k < c->argc; k++) {
			put(have, size, "\t");
			put_word(have, size, c->argv[k]);
		}
		put(have, size, "\n");
	}
}

static void
row_check(struct row *r, bool print)
{
	static char have[LINE_MAX_ * 4];
	struct shellc out;

	if (r->line[0] == '\0')
		return;
	row_words(r);
	if (shellc_analyse(&out, r->argv, r->argc, NULL) == -1)
		t_fail(__FILE__, r->number, "an error");
	row_result(r, &out, have, sizeof(have));
	if (print)
		fputs(have, stdout);
	else if (strcmp(have, r->want) != 0 && differ++ < 20)
		printf("# line %d: want\n%s# have (%s)\n%s", r->number, r->want,
		    out.why != NULL ? out.why : "", have);
	shellc_free(&out);
	rows++;
	r->line[0] = '\0';
}

static int
table(bool print)
{
	static struct row r;
	static char line[LINE_MAX_];
	const char *src = getenv("srcdir");
	char path[LINE_MAX_];
	int number = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/regress/policy/shellc.tbl",
	    src != NULL ? src : ".");
	f = fopen(path, "r");
	if (f == NULL) {
		perror(path);
		return -1;
	}
	while (fgets(line, sizeof(line), f) != NULL) {
		number++;
		if (line[0] == '\t') {
			put(r.want, sizeof(r.want), line);
			continue;
		}
		row_check(&r, print);
		if (line[0] == '#' || line[0] == '\n') {
			if (print)
				fputs(line, stdout);
			continue;
		}
		snprintf(r.want, sizeof(r.want), "%s", line);
		line[strcspn(line, "\n")] = '\0';
		snprintf(r.line, sizeof(r.line), "%s", line);
		r.number = number;
	}
	row_check(&r, print);
	fclose(f);
	return 0;
}

static enum shellc_kind
kind_of(const char *script, const struct shellc_wrappers *extra, int *status)
{
	const char *argv[] = { "sh", "-c", script, "n", "p", NULL };
	enum shellc_kind kind;
	struct shellc r;

	*status = shellc_analyse(&r, argv, 5, extra);
	kind = r.kind;
	if (*status == -1)
		CHECK(r.ncmds == 0 && r.kind == SHELLC_BYPASS);
	shellc_free(&r);
	return kind;
}

/* What is too big ends with an error, and in no time. */
static void
limits(void)
{
	static const char *const pieces[] = { "a;", "\"$@\" ", "a \"$1\"\n",
		"$(", "(", "{ ", "env ", "! ", "find -exec a \\; ", "eval ",
		"a&", "a<b ", "'a'b\"c\" ", "X=1 ", "time ", "if " };
	static char script[SHELLC_SCRIPT_MAX + 64];
	size_t i, len, n;
	int status;

	memset(script, 'a', SHELLC_SCRIPT_MAX + 1);
	CHECK(kind_of(script, NULL, &status) == SHELLC_BYPASS);
	CHECK(status == -1 && errno == E2BIG);
	script[SHELLC_SCRIPT_MAX] = '\0';
	CHECK(kind_of(script, NULL, &status) == SHELLC_DERIVED && status == 0);
	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		len = strlen(pieces[i]);
		for (n = 0; n + len <= SHELLC_SCRIPT_MAX; n += len)
			memcpy(script + n, pieces[i], len);
		script[n] = '\0';
		(void)kind_of(script, NULL, &status);
		CHECK(status == 0 || errno == E2BIG);
	}
	/* parameters that are written again and again */
	{
		static char long_word[65536];
		const char *argv[] = { "sh", "-c", script, "n", long_word,
			NULL };
		struct shellc r;

		memset(long_word, 'x', sizeof(long_word) - 1);
		for (n = 0; n + 8 <= SHELLC_SCRIPT_MAX; n += 8)
			memcpy(script + n, "$x \"$@\";", 8);
		script[n] = '\0';
		CHECK(shellc_analyse(&r, argv, 5, NULL) == -1 &&
		    errno == E2BIG);
		shellc_free(&r);
	}
}

/* The command that a wrapper of the words runs, or NULL; and the kind. */
static void
peel(const char *const *argv, size_t argc, const struct shellc_wrappers *extra,
    enum shellc_kind kind, const char *payload)
{
	struct shellc r;

	CHECK_INT(shellc_analyse(&r, argv, argc, extra), 0);
	CHECK_INT(r.kind, kind);
	CHECK_INT(r.ncmds, payload != NULL ? 1 : 0);
	if (payload != NULL && r.ncmds == 1)
		CHECK_STR(r.cmd[0].argv[0], payload);
	shellc_free(&r);
}

static void
added_and_removed(void)
{
	static const char *const add[] = { "mine", "nice" };
	static const char *const removed[] = { "env", "nice" };
	const struct shellc_wrappers extra = { add, 2, removed, 2 };
	const char *mine[] = { "/opt/mine", "A=1", "rm", "-r", NULL };
	const char *flag[] = { "mine", "-x", "rm", "y", NULL };
	const char *env[] = { "env", "rm", NULL };
	const char *nice[] = { "nice", "-n", "5", "rm", NULL };
	int status;

	peel(mine, 4, &extra, SHELLC_DERIVED, "rm");
	peel(mine, 4, NULL, SHELLC_NONE, NULL);
	/* y may be what is run, and rm the value of -x */
	peel(flag, 4, &extra, SHELLC_OPAQUE, "rm");
	peel(env, 2, &extra, SHELLC_NONE, NULL);
	peel(env, 2, NULL, SHELLC_DERIVED, "rm");
	/* added and removed: it is one, and its own options are known */
	peel(nice, 4, &extra, SHELLC_DERIVED, "rm");
	CHECK(kind_of("env -x", &extra, &status) == SHELLC_DERIVED);
	CHECK(kind_of("env -x", NULL, &status) == SHELLC_OPAQUE);
}

int
main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "-p") == 0)
		return table(true) == -1;
	T(table(false) == 0, "the table is read");
	T(differ == 0, "%u of %u rows differ", differ, rows);
	T(rows >= 300, "%u rows", rows);
	T_RUN(limits);
	T_RUN(added_and_removed);
	return done_testing();
}
