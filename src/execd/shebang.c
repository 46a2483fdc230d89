/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "#!", as fs/binfmt_script.c reads it (Linux 5.0 and later). What it would run
 * otherwise than is decided here, is killed; so the corners matter: a file that
 * is shorter than the kernel's buffer is followed by NULs there, and without a
 * newline the line is the whole buffer, blanks at its end included.
 */
#include <stdbool.h>
#include <string.h>

#include "shebang.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The end of the line in the whole buffer; NULL: the kernel refuses it. */
static char *
line_end(char *line)
{
	char *last = line + SHEBANG_MAX - 1;
	char *end = line + strcspn(line, "\n"); /* nor behind a NUL */
	char *s;

	if (end < line + SHEBANG_MAX && *end == '\n')
		return end;
	for (s = line + 2; s <= last && is_blank(*s); s++)
		continue;
	/* without anything behind it the name may be cut off */
	while (s <= last && !is_blank(*s) && *s != '\0')
		s++;
	return s <= last ? last : NULL;
}

int
shebang_parse(struct shebang *sb, const char *head, size_t n)
{
	char *line = sb->line, *end, *s;

	memset(sb, 0, sizeof(*sb));
	memcpy(line, head, n < SHEBANG_MAX ? n : SHEBANG_MAX);
	if (line[0] != '#' || line[1] != '!')
		return 0;
	end = line_end(line);
	if (end == NULL)
		return 0;
	while (is_blank(end[-1]))
		end--;
	*end = '\0';
	for (s = line + 2; is_blank(*s); s++)
		continue;
	if (*s == '\0')
		return 0;
	sb->interpreter = s;
	s += strcspn(s, " \t");
	if (*s == '\0')
		return 1;
	*s++ = '\0';
	sb->arg = s + strspn(s, " \t");
	return 1;
}
