/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration's table, encoding and printed form, all from conf.def.
 */
#include <inttypes.h>
#include <string.h>

#include "conf.h"
#include "ipport.h"
#include "loopback.h"
#include "path.h"
#include "sockfamily.h"
#include "vis.h"

/* clang-format off */
const struct conf_row conf_rows[] = {
#define CONF_NUM(k, m, kd, d, lo, hi, h) { .key = k, .kind = CONF_##kd, \
	.offset = offsetof(struct conf, m), .num = d, .min = lo, .max = hi, .help = h },
#define CONF_CHOICE(k, m, d, words, h) { .key = k, .kind = CONF_CHOICE, \
	.offset = offsetof(struct conf, m), .num = d, .text = words, .help = h },
#define CONF_STR(k, m, frm, len, d, h) { .key = k, .kind = CONF_STR, \
	.form = FORM_##frm, .offset = offsetof(struct conf, m), .max = len, .text = d, .help = h },
#include "conf.def"
#undef CONF_NUM
#undef CONF_CHOICE
#undef CONF_STR
};
/* clang-format on */

const size_t conf_nrows = sizeof(conf_rows) / sizeof(conf_rows[0]);

static uint64_t *
conf_num(const struct conf *c, const struct conf_row *row)
{
	return (uint64_t *)((uintptr_t)c + row->offset);
}

static char *
conf_str(const struct conf *c, const struct conf_row *row)
{
	return (char *)((uintptr_t)c + row->offset);
}

static uint64_t
count_choices(const char *words)
{
	uint64_t n = 1;

	for (; *words != '\0'; words++)
		n += *words == '|';
	return n;
}

/* Names with one space between two. */
static bool
names_are_valid(const char *text)
{
	char name[AGENTSH_NAME_MAX + 1];
	size_t n;

	if (text[0] == '\0')
		return true;
	for (;; text += n + 1) {
		n = strcspn(text, " ");
		if (n >= sizeof(name))
			return false;
		memcpy(name, text, n);
		name[n] = '\0';
		if (!policy_name_is_valid(name))
			return false;
		if (text[n] == '\0')
			return true;
	}
}

bool
conf_names_have(const char *names, const char *name)
{
	size_t n, len = strlen(name);

	for (;; names += n + 1) {
		n = strcspn(names, " ");
		if (n == len && strncmp(names, name, n) == 0)
			return true;
		if (names[n] == '\0')
			return false;
	}
}

bool
conf_next_word(const char **list, char *word, size_t size)
{
	size_t n = strcspn(*list, " ");

	if (n == 0 || n >= size)
		return false;
	memcpy(word, *list, n);
	word[n] = '\0';
	*list += n;
	if (**list == ' ')
		(*list)++;
	return true;
}

static bool
call_name_is_valid(const char *name)
{
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] ==
	    '\0';
}

/* Names of calls, or families with an action, not too many of them. Whether a
 * call of that name exists is asked where the file is read, and by execd. */
static bool
words_are_valid(enum conf_form form, const char *text)
{
	char word[CONF_CALL_LEN + 1];
	size_t n = 0;
	int family;
	bool kill;

	for (; conf_next_word(&text, word, sizeof(word)); n++) {
		if (form == FORM_CALLS ?
			!call_name_is_valid(word) :
			sockfamily_parse(word, &family, &kill) == -1)
			return false;
		if (*text == '\0' && text[-1] == ' ')
			return false;
	}
	return *text == '\0' && n <= CONF_CALLS_MAX;
}

static bool
servers_are_valid(const char *text)
{
	char word[CONF_CALL_LEN + 1];
	uint8_t addr[16];
	uint16_t port;
	size_t n = 0;

	for (; conf_next_word(&text, word, sizeof(word)); n++) {
		port = 53;
		if (ipport_parse(word, addr, &port) == -1 ||
		    (*text == '\0' && text[-1] == ' '))
			return false;
	}
	return *text == '\0' && n <= CONF_SERVERS_MAX;
}

const char *
conf_form_error(enum conf_form form, const char *text)
{
	int family;
	uint16_t port;

	switch (form) {
	case FORM_PATH:
		if (text[0] == '\0' || text[0] == '/')
			return NULL;
		return "an absolute path";
	case FORM_ADDR:
		if (loopback_parse(text, &family, &port) == 0)
			return NULL;
		return "127.0.0.1 or [::1] with a port, or none";
	case FORM_NAME:
		if (policy_name_is_valid(text))
			return NULL;
		return "the name of a policy";
	case FORM_NAMES:
		if (names_are_valid(text))
			return NULL;
		return "a list of names of policies";
	case FORM_FILE:
		if (text[0] == '\0' ||
		    (path_is_clean(text) && strcmp(text, "/") != 0))
			return NULL;
		return "an absolute path of a file";
	case FORM_PROFILES:
		if (profiles_are_valid(text))
			return NULL;
		return "a mapping of profiles";
	case FORM_CALLS:
		if (words_are_valid(form, text))
			return NULL;
		return "a list of names of system calls";
	case FORM_FAMILIES:
		if (words_are_valid(form, text))
			return NULL;
		return "a list of families of sockets";
	case FORM_SERVERS:
		if (servers_are_valid(text))
			return NULL;
		return "a list of at most three addresses of name servers";
	}
	return "of a known form";
}

void
conf_defaults(struct conf *c)
{
	const struct conf_row *row;

	memset(c, 0, sizeof(*c));
	for (row = conf_rows; row < conf_rows + conf_nrows; row++) {
		if (row->kind == CONF_STR)
			memcpy(conf_str(c, row), row->text,
			    strlen(row->text) + 1);
		else
			*conf_num(c, row) = row->num;
	}
}

void
conf_put(struct buf *b, const struct conf *c)
{
	const struct conf_row *row;

	for (row = conf_rows; row < conf_rows + conf_nrows; row++) {
		if (row->kind == CONF_STR)
			buf_put_str(b, conf_str(c, row), row->max);
		else
			buf_put_u64(b, *conf_num(c, row));
	}
}

int
conf_get(struct buf *b, struct conf *c)
{
	const struct conf_row *row;
	uint64_t v;

	memset(c, 0, sizeof(*c));
	for (row = conf_rows; row < conf_rows + conf_nrows; row++) {
		if (row->kind == CONF_STR) {
			buf_get_str(b, conf_str(c, row), row->max);
			if (conf_form_error(row->form, conf_str(c, row)) !=
			    NULL)
				return -1;
			continue;
		}
		v = buf_get_u64(b);
		if (row->kind == CONF_CHOICE ? v >= count_choices(row->text) :
					       v < row->min || v > row->max)
			return -1;
		*conf_num(c, row) = v;
	}
	return buf_done(b) ? 0 : -1;
}

static void
print_choice(FILE *f, const char *words, uint64_t n)
{
	while (n-- > 0)
		words = strchr(words, '|') + 1;
	fprintf(f, "%.*s", (int)strcspn(words, "|"), words);
}

static void
print_names(FILE *f, const char *text)
{
	size_t n;

	fputc('[', f);
	while ((n = strcspn(text, " ")) > 0) {
		fprintf(f, "\"%.*s\"", (int)n, text);
		text += n;
		if (*text == '\0')
			break;
		fputs(", ", f);
		text++;
	}
	fputc(']', f);
}

/* YAML's double quotes take the escapes of vis but for \ooo, and the parser
 * refuses control bytes in strings. */
static void
print_quoted(FILE *f, const char *text)
{
	char safe[4 * AGENTSH_PATH_MAX + 1];
	const char *p;

	vis_str(safe, sizeof(safe), text);
	fputc('"', f);
	for (p = safe; *p != '\0'; p++) {
		if (*p == '"')
			fputc('\\', f);
		fputc(*p, f);
	}
	fputc('"', f);
}

/* One profile after the other, each in braces. */
static void
print_profiles(FILE *f, const char *text)
{
	static struct profile p;
	bool first = true;
	size_t i;

	fputc('{', f);
	for (; profile_next(&text, &p) == 1; first = false) {
		fprintf(f, "%s\"%s\": {base_policy: \"%s\", mounts: [",
		    first ? "" : ", ", p.name, p.policy);
		for (i = 0; i < p.n; i++) {
			fputs(i > 0 ? ", {path: " : "{path: ", f);
			print_quoted(f, p.mount[i].path);
			fprintf(f, ", mode: %s", p.mount[i].rw ? "rw" : "ro");
			if (p.mount[i].policy[0] != '\0')
				fprintf(f, ", policy: \"%s\"",
				    p.mount[i].policy);
			fputc('}', f);
		}
		fputs("]}", f);
	}
	fputc('}', f);
}

static void
print_families(FILE *f, const char *text)
{
	char word[CONF_CALL_LEN + 1];
	bool first = true;
	size_t n;

	fputc('[', f);
	for (; conf_next_word(&text, word, sizeof(word)); first = false) {
		n = strcspn(word, ":");
		fprintf(f, "%s{family: %.*s, action: %s}", first ? "" : ", ",
		    (int)n, word, word[n] == ':' ? word + n + 1 : "");
	}
	fputc(']', f);
}

static void
print_value(FILE *f, const struct conf *c, const struct conf_row *row)
{
	uint64_t v;

	if (row->kind == CONF_STR &&
	    (row->form == FORM_NAMES || row->form == FORM_CALLS ||
		row->form == FORM_SERVERS)) {
		print_names(f, conf_str(c, row));
		return;
	}
	if (row->kind == CONF_STR && row->form == FORM_FAMILIES) {
		print_families(f, conf_str(c, row));
		return;
	}
	if (row->kind == CONF_STR && row->form == FORM_PROFILES) {
		print_profiles(f, conf_str(c, row));
		return;
	}
	if (row->kind == CONF_STR) {
		print_quoted(f, conf_str(c, row));
		return;
	}
	v = *conf_num(c, row);
	switch (row->kind) {
	case CONF_BOOL:
		fputs(v != 0 ? "true" : "false", f);
		break;
	case CONF_CHOICE:
		print_choice(f, row->text, v);
		break;
	case CONF_TIME:
		fprintf(f, "%" PRIu64 "%s", v % 1000 == 0 ? v / 1000 : v,
		    v % 1000 == 0 ? "s" : "ms");
		break;
	case CONF_MODE:
		fprintf(f, "%04" PRIo64, v);
		break;
	case CONF_COUNT:
	case CONF_SIZE:
	case CONF_STR:
		fprintf(f, "%" PRIu64, v);
		break;
	}
}

/* Length of the leading sections that two dotted keys share. */
static size_t
shared_sections(const char *a, const char *b)
{
	size_t i, n = 0;

	for (i = 0; a[i] != '\0' && a[i] == b[i]; i++) {
		if (a[i] == '.')
			n = i + 1;
	}
	return n;
}

void
conf_print(FILE *f, const struct conf *c)
{
	const struct conf_row *row;
	const char *last = "", *p;
	size_t n;
	int depth;

	for (row = conf_rows; row < conf_rows + conf_nrows; row++) {
		n = shared_sections(row->key, last);
		depth = 0;
		for (p = row->key; p < row->key + n; p++)
			depth += *p == '.';
		while ((n = strcspn(p, ".")), p[n] == '.') {
			fprintf(f, "%*s%.*s:\n", 2 * depth++, "", (int)n, p);
			p += n + 1;
		}
		fprintf(f, "%*s%s: ", 2 * depth, "", p);
		print_value(f, c, row);
		fputc('\n', f);
		last = row->key;
	}
}
