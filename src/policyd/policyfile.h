/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a policy file from an open descriptor.
 */
#ifndef POLICYFILE_H
#define POLICYFILE_H

#include "agentsh.h"

/* All of a regular file of at most YDOC_MAX_BYTES bytes; *text is the
 * caller's. name is for errors. 0 or -1. */
int policy_read(int fd, const char *name, uint8_t **text, size_t *len,
    struct aerr *e);

#endif
