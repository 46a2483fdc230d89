/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions without a network namespace: their sockets are sent to ours on the
 * host's loopback, where anybody may dial. The kernel says which socket is at the
 * other end, by sock_diag(7), and a table that only the session's hooks write
 * (netcg.bpf.c) where that one wanted to go. Who is not in there is nobody of
 * the session.
 */
#include <sys/mman.h>

#include <string.h>

#include "dialled.h"
#include "netd.h"
#include "sockdiag.h"

#define TABLE_SIZE (DIALLED_SLOTS * sizeof(struct dialled))

const struct dialled *
dialled_map(int fd)
{
	void *p = mmap(NULL, TABLE_SIZE, PROT_READ, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

void
dialled_unmap(const struct dialled *d)
{
	if (d != NULL)
		munmap((void *)(uintptr_t)d, TABLE_SIZE);
}

int
dialled_find(const struct nsess *n, int proto, const struct sockdiag_end *own,
    const struct sockdiag_end *far, uint8_t addr[16], uint16_t *port)
{
	const volatile struct dialled *d;
	struct dialled copy;
	uint64_t cookie;
	size_t i;

	if (sockdiag_cookie(n->diag_fd, proto, own, far, &cookie) == -1 ||
	    cookie == 0)
		return -1;
	d = &n->dialled[cookie % DIALLED_SLOTS];
	/* the place may be given to another of the session's sockets meanwhile:
	 * what is read then is another of its destinations, or of no use */
	copy.cookie = d->cookie;
	for (i = 0; i < sizeof(copy.addr); i++)
		copy.addr[i] = d->addr[i];
	copy.port = d->port;
	copy.protocol = d->protocol;
	if (copy.cookie != cookie || d->cookie != cookie ||
	    copy.protocol != proto)
		return -1;
	memcpy(addr, copy.addr, sizeof(copy.addr));
	*port = copy.port;
	return 0;
}
