/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which policies may be used, by policies.allowed, policies.manifest_path and
 * policies.signing of the configuration. policy_read's bytes are judged, and
 * the caller compiles the same.
 */
#ifndef TRUST_H
#define TRUST_H

#include "proc.h"

/* Before the sandbox: libcrypto made ready, and tried on a known signature.
 * Fatal on failure. */
void trust_start(const struct proc *);
/* Is the name among those that sessions may ask for? 0, or -1 with e. */
int trust_allows(const struct proc *, const char *name, struct aerr *e);
/*
 * Is the text of policy name, read from file beneath the directory dir, the
 * one that somebody vouches for? 0; -1 with e filled. With signing.mode warn a
 * signature that is not good is logged, said in warning (AGENTSH_TEXT_MAX
 * bytes, else ""), and let pass.
 */
int trust_check(const struct proc *, int dir, const char *name,
    const char *file, const uint8_t *text, size_t len, char *warning,
    struct aerr *e);

#endif
