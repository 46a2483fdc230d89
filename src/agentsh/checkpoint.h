/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints of a workspace: what agentsh checkpoint keeps, and how it puts it
 * back. The workspace is what sessions have written: nothing in it is followed,
 * names are opened one by one beneath a directory that is held. The storage is
 * the user's own, and what is read from it is checked all the same.
 *
 * STORAGE/SESSION/ID/metadata.json, and STORAGE/SESSION/ID/files/HASH: the bytes
 * of each different file, by their SHA-256.
 */
#ifndef CHECKPOINT_H
#define CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "../common/agentsh.h"

#define CP_MAX_ENTRIES 100000 /* of a checkpoint */
#define CP_MAX_DEPTH 128
#define CP_MAX_CHECKPOINTS 100	   /* of a session */
#define CP_MAX_BYTES 1073741824ULL /* of a checkpoint, unless said */
#define CP_MAX_META 268435456	   /* bytes of metadata.json */
#define CP_MAX_XATTRS 65536	   /* bytes of the attributes of a file */
#define CP_HASH_LEN 64

enum cp_type {
	CP_FILE,
	CP_DIR,
	CP_LINK,
	CP_SPECIAL, /* listed only */
	CP_TYPE_MAX
};

struct cp_entry {
	char *path; /* beneath the workspace, without a slash at either end */
	enum cp_type type;
	uint32_t mode; /* 07777 */
	uint64_t size;
	int64_t mtime_sec;
	uint32_t mtime_nsec;
	char hash[CP_HASH_LEN + 1]; /* of files */
	char *target;		    /* of links */
	char *xattrs; /* user.*: hex=hex, with commas between; or NULL */
};

struct cp_tree {
	struct cp_entry *v; /* by path, in the order of bytes */
	size_t n;
	size_t cap;
	uint64_t bytes; /* of all files */
};

struct cp_meta {
	char id[AGENTSH_ID_MAX + 1];
	char session[AGENTSH_ID_MAX + 1];
	char created[32]; /* RFC 3339 */
	int64_t created_sec;
	char *reason;
	char *workspace;
	char hash[CP_HASH_LEN + 1]; /* of all that the tree says */
	struct cp_tree tree;
};

/* All functions: 0 or more, or -1 after a message. */

/* checkpoint_tree.c */
struct cp_entry *cp_tree_add(struct cp_tree *, const char *path);
void cp_tree_sort(struct cp_tree *);
void cp_tree_free(struct cp_tree *);
void cp_tree_hash(const struct cp_tree *, char hash[CP_HASH_LEN + 1]);
void cp_meta_free(struct cp_meta *);
/* One difference: old or new is NULL where there is none. */
struct cp_change {
	const struct cp_entry *old;
	const struct cp_entry *new;
};
bool cp_same(const struct cp_entry *, const struct cp_entry *);
/* Calls fn for each difference, in order, until it returns not 0. */
int cp_diff(const struct cp_tree *old, const struct cp_tree *new,
    int (*fn)(void *arg, const struct cp_change *), void *arg);

/* checkpoint_scan.c: what is in a directory. files is where bytes are kept, or
 * -1; other the same of an earlier checkpoint, or -1. */
int cp_scan(int root, int files, int other, uint64_t max_bytes,
    struct cp_tree *);

/* checkpoint_file.c */
/* Hashes what fd has, and keeps it where files is not -1. */
int cp_keep(int fd, int files, int other, uint64_t max,
    char hash[CP_HASH_LEN + 1], uint64_t *size);
/* The bytes of an entry as a new file that nobody else can open yet. */
int cp_fetch(int files, const struct cp_entry *, int to);
/* NULL: there are none, or, with *ok false, they cannot be read. */
char *cp_xattrs_get(int fd, bool *ok);
/* NULL: none. -1 with errno, EINVAL: it is no text of these. */
int cp_xattrs_set(int fd, const char *);

/* checkpoint_meta.c */
int cp_meta_write(int dir, const struct cp_meta *, const struct cp_tree *prev);
int cp_meta_read(int dir, const char *id, struct cp_meta *);
/* Members of the object that is open; files too, if all. */
struct jsonout;
void cp_meta_json(struct jsonout *, const struct cp_meta *, bool all,
    const struct cp_tree *prev);
void cp_text_json(struct jsonout *, const char *key, const char *text);

/* checkpoint_store.c */
/* The directory of a session, locked; made where make. */
int cp_session_open(const char *storage, const char *session, int root,
    bool make);
int cp_open(int session, const char *id, int *files);
/* Ids, oldest first; the caller frees them with cp_ids_free. */
struct cp_ids {
	char **v;
	size_t n;
};
int cp_ids(int session, struct cp_ids *);
void cp_ids_free(struct cp_ids *);
bool cp_id_is_valid(const char *);
/* Makes ID as a hidden directory, with its files; then shows it. */
int cp_begin(int session, const char *id, int *files);
int cp_finish(int session, const char *id);
int cp_remove(int session, const char *id);

/* checkpoint_dirs.c: real paths; the caller frees them with cp_dirs_free. */
#define CP_MAX_DIRS 9 /* a workspace and its mounts */
struct cp_dirs {
	char *v[CP_MAX_DIRS];
	size_t n;
};
struct args;
int cp_dirs_find(const struct args *, struct cp_dirs *);
void cp_dirs_free(struct cp_dirs *);

/* checkpoint_place.c: -1 with errno, and no message. files: where bytes are
 * kept. What has that name in the directory goes, unless it is a directory. */
/* A new file as the entry says, which has no name yet, on the file system of
 * that directory: its descriptor. EOPNOTSUPP and other words where the file
 * system has no such files. */
int cp_make_file(int files, const struct cp_entry *, int dir);
int cp_name_file(int fd, int files, int dir, const char *name);
/* Both in one, for such a file system: it can be seen before it is whole. */
int cp_put_file(int files, const struct cp_entry *, int dir, const char *name);
int cp_put_link(int files, const struct cp_entry *, int dir, const char *name);
/* As utimensat(2) wants them. */
void cp_times(const struct cp_entry *, struct timespec[2]);

/* checkpoint_restore.c */
struct cp_done {
	size_t restored;
	size_t removed;
	size_t failed;
};
int cp_rollback(int root, int files, const struct cp_meta *,
    const struct cp_tree *now, struct cp_done *);

#endif
