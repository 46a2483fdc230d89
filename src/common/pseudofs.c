/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems that hold no files but the state of the kernel and of its
 * processes. Served to a session, at its workspace or anywhere else, they would
 * lead out of it: to the host's processes, and for root to the host itself.
 */
#include <sys/statfs.h>

#include <linux/magic.h>
#include <stddef.h>
#include <stdint.h>

#include "pseudofs.h"

static const uint32_t magics[] = {
	PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,
	SECURITYFS_MAGIC, SELINUX_MAGIC, SMACK_MAGIC, CGROUP_SUPER_MAGIC,
	CGROUP2_SUPER_MAGIC, RDTGROUP_SUPER_MAGIC, BPF_FS_MAGIC, BINFMTFS_MAGIC,
	EFIVARFS_MAGIC, PSTOREFS_MAGIC, DEVPTS_SUPER_MAGIC, NSFS_MAGIC,
	0x62656570, /* configfs */
	0x65735543, /* fusectl */
	0x19800202, /* mqueue */
};

bool
fs_is_pseudo(int fd)
{
	struct statfs sf;
	size_t i;

	if (fstatfs(fd, &sf) == -1)
		return true;
	for (i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		if ((uint32_t)sf.f_type == magics[i])
			return true;
	}
	return false;
}
