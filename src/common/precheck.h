/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the policy says of a command before it starts, and the command that
 * starts then: another one after a redirect, with an environment by rule. For
 * execd, and for who wants to know what it would say.
 */
#ifndef PRECHECK_H
#define PRECHECK_H

#include "image.h"
#include "shellc.h"
#include "spec.h"

struct precheck_how {
	bool deny_opaque; /* a script that cannot be read is denied */
	uint32_t depth;	  /* of the command itself; 0: the session starts it */
	/* told of each command that is asked for, with the verdict on it; may
	 * be NULL */
	void (*asked)(void *arg, const struct command_query *,
	    const struct verdict *);
	void *arg;
};

struct precheck {
	/* DENY, ALLOW, AUDIT, APPROVE, or REDIRECT where the action was taken
	 * over */
	enum decision decision;
	/* what the rule said, where this build cannot do it and denies */
	enum decision said;
	char rule[AGENTSH_NAME_MAX + 1];
	char message[AGENTSH_TEXT_MAX + 1]; /* its fields filled in */
	/* what the words have inside, and where that is not plain, why */
	enum shellc_kind kind;
	const char *why; /* static, or NULL */
	/* the command in them that the rule is about; "": the whole */
	char about[AGENTSH_TEXT_MAX + 1];
	uint32_t timeout_ms; /* of an approval; 0: the rule says nothing */
	/* that command, where it is approved or replaced: each word with its NUL;
	 * NULL: the whole */
	char *words;
	size_t words_len;
	struct command_action action;
	struct verdict env; /* the rule whose environment lists hold */
	/* names that the environment rules left out, for the record */
	const char **dropped;
	size_t ndropped;
};

/* Decides. The preset is DENY, and stays it on any failure. */
void precheck_command(const struct image *, const struct spec *,
    const struct precheck_how *, struct precheck *);
/*
 * The command to start, as a sealed memfd: -1 with errno, or with pc changed
 * to a denial where the environment is over the policy's limits. Names into
 * pc->dropped point into spec.
 */
int precheck_spec(const struct image *, const struct spec *, struct precheck *);
void precheck_free(struct precheck *);

#endif
