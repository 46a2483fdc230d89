/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trash of the session's user (common/trash.h), whose directory agentshd
 * hands over. The session itself never gets to it: not by any path, and no
 * directory above it can be renamed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backing.h"
#include "decide.h"
#include "log.h"
#include "node.h"
#include "own.h"
#include "path.h"
#include "trash.h"
#include "trashing.h"

#define ABOVE_MAX 64 /* directories above the trash */

static struct trash_own ours;

static struct {
	int dir_fd; /* -1: none */
	bool ready;
	bool all; /* of the workspace, whatever the policy says */
	/* as the session sees it, where it would see it; else "" */
	char usual[AGENTSH_PATH_MAX + 1];
	char config[AGENTSH_PATH_MAX + 1];
	struct ident above[ABOVE_MAX];
	size_t nabove; /* the first is the trash */
} trash = { .dir_fd = -1 };

const struct trash_own *
trash_ours(void)
{
	return &ours;
}

int
trash_on_fs_trash(struct chan *ch, struct imsg *im)
{
	struct msg_fs_trash m;

	(void)ch;
	if (msg_get_fs_trash(im, &m) == -1 || !path_is_clean(m.workspace))
		return -1;
	trash.dir_fd = imsg_take_fd(im, 0);
	ours.quota = m.quota;
	ours.files = m.files;
	ours.ttl_s = m.ttl_ms / 1000;
	ours.hash_under = m.hash_under;
	trash.all = m.all != 0;
	memcpy(ours.workspace, m.workspace, sizeof(ours.workspace));
	memcpy(trash.usual, m.usual, sizeof(trash.usual));
	memcpy(trash.config, m.config, sizeof(trash.config));
	return 0;
}

/* In place, once it is known how the session sees the workspace. */
static void
find_usual(void)
{
	char *dir = trash.usual, path[2 * AGENTSH_PATH_MAX + 2];

	/* a mount is where it is on the host */
	if (path_is_clean(dir) && mounts_top(dir, NULL) != fsd.mount)
		return;
	if (!path_is_clean(dir) || !path_is_beneath(dir, ours.workspace)) {
		dir[0] = '\0';
		return;
	}
	snprintf(path, sizeof(path), "%s%s", fsd.mount,
	    dir + strlen(ours.workspace));
	if (strlen(path) >= sizeof(trash.usual))
		fatalx("the trash lies too deep");
	memcpy(dir, path, strlen(path) + 1);
}

/* What the trash is and lies in, by the objects themselves. */
static void
find_above(void)
{
	struct statx stx;
	int fd, up;

	fd = fcntl(trash.dir_fd, F_DUPFD_CLOEXEC, 0);
	while (fd != -1 && backing_stat(fd, &stx) == 0) {
		if (trash.nabove > 0 &&
		    backing_same(&trash.above[trash.nabove - 1], &stx))
			break; /* the root is above itself */
		if (trash.nabove == ABOVE_MAX)
			fatalx("the trash lies too deep");
		backing_ident(&trash.above[trash.nabove++], &stx);
		up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = up;
	}
	if (fd != -1)
		close(fd);
	if (trash.nabove == 0)
		fatal("the trash");
}

int
trash_dir(void)
{
	return trash.dir_fd;
}

void
trash_start(void)
{
	own_start(trash.usual, trash.config, ours.workspace);
	if (trash.dir_fd == -1)
		return;
	find_above();
	find_usual();
	if (trash_open(&ours.t, trash.dir_fd, true) == -1)
		log_warn("the trash cannot be used, and soft deletes are"
			 " refused");
	else
		trash.ready = true;
	trash_end_init();
}

bool
trash_is_there(void)
{
	return trash.ready;
}

bool
trash_takes_all(void)
{
	return trash.all;
}

/* By name, as nothing may be there yet: agentsh(1) looks there. */
bool
trash_guards(enum file_op op, const char *path)
{
	if (trash.usual[0] == '\0')
		return false;
	if (path_is_beneath(path, trash.usual))
		return true;
	/* on the way there, only directories are made, and none is moved */
	return path_is_beneath(trash.usual, path) && own_turns_aside(op);
}

bool
trash_is_it(const struct statx *stx)
{
	return trash.nabove > 0 && backing_same(&trash.above[0], stx);
}

bool
trash_is_beneath(const struct statx *stx)
{
	size_t i;

	for (i = 0; i < trash.nabove; i++) {
		if (backing_same(&trash.above[i], stx))
			return true;
	}
	return false;
}
