/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentsh trash list --log: what came back, and what went for good.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "jsonout.h"
#include "trash_cli.h"

enum {
	COL_TIME,
	COL_WHAT,
	COL_FILES,
	COL_BYTES,
	COL_SESSION,
	COL_TOKEN,
	COL_PATH,
	COL_MAX
};

/* The columns of a line, in place. False: it is no line of the log. */
static bool
split(char *line, char *col[COL_MAX])
{
	size_t i;

	line[strcspn(line, "\n")] = '\0';
	for (i = 0; i < COL_MAX; i++)
		col[i] = strsep(&line, "\t");
	return col[COL_MAX - 1] != NULL && line == NULL;
}

/* What trash_log_add() wrote is safe to print and stays as it is; whatever else
 * is in the file becomes so. To be freed. */
static char *
safe_of(const char *col)
{
	char *safe = vis_dup(col), *to = safe;
	const char *from = safe;

	while (*from != '\0') {
		/* a backslash became two */
		from += from[0] == '\\' && from[1] == '\\';
		*to++ = *from++;
	}
	*to = '\0';
	return safe;
}

static void
show_json(struct jsonout *o, char *const col[COL_MAX])
{
	static const char *const keys[COL_MAX] = { "time", "action", "objects",
		"bytes", "session", "token", "path" };
	char *safe;
	size_t i;

	jo_open(o, NULL);
	for (i = 0; i < COL_MAX; i++) {
		if (strcmp(col[i], "-") == 0)
			continue;
		safe = safe_of(col[i]);
		if (i == COL_FILES || i == COL_BYTES)
			jo_num(o, keys[i], strtoull(safe, NULL, 10));
		else
			jo_str(o, keys[i], safe);
		free(safe);
	}
	jo_close(o);
}

static void
show_line(char *const col[COL_MAX])
{
	char *safe;
	size_t i;

	for (i = 0; i < COL_MAX; i++) {
		safe = safe_of(col[i]);
		printf("%s%c", safe, i + 1 < COL_MAX ? '\t' : '\n');
		free(safe);
	}
}

static int
show_file(int fd, const char *session, struct jsonout *o, size_t *shown)
{
	char *line = NULL, *col[COL_MAX];
	size_t size = 0;
	FILE *f = fdopen(fd, "r");
	int rc;

	if (f == NULL) {
		close(fd);
		return -1;
	}
	while (getline(&line, &size, f) != -1) {
		if (!split(line, col) ||
		    (session != NULL && strcmp(session, col[COL_SESSION]) != 0))
			continue;
		++*shown;
		if (o != NULL)
			show_json(o, col);
		else
			show_line(col);
	}
	rc = ferror(f) ? -1 : 0;
	free(line);
	fclose(f);
	return rc;
}

int
trash_log_list(const struct args *a, const struct trash *t, struct jsonout *o,
    size_t *shown)
{
	int fd, rc = 0, old;

	for (old = 1; old >= 0 && rc == 0; old--) {
		fd = trash_log_open(t, old == 1);
		if (fd != -1)
			rc = show_file(fd, a->opt[OPT_SESSION], o, shown);
		else if (errno != ENOENT)
			rc = -1;
	}
	if (rc == -1)
		say("the log of the trash: %s", strerror(errno));
	return rc;
}
