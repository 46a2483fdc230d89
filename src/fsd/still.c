/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a file still where its path says? What is written to a file is decided by
 * the names that the graph has of it. Another session, or somebody outside, may
 * have moved it, to where the policy says other things, while a process here
 * keeps it by a descriptor without having it open.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backing.h"
#include "node.h"
#include "ops.h"

struct at {
	struct node *parent; /* held */
	char *text;
};

/* The names that it has; the parents are held. false: not all, for lack of
 * memory. */
static bool
names_of(struct node *n, struct at **out, size_t *n_out)
{
	struct name *m;
	struct at *v;
	size_t count = 0;
	bool ok;

	node_lock();
	LIST_FOREACH(m, &n->names, of_node)
		count++;
	*out = v = calloc(count + 1, sizeof(*v));
	ok = v != NULL;
	count = 0;
	LIST_FOREACH(m, &n->names, of_node) {
		if (!ok || m->gone)
			continue;
		v[count].text = strdup(m->text);
		v[count].parent = m->parent;
		m->parent->holds++;
		ok = v[count++].text != NULL;
	}
	node_unlock();
	*n_out = count;
	return ok;
}

/* Does the name mean it, with nobody here changing that meanwhile? */
static bool
means(struct node *n, const struct at *a)
{
	struct statx stx;
	struct claim c;
	bool same = false;
	int fd, found;

	claim_one(&c, CLAIM_LOOK, a->parent, a->text);
	fd = node_use_at(a->parent);
	if (fd != -1) {
		found = backing_open(fd, a->text, &stx);
		if (found != -1) {
			same = backing_same(&n->id, &stx);
			close(found);
		}
		node_done(a->parent);
	}
	claim_end(&c);
	return same;
}

/* What has no name any more is nowhere else. */
static bool
is_unnamed(struct node *n)
{
	struct statx stx;

	return node_stat(n, NULL, &stx) == 0 && stx.stx_nlink == 0;
}

bool
node_is_there(struct node *n)
{
	struct at *v;
	size_t len, i;
	bool there = false, all = names_of(n, &v, &len);

	for (i = 0; all && i < len && !there; i++)
		there = means(n, &v[i]);
	for (i = 0; i < len; i++) {
		node_release(v[i].parent, false);
		free(v[i].text);
	}
	free(v);
	return there || is_unnamed(n);
}
