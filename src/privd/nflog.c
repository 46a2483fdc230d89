/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket by which the kernel tells of the packets that the rules of nft.c
 * refuse (linux/netfilter/nfnetlink_log.h), with their first bytes. Who has it can
 * read, and ask for nothing else: that is for the owner of the namespace.
 */
#include <arpa/inet.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <sys/socket.h>
#include <unistd.h>

#include "maker.h"

#define ANSWER_MAX 256

/* 0, or -1 with errno. */
static int
ask(int fd)
{
	static const struct nfulnl_msg_config_cmd bind = {
		NFULNL_CFG_CMD_BIND
	};
	struct nfulnl_msg_config_mode mode = {
		.copy_range = htonl(NS_LOG_BYTES),
		.copy_mode = NFULNL_COPY_PACKET,
	};
	char data[ANSWER_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *h = mnl_nlmsg_put_header(data);
	const struct nlmsgerr *err;
	struct nfgenmsg *g;
	ssize_t n;

	h->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->nfgen_family = AF_UNSPEC;
	g->version = NFNETLINK_V0;
	g->res_id = htons(NS_LOG_GROUP);
	mnl_attr_put(h, NFULA_CFG_CMD, sizeof(bind), &bind);
	mnl_attr_put(h, NFULA_CFG_MODE, sizeof(mode), &mode);
	if (send(fd, h, h->nlmsg_len, 0) == -1)
		return -1;
	/* the kernel has answered within send() */
	n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
	if (n == -1)
		return -1;
	if (!mnl_nlmsg_ok(h, (int)n) || h->nlmsg_type != NLMSG_ERROR) {
		errno = EPROTO;
		return -1;
	}
	err = mnl_nlmsg_get_payload(h);
	errno = -err->error;
	return err->error == 0 ? 0 : -1;
}

int
nflog_open(void)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK };
	int fd, saved;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_NETFILTER);
	if (fd == -1)
		return -1;
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 && ask(fd) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}
