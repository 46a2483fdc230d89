/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Soft deletes.
 */
#ifndef FSD_TRASHING_H
#define FSD_TRASHING_H

#include "decide.h"

struct handle;
struct trash;

/* trash.c: soft deletes */
struct trashing {
	char token[33]; /* "" until its manifest is there */
	bool begun;
	bool copied;
	int fd;	     /* O_PATH of the object */
	int data_fd; /* of what of it can be read, or -1 */
	int copy_fd; /* of a copy of a file, or -1 */
	uint64_t bytes;
	struct statx stx;
};

int trash_on_fs_trash(struct chan *, struct imsg *);
/* Its directory, for the sandbox; -1. */
int trash_dir(void);
/* Before the sandbox; what is too old goes when there are threads. */
void trash_start(void);
void trash_expire(void);
bool trash_is_there(void);
/* Is every delete of the workspace a soft one? */
bool trash_takes_all(void);
/* Is that where an agent must not make what looks like a trash? */
bool trash_guards(enum file_op, const char *path);
/* Is that the trash? Is it the trash, or a directory above? */
bool trash_is_it(const struct statx *);
bool trash_is_beneath(const struct statx *);
/*
 * The steps of one delete. r is the ruling that it is soft. Each step is 0 or
 * an error for the caller: EACCES when r has become a denial that is to be
 * recorded. trash_finish() ends it whatever came before, once.
 */
int trash_begin(fuse_req_t, struct trashing *, int pfd, const char *text,
    struct ruling *r);
/* Moves the object: the name is gone. */
int trash_take(struct trashing *, int pfd, const char *text, struct ruling *r);
/* The object is in the trash too, and its name is about to be replaced. */
int trash_keep(struct trashing *, struct ruling *r);
void trash_finish(struct trashing *, bool done);
/* The trash under its lock, and its quota; -1: not now. */
int trash_claim(const struct trash **, uint64_t *quota);
void trash_unclaim(void);

/* trash_loose.c: what can be written to in the trash */
void trash_loose_add(const struct trashing *);
/* After a handle was written by: what its file has grown by counts. */
void trash_settle(const struct handle *);

/* trash_end.c: what this session put there, where it goes with it */
void trash_end_init(void);
void trash_end_add(const char *token);
/* When nobody is in the session any more; once. */
void trash_end_session(void);

void trash_record(fuse_req_t, const struct trashing *, const struct ruling *);

/* trash_note.c */
struct trash_note {
	const char *workspace; /* on the host */
	const char *path;      /* as the session sees it */
	const struct statx *stx;
	int data_fd;
	struct actor actor;
	char hash[65]; /* or "" */
};

/* Writes and syncs; -1 with EEXIST when the token is taken. */
int trash_note_write(int dir_fd, const char *token, const struct trash_note *);

#endif
