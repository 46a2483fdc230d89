/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what nfnetlink_log tells (linux/netfilter/nfnetlink_log.h) and as much of
 * an IP packet (RFC 791, RFC 8200) as says where it was to go.
 */
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <string.h>

#include "packet.h"

#define EXTENSIONS_MAX 8 /* headers before the last one of IPv6 */

static uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void
read_ports(const uint8_t *data, size_t len, struct packet *p)
{
	if ((p->proto != IPPROTO_UDP && p->proto != IPPROTO_TCP) || len < 4)
		return;
	p->sport = be16(data);
	p->dport = be16(data + 2);
}

static void
put_mapped(uint8_t addr[16], const uint8_t v4[4])
{
	memset(addr, 0, 10);
	addr[10] = addr[11] = 0xff;
	memcpy(addr + 12, v4, 4);
}

static int
read4(const uint8_t *data, size_t len, struct packet *p)
{
	size_t head = (size_t)(data[0] & 0xf) * 4;

	if (len < sizeof(struct ip) || head < sizeof(struct ip))
		return -1;
	p->proto = data[9];
	put_mapped(p->src, data + 12);
	put_mapped(p->dst, data + 16);
	/* only the first fragment has them */
	if ((be16(data + 6) & IP_OFFMASK) == 0 && len > head)
		read_ports(data + head, len - head, p);
	return 0;
}

static int
read6(const uint8_t *data, size_t len, struct packet *p)
{
	size_t at = sizeof(struct ip6_hdr), n;
	int i;

	if (len < at)
		return -1;
	p->proto = data[6];
	memcpy(p->src, data + 8, 16);
	memcpy(p->dst, data + 24, 16);
	for (i = 0; i < EXTENSIONS_MAX && len - at >= 8; i++) {
		switch (p->proto) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			n = (size_t)data[at + 1] * 8 + 8;
			break;
		case IPPROTO_FRAGMENT:
			n = 8;
			break;
		default:
			read_ports(data + at, len - at, p);
			return 0;
		}
		if (p->proto == IPPROTO_FRAGMENT &&
		    (be16(data + at + 2) & 0xfff8) != 0) {
			p->proto = data[at];
			return 0; /* not the first */
		}
		if (n > len - at)
			return 0;
		p->proto = data[at];
		at += n;
	}
	return 0;
}

int
packet_read(const uint8_t *data, size_t len, struct packet *p)
{
	memset(p, 0, sizeof(*p));
	if (len == 0)
		return -1;
	switch (data[0] >> 4) {
	case 4:
		return read4(data, len, p);
	case 6:
		return read6(data, len, p);
	default:
		return -1;
	}
}

struct seen {
	packet_cb cb;
	void *arg;
};

static int
look_at(const struct nlattr *a, void *arg)
{
	const struct seen *seen = arg;
	struct packet p;

	if (mnl_attr_get_type(a) == NFULA_PAYLOAD &&
	    packet_read(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a),
		&p) == 0)
		seen->cb(seen->arg, &p);
	return MNL_CB_OK;
}

void
packet_each(const void *msg, size_t len, packet_cb cb, void *arg)
{
	const struct nlmsghdr *h = msg;
	struct seen seen = { cb, arg };
	int left = (int)len;

	for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
		if (h->nlmsg_type ==
			(NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET) &&
		    h->nlmsg_len >=
			MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct nfgenmsg)))
			(void)mnl_attr_parse(h, sizeof(struct nfgenmsg),
			    look_at, &seen);
	}
}
