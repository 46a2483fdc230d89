/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict YAML reader: what it takes, what it refuses, and where it says so.
 */
#include <string.h>

#include "t.h"
#include "units.h"
#include "yamldoc.h"

#define UNSEEN                                                                 \
	"a character that ends a line or turns its order around: write it as " \
	"an escape, in double quotes"

static void
bad(const char *text, const char *want)
{
	struct aerr e = { 0 };
	struct ydoc d;
	int r;

	r = ydoc_parse(&d, "f", (const uint8_t *)text, strlen(text), &e);
	T(r == -1 && strcmp(e.message, want) == 0, "refused: %s [%s]", want,
	    e.message);
	if (r == 0)
		ydoc_free(&d);
}

static void
test_tree(void)
{
	static const char text[] = "a: 1\nb: [x, 'y']\nc:\n  d: null\n";
	const struct ynode *n;
	struct aerr e;
	struct ydoc d;

	T(ydoc_parse(&d, "f", (const uint8_t *)text, strlen(text), &e) == 0,
	    "a document parses");
	n = d.root->first;
	T(d.root->kind == YNODE_MAP && d.root->n == 3, "three keys");
	T(strcmp(n->key->text, "a") == 0 && strcmp(n->text, "1") == 0,
	    "a is 1");
	n = n->next;
	T(n->kind == YNODE_SEQ && n->n == 2 && n->line == 2 && n->column == 4,
	    "a list at 2:4");
	T(n->first->plain && !n->last->plain, "quotes are known");
	n = n->next;
	T(ynode_is_null(n->first), "null is nothing");
	ydoc_free(&d);
	T(ydoc_parse(&d, "f", NULL, 0, &e) == 0 && d.root == NULL,
	    "an empty document has no root");
	ydoc_free(&d);
}

static const char *
value_of(const char *text)
{
	static char value[64];
	struct aerr e = { 0 };
	struct ydoc d;

	if (ydoc_parse(&d, "f", (const uint8_t *)text, strlen(text), &e) == -1)
		return e.message[0] == '\0' ? NULL : "refused";
	snprintf(value, sizeof(value), "%s", d.root->first->text);
	ydoc_free(&d);
	return value;
}

/* What some editors write. */
static void
test_bytes(void)
{
	CHECK_STR(value_of("\xef\xbb\xbf"
			   "a: b\n"),
	    "b");
	CHECK_STR(value_of("a: b\r\nc: d\r\n"), "b");
	CHECK_STR(value_of("a: \"\\u202e\\u2028\"\n"),
	    "\xe2\x80\xae\xe2\x80\xa8");
	CHECK_STR(value_of("a: \xe2\x80\xa7\xe2\x81\xaa\xc2\x86\n"),
	    "refused"); /* U+0086 is no text of YAML */
	CHECK_STR(value_of("a: \xe2\x80\xa7\xe2\x81\xaa\n"),
	    "\xe2\x80\xa7\xe2\x81\xaa");
}

static void
test_limits(void)
{
	static char text[YDOC_MAX_BYTES + 2];
	struct aerr e;
	struct ydoc d;
	size_t i;

	memset(text, ' ', sizeof(text));
	T(ydoc_parse(&d, "f", (uint8_t *)text, sizeof(text), &e) == -1 &&
		strcmp(e.message, "f:1:1: larger than 4194304 bytes") == 0,
	    "too large: %s", e.message);
	memset(text, '[', 40);
	T(ydoc_parse(&d, "f", (uint8_t *)text, 40, &e) == -1 &&
		strcmp(e.message, "f:1:33: nested more than 32 levels deep") ==
		    0,
	    "too deep: %s", e.message);
	text[0] = '[';
	for (i = 0; i <= YDOC_MAX_NODES; i++)
		memcpy(text + 1 + 2 * i, "a,", 2);
	text[1 + 2 * i] = ']';
	T(ydoc_parse(&d, "f", (uint8_t *)text, 2 + 2 * i, &e) == -1 &&
		strstr(e.message, "more than 262144 values") != NULL,
	    "too many values: %s", e.message);
}

static void
test_words(void)
{
	static const char *const words[] = { "paths", "operations", "name" };

	T(strcmp(nearest_word("path", words, 3), "paths") == 0, "path");
	T(strcmp(nearest_word("operatoins", words, 3), "operations") == 0,
	    "operatoins");
	T(nearest_word("zebra", words, 3) == NULL, "zebra");
}

static void
test_units(void)
{
	uint64_t v = 0;

	T(units_duration("1h30m", &v) == 0 && v == 5400000, "1h30m");
	T(units_duration("1.5s", &v) == 0 && v == 1500, "1.5s");
	T(units_duration("100ms", &v) == 0 && v == 100, "100ms");
	T(units_duration("1us", &v) == 0 && v == 1, "1us rounds up");
	T(units_duration("0.5ns", &v) == 0 && v == 1, "0.5ns is not none");
	T(units_duration("0.0000000001s", &v) == 0 && v == 1, "nor 0.1ns");
	T(units_duration("0.000s", &v) == 0 && v == 0, "0.000s");
	T(units_duration("1.0000000001ms", &v) == 0 && v == 2, "1ms and more");
	T(units_duration("0", &v) == 0 && v == 0, "0");
	T(units_duration("5", &v) == -1, "5 has no unit");
	T(units_duration("1d", &v) == -1, "1d");
	T(units_duration("-1s", &v) == -1, "-1s");
	T(units_duration("", &v) == -1, "nothing");
	T(units_duration("99999999999999999999h", &v) == -1, "overflow");
	T(units_duration("9999999999h", &v) == -1, "overflow of a product");
	T(units_size("10MB", &v) == 0 && v == 10000000, "10MB");
	T(units_size("64KiB", &v) == 0 && v == 65536, "64KiB");
	T(units_size("7", &v) == 0 && v == 7, "7");
	T(units_size("1 XB", &v) == -1, "1 XB");
	T(units_int("0660", 8, &v) == 0 && v == 0660, "0660");
	T(units_int("0o660", 8, &v) == 0 && v == 0660, "0o660");
	T(units_int("9", 8, &v) == -1, "9 is not octal");
}

int
main(void)
{
	test_tree();
	bad("a: 1\na: 2\n", "f:2:1: a: key given twice, first on line 1");
	bad("a: &x 1\n", "f:1:4: anchors are not allowed");
	bad("a: *x\n", "f:1:4: aliases are not allowed");
	bad("a: !!str 1\n", "f:1:4: tags are not allowed");
	bad("a: ! b\n", "f:1:4: tags are not allowed");
	bad("? [a]\n: 1\n", "f:1:3: a key must be a plain word");
	bad("a: 1\n---\nb: 2\n", "f:2:1: a second document is not allowed");
	bad("a: \"x\\0y\"\n", "f:1:4: a NUL byte in a value");
	bad("%TAG ! tag:x,2000:\n---\na: 1\n",
	    "f:1:1: directives are not allowed");
	bad("a: [1\n", "f:2:1: did not find expected ',' or ']'");
	bad("a:\n\tb: 1\n",
	    "f:2:1: found character that cannot start any token");
	/* the end of a comment that nobody sees, and text that looks turned */
	bad("a: 1\n# x \xe2\x80\xa8"
	    "b: 2\n",
	    "f:2:5: " UNSEEN);
	bad("a: 1\n# x \xe2\x80\xa9"
	    "b: 2\n",
	    "f:2:5: " UNSEEN);
	bad("a: 1\n# x \xc2\x85"
	    "b: 2\n",
	    "f:2:5: " UNSEEN);
	bad("a: 1\n# x \rb: 2\n", "f:2:5: " UNSEEN);
	bad("a: 1\r", "f:1:5: " UNSEEN);
	bad("a: \"\xe2\x80\xae"
	    "z\"\n",
	    "f:1:5: " UNSEEN);
	bad("a: \"\xe2\x81\xa6"
	    "z\"\n",
	    "f:1:5: " UNSEEN);
	bad("a: \xff\n", "f:1:4: invalid leading UTF-8 octet");
	test_bytes();
	test_limits();
	test_words();
	test_units();
	return done_testing();
}
