/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rings. The kernel has a queue for each processor, and puts a request into
 * a place that a thread has lent to the queue of the processor that the caller
 * runs on. Each thread has one ring with one such place, serves what is put
 * there, and lends the place again with the answer: nothing is handed from one
 * thread to another, and who waits for a slow host stalls no one else. As long as
 * there may be more, each queue has a thread that has nothing to do.
 *
 * What io_uring could do past the seccomp filter it cannot: all rings are made
 * before, and restricted to commands of files, of which the device alone has one
 * that matters. The kernel writes what comes in, on behalf of hostile processes.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/fuse.h>

#include "approve.h"
#include "log.h"
#include "place.h"
#include "serve.h"
#include "trashing.h"
#include "uring.h"

#define QUEUES_MAX 128 /* a thread for each processor is the least */
#define RINGS 64       /* of all queues, where each gets enough of them */
#define RINGS_LEAST 4  /* each queue's part */
#define RINGS_MOST 32
#define FDS_PART 8 /* of all descriptors rings take no more */

#define PAGE 4096
#define COPY_MIN (128 * 1024) /* names, or an extended attribute */

/* linux/fuse.h, newer than what this is built with */
enum {
	CMD_REGISTER = 1,
	CMD_COMMIT_AND_FETCH = 2
};

struct place_entry {
	uint64_t flags;
	uint64_t commit_id;
	uint32_t payload_sz;
	uint32_t padding;
	uint64_t reserved;
};

struct place_header {
	char in_out[128];
	char op_in[128];
	struct place_entry entry;
};

struct command {
	uint64_t flags;
	uint64_t commit_id;
	uint16_t qid;
	uint8_t padding[6];
};

struct queue;

/* A ring, and the thread that has it. */
struct slot {
	struct io_uring ring;
	struct queue *queue;
	struct place_header *header;
	char *payload; /* a page that is free lies before */
	char *copy;    /* of a request, as its place is that of the answer */
	struct iovec iov[2];
	bool serving;
	bool answered;
	void (*after)(void *);
	void *after_arg;
};

struct queue {
	pthread_mutex_t lock;
	struct slot *slots;
	unsigned used;
	unsigned idle; /* of these, waiting for a request */
	bool warned;
};

static struct {
	struct queue *queues;
	unsigned nqueues;
	unsigned depth; /* slots of each */
	int device;
	size_t payload;
} u = { .device = -1 };

static _Thread_local struct slot *mine;

static void *slot_thread(void *);

/* --- making them, before the sandbox */

/* The first line of a file of /sys, or "". */
static void
read_sys(const char *path, char *dst, size_t size)
{
	ssize_t n;
	int fd;

	dst[0] = '\0';
	fd = openat(fsd.root_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return;
	n = read(fd, dst, size - 1);
	close(fd);
	if (n < 0)
		n = 0;
	dst[n] = '\0';
	dst[strcspn(dst, "\n")] = '\0';
}

/* Processors that there may ever be, as the kernel has a queue for each; 0: not
 * known. */
static unsigned
count_processors(void)
{
	char text[64], end;
	unsigned last;

	read_sys("sys/devices/system/cpu/possible", text, sizeof(text));
	if (strcmp(text, "0") == 0)
		return 1;
	if (sscanf(text, "0-%u%c", &last, &end) != 1)
		return 0;
	return last < UINT16_MAX ? last + 1 : 0;
}

/* 0, or an error number. */
static int
ring_make(struct slot *s)
{
	struct io_uring_params p = { 0 };
	struct io_uring_restriction only[1];
	int rc;

	p.flags = IORING_SETUP_SQE128 | IORING_SETUP_SINGLE_ISSUER |
	    IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED;
	rc = io_uring_queue_init_params(1, &s->ring, &p);
	if (rc < 0) {
		s->ring.ring_fd = -1;
		return -rc;
	}
	memset(only, 0, sizeof(only));
	only[0].opcode = IORING_RESTRICTION_SQE_OP;
	only[0].sqe_op = IORING_OP_URING_CMD;
	/* not in all libraries that have the rest */
	if (syscall(SYS_io_uring_register, s->ring.ring_fd,
		IORING_REGISTER_RESTRICTIONS, only, 1) != -1)
		return 0;
	rc = errno;
	io_uring_queue_exit(&s->ring);
	s->ring.ring_fd = -1;
	return rc;
}

/* The same. */
static int
queue_make(struct queue *q)
{
	unsigned i;
	int rc = 0;

	pthread_mutex_init(&q->lock, NULL);
	q->slots = calloc(u.depth, sizeof(*q->slots));
	if (q->slots == NULL)
		return ENOMEM;
	for (i = 0; i < u.depth; i++) {
		q->slots[i].queue = q;
		q->slots[i].ring.ring_fd = -1;
	}
	for (i = 0; i < u.depth && rc == 0; i++)
		rc = ring_make(&q->slots[i]);
	return rc;
}

const char *
uring_prepare(void)
{
	static char why[128];
	struct rlimit rl;
	char on[8];
	unsigned i, n;
	int rc;

	read_sys("sys/module/fuse/parameters/enable_uring", on, sizeof(on));
	if (strcmp(on, "Y") != 0)
		return "Linux 6.14 or later is needed, with enable_uring of its"
		       " module fuse";
	n = count_processors();
	if (n == 0 || n > QUEUES_MAX)
		return "too many processors";
	u.depth = RINGS / n;
	if (u.depth < RINGS_LEAST)
		u.depth = RINGS_LEAST;
	if (u.depth > RINGS_MOST)
		u.depth = RINGS_MOST;
	/* files need the others */
	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 ||
	    rl.rlim_cur / FDS_PART < (rlim_t)u.depth * n)
		return "RLIMIT_NOFILE is too low";
	u.queues = calloc(n, sizeof(*u.queues));
	rc = u.queues == NULL ? ENOMEM : 0;
	for (i = 0; i < n && rc == 0; i++) {
		u.nqueues++;
		rc = queue_make(&u.queues[i]);
	}
	if (rc == 0)
		return NULL;
	snprintf(why, sizeof(why), "no io_uring: %s", strerror(rc));
	uring_abandon();
	return why;
}

void
uring_abandon(void)
{
	struct queue *q;
	unsigned i, j;

	for (i = 0; i < u.nqueues; i++) {
		q = &u.queues[i];
		for (j = 0; q->slots != NULL && j < u.depth; j++) {
			if (q->slots[j].ring.ring_fd != -1)
				io_uring_queue_exit(&q->slots[j].ring);
		}
		free(q->slots);
		pthread_mutex_destroy(&q->lock);
	}
	free(u.queues);
	u.queues = NULL;
	u.nqueues = 0;
}

/* --- one slot's requests */

/* The kernel takes the command, and with it the place; what comes back is heard
 * by slot_wait. */
static void
slot_submit(struct slot *s, uint32_t what, uint64_t commit_id)
{
	struct command c = { 0 };
	struct io_uring_sqe *sqe;
	int rc;

	sqe = io_uring_get_sqe(&s->ring);
	if (sqe == NULL)
		fatalx("a ring of one is full");
	memset(sqe, 0, 2 * sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = u.device;
	sqe->cmd_op = what;
	if (what == CMD_REGISTER) {
		sqe->addr = (uint64_t)(uintptr_t)s->iov;
		sqe->len = 2;
	}
	c.commit_id = commit_id;
	c.qid = (uint16_t)(s->queue - u.queues);
	memcpy(sqe->cmd, &c, sizeof(c));
	do {
		rc = io_uring_submit(&s->ring);
	} while (rc == -EINTR || rc == -EAGAIN);
	if (rc != 1) {
		errno = rc < 0 ? -rc : EIO;
		fatal("io_uring_enter");
	}
}

/* Waits for a request. 0, or an error number. */
static int
slot_wait(struct slot *s)
{
	struct io_uring_cqe *cqe;
	int rc;

	do {
		rc = io_uring_wait_cqe(&s->ring, &cqe);
	} while (rc == -EINTR || rc == -EAGAIN);
	if (rc < 0)
		return -rc;
	rc = cqe->res;
	io_uring_cqe_seen(&s->ring, cqe);
	return rc < 0 ? -rc : 0;
}

/* Puts the parts of a request together: what libfuse knows. What is written stays
 * where it is, as its answer is of a few bytes, and nobody looks at the data then;
 * of all others the names are used after the answer is there. */
static int
slot_receive(struct slot *s, struct fuse_buf *buf)
{
	struct fuse_in_header in;
	size_t payload = s->header->entry.payload_sz, head;
	char *at, *more;

	memcpy(&in, s->header->in_out, sizeof(in));
	if (payload > u.payload || in.len < sizeof(in) + payload)
		return -1;
	head = in.len - sizeof(in) - payload;
	if (head > sizeof(s->header->op_in))
		return -1;
	if (in.opcode == FUSE_WRITE) {
		at = s->payload - head - sizeof(in);
	} else {
		if (in.len > COPY_MIN) {
			more = realloc(s->copy, in.len);
			if (more == NULL)
				return -1;
			s->copy = more;
		}
		at = s->copy;
		memcpy(at + sizeof(in) + head, s->payload, payload);
	}
	device_request(&in);
	memcpy(at, &in, sizeof(in));
	memcpy(at + sizeof(in), s->header->op_in, head);
	memset(buf, 0, sizeof(*buf));
	buf->size = in.len;
	buf->mem = at;
	return 0;
}

bool
uring_is_here(void)
{
	return mine != NULL && mine->serving;
}

static void
set_answer(struct slot *s, const struct fuse_out_header *out, size_t payload)
{
	memcpy(s->header->in_out, out, sizeof(*out));
	s->header->entry.payload_sz = (uint32_t)payload;
	s->answered = true;
}

bool
uring_answer(const struct iovec *iov, int count)
{
	struct fuse_out_header out;
	struct fuse_in_header in;
	struct slot *s = mine;
	size_t at = 0;
	int i;

	if (!uring_is_here() || s->answered || count < 1 ||
	    iov[0].iov_len != sizeof(out))
		return false;
	memcpy(&out, iov[0].iov_base, sizeof(out));
	memcpy(&in, s->header->in_out, sizeof(in));
	/* 0: it says something by itself */
	if (out.unique == 0 || out.unique != in.unique)
		return false;
	for (i = 1; i < count; i++) {
		if (iov[i].iov_len > u.payload - at) {
			out.error = -EIO;
			at = 0;
			break;
		}
		memcpy(s->payload + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	out.len = (uint32_t)(sizeof(out) + at);
	set_answer(s, &out, at);
	return true;
}

void
uring_after(void (*fn)(void *), void *arg)
{
	if (mine->after != NULL)
		fatalx("two things to do after one answer");
	mine->after = fn;
	mine->after_arg = arg;
}

struct after {
	void (*fn)(void *);
	void *arg;
};

static void *
after_thread(void *arg)
{
	struct after *a = arg;

	a->fn(a->arg);
	free(a);
	return NULL;
}

/* This thread has its place lent to the kernel: a request in it may be what
 * those wait for who do what is left. */
static void
slot_after(struct slot *s)
{
	struct after *a;

	if (s->after == NULL)
		return;
	a = malloc(sizeof(*a));
	if (a == NULL)
		fatal("malloc");
	a->fn = s->after;
	a->arg = s->after_arg;
	s->after = NULL;
	if (thread_start(after_thread, a) != 0)
		fatalx("no thread to let the kernel forget");
}

/* --- the queues */

/* A request has come: somebody must wait for the queue's next one. */
static void
queue_busy(struct queue *q)
{
	int rc = 0;

	pthread_mutex_lock(&q->lock);
	q->idle--;
	if (q->idle == 0 && q->used < u.depth) {
		rc = thread_start(slot_thread, &q->slots[q->used]);
		if (rc == 0) {
			q->used++;
			q->idle++;
		}
	}
	if (rc != 0 && !q->warned) {
		q->warned = true;
		log_warnx("no more threads: %s", strerror(rc));
	}
	pthread_mutex_unlock(&q->lock);
}

static void
queue_idle(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->idle++;
	pthread_mutex_unlock(&q->lock);
}

static void
slot_serve(struct slot *s)
{
	struct fuse_out_header none = { 0 };
	struct fuse_in_header in;
	struct fuse_buf buf;
	uint64_t commit_id = s->header->entry.commit_id;
	bool again;

	queue_busy(s->queue);
	memcpy(&in, s->header->in_out, sizeof(in));
	s->serving = true;
	s->answered = false;
	if (slot_receive(s, &buf) == 0) {
		place_request((int)(s->queue - u.queues),
		    device_bytes(&in, (char *)buf.mem + sizeof(in)));
		do {
			policy_enter();
			fuse_session_process_buf(fsd.session, &buf);
			again = approve_again();
			if (again)
				policy_leave();
		} while (again);
	} else {
		policy_enter();
	}
	if (!s->answered) {
		none.len = sizeof(none);
		none.error = -EIO;
		none.unique = in.unique;
		set_answer(s, &none, 0);
	}
	s->serving = false;
	queue_idle(s->queue);
	slot_submit(s, CMD_COMMIT_AND_FETCH, commit_id);
	/* the kernel has its answer */
	policy_leave();
	slot_after(s);
}

static int
slot_memory(struct slot *s)
{
	char *p;

	p = mmap(NULL, 2 * PAGE + u.payload, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -1;
	s->header = (struct place_header *)(void *)p;
	s->payload = p + 2 * (size_t)PAGE;
	s->copy = malloc(COPY_MIN);
	s->iov[0].iov_base = s->header;
	s->iov[0].iov_len = sizeof(*s->header);
	s->iov[1].iov_base = s->payload;
	s->iov[1].iov_len = u.payload;
	return s->copy == NULL ? -1 : 0;
}

static void *
slot_thread(void *arg)
{
	struct slot *s = arg;
	int rc;

	mine = s;
	if (slot_memory(s) == -1)
		fatal("no memory for requests");
	/* from now on it is this thread's */
	if (syscall(SYS_io_uring_register, s->ring.ring_fd,
		IORING_REGISTER_ENABLE_RINGS, NULL, 0) == -1)
		fatal("a ring cannot be enabled");
	slot_submit(s, CMD_REGISTER, 0);
	while ((rc = slot_wait(s)) == 0)
		slot_serve(s);
	/* as of the device, at its end */
	if (rc != ENOTCONN && rc != ENODEV && rc != ECANCELED) {
		errno = rc;
		fatal("the kernel's queue of requests");
	}
	log_debug("the device is closed");
	trash_end_session();
	_exit(AGENTSH_EXIT_PEER + ROLE_INIT);
}

int
uring_start(int device_fd, size_t write_max)
{
	unsigned i;
	int rc = 0;

	u.device = device_fd;
	u.payload = write_max;
	for (i = 0; i < u.nqueues && rc == 0; i++) {
		u.queues[i].used = 1;
		u.queues[i].idle = 1;
		rc = thread_start(slot_thread, &u.queues[i].slots[0]);
	}
	return rc;
}
