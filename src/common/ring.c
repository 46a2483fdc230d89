/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event rings. Positions are counts of bytes since the beginning, never
 * wrapped; a record is its length (32 bits) and its bytes, padded to 8, and
 * may go on at the start of the data. Both sides can write the whole mapping,
 * so each keeps its own position outside and checks the other's at every use.
 *
 * Sleeping: who wants to sleep raises its flag, then looks again; who moves a
 * position publishes it, then looks at the flag. With a full fence between the
 * two steps on either side, at least one of them sees the other.
 */
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "ring.h"

#define RING_HEAD_LEN 4096 /* the data begin on a page of their own */
#define RING_SIZE_MIN 4096
#define RING_SIZE_MAX (64U << 20)
#define RING_LEN_LEN sizeof(uint32_t)
#define RING_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* A cache line each: the sides write different ones. */
struct ring_head {
	_Alignas(64) _Atomic uint64_t head; /* producer's position */
	_Alignas(64) _Atomic uint64_t tail; /* consumer's position */
	_Alignas(64) _Atomic uint32_t consumer_sleeps;
	_Alignas(64) _Atomic uint32_t producer_sleeps;
};

_Static_assert(sizeof(struct ring_head) <= RING_HEAD_LEN, "ring head");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "positions need free atomics");

int
ring_create(int fds[3])
{
	int i, saved;

	fds[0] = fds[1] = fds[2] = -1;
	fds[0] = memfd_create("agentsh-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fds[0] == -1 ||
	    ftruncate(fds[0], RING_HEAD_LEN + RING_SIZE) == -1 ||
	    fcntl(fds[0], F_ADD_SEALS, RING_SEALS) == -1)
		goto fail;
	fds[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fds[2] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fds[1] == -1 || fds[2] == -1)
		goto fail;
	return 0;
fail:
	saved = errno;
	for (i = 0; i < 3; i++) {
		if (fds[i] != -1)
			close(fds[i]);
		fds[i] = -1;
	}
	errno = saved;
	return -1;
}

int
ring_map(struct ring *r, const int fds[3], uint32_t size)
{
	struct stat st;
	void *p;
	int seals;

	memset(r, 0, sizeof(*r));
	r->mem_fd = r->wake_fd = r->space_fd = -1;
	if (size < RING_SIZE_MIN || size > RING_SIZE_MAX ||
	    (size & (size - 1)) != 0) {
		errno = EINVAL;
		return -1;
	}
	seals = fcntl(fds[0], F_GET_SEALS);
	if (seals == -1 || fstat(fds[0], &st) == -1)
		return -1;
	/* a file that could shrink would be a SIGBUS for the other side */
	if ((seals & RING_SEALS) != RING_SEALS ||
	    st.st_size != (off_t)size + RING_HEAD_LEN) {
		errno = EBADMSG;
		return -1;
	}
	p = mmap(NULL, (size_t)size + RING_HEAD_LEN, PROT_READ | PROT_WRITE,
	    MAP_SHARED, fds[0], 0);
	if (p == MAP_FAILED)
		return -1;
	errno = pthread_mutex_init(&r->lock, NULL);
	if (errno != 0) {
		munmap(p, (size_t)size + RING_HEAD_LEN);
		return -1;
	}
	r->head = p;
	r->data = (uint8_t *)p + RING_HEAD_LEN;
	r->size = size;
	r->mem_fd = fds[0];
	r->wake_fd = fds[1];
	r->space_fd = fds[2];
	return 0;
}

void
ring_unmap(struct ring *r)
{
	if (r->head == NULL)
		return;
	munmap(r->head, (size_t)r->size + RING_HEAD_LEN);
	close(r->mem_fd);
	close(r->wake_fd);
	close(r->space_fd);
	pthread_mutex_destroy(&r->lock);
	memset(r, 0, sizeof(*r));
	r->mem_fd = r->wake_fd = r->space_fd = -1;
}

/* Bytes that a record of len takes. */
static uint32_t
ring_need(size_t len)
{
	return (uint32_t)((RING_LEN_LEN + len + 7) & ~(size_t)7);
}

static void
ring_wake(int fd)
{
	const uint64_t one = 1;
	ssize_t n;

	/* EAGAIN: the counter is full, so the other side is awake anyway */
	do {
		n = write(fd, &one, sizeof(one));
	} while (n == -1 && errno == EINTR);
}

static void
ring_copy_in(struct ring *r, uint64_t pos, const void *src, size_t len)
{
	size_t at = (size_t)(pos & (r->size - 1));
	size_t first = r->size - at < len ? r->size - at : len;

	memcpy(r->data + at, src, first);
	memcpy(r->data, (const uint8_t *)src + first, len - first);
}

static void
ring_copy_out(struct ring *r, uint64_t pos, void *dst, size_t len)
{
	size_t at = (size_t)(pos & (r->size - 1));
	size_t first = r->size - at < len ? r->size - at : len;

	memcpy(dst, r->data + at, first);
	memcpy((uint8_t *)dst + first, r->data, len - first);
}

/* Free bytes as the producer sees them; -1 when the tail cannot be true. */
static int64_t
ring_space(struct ring *r)
{
	/* from peer */
	uint64_t used = r->pos - atomic_load(&r->head->tail);

	return used > r->size ? -1 : (int64_t)(r->size - used);
}

/* Producer, locked: waits until need bytes are free. 0, or -1. */
static int
ring_wait_space(struct ring *r, uint32_t need)
{
	struct pollfd pfd = { .fd = r->space_fd, .events = POLLIN };
	uint64_t count;
	int64_t space;

	for (;;) {
		space = ring_space(r);
		if (space >= (int64_t)need)
			return 0;
		if (space < 0) {
			errno = EPROTO;
			return -1;
		}
		if (atomic_load(&r->abandoned)) {
			errno = ECANCELED;
			return -1;
		}
		atomic_store(&r->head->producer_sleeps, 1);
		atomic_thread_fence(memory_order_seq_cst);
		space = ring_space(r);
		if (space < 0 || space >= (int64_t)need) {
			atomic_store(&r->head->producer_sleeps, 0);
			continue;
		}
		if (poll(&pfd, 1, -1) == -1 && errno != EINTR)
			return -1;
		if (read(r->space_fd, &count, sizeof(count)) == -1 &&
		    errno != EAGAIN && errno != EINTR)
			return -1;
	}
}

void
ring_abandon(struct ring *r)
{
	/* whoever is about to sleep finds the descriptor readable */
	atomic_store(&r->abandoned, true);
	ring_wake(r->space_fd);
}

int
ring_put(struct ring *r, const void *data, size_t len)
{
	uint32_t len32 = (uint32_t)len;
	uint32_t need;

	if (len > r->size / 4) {
		errno = EMSGSIZE;
		return -1;
	}
	need = ring_need(len);
	pthread_mutex_lock(&r->lock);
	if (ring_wait_space(r, need) == -1) {
		pthread_mutex_unlock(&r->lock);
		return -1;
	}
	ring_copy_in(r, r->pos, &len32, sizeof(len32));
	ring_copy_in(r, r->pos + RING_LEN_LEN, data, len);
	r->pos += need;
	atomic_store_explicit(&r->head->head, r->pos, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&r->head->consumer_sleeps,
		memory_order_relaxed) != 0 &&
	    atomic_exchange(&r->head->consumer_sleeps, 0) != 0)
		ring_wake(r->wake_fd);
	pthread_mutex_unlock(&r->lock);
	return 0;
}

int
ring_get(struct ring *r, void *dst, size_t max, size_t *len)
{
	uint64_t avail;
	uint32_t n, need;

	*len = 0;
	/* from peer: head, and later the length */
	avail = atomic_load_explicit(&r->head->head, memory_order_acquire) -
	    r->pos;
	if (avail == 0)
		return 0;
	if (avail > r->size || (avail & 7) != 0)
		return -1;
	/* aligned, so never split; read once, the producer may still write it */
	n = atomic_load_explicit((_Atomic uint32_t *)(void *)(r->data +
				     (r->pos & (r->size - 1))),
	    memory_order_relaxed);
	if (n > max || n > r->size / 4)
		return -1;
	need = ring_need(n);
	if (need > avail)
		return -1;
	ring_copy_out(r, r->pos + RING_LEN_LEN, dst, n);
	*len = n;
	r->pos += need;
	atomic_store_explicit(&r->head->tail, r->pos, memory_order_release);
	/* Only at half free: a full ring shall not cost a wake-up a record. A
	 * sleeper's record fits then, and who drains to the end passes here. */
	if (avail - need <= r->size / 2) {
		atomic_thread_fence(memory_order_seq_cst);
		if (atomic_load_explicit(&r->head->producer_sleeps,
			memory_order_relaxed) != 0 &&
		    atomic_exchange(&r->head->producer_sleeps, 0) != 0)
			ring_wake(r->space_fd);
	}
	return 1;
}

bool
ring_may_sleep(struct ring *r)
{
	atomic_store(&r->head->consumer_sleeps, 1);
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&r->head->head, memory_order_acquire) ==
	    r->pos)
		return true;
	atomic_store(&r->head->consumer_sleeps, 0);
	return false;
}
