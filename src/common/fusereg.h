/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two requests to a FUSE device by which a file is read and written by the
 * kernel itself: linux/fuse.h since 7.40 (Linux 6.9), newer than some that this
 * is built with.
 */
#ifndef FUSEREG_H
#define FUSEREG_H

#include <stdint.h>

#include <linux/ioctl.h>

struct fusereg_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};

/* Answers a number, more than 0. */
#define FUSEREG_OPEN _IOW(229, 1, struct fusereg_map)
#define FUSEREG_CLOSE _IOW(229, 2, uint32_t)

#endif
