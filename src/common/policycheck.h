/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What commands do with a policy file: check it, print it. Links libpolicyc,
 * libyamldoc, libpolicy, libregex and libbase.
 */
#ifndef POLICYCHECK_H
#define POLICYCHECK_H

#include "agentsh.h"

#define WARNINGS_MAX 64

struct buf;

/* What is wrong with a policy that can be used all the same. Zeroed is none. */
struct warnings {
	char **text; /* "file:line:column: key: what", safe to print */
	size_t n;
	size_t more; /* that are not among them */
};

void warnings_add(struct warnings *, const char *text);
void warnings_free(struct warnings *);

/*
 * Compiled for a session of this user at /workspace; nothing is kept. 0 with w
 * filled, which the caller frees, or -1 with e->message "file:line:column:
 * what", and nothing to free.
 */
int policy_check_file(const char *path, struct warnings *w, struct aerr *e);
/* The same, and its normal form in out, which the caller frees too. */
int policy_show_file(const char *path, struct warnings *w, struct buf *out,
    struct aerr *e);

#endif
