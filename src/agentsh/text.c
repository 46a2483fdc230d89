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
