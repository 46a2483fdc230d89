/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the command rules say of a program that is about to run: of itself under
 * each of its names, of what a wrapper or a shell script in its arguments would
 * start, of the interpreters of a script. The strictest rule that speaks wins.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include "image.h"
#include "shellc.h"

#define JUDGE_READINGS 16 /* of argument lists, for one judgement */

struct judge {
	const struct image *im;
	struct verdict v;	 /* the strictest so far; preset DENY */
	const char *name;	 /* of the command that it is about */
	const char *const *argv; /* its words */
	size_t argc;
	bool inner; /* that is one inside of the program */
	bool any;   /* something was asked */
	/* what argv may point into */
	struct shellc sc[JUDGE_READINGS];
	const char **copy[JUDGE_READINGS];
	size_t nread;
	/* told of each command that is asked for, with the verdict on it; may
	 * be NULL */
	void (*asked)(void *arg, const struct command_query *,
	    const struct verdict *);
	void *asked_arg;
};

struct program {
	const char *command;  /* as it is executed: a name or a path */
	const char *resolved; /* the file that is, absolute; or NULL */
	/* where anybody may have chosen the name in command: a name of the file
	 * that must be allowed as well; or NULL */
	const char *own;
	const char *const *argv;
	size_t argc; /* at least 1 */
	uint32_t depth;
	bool asked_for; /* by the client: the form of a script counts as well */
	bool deny_opaque; /* a script that cannot be read is denied */
};

/* judge_end() frees what argv points into. */
void judge_begin(struct judge *, const struct image *);
/* Asks for one program more; each must be allowed. */
void judge_program(struct judge *, const struct program *);
/* The rule for the program by one name, its arguments unknown or not; false: no
 * answer, and it is denied. */
bool judge_ask(struct judge *, const struct program *, const char *name,
    bool unknown, struct verdict *);
/* Denies, by a rule of our own. */
void judge_deny(struct judge *, const char *rule, const char *message);
/* The message of the rule with the command's own words in it; user may be
 * NULL. */
void judge_message(const struct judge *, const char *user, char *dst,
    size_t size);
void judge_end(struct judge *);

#define RULE_FAILED "policy-evaluation-failed"

#endif
