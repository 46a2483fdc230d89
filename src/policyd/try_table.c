/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of expected decisions: one row a line,
 *
 *	[--OPTION VALUE ...] OPERATION OBJECT [WORD ...] -> DECISION [RULE]
 *
 * Words as a shell reads them: blanks between, '...', "...", $'...', \c. #
 * begins a comment.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "try.h"

#define ROW_WORDS_MAX 128

struct row {
	char *word[ROW_WORDS_MAX + 1];
	bool quoted[ROW_WORDS_MAX];
	int n;
	char *text; /* what the words point into */
};

/* Behind a backslash in $'...'. */
static char
escaped(char c)
{
	return c == 'n' ? '\n' : c == 't' ? '\t' : c;
}

/* Does a backslash stand for what is behind it? */
static bool
is_escape(const char *p, char quote, bool dollar)
{
	if (*p != '\\' || p[1] == '\0' || (quote == '\'' && !dollar))
		return false;
	return quote != '"' || strchr("\"\\$`", p[1]) != NULL;
}

/* One word of *in, written to *out; 0, or -1: a quote that is not closed. */
static int
read_word(const char **in, char **out, bool *quoted)
{
	const char *p = *in;
	char *o = *out, quote = '\0';
	bool dollar = false;

	for (; *p != '\0'; p++) {
		if (quote == '\0' && isblank((unsigned char)*p))
			break;
		if (quote == '\0' && p[0] == '$' && p[1] == '\'') {
			dollar = true;
			continue;
		}
		if (quote == '\0' && (*p == '\'' || *p == '"')) {
			quote = *p;
			*quoted = true;
		} else if (quote != '\0' && *p == quote) {
			quote = '\0';
			dollar = false;
		} else if (is_escape(p, quote, dollar)) {
			p++;
			*o++ = dollar ? escaped(*p) : *p;
			*quoted = true;
		} else {
			*o++ = *p;
		}
	}
	*o++ = '\0';
	*in = p;
	*out = o;
	return quote == '\0' ? 0 : -1;
}

/* NULL, or what is wrong. */
static const char *
read_row(const char *line, struct row *row)
{
	const char *p = line;
	char *out;

	memset(row, 0, sizeof(*row));
	row->text = out = malloc(strlen(line) + ROW_WORDS_MAX + 1);
	if (out == NULL)
		return "out of memory";
	for (;;) {
		p += strspn(p, " \t");
		if (*p == '\0' || *p == '#')
			return NULL;
		if (row->n == ROW_WORDS_MAX)
			return "too many words";
		row->word[row->n] = out;
		if (read_word(&p, &out, &row->quoted[row->n]) == -1)
			return "a quote that is not closed";
		row->n++;
	}
}

/* Does the answer hold? NULL, or what is wrong in text. */
static const char *
check_answer(const struct try_answer *a, const struct row *row, int arrow,
    char *text, size_t size)
{
	const char *want = row->word[arrow + 1];
	const char *rule = arrow + 2 < row->n ? row->word[arrow + 2] : NULL;
	enum decision d;

	for (d = DECISION_DENY; d < DECISION_MAX; d++) {
		if (strcmp(decision_name(d), want) == 0)
			break;
	}
	if (d == DECISION_MAX)
		return "no such decision";
	if (d == a->decision && (rule == NULL || strcmp(rule, a->rule) == 0))
		return NULL;
	snprintf(text, size, "%s%s%s, not %s%s%s", decision_name(a->decision),
	    a->rule[0] == '\0' ? "" : " by ", a->rule, want,
	    rule == NULL ? "" : " by ", rule == NULL ? "" : rule);
	return text;
}

static const char *
check_row(struct policy_try *t, struct row *row, char *text, size_t size)
{
	struct try_query *q = calloc(1, sizeof(*q));
	struct try_answer a;
	struct aerr e = { 0 };
	int arrow, first = 0, ret = 0;

	if (q == NULL)
		return "out of memory";
	for (arrow = row->n - 1; arrow >= 0; arrow--) {
		if (!row->quoted[arrow] && strcmp(row->word[arrow], "->") == 0)
			break;
	}
	if (arrow < 0 || arrow + 1 >= row->n || row->n > arrow + 3) {
		free(q);
		return "a row ends with -> DECISION [RULE]";
	}
	while (ret == 0 && first + 1 < arrow &&
	    strncmp(row->word[first], "--", 2) == 0) {
		ret = try_option(q, row->word[first] + 2, row->word[first + 1],
		    &e);
		first += 2;
	}
	if (ret == 0)
		ret = try_words(t, q, arrow - first, row->word + first, &e);
	if (ret == 0 && try_ask(t, q, &a, NULL, &e) != TRY_DONE)
		ret = -1;
	free(q);
	if (ret == 0)
		return check_answer(&a, row, arrow, text, size);
	snprintf(text, size, "%s", e.message);
	return text;
}

static void
do_line(struct policy_try *t, char *line, size_t number, struct try_count *c,
    void (*failed)(void *, size_t, const char *), void *arg)
{
	char text[AGENTSH_TEXT_MAX];
	const char *wrong;
	struct row row;

	line[strcspn(line, "\n")] = '\0';
	wrong = read_row(line, &row);
	if (wrong == NULL && row.n > 0) {
		wrong = check_row(t, &row, text, sizeof(text));
		if (wrong == NULL)
			c->passed++;
	}
	if (wrong != NULL) {
		c->failed++;
		failed(arg, number, wrong);
	}
	free(row.text);
}

int
try_table(struct policy_try *t, const char *file, struct try_count *c,
    void (*failed)(void *arg, size_t line, const char *text), void *arg,
    struct aerr *e)
{
	FILE *f = fopen(file, "re");
	size_t size = 0, number = 0;
	char *line = NULL;
	int ret = -1, err;
	ssize_t n;

	memset(c, 0, sizeof(*c));
	if (f == NULL) {
		snprintf(e->message, sizeof(e->message), "%.512s: %s", file,
		    strerror(errno));
		return -1;
	}
	while ((n = getline(&line, &size, f)) != -1) {
		number++;
		if (memchr(line, '\0', (size_t)n) != NULL) {
			c->failed++;
			failed(arg, number, "not text");
			continue;
		}
		do_line(t, line, number, c, failed, arg);
	}
	err = ferror(f) != 0 ? errno : 0;
	free(line);
	fclose(f);
	if (err != 0)
		snprintf(e->message, sizeof(e->message), "%.512s: %s", file,
		    strerror(err));
	else if (c->passed + c->failed == 0)
		snprintf(e->message, sizeof(e->message), "%.512s: no row in it",
		    file);
	else
		ret = 0;
	return ret;
}
