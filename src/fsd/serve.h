/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests, from the kernel to the functions of ops.h.
 */
#ifndef FSD_SERVE_H
#define FSD_SERVE_H

#include "fsd.h"

/* device.c: what libfuse reads and writes */
enum device_form {
	DEVICE_PLAIN,
	DEVICE_STATX,	/* a getattr that wants the time of birth too */
	DEVICE_TMPFILE, /* a create of a file without a name */
};
enum device_form device_form(void);
/* The next answer, to an open, has this number of a registered file. */
void device_backing(uint32_t);
int device_attach(struct fuse_session *, int fd);
/* A request has come to this thread; makes of it one that libfuse knows. */
struct fuse_in_header;
void device_request(struct fuse_in_header *);
/* That are to be read or written by it; data is behind the header. */
size_t device_bytes(const struct fuse_in_header *, const char *data);

/* serve.c: the FUSE session and its threads */
/* Before the sandbox. */
void serve_prepare(void);
/* offered: the kernel can do FUSE over io_uring. Says whether it is done; fatal
 * where it has to be. */
bool serve_choose(bool offered);
/* How requests come, in a word. */
const char *serve_detail(void);
int serve_start(int device_fd);
/* A thread that hears no signal and is not waited for. 0 or an error number. */
int thread_start(void *(*)(void *), void *);
int reply_error(fuse_req_t, int error);

#endif
