/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in a workspace, as a list in the order of paths, and the differences
 * of two such lists.
 */
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint.h"
#include "cli.h"

struct cp_entry *
cp_tree_add(struct cp_tree *t, const char *path)
{
	struct cp_entry *v;

	if (t->n == CP_MAX_ENTRIES) {
		say("more than %d files and directories", CP_MAX_ENTRIES);
		return NULL;
	}
	if (t->n == t->cap) {
		t->cap = t->cap == 0 ? 256 : t->cap * 2;
		v = reallocarray(t->v, t->cap, sizeof(*v));
		if (v == NULL) {
			say("out of memory");
			return NULL;
		}
		t->v = v;
	}
	v = &t->v[t->n++];
	memset(v, 0, sizeof(*v));
	v->path = xstrdup(path);
	return v;
}

static int
entry_cmp(const void *a, const void *b)
{
	const struct cp_entry *x = a, *y = b;

	return strcmp(x->path, y->path);
}

void
cp_tree_sort(struct cp_tree *t)
{
	if (t->n > 0)
		qsort(t->v, t->n, sizeof(*t->v), entry_cmp);
}

void
cp_tree_free(struct cp_tree *t)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		free(t->v[i].path);
		free(t->v[i].target);
		free(t->v[i].xattrs);
	}
	free(t->v);
	memset(t, 0, sizeof(*t));
}

void
cp_meta_free(struct cp_meta *m)
{
	free(m->reason);
	free(m->workspace);
	cp_tree_free(&m->tree);
	memset(m, 0, sizeof(*m));
}

static const char *
text(const char *s)
{
	return s == NULL ? "" : s;
}

void
cp_tree_hash(const struct cp_tree *t, char hash[CP_HASH_LEN + 1])
{
	const struct cp_entry *e;
	SHA2_CTX ctx;
	char line[160];
	size_t i;
	int n;

	SHA256Init(&ctx);
	for (i = 0; i < t->n; i++) {
		e = &t->v[i];
		n = snprintf(line, sizeof(line), "%d %o %llu %s ", (int)e->type,
		    e->mode, (unsigned long long)e->size, e->hash);
		SHA256Update(&ctx, (const uint8_t *)line, (size_t)n);
		SHA256Update(&ctx, (const uint8_t *)e->path,
		    strlen(e->path) + 1);
		SHA256Update(&ctx, (const uint8_t *)text(e->target),
		    strlen(text(e->target)) + 1);
		SHA256Update(&ctx, (const uint8_t *)text(e->xattrs),
		    strlen(text(e->xattrs)) + 1);
	}
	SHA256End(&ctx, hash);
}

bool
cp_same(const struct cp_entry *a, const struct cp_entry *b)
{
	return a->type == b->type && a->mode == b->mode && a->size == b->size &&
	    strcmp(a->hash, b->hash) == 0 &&
	    strcmp(text(a->target), text(b->target)) == 0 &&
	    strcmp(text(a->xattrs), text(b->xattrs)) == 0;
}

int
cp_diff(const struct cp_tree *old, const struct cp_tree *new,
    int (*fn)(void *arg, const struct cp_change *), void *arg)
{
	size_t i = 0, k = 0;
	struct cp_change c;
	int cmp, ret = 0;

	while (ret == 0 && (i < old->n || k < new->n)) {
		if (i == old->n)
			cmp = 1;
		else if (k == new->n)
			cmp = -1;
		else
			cmp = strcmp(old->v[i].path, new->v[k].path);
		c.old = cmp <= 0 ? &old->v[i++] : NULL;
		c.new = cmp >= 0 ? &new->v[k++] : NULL;
		if (cmp != 0 || !cp_same(c.old, c.new))
			ret = fn(arg, &c);
	}
	return ret;
}
