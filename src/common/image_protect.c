/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protected set. Its rows are few and most paths have nothing of them, so
 * they are compared one by one, by their first letter before anything else.
 */
#include <string.h>

#include "image_int.h"

#define OP(name) (1U << FILE_OP_##name)
#define CHANGE_OPS                                                             \
	(OP(WRITE) | OP(CREATE) | OP(DELETE) | OP(RMDIR) | OP(MKDIR) |         \
	    OP(RENAME) | OP(LINK) | OP(SYMLINK) | OP(CHMOD) | OP(CHOWN) |      \
	    OP(MKNOD))

/* What is not to be done with the name itself. */
static const uint32_t self_ops[] = {
	[PROTECTED_FILE] = CHANGE_OPS,
	[PROTECTED_DIR] = CHANGE_OPS & ~(OP(MKDIR) | OP(RMDIR)),
	/* git init tries whether modes stay */
	[PROTECTED_CONFIG] = CHANGE_OPS & ~OP(CHMOD),
	[PROTECTED_PLACE] = OP(CREATE) | OP(SYMLINK) | OP(MKNOD) | OP(LINK) |
	    OP(WRITE) | OP(DELETE),
	[PROTECTED_FREE] = CHANGE_OPS,
};

/* A path from one of its parts on. */
struct rest {
	const char *p;
	const char *end;
};

/* Where the parts of a path begin, each looked for once. */
#define PARTS_MAX 64
struct parts {
	struct rest from[PARTS_MAX];
	size_t n;
	struct rest more; /* those that there is no room for */
};

enum {
	MATCH_SELF = 1 << 0,   /* the row is about the path */
	MATCH_BENEATH = 1 << 1 /* about a directory above */
};

static char
lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static const char *
part_end(const char *p, const char *end)
{
	const char *slash = memchr(p, '/', (size_t)(end - p));

	return slash == NULL ? end : slash;
}

/* n bytes of a row and of a path. */
static bool
same(const char *row, const char *path, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (lower(path[i]) != row[i])
			return false;
	}
	return true;
}

/* One part of a row, with * or without, and one of a path. */
static bool
part_matches(const char *row, const char *row_end, const char *p,
    const char *end)
{
	const char *star = memchr(row, '*', (size_t)(row_end - row));
	size_t head = (size_t)((star == NULL ? row_end : star) - row), tail;

	/* what some file systems leave out at the end of a name */
	while (end > p && (end[-1] == '.' || end[-1] == ' '))
		end--;
	if ((size_t)(end - p) < head || !same(row, p, head))
		return false;
	if (star == NULL)
		return (size_t)(end - p) == head;
	tail = (size_t)(row_end - star) - 1;
	return (size_t)(end - p) - head >= tail &&
	    same(star + 1, end - tail, tail);
}

/* Rows without **, or what follows one. */
static unsigned
match_parts(const char *row, struct rest r)
{
	const char *row_end, *end;

	for (;; row = row_end + 1, r.p = end + 1) {
		row_end = row + strcspn(row, "/");
		end = part_end(r.p, r.end);
		if (!part_matches(row, row_end, r.p, end))
			return 0;
		if (*row_end == '\0')
			return end == r.end ? MATCH_SELF : MATCH_BENEATH;
		if (end == r.end)
			return 0;
	}
}

/* As many parts of the path as are before **; false: it has not so many, or
 * others. */
static bool
match_head(const char *row, const char *stars, struct rest *r)
{
	const char *row_end, *end;

	for (; row < stars; row = row_end + 1, r->p = end + 1) {
		row_end = row + strcspn(row, "/");
		end = part_end(r->p, r->end);
		if (end == r->end || !part_matches(row, row_end, r->p, end))
			return false;
	}
	return true;
}

/* By the first two letters, which most rows and paths do not share. */
static bool
may_match(const char *row, struct rest r)
{
	if (row[0] == '*' || r.p == r.end)
		return true;
	if (lower(r.p[0]) != row[0])
		return false;
	return row[1] == '*' || row[1] == '/' || row[1] == '\0' ||
	    r.p + 1 == r.end || lower(r.p[1]) == row[1];
}

static unsigned
match_row(const char *row, struct rest r)
{
	const char *stars, *end;
	unsigned found = 0;

	if (!may_match(row, r))
		return 0;
	stars = strstr(row, "**/");
	if (stars == NULL)
		return match_parts(row, r);
	if (!match_head(row, stars, &r))
		return 0;
	for (end = part_end(r.p, r.end); end < r.end;
	     end = part_end(r.p, r.end)) {
		r.p = end + 1;
		found |= match_parts(stars + 3, r);
	}
	return found;
}

static void
parts_find(struct parts *t, struct rest r)
{
	const char *end;

	t->n = 0;
	t->more.p = NULL;
	for (;; r.p = end + 1) {
		if (t->n == PARTS_MAX) {
			t->more = r;
			return;
		}
		t->from[t->n++] = r;
		end = part_end(r.p, r.end);
		if (end == r.end)
			return;
	}
}

static unsigned
match_anywhere(const char *row, const struct parts *t)
{
	struct rest r = t->more;
	unsigned found = 0;
	const char *end;
	size_t i;

	for (i = 0; i < t->n; i++)
		found |= match_row(row, t->from[i]);
	for (; r.p != NULL; r.p = end + 1) {
		found |= match_row(row, r);
		end = part_end(r.p, r.end);
		if (end == r.end)
			break;
	}
	return found;
}

/* The path from what is in the root on. */
static bool
beneath_root(const char *root, const char *path, size_t len, struct rest *r)
{
	size_t n = strlen(root);

	if (len <= n || memcmp(path, root, n) != 0 || path[n] != '/')
		return false;
	r->p = path + n + 1;
	r->end = path + len;
	return true;
}

void
img_protect(const struct image *im, enum file_op op, const char *path,
    size_t len, struct verdict *v)
{
	const struct img_head *h = img_head(im);
	const struct img_family *f = img_family(im, FAMILY_FILE);
	const struct img_protected *row = img_at(im, h->protected);
	const struct img_file *part = img_at(im, f->parts);
	const uint32_t *named = v->rule < f->nrules ? part[v->rule].named :
						      NULL;
	const uint32_t *roots = img_at(im, h->protected_root);
	struct rest any = { path + 1, path + len }, in[IMG_MAX_ROOTS];
	struct parts parts;
	const char *name;
	unsigned found;
	uint32_t i, k, nin = 0;

	if ((CHANGE_OPS >> op & 1) == 0 || h->nprotected == 0)
		return;
	parts_find(&parts, any);
	for (i = 0; i < h->nroots; i++) {
		if (beneath_root(img_string(im, roots[i]), path, len, &in[nin]))
			nin++;
	}
	for (i = 0; i < h->nprotected; i++) {
		name = img_string(im, row[i].name);
		if (row[i].where == PROTECTED_ANY) {
			found = match_anywhere(name, &parts);
		} else {
			for (found = 0, k = 0; k < nin; k++)
				found |= match_row(name, in[k]);
		}
		if (((found & MATCH_BENEATH) == 0 ||
			row[i].kind == PROTECTED_PLACE) &&
		    ((found & MATCH_SELF) == 0 ||
			(self_ops[row[i].kind] >> op & 1) == 0))
			continue;
		if (row[i].kind != PROTECTED_FREE &&
		    (named == NULL || (named[i / 32] >> (i % 32) & 1) == 0))
			img_verdict_set(im, FAMILY_FILE, h->protected_rule + i,
			    v);
		return;
	}
}

bool
image_is_git_config(const struct image *im, const struct verdict *v)
{
	const struct img_head *h = img_head(im);
	const struct img_protected *row = img_at(im, h->protected);

	return v->rule >= h->protected_rule &&
	    v->rule - h->protected_rule < h->nprotected &&
	    row[v->rule - h->protected_rule].kind == PROTECTED_CONFIG;
}
