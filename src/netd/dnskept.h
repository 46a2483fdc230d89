/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of name servers that are still true. now: clock_ms().
 */
#ifndef DNSKEPT_H
#define DNSKEPT_H

#include "dnsmsg.h"

struct dns_kept;

/* NULL without memory. */
struct dns_kept *dnskept_new(void);
void dnskept_free(struct dns_kept *);
/* Keeps a copy, in place of what there was, of one that has records. Without
 * memory it does not. */
void dnskept_add(struct dns_kept *, const char *name, uint16_t type,
    const struct dns_reply *, uint64_t now);
/* What is still true of it, by ttls that are what is left of them: until the next
 * call here, and not to be freed. NULL: there is none. */
const struct dns_reply *dnskept_find(struct dns_kept *, const char *name,
    uint16_t type, uint64_t now);

#endif
