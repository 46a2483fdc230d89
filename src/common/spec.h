/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to run: argv, environment, working directory. Travels as a sealed memfd
 * from sessiond to execd and from there to init, and is checked by each.
 */
#ifndef SPEC_H
#define SPEC_H

#include "agentsh.h"
#include "builtin.h"

struct spec {
	char *file;  /* program: a path, or a name to be searched in PATH */
	char **argv; /* ends with NULL */
	size_t argc;
	char **env; /* NAME=VALUE, ends with NULL */
	size_t nenv;
	char *cwd;	      /* absolute, as the session sees it */
	enum builtin builtin; /* that the file is the name of */
	void *mem;	      /* all of it */
};

/* A sealed memfd, or -1 with errno (E2BIG over AGENTSH_SPEC_MAX bytes or
 * AGENTSH_WORDS_MAX words). */
int spec_write(const struct spec *);
/* 0, or -1 with errno: EBADMSG unless sealed and well formed. */
int spec_read(int fd, struct spec *);
void spec_free(struct spec *);

#endif
