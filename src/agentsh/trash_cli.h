/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands of the trash share.
 */
#ifndef TRASH_CLI_H
#define TRASH_CLI_H

#include "../common/trash.h"

#define TRASH_WAIT_MS 10000 /* for its lock */

struct args;
struct trashes {
	struct trash t[2];
	size_t n;
};

/* 0, also when there is none; -1 after a message. */
int trashes_open(const struct args *, struct trashes *);
void trashes_close(struct trashes *);

/* What a manifest says. Paths are clean, and path is beneath workspace. */
struct tnote {
	char *path;
	char *workspace;
	char *session;
	char *command;
	char *type;
	char *hash; /* "" for none */
	uint64_t size;
};

/* -1 when there is none, or it is not one. */
int tnote_read(const struct trash *, const char *token, struct tnote *);
void tnote_free(struct tnote *);

struct collected {
	struct trash_entry *entry; /* the oldest first; to be freed */
	size_t n;
	size_t cap;
};

/* trash_show.c: the log, the oldest first; of one session with
 * --session. o: as JSON, else NULL. Adds how many were shown. 0, or -1 after a
 * message. */
struct jsonout;
int trash_log_list(const struct args *, const struct trash *, struct jsonout *o,
    size_t *shown);

int trash_collect(const struct trash *, struct collected *);

#endif
