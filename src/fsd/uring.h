/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FUSE over io_uring: requests and answers travel in memory that is shared with
 * the kernel, and are served on the processor that the caller runs on. The
 * device is still read for what comes by it alone: interrupts, and nodes that
 * the kernel forgets. serve.c chooses between the two, once.
 */
#ifndef URING_H
#define URING_H

#include <errno.h>

#include "fsd.h"

#ifdef HAVE_LIBURING

/* Makes the rings, before the sandbox. NULL, or why there are none. */
const char *uring_prepare(void);
/* They are not used after all. */
void uring_abandon(void);
/* The answer to INIT has said that they are: a thread for each processor begins
 * to serve. 0, or an error number; what fails later is fatal. */
int uring_start(int device_fd, size_t write_max);
/* Takes the answer of this thread's request; false: it came by the device, and
 * so does its answer. */
bool uring_answer(const struct iovec *, int count);
/* Is this thread's request one of a ring? */
bool uring_is_here(void);
/* fn(arg) is called by another thread when this thread's request, which is of a
 * ring, has been answered. Once each request. */
void uring_after(void (*fn)(void *), void *arg);

#else

static inline const char *
uring_prepare(void)
{
	return "fsd was built without liburing";
}

static inline void
uring_abandon(void)
{
}

static inline int
uring_start(int device_fd, size_t write_max)
{
	(void)device_fd;
	(void)write_max;
	return ENOSYS;
}

static inline bool
uring_answer(const struct iovec *iov, int count)
{
	(void)iov;
	(void)count;
	return false;
}

static inline bool
uring_is_here(void)
{
	return false;
}

static inline void
uring_after(void (*fn)(void *), void *arg)
{
	fn(arg);
}

#endif
#endif
