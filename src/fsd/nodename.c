/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of nodes. One that has lost its last name keeps that name's text, so
 * that it still has a path.
 */
#include <stdlib.h>
#include <string.h>

#include "fnv.h"
#include "graph.h"
#include "log.h"

#define NAME_BUCKETS 16384

static struct name_list buckets[NAME_BUCKETS];

static size_t
hash_name(const struct node *parent, const char *text)
{
	uint64_t h = fnv_str((uint64_t)(uintptr_t)parent ^ FNV_INIT, text);

	/* what names differ in mostly, their last bytes, has only reached the
	 * lowest bits and the highest */
	h = (h ^ h >> 32) * 0x9e3779b97f4a7c15U;
	return (size_t)(h >> 32) % NAME_BUCKETS;
}

struct name *
name_find(const struct node *parent, const char *text)
{
	struct name *m;

	LIST_FOREACH(m, &buckets[hash_name(parent, text)], by_text) {
		if (m->parent == parent && strcmp(m->text, text) == 0)
			return m;
	}
	return NULL;
}

struct name *
name_live(const struct node *n)
{
	struct name *m;

	LIST_FOREACH(m, &n->names, of_node) {
		if (!m->gone)
			return m;
	}
	return NULL;
}

void
name_free(struct name *m)
{
	LIST_REMOVE(m, of_node);
	if (!m->gone)
		LIST_REMOVE(m, by_text);
	m->parent->holds--;
	graph_condemn(m->parent);
	free(m);
}

/* A name that is no more. The last one stays, so that the node has a path. */
static void
name_end(struct name *m)
{
	struct node *n = m->node;

	if (LIST_FIRST(&n->names) != m || LIST_NEXT(m, of_node) != NULL) {
		name_free(m);
		return;
	}
	LIST_REMOVE(m, by_text);
	m->gone = true;
}

/* Of neither list yet. */
static struct name *
name_new(struct node *n, struct node *parent, const char *text)
{
	struct name *m;
	size_t len = strlen(text);

	m = calloc(1, sizeof(*m) + len + 1);
	if (m == NULL)
		return NULL;
	m->node = n;
	m->parent = parent;
	parent->holds++;
	memcpy(m->text, text, len + 1);
	return m;
}

int
name_put(struct node *n, struct node *parent, const char *text)
{
	struct name *m, *last;

	m = name_find(parent, text);
	if (m != NULL && m->node == n)
		return 0;
	if (m != NULL)
		name_end(m);
	m = name_new(n, parent, text);
	if (m == NULL)
		return -1;
	last = LIST_FIRST(&n->names);
	if (last != NULL && last->gone)
		name_free(last);
	LIST_INSERT_HEAD(&n->names, m, of_node);
	LIST_INSERT_HEAD(&buckets[hash_name(parent, text)], m, by_text);
	return 0;
}

int
name_put_gone(struct node *n, struct node *parent, const char *text)
{
	struct name *m;

	m = name_new(n, parent, text);
	if (m == NULL)
		return -1;
	m->gone = true;
	LIST_INSERT_HEAD(&n->names, m, of_node);
	return 0;
}

struct node *
node_by_name(struct node *parent, const char *text)
{
	struct name *m;
	struct node *n = NULL;

	node_lock();
	m = name_find(parent, text);
	if (m != NULL) {
		n = m->node;
		n->holds++;
	}
	node_unlock();
	return n;
}

bool
node_has_aliases(struct node *n)
{
	bool many;

	node_lock();
	many = LIST_FIRST(&n->names) != NULL &&
	    LIST_NEXT(LIST_FIRST(&n->names), of_node) != NULL;
	node_unlock();
	return many;
}

void
name_gone(struct node *parent, const char *text)
{
	struct name *m;

	node_lock();
	m = name_find(parent, text);
	if (m != NULL)
		name_end(m);
	graph_unlock();
}

void
name_add(struct node *n, struct node *parent, const char *text)
{
	node_lock();
	if (name_put(n, parent, text) == -1)
		fatal("no memory for a name");
	graph_unlock();
}

/* A node without its new name would be decided by the old one: no memory for
 * a name ends the process. */
void
name_moved(struct node *from, const char *old, struct node *to, const char *new,
    bool exchange)
{
	struct name *m, *other;
	struct node *swapped = NULL;

	node_lock();
	m = name_find(from, old);
	other = name_find(to, new);
	if (exchange && other != NULL)
		swapped = other->node;
	if (m == NULL && other != NULL)
		name_end(other);
	if (m != NULL && m != other) {
		if (name_put(m->node, to, new) == -1)
			fatal("no memory for a name");
		name_end(m);
	}
	if (swapped != NULL && name_put(swapped, from, old) == -1)
		fatal("no memory for a name");
	graph_unlock();
}
