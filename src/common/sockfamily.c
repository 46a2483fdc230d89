/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of families of sockets; the numbers of those that a libc's headers
 * may not have are the kernel's.
 */
#include <sys/socket.h>

#include <string.h>

#include "sockfamily.h"

static const struct {
	const char *name;
	int number;
} families[] = {
	{ "AF_UNIX", AF_UNIX },
	{ "AF_LOCAL", AF_UNIX },
	{ "AF_INET", AF_INET },
	{ "AF_AX25", 3 },
	{ "AF_IPX", 4 },
	{ "AF_APPLETALK", 5 },
	{ "AF_NETROM", 6 },
	{ "AF_BRIDGE", 7 },
	{ "AF_ATMPVC", 8 },
	{ "AF_X25", 9 },
	{ "AF_INET6", AF_INET6 },
	{ "AF_ROSE", 11 },
	{ "AF_DECnet", 12 },
	{ "AF_NETBEUI", 13 },
	{ "AF_SECURITY", 14 },
	{ "AF_KEY", 15 },
	{ "AF_NETLINK", AF_NETLINK },
	{ "AF_ROUTE", AF_NETLINK },
	{ "AF_PACKET", AF_PACKET },
	{ "AF_ASH", 18 },
	{ "AF_ECONET", 19 },
	{ "AF_ATMSVC", 20 },
	{ "AF_RDS", 21 },
	{ "AF_SNA", 22 },
	{ "AF_IRDA", 23 },
	{ "AF_PPPOX", 24 },
	{ "AF_WANPIPE", 25 },
	{ "AF_LLC", 26 },
	{ "AF_IB", 27 },
	{ "AF_MPLS", 28 },
	{ "AF_CAN", 29 },
	{ "AF_TIPC", 30 },
	{ "AF_BLUETOOTH", 31 },
	{ "AF_IUCV", 32 },
	{ "AF_RXRPC", 33 },
	{ "AF_ISDN", 34 },
	{ "AF_PHONET", 35 },
	{ "AF_IEEE802154", 36 },
	{ "AF_CAIF", 37 },
	{ "AF_ALG", 38 },
	{ "AF_NFC", 39 },
	{ "AF_VSOCK", 40 },
	{ "AF_KCM", 41 },
	{ "AF_QIPCRTR", 42 },
	{ "AF_SMC", 43 },
	{ "AF_XDP", 44 },
	{ "AF_MCTP", 45 },
};

const char *
sockfamily_name(int family)
{
	size_t i;

	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if (families[i].number == family)
			return families[i].name;
	}
	return NULL;
}

int
sockfamily_number(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if (strlen(families[i].name) == len &&
		    strncmp(families[i].name, name, len) == 0)
			return families[i].number;
	}
	return -1;
}

int
sockfamily_parse(const char *word, int *family, bool *kill)
{
	size_t len = strcspn(word, ":");

	*family = sockfamily_number(word, len);
	*kill = strcmp(word + len, ":kill") == 0;
	if (*family == -1 || (!*kill && strcmp(word + len, ":errno") != 0))
		return -1;
	return 0;
}
