/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Confinement of our own processes, from sandbox.def: resource limits,
 * no_new_privs, no capability, not dumpable, Landlock, seccomp. A mechanism
 * that is missing is fatal.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include "agentsh.h"

enum sandbox_access {
	SANDBOX_RO, /* read files and list directories beneath */
	SANDBOX_RW  /* also write, make, remove, rename, truncate */
};

struct sandbox_dir {
	int fd; /* -1 is skipped */
	enum sandbox_access access;
};

/* Which access a role may have is its LANDLOCK row; a directory that asks for
 * more is a programming error and fatal. Returns only when confined. */
void sandbox_enter(enum role, const struct sandbox_dir *, size_t ndirs);

/* Before sandbox_enter: a process whose LANDLOCK row is DIAL may bind TCP sockets
 * as well. */
void sandbox_let_bind(void);

#endif
