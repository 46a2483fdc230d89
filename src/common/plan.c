/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount plan on the wire.
 */
#include <string.h>

#include "path.h"
#include "plan.h"

/* Whoever makes a plan, no other place of the host is ever mounted: there are
 * sockets in some. */
static bool
may_be_native(const char *path)
{
	static const struct {
		const char *path;
		bool native;
	} dirs[] = {
#define SYSDIR(p, n, what) { p, n },
#include "sysdir.def"
#undef SYSDIR
	};
	size_t i;

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (strcmp(dirs[i].path, path) == 0)
			return dirs[i].native;
	}
	return false;
}

void
plan_put(struct buf *b, const struct plan *plan)
{
	size_t i;

	buf_put_u16(b, (uint16_t)plan->n);
	for (i = 0; i < plan->n; i++) {
		buf_put_u8(b, (uint8_t)plan->row[i].kind);
		buf_put_str(b, plan->row[i].path,
		    sizeof(plan->row[i].path) - 1);
	}
}

int
plan_get(struct buf *b, struct plan *plan)
{
	struct plan_row *row;
	size_t i, n;
	uint8_t kind;

	memset(plan, 0, sizeof(*plan));
	n = buf_get_u16(b);
	if (n > PLAN_MAX)
		return -1;
	for (i = 0; i < n; i++) {
		row = &plan->row[i];
		kind = buf_get_u8(b);
		buf_get_str(b, row->path, sizeof(row->path) - 1);
		if (b->bad ||
		    (kind != MOUNT_NATIVE_RO && kind != MOUNT_HIDDEN) ||
		    !path_is_clean(row->path) || row->path[1] == '\0')
			return -1;
		if (kind == MOUNT_NATIVE_RO && !may_be_native(row->path))
			return -1;
		row->kind = (enum mount_kind)kind;
	}
	plan->n = n;
	return buf_done(b) ? 0 : -1;
}

/* The kind that the plan has for all of the subtree: a row of itself or of a
 * directory above. */
static enum mount_kind
kind_of(const struct plan *plan, const char *path)
{
	enum mount_kind kind = MOUNT_FSD;
	size_t i, n, longest = 0;

	for (i = 0; i < plan->n; i++) {
		n = strlen(plan->row[i].path);
		if (n > longest && path_is_beneath(path, plan->row[i].path)) {
			kind = plan->row[i].kind;
			longest = n;
		}
	}
	return kind;
}

enum plan_fit
plan_compare(const struct plan *mounted, const struct plan *wanted,
    const char **path)
{
	const struct plan_row *row;
	enum plan_fit fit = PLAN_FITS;
	size_t i;

	*path = "";
	for (i = 0; i < mounted->n; i++) {
		row = &mounted->row[i];
		if (kind_of(wanted, row->path) == row->kind)
			continue;
		/* the kernel would go on to show all of it */
		if (row->kind != MOUNT_HIDDEN) {
			*path = row->path;
			return PLAN_UNFIT;
		}
		if (fit == PLAN_FITS)
			*path = row->path;
		fit = PLAN_STRICTER;
	}
	return fit;
}
