/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files may be registered. The kernel opens what is registered again, by
 * fsd's word and without asking for modes: so it must be one that this process,
 * and so the session's user, may read and write.
 */
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "check.h"

int
reg_check_file(int fd)
{
	struct statx stx;
	int flags;

	flags = fcntl(fd, F_GETFL);
	if (flags == -1 || (flags & O_PATH) != 0)
		return EBADF; /* nobody was asked for that one */
	if (statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &stx) == -1)
		return errno;
	if (!S_ISREG(stx.stx_mode))
		return EINVAL;
	if ((stx.stx_attributes & (STATX_ATTR_APPEND | STATX_ATTR_IMMUTABLE)) !=
	    0)
		return EPERM; /* asked for at an open by name only */
	if (syscall(SYS_faccessat2, fd, "", R_OK | W_OK,
		AT_EMPTY_PATH | AT_EACCESS) == -1)
		return errno;
	return 0;
}
