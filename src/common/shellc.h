/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command line would run besides itself: the commands in the script of
 * sh -c, and those that wrappers (env, timeout, sudo ...) start. A reading of
 * the words alone, before anything runs: the environment, the files and the
 * standard input of a shell are not looked at.
 *
 * sh stands for dash, bash or busybox: what they read differently is opaque.
 */
#ifndef SHELLC_H
#define SHELLC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHELLC_DEPTH_MAX 4	 /* scripts within scripts */
#define SHELLC_WRAPPERS_MAX 16	 /* wrappers around a command */
#define SHELLC_SCRIPT_MAX 131072 /* bytes; Linux takes no longer argument */
#define SHELLC_MEM_MAX (16 * 1024 * 1024) /* bytes of one result */

/* Ordered: the worst that was met is the result. */
enum shellc_kind {
	SHELLC_NONE,	/* nothing to derive: the outer rule stands */
	SHELLC_DERIVED, /* cmd[] has every command that may run */
	SHELLC_OPAQUE,	/* others may run than those in cmd[] */
	SHELLC_BYPASS,	/* changes what the names in cmd[] stand for */
	SHELLC_DEPTH,	/* nested deeper than is looked at */
	SHELLC_MAX
};

struct shellc_cmd {
	const char *const *argv; /* argv[0] is what is run; ends with NULL */
	size_t argc;		 /* at least 1 */
	uint32_t depth; /* scripts it is in: 0 for a wrapper's payload */
	/* more, fewer or other words than these may follow argv[0]; those with
	 * an expansion are as written */
	bool args_uncertain;
	bool path_uncertain; /* argv[0] may be relative to another directory */
};

/* transparent_commands of a policy: basenames, lower case. */
struct shellc_wrappers {
	const char *const *add;
	size_t nadd;
	const char *const *remove;
	size_t nremove;
};

struct shellc_block;

struct shellc {
	enum shellc_kind kind;
	const char *why; /* static text: which construct; NULL if DERIVED */
	struct shellc_cmd *cmd;
	size_t ncmds;
	/* owned by the result */
	size_t maxcmds;
	size_t used;
	struct shellc_block *blocks;
};

/*
 * Reads argv, which must outlive the result; argv itself is not in cmd[].
 * 0, or -1 with errno ENOMEM, or E2BIG over a limit above: then kind is
 * SHELLC_BYPASS and cmd[] is empty, and the caller denies. In either case
 * shellc_free() is due.
 */
int shellc_analyse(struct shellc *, const char *const *argv, size_t argc,
    const struct shellc_wrappers *extra);
void shellc_free(struct shellc *);

const char *shellc_kind_name(enum shellc_kind);

#endif
