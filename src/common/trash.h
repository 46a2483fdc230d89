/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trash of one user, as it lies on disk: payload/TOKEN is an object,
 * manifest/TOKEN.json says what it was, and the manifest's time of modification
 * is when it was deleted. fsd puts things there, agentsh trash takes them out;
 * both count under one lock. log tells what was taken out. Names are of one part
 * and never follow a link.
 */
#ifndef TRASH_H
#define TRASH_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRASH_TOKEN 32 /* hexadecimal digits: 128 random bits */
#define TRASH_NAME (TRASH_TOKEN + sizeof(".json"))
#define TRASH_HASH 64	    /* hexadecimal digits of SHA-256 */
#define TRASH_ENTRY 4096    /* bytes that a manifest costs, or a part of it */
#define TRASH_XATTR_MAX 256 /* attributes of an object that are kept */

struct trash {
	int dir;     /* directories: all of it, */
	int payload; /* and what is in it */
	int manifest;
	int sum; /* the file that is locked and holds the sum */
};

/* What the entries of a trash are together. */
struct trash_sum {
	uint64_t bytes;
	uint64_t files;
	int64_t oldest; /* nothing is older, seconds since 1970 */
};

struct trash_entry {
	char token[TRASH_TOKEN + 1];
	int64_t deleted; /* seconds since 1970 */
	uint64_t bytes;	 /* with TRASH_ENTRY */
	bool whole;	 /* the payload is there */
	bool changed;	 /* the payload, after the manifest */
};

/* Opens, and with make makes, what is in the directory, which stays the
 * caller's. 0, or -1 with errno. */
int trash_open(struct trash *, int dir_fd, bool make);
void trash_close(struct trash *);
bool trash_token_ok(const char *);
int trash_token_new(char token[TRASH_TOKEN + 1]);
void trash_manifest_name(char name[TRASH_NAME], const char *token);

/* Against other processes; threads of one have a lock of their own around it.
 * -1 with EAGAIN when somebody holds it for longer. */
int trash_lock(const struct trash *, unsigned wait_ms);
void trash_unlock(const struct trash *);
/* All with the lock. get: -1 when the sum was lost; trash_count finds it. */
int trash_sum_get(const struct trash *, struct trash_sum *);
int trash_sum_put(const struct trash *, const struct trash_sum *);
/* Calls fn for each entry until it is not 0. 0, or -1 with errno, or fn's. */
int trash_each(const struct trash *,
    int (*fn)(void *arg, const struct trash_entry *), void *arg);
/* Counts anew; ends what is from before that time, and halves that a crash
 * left. gone: what was ended; may be NULL. */
int trash_count(const struct trash *, int64_t before, struct trash_sum *,
    struct trash_sum *gone);
/* Ends one entry; one that is not there is no error. 0 or -1. */
int trash_end(const struct trash *, const char *token);

/* The manifest is as new as what the payload is by now. */
int trash_seal(const struct trash *, const char *token);

/* trash_fit.c: ends what was changed after it was deleted, the largest first,
 * until the sum, which was counted just now, fits. With the lock. gone: adds
 * what was ended. 0 or -1. */
int trash_fit(const struct trash *, uint64_t quota, struct trash_sum *,
    struct trash_sum *gone);

/* trash_log.c: a line of the log. */
struct trash_act {
	const char *what; /* a word */
	uint64_t files;
	uint64_t bytes;
	const char *session; /* these may be NULL */
	const char *token;
	const char *path;
};

/* With the lock. 0, or -1 with errno. */
int trash_log_add(const struct trash *, const struct trash_act *);
/* The log, or the one before it, to be read. -1: there is none. */
int trash_log_open(const struct trash *, bool old);

/* What an object takes on disk, for the quota, with its manifest where that is
 * there. */
uint64_t trash_bytes(const struct trash *, const char *token,
    const struct statx *);
/* What a manifest calls a kind of file, by its mode. */
const char *trash_type(mode_t mode);

/* trash_copy.c */
/*
 * A copy of an object at to_dir/name, which must not be there: data with its
 * holes, mode without set-id bits, times, user attributes. path_fd: O_PATH;
 * data_fd: the same opened for reading, of a file or a directory, else -1. An
 * empty directory is made; no device is. most: bytes of data, whatever is
 * written to the file meanwhile; more is EFBIG. 0 with *copy_fd of a file (else
 * -1), synced; or -1 with errno, and nothing there.
 */
int trash_copy(int path_fd, int data_fd, const struct statx *, uint64_t most,
    int to_dir, const char *name, int *copy_fd);
/* The same of a file, into one that is new and empty. 0, or -1 with errno. */
int trash_copy_into(int fd, int data_fd, const struct statx *, uint64_t most);
/* Copies the data once more into a copy that has some. 0 or -1. */
int trash_copy_data(int from, int to, uint64_t size, uint64_t most);
/* SHA-256 of all that the descriptor reads, which is not more than max: else -1
 * with EFBIG. 0, or -1 with errno. */
int trash_hash(int fd, uint64_t max, char hex[TRASH_HASH + 1]);

#endif
