/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main of the small FUSE file systems that tests put into the way: mounts
 * it at a directory, for all users, and serves it until it is unmounted.
 * FUSE_USE_VERSION is the includer's.
 */
#ifndef FUSEFS_H
#define FUSEFS_H

#include <fuse3/fuse_lowlevel.h>

/* The exit status of the program. */
static inline int
fusefs_serve(char *name, const char *dir, const struct fuse_lowlevel_ops *ops)
{
	char opt[] = "-o", value[] = "allow_other";
	char *args[] = { name, opt, value, NULL };
	struct fuse_args fa = FUSE_ARGS_INIT(3, args);
	struct fuse_session *se;

	se = fuse_session_new(&fa, ops, sizeof(*ops), NULL);
	if (se == NULL || fuse_session_mount(se, dir) != 0)
		return 1;
	return fuse_session_loop(se) == 0 ? 0 : 1;
}

#endif
