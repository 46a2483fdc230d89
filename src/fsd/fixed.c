/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directories of ours that nothing of the host is in: what is mounted over
 * them, and the way to a workspace beneath one. They never move, and never go.
 */
#include <stdlib.h>
#include <string.h>

#include "backing.h"
#include "fnv.h"
#include "log.h"
#include "node.h"
#include "path.h"

/* clang-format off */
static struct node virtuals[] = {
#define ROOTMNT(path, kind, what) { .view = VIEW_VIRTUAL, .type = S_IFDIR, \
	.fixed = path, .fd = -1, .holds = 1, .anchor = true },
#include "rootmnt.def"
#undef ROOTMNT
};
/* clang-format on */

#define NVIRTUALS (sizeof(virtuals) / sizeof(virtuals[0]))

/* Directories on the way to a workspace that shows at its own path beneath one
 * of those. */
static struct node *ways;
static size_t nways;

void
fixed_init(struct node *n, enum view view, const char *path, int fd)
{
	struct statx stx;

	if (backing_stat(fd, &stx) == -1)
		fatal("cannot look at %s", path);
	backing_ident(&n->id, &stx);
	n->view = view;
	n->type = S_IFDIR;
	n->fixed = path;
	n->fd = fd;
	n->holds = 1;
	n->users = 1; /* its descriptor is never closed */
	n->anchor = true;
}

/* A workspace in a directory of ours is reached by more directories of ours:
 * the host's ones there are not shown. */
void
fixed_ways_init(void)
{
	const char *end, *s;
	size_t i;

	for (i = 0; i < NVIRTUALS; i++) {
		if (path_is_beneath(fsd.mount, virtuals[i].fixed))
			break;
	}
	if (i == NVIRTUALS)
		return;
	ways = calloc(strlen(fsd.mount), sizeof(*ways));
	if (ways == NULL)
		fatal("calloc");
	end = fsd.mount + strlen(virtuals[i].fixed) + 1;
	for (s = strchr(end, '/'); s != NULL; s = strchr(s + 1, '/')) {
		ways[nways] = virtuals[i];
		ways[nways].fixed = strndup(fsd.mount, (size_t)(s - fsd.mount));
		if (ways[nways].fixed == NULL)
			fatal("strndup");
		nways++;
	}
}

uint64_t
fixed_number(const char *path)
{
	return fnv_str(FNV_INIT, path) >> 16; /* a number of the usual size */
}

struct node *
node_virtual(const char *path)
{
	size_t i;

	for (i = 0; i < NVIRTUALS; i++) {
		if (strcmp(virtuals[i].fixed, path) == 0)
			return &virtuals[i];
	}
	for (i = 0; i < nways; i++) {
		if (strcmp(ways[i].fixed, path) == 0)
			return &ways[i];
	}
	return NULL;
}
