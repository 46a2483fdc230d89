/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to netd where there is no nf_tables: a program in the kernel,
 * sklookup.bpf.c, says which socket of the network namespace gets what is dialled
 * in it. Each session's namespace has a copy with its own table of netd's sockets;
 * who holds its link, agentshd, keeps it there.
 */
#include "bpfobj.h"
#include "maker.h"

#ifdef HAVE_BPF

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "sklookup.h"

static const unsigned char program[] __attribute__((aligned(8))) = {
#include <sklookup_bpf.h>
};

static int
fill(const struct bpf_object *obj, const struct net_sockets *n)
{
	const int fd[SKLOOKUP_SOCKETS] = {
		[SKLOOKUP_TCP4] = n->tcp[0],
		[SKLOOKUP_TCP6] = n->tcp[1],
		[SKLOOKUP_UDP4] = n->udp[0],
		[SKLOOKUP_UDP6] = n->udp[1],
	};
	int map = bpf_object__find_map_fd_by_name(obj, "netd_sockets");
	__u64 value;
	__u32 key;

	if (map < 0)
		return -1;
	for (key = 0; key < SKLOOKUP_SOCKETS; key++) {
		value = (__u64)fd[key];
		if (fd[key] != -1 &&
		    bpf_map_update_elem(map, &key, &value, BPF_NOEXIST) != 0)
			return -1;
	}
	return 0;
}

/* Its link, or -1 with errno. */
static int
attach(const struct bpf_object *obj)
{
	const struct bpf_program *p = bpf_object__find_program_by_name(obj,
	    "steer");
	int ns, link, saved;

	if (p == NULL)
		return -1;
	ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (ns == -1)
		return -1;
	link = bpf_link_create(bpf_program__fd(p), ns, BPF_SK_LOOKUP, NULL);
	saved = errno;
	close(ns);
	errno = saved;
	return link < 0 ? -1 : link;
}

int
steer_sk_lookup(struct net_sockets *n, struct aerr *e)
{
	struct bpf_object *obj;

	if (bpfobj_may(e) == -1)
		return -1;
	obj = bpfobj_open(program, sizeof(program));
	if (obj == NULL)
		return make_error(e, "program for the kernel");
	if (bpf_object__load(obj) != 0)
		make_error(e, "load a program into the kernel");
	else if (fill(obj, n) == -1)
		make_error(e, "sockets for the program");
	else if ((n->steer = attach(obj)) == -1)
		make_error(e, "attach the program to the network namespace");
	/* the link has what it needs of it */
	bpf_object__close(obj);
	return n->steer == -1 ? -1 : 0;
}

#else

int
steer_sk_lookup(struct net_sockets *n, struct aerr *e)
{
	(void)n;
	return bpfobj_may(e);
}

#endif
