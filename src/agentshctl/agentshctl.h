/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of agentshctl share.
 */
#ifndef AGENTSHCTL_H
#define AGENTSHCTL_H

#include <stdbool.h>
#include <stdio.h>

#include "chan.h"

/* Text that is not ours, made safe for a terminal, and a newline. */
void print_safe(FILE *, const char *text);

/* approvals.c: what waits for operators */
enum approvals_form {
	APPROVALS_TEXT,
	APPROVALS_JSON,
	APPROVALS_NEW /* text of those that were not there at the last look */
};
void approvals_begin(enum approvals_form);
int approvals_on_row(struct chan *, struct imsg *);
/* The list is complete. 0, or -1: it could not be printed. */
int approvals_end(void);

#endif
