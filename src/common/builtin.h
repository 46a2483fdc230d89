/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builtins: sessiond knows a command for one, execd decides on it, and init
 * does it, in the process that else would execute a program.
 */
#ifndef BUILTIN_H
#define BUILTIN_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define BUILTIN_ANY INT_MAX

enum {
	BUILTIN_FREE = 1,
	BUILTIN_ONLY = 2,
	BUILTIN_FILES = 4,
	BUILTIN_HIDDEN = 8
};

enum builtin {
	BUILTIN_NONE, /* a program */
#define BUILTIN(id, name, min, max, flags) BUILTIN_##id,
#include "builtin.def"
#undef BUILTIN
	BUILTIN_MAX
};

/* Which one a command of this name with so many arguments is: BUILTIN_NONE, it
 * is a program's. *usage: it is none, and no program either. */
enum builtin builtin_find(const char *name, size_t nargs, bool *usage);
const char *builtin_name(enum builtin);
bool builtin_has(enum builtin, int flag);

#endif
