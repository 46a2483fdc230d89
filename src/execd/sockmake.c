/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that a session may not make: what the call is told, as the kernel tells
 * it where it has not such a family, type or protocol.
 */
#include <errno.h>
#include <stddef.h>

#include "sockmake.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool
is_one_of(uint64_t value, const uint32_t *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if ((uint32_t)value == v[i])
			return true;
	}
	return false;
}

int
sockmake_error(bool pair, const uint64_t arg[3])
{
	uint32_t family = (uint32_t)arg[0];

	if (pair)
		return is_one_of(family, sockmake_pairs,
			   COUNT(sockmake_pairs)) ?
		    0 :
		    EAFNOSUPPORT;
	if (!is_one_of(family, sockmake_families, COUNT(sockmake_families)))
		return EAFNOSUPPORT;
	if (family == AF_NETLINK)
		return is_one_of(arg[2], sockmake_netlink,
			   COUNT(sockmake_netlink)) ?
		    0 :
		    EPROTONOSUPPORT;
	if (family == AF_UNIX)
		return 0;
	if (!is_one_of(arg[1] & SOCKMAKE_TYPE, sockmake_types,
		COUNT(sockmake_types)))
		return EPERM;
	return is_one_of(arg[2], sockmake_protocols,
		   COUNT(sockmake_protocols)) ?
	    0 :
	    EPROTONOSUPPORT;
}
