/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbolic links that lead out of the workspace, for policies.symlink_escape.
 */
#include <string.h>

#include "decide.h"
#include "node.h"

/* The next part of a path; its length, 0 at the end. */
static size_t
next_part(const char **p)
{
	size_t n;

	while (**p == '/')
		(*p)++;
	n = strcspn(*p, "/");
	return n;
}

static bool
is_up(const char *p, size_t n)
{
	return n == 2 && p[0] == '.' && p[1] == '.';
}

/* Does a link at that path, in the workspace at mount, lead out of it? What
 * cannot be known for certain does. */
static bool
escapes(const char *mount, const char *path, const char *target)
{
	size_t top = strlen(mount), len = strlen(path), n;
	const char *p = target;
	bool down = false;

	if (target[0] == '/') {
		if (strncmp(target, mount, top) != 0 ||
		    (target[top] != '\0' && target[top] != '/'))
			return true;
		p += top;
		len = top;
		down = true;
	} else {
		/* the directory that the link is in */
		while (len > 0 && path[len - 1] != '/')
			len--;
		len -= len > 0;
	}
	for (; (n = next_part(&p)) > 0; p += n) {
		if (n == 1 && p[0] == '.')
			continue;
		if (!is_up(p, n)) {
			down = true;
			continue;
		}
		/* behind a name, which can be a link, nobody knows from where
		 * it goes up */
		if (down || len <= top)
			return true;
		while (len > 0 && path[len - 1] != '/')
			len--;
		len -= len > 0;
	}
	return len < top;
}

struct escape {
	const char *target;
	bool found;
};

static int
escape_cb(void *arg, const char *path, size_t len)
{
	struct escape *e = arg;

	(void)len;
	e->found = escapes(mounts_top(path, NULL), path, e->target);
	return e->found;
}

void
ask_symlink(struct ruling *r, struct node *n, const char *target)
{
	struct escape e = { target, false };

	if (fsd.proc.conf.symlink_escape == 0 || n->view != VIEW_WORKSPACE)
		return;
	if (node_each_path(n, escape_cb, &e) == -1 || e.found)
		refuse_node(r, FILE_OP_READLINK, n, "symlink-escape",
		    "the link leads out of the workspace");
}
