/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Look-ups that netd makes for itself: is this address really one of that name,
 * and where does a connection go that names its server by name.
 */
#ifndef RESOLVE_H
#define RESOLVE_H

#include "netd.h"

#define RESOLVE_MAX 16 /* addresses of one answer */

/* why there is none: they are a session's look-ups, which are bounded */
#define RESOLVE_TOO_MANY "too many look-ups"

struct resolve_ask;
/* n addresses, of both families and not decided about; 0: there is none, or no
 * answer came. */
typedef void (*resolve_cb)(void *arg, const uint8_t (*addr)[16], size_t n);

/* name is canonical as netd.h says. The rules are not asked about it: that is
 * the caller's. cb is called once, from the loop and never from within. NULL:
 * RESOLVE_TOO_MANY, or no memory. */
struct resolve_ask *resolve_start(struct nsess *, const char *name, resolve_cb,
    void *arg);
/* cb is not called any more. */
void resolve_forget(struct resolve_ask *);

#endif
