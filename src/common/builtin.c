/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which command is a builtin: by its very name, and by how many arguments.
 */
#include <string.h>

#include "builtin.h"

static const struct {
	const char *name;
	int min;
	int max;
	int flags;
} rows[BUILTIN_MAX] = {
#define BUILTIN(id, name, min, max, flags)                                     \
	[BUILTIN_##id] = { name, min, max, flags },
#include "builtin.def"
#undef BUILTIN
};

enum builtin
builtin_find(const char *name, size_t nargs, bool *usage)
{
	int i;

	*usage = false;
	for (i = BUILTIN_NONE + 1; i < BUILTIN_MAX; i++) {
		if ((rows[i].flags & BUILTIN_HIDDEN) != 0 ||
		    strcmp(name, rows[i].name) != 0)
			continue;
		if (nargs >= (size_t)rows[i].min &&
		    nargs <= (size_t)rows[i].max)
			return (enum builtin)i;
		*usage = (rows[i].flags & BUILTIN_ONLY) != 0;
		break;
	}
	return BUILTIN_NONE;
}

const char *
builtin_name(enum builtin b)
{
	return rows[b].name;
}

bool
builtin_has(enum builtin b, int flag)
{
	return (rows[b].flags & flag) != 0;
}
