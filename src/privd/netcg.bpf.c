/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel does with the sockets of a session that has no network
 * namespace of its own: hooks of its control group (netcg.c attaches them). A TCP
 * connection goes to netd on the loopback, wherever it was meant to go, and so do
 * questions to name servers; netd reads where that was in a table, decides, and
 * makes the connection itself. Nothing is decided here but what is the session's
 * own: a port of the loopback on which one of its sockets is. And whatever these
 * rules should miss, no packet of a session passes any device but the loopback.
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "netaddr.h"
#include "netcg.h"

#define AF_INET 2
#define AF_INET6 10
#define SOL_SOCKET 1
#define SO_REUSEADDR 2
#define SO_REUSEPORT 15
#define SYN_SENT 2 /* TCP_SYN_SENT */
#define LOOPBACK_IFINDEX 1
#define IP_ADD_MEMBERSHIP 35
#define IP_ADD_SOURCE_MEMBERSHIP 39
#define IP_MSFILTER 41
#define IPV6_ADD_MEMBERSHIP 20
#define IPV6_JOIN_ANYCAST 27
#define MCAST_JOIN_GROUP 42
#define MCAST_JOIN_SOURCE_GROUP 46
#define MCAST_MSFILTER 48
#define OPTLEN_MAX 4096 /* that a hook is shown */
#define IP_SADDR 12	/* in the header, and the destination after it */
#define IP6_SADDR 8
#define IP_PLAIN 0x45 /* version 4, and no options */
#define IP6_NEXT 6
#define ENETUNREACH 101
#define ECONNREFUSED 111
#define DNS_PORT bpf_htons(53)
#define MAPPED bpf_htonl(0xffff)
#define LOOPBACK4 bpf_htonl(INADDR_LOOPBACK)

#define ALLOW 1
#define REFUSE 0 /* EPERM */

/* Of every socket that was made in the session. */
struct own {
	__u32 far[4]; /* where it wanted to go, network byte order */
	__u16 port;   /* the same */
	__u8 sent;    /* far is known */
	__u8 refused; /* what it sends is to go nowhere */
};

const volatile struct netcg_ports ports;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, DIALLED_SLOTS);
	__type(key, __u32);
	__type(value, struct dialled);
} dialled SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct own);
} owned SEC(".maps");

/* An address of IPv4 is in the last word of a mapped one. */
struct place {
	__u32 addr[4];
	__u16 port; /* network byte order */
};

static __always_inline bool
is_mapped(const struct place *p)
{
	return p->addr[0] == 0 && p->addr[1] == 0 && p->addr[2] == MAPPED;
}

/* 0.0.0.0 and :: are oneself as well. */
static __always_inline bool
is_loopback(const struct place *p)
{
	if (is_mapped(p))
		return p->addr[3] == 0 ||
		    (p->addr[3] & bpf_htonl(0xff000000)) ==
		    bpf_htonl(0x7f000000);
	return p->addr[0] == 0 && p->addr[1] == 0 && p->addr[2] == 0 &&
	    (p->addr[3] == 0 || p->addr[3] == bpf_htonl(1));
}

static __always_inline bool
is_any(const struct place *p)
{
	return p->addr[3] == 0 && (is_mapped(p) || p->addr[2] == 0);
}

enum owner {
	NOBODY,
	HOST,
	SESSION
};

/* Whose socket would answer at this place of the loopback? */
static __always_inline enum owner
whose(struct bpf_sock_addr *c, const struct place *p)
{
	struct bpf_sock *sk, *from = c->sk;
	struct bpf_sock_tuple t = {};
	__u16 sport = 0;
	__u32 len;
	bool own;

	/* one of UDP may be connected to the sender; of TCP those are no servers */
	if (c->protocol == IPPROTO_UDP && from != NULL)
		sport = bpf_htons((__u16)from->src_port);
	if (is_mapped(p)) {
		t.ipv4.saddr = LOOPBACK4;
		t.ipv4.sport = sport;
		t.ipv4.daddr = p->addr[3] == 0 ? LOOPBACK4 : p->addr[3];
		t.ipv4.dport = p->port;
		len = sizeof(t.ipv4);
	} else {
		t.ipv6.saddr[3] = t.ipv6.daddr[3] = bpf_htonl(1);
		t.ipv6.sport = sport;
		t.ipv6.dport = p->port;
		len = sizeof(t.ipv6);
	}
	if (c->protocol == IPPROTO_TCP)
		sk = bpf_sk_lookup_tcp(c, &t, len, BPF_F_CURRENT_NETNS, 0);
	else
		sk = bpf_sk_lookup_udp(c, &t, len, BPF_F_CURRENT_NETNS, 0);
	if (sk == NULL)
		return NOBODY;
	own = bpf_sk_storage_get(&owned, sk, NULL, 0) != NULL;
	bpf_sk_release(sk);
	return own ? SESSION : HOST;
}

/* For netd, and for who asks the socket. false: it cannot be told. */
static __always_inline bool
note(struct bpf_sock_addr *c, struct own *o, const struct place *p)
{
	__u64 cookie = bpf_get_socket_cookie(c);
	__u32 slot = (__u32)(cookie % DIALLED_SLOTS);
	struct dialled *d = bpf_map_lookup_elem(&dialled, &slot);

	if (d == NULL)
		return false;
	d->cookie = 0;
	barrier();
	__builtin_memcpy(d->addr, p->addr, sizeof(d->addr));
	d->port = bpf_ntohs(p->port);
	d->protocol = (__u16)c->protocol;
	barrier();
	d->cookie = cookie;
	__builtin_memcpy(o->far, p->addr, sizeof(o->far));
	o->port = p->port;
	o->sent = 1;
	return true;
}

static __always_inline bool
is_proxy(const struct place *p)
{
	return is_mapped(p) && p->addr[3] == bpf_htonl(NS_WORD(NS_NETD4)) &&
	    p->port == bpf_htons(NS_PROXY_PORT);
}

/* Where the socket is to go instead, or port 0. It is a family's own sockets. */
static __always_inline __u16
netd_port(const struct place *p, bool tcp)
{
	if (tcp && is_proxy(p))
		return ports.proxy;
	if (is_mapped(p))
		return tcp ? ports.tcp4 : ports.udp4;
	return tcp ? ports.tcp6 : ports.udp6;
}

/* What becomes of a connection, or of a datagram, to this place, which is
 * replaced by where it goes. */
static __always_inline int
send_to(struct bpf_sock_addr *c, struct place *p, bool connects)
{
	struct own *o = bpf_sk_storage_get(&owned, c->sk, NULL, 0);
	bool tcp = c->protocol == IPPROTO_TCP, v4 = is_mapped(p);
	__u16 port = netd_port(p, tcp);
	enum owner w = HOST;

	if (o == NULL || (!tcp && c->protocol != IPPROTO_UDP))
		return REFUSE;
	o->refused = 0;
	if (is_loopback(p))
		w = whose(c, p);
	if (w == SESSION) {
		o->sent = 0;
		if (is_any(p))
			p->addr[3] = v4 ? LOOPBACK4 : bpf_htonl(1);
		return ALLOW;
	}
	if (w == NOBODY && tcp) {
		/* netd would take it first, and who tries ::1 before 127.0.0.1
		 * would believe that somebody is there */
		bpf_set_retval(-ECONNREFUSED);
		return REFUSE;
	}
	if (port == 0) {
		bpf_set_retval(-ENETUNREACH);
		return REFUSE;
	}
	if (!tcp && p->port != DNS_PORT) {
		/* many connect only to learn which address they would have */
		if (!connects)
			return REFUSE;
		o->refused = 1;
	}
	if (!note(c, o, p))
		return REFUSE;
	p->addr[3] = v4 ? LOOPBACK4 : bpf_htonl(1);
	if (!v4)
		p->addr[0] = p->addr[1] = p->addr[2] = 0;
	p->port = port;
	return ALLOW;
}

static __always_inline void
get4(const struct bpf_sock_addr *c, struct place *p)
{
	p->addr[0] = p->addr[1] = 0;
	p->addr[2] = MAPPED;
	p->addr[3] = c->user_ip4;
	p->port = (__u16)c->user_port;
}

static __always_inline void
get6(const struct bpf_sock_addr *c, struct place *p)
{
	p->addr[0] = c->user_ip6[0];
	p->addr[1] = c->user_ip6[1];
	p->addr[2] = c->user_ip6[2];
	p->addr[3] = c->user_ip6[3];
	p->port = (__u16)c->user_port;
}

static __always_inline void
put4(struct bpf_sock_addr *c, const struct place *p)
{
	c->user_ip4 = p->addr[3];
	c->user_port = p->port;
}

static __always_inline void
put6(struct bpf_sock_addr *c, const struct place *p)
{
	c->user_ip6[0] = p->addr[0];
	c->user_ip6[1] = p->addr[1];
	c->user_ip6[2] = p->addr[2];
	c->user_ip6[3] = p->addr[3];
	c->user_port = p->port;
}

SEC("cgroup/connect4")
int
connect4(struct bpf_sock_addr *c)
{
	struct place p;
	int r;

	get4(c, &p);
	r = send_to(c, &p, true);
	put4(c, &p);
	return r;
}

SEC("cgroup/connect6")
int
connect6(struct bpf_sock_addr *c)
{
	struct place p;
	int r;

	get6(c, &p);
	r = send_to(c, &p, true);
	put6(c, &p);
	return r;
}

SEC("cgroup/sendmsg4")
int
sendmsg4(struct bpf_sock_addr *c)
{
	struct place p;
	int r;

	get4(c, &p);
	r = send_to(c, &p, false);
	put4(c, &p);
	return r;
}

/* Mapped addresses come by sendmsg4. */
SEC("cgroup/sendmsg6")
int
sendmsg6(struct bpf_sock_addr *c)
{
	struct place p;
	int r;

	get6(c, &p);
	r = send_to(c, &p, false);
	put6(c, &p);
	return r;
}

/* Is it one of netd's sockets that a session's may be connected to? */
static __always_inline bool
is_netd(const struct place *p)
{
	if (p->port == 0)
		return false;
	if (is_mapped(p))
		return p->addr[3] == LOOPBACK4 &&
		    (p->port == ports.tcp4 || p->port == ports.udp4 ||
			p->port == ports.proxy);
	return p->addr[0] == 0 && p->addr[1] == 0 && p->addr[2] == 0 &&
	    p->addr[3] == bpf_htonl(1) &&
	    (p->port == ports.tcp6 || p->port == ports.udp6);
}

/* The address that the session has asked for, instead of netd's. */
static __always_inline void
as_asked(struct bpf_sock_addr *c, struct place *p)
{
	struct own *o = bpf_sk_storage_get(&owned, c->sk, NULL, 0);

	if (o == NULL || o->sent == 0 || !is_netd(p))
		return;
	__builtin_memcpy(p->addr, o->far, sizeof(p->addr));
	p->port = o->port;
}

static __always_inline int
show4(struct bpf_sock_addr *c)
{
	struct place p;

	get4(c, &p);
	as_asked(c, &p);
	put4(c, &p);
	return ALLOW;
}

static __always_inline int
show6(struct bpf_sock_addr *c)
{
	struct place p;

	get6(c, &p);
	as_asked(c, &p);
	put6(c, &p);
	return ALLOW;
}

SEC("cgroup/getpeername4")
int
getpeername4(struct bpf_sock_addr *c)
{
	return show4(c);
}

SEC("cgroup/getpeername6")
int
getpeername6(struct bpf_sock_addr *c)
{
	return show6(c);
}

SEC("cgroup/recvmsg4")
int
recvmsg4(struct bpf_sock_addr *c)
{
	return show4(c);
}

SEC("cgroup/recvmsg6")
int
recvmsg6(struct bpf_sock_addr *c)
{
	return show6(c);
}

/* A server of the session is one for the session: never at an address by which
 * others reach the host. One that listens on :: stays there, for both families;
 * ingress() keeps the rest of the world away. */
SEC("cgroup/bind4")
int
bind4(struct bpf_sock_addr *c)
{
	struct place p;

	get4(c, &p);
	if (!is_loopback(&p))
		return REFUSE;
	if (is_any(&p))
		c->user_ip4 = LOOPBACK4;
	return ALLOW;
}

SEC("cgroup/bind6")
int
bind6(struct bpf_sock_addr *c)
{
	struct place p;

	get6(c, &p);
	if (!is_loopback(&p))
		return REFUSE;
	if (is_any(&p) && is_mapped(&p))
		c->user_ip6[3] = LOOPBACK4;
	return ALLOW;
}

SEC("cgroup/sock_create")
int
sock_create(struct bpf_sock *sk)
{
	if ((sk->type != 1 || sk->protocol != IPPROTO_TCP) &&
	    (sk->type != 2 || sk->protocol != IPPROTO_UDP))
		return REFUSE;
	return bpf_sk_storage_get(&owned, sk, NULL,
		   BPF_SK_STORAGE_GET_F_CREATE) != NULL ?
	    ALLOW :
	    REFUSE;
}

/* Who joins a group has the kernel tell the host's neighbours which, in a packet of
 * its own that no hook sees: its address is 28 bits, of IPv6 112, of one's choice.
 * Nothing comes by it, as ingress() lets nothing in. */
static __always_inline bool
joins(int level, int name)
{
	if (level != IPPROTO_IP && level != IPPROTO_IPV6)
		return false;
	return name == MCAST_JOIN_GROUP || name == MCAST_JOIN_SOURCE_GROUP ||
	    name == MCAST_MSFILTER ||
	    (level == IPPROTO_IP ?
		    name == IP_ADD_MEMBERSHIP ||
			name == IP_ADD_SOURCE_MEMBERSHIP ||
			name == IP_MSFILTER :
		    name == IPV6_ADD_MEMBERSHIP || name == IPV6_JOIN_ANYCAST);
}

/* With SO_REUSEPORT two programs of one user share a port, and the kernel picks
 * who answers: one of the host's could be taken for the session's, or the other
 * way round. Of UDP SO_REUSEADDR does the same, whoever the users are, and who was
 * last has what is sent to the other. They have no effect here. */
SEC("cgroup/setsockopt")
int
set_option(struct bpf_sockopt *c)
{
	if (joins(c->level, c->optname))
		return REFUSE;
	if (c->level == SOL_SOCKET &&
	    (c->optname == SO_REUSEPORT ||
		(c->optname == SO_REUSEADDR && c->sk != NULL &&
		    c->sk->protocol == IPPROTO_UDP)))
		c->optlen = -1;
	else if (c->optlen > OPTLEN_MAX)
		c->optlen = 0; /* as it is */
	return ALLOW;
}

/* netd's, which any of the session's may be sent to */
static __always_inline bool
is_netd_port(__u16 port, bool tcp)
{
	return tcp ?
	    port == ports.tcp4 || port == ports.tcp6 || port == ports.proxy :
	    port == ports.udp4 || port == ports.udp6;
}

/* Would a socket of the host get that packet? It may leave long after connect(2)
 * has found one of the session there: a datagram of a connected socket, or one
 * that waited for more; a SYN that is sent again, as the first one found the
 * queue full. */
static __always_inline bool
is_for_host(struct __sk_buff *skb, bool tcp)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *far;
	__u16 dport;
	__u8 first;
	__u32 len;
	bool host;

	/* as a tuple has them: both addresses, both ports */
	if (bpf_skb_load_bytes(skb, 0, &first, 1) != 0)
		return true;
	if (first >> 4 == 4) {
		len = sizeof(t.ipv4);
		if (bpf_skb_load_bytes(skb, IP_SADDR, &t.ipv4, 8) != 0 ||
		    bpf_skb_load_bytes(skb, (first & 15) * 4, &t.ipv4.sport,
			4) != 0)
			return true;
		dport = t.ipv4.dport;
	} else {
		len = sizeof(t.ipv6);
		if (bpf_skb_load_bytes(skb, IP6_SADDR, &t.ipv6, 36) != 0)
			return true;
		dport = t.ipv6.dport;
	}
	if (is_netd_port(dport, tcp))
		return false;
	if (tcp)
		far = bpf_sk_lookup_tcp(skb, &t, len, BPF_F_CURRENT_NETNS, 0);
	else
		far = bpf_sk_lookup_udp(skb, &t, len, BPF_F_CURRENT_NETNS, 0);
	if (far == NULL)
		return false;
	host = bpf_sk_storage_get(&owned, far, NULL, 0) == NULL;
	bpf_sk_release(far);
	return host;
}

/* Options of IPv4 and routing headers of IPv6, which need no right: a host that
 * heeds them sends the packet on from its loopback, and it has no sender then that
 * this hook knows. Nor are the ports where they are looked for. */
static __always_inline bool
is_plain(struct __sk_buff *skb)
{
	__u8 first, next;

	if (bpf_skb_load_bytes(skb, 0, &first, 1) != 0)
		return false;
	if (first >> 4 == 4)
		return first == IP_PLAIN;
	return bpf_skb_load_bytes(skb, IP6_NEXT, &next, 1) == 0 &&
	    (next == IPPROTO_TCP || next == IPPROTO_UDP);
}

SEC("cgroup_skb/egress")
int
egress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct own *o;
	bool tcp;

	if (skb->ifindex != LOOPBACK_IFINDEX || !is_plain(skb))
		return REFUSE;
	if (sk == NULL)
		return ALLOW;
	sk = bpf_sk_fullsock(sk);
	if (sk == NULL)
		return ALLOW;
	o = bpf_sk_storage_get(&owned, sk, NULL, 0);
	if (o == NULL)
		return ALLOW;
	if (o->refused != 0)
		return REFUSE;
	tcp = sk->protocol == IPPROTO_TCP;
	if (tcp && sk->state != SYN_SENT)
		return ALLOW;
	return is_for_host(skb, tcp) ? REFUSE : ALLOW;
}

SEC("cgroup_skb/ingress")
int
ingress(struct __sk_buff *skb)
{
	return skb->ifindex == LOOPBACK_IFINDEX ? ALLOW : REFUSE;
}

char program_license[] SEC("license") = "Apache-2.0";
