/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which socket of a session's network namespace gets what no connection is there
 * for yet: netd's, but for what is the session's own. It is asked for the first
 * packet of a TCP connection and each of UDP, before sockets that listen are looked
 * at. Whoever cannot have a socket is refused, as by a host without that service.
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "netaddr.h"
#include "sklookup.h"

#define AF_INET 2
#define AF_INET6 10

#define SELF 2 /* last word of the addresses of IPv6 */
#define NETD 1

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, SKLOOKUP_SOCKETS);
	__type(key, __u32);
	__type(value, __u64);
} netd_sockets SEC(".maps");

enum place {
	OWN,	 /* of the session: loopback, its address, multicast */
	NETD_AT, /* address of netd's sockets */
	OUTSIDE
};

static __always_inline enum place
place4(__u32 addr)
{
	if (addr >> 24 == 127 || addr >> 24 >= 224 || addr == NS_WORD(NS_SELF4))
		return OWN;
	return addr == NS_WORD(NS_NETD4) ? NETD_AT : OUTSIDE;
}

static __always_inline enum place
place6(__u32 a, __u32 b, __u32 c, __u32 d)
{
	if (a >> 24 == 0xff)
		return OWN;
	if ((b | c) != 0)
		return OUTSIDE;
	if (a == 0)
		return d == 1 ? OWN : OUTSIDE;
	if (a != NS_WORD(NS_PREFIX6))
		return OUTSIDE;
	return d == SELF ? OWN : d == NETD ? NETD_AT : OUTSIDE;
}

static __always_inline int
to_netd(struct bpf_sk_lookup *c, __u32 which)
{
	struct bpf_sock *sk = bpf_map_lookup_elem(&netd_sockets, &which);
	long r;

	if (sk == NULL)
		return SK_DROP;
	r = bpf_sk_assign(c, sk, BPF_SK_LOOKUP_F_REPLACE);
	bpf_sk_release(sk);
	return r == 0 ? SK_PASS : SK_DROP;
}

SEC("sk_lookup")
int
steer(struct bpf_sk_lookup *c)
{
	bool v4 = c->family == AF_INET;
	enum place at;

	if (v4)
		at = place4(bpf_ntohl(c->local_ip4));
	else if (c->family == AF_INET6)
		at = place6(bpf_ntohl(c->local_ip6[0]),
		    bpf_ntohl(c->local_ip6[1]), bpf_ntohl(c->local_ip6[2]),
		    bpf_ntohl(c->local_ip6[3]));
	else
		return SK_DROP;
	if (at == OWN)
		return SK_PASS;
	/* nobody has other business there */
	if (at == NETD_AT)
		return v4 && c->protocol == IPPROTO_TCP &&
			c->local_port == NS_PROXY_PORT ?
		    SK_PASS :
		    SK_DROP;
	if (c->protocol == IPPROTO_TCP)
		return to_netd(c, v4 ? SKLOOKUP_TCP4 : SKLOOKUP_TCP6);
	if (c->protocol == IPPROTO_UDP && c->local_port == NS_UDP_PORT)
		return to_netd(c, v4 ? SKLOOKUP_UDP4 : SKLOOKUP_UDP6);
	return SK_DROP;
}
