/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listings. A host directory is read as the kernel reads ours, position by
 * position; the session's root and the empty directories have a list of our
 * own, made when they are opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backing.h"
#include "decide.h"
#include "handle.h"
#include "node.h"
#include "ops.h"
#include "record.h"
#include "redirect.h"
#include "serve.h"

struct listing_entry {
	char *text;
	uint64_t ino;
	unsigned char type;
};

struct listing {
	size_t n;
	size_t cap;
	struct listing_entry *entry;
};

/* One entry on its way to the kernel. */
struct item {
	const char *text;
	uint64_t ino;
	unsigned char type;
	off_t next; /* where the following one is found */
};

static void
listing_free(struct listing *l)
{
	size_t i;

	if (l == NULL)
		return;
	for (i = 0; i < l->n; i++)
		free(l->entry[i].text);
	free(l->entry);
	free(l);
}

static int
listing_add(struct listing *l, const char *text, uint64_t ino,
    unsigned char type)
{
	struct listing_entry *e;

	if (l->n == l->cap) {
		e = reallocarray(l->entry, l->cap + 64, sizeof(*e));
		if (e == NULL)
			return -1;
		l->entry = e;
		l->cap += 64;
	}
	e = &l->entry[l->n];
	e->text = strdup(text);
	if (e->text == NULL)
		return -1;
	e->ino = ino;
	e->type = type;
	l->n++;
	return 0;
}

static int
listing_add_fixed(struct listing *l, const char *path)
{
	/* only those directly beneath the root */
	if (strchr(path + 1, '/') != NULL)
		return 0;
	return listing_add(l, path + 1, 1, DT_DIR);
}

/* The host's entries that nothing of ours stands for. */
static int
listing_add_host(struct listing *l, DIR *dir)
{
	char path[sizeof(((struct dirent *)NULL)->d_name) + 2];
	struct dirent *de;
	uint64_t dev = node_of(FUSE_ROOT_ID)->id.dev;

	while (errno = 0, (de = readdir(dir)) != NULL) {
		path[0] = '/';
		memcpy(path + 1, de->d_name, strlen(de->d_name) + 1);
		if (strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0 ||
		    node_virtual(path) != NULL || strcmp(path, fsd.mount) == 0)
			continue;
		if (listing_add(l, de->d_name, backing_ino(dev, de->d_ino),
			de->d_type) == -1)
			return -1;
	}
	/* a listing cut short must not look like a whole one */
	return errno == 0 ? 0 : -1;
}

static struct listing *
listing_new(DIR *dir)
{
	struct node *root = node_of(FUSE_ROOT_ID);
	struct listing *l;
	uint64_t ino;

	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return NULL;
	ino = backing_ino(root->id.dev, root->id.ino);
	if (listing_add(l, ".", ino, DT_DIR) == -1 ||
	    listing_add(l, "..", ino, DT_DIR) == -1)
		goto fail;
	if (dir == NULL)
		return l;
	if (listing_add_host(l, dir) == -1 ||
	    listing_add_fixed(l, fsd.mount) == -1)
		goto fail;
#define ROOTMNT(path, kind, what)                                              \
	if (listing_add_fixed(l, path) == -1)                                  \
		goto fail;
#include "rootmnt.def"
#undef ROOTMNT
	return l;
fail:
	listing_free(l);
	return NULL;
}

static void
handle_dir_free(struct handle *h)
{
	dir_close(h);
	listing_free(h->listing);
	handle_free(h);
}

/* 0 or an error number. */
static int
open_listing(fuse_req_t req, struct node *n, struct handle **out)
{
	struct handle *h;
	DIR *dir = NULL;
	int error;

	if (n->view != VIEW_VIRTUAL) {
		dir = dir_open(n);
		if (dir == NULL)
			return errno;
	}
	h = handle_new(req, n, -1, false);
	if (h == NULL) {
		error = errno;
		if (dir != NULL)
			closedir(dir);
		return error;
	}
	if (n->view == VIEW_VIRTUAL || n == node_of(FUSE_ROOT_ID)) {
		h->listing = listing_new(dir);
		if (h->listing == NULL) {
			if (dir != NULL)
				closedir(dir);
			handle_free(h);
			return ENOMEM;
		}
	}
	if (dir != NULL)
		dir_has(h, dir);
	*out = h;
	return 0;
}

void
op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *n = node_of(ino);
	struct handle *h = NULL;
	struct ruling r;
	int error;

	ruling_init(&r);
	ask_node(&r, FILE_OP_LIST, n);
	if (record_denied(req, EV_DIR_LIST, &r)) {
		reply_error(req, EACCES);
		return;
	}
	error = open_listing(req, n, &h);
	if (error != 0) {
		reply_error(req, error);
		return;
	}
	record_done(req, EV_DIR_LIST, &r, NULL);
	fi->fh = (uintptr_t)h;
	/* the list can be kept where it would be heard that it is another */
	fi->cache_readdir = h->listing == NULL && may_keep(n);
	fi->keep_cache = fi->cache_readdir;
	if (fuse_reply_open(req, fi) == -ENOENT)
		handle_dir_free(h);
}

/* The entry at off. 1, 0 at the end, -1 with errno. */
static int
item_at(struct handle *h, off_t off, struct item *it)
{
	struct listing *l = h->listing;
	struct dirent *de = h->dir_next;

	if (l != NULL) {
		if (off < 0 || (size_t)off >= l->n)
			return 0;
		it->text = l->entry[off].text;
		it->ino = l->entry[off].ino;
		it->type = l->entry[off].type;
		it->next = off + 1;
		return 1;
	}
	if (off != h->dir_off || off == 0) {
		if (off == 0)
			rewinddir(h->dir);
		else
			seekdir(h->dir, off);
		h->dir_off = off;
		de = NULL;
	}
	if (de == NULL) {
		errno = 0;
		de = readdir(h->dir);
		if (de == NULL)
			return errno != 0 ? -1 : 0;
	}
	h->dir_next = de;
	it->text = de->d_name;
	it->ino = backing_ino(h->node->id.dev, de->d_ino);
	it->type = de->d_type;
	it->next = de->d_off;
	return 1;
}

/* Looks up an entry on its way. Says false when that is left to later. */
static bool
list_enter(fuse_req_t req, struct handle *h, int pfd, const struct item *it,
    struct fuse_entry_param *e)
{
	struct claim c;
	int error;

	if (strcmp(it->text, ".") == 0 || strcmp(it->text, "..") == 0)
		return false;
	/* the directory is not where it was */
	if (pfd == -1 && h->node->view != VIEW_VIRTUAL)
		return false;
	/* another file system may not answer, and a listing must not wait */
	if (it->type == DT_DIR && h->dir != NULL &&
	    backing_is_mount(dirfd(h->dir), it->text))
		return false;
	/* what it means is found out when it is asked for */
	if (redirect_is(h->node, it->text))
		return false;
	claim_one(&c, CLAIM_LOOK, h->node, it->text);
	error = lookup_at(req, h->node, pfd, it->text, e, true);
	claim_end(&c);
	return error == 0;
}

/* Puts one entry; its size, more than left when it does not fit. pfd: of the
 * directory, or -1. */
static size_t
put_item(fuse_req_t req, struct handle *h, int pfd, const struct item *it,
    char *buf, size_t left, bool plus)
{
	struct fuse_entry_param e;
	struct stat st = { 0 };
	size_t need;

	st.st_ino = it->ino;
	st.st_mode = DTTOIF(it->type);
	if (!plus)
		return fuse_add_direntry(req, buf, left, it->text, &st,
		    it->next);
	memset(&e, 0, sizeof(e));
	e.attr = st;
	/* its size is known before it is looked up */
	need = fuse_add_direntry_plus(req, NULL, 0, it->text, &e, it->next);
	if (need > left)
		return need;
	if (!list_enter(req, h, pfd, it, &e)) {
		/* listed, but not entered */
		memset(&e, 0, sizeof(e));
		e.attr = st;
	}
	return fuse_add_direntry_plus(req, buf, left, it->text, &e, it->next);
}

static void
list(fuse_req_t req, size_t size, off_t off, struct handle *h, bool plus)
{
	struct item it;
	size_t n, used = 0;
	char *buf;
	int pfd, rc = 0;

	buf = malloc(size != 0 ? size : 1);
	if (buf == NULL) {
		reply_error(req, ENOMEM);
		return;
	}
	/* where it is not is found out once, and not for each entry */
	pfd = plus ? node_use_at(h->node) : -1;
	pthread_mutex_lock(&h->lock);
	rc = dir_use(h);
	while (rc == 0 && (rc = item_at(h, off, &it)) == 1) {
		n = put_item(req, h, pfd, &it, buf + used, size - used, plus);
		if (n > size - used)
			break;
		used += n;
		off = it.next;
		h->dir_next = NULL;
		h->dir_off = off;
		rc = 0;
	}
	pthread_mutex_unlock(&h->lock);
	if (pfd != -1)
		node_done(h->node);
	if (rc == -1 && used == 0)
		reply_error(req, errno);
	else
		fuse_reply_buf(req, buf, used);
	free(buf);
}

void
op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	(void)ino;
	list(req, size, off, handle_of(fi), false);
}

void
op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	(void)ino;
	list(req, size, off, handle_of(fi), true);
}

void
op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	handle_dir_free(handle_of(fi));
	reply_error(req, 0);
}

void
op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync,
    struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	int rc, saved;

	(void)ino;
	pthread_mutex_lock(&h->lock);
	rc = dir_use(h);
	if (rc == 0 && h->dir != NULL)
		rc = datasync != 0 ? fdatasync(dirfd(h->dir)) :
				     fsync(dirfd(h->dir));
	saved = errno;
	pthread_mutex_unlock(&h->lock);
	reply_error(req, rc == -1 ? saved : 0);
}
