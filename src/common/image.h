/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compiled policy: one flat image in a sealed memfd, mapped read-only,
 * verified once (every offset), then evaluated in place without allocation or
 * system call, by any number of threads.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include "agentsh.h"

struct image {
	const uint8_t *base;
	size_t size;
};

struct verdict {
	enum decision decision; /* DENY unless a rule said otherwise */
	uint32_t rule; /* number in its family; UINT32_MAX: none matched */
	const char *rule_name; /* never NULL; in the image or static */
	const char *message;   /* of the rule, "" for none */
};

/* Maps and verifies. Does not take fd. 0, or -1 with e filled: not sealed, not
 * ours, another version, an offset out of bounds. */
int image_map(struct image *, int fd, struct aerr *e);
void image_unmap(struct image *);
/* The check that image_map makes, of bytes at an address aligned to 8 that
 * nobody changes. 0 or -1. */
int image_verify(const struct image *);
/* The policy's own name. */
const char *image_name(const struct image *);
/* Has it a rule for files that wants each use written down? */
bool image_audits_files(const struct image *);

/*
 * path is absolute and clean (path.h), as the session sees it. The verdict is
 * preset to DENY; -1 only for a malformed argument, with the preset left.
 */
int image_eval_file(const struct image *, enum file_op, const char *path,
    size_t len, struct verdict *);
/* command as the client gave it: a name or a path. */
int image_eval_command(const struct image *, const char *command,
    uint32_t depth, struct verdict *);

#endif
