/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls of landlock(7), which libc has no names for.
 */
#include <sys/syscall.h>

#include <stddef.h>
#include <unistd.h>

#include "landlock.h"

/* struct landlock_ruleset_attr of ABI 6, whatever the headers have. */
struct ruleset_attr {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

int
landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

uint64_t
landlock_fs_all(int abi)
{
	uint64_t all = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

	if (abi >= 2)
		all |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		all |= LL_TRUNCATE;
	if (abi >= 5)
		all |= LL_IOCTL_DEV;
	return all;
}

int
landlock_ruleset(int abi, uint64_t fs, uint64_t net, uint64_t scoped)
{
	struct ruleset_attr attr = { .fs = fs };
	size_t size = sizeof(attr.fs);

	if (abi >= 4) {
		attr.net = net;
		size = offsetof(struct ruleset_attr, scoped);
	}
	if (abi >= 6) {
		attr.scoped = scoped;
		size = sizeof(attr);
	}
	return (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
}

int
landlock_allow(int ruleset, int dir_fd, uint64_t fs)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = fs,
		.parent_fd = dir_fd };

	return (int)syscall(SYS_landlock_add_rule, ruleset,
	    LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

int
landlock_enter(int ruleset)
{
	return (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
}
