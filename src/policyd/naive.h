/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy read rule by rule, as its manual says it: slow, without automata,
 * and able to say of each rule why it does not match. Tests compare the
 * compiler with it.
 */
#ifndef NAIVE_H
#define NAIVE_H

#include "image.h"
#include "policy.h"

/* The first reason for which a rule does not match. */
enum naive_why {
	NAIVE_MATCHES,
	NAIVE_OPERATION, /* it is about others */
	NAIVE_PATH,
	NAIVE_COMMAND,
	NAIVE_DEPTH,
	NAIVE_ARGS,
	NAIVE_DOMAIN,
	NAIVE_ADDRESS,
	NAIVE_PORT,
	NAIVE_SIGNAL,
	NAIVE_TARGET,
	NAIVE_PROCESS,
	NAIVE_PID,
	NAIVE_SUBJECT, /* of a redirect */
	NAIVE_FAILED,  /* nobody can say: too long, no memory */
	NAIVE_WHY_MAX
};

/* What is asked; of each family its own. */
struct naive_query {
	enum family family;
	uint32_t op;	  /* file, unix */
	const char *path; /* file, unix */
	size_t len;
	const struct command_query *command;
	const struct net_query *network;
	const struct signal_query *signal;
	const char *subject; /* dns, connect */
};

struct naive_answer {
	enum decision decision; /* DENY unless a rule said otherwise */
	size_t rule;		/* SIZE_MAX: none of the policy's */
	const char *rule_name;	/* also of defaults and built-in rules */
};

struct naive;

/* Keeps the policy and the variables, which must stay. NULL: no memory, or a
 * regular expression that is none. */
struct naive *naive_new(const struct policy *, const struct vars *);
void naive_free(struct naive *);
/* Words for a reason, such as "path"; static. */
const char *naive_why_name(enum naive_why);
/* What one rule says, whatever is before it. */
enum naive_why naive_rule(const struct naive *, const struct naive_query *,
    size_t rule);
/* 0, or -1 (and DENY) where no rule may decide. */
int naive_eval(const struct naive *, const struct naive_query *,
    struct naive_answer *);
/* rule: the winning one of family command, or SIZE_MAX. */
int naive_env(const struct naive *, size_t rule, const char *name,
    struct naive_answer *);

/* naive_glob.c: 1 it matches, 0 not, -1 no memory. */
int naive_glob(const char *glob, enum glob_kind, const char *subject,
    size_t len);

#endif
