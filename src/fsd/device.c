/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device, between the kernel and libfuse: reads and writes that are not
 * uring.c's are passed on as they are, but for the answer to INIT, as libfuse
 * does not know yet all that is wanted, and for two requests that it does not
 * know: each begins like one that it knows, becomes that, and is answered in its
 * own form. What is read comes from the kernel.
 */
#include <sys/uio.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/fuse.h>

#include "handle.h"
#include "log.h"
#include "record.h"
#include "serve.h"
#include "uring.h"

/* linux/fuse.h, newer than some that this is built with */
#define OP_TMPFILE 51
#define OP_STATX 52
#define INIT_PASSTHROUGH (1U << (37 - 32)) /* in flags2 */
#define INIT_URING (1U << (41 - 32))	   /* the same */
#define OPEN_PASSTHROUGH (1U << 7)
/* of the host's file system: two others may lie beneath */
#define STACK_DEPTH 2

/* of the request that this thread serves */
static _Thread_local enum device_form form;

/* of the answer that this thread is about to give; 0: none */
static _Thread_local uint32_t backing;

/* The kernel offered it; only used before there are threads. */
static bool has_killpriv;
static bool has_passthrough;
static bool has_uring;
static bool init_answered;

void
device_request(struct fuse_in_header *h)
{
	attr_request(h->pid);
	form = DEVICE_PLAIN;
	if (h->opcode == OP_STATX) {
		form = DEVICE_STATX;
		h->opcode = FUSE_GETATTR;
	} else if (h->opcode == OP_TMPFILE) {
		form = DEVICE_TMPFILE;
		h->opcode = FUSE_CREATE;
	}
}

size_t
device_bytes(const struct fuse_in_header *h, const char *data)
{
	struct fuse_read_in in;

	if (h->opcode == FUSE_WRITE)
		return h->len;
	if (h->opcode != FUSE_READ || h->len < sizeof(*h) + sizeof(in))
		return 0;
	memcpy(&in, data, sizeof(in));
	return in.size;
}

/*
 * Of an error that it does not expect libfuse tells by perror(3), which duplicates
 * a descriptor: the sandbox ends who does that. It expects EINTR, EAGAIN, ENOENT
 * and ENODEV of reading and ENOENT of writing: others become one of them.
 */
static ssize_t
device_read(int fd, void *data, size_t size, void *arg)
{
	struct fuse_in_header h;
	struct fuse_init_in init = { 0 };
	ssize_t n;
	size_t len;

	(void)arg;
	n = read(fd, data, size);
	if (n == -1 && errno != EINTR && errno != EAGAIN && errno != ENOENT) {
		if (errno != ENODEV)
			log_debug("the device: %s", strerror(errno));
		errno = ENODEV; /* it is over */
	}
	if (n < (ssize_t)sizeof(h))
		return n;
	memcpy(&h, data, sizeof(h));
	device_request(&h);
	memcpy(data, &h, sizeof(h));
	if (init_answered)
		return n;
	if (h.opcode != FUSE_INIT)
		return n;
	/* older kernels send less of it */
	len = (size_t)n - sizeof(h);
	if (len > sizeof(init))
		len = sizeof(init);
	memcpy(&init, (char *)data + sizeof(h), len);
	has_killpriv = (init.flags & FUSE_HANDLE_KILLPRIV_V2) != 0;
	has_passthrough = (init.flags & FUSE_INIT_EXT) != 0 &&
	    (init.flags2 & INIT_PASSTHROUGH) != 0;
	has_uring = (init.flags & FUSE_INIT_EXT) != 0 &&
	    (init.flags2 & INIT_URING) != 0;
	return n;
}

/*
 * The host clears set-user-id bits and capabilities itself when one who may
 * not keep them writes, as fsd does. Told so, the kernel does not ask for a
 * file's capabilities before each write(2). Of passthrough this libfuse knows
 * nothing; the depth has the place of a word that was unused.
 */
static void
patch_init(struct iovec *iov, int count)
{
	struct fuse_init_out init;

	if (count < 2 || iov[1].iov_len < FUSE_COMPAT_22_INIT_OUT_SIZE ||
	    iov[1].iov_len > sizeof(init))
		return;
	memcpy(&init, iov[1].iov_base, iov[1].iov_len);
	if (has_killpriv) {
		init.flags &= ~(uint32_t)FUSE_HANDLE_KILLPRIV;
		init.flags |= FUSE_HANDLE_KILLPRIV_V2;
	}
	if (through_start(has_passthrough && iov[1].iov_len == sizeof(init))) {
		init.flags |= FUSE_INIT_EXT;
		init.flags2 |= INIT_PASSTHROUGH;
		init.unused[0] = STACK_DEPTH;
	}
	if (serve_choose(has_uring && iov[1].iov_len == sizeof(init))) {
		init.flags |= FUSE_INIT_EXT;
		init.flags2 |= INIT_URING;
	}
	memcpy(iov[1].iov_base, &init, iov[1].iov_len);
}

/* The last part of an answer to an open; what was padding is the number. */
static void
patch_open(struct iovec *iov, int count)
{
	struct fuse_open_out out;
	char *at;

	if (count != 2 || iov[1].iov_len < sizeof(out))
		return;
	at = (char *)iov[1].iov_base + iov[1].iov_len - sizeof(out);
	memcpy(&out, at, sizeof(out));
	out.open_flags |= OPEN_PASSTHROUGH;
	out.padding = backing;
	memcpy(at, &out, sizeof(out));
}

static ssize_t
device_writev(int fd, struct iovec *iov, int count, void *arg)
{
	ssize_t n;

	(void)arg;
	/* nothing else is answered before it */
	if (!init_answered) {
		init_answered = true;
		patch_init(iov, count);
	}
	if (backing != 0)
		patch_open(iov, count);
	backing = 0;
	/* libfuse wants to know no more than that it was not -1 */
	if (uring_answer(iov, count))
		return 0;
	n = writev(fd, iov, count);
	/* what is to be forgotten can be another node's by now, of another type,
	 * and who is not answered so gets EIO from the kernel */
	if (n == -1 && errno != ENOENT) {
		log_debug("the kernel does not take it: %s", strerror(errno));
		errno = ENOENT;
	}
	return n;
}

void
device_backing(uint32_t number)
{
	backing = number;
}

enum device_form
device_form(void)
{
	return form;
}

int
device_attach(struct fuse_session *se, int fd)
{
	static const struct fuse_custom_io io = {
		.read = device_read,
		.writev = device_writev,
	};

	return fuse_session_custom_io(se, &io, fd) == 0 ? 0 : -1;
}
