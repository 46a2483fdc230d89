/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: words, each ended by a NUL, as a command line.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shellc.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define WORDS_MAX 64

static void
check(const struct shellc *r, int status)
{
	size_t i, n;

	if (status == -1 && (r->kind != SHELLC_BYPASS || r->ncmds != 0))
		abort();
	if (r->kind >= SHELLC_MAX ||
	    (r->kind > SHELLC_DERIVED && r->why == NULL))
		abort();
	if (status == 0 && (r->kind == SHELLC_NONE) != (r->ncmds == 0) &&
	    r->kind <= SHELLC_DERIVED)
		abort();
	for (i = 0; i < r->ncmds; i++) {
		for (n = 0; r->cmd[i].argv[n] != NULL; n++)
			continue;
		if (n != r->cmd[i].argc || n == 0 ||
		    r->cmd[i].depth > SHELLC_DEPTH_MAX)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "nice", "mine" };
	const struct shellc_wrappers extra = { names + 1, 1, names, 1 };
	const char *argv[WORDS_MAX + 1];
	char *copy = malloc(size + 1);
	size_t argc = 0, at = 0;
	struct shellc r;

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	copy[size] = '\0';
	while (at <= size && argc < WORDS_MAX) {
		argv[argc++] = copy + at;
		at += strlen(copy + at) + 1;
	}
	argv[argc] = NULL;
	check(&r, shellc_analyse(&r, argv, argc, size % 2 ? &extra : NULL));
	shellc_free(&r);
	free(copy);
	return 0;
}
