/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount plan: which subtrees of the session's root are not served by fsd.
 * policyd computes it from the policy, privd hands it on, maker mounts it.
 * Wire form: u16 count, then kind u8 and path string each.
 */
#ifndef PLAN_H
#define PLAN_H

#include "agentsh.h"
#include "buf.h"

#define PLAN_MAX 64 /* rows */

struct plan_row {
	enum mount_kind kind; /* MOUNT_NATIVE_RO or MOUNT_HIDDEN */
	char path[256];
};

struct plan {
	size_t n;
	struct plan_row row[PLAN_MAX];
};

/* Can a root that is mounted by one plan go on under the policy of another? */
enum plan_fit {
	PLAN_UNFIT,    /* no: a native mount would show what must be decided */
	PLAN_STRICTER, /* what stays hidden is not denied by the new policy */
	PLAN_FITS,
};

void plan_put(struct buf *, const struct plan *);
/* 0, or -1: malformed, a path that is not absolute and clean, a bad kind, a
 * native mount of anything that sysdir.def does not have as such. */
int plan_get(struct buf *, struct plan *);
/* *path, unless it fits: the mounted row that is about it. */
enum plan_fit plan_compare(const struct plan *mounted,
    const struct plan *wanted, const char **path);

#endif
