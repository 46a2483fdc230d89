/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of matrix.c that name two objects, of each kind with each other, in
 * one directory and in two.
 */
#include "matrix.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#define RENAME_EXCHANGE (1 << 1)
#endif

static long
do_rename(const char *a, const char *b, int flags)
{
	return renameat2(AT_FDCWD, a, AT_FDCWD, b, (unsigned)flags);
}

static long
do_link(const char *a, const char *b, int flags)
{
	return linkat(AT_FDCWD, a, AT_FDCWD, b, flags);
}

static long
do_symlink(const char *a, const char *b, int flags)
{
	(void)flags;
	return symlink(a, b);
}

/* clang-format off */
static const struct {
	const char *name;
	long (*fn)(const char *, const char *, int);
	int flags;
} ops[] = {
	{ "rename", do_rename, 0 },
	{ "rename NOREPLACE", do_rename, RENAME_NOREPLACE },
	{ "rename EXCHANGE", do_rename, RENAME_EXCHANGE },
	{ "rename NOREPLACE|EXCHANGE", do_rename, RENAME_NOREPLACE | RENAME_EXCHANGE },
	{ "link", do_link, 0 }, { "link FOLLOW", do_link, AT_SYMLINK_FOLLOW },
	{ "symlink", do_symlink, 0 },
};
/* clang-format on */

static void
one(const struct object *a, const struct object *b, size_t op, bool apart)
{
	char from[CASE_PATH], to[CASE_PATH], what[300];
	long rc;
	int error;

	case_begin();
	if (apart && (mkdir("1", 0755) == -1 || mkdir("2", 0755) == -1))
		exit(1);
	object_make(a, apart ? "1" : ".", 'a', from);
	object_make(b, apart ? "2" : ".", 'b', to);
	rc = ops[op].fn(from, to, ops[op].flags);
	error = errno;
	snprintf(what, sizeof(what), "%s %s %s %s", ops[op].name, a->name,
	    apart ? "to elsewhere:" : "to", b->name);
	case_end("pair", what, rc, error);
}

/* Both names are the same, or one is in the other. */
static void
same(const struct object *a, size_t op)
{
	char from[CASE_PATH], to[CASE_PATH + 3], what[300];
	long rc;
	int error;

	case_begin();
	object_make(a, ".", 'a', from);
	rc = ops[op].fn(from, from, ops[op].flags);
	error = errno;
	snprintf(what, sizeof(what), "%s %s to itself", ops[op].name, a->name);
	case_end("pair", what, rc, error);

	case_begin();
	object_make(a, ".", 'a', from);
	snprintf(to, sizeof(to), "%s/in", from);
	rc = ops[op].fn(from, to, ops[op].flags);
	error = errno;
	snprintf(what, sizeof(what), "%s %s into itself", ops[op].name,
	    a->name);
	case_end("pair", what, rc, error);
}

void
family_pair(void)
{
	size_t a, b, op;

	for (op = 0; op < sizeof(ops) / sizeof(ops[0]); op++) {
		for (a = 0; a < nobjects; a++) {
			same(&objects[a], op);
			if (!objects[a].pairs)
				continue;
			for (b = 0; b < nobjects; b++) {
				if (!objects[b].pairs)
					continue;
				one(&objects[a], &objects[b], op, false);
				/* a link's text has no directory */
				if (ops[op].fn != do_symlink)
					one(&objects[a], &objects[b], op, true);
			}
		}
	}
}
