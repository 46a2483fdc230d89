/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trust store: a directory with the public keys whose signatures count,
 * and what was revoked. It is read anew for each question, so that a key that
 * is taken away counts no more from then on. One file in it that is not as it
 * has to be makes the whole store useless, and says which.
 */
#ifndef POLSTORE_H
#define POLSTORE_H

#include <sys/types.h>

#include "polsig.h"

#define POLSTORE_MAX_FILES 256
#define POLSTORE_REVOKED "revoked.json"
#define POLSTORE_PRIVATE "private.key.json" /* is passed over */

struct polstore {
	int fd;		  /* the directory; the caller's */
	const char *path; /* for errors */
	uid_t owner;	  /* of the directory and of every file */
	bool or_root;	  /* or root is */
};

/* What was found out about one policy. */
struct polreport {
	enum polsig_status status;
	struct polsig sig;		 /* empty where none could be read */
	char label[POLSIG_TEXT_MAX + 1]; /* of the key, as the store says */
	char digest[POLSIG_ID_LEN + 1];	 /* SHA-256 of the policy */
	char why[AGENTSH_TEXT_MAX];	 /* file and reason; "" when good */
};

/*
 * Is the text of this policy signed, in SIGFILE beneath sigdir, by a key of
 * the store? The text is what the caller compiles: nothing is read twice. now
 * is in seconds of the epoch. Returns the report's status.
 */
enum polsig_status polstore_check(const struct polstore *, int sigdir,
    const char *sigfile, const char *name, const void *text, size_t len,
    int64_t now, struct polreport *);

/*
 * Reads a regular file of at most max bytes, following no link, into buf of
 * max + 1 bytes: 0; -1 with the reason in err. *errnum is ENOENT when there
 * is none. st, where wanted, is of the file that was read.
 */
struct stat;
int polstore_read(int dir, const char *file, void *buf, size_t max, size_t *len,
    struct stat *st, int *errnum, char *err, size_t errlen);
/* NULL, or what is wrong with owner or mode. */
const char *polstore_mode_error(const struct polstore *, const struct stat *);

#endif
