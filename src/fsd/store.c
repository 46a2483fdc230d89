/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where agentsh checkpoint keeps what was in workspaces, if it is told no other
 * place: beside the usual trash. What is kept there has other names than in the
 * workspace, by which the policy would know it, and goes back there by the user's
 * hand: so no session gets to it, neither among the host's files nor in a
 * workspace or a mount that it lies in.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backing.h"
#include "decide.h"
#include "log.h"
#include "node.h"
#include "path.h"
#include "trashing.h"

#define STORE "checkpoints"

static struct {
	char host[AGENTSH_PATH_MAX + 1];   /* "": not known */
	char inside[AGENTSH_PATH_MAX + 1]; /* in the workspace, or "" */
	bool there;
	struct ident id;
} store;

void
store_start(const char *usual, const char *workspace)
{
	const char *slash = strrchr(usual, '/');
	struct statx stx;
	int fd, n;

	if (!path_is_clean(usual) || slash == usual)
		return;
	n = snprintf(store.host, sizeof(store.host), "%.*s/" STORE,
	    (int)(slash - usual), usual);
	if (n < 0 || (size_t)n >= sizeof(store.host))
		fatalx("what checkpoints keep lies too deep");
	if (path_is_beneath(store.host, workspace)) {
		n = snprintf(store.inside, sizeof(store.inside), "%s%s",
		    fsd.mount, store.host + strlen(workspace));
		if (n < 0 || (size_t)n >= sizeof(store.inside))
			fatalx("what checkpoints keep lies too deep");
	}
	/* a link may be on the way */
	fd = openat(fsd.root_fd, store.host + 1,
	    O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return;
	store.there = backing_stat(fd, &stx) == 0;
	if (store.there)
		backing_ident(&store.id, &stx);
	close(fd);
}

bool
store_guards(const char *path)
{
	return (store.host[0] != '\0' && path_is_beneath(path, store.host)) ||
	    (store.inside[0] != '\0' && path_is_beneath(path, store.inside));
}

bool
store_is_it(const struct statx *stx)
{
	return store.there && backing_same(&store.id, stx);
}
