/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text in and out: messages whose control bytes are made visible, whatever
 * they quote; numbers as users write them; memory that is there or ends the
 * program.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "utf8.h"
#include "vis.h"

void *
xcalloc(size_t n, size_t size)
{
	void *p;

	p = calloc(n, size);
	if (p == NULL) {
		fputs("agentsh: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	return p;
}

char *
xstrdup(const char *s)
{
	char *p;

	p = xcalloc(strlen(s) + 1, 1);
	memcpy(p, s, strlen(s));
	return p;
}

static char *__attribute__((format(printf, 1, 0)))
xvasprintf(const char *fmt, va_list ap)
{
	char *p;

	if (vasprintf(&p, fmt, ap) == -1) {
		fputs("agentsh: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	return p;
}

char *
xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = xvasprintf(fmt, ap);
	va_end(ap);
	return p;
}

char *
vis_dup(const char *s)
{
	size_t need;
	char *p;

	need = vis_str(NULL, 0, s) + 1;
	p = xcalloc(need, 1);
	vis_str(p, need, s);
	return p;
}

/* One line to stderr. */
void
say(const char *fmt, ...)
{
	va_list ap;
	char *raw, *safe;

	va_start(ap, fmt);
	raw = xvasprintf(fmt, ap);
	va_end(ap);
	safe = vis_dup(raw);
	fprintf(stderr, "agentsh: %s\n", safe);
	free(safe);
	free(raw);
}

int
parse_num(const char *s, uint64_t max, uint64_t *v)
{
	char *end;

	if (*s < '0' || *s > '9')
		return -1;
	errno = 0;
	*v = strtoull(s, &end, 10);
	return errno != 0 || *end != '\0' || *v > max ? -1 : 0;
}

/* A character of a string of JSON, the same to every reader, in digits. */
static void
print_escaped(uint32_t cp)
{
	if (cp > 0xffff)
		printf("\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10),
		    0xdc00 + (cp & 0x3ff));
	else
		printf("\\u%04x", cp);
}

/* JSON may hold as they are what a terminal would obey: DEL, C1 controls, and
 * what turns text around. */
void
json_print(const void *json, size_t len)
{
	const char *text = json;
	size_t i, n, done = 0;
	bool partial;
	uint32_t cp;

	for (i = 0; i < len; i += n) {
		n = utf8_char(text + i, len - i, &cp, &partial);
		if (n == 0) {
			/* json_parse(), or yajl, has seen to it that this is not so */
			n = 1;
			continue;
		}
		if (cp < 0x7f || !vis_is_confusing(cp))
			continue;
		fwrite(text + done, 1, i - done, stdout);
		print_escaped(cp);
		done = i + n;
	}
	fwrite(text + done, 1, len - done, stdout);
	if (len > 0 && text[len - 1] != '\n')
		putchar('\n');
}
