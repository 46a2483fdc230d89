/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata.json. Names of files are bytes and JSON is text: what is not UTF-8
 * is in hex besides.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/fdio.h"
#include "checkpoint.h"
#include "cli.h"
#include "jsonout.h"
#include "../common/utf8.h"
#include "vis.h"

#define META "metadata.json"
#define MODIFIED_MAX 1000 /* names of files that changed */

static const char *const type_names[CP_TYPE_MAX] = {
	[CP_FILE] = "file",
	[CP_DIR] = "directory",
	[CP_LINK] = "symlink",
	[CP_SPECIAL] = "special",
};

static bool
has_control(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	}
	return false;
}

void
cp_text_json(struct jsonout *o, const char *key, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	size_t i, n = strlen(text);
	char *hex, *safe, name[32];

	if (utf8_is_valid(text, n) && !has_control(text)) {
		jo_str(o, key, text);
		return;
	}
	safe = vis_dup(text);
	jo_str(o, key, safe);
	free(safe);
	hex = xcalloc(2 * n + 1, 1);
	for (i = 0; i < n; i++) {
		hex[2 * i] = digits[(uint8_t)text[i] >> 4];
		hex[2 * i + 1] = digits[(uint8_t)text[i] & 15];
	}
	snprintf(name, sizeof(name), "%s_hex", key);
	jo_str(o, name, hex);
	free(hex);
}

static void
entry_json(struct jsonout *o, const struct cp_entry *e)
{
	char text[64];

	jo_open(o, NULL);
	cp_text_json(o, "path", e->path);
	jo_str(o, "type", type_names[e->type]);
	snprintf(text, sizeof(text), "%04o", e->mode);
	jo_str(o, "mode", text);
	snprintf(text, sizeof(text), "%lld.%09u", (long long)e->mtime_sec,
	    e->mtime_nsec);
	jo_str(o, "mtime", text);
	if (e->type == CP_FILE) {
		jo_str(o, "hash", e->hash);
		jo_num(o, "size", e->size);
	}
	if (e->target != NULL)
		cp_text_json(o, "target", e->target);
	if (e->xattrs != NULL)
		jo_str(o, "xattrs", e->xattrs);
	jo_close(o);
}

struct modified {
	struct jsonout *o;
	size_t n;
};

static int
modified_cb(void *arg, const struct cp_change *c)
{
	struct modified *m = arg;
	char *safe;

	if (c->old == NULL || c->new == NULL || c->new->type != CP_FILE)
		return 0;
	safe = vis_dup(c->new->path);
	jo_str(m->o, NULL, safe);
	free(safe);
	return ++m->n == MODIFIED_MAX;
}

void
cp_meta_json(struct jsonout *o, const struct cp_meta *m, bool all,
    const struct cp_tree *prev)
{
	struct modified changed = { o, 0 };
	size_t count[CP_TYPE_MAX] = { 0 }, i;

	for (i = 0; i < m->tree.n; i++)
		count[m->tree.v[i].type]++;
	jo_str(o, "id", m->id);
	jo_str(o, "session_id", m->session);
	jo_str(o, "created_at", m->created);
	jo_num(o, "created", (size_t)m->created_sec);
	cp_text_json(o, "reason", m->reason);
	cp_text_json(o, "workspace", m->workspace);
	jo_str(o, "workspace_hash", m->hash);
	jo_bool(o, "can_rollback", count[CP_SPECIAL] == 0);
	jo_open(o, "stats");
	jo_num(o, "files", count[CP_FILE]);
	jo_num(o, "directories", count[CP_DIR]);
	jo_num(o, "symlinks", count[CP_LINK]);
	jo_num(o, "special", count[CP_SPECIAL]);
	jo_num(o, "bytes", m->tree.bytes);
	jo_close(o);
	if (prev != NULL) {
		jo_open_array(o, "modified_files");
		cp_diff(prev, &m->tree, modified_cb, &changed);
		jo_close_array(o);
	}
	if (!all)
		return;
	jo_open_array(o, "files");
	for (i = 0; i < m->tree.n; i++)
		entry_json(o, &m->tree.v[i]);
	jo_close_array(o);
}

int
cp_meta_write(int dir, const struct cp_meta *m, const struct cp_tree *prev)
{
	struct jsonout *o = jo_new();
	const char *text;
	size_t len = 0;
	int fd = -1, ret = -1;

	jo_open(o, NULL);
	cp_meta_json(o, m, true, prev);
	jo_close(o);
	text = jo_text(o, &len);
	if (text == NULL)
		errno = ENOMEM;
	else
		fd = openat(dir, META,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd != -1 && write_all(fd, text, len) == 0)
		ret = fsync(fd);
	if (ret == -1)
		say("%s: %s", META, strerror(errno));
	if (fd != -1)
		close(fd);
	jo_free(o);
	return ret;
}

/* The bytes of a member, from its hex where it has that. NULL: none. */
static char *
get_text(const struct jval *v, const char *key)
{
	char name[32], *out;
	const char *s, *hex;
	unsigned byte;
	size_t i, n;

	s = jv_str(v, key);
	snprintf(name, sizeof(name), "%s_hex", key);
	hex = jv_str(v, name);
	if (hex == NULL)
		return s == NULL ? NULL : xstrdup(s);
	n = strlen(hex) / 2;
	out = xcalloc(n + 1, 1);
	for (i = 0; i < n; i++) {
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1 || byte == 0) {
			free(out);
			return NULL;
		}
		out[i] = (char)byte;
	}
	return out;
}

/* Parts of names, none of them a way up. */
static bool
path_is_ok(const char *p)
{
	size_t n;

	if (strlen(p) >= PATH_MAX)
		return false;
	for (;; p += n + 1) {
		n = strcspn(p, "/");
		if (n == 0 || n > NAME_MAX || (n == 1 && p[0] == '.') ||
		    (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		if (p[n] == '\0')
			return true;
	}
}

static bool
hash_is_ok(const char *s)
{
	return s != NULL && strlen(s) == CP_HASH_LEN &&
	    strspn(s, "0123456789abcdef") == CP_HASH_LEN;
}

static int
read_entry(struct cp_tree *t, const struct jval *v)
{
	const char *type = jv_str(v, "type"), *mode = jv_str(v, "mode"),
		   *mtime = jv_str(v, "mtime"), *hash = jv_str(v, "hash");
	char *path = get_text(v, "path");
	struct cp_entry *e = NULL;
	long long sec;
	size_t i;

	if (path != NULL && path_is_ok(path))
		e = cp_tree_add(t, path);
	free(path);
	if (e == NULL || type == NULL || mode == NULL || mtime == NULL)
		return -1;
	for (i = 0; i < CP_TYPE_MAX && strcmp(type, type_names[i]) != 0; i++)
		continue;
	e->type = (enum cp_type)i;
	if (i == CP_TYPE_MAX || sscanf(mode, "%4o", &e->mode) != 1 ||
	    sscanf(mtime, "%lld.%9u", &sec, &e->mtime_nsec) != 2 ||
	    e->mtime_nsec > 999999999)
		return -1;
	e->mtime_sec = sec;
	if (e->type == CP_FILE &&
	    (!hash_is_ok(hash) || jv_u64(v, "size", &e->size) == -1))
		return -1;
	if (e->type == CP_FILE)
		memcpy(e->hash, hash, sizeof(e->hash));
	if (e->type == CP_LINK)
		e->target = get_text(v, "target");
	if (jv_str(v, "xattrs") != NULL)
		e->xattrs = xstrdup(jv_str(v, "xattrs"));
	t->bytes += e->size;
	return e->type == CP_LINK && e->target == NULL ? -1 : 0;
}

/* What comes of a text that is whole JSON. */
static int
read_meta(const struct jval *root, const char *id, struct cp_meta *m)
{
	const char *session = jv_str(root, "session_id"),
		   *created = jv_str(root, "created_at"),
		   *hash = jv_str(root, "workspace_hash"),
		   *own = jv_str(root, "id");
	const struct jval *v = jv_at(root, "files");
	char now[CP_HASH_LEN + 1];
	uint64_t sec;

	if (session == NULL || created == NULL || !hash_is_ok(hash) ||
	    own == NULL || strcmp(own, id) != 0 || v == NULL ||
	    v->type != J_ARRAY || jv_u64(root, "created", &sec) == -1 ||
	    !cp_id_is_valid(session))
		return -1;
	snprintf(m->id, sizeof(m->id), "%s", id);
	snprintf(m->session, sizeof(m->session), "%s", session);
	snprintf(m->created, sizeof(m->created), "%s", created);
	memcpy(m->hash, hash, sizeof(m->hash));
	m->created_sec = (int64_t)sec;
	m->reason = get_text(root, "reason");
	m->workspace = get_text(root, "workspace");
	if (m->reason == NULL || m->workspace == NULL)
		return -1;
	for (v = v->child; v != NULL; v = v->next) {
		if (read_entry(&m->tree, v) == -1)
			return -1;
	}
	cp_tree_sort(&m->tree);
	cp_tree_hash(&m->tree, now);
	return strcmp(now, m->hash) == 0 ? 0 : -1;
}

int
cp_meta_read(int dir, const char *id, struct cp_meta *m)
{
	const char *err = "not what a checkpoint says of itself";
	struct json *j = NULL;
	struct stat st;
	char *text = NULL;
	size_t len = 0;
	ssize_t n = -1;
	int fd, ret = -1;

	memset(m, 0, sizeof(*m));
	fd = openat(dir, META, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd != -1 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size <= CP_MAX_META) {
		text = xcalloc(1, (size_t)st.st_size + 1);
		while (len < (size_t)st.st_size &&
		    (n = read(fd, text + len, (size_t)st.st_size - len)) > 0)
			len += (size_t)n;
		j = json_parse(text, len, &err);
	} else if (fd == -1) {
		err = strerror(errno);
	}
	if (j != NULL) {
		err = "not what a checkpoint says of itself";
		ret = read_meta(j->root, id, m);
		json_free(j);
	}
	if (fd != -1)
		close(fd);
	free(text);
	if (ret == -1) {
		say("checkpoint %s: %s: %s", id, META, err);
		cp_meta_free(m);
	}
	return ret;
}
