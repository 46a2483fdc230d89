/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protected set, and which rules of a policy name what of it.
 */
#include <string.h>

#include "protected.h"

const struct protect protect_rows[PROTECT_ROWS] = {
#define PROTECTED(group, where, kind, name)                                    \
	{ PROTECT_##group, PROTECTED_##where, PROTECTED_##kind, name },
#include "protected.def"
#undef PROTECTED
};

const struct protect_group protect_groups[PROTECT_GROUPS] = {
#define GROUP(id, rule, message) { rule, message },
#include "protected.def"
#undef GROUP
};

_Static_assert(PROTECT_ROWS <= IMG_MAX_PROTECTED, "too many protected rows");

/* Is the name written out in the glob, as whole parts of a path? */
static bool
glob_names(const char *glob, const char *name)
{
	size_t len = strlen(name);
	const char *p;

	for (p = strstr(glob, name); p != NULL; p = strstr(p + 1, name)) {
		if (p > glob && strchr("/{,}", p[-1]) != NULL &&
		    (p[len] == '\0' || strchr("/{,}", p[len]) != NULL))
			return true;
	}
	return false;
}

bool
protect_named(const struct rule *r, size_t row)
{
	size_t i;

	for (i = 0; i < r->nglobs; i++) {
		if (glob_names(r->globs[i], protect_rows[row].name))
			return true;
	}
	return false;
}
