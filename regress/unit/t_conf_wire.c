/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration between processes: defaults lie in their ranges, every
 * value round-trips, every value out of range and every cut is refused.
 */
#include <stdlib.h>

#include "conf.h"
#include "t.h"

static uint64_t *
num(struct conf *c, const struct conf_row *row)
{
	return (uint64_t *)(void *)((char *)c + row->offset);
}

static int
passes(const struct conf *c)
{
	static struct conf out;
	struct buf b;
	int r;

	buf_init(&b, AGENTSH_CONF_MAX);
	conf_put(&b, c);
	r = b.bad ? -1 : conf_get(&b, &out);
	if (r == 0)
		CHECK(memcmp(c, &out, sizeof(out)) == 0);
	buf_free(&b);
	return r;
}

static void
defaults(void)
{
	static struct conf c;

	conf_defaults(&c);
	CHECK_INT(passes(&c), 0);
	CHECK_STR(c.http_addr, "127.0.0.1:18080");
	CHECK_INT(c.api_socket_mode, 0666);
}

static void
ranges(void)
{
	static struct conf c;
	const struct conf_row *row;
	uint64_t words;
	const char *p;

	for (row = conf_rows; row < conf_rows + conf_nrows; row++) {
		conf_defaults(&c);
		if (row->kind == CONF_STR)
			continue;
		if (row->kind == CONF_CHOICE) {
			for (words = 1, p = row->text; *p != '\0'; p++)
				words += *p == '|';
			*num(&c, row) = words - 1;
			CHECK_INT(passes(&c), 0);
			*num(&c, row) = words;
			CHECK_INT(passes(&c), -1);
			continue;
		}
		CHECK(row->min <= row->num && row->num <= row->max);
		*num(&c, row) = row->min;
		CHECK_INT(passes(&c), 0);
		*num(&c, row) = row->max;
		CHECK_INT(passes(&c), 0);
		*num(&c, row) = row->max + 1;
		CHECK_INT(passes(&c), -1);
		*num(&c, row) = UINT64_MAX;
		CHECK_INT(passes(&c), -1);
		if (row->min > 0) {
			*num(&c, row) = row->min - 1;
			CHECK_INT(passes(&c), -1);
		}
	}
}

/* Nothing of an earlier value behind it. */
static void
set(char *s, const struct conf_row *row, const char *text)
{
	memset(s, 0, row->max + 1);
	snprintf(s, row->max, "%s", text);
}

static void
strings(void)
{
	static struct conf c;
	const struct conf_row *row;
	char *s;

	for (row = conf_rows; row < conf_rows + conf_nrows; row++) {
		if (row->kind != CONF_STR)
			continue;
		conf_defaults(&c);
		s = (char *)&c + row->offset;
		memset(s, 'x', row->max);
		s[row->max] = '\0';
		CHECK_INT(passes(&c), row->form == FORM_NAME ? 0 : -1);
		s[0] = '/';
		CHECK_INT(passes(&c),
		    row->form == FORM_PATH || row->form == FORM_FILE ? 0 : -1);
		set(s, row, "a b");
		CHECK_INT(passes(&c),
		    row->form == FORM_NAMES || row->form == FORM_CALLS ? 0 :
									 -1);
		set(s, row, "AF_ALG:kill AF_UNIX:errno");
		CHECK_INT(passes(&c), row->form == FORM_FAMILIES ? 0 : -1);
		set(s, row, "AF_ALG:kill AF_UNIX:log");
		CHECK_INT(passes(&c), -1);
		set(s, row, "192.0.2.1 [::1]:5353");
		CHECK_INT(passes(&c), row->form == FORM_SERVERS ? 0 : -1);
		set(s, row, "192.0.2.1 ns.test");
		CHECK_INT(passes(&c), -1);
		set(s, row, "::1 ::1 ::1 ::1");
		CHECK_INT(passes(&c), -1);
		set(s, row, "a  b");
		CHECK_INT(passes(&c), -1);
		set(s, row, "a ");
		CHECK_INT(passes(&c), -1);
		set(s, row, "/x/../y");
		CHECK_INT(passes(&c), row->form == FORM_PATH ? 0 : -1);
		conf_defaults(&c);
		CHECK(strlen(row->text) <= row->max);
	}
}

/* What a taken readconf could send for profiles. */
static void
profiles(void)
{
	static const char nine[] =
	    "a b\n\tro . /1\n\tro . /2\n\tro . /3\n\tro . /4\n\tro . /5\n"
	    "\tro . /6\n\tro . /7\n\tro . /8\n\tro . /9\n";
	static const char *const good[] = { "", "a b\n\tro . /x\n",
		"a b\n\trw . /x\n\tro c-1 /xy\nb b\n\tro . /x y\n" };
	static const char *const bad[] = { "a", "a b", "a b\n",
		"a\n\tro . /x\n", "a b\n\tro . /x", "a b\n\trx . /x\n",
		"a b\n\tro . x\n", "a b\n\tro . /\n", "a b\n\tro . /run/x\n",
		"a b\n\tro . /x/.\n", "a b\n\tro . /x\r\n", "a b\nro . /x\n",
		"/ b\n\tro . /x\n", "a /\n\tro . /x\n",
		"a b\n\tro . /x\n\trw . /x\n", "a b\n\tro . /x/y\n\trw . /x\n",
		"a b\n\tro . /x\na b\n\tro . /y\n", "a b\n\tro . /x\n\n", "\n",
		"\tro . /x\n", "a  b\n\tro . /x\n", "a b\n\tro /x\n",
		"a b\n\tro  /x\n", "a b\n\tro ../c /x\n", "a b\n\tro c/ /x\n",
		nine };
	static struct conf c;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		conf_defaults(&c);
		snprintf(c.mount_profiles, sizeof(c.mount_profiles), "%s",
		    good[i]);
		T(passes(&c) == 0, "profiles: %s", good[i]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		conf_defaults(&c);
		snprintf(c.mount_profiles, sizeof(c.mount_profiles), "%s",
		    bad[i]);
		T(passes(&c) == -1, "no profiles: %s", bad[i]);
	}
}

static void
cuts(void)
{
	static struct conf c;
	struct buf b, in;
	size_t n;
	uint8_t *copy;

	conf_defaults(&c);
	buf_init(&b, AGENTSH_CONF_MAX);
	conf_put(&b, &c);
	for (n = 0; n < b.len; n++) {
		copy = malloc(n + 1);
		memcpy(copy, b.data, n);
		buf_read_from(&in, copy, n);
		CHECK_INT(conf_get(&in, &c), -1);
		free(copy);
	}
	buf_put_u8(&b, 0);
	CHECK_INT(conf_get(&b, &c), -1);
	buf_free(&b);
}

/* The largest configuration fits in its message. */
static void
largest(void)
{
	const struct conf_row *row;
	size_t need = 0;

	for (row = conf_rows; row < conf_rows + conf_nrows; row++)
		need += row->kind == CONF_STR ? 4 + row->max : 8;
	CHECK(need <= AGENTSH_CONF_MAX);
}

/* Each key of the table is printed once, under its sections. */
static void
printed(void)
{
	static struct conf c;
	const struct conf_row *row;
	const char *last, *p;
	char *text, want[80];
	size_t len;
	FILE *f;

	conf_defaults(&c);
	f = open_memstream(&text, &len);
	conf_print(f, &c);
	fclose(f);
	p = text;
	for (row = conf_rows; row < conf_rows + conf_nrows; row++) {
		last = strrchr(row->key, '.');
		snprintf(want, sizeof(want), last != NULL ? " %s: " : "\n%s: ",
		    last != NULL ? last + 1 : row->key);
		p = strstr(p, want);
		CHECK(p != NULL);
		if (p == NULL)
			break;
		p++;
	}
	CHECK(strstr(text, "permissions: 0666\n") != NULL);
	CHECK(strstr(text, "level: info\n") != NULL);
	CHECK(strstr(text, "real_paths: false\n") != NULL);
	CHECK(strstr(text, "addr: \"127.0.0.1:18080\"\n") != NULL);
	free(text);
}

int
main(void)
{
	T_RUN(defaults);
	T_RUN(ranges);
	T_RUN(strings);
	T_RUN(profiles);
	T_RUN(cuts);
	T_RUN(largest);
	T_RUN(printed);
	return done_testing();
}
