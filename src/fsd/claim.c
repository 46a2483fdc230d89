/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who works on which name now: one at a time. What is done or seen in the
 * host's directory and what becomes of it in our graph are one step for
 * everybody who means the same name: one who has seen that there is nothing
 * must not take the name from what somebody else has made since. And a
 * directory's new name is decided with nothing made beneath it meanwhile. No
 * lock is held for it: a host that does not answer keeps those from going on
 * who want the same name, and nobody else.
 *
 * All that an operation needs is claimed at once, so that none waits with a
 * claim of its own. An operation that only looks does not get in the way of a
 * directory above it being renamed: what it finds is asked for again, by its
 * new path, when it is used.
 */
#include <string.h>

#include "node.h"

static struct {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	LIST_HEAD(, claim) all;
	unsigned waiting;
} claims = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.ended = PTHREAD_COND_INITIALIZER,
};

static bool
same_name(const struct claim_name *a, const struct claim_name *b)
{
	return a->parent != NULL && a->parent == b->parent &&
	    strcmp(a->text, b->text) == 0;
}

/* Does a make a name in a tree that b moves? */
static bool
makes_beneath(const struct claim *a, const struct claim *b)
{
	size_t i, k;

	if (a->kind == CLAIM_LOOK)
		return false;
	for (i = 0; i < CLAIM_NAMES; i++) {
		for (k = 0; k < CLAIM_NAMES; k++) {
			if (a->name[i].parent != NULL && b->tree[k] != NULL &&
			    node_is_beneath(a->name[i].parent, b->tree[k]))
				return true;
		}
	}
	return false;
}

static bool
conflict(const struct claim *a, const struct claim *b)
{
	size_t i, k;

	for (i = 0; i < CLAIM_NAMES; i++) {
		for (k = 0; k < CLAIM_NAMES; k++) {
			if (same_name(&a->name[i], &b->name[k]))
				return true;
		}
	}
	return makes_beneath(a, b) || makes_beneath(b, a);
}

static bool
must_wait(const struct claim *c)
{
	const struct claim *other;

	LIST_FOREACH(other, &claims.all, entry) {
		if (conflict(c, other))
			return true;
	}
	return false;
}

void
claim_begin(struct claim *c)
{
	pthread_mutex_lock(&claims.lock);
	claims.waiting++;
	while (must_wait(c))
		pthread_cond_wait(&claims.ended, &claims.lock);
	claims.waiting--;
	LIST_INSERT_HEAD(&claims.all, c, entry);
	pthread_mutex_unlock(&claims.lock);
}

void
claim_one(struct claim *c, enum claim_kind kind, struct node *parent,
    const char *text)
{
	memset(c, 0, sizeof(*c));
	c->kind = kind;
	c->name[0].parent = parent;
	c->name[0].text = text;
	claim_begin(c);
}

void
claim_end(struct claim *c)
{
	pthread_mutex_lock(&claims.lock);
	LIST_REMOVE(c, entry);
	if (claims.waiting > 0)
		pthread_cond_broadcast(&claims.ended);
	pthread_mutex_unlock(&claims.lock);
}
