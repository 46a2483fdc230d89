/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Warnings about a policy: the first so many, and how many more there were.
 */
#include <stdlib.h>
#include <string.h>

#include "policycheck.h"

void
warnings_add(struct warnings *w, const char *text)
{
	char **p, *copy;

	if (w->n < WARNINGS_MAX) {
		p = reallocarray(w->text, w->n + 1, sizeof(*p));
		if (p != NULL)
			w->text = p;
		copy = p == NULL ? NULL : strdup(text);
		if (copy != NULL) {
			w->text[w->n++] = copy;
			return;
		}
	}
	w->more++;
}

void
warnings_free(struct warnings *w)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		free(w->text[i]);
	free(w->text);
	memset(w, 0, sizeof(*w));
}
