/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paths of nodes, as the session sees them: made of the names in the graph,
 * under its lock, from the object up to the fixed place that it lies beneath.
 */
#include <errno.h>
#include <string.h>

#include "node.h"

/* Puts s before *start. -1 when it does not fit. */
static int
prepend(const char *path, char **start, const char *s, bool slash)
{
	size_t len = strlen(s);

	if ((size_t)(*start - path) < len + 1)
		return -1;
	*start -= len;
	memcpy(*start, s, len);
	if (slash)
		*--*start = '/';
	return 0;
}

/* The path of text beneath parent; text NULL: of parent itself. */
static int
build(struct node *parent, const char *text, char *path)
{
	char *start = path + AGENTSH_PATH_MAX;
	struct name *m;
	size_t len;

	*start = '\0';
	if (text != NULL && prepend(path, &start, text, true) == -1)
		goto fail;
	while (parent->fixed == NULL) {
		m = LIST_FIRST(&parent->names);
		if (m == NULL || prepend(path, &start, m->text, true) == -1)
			goto fail;
		parent = m->parent;
	}
	if ((parent != node_of(FUSE_ROOT_ID) || *start == '\0') &&
	    prepend(path, &start, parent->fixed, false) == -1)
		goto fail;
	len = (size_t)(path + AGENTSH_PATH_MAX - start);
	memmove(path, start, len + 1);
	return (int)len;
fail:
	path[0] = '\0';
	errno = ENAMETOOLONG;
	return -1;
}

int
node_child_path(struct node *parent, const char *text,
    char path[AGENTSH_PATH_MAX + 1])
{
	int len;

	node_lock();
	len = build(parent, text, path);
	node_unlock();
	return len;
}

int
node_path(struct node *n, char path[AGENTSH_PATH_MAX + 1])
{
	return node_child_path(n, NULL, path);
}

int
node_each_path(struct node *n, int (*fn)(void *, const char *, size_t),
    void *arg)
{
	char path[AGENTSH_PATH_MAX + 1];
	struct name *m;
	int len, rc = 0;

	node_lock();
	m = LIST_FIRST(&n->names);
	do {
		if (n->fixed != NULL || m == NULL)
			len = build(n, NULL, path);
		else
			len = build(m->parent, m->text, path);
		if (len == -1)
			rc = -1;
		else if (fn(arg, path, (size_t)len) != 0)
			break;
		m = m != NULL ? LIST_NEXT(m, of_node) : NULL;
	} while (m != NULL && rc == 0);
	node_unlock();
	return rc;
}
