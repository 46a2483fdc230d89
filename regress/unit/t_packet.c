/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that were refused: of both families, whole and cut off, with headers
 * before the last one, and in messages as the kernel sends them.
 */
#include <netinet/in.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <string.h>

#include "packet.h"
#include "t.h"

#define ROOM 1024

static const uint8_t udp4[] = { 0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 192,
	0, 2, 2, 203, 0, 113, 9, 0x9c, 0x40, 0x01, 0xbb, 0, 12, 0, 0 };

/* IPv6 with what comes next, and 8 bytes of UDP at the end. */
static size_t
make6(uint8_t *data, const uint8_t *ext, size_t next)
{
	static const uint8_t udp[8] = { 0x9c, 0x40, 0x01, 0xbb, 0, 8, 0, 0 };

	memset(data, 0, 40);
	data[0] = 0x60;
	data[6] = next == 0 ? IPPROTO_UDP : ext[0];
	data[8] = 0xfd;
	data[24] = 0x20;
	data[39] = 9;
	if (next > 0)
		memcpy(data + 40, ext + 1, next);
	memcpy(data + 40 + next, udp, sizeof(udp));
	return 40 + next + sizeof(udp);
}

static void
ipv4(void)
{
	uint8_t data[sizeof(udp4)];
	struct packet p;
	size_t i;

	CHECK_INT(packet_read(udp4, sizeof(udp4), &p), 0);
	CHECK_INT(p.proto, IPPROTO_UDP);
	CHECK_INT(p.sport, 40000);
	CHECK_INT(p.dport, 443);
	CHECK(memcmp(p.dst + 10, "\xff\xff\xcb\0\x71\x09", 6) == 0);
	CHECK(memcmp(p.src + 10, "\xff\xff\xc0\0\x02\x02", 6) == 0);
	for (i = 0; i < 20; i++)
		CHECK_INT(packet_read(udp4, i, &p), -1);
	CHECK_INT(packet_read(udp4, 22, &p), 0);
	CHECK_INT(p.dport, 0);
	memcpy(data, udp4, sizeof(data));
	data[7] = 1; /* not the first fragment */
	CHECK_INT(packet_read(data, sizeof(data), &p), 0);
	CHECK_INT(p.dport, 0);
	memcpy(data, udp4, sizeof(data));
	data[9] = IPPROTO_ICMP;
	CHECK_INT(packet_read(data, sizeof(data), &p), 0);
	CHECK_INT(p.dport, 0);
	data[0] = 0x44; /* a header shorter than itself */
	CHECK_INT(packet_read(data, sizeof(data), &p), -1);
	data[0] = 0x55;
	CHECK_INT(packet_read(data, sizeof(data), &p), -1);
}

static void
ipv6(void)
{
	static const uint8_t hop[] = { IPPROTO_HOPOPTS, IPPROTO_UDP, 0, 0, 0, 0,
		0, 0, 0 };
	static const uint8_t first[] = { IPPROTO_FRAGMENT, IPPROTO_UDP, 0, 0, 1,
		0, 0, 0, 0 };
	static const uint8_t later[] = { IPPROTO_FRAGMENT, IPPROTO_UDP, 0, 0, 8,
		0, 0, 0, 0 };
	static const uint8_t too_long[] = { IPPROTO_DSTOPTS, IPPROTO_UDP, 9, 0,
		0, 0, 0, 0, 0 };
	uint8_t data[256];
	struct packet p;
	size_t n;

	n = make6(data, NULL, 0);
	CHECK_INT(packet_read(data, n, &p), 0);
	CHECK_INT(p.dport, 443);
	CHECK_INT(p.dst[15], 9);
	CHECK_INT(packet_read(data, 39, &p), -1);
	CHECK_INT(packet_read(data, 40, &p), 0);
	CHECK_INT(p.dport, 0);
	n = make6(data, hop, 8);
	CHECK_INT(packet_read(data, n, &p), 0);
	CHECK_INT(p.proto, IPPROTO_UDP);
	CHECK_INT(p.dport, 443);
	n = make6(data, first, 8);
	CHECK_INT(packet_read(data, n, &p), 0);
	CHECK_INT(p.dport, 443);
	n = make6(data, later, 8);
	CHECK_INT(packet_read(data, n, &p), 0);
	CHECK_INT(p.proto, IPPROTO_UDP);
	CHECK_INT(p.dport, 0);
	n = make6(data, too_long, 8);
	CHECK_INT(packet_read(data, n, &p), 0);
	CHECK_INT(p.dport, 0);
}

static int seen;
static struct packet last;

static void
count(void *arg, const struct packet *p)
{
	(void)arg;
	seen++;
	last = *p;
}

/* One after the other, as several fit into a message. */
static size_t
put(char *at, uint16_t type, const void *packet, size_t len)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(at);
	struct nfgenmsg *g;

	h->nlmsg_type = type;
	g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->version = NFNETLINK_V0;
	mnl_attr_put_u32(h, NFULA_MARK, 1);
	mnl_attr_put(h, NFULA_PAYLOAD, len, packet);
	return NLMSG_ALIGN(h->nlmsg_len);
}

static void
messages(void)
{
	static const uint16_t type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET;
	char msg[ROOM] __attribute__((aligned(8)));
	uint8_t six[64];
	size_t n, one, all, len6 = make6(six, NULL, 0);

	n = put(msg, type, udp4, sizeof(udp4));
	one = n;
	n += put(msg + n, NLMSG_DONE, udp4, sizeof(udp4));
	n += put(msg + n, type, six, len6);
	all = n;
	packet_each(msg, all, count, NULL);
	CHECK_INT(seen, 2);
	CHECK_INT(last.dst[0], 0x20);
	seen = 0;
	for (n = 0; n < one; n++)
		packet_each(msg, n, count, NULL);
	CHECK_INT(seen, 0);
	for (; n < all; n++)
		packet_each(msg, n, count, NULL);
	CHECK_INT(seen, (int)(all - one));
}

int
main(void)
{
	T_RUN(ipv4);
	T_RUN(ipv6);
	T_RUN(messages);
	return done_testing();
}
