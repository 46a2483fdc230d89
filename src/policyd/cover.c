/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rules can be seen, from their text alone, to hide a later one. Only
 * what is certain: most pairs are not seen, and no rule is wrongly accused.
 */
#include <string.h>

#include "parse.h"

bool
cover_spend(uint32_t *budget, size_t n)
{
	if (*budget < n) {
		*budget = 0;
		return false;
	}
	*budget -= (uint32_t)n;
	return true;
}

/* a ends in / and ** with nothing else special, and b begins the same way. */
static bool
is_beneath(const char *a, const char *b)
{
	size_t len = strlen(a);

	/* every path, whatever b is */
	if (strcmp(a, "**") == 0 || (strcmp(a, "/**") == 0 && b[0] == '/'))
		return true;
	if (len < 3 || strcmp(a + len - 3, "/**") != 0)
		return false;
	len -= 2;
	return strcspn(a, "*?[]{},\\") == len && strncmp(a, b, len) == 0;
}

bool
cover_globs(char *const *a, size_t na, char *const *b, size_t nb,
    uint32_t *budget)
{
	size_t i, j;

	if (!cover_spend(budget, na * nb))
		return false;
	for (j = 0; j < nb; j++) {
		for (i = 0; i < na; i++) {
			if (strcmp(a[i], b[j]) == 0 || is_beneath(a[i], b[j]))
				break;
		}
		if (i == na)
			return false;
	}
	return true;
}
