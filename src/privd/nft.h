/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of nf_tables as tables of ours, which nft.c sends to the kernel. A rule
 * is a few comparisons, all of which must hold, and what is done then.
 */
#ifndef NFT_H
#define NFT_H

#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stddef.h>
#include <stdint.h>

#include "agentsh.h"

enum nft_action {
	ACT_ACCEPT,
	ACT_DROP,
	ACT_TPROXY,  /* to netd's socket of the rule's family */
	ACT_PORT,    /* to another port of the address */
	ACT_MARK,    /* with the mark of MARK */
	ACT_REFUSED, /* as a host without that service does */
	ACT_RESET,   /* the same of TCP, which the rule has to match */
	ACT_PROHIBITED
};

enum nft_what {
	NONE,
	IIF,	/* index of the device that it came by */
	FAMILY, /* NFPROTO_IPV4 or _IPV6 */
	L4,	/* IPPROTO_TCP or such */
	MARK,	/* one that ACT_MARK has set; there is no value */
	NET,	/* bytes of the IP header */
	TRANS	/* bytes of the header after it */
};

struct nft_match {
	enum nft_what what;
	uint8_t offset, len; /* of NET and TRANS */
	enum nft_cmp_ops op;
	uint8_t value[16];
};

struct nft_rule {
	uint8_t family; /* NFPROTO_UNSPEC: both */
	struct nft_match match[3];
	enum nft_action action;
	uint16_t port; /* of ACT_TPROXY and ACT_PORT */
};

struct nft_chain {
	const char *name, *type;
	enum nf_inet_hooks hook;
	int priority;
	uint32_t policy; /* NF_ACCEPT or NF_DROP */
	const struct nft_rule *rule;
	size_t nrules;
};

/* Makes a table of these chains in the network namespace that we are in. log: the
 * kernel tells nflog.c's socket what they refuse. 0, or -1 with what is lacking. */
int nft_load(const struct nft_chain *, size_t n, bool log, struct aerr *);

#endif
