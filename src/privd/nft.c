/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules as a batch of messages that nf_tables of the kernel takes, by libmnl.
 * They are made once in a network namespace and never changed.
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nfnetlink.h>

#include "maker.h"
#include "nft.h"

#define TABLE "agentsh"
#define BATCH_SIZE 32768
#define MARKED 1 /* by ACT_MARK */

#define V4 NFPROTO_IPV4
#define EQ NFT_CMP_EQ

static const uint8_t netd4[4] = { NS_NETD4 };
static const uint8_t netd6[16] = { NS_NETD6 };
static const uint32_t marked = MARKED;

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct batch {
	char data[BATCH_SIZE];
	size_t len;
	uint32_t seq;
};

/* --- expressions */

static struct nlattr *
expr_begin(struct nlmsghdr *h, const char *name, struct nlattr **data)
{
	struct nlattr *elem = mnl_attr_nest_start(h, NFTA_LIST_ELEM);

	mnl_attr_put_strz(h, NFTA_EXPR_NAME, name);
	*data = mnl_attr_nest_start(h, NFTA_EXPR_DATA);
	return elem;
}

static void
expr_end(struct nlmsghdr *h, struct nlattr *elem, struct nlattr *data)
{
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, elem);
}

static void
put_be32(struct nlmsghdr *h, uint16_t type, uint32_t value)
{
	mnl_attr_put_u32(h, type, htonl(value));
}

static void
put_value(struct nlmsghdr *h, uint16_t type, const void *value, size_t len)
{
	struct nlattr *n = mnl_attr_nest_start(h, type);

	mnl_attr_put(h, NFTA_DATA_VALUE, len, value);
	mnl_attr_nest_end(h, n);
}

static void
put_meta(struct nlmsghdr *h, enum nft_meta_keys key)
{
	struct nlattr *elem, *data;

	elem = expr_begin(h, "meta", &data);
	put_be32(h, NFTA_META_DREG, NFT_REG_1);
	put_be32(h, NFTA_META_KEY, key);
	expr_end(h, elem, data);
}

static void
put_payload(struct nlmsghdr *h, enum nft_payload_bases base, uint32_t offset,
    uint32_t len)
{
	struct nlattr *elem, *data;

	elem = expr_begin(h, "payload", &data);
	put_be32(h, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_be32(h, NFTA_PAYLOAD_BASE, base);
	put_be32(h, NFTA_PAYLOAD_OFFSET, offset);
	put_be32(h, NFTA_PAYLOAD_LEN, len);
	expr_end(h, elem, data);
}

static void
put_cmp(struct nlmsghdr *h, enum nft_cmp_ops op, const void *value, size_t len)
{
	struct nlattr *elem, *data;

	elem = expr_begin(h, "cmp", &data);
	put_be32(h, NFTA_CMP_SREG, NFT_REG_1);
	put_be32(h, NFTA_CMP_OP, op);
	put_value(h, NFTA_CMP_DATA, value, len);
	expr_end(h, elem, data);
}

static void
put_immediate(struct nlmsghdr *h, enum nft_registers reg, const void *value,
    size_t len)
{
	struct nlattr *elem, *data;

	elem = expr_begin(h, "immediate", &data);
	put_be32(h, NFTA_IMMEDIATE_DREG, reg);
	put_value(h, NFTA_IMMEDIATE_DATA, value, len);
	expr_end(h, elem, data);
}

static void
put_verdict(struct nlmsghdr *h, uint32_t verdict)
{
	struct nlattr *elem, *data, *value, *v;

	elem = expr_begin(h, "immediate", &data);
	put_be32(h, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	value = mnl_attr_nest_start(h, NFTA_IMMEDIATE_DATA);
	v = mnl_attr_nest_start(h, NFTA_DATA_VERDICT);
	put_be32(h, NFTA_VERDICT_CODE, verdict);
	mnl_attr_nest_end(h, v);
	mnl_attr_nest_end(h, value);
	expr_end(h, elem, data);
}

static void
put_reject(struct nlmsghdr *h, enum nft_reject_types type, uint8_t code)
{
	struct nlattr *elem, *data;

	elem = expr_begin(h, "reject", &data);
	put_be32(h, NFTA_REJECT_TYPE, type);
	mnl_attr_put_u8(h, NFTA_REJECT_ICMP_CODE, code);
	expr_end(h, elem, data);
}

static void
put_port(struct nlmsghdr *h, enum nft_registers reg, uint16_t port)
{
	uint16_t net_port = htons(port);

	put_immediate(h, reg, &net_port, sizeof(net_port));
}

static void
put_tproxy(struct nlmsghdr *h, uint8_t family, uint16_t port)
{
	struct nlattr *elem, *data;

	if (family == V4)
		put_immediate(h, NFT_REG_1, netd4, sizeof(netd4));
	else
		put_immediate(h, NFT_REG_1, netd6, sizeof(netd6));
	put_port(h, NFT_REG_2, port);
	elem = expr_begin(h, "tproxy", &data);
	put_be32(h, NFTA_TPROXY_FAMILY, family);
	put_be32(h, NFTA_TPROXY_REG_ADDR, NFT_REG_1);
	put_be32(h, NFTA_TPROXY_REG_PORT, NFT_REG_2);
	expr_end(h, elem, data);
	put_verdict(h, NF_ACCEPT);
}

/* Accepts as well. */
static void
put_dnat(struct nlmsghdr *h, uint8_t family, uint16_t port)
{
	struct nlattr *elem, *data;

	put_port(h, NFT_REG_1, port);
	elem = expr_begin(h, "nat", &data);
	put_be32(h, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	put_be32(h, NFTA_NAT_FAMILY, family);
	put_be32(h, NFTA_NAT_REG_PROTO_MIN, NFT_REG_1);
	expr_end(h, elem, data);
}

static void
put_mark(struct nlmsghdr *h)
{
	struct nlattr *elem, *data;

	put_immediate(h, NFT_REG_1, &marked, sizeof(marked));
	elem = expr_begin(h, "meta", &data);
	put_be32(h, NFTA_META_KEY, NFT_META_MARK);
	put_be32(h, NFTA_META_SREG, NFT_REG_1);
	expr_end(h, elem, data);
}

static void
put_match(struct nlmsghdr *h, const struct nft_match *m)
{
	static const uint32_t lo = NS_LO_INDEX;
	const void *value = m->value;

	switch (m->what) {
	case NONE:
		return;
	case IIF:
		put_meta(h, NFT_META_IIF);
		value = &lo;
		break;
	case MARK:
		put_meta(h, NFT_META_MARK);
		value = &marked;
		break;
	case FAMILY:
		put_meta(h, NFT_META_NFPROTO);
		break;
	case L4:
		put_meta(h, NFT_META_L4PROTO);
		break;
	case NET:
		put_payload(h, NFT_PAYLOAD_NETWORK_HEADER, m->offset, m->len);
		break;
	case TRANS:
		put_payload(h, NFT_PAYLOAD_TRANSPORT_HEADER, m->offset, m->len);
		break;
	}
	put_cmp(h, m->op, value, m->len);
}

/* To nflog.c's socket, at once: who has sent it may be gone soon. */
static void
put_log(struct nlmsghdr *h)
{
	struct nlattr *elem, *data;

	elem = expr_begin(h, "log", &data);
	mnl_attr_put_u16(h, NFTA_LOG_GROUP, htons(NS_LOG_GROUP));
	put_be32(h, NFTA_LOG_SNAPLEN, NS_LOG_BYTES);
	mnl_attr_put_u16(h, NFTA_LOG_QTHRESHOLD, htons(1));
	expr_end(h, elem, data);
}

static void
put_action(struct nlmsghdr *h, const struct nft_rule *r)
{
	switch (r->action) {
	case ACT_ACCEPT:
		put_verdict(h, NF_ACCEPT);
		break;
	case ACT_DROP:
		put_verdict(h, NF_DROP);
		break;
	case ACT_TPROXY:
		put_tproxy(h, r->family, r->port);
		break;
	case ACT_PORT:
		put_dnat(h, r->family, r->port);
		break;
	case ACT_MARK:
		put_mark(h);
		break;
	case ACT_REFUSED:
		put_reject(h, NFT_REJECT_ICMPX_UNREACH,
		    NFT_REJECT_ICMPX_PORT_UNREACH);
		break;
	case ACT_RESET:
		put_reject(h, NFT_REJECT_TCP_RST, 0);
		break;
	case ACT_PROHIBITED:
		put_reject(h, NFT_REJECT_ICMPX_UNREACH,
		    NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
		break;
	}
}

/* --- messages */

static struct nlmsghdr *
msg_begin(struct batch *b, uint16_t type, uint16_t flags, uint8_t family,
    uint16_t res_id)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(b->data + b->len);
	struct nfgenmsg *g;

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	h->nlmsg_seq = ++b->seq;
	g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->nfgen_family = family;
	g->version = NFNETLINK_V0;
	g->res_id = htons(res_id);
	return h;
}

static struct nlmsghdr *
nft_begin(struct batch *b, uint16_t type, uint16_t flags)
{
	return msg_begin(b, (NFNL_SUBSYS_NFTABLES << 8) | type,
	    NLM_F_CREATE | NLM_F_ACK | flags, NFPROTO_INET, 0);
}

static void
msg_end(struct batch *b, const struct nlmsghdr *h)
{
	b->len += NLMSG_ALIGN(h->nlmsg_len);
}

static void
put_chain(struct batch *b, const struct nft_chain *c)
{
	struct nlmsghdr *h = nft_begin(b, NFT_MSG_NEWCHAIN, 0);
	struct nlattr *hook;

	mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, TABLE);
	mnl_attr_put_strz(h, NFTA_CHAIN_NAME, c->name);
	hook = mnl_attr_nest_start(h, NFTA_CHAIN_HOOK);
	put_be32(h, NFTA_HOOK_HOOKNUM, c->hook);
	put_be32(h, NFTA_HOOK_PRIORITY, (uint32_t)c->priority);
	mnl_attr_nest_end(h, hook);
	put_be32(h, NFTA_CHAIN_POLICY, c->policy);
	mnl_attr_put_strz(h, NFTA_CHAIN_TYPE, c->type);
	msg_end(b, h);
}

static void
put_rule(struct batch *b, const struct nft_chain *c, const struct nft_rule *r,
    bool log)
{
	struct nlmsghdr *h = nft_begin(b, NFT_MSG_NEWRULE, NLM_F_APPEND);
	struct nft_match family = { FAMILY, 0, 1, EQ, { r->family } };
	struct nlattr *list;
	size_t i;

	mnl_attr_put_strz(h, NFTA_RULE_TABLE, TABLE);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, c->name);
	list = mnl_attr_nest_start(h, NFTA_RULE_EXPRESSIONS);
	if (r->family != NFPROTO_UNSPEC)
		put_match(h, &family);
	for (i = 0; i < COUNT(r->match); i++)
		put_match(h, &r->match[i]);
	if (log &&
	    (r->action == ACT_REFUSED || r->action == ACT_RESET ||
		r->action == ACT_PROHIBITED))
		put_log(h);
	put_action(h, r);
	mnl_attr_nest_end(h, list);
	msg_end(b, h);
}

static void
put_chains(struct batch *b, const struct nft_chain *c, size_t n, bool log)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		put_chain(b, &c[i]);
		for (k = 0; k < c[i].nrules; k++)
			put_rule(b, &c[i], &c[i].rule[k], log);
	}
}

static void
make_batch(struct batch *b, const struct nft_chain *c, size_t n, bool log)
{
	struct nlmsghdr *h;

	h = msg_begin(b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC,
	    NFNL_SUBSYS_NFTABLES);
	msg_end(b, h);
	h = nft_begin(b, NFT_MSG_NEWTABLE, NLM_F_EXCL);
	mnl_attr_put_strz(h, NFTA_TABLE_NAME, TABLE);
	msg_end(b, h);
	put_chains(b, c, n, log);
	h = msg_begin(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC,
	    NFNL_SUBSYS_NFTABLES);
	msg_end(b, h);
}

/* One answer a message that changes something; the first error is the one. */
static int
read_answers(struct mnl_socket *nl, unsigned wanted)
{
	char data[BATCH_SIZE];
	const struct nlmsghdr *h;
	const struct nlmsgerr *err;
	ssize_t n;
	int len;

	while (wanted > 0) {
		n = mnl_socket_recvfrom(nl, data, sizeof(data));
		if (n == -1)
			return -1;
		len = (int)n;
		for (h = (const struct nlmsghdr *)(const void *)data;
		     mnl_nlmsg_ok(h, len) && wanted > 0;
		     h = mnl_nlmsg_next(h, &len)) {
			if (h->nlmsg_type != NLMSG_ERROR)
				continue;
			err = mnl_nlmsg_get_payload(h);
			if (err->error != 0) {
				errno = -err->error;
				return -1;
			}
			wanted--;
		}
	}
	return 0;
}

int
nft_load(const struct nft_chain *c, size_t n, bool log, struct aerr *e)
{
	struct batch b = { .len = 0 };
	struct mnl_socket *nl;
	int r = -1;

	nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (nl == NULL)
		return make_error(e, "the kernel has no nf_tables");
	make_batch(&b, c, n, log);
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 &&
	    mnl_socket_sendto(nl, b.data, b.len) == (ssize_t)b.len)
		r = read_answers(nl, b.seq - 2);
	if (r == -1)
		make_error(e, "the kernel does not take our rules");
	mnl_socket_close(nl);
	return r;
}
