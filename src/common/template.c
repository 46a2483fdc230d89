/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds {{.Name}} in a text; blanks inside the braces do not count. There is
 * nothing else that a message can do.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "template.h"
#include "vis.h"

enum {
	T_FILE = 1U << FAMILY_FILE,
	T_COMMAND = 1U << FAMILY_COMMAND,
	T_NETWORK = 1U << FAMILY_NETWORK,
	T_UNIX = 1U << FAMILY_UNIX,
	T_SIGNAL = 1U << FAMILY_SIGNAL,
	T_DNS = 1U << FAMILY_DNS,
	T_CONNECT = 1U << FAMILY_CONNECT,
	T_ALL = (1U << FAMILY_MAX) - 1
};

/* clang-format off */
static const struct {
	const char *name;
	unsigned families;
} fields[TEMPLATE_MAX] = {
#define TEMPLATE(id, name, families) { name, families },
#include "template.def"
#undef TEMPLATE
};
/* clang-format on */

/* The next field from text on: *begin its braces, *end after them, its number
 * or TEMPLATE_MAX for none that is known. false: no more braces. */
static bool
next_field(const char *text, const char **begin, const char **end,
    enum template_field *field)
{
	const char *p, *close;
	size_t i, len;

	*field = TEMPLATE_MAX;
	*begin = strstr(text, "{{");
	if (*begin == NULL)
		return false;
	close = strstr(*begin + 2, "}}");
	*end = close == NULL ? NULL : close + 2;
	if (close == NULL)
		return true;
	p = *begin + 2;
	while (*p == ' ')
		p++;
	while (close > p && close[-1] == ' ')
		close--;
	if (close == p || *p++ != '.')
		return true;
	len = (size_t)(close - p);
	for (i = 0; i < TEMPLATE_MAX; i++) {
		if (strlen(fields[i].name) == len &&
		    memcmp(fields[i].name, p, len) == 0)
			*field = (enum template_field)i;
	}
	return true;
}

/* A field of the same letters in another case, or without its dot. */
static const char *
near_field(const char *text)
{
	size_t i, len;

	text += strspn(text, " .");
	len = strcspn(text, " ");
	for (i = 0; i < TEMPLATE_MAX; i++) {
		if (strlen(fields[i].name) == len &&
		    strncasecmp(fields[i].name, text, len) == 0)
			return fields[i].name;
	}
	return NULL;
}

int
template_check(const char *text, enum family family, struct template_error *te)
{
	const char *begin, *end;
	enum template_field f;
	size_t len;

	for (; next_field(text, &begin, &end, &f); text = end) {
		if (f < TEMPLATE_MAX &&
		    (fields[f].families & 1U << family) != 0)
			continue;
		len = end == NULL ? strlen(begin + 2) :
				    (size_t)(end - begin) - 4;
		snprintf(te->field, sizeof(te->field), "%.*s",
		    (int)(len < sizeof(te->field) ? len : sizeof(te->field)),
		    begin + 2);
		te->near = end == NULL ? NULL : near_field(te->field);
		if (end == NULL)
			te->what = "braces that are not closed";
		else if (f == TEMPLATE_MAX)
			te->what = "unknown field";
		else
			te->what = "a rule of this kind has no such field";
		if (f < TEMPLATE_MAX)
			te->near = NULL;
		return -1;
	}
	return 0;
}

/* A text in the making: what fits, and what the whole would need. */
struct out {
	char *dst;
	size_t size;
	size_t len;
	size_t need;
};

/* Appends whole characters; nothing any more once something did not fit. */
static void
put(struct out *o, const char *s, size_t len)
{
	size_t n = len;

	if (o->size > 0 && o->need == o->len) {
		if (n > o->size - 1 - o->len) {
			n = o->size - 1 - o->len;
			while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
				n--;
		}
		memcpy(o->dst + o->len, s, n);
		o->len += n;
		o->dst[o->len] = '\0';
	}
	o->need += len;
}

size_t
template_expand(char *dst, size_t size, const char *text,
    const char *const values[TEMPLATE_MAX])
{
	char value[AGENTSH_TEXT_MAX];
	const char *begin, *end;
	enum template_field f;
	struct out o = { .dst = dst, .size = size };

	if (size > 0)
		dst[0] = '\0';
	while (next_field(text, &begin, &end, &f)) {
		put(&o, text, (size_t)(begin - text));
		if (end == NULL)
			end = begin + strlen(begin);
		if (f < TEMPLATE_MAX && values[f] != NULL) {
			vis_str(value, sizeof(value), values[f]);
			put(&o, value, strlen(value));
		} else {
			put(&o, begin, (size_t)(end - begin));
		}
		text = end;
	}
	put(&o, text, strlen(text));
	return o.need;
}
