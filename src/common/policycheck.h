/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a file a policy that this build enforces in full? For commands; links
 * libpolicyc, libyamldoc, libpolicy and libbase.
 */
#ifndef POLICYCHECK_H
#define POLICYCHECK_H

#include "agentsh.h"

/* 0, or -1 with e->message "file:line:column: what". Compiled for a session
 * at /workspace; nothing is kept. */
int policy_check_file(const char *path, struct aerr *e);

#endif
