/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session connects to whatever it likes and hears of a failure by a reset, by
 * which no client goes on with the next address of the name: addresses to which
 * the host has no way are better not answered.
 */
#include <sys/socket.h>

#include <errno.h>
#include <unistd.h>

#include "ipport.h"
#include "reach.h"

#define DISCARD_PORT 9 /* any will do */

bool
reach_has_route(const uint8_t addr[16])
{
	struct sockaddr_storage ss;
	socklen_t len = ipport_sockaddr(addr, DISCARD_PORT, &ss);
	bool is = true;
	int fd;

	fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return errno != EAFNOSUPPORT;
	if (connect(fd, (struct sockaddr *)&ss, len) == -1)
		is = errno != ENETUNREACH && errno != EHOSTUNREACH &&
		    errno != EADDRNOTAVAIL && errno != EACCES;
	close(fd);
	return is;
}
