/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trash that has become larger than its quota, because what is in it was
 * written to after it was deleted: by who had it open, or by a further name.
 * Who can do that could have spoiled the object as well, and so it is what goes;
 * what nobody has changed stays.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "trash.h"

struct fitting {
	struct trash_entry *entry;
	size_t n;
	size_t cap;
};

static int
fit_one(void *arg, const struct trash_entry *e)
{
	struct fitting *f = arg;
	struct trash_entry *more;

	if (!e->whole || !e->changed)
		return 0;
	if (f->n == f->cap) {
		f->cap = f->cap == 0 ? 64 : 2 * f->cap;
		more = reallocarray(f->entry, f->cap, sizeof(*more));
		if (more == NULL)
			return -1;
		f->entry = more;
	}
	f->entry[f->n++] = *e;
	return 0;
}

static int
by_size(const void *a, const void *b)
{
	const struct trash_entry *x = a, *y = b;

	return x->bytes == y->bytes ? 0 : x->bytes > y->bytes ? -1 : 1;
}

int
trash_fit(const struct trash *t, uint64_t quota, struct trash_sum *sum,
    struct trash_sum *gone)
{
	struct fitting f = { 0 };
	struct trash_act act = { .what = "grown", .files = 1 };
	size_t i;
	int rc;

	if (sum->bytes <= quota)
		return 0;
	rc = trash_each(t, fit_one, &f);
	if (rc == 0 && f.n > 0)
		qsort(f.entry, f.n, sizeof(*f.entry), by_size);
	for (i = 0; rc == 0 && i < f.n && sum->bytes > quota; i++) {
		if (trash_end(t, f.entry[i].token) == -1)
			continue;
		act.token = f.entry[i].token;
		act.bytes = f.entry[i].bytes;
		(void)trash_log_add(t, &act);
		gone->bytes += act.bytes;
		gone->files++;
		sum->bytes -= act.bytes < sum->bytes ? act.bytes : sum->bytes;
		sum->files -= sum->files > 0;
	}
	free(f.entry);
	return rc == 0 ? trash_sum_put(t, sum) : -1;
}
