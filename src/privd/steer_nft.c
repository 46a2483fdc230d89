/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways to netd that nf_tables has: the rules of a session's network
 * namespace. What goes anywhere but to the session itself goes to the sockets
 * that netd has, or is refused. They are the same for every session: what a
 * policy says is netd's to know.
 */
#include <sys/socket.h>

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include <unistd.h>

#include "maker.h"
#include "nft.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* as iptables(8) has them: before routing, and where destinations change */
#define MANGLE (-150)
#define DSTNAT (-100)

#define DADDR4 16 /* in the IP header */
#define DADDR6 24
#define DPORT 2 /* of TCP and UDP */
#define LOOPBACK6 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1

#define V4 NFPROTO_IPV4
#define V6 NFPROTO_IPV6
#define EQ NFT_CMP_EQ

/* clang-format off */
#define TO_LOOP4  { NET, DADDR4, 1, EQ, { 127 } }
#define TO_SELF4  { NET, DADDR4, 4, EQ, { NS_SELF4 } }
#define TO_MANY4  { NET, DADDR4, 1, NFT_CMP_GTE, { 224 } }
#define TO_NETD4  { NET, DADDR4, 4, EQ, { NS_NETD4 } }
#define TO_LOOP6  { NET, DADDR6, 16, EQ, { LOOPBACK6 } }
#define TO_SELF6  { NET, DADDR6, 16, EQ, { NS_SELF6 } }
#define TO_MANY6  { NET, DADDR6, 1, EQ, { 0xff } }
#define TO_NETD6  { NET, DADDR6, 16, EQ, { NS_NETD6 } }
#define TO_PROXY  { TRANS, DPORT, 2, EQ, { NS_PROXY_PORT >> 8, NS_PROXY_PORT & 0xff } }
#define TO_TCP    { TRANS, DPORT, 2, EQ, { 0, NS_TCP_PORT } }
#define TO_DNS    { TRANS, DPORT, 2, EQ, { 0, NS_UDP_PORT } }
#define IS_TCP    { L4, 0, 1, EQ, { IPPROTO_TCP } }
#define IS_UDP    { L4, 0, 1, EQ, { IPPROTO_UDP } }

/* there is no other device, and nobody inside can make one */
#define DROP_STRANGERS \
	{ 0, { { IIF, 0, 4, NFT_CMP_NEQ, { 0 } } }, ACT_DROP, 0 }
/* the session's own: loopback, its address, multicast on its loopback */
#define ACCEPT_OWN \
	{ V4, { TO_LOOP4 }, ACT_ACCEPT, 0 }, { V4, { TO_SELF4 }, ACT_ACCEPT, 0 }, \
	{ V4, { TO_MANY4 }, ACT_ACCEPT, 0 }, { V6, { TO_LOOP6 }, ACT_ACCEPT, 0 }, \
	{ V6, { TO_SELF6 }, ACT_ACCEPT, 0 }, { V6, { TO_MANY6 }, ACT_ACCEPT, 0 }
/* QUIC and the like: whoever tries goes on over TCP; and the loopback would
 * answer an echo for everybody */
#define REFUSE_REST \
	{ 0, { IS_UDP }, ACT_REFUSED, 0 }, \
	{ V4, { { L4, 0, 1, EQ, { IPPROTO_ICMP } }, \
	    { TRANS, 0, 1, EQ, { ICMP_ECHO } } }, ACT_PROHIBITED, 0 }, \
	{ V6, { { L4, 0, 1, EQ, { IPPROTO_ICMPV6 } }, \
	    { TRANS, 0, 1, EQ, { ICMP6_ECHO_REQUEST } } }, ACT_PROHIBITED, 0 }

static const struct nft_rule tproxy_in[] = {
	DROP_STRANGERS,
	ACCEPT_OWN,
	{ V4, { TO_NETD4, IS_TCP, TO_PROXY }, ACT_ACCEPT, 0 },
	/* nobody has other business with the address of netd's sockets. Whoever
	 * dials there still has the socket's lock, and does not hear ICMP */
	{ V4, { TO_NETD4, IS_TCP }, ACT_RESET, 0 },
	{ V6, { TO_NETD6, IS_TCP }, ACT_RESET, 0 },
	{ V4, { TO_NETD4 }, ACT_REFUSED, 0 },
	{ V6, { TO_NETD6 }, ACT_REFUSED, 0 },
	/* also finds the connections that were accepted */
	{ V4, { IS_TCP }, ACT_TPROXY, NS_TCP_PORT },
	{ V6, { IS_TCP }, ACT_TPROXY, NS_TCP_PORT },
	/* left over: answers to who has bound another source address */
	{ 0, { IS_TCP }, ACT_ACCEPT, 0 },
	{ V4, { IS_UDP, TO_DNS }, ACT_TPROXY, NS_UDP_PORT },
	{ V6, { IS_UDP, TO_DNS }, ACT_TPROXY, NS_UDP_PORT },
	REFUSE_REST,
};

static const struct nft_chain tproxy[] = {
	{ "steer", "filter", NF_INET_PRE_ROUTING, MANGLE, NF_DROP, tproxy_in, COUNT(tproxy_in) },
};

/* Before destinations change: what is for netd's address from the beginning.
 * Refused further on, as the sender of a packet that ends here hears EPERM. */
static const struct nft_rule redirect_look[] = {
	{ V4, { TO_NETD4, IS_TCP, TO_PROXY }, ACT_ACCEPT, 0 },
	{ V4, { TO_NETD4 }, ACT_MARK, 0 },
	{ V6, { TO_NETD6 }, ACT_MARK, 0 },
};

/* Of the first packet of a connection; the others go where that went. Connections
 * of one port to several ports of one address, which are one then, get a source
 * port of their own from the kernel. */
static const struct nft_rule redirect_to[] = {
	ACCEPT_OWN,
	{ V4, { TO_NETD4 }, ACT_ACCEPT, 0 },
	{ V6, { TO_NETD6 }, ACT_ACCEPT, 0 },
	{ V4, { IS_TCP }, ACT_PORT, NS_TCP_PORT },
	{ V6, { IS_TCP }, ACT_PORT, NS_TCP_PORT },
};

/* netd's sockets have every address, those of the session among them. */
#define REFUSE_OWN(is, to, how) \
	{ V4, { TO_LOOP4, is, to }, how, 0 }, \
	{ V4, { TO_SELF4, is, to }, how, 0 }, \
	{ V4, { TO_MANY4, is, to }, ACT_DROP, 0 }, \
	{ V6, { TO_LOOP6, is, to }, how, 0 }, \
	{ V6, { TO_SELF6, is, to }, how, 0 }, \
	{ V6, { TO_MANY6, is, to }, ACT_DROP, 0 }

static const struct nft_rule redirect_in[] = {
	DROP_STRANGERS,
	{ 0, { { MARK, 0, 4, EQ, { 0 } }, IS_TCP }, ACT_RESET, 0 },
	{ 0, { { MARK, 0, 4, EQ, { 0 } } }, ACT_REFUSED, 0 },
	REFUSE_OWN(IS_TCP, TO_TCP, ACT_RESET),
	REFUSE_OWN(IS_UDP, TO_DNS, ACT_REFUSED),
	ACCEPT_OWN,
	/* to netd, and answers to who has bound another source address */
	{ 0, { IS_TCP }, ACT_ACCEPT, 0 },
	{ 0, { IS_UDP, TO_DNS }, ACT_ACCEPT, 0 },
	REFUSE_REST,
};

static const struct nft_chain redirect[] = {
	{ "look",  "filter", NF_INET_LOCAL_OUT, MANGLE, NF_ACCEPT, redirect_look, COUNT(redirect_look) },
	{ "to",    "nat", NF_INET_LOCAL_OUT, DSTNAT, NF_ACCEPT, redirect_to, COUNT(redirect_to) },
	{ "steer", "filter", NF_INET_PRE_ROUTING, MANGLE, NF_DROP, redirect_in, COUNT(redirect_in) },
};
/* clang-format on */

/* A socket may get what is for addresses that are not its own. */
static int
make_transparent(int fd, bool ipv6)
{
	static const int on = 1;

	if (fd == -1)
		return 0;
	return ipv6 ?
	    setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof(on)) :
	    setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on));
}

/* Where the kernel cannot tell what it refuses, it refuses it all the same. */
static int
load(struct net_sockets *n, const struct nft_chain *c, size_t nchains,
    struct aerr *e)
{
	n->refused = nflog_open();
	if (n->refused != -1 && nft_load(c, nchains, true, e) == 0)
		return 0;
	if (n->refused != -1)
		close(n->refused);
	n->refused = -1;
	return nft_load(c, nchains, false, e);
}

int
steer_tproxy(struct net_sockets *n, struct aerr *e)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (make_transparent(n->tcp[i], i == 1) == -1 ||
		    make_transparent(n->udp[i], i == 1) == -1)
			return make_error(e, "transparent sockets");
	}
	return load(n, tproxy, COUNT(tproxy), e);
}

/* A connection that is over is to keep its place for a second, not for two
 * minutes: one that wants the same place gets another source port, by which
 * sock_diag does not find whose it is. */
static void
forget_soon(void)
{
	ns_set("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_time_wait",
	    "1");
}

int
steer_redirect(struct net_sockets *n, struct aerr *e)
{
	if (load(n, redirect, COUNT(redirect), e) == -1)
		return -1;
	forget_soon();
	return 0;
}
