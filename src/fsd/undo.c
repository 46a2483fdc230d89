/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was done at the moment in which somebody else moved the directory, or
 * put something into it, is taken back. A process that works against that can
 * close the directory to us: it is its owner's, and we open it again. What
 * cannot be removed goes aside, to the top of the workspace, where no rule that
 * was made for its place makes it more than a file. Where nothing helps the
 * session ends: something is where the policy does not let it be.
 */
#include <sys/random.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backing.h"
#include "decide.h"
#include "log.h"
#include "node.h"
#include "ops.h"

#define ASIDE_TRIES 4
#define ASIDE_TEXT_MAX 200 /* of a name, before what is added */

void
undo_refuse(struct ruling *r)
{
	refuse(r, "moved-meanwhile",
	    "a directory on the way was moved by another session, or outside,"
	    " at this moment; nothing was changed. Look where it is and try"
	    " again.");
}

/* Again, once the directory lets us. */
static bool
open_up(int dir_fd)
{
	struct statx stx;
	char name[16];

	if ((errno != EACCES && errno != EPERM) ||
	    backing_stat(dir_fd, &stx) == -1)
		return false;
	backing_name(name, dir_fd);
	return fchmodat(fsd.self_fd, name, (stx.stx_mode & MODE_DIR) | S_IRWXU,
		   0) == 0;
}

/* Where in the session's view the directory is now, by its descriptor; "" when
 * that is outside of what the session changes. */
static void
where_is(const char *path, int dir_fd, char now[AGENTSH_PATH_MAX + 1])
{
	char below[PATH_MAX];
	const char *top;
	int top_fd;

	top = mounts_top(path, &top_fd);
	now[0] = '\0';
	if (backing_below(dir_fd, top_fd, below) &&
	    strlen(top) + strlen(below) <= AGENTSH_PATH_MAX)
		snprintf(now, AGENTSH_PATH_MAX + 1, "%s%.*s", top,
		    AGENTSH_PATH_MAX, below);
}

int
undo_place(const struct node *parent, int fd, const char *path,
    const char *text, char now[AGENTSH_PATH_MAX + 1])
{
	size_t len;

	if (stand_holds(parent, fd, path)) {
		memcpy(now, path, strlen(path) + 1);
		return 0;
	}
	where_is(path, fd, now);
	len = strlen(now);
	if (len == 0 || len + 1 + strlen(text) > AGENTSH_PATH_MAX)
		return -1;
	now[len] = '/';
	memcpy(now + len + 1, text, strlen(text) + 1);
	return 0;
}

/* 0, or -1 with errno. */
static int
move_aside(int top_fd, int fd, const char *text)
{
	char name[ASIDE_TEXT_MAX + 32];
	uint32_t n;
	int i, rc = -1;

	for (i = 0; i < ASIDE_TRIES && rc == -1; i++) {
		if (getrandom(&n, sizeof(n), 0) != sizeof(n))
			return -1;
		snprintf(name, sizeof(name), "%.*s.moved-%08x", ASIDE_TEXT_MAX,
		    text, n);
		rc = renameat2(fd, text, top_fd, name, RENAME_NOREPLACE);
		if (rc == -1 && errno != EEXIST && !open_up(fd))
			return -1;
	}
	if (rc == 0)
		log_warnx("what another session had moved meanwhile is at the "
			  "top of the workspace now: %s",
		    name);
	return rc;
}

void
undo_aside(const char *path, int fd, const char *text)
{
	char below[PATH_MAX];
	int top_fd;

	(void)mounts_top(path, &top_fd);
	if (move_aside(top_fd, fd, text) == 0 || errno == ENOENT)
		return;
	/* there it is the business of whoever moved it */
	if (!backing_below(fd, top_fd, below)) {
		log_warn("%s: its directory was moved out of the workspace,"
			 " with what was made in it",
		    path);
		return;
	}
	fatal("%s is where the policy does not let it be, and stays", path);
}

static bool
is_same_type(mode_t a, mode_t b)
{
	return (a & S_IFMT) == (b & S_IFMT);
}

void
undo_made(int fd, const char *text, const char *path, mode_t type,
    const struct ident *id)
{
	struct statx stx;
	int flags = S_ISDIR(type) ? AT_REMOVEDIR : 0;

	if (backing_stat_at(fd, text, &stx) == -1 && errno == ENOENT)
		return;
	/* somebody has put something else there */
	if (!is_same_type(stx.stx_mode, type) ||
	    (id != NULL && !backing_same(id, &stx)))
		return;
	if (unlinkat(fd, text, flags) == 0 || errno == ENOENT ||
	    (open_up(fd) && unlinkat(fd, text, flags) == 0))
		return;
	undo_aside(path, fd, text);
}
