/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first line of a script, read as the kernel reads it. The bytes are
 * anybody's.
 */
#ifndef SHEBANG_H
#define SHEBANG_H

#include <stddef.h>

#define SHEBANG_MAX 256 /* BINPRM_BUF_SIZE: the kernel looks at no more */

struct shebang {
	char line[SHEBANG_MAX + 1];
	const char *interpreter; /* into line, as arg */
	const char *arg;	 /* NULL: none; may be empty */
};

/* From the first n bytes of a file, at most SHEBANG_MAX of which count. 1: a
 * script; 0: something else, or a line that the kernel refuses. */
int shebang_parse(struct shebang *, const char *head, size_t n);

#endif
