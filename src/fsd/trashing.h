/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Soft deletes.
 */
#ifndef FSD_TRASHING_H
#define FSD_TRASHING_H

#include "decide.h"
#include "trash.h"

struct handle;

/* What is known of the trash, and does not change once there are threads. */
struct trash_own {
	struct trash t;
	uint64_t quota; /* bytes */
	uint64_t files; /* that there may be in it */
	uint64_t ttl_s; /* 0: they stay */
	uint64_t hash_under;
	char workspace[AGENTSH_PATH_MAX + 1]; /* on the host */
};

/* One delete, from trash_begin() to trash_finish(). */
struct trashing {
	char token[TRASH_TOKEN + 1]; /* "" until its manifest is there */
	bool begun;
	bool copied;
	int fd;	     /* O_PATH of the object */
	int data_fd; /* of what of it can be read, or -1 */
	int copy_fd; /* of a copy of a file, or -1 */
	uint64_t bytes;
	struct statx stx;
	/* of what is taken: its directory, and the path that was decided */
	const struct node *parent;
	const char *path;
};

/* trash.c: where it is, and who does not get to it */
int trash_on_fs_trash(struct chan *, struct imsg *);
/* Its directory, for the sandbox; -1. */
int trash_dir(void);
/* Before the sandbox. */
void trash_start(void);
/* Can it be used? */
bool trash_is_there(void);
const struct trash_own *trash_ours(void);
/* Is every delete of the workspace a soft one? */
bool trash_takes_all(void);
/* Is that where an agent must not make what looks like a trash? */
bool trash_guards(enum file_op, const char *path);
/* Is that the trash? Is it the trash, or a directory above? */
bool trash_is_it(const struct statx *);
bool trash_is_beneath(const struct statx *);

/* trash_room.c: its lock and its quota */
/* When there are threads: what is too old goes. */
void trash_expire(void);
/* Its lock, against threads here and other processes. 0; -1: not now, or there is
 * no trash. Nobody takes it who has it. */
int trash_claim(void);
void trash_unclaim(void);
/* Takes a share of the quota; the oldest go where they have expired. -1 with
 * errno, EDQUOT: it is full. */
int trash_reserve(uint64_t bytes, uint64_t files);
/* What was not needed, of one object. When that fails, the next count finds it. */
void trash_give_back(uint64_t bytes);

/* trash_take.c: soft deletes */
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
/* Its event. */
void trash_record(fuse_req_t, const struct trashing *, const struct ruling *);

/* trash_loose.c: what can be written to in the trash */
void trash_loose_add(const struct trashing *);
/* Is it one more such file, and are there as many already as there may be in a
 * trash of so many entries? */
bool trash_loose_full(const struct trash *, const struct trashing *,
    uint64_t entries);
/* After a handle was written by: what its file has grown by counts. */
void trash_settle(const struct handle *);

/* trash_end.c: what this session put there, where it goes with it */
void trash_end_init(void);
void trash_end_add(const char *token);
/* When nobody is in the session any more; once. */
void trash_end_session(void);

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
