/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads that take requests from the device.
 */
#ifndef FSD_POOL_H
#define FSD_POOL_H

#include "fsd.h"

/* 0 or an error number. */
int pool_start(void);
/* Waits for a request, of a device that does not block; waited: there was none
 * at once. 1, 0 when there was none after all, -1 at the device's end. */
int pool_take(struct fuse_buf *, bool *waited);

#endif
